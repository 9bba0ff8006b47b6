//! The files that queries read: data files of the database in a bucket, and all
//! else as it is on this machine.

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

/// Local files as `others` has them, but for the data files of a bucket: of
/// those that are not here, only what is read is fetched.
#[derive(Debug)]
pub(crate) struct Files {
    bucket: Arc<Bucket>,
    others: Arc<dyn ObjectStore>,
    paths: LocalFileSystem,
}

impl Files {
    /// The data files of `bucket`, and `others`.
    pub(crate) fn new(bucket: Arc<Bucket>, others: Arc<dyn ObjectStore>) -> Self {
        Self { bucket, others, paths: LocalFileSystem::new() }
    }

    /// The name of the data file at `location`, if it is one of the bucket's.
    fn data_file(&self, location: &Location) -> Option<String> {
        let path = self.paths.path_to_filesystem(location).ok()?;
        let name = self.bucket.name_of(&path)?;
        let (table, file) = name.split_once('/')?;
        let is_data = file.ends_with(DATA) && !file.contains('/') && !table.is_empty();
        is_data.then_some(name)
    }

    /// The size of a data file, as the bucket has it.
    async fn size(&self, name: String) -> StoreResult<u64> {
        let bucket = Arc::clone(&self.bucket);
        let size = tokio::task::spawn_blocking(move || bucket.size(&name));
        size.await.map_err(|source| StoreError::JoinError { source })?.map_err(foreign)
    }

    /// Ranges of a data file: from its copy if that is here, else from pieces.
    async fn ranges(
        &self,
        name: &str,
        location: &Location,
        ranges: &[Range<u64>],
    ) -> StoreResult<Vec<Bytes>> {
        match self.paths.get_ranges(location, ranges).await {
            Err(StoreError::NotFound { .. }) => {
                self.bucket.ranges(name, ranges).await.map_err(foreign)
            }
            other => other,
        }
    }
}

fn foreign(error: Error) -> StoreError {
    StoreError::Generic { store: "bucket", source: Box::new(error) }
}

impl fmt::Display for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the data files of {}", self.bucket)
    }
}

#[async_trait]
impl ObjectStore for Files {
    async fn get_opts(&self, location: &Location, options: GetOptions) -> StoreResult<GetResult> {
        let Some(name) = self.data_file(location) else {
            return self.others.get_opts(location, options).await;
        };
        let here = self.paths.get_opts(location, options.clone()).await;
        if !matches!(here, Err(StoreError::NotFound { .. })) {
            return here;
        }
        // Readers of data files know their sizes from the log and ask for ranges
        // within; the bucket is asked only for whoever does not.
        let (range, size) = match &options.range {
            Some(GetRange::Bounded(range)) if !options.head => (range.clone(), range.end),
            asked => {
                let size = self.size(name.clone()).await?;
                let range = asked.as_ref().map_or(Ok(0..size), |range| range.as_range(size));
                (range.map_err(|error| foreign(Error::internal(error.to_string())))?, size)
            }
        };
        let bytes = if options.head || range.is_empty() {
            Vec::new()
        } else {
            self.bucket.ranges(&name, std::slice::from_ref(&range)).await.map_err(foreign)?
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

    async fn get_ranges(
        &self,
        location: &Location,
        ranges: &[Range<u64>],
    ) -> StoreResult<Vec<Bytes>> {
        match self.data_file(location) {
            Some(name) => self.ranges(&name, location, ranges).await,
            None => self.others.get_ranges(location, ranges).await,
        }
    }

    fn list(&self, prefix: Option<&Location>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        self.others.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Location>) -> StoreResult<ListResult> {
        self.others.list_with_delimiter(prefix).await
    }

    async fn put_opts(
        &self,
        location: &Location,
        payload: PutPayload,
        options: PutOptions,
    ) -> StoreResult<PutResult> {
        self.others.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Location,
        options: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        self.others.put_multipart_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, StoreResult<Location>>,
    ) -> BoxStream<'static, StoreResult<Location>> {
        self.others.delete_stream(locations)
    }

    async fn copy_opts(
        &self,
        from: &Location,
        to: &Location,
        options: CopyOptions,
    ) -> StoreResult<()> {
        self.others.copy_opts(from, to, options).await
    }
}
