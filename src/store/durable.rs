//! The object store through which the Delta library reads logs and writes
//! checkpoints: the local file system, with every write synced.

use std::fmt;
use std::path::PathBuf;

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::files;

/// The local file system with durable writes, rooted at `/`.
#[derive(Debug)]
pub(super) struct DurableFileSystem {
    inner: LocalFileSystem,
}

impl DurableFileSystem {
    /// The whole local file system.
    pub(super) fn new() -> Self {
        Self { inner: LocalFileSystem::new() }
    }

    /// Writes `bytes` at `path`, synced.
    fn write(mode: &PutMode, path: &std::path::Path, bytes: &[u8]) -> Result<()> {
        let failed = |source: std::io::Error| Error::Generic {
            store: "durable file system",
            source: Box::new(source),
        };
        match mode {
            PutMode::Overwrite => files::replace(path, bytes).map_err(failed),
            PutMode::Create => match files::create(path, bytes).map_err(failed)? {
                true => Ok(()),
                false => Err(Error::AlreadyExists {
                    path: path.display().to_string(),
                    source: "the file exists".into(),
                }),
            },
            PutMode::Update(_) => Err(not_offered("a conditional update")),
        }
    }
}

impl fmt::Display for DurableFileSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the local file system with synced writes")
    }
}

#[async_trait]
impl ObjectStore for DurableFileSystem {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let path: PathBuf = self.inner.path_to_filesystem(location)?;
        let bytes = bytes::Bytes::from(payload);
        let written =
            tokio::task::spawn_blocking(move || Self::write(&options.mode, &path, &bytes));
        written.await.map_err(|source| Error::JoinError { source })??;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn put_multipart_opts(
        &self,
        _location: &Path,
        _options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(not_offered("an upload in parts"))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _from: &Path, _to: &Path, _options: CopyOptions) -> Result<()> {
        Err(not_offered("a copy"))
    }
}

/// The error for what the store does not do because it would not be durable.
fn not_offered(operation: &str) -> Error {
    Error::NotSupported { source: format!("{operation} is not offered").into() }
}
