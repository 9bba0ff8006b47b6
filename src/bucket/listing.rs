//! Copies of whole folders of small objects, kept up to date by listing them.

use std::collections::{BTreeMap, BTreeSet};
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

/// What is known of the objects in one folder, and of their copies here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Listing {
    /// The state of the database of which they are.
    stamp: String,
    /// The mark of each object's content, by name.
    there: BTreeMap<String, String>,
    /// The names of those of which there are copies here with that content.
    here: BTreeSet<String>,
}

/// What is known of all folders, here and for the next process.
#[derive(Debug)]
pub(super) struct Listings {
    folder: PathBuf,
    known: Mutex<BTreeMap<String, Arc<Listing>>>,
}

impl Listings {
    /// Those written down in `folder`.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, known: Mutex::default() }
    }

    /// See [`Bucket::look`].
    pub(super) fn look(
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
        let objects = bucket.objects(folder)?.into_iter().filter(|(name, _)| is_wanted(name));
        let there: BTreeMap<String, String> =
            objects.map(|(name, meta)| (name, mark(&meta))).collect();
        let mut here = known.here.clone();
        here.retain(|name| known.there.get(name) == there.get(name) && bucket.copy(name).exists());
        let mut is_changed = known.here.iter().any(|name| known.there.get(name) != there.get(name));
        for name in copies(bucket, folder) {
            if is_wanted(&name) && !there.contains_key(&name) {
                // It is gone from the bucket, so a copy would be a lie.
                bucket.remove_copy(&name)?;
                is_changed = true;
            }
        }
        let listing = Listing { stamp: stamp.to_owned(), there, here };
        self.change(bucket, folder, |known| *known = listing);
        Ok(is_changed)
    }

    /// The names of the objects in `folder` when it was looked at last.
    pub(super) fn names(&self, folder: &str) -> Vec<String> {
        self.known(folder).there.keys().cloned().collect()
    }

    /// Fetches the objects of `folder` with these names that have no copies here.
    pub(super) fn fetch(
        &self,
        bucket: &Arc<Bucket>,
        folder: &str,
        mut names: Vec<String>,
    ) -> Result<()> {
        let known = self.known(folder);
        names.retain(|name| known.there.contains_key(name) && !known.here.contains(name));
        if names.is_empty() {
            return Ok(());
        }
        let fetched = fetch(bucket, names)?;
        // Others may have looked meanwhile.
        self.change(bucket, folder, |known| {
            known.here.extend(fetched.iter().map(|(name, _)| name.clone()));
            known.there.extend(fetched);
        });
        Ok(())
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

    fn known(&self, folder: &str) -> Arc<Listing> {
        let mut all = self.known.lock();
        if let Some(known) = all.get(folder) {
            return Arc::clone(known);
        }
        let written = std::fs::read(self.path(folder)).ok();
        let read = written.and_then(|text| serde_json::from_slice(&text).ok());
        let known = Arc::new(read.unwrap_or_default());
        all.insert(folder.to_owned(), Arc::clone(&known));
        known
    }

    /// Changes what is known of `folder`. If that cannot be written down, the next
    /// process lists again.
    fn change(&self, bucket: &Bucket, folder: &str, change: impl FnOnce(&mut Listing)) {
        let known = self.known(folder);
        let mut all = self.known.lock();
        let listing = all.entry(folder.to_owned()).or_insert(known);
        change(Arc::make_mut(listing));
        if let Ok(text) = serde_json::to_vec(&**listing) {
            let _ = bucket.put_file(&self.path(folder), &text);
        }
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
