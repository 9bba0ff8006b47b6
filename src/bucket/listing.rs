//! Copies of whole folders of small objects, kept up to date by listing them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectMeta, ObjectStoreExt};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::{Bucket, network};
use crate::error::{Error, Result};

/// Objects that are fetched at the same time.
const AT_ONCE: usize = 16;

/// What is known of the copies of the objects in one folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Listing {
    /// The state of the database of which they are.
    stamp: String,
    /// The mark of each object's content, by name.
    marks: BTreeMap<String, String>,
}

/// What is known of the copies of all folders, here and for the next process.
#[derive(Debug)]
pub(super) struct Listings {
    folder: PathBuf,
    known: Mutex<BTreeMap<String, Listing>>,
}

impl Listings {
    /// Those written down in `folder`.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, known: Mutex::default() }
    }

    /// See [`Bucket::follow`].
    pub(super) fn follow(
        &self,
        bucket: &Arc<Bucket>,
        folder: &str,
        stamp: &str,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<bool> {
        let known = self.known(folder);
        if known.stamp == stamp {
            return Ok(false);
        }
        let mut objects = bucket.objects(folder)?;
        objects.retain(|(name, _)| is_wanted(name));
        let is_here = |name: &str, meta: &ObjectMeta| {
            known.marks.get(name) == Some(&mark(meta)) && bucket.copy(name).exists()
        };
        let (kept, new): (Vec<_>, Vec<_>) =
            objects.into_iter().partition(|(name, meta)| is_here(name, meta));
        let mut listing = Listing { stamp: stamp.to_owned(), ..Listing::default() };
        listing.marks.extend(kept.into_iter().map(|(name, meta)| (name, mark(&meta))));
        let names = new.into_iter().map(|(name, _)| name).collect();
        listing.marks.extend(fetch(bucket, names)?);
        for name in copies(bucket, folder) {
            if is_wanted(&name) && !listing.marks.contains_key(&name) {
                // It is gone from the bucket, so a copy would be a lie.
                bucket.remove_copy(&name)?;
            }
        }
        let is_changed =
            known.marks.iter().any(|(name, mark)| listing.marks.get(name) != Some(mark));
        self.keep(bucket, folder, listing);
        Ok(is_changed)
    }

    /// Forgets everything.
    pub(super) fn clear(&self) -> Result<()> {
        self.known.lock().clear();
        match std::fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("remove", &self.folder, &error))
            }
            _ => Ok(()),
        }
    }

    fn known(&self, folder: &str) -> Listing {
        if let Some(known) = self.known.lock().get(folder) {
            return known.clone();
        }
        let written = std::fs::read(self.path(folder)).ok();
        written.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// Remembers `listing`. If it cannot be written down, the next process lists
    /// again.
    fn keep(&self, bucket: &Bucket, folder: &str, listing: Listing) {
        if let Ok(text) = serde_json::to_vec(&listing) {
            let _ = bucket.put_file(&self.path(folder), &text);
        }
        self.known.lock().insert(folder.to_owned(), listing);
    }

    fn path(&self, folder: &str) -> PathBuf {
        self.folder.join(folder.replace('/', "-")).with_extension("json")
    }
}

/// The names of the objects below `folder` that have copies here.
fn copies(bucket: &Bucket, folder: &str) -> Vec<String> {
    let mut folders = vec![bucket.copy(folder)];
    let mut names = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(found) if found.is_dir() => folders.push(entry.path()),
                _ => names.extend(bucket.name_of(&entry.path())),
            }
        }
    }
    names
}

/// Fetches the objects called `names`; gives their marks.
fn fetch(bucket: &Arc<Bucket>, names: Vec<String>) -> Result<Vec<(String, String)>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let bucket = Arc::clone(bucket);
    network::wait(async move {
        let fetched = stream::iter(names).map(|name| fetch_one(&bucket, name));
        fetched.buffer_unordered(AT_ONCE).try_collect().await
    })?
}

async fn fetch_one(bucket: &Bucket, name: String) -> Result<(String, String)> {
    let failed = |error| bucket.failed("read", &name, &error);
    let found = bucket.store.get(&bucket.address.key(&name)?).await.map_err(failed)?;
    let mark = mark(&found.meta);
    let bytes = found.bytes().await.map_err(failed)?;
    let copy = bucket.copy(&name);
    bucket.put_file(&copy, &bytes).map_err(|error| Error::io("write", &copy, &error))?;
    Ok((name, mark))
}

/// What tells the content of an object from others.
fn mark(meta: &ObjectMeta) -> String {
    let otherwise = || format!("{} {}", meta.size, meta.last_modified);
    meta.e_tag.clone().unwrap_or_else(otherwise)
}
