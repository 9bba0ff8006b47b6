//! What a safe session reads: files below the database and `--allow`, through
//! one store that every plan has to go through, whatever it says.

use std::fmt;
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

use crate::error::Error;

/// The local files below some folders, to be read and listed, and nothing else.
#[derive(Debug)]
pub(super) struct Fence {
    files: LocalFileSystem,
    folders: Vec<PathBuf>,
}

impl Fence {
    /// Around what lies below `folders`, which are real paths.
    pub(super) fn around(folders: Vec<PathBuf>) -> Arc<Self> {
        Arc::new(Self { files: LocalFileSystem::new(), folders })
    }

    /// Where the file at `location` really is. Links are followed first, and
    /// what is opened is where they led.
    fn inside(&self, location: &Location) -> StoreResult<Location> {
        let path = self.files.path_to_filesystem(location)?;
        match path.canonicalize() {
            Ok(real) if self.has(&real) => Ok(Location::from_absolute_path(real)?),
            // That a file is not there is said only of what may be read.
            Err(error) if self.has(&path) => {
                let path = path.display().to_string();
                Err(StoreError::NotFound { path, source: error.into() })
            }
            _ => Err(refused(&path.display().to_string())),
        }
    }

    fn has(&self, path: &Path) -> bool {
        self.folders.iter().any(|folder| path.starts_with(folder))
    }
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the folders of a safe session")
    }
}

#[async_trait]
impl ObjectStore for Fence {
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
        match self.inside(prefix.unwrap_or(&Location::default())) {
            Ok(real) => self.files.list(Some(&real)),
            Err(error) => futures::stream::once(async { Err(error) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Location>) -> StoreResult<ListResult> {
        let real = self.inside(prefix.unwrap_or(&Location::default()))?;
        self.files.list_with_delimiter(Some(&real)).await
    }

    async fn put_opts(
        &self,
        location: &Location,
        _payload: PutPayload,
        _options: PutOptions,
    ) -> StoreResult<PutResult> {
        Err(refused(location.as_ref()))
    }

    async fn put_multipart_opts(
        &self,
        location: &Location,
        _options: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        Err(refused(location.as_ref()))
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, StoreResult<Location>>,
    ) -> BoxStream<'static, StoreResult<Location>> {
        locations.map(|location| Err(refused(location?.as_ref()))).boxed()
    }

    async fn copy_opts(
        &self,
        _from: &Location,
        to: &Location,
        _options: CopyOptions,
    ) -> StoreResult<()> {
        Err(refused(to.as_ref()))
    }
}

fn refused(what: &str) -> StoreError {
    let error = Error::query(format!("`{what}` is not allowed under --safe"));
    let error = error.hint("name its folder with --allow DIR");
    StoreError::PermissionDenied { path: what.to_owned(), source: error.into() }
}

/// Gives plans the files inside a [`Fence`], and no others.
#[derive(Debug)]
pub(super) struct OnlyInside(pub(super) Arc<Fence>);

impl ObjectStoreRegistry for OnlyInside {
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
            return Ok(Arc::clone(&self.0) as Arc<dyn ObjectStore>);
        }
        Err(DataFusionError::ObjectStore(Box::new(refused(url.as_str()))))
    }
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt;

    use super::*;

    /// A fence around `root`, beside which there is `other`.
    fn fence() -> (tempfile::TempDir, PathBuf, PathBuf, Arc<Fence>) {
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
        let registry = OnlyInside(fence);
        for url in ["s3://posts", "https://example.org"] {
            assert!(registry.get_store(&url.parse().unwrap()).is_err(), "{url}");
        }
        assert_eq!(std::fs::read_dir(root).unwrap().count(), 1);
    }
}
