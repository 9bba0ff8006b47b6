//! What the plans of a session run in: its memory, and the files that it may read.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnv;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use url::Url;

use crate::bucket::Files;
use crate::catalog::DECODED;
use crate::engine::decoded_files::DecodedFiles;
use crate::engine::fence::{Fence, OnlyInside, Safe};
use crate::engine::memory::{self, Memory};
use crate::engine::settings::Settings;
use crate::error::{Error, Result};
use crate::store::Store;

/// The real paths of the folders that a safe session may read.
pub(super) fn safe_folders(store: Option<&Store>, settings: &Settings) -> Vec<PathBuf> {
    // Of one in object storage only the tables are read, not the copies.
    let database = store.filter(|store| !store.is_remote()).map(|store| store.root().to_owned());
    let folders = database.into_iter().chain(settings.allow.iter().cloned());
    folders.filter_map(|folder| folder.canonicalize().ok()).collect()
}

/// The memory and the stores of files of a session, in which `roots` are the only folders if
/// it is safe.
pub(super) fn runtime(
    memory: &Memory,
    store: Option<&Store>,
    settings: &Settings,
    roots: Option<&[PathBuf]>,
) -> Result<Arc<RuntimeEnv>> {
    let mut builder = memory::builder(Arc::clone(&memory.pool), &settings.spill);
    let bucket = store.and_then(Store::bucket).map(|bucket| {
        let files = Files::new(vec![Arc::clone(bucket)], no_data_file);
        (bucket.address().url().clone(), Arc::new(files) as Arc<dyn ObjectStore>)
    });
    let decoded = |local| -> Result<(Url, Arc<dyn ObjectStore>)> {
        let url = Url::parse(&format!("{DECODED}///"));
        let url = url.map_err(|error| Error::internal(error.to_string()))?;
        Ok((url, Arc::new(DecodedFiles(local))))
    };
    if let Some(roots) = roots {
        let local = Fence::<Safe>::around(roots.to_vec());
        let stores = bucket.into_iter().chain([decoded(Arc::clone(&local) as _)?]);
        let inside = OnlyInside::<Safe>::of(local, stores);
        builder = builder.with_object_store_registry(Arc::new(inside));
    } else {
        for (url, files) in bucket.into_iter().chain([decoded(Arc::new(LocalFileSystem::new()))?]) {
            builder.object_store_registry.register_store(&url, files);
        }
    }
    builder.build_arc().map_err(|error| Error::internal(error.to_string()))
}

/// The refusal of an object at `address` in the bucket of the database.
fn no_data_file(address: &str) -> object_store::Error {
    let error = Error::query(format!("`{address}` is no data file of the database"))
        .hint("files in a bucket are not read; copy it to a folder here");
    object_store::Error::PermissionDenied { path: address.to_owned(), source: error.into() }
}
