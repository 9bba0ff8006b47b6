//! Local files below some folders, data files in some buckets and nothing else,
//! through stores that every plan has to go through, whatever it says: what a
//! safe session reads, and what a worker reads.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreRegistry;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Location;
use object_store::{
    CopyOptions, Error as StoreError, GetOptions, GetResult, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result as StoreResult,
};
use url::Url;

use crate::catalog;

/// Who is fenced in, and how that is told.
pub(crate) trait Fenced: fmt::Debug + Send + Sync + 'static {
    /// The name of the store.
    const STORE: &'static str;

    /// Whether the files may be listed as well as read.
    const LISTS: bool;

    /// The error for what lies outside.
    fn refused(what: &str) -> StoreError;

    /// The error for a file inside that is not there.
    fn missing(path: &Path, error: io::Error) -> StoreError;

    /// The error for an operation that is more than reading.
    fn unsupported(operation: &str, location: &Location) -> StoreError;
}

/// The local files below some folders, to be read and not written.
#[derive(Debug)]
pub(crate) struct Fence<F> {
    files: LocalFileSystem,
    folders: Vec<PathBuf>,
    who: PhantomData<F>,
}

impl<F: Fenced> Fence<F> {
    /// Around what lies below `folders`, which are real paths.
    pub(crate) fn around(folders: Vec<PathBuf>) -> Arc<Self> {
        Arc::new(Self { files: LocalFileSystem::new(), folders, who: PhantomData })
    }

    /// Where the file at `location` really is. Links are followed first, and
    /// what is opened is where they led.
    fn inside(&self, location: &Location) -> StoreResult<Location> {
        let path = self.files.path_to_filesystem(location)?;
        match path.canonicalize() {
            Ok(real) if self.has(&real) => Ok(Location::from_absolute_path(real)?),
            // That a file is not there is said only of what may be read.
            Err(error) if self.has(&path) => Err(F::missing(&path, error)),
            _ => Err(F::refused(&path.display().to_string())),
        }
    }

    /// The folder at `prefix`, if it may be listed.
    fn listed(&self, prefix: Option<&Location>) -> StoreResult<Location> {
        let root = Location::default();
        let prefix = prefix.unwrap_or(&root);
        if F::LISTS { self.inside(prefix) } else { Err(F::unsupported("list", prefix)) }
    }

    fn has(&self, path: &Path) -> bool {
        self.folders.iter().any(|folder| path.starts_with(folder))
    }
}

impl<F: Fenced> fmt::Display for Fence<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(F::STORE)
    }
}

#[async_trait]
impl<F: Fenced> ObjectStore for Fence<F> {
    async fn get_opts(&self, location: &Location, options: GetOptions) -> StoreResult<GetResult> {
        self.files.get_opts(&self.inside(location)?, options).await
    }

    async fn get_ranges(
        &self,
        location: &Location,
        ranges: &[Range<u64>],
    ) -> StoreResult<Vec<Bytes>> {
        self.files.get_ranges(&self.inside(location)?, ranges).await
    }

    fn list(&self, prefix: Option<&Location>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        match self.listed(prefix) {
            Ok(real) => self.files.list(Some(&real)),
            Err(error) => futures::stream::once(async { Err(error) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Location>) -> StoreResult<ListResult> {
        let real = self.listed(prefix)?;
        self.files.list_with_delimiter(Some(&real)).await
    }

    async fn put_opts(
        &self,
        location: &Location,
        _payload: PutPayload,
        _options: PutOptions,
    ) -> StoreResult<PutResult> {
        Err(F::unsupported("write", location))
    }

    async fn put_multipart_opts(
        &self,
        location: &Location,
        _options: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        Err(F::unsupported("write", location))
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, StoreResult<Location>>,
    ) -> BoxStream<'static, StoreResult<Location>> {
        locations.map(|location| Err(F::unsupported("delete", &location?))).boxed()
    }

    async fn copy_opts(
        &self,
        _from: &Location,
        to: &Location,
        _options: CopyOptions,
    ) -> StoreResult<()> {
        Err(F::unsupported("copy", to))
    }
}

/// Gives plans the local files inside a [`Fence`], those of some buckets, and no
/// others.
#[derive(Debug)]
pub(crate) struct OnlyInside<F> {
    local: Arc<Fence<F>>,
    buckets: Vec<(Url, Arc<dyn ObjectStore>)>,
}

impl<F: Fenced> OnlyInside<F> {
    /// Those in `local`, and what the stores at the addresses of `buckets` give.
    pub(crate) fn of(
        local: Arc<Fence<F>>,
        buckets: impl IntoIterator<Item = (Url, Arc<dyn ObjectStore>)>,
    ) -> Self {
        Self { local, buckets: buckets.into_iter().collect() }
    }
}

impl<F: Fenced> ObjectStoreRegistry for OnlyInside<F> {
    /// Nothing can be added.
    fn register_store(
        &self,
        _url: &Url,
        _store: Arc<dyn ObjectStore>,
    ) -> Option<Arc<dyn ObjectStore>> {
        None
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>, DataFusionError> {
        if url.scheme() == "file" {
            return Ok(Arc::clone(&self.local) as _);
        }
        let is_it =
            |there: &Url| there.scheme() == url.scheme() && there.host_str() == url.host_str();
        let bucket = self.buckets.iter().find(|(there, _)| is_it(there));
        bucket.map(|(_, files)| Arc::clone(files)).ok_or_else(|| {
            DataFusionError::ObjectStore(Box::new(F::refused(url.as_str().trim_end_matches('/'))))
        })
    }
}

/// A session under `--safe`.
#[derive(Debug)]
pub(super) struct Safe;

impl Fenced for Safe {
    const STORE: &'static str = "the folders of a safe session";
    const LISTS: bool = true;

    fn refused(what: &str) -> StoreError {
        let source = catalog::refused(what).into();
        StoreError::PermissionDenied { path: what.to_owned(), source }
    }

    fn missing(path: &Path, error: io::Error) -> StoreError {
        StoreError::NotFound { path: path.display().to_string(), source: error.into() }
    }

    fn unsupported(_operation: &str, location: &Location) -> StoreError {
        Self::refused(location.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt;

    use super::*;

    /// A fence around `root`, beside which there is `other`.
    fn fence() -> (tempfile::TempDir, PathBuf, PathBuf, Arc<Fence<Safe>>) {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        let (root, other) = (real.join("root"), real.join("other"));
        for folder in [&root, &other] {
            std::fs::create_dir(folder).unwrap();
            std::fs::write(folder.join("file"), "text").unwrap();
        }
        let fence = Fence::around(vec![root.clone()]);
        (folder, root, other, fence)
    }

    #[tokio::test]
    async fn links_and_dots_lead_nowhere_else() {
        let (_folder, root, other, fence) = fence();
        std::os::unix::fs::symlink(&other, root.join("link")).unwrap();
        let read = async |path: PathBuf| match Location::from_absolute_path(path) {
            Ok(location) => fence.get(&location).await.is_ok(),
            Err(_) => false,
        };
        assert!(read(root.join("file")).await);
        for path in [other.join("file"), root.join("link/file"), root.join("../other/file")] {
            assert!(!read(path.clone()).await, "{}", path.display());
        }
        let list = async |path: &Path| {
            let prefix = Location::from_absolute_path(path).unwrap();
            fence.list(Some(&prefix)).next().await.is_some_and(|found| found.is_ok())
        };
        assert!(list(&root).await && !list(&other).await && !list(&root.join("link")).await);
    }

    #[tokio::test]
    async fn nothing_is_written_and_no_other_place_is_reached() {
        let (_folder, root, _other, fence) = fence();
        let new = Location::from_absolute_path(root.join("new")).unwrap();
        assert!(fence.put(&new, "text".into()).await.is_err());
        assert!(fence.put_multipart(&new).await.is_err());
        assert!(fence.copy(&new, &new).await.is_err());
        let old = Location::from_absolute_path(root.join("file")).unwrap();
        assert!(fence.delete(&old).await.is_err());
        let registry = OnlyInside::<Safe>::of(fence, None);
        for url in ["s3://posts", "https://example.org"] {
            assert!(registry.get_store(&url.parse().unwrap()).is_err(), "{url}");
        }
        assert_eq!(std::fs::read_dir(root).unwrap().count(), 1);
    }
}
