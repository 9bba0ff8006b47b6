//! The only files that a worker reads, whatever a plan says.

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

use crate::error::{Error, Result};

/// The files below some folders, to be read and not written.
#[derive(Debug)]
pub(super) struct Roots {
    files: LocalFileSystem,
    folders: Vec<PathBuf>,
}

impl Roots {
    /// What lies below `folders`.
    pub(super) fn new(folders: &[PathBuf]) -> Result<Self> {
        let real = |folder: &PathBuf| {
            folder.canonicalize().map_err(|error| Error::io("read", folder, &error))
        };
        let folders = folders.iter().map(real).collect::<Result<Vec<_>>>()?;
        Ok(Self { files: LocalFileSystem::new(), folders })
    }

    /// Where the file at `location` really is, if that is below a folder. Links
    /// are followed first, and what is opened is where they led.
    fn allowed(&self, location: &Location) -> StoreResult<Location> {
        let path = self.files.path_to_filesystem(location)?;
        let real = match path.canonicalize() {
            Ok(real) => real,
            // That a file is not there is said of those only that may be read.
            Err(_) if self.is_below(&path) => return Err(missing(&path)),
            Err(_) => return Err(refused(&path)),
        };
        if !self.is_below(&real) {
            return Err(refused(&path));
        }
        Ok(Location::from_absolute_path(real)?)
    }

    fn is_below(&self, path: &Path) -> bool {
        self.folders.iter().any(|folder| path.starts_with(folder))
    }
}

impl fmt::Display for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the folders of the worker")
    }
}

#[async_trait]
impl ObjectStore for Roots {
    async fn get_opts(&self, location: &Location, options: GetOptions) -> StoreResult<GetResult> {
        self.files.get_opts(&self.allowed(location)?, options).await
    }

    async fn get_ranges(
        &self,
        location: &Location,
        ranges: &[Range<u64>],
    ) -> StoreResult<Vec<Bytes>> {
        self.files.get_ranges(&self.allowed(location)?, ranges).await
    }

    fn list(&self, _prefix: Option<&Location>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        futures::stream::once(async { Err(unsupported("list")) }).boxed()
    }

    async fn list_with_delimiter(&self, _prefix: Option<&Location>) -> StoreResult<ListResult> {
        Err(unsupported("list"))
    }

    async fn put_opts(
        &self,
        _location: &Location,
        _payload: PutPayload,
        _options: PutOptions,
    ) -> StoreResult<PutResult> {
        Err(unsupported("write"))
    }

    async fn put_multipart_opts(
        &self,
        _location: &Location,
        _options: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        Err(unsupported("write"))
    }

    fn delete_stream(
        &self,
        _locations: BoxStream<'static, StoreResult<Location>>,
    ) -> BoxStream<'static, StoreResult<Location>> {
        futures::stream::once(async { Err(unsupported("delete")) }).boxed()
    }

    async fn copy_opts(
        &self,
        _from: &Location,
        _to: &Location,
        _options: CopyOptions,
    ) -> StoreResult<()> {
        Err(unsupported("copy"))
    }
}

/// How the refusals begin, by which they are known again after a hop.
const MAY_NOT: &str = "a worker may not read ";
const HAS_NOT: &str = "a worker has no file ";

fn refused(path: &Path) -> StoreError {
    let reason = format!("{MAY_NOT}{}", path.display());
    StoreError::PermissionDenied { path: path.display().to_string(), source: reason.into() }
}

fn missing(path: &Path) -> StoreError {
    let reason = format!("{HAS_NOT}{}", path.display());
    StoreError::Generic { store: "worker", source: reason.into() }
}

/// The refusal that `text` tells of, with what to try.
pub(super) fn refusal(text: &str) -> Option<Error> {
    let hints = [
        (MAY_NOT, "start it with --root and a folder above that, such as the database"),
        (HAS_NOT, "workers need the database under the same path, on a disk that all share"),
    ];
    hints.into_iter().find_map(|(begin, hint)| {
        let line = text[text.find(begin)?..].lines().next()?;
        Some(Error::usage(line).hint(hint))
    })
}

fn unsupported(operation: &str) -> StoreError {
    StoreError::NotImplemented {
        operation: operation.to_owned(),
        implementer: "a worker, which only reads".to_owned(),
    }
}

/// Gives plans their files from [`Roots`], and from nowhere else.
#[derive(Debug)]
pub(super) struct OnlyRoots(pub(super) Arc<Roots>);

impl ObjectStoreRegistry for OnlyRoots {
    /// Nothing can be added.
    fn register_store(
        &self,
        _url: &Url,
        _store: Arc<dyn ObjectStore>,
    ) -> Option<Arc<dyn ObjectStore>> {
        None
    }

    fn get_store(&self, url: &Url) -> std::result::Result<Arc<dyn ObjectStore>, DataFusionError> {
        if url.scheme() == "file" {
            return Ok(Arc::clone(&self.0) as Arc<dyn ObjectStore>);
        }
        Err(DataFusionError::ObjectStore(Box::new(refused(Path::new(url.as_str())))))
    }
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt;

    use super::*;

    #[tokio::test]
    async fn only_files_below_a_root_are_read_also_by_way_of_links_and_dots() {
        let folder = tempfile::tempdir().unwrap();
        let (root, other) = (folder.path().join("root"), folder.path().join("other"));
        for folder in [&root, &other] {
            std::fs::create_dir(folder).unwrap();
            std::fs::write(folder.join("file"), "text").unwrap();
        }
        std::os::unix::fs::symlink(&other, root.join("link")).unwrap();
        let roots = Roots::new(std::slice::from_ref(&root)).unwrap();
        let read = async |path: PathBuf| {
            let Ok(location) = Location::from_absolute_path(path) else {
                return "no path".to_owned();
            };
            match roots.get(&location).await {
                Ok(_) => "read".to_owned(),
                Err(StoreError::PermissionDenied { .. }) => "refused".to_owned(),
                Err(error) => error.to_string(),
            }
        };
        assert_eq!(read(root.join("file")).await, "read");
        assert_eq!(read(other.join("file")).await, "refused");
        assert_eq!(read(other.join("not there")).await, "refused");
        assert_eq!(read(root.join("link/file")).await, "refused");
        assert_eq!(read(root.join("../other/file")).await, "no path");
        let error = read(root.join("not there")).await;
        assert!(refusal(&error).unwrap().message().ends_with("/not there"), "{error}");
    }

    #[tokio::test]
    async fn nothing_is_written_listed_or_removed() {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots::new(&[folder.path().to_owned()]).unwrap();
        let location = Location::from_absolute_path(folder.path().join("new")).unwrap();
        assert!(roots.put(&location, "text".into()).await.is_err());
        assert!(roots.put_multipart(&location).await.is_err());
        assert!(roots.delete(&location).await.is_err());
        assert!(roots.copy(&location, &location).await.is_err());
        assert!(roots.list(None).next().await.unwrap().is_err());
        assert!(OnlyRoots(Arc::new(roots)).get_store(&"s3://x".parse().unwrap()).is_err());
        assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
    }
}
