//! The only files that a worker reads, whatever a plan says.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::path::Path as Location;
use object_store::{Error as StoreError, ObjectStore};
use url::Url;

use crate::bucket::{Address, Bucket, Files};
use crate::engine::fence::{Fence, Fenced, OnlyInside};
use crate::error::{Error, Result};

/// A worker, which reads below its roots and writes nowhere.
#[derive(Debug)]
pub(super) struct Worker;

/// What lies below `roots`: folders, and databases in object storage.
pub(super) fn roots(roots: &[PathBuf]) -> Result<OnlyInside<Worker>> {
    let mut folders = Vec::new();
    let mut buckets: BTreeMap<Url, Vec<Arc<Bucket>>> = BTreeMap::new();
    for root in roots {
        if let Some(address) = Address::parse(root)? {
            let url = address.url().clone();
            buckets.entry(url).or_default().push(Bucket::connect(address)?);
        } else {
            let real = root.canonicalize().map_err(|error| Error::io("read", root, &error));
            folders.push(real?);
        }
    }
    let buckets = buckets.into_iter().map(|(url, databases)| {
        (url, Arc::new(Files::new(databases, Worker::refused)) as Arc<dyn ObjectStore>)
    });
    Ok(OnlyInside::of(Fence::around(folders), buckets))
}

impl Fenced for Worker {
    const STORE: &'static str = "the folders of the worker";
    const LISTS: bool = false;

    fn refused(what: &str) -> StoreError {
        let reason = format!("{MAY_NOT}{what}");
        StoreError::PermissionDenied { path: what.to_owned(), source: reason.into() }
    }

    fn missing(path: &Path, _error: io::Error) -> StoreError {
        let reason = format!("{HAS_NOT}{}", path.display());
        StoreError::Generic { store: "worker", source: reason.into() }
    }

    fn unsupported(operation: &str, _location: &Location) -> StoreError {
        StoreError::NotImplemented {
            operation: operation.to_owned(),
            implementer: "a worker, which only reads".to_owned(),
        }
    }
}

/// How the refusals begin, by which they are known again after a hop.
const MAY_NOT: &str = "a worker may not read ";
const HAS_NOT: &str = "a worker has no file ";

/// The refusal that `text` tells of, with what to try.
pub(super) fn refusal(text: &str) -> Option<Error> {
    let hints = [
        (MAY_NOT, "start it with --root and the database, or a folder above it"),
        (HAS_NOT, "workers need the database under the same path, on a disk that all share"),
    ];
    hints.into_iter().find_map(|(begin, hint)| {
        let line = text[text.find(begin)?..].lines().next()?;
        Some(Error::usage(line).hint(hint))
    })
}

#[cfg(test)]
mod tests {
    use datafusion::execution::object_store::{ObjectStoreRegistry, ObjectStoreUrl};
    use futures::StreamExt;
    use object_store::ObjectStoreExt;

    use super::*;

    /// The local files of a worker with these roots.
    fn local(folders: &[PathBuf]) -> Arc<dyn ObjectStore> {
        roots(folders).unwrap().get_store(ObjectStoreUrl::local_filesystem().as_ref()).unwrap()
    }

    #[tokio::test]
    async fn only_files_below_a_root_are_read_also_by_way_of_links_and_dots() {
        let folder = tempfile::tempdir().unwrap();
        let (root, other) = (folder.path().join("root"), folder.path().join("other"));
        for folder in [&root, &other] {
            std::fs::create_dir(folder).unwrap();
            std::fs::write(folder.join("file"), "text").unwrap();
        }
        std::os::unix::fs::symlink(&other, root.join("link")).unwrap();
        let roots = local(std::slice::from_ref(&root));
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
        let folders = [folder.path().to_owned()];
        let files = local(&folders);
        let location = Location::from_absolute_path(folder.path().join("new")).unwrap();
        assert!(files.put(&location, "text".into()).await.is_err());
        assert!(files.put_multipart(&location).await.is_err());
        assert!(files.delete(&location).await.is_err());
        assert!(files.copy(&location, &location).await.is_err());
        assert!(files.list(None).next().await.unwrap().is_err());
        assert!(roots(&folders).unwrap().get_store(&"s3://x".parse().unwrap()).is_err());
        assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
    }
}
