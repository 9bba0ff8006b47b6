//! The files that queries read: data files of databases in a bucket, by their
//! keys there.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Location;
use object_store::{
    CopyOptions, Error as StoreError, GetOptions, GetRange, GetResult, GetResultPayload,
    ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions,
    PutPayload, PutResult, Result as StoreResult,
};

use super::Bucket;
use crate::error::Error;

/// How the names of data files end.
const DATA: &str = ".parquet";

/// The data files of databases in one bucket, to be read and nothing else. Of
/// those that are not here, only what is read is fetched.
#[derive(Debug)]
pub(crate) struct Files {
    databases: Vec<Arc<Bucket>>,
    copies: LocalFileSystem,
    /// The error for an object that is none of those files, by its address.
    refused: fn(&str) -> StoreError,
}

impl Files {
    /// The data files of `databases`, which are all in one bucket; whatever else
    /// is asked for is `refused`.
    pub(crate) fn new(databases: Vec<Arc<Bucket>>, refused: fn(&str) -> StoreError) -> Self {
        Self { databases, copies: LocalFileSystem::new(), refused }
    }

    /// The database of the data file at `location`, and the name of the file.
    fn data_file(&self, location: &Location) -> StoreResult<(&Arc<Bucket>, String)> {
        let is_data = |name: &str| {
            let file = name.split_once('/').filter(|(table, _)| !table.is_empty());
            file.is_some_and(|(_, file)| file.ends_with(DATA) && !file.contains('/'))
        };
        let mut named = self.databases.iter().filter_map(|bucket| {
            let name = bucket.name_of_key(location).filter(|name| is_data(name))?;
            Some((bucket, name))
        });
        named.next().ok_or_else(|| (self.refused)(&self.address(location)))
    }

    fn address(&self, location: &Location) -> String {
        let bucket = self.databases.first().map(|bucket| bucket.address.of_bucket());
        format!("{}/{location}", bucket.unwrap_or_default())
    }

    fn read_only<T>(&self, location: &Location) -> StoreResult<T> {
        Err((self.refused)(&self.address(location)))
    }
}

/// The size of a data file, as the bucket has it.
async fn size(bucket: &Arc<Bucket>, name: &str) -> StoreResult<u64> {
    let (bucket, name) = (Arc::clone(bucket), name.to_owned());
    let size = tokio::task::spawn_blocking(move || bucket.size(&name));
    size.await.map_err(|source| StoreError::JoinError { source })?.map_err(foreign)
}

/// Where the copy of a data file lies, if there is one.
fn copy(bucket: &Bucket, name: &str) -> StoreResult<Location> {
    Ok(Location::from_absolute_path(bucket.copy(name))?)
}

fn foreign(error: Error) -> StoreError {
    StoreError::Generic { store: "bucket", source: Box::new(error) }
}

impl fmt::Display for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the data files in a bucket")
    }
}

#[async_trait]
impl ObjectStore for Files {
    async fn get_opts(&self, location: &Location, options: GetOptions) -> StoreResult<GetResult> {
        let (bucket, name) = self.data_file(location)?;
        match self.copies.get_opts(&copy(bucket, &name)?, options.clone()).await {
            Ok(mut here) => {
                here.meta.location = location.clone();
                return Ok(here);
            }
            Err(StoreError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        // Readers of data files know their sizes from the log and ask for ranges
        // within; the bucket is asked only for whoever does not.
        let (range, size) = match &options.range {
            Some(GetRange::Bounded(range)) if !options.head => (range.clone(), range.end),
            asked => {
                let size = size(bucket, &name).await?;
                let range = asked.as_ref().map_or(Ok(0..size), |range| range.as_range(size));
                (range.map_err(|error| foreign(Error::internal(error.to_string())))?, size)
            }
        };
        let bytes = if options.head || range.is_empty() {
            Vec::new()
        } else {
            bucket.ranges(&name, std::slice::from_ref(&range)).await.map_err(foreign)?
        };
        let meta = ObjectMeta {
            location: location.clone(),
            last_modified: chrono::DateTime::UNIX_EPOCH,
            size,
            e_tag: None,
            version: None,
        };
        let payload = GetResultPayload::Stream(stream::iter(bytes.into_iter().map(Ok)).boxed());
        Ok(GetResult { payload, meta, range, attributes: Default::default() })
    }

    /// From the copy of a file if that is here, else from pieces.
    async fn get_ranges(
        &self,
        location: &Location,
        ranges: &[Range<u64>],
    ) -> StoreResult<Vec<Bytes>> {
        let (bucket, name) = self.data_file(location)?;
        match self.copies.get_ranges(&copy(bucket, &name)?, ranges).await {
            Err(StoreError::NotFound { .. }) => bucket.ranges(&name, ranges).await.map_err(foreign),
            other => other,
        }
    }

    fn list(&self, prefix: Option<&Location>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        let refused = self.read_only(prefix.unwrap_or(&Location::default()));
        stream::once(async { refused }).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Location>) -> StoreResult<ListResult> {
        self.read_only(prefix.unwrap_or(&Location::default()))
    }

    async fn put_opts(
        &self,
        location: &Location,
        _payload: PutPayload,
        _options: PutOptions,
    ) -> StoreResult<PutResult> {
        self.read_only(location)
    }

    async fn put_multipart_opts(
        &self,
        location: &Location,
        _options: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        self.read_only(location)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, StoreResult<Location>>,
    ) -> BoxStream<'static, StoreResult<Location>> {
        let refused = self.refused;
        locations.map(move |location| Err(refused(location?.as_ref()))).boxed()
    }

    async fn copy_opts(
        &self,
        _from: &Location,
        to: &Location,
        _options: CopyOptions,
    ) -> StoreResult<()> {
        self.read_only(to)
    }
}
