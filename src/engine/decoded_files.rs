//! Files in the encodings of Chinese Windows, read as if they were UTF-8.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use object_store::path::Path as Location;
use object_store::{
    CopyOptions, Error as StoreError, GetOptions, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result as StoreResult,
};

use crate::ingest::Decoded;

/// Bytes that are decoded at once.
const CHUNK: usize = 256 << 10;

/// The files of another store, each decoded as a whole while it is read.
#[derive(Debug)]
pub(super) struct DecodedFiles(pub(super) Arc<dyn ObjectStore>);

impl fmt::Display for DecodedFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, decoded", self.0)
    }
}

/// What `reader` gives, read on threads that may wait.
fn decoded(reader: impl Read + Send + 'static) -> impl Stream<Item = StoreResult<Bytes>> {
    stream::try_unfold(Decoded::new(reader), |mut reader| async {
        let read = tokio::task::spawn_blocking(move || {
            let mut chunk = Vec::new();
            reader.by_ref().take(CHUNK as u64).read_to_end(&mut chunk)?;
            Ok::<_, io::Error>((chunk, reader))
        });
        let (chunk, reader) = read
            .await
            .map_err(|source| StoreError::JoinError { source })?
            .map_err(|error| failed(error.into()))?;
        Ok((!chunk.is_empty()).then(|| (chunk.into(), reader)))
    })
}

fn failed(source: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    StoreError::Generic { store: "decoded files", source }
}

fn unsupported<T>(operation: &str) -> StoreResult<T> {
    Err(StoreError::NotImplemented {
        operation: operation.to_owned(),
        implementer: "files that are decoded".to_owned(),
    })
}

#[async_trait]
impl ObjectStore for DecodedFiles {
    async fn get_opts(&self, location: &Location, options: GetOptions) -> StoreResult<GetResult> {
        if options.range.is_some() {
            // Where a part lies is not known before all up to it is decoded.
            return unsupported("read a part of");
        }
        let head = options.head;
        let mut file = self.0.get_opts(location, options).await?;
        if head {
            return Ok(file);
        }
        file.payload = GetResultPayload::Stream(match file.payload {
            GetResultPayload::File(file, _) => decoded(file).boxed(),
            GetResultPayload::Stream(_) => return unsupported("decode a stream of"),
        });
        Ok(file)
    }

    fn list(&self, prefix: Option<&Location>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        self.0.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Location>) -> StoreResult<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn put_opts(
        &self,
        _location: &Location,
        _payload: PutPayload,
        _options: PutOptions,
    ) -> StoreResult<PutResult> {
        unsupported("write")
    }

    async fn put_multipart_opts(
        &self,
        _location: &Location,
        _options: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        unsupported("write")
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, StoreResult<Location>>,
    ) -> BoxStream<'static, StoreResult<Location>> {
        locations.map(|_| unsupported("delete")).boxed()
    }

    async fn copy_opts(
        &self,
        _from: &Location,
        _to: &Location,
        _options: CopyOptions,
    ) -> StoreResult<()> {
        unsupported("copy")
    }
}
