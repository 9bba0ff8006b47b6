//! Keeps the copies within a size: what was used longest ago goes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use super::profile::set;
use crate::text::size::bytes;

/// The variable that sets the size.
const VARIABLE: &str = "WEIKU_CACHE_SIZE";

/// Bytes of copies of all databases, unless the variable says otherwise.
const SIZE: u64 = 10_000_000_000;

/// After so many fetched bytes there is a sweep.
const EVERY: u64 = 256 << 20;

/// Sweeps when much was fetched.
#[derive(Debug)]
pub(super) struct Sweep {
    /// The folder with those of all databases.
    folder: PathBuf,
    /// Bytes that were fetched since the last sweep.
    fetched: AtomicU64,
}

impl Sweep {
    /// For the copies in `folder`, beside which lie those of other databases.
    pub(super) fn new(folder: &Path) -> Self {
        let folder = folder.parent().unwrap_or(folder).to_owned();
        // Processes that fetch little each sweep now and then all the same.
        Self { folder, fetched: AtomicU64::new(rand::random_range(0..EVERY)) }
    }

    /// Takes note of bytes that were fetched.
    pub(super) fn note(&self, bytes: u64) {
        let before = self.fetched.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes < EVERY {
            return;
        }
        self.fetched.store(0, Ordering::Relaxed);
        let folder = self.folder.clone();
        let size = set(VARIABLE).and_then(|text| bytes_of(&text)).unwrap_or(SIZE);
        // In the background; one that does not come to its end is made up for by
        // the next.
        std::thread::spawn(move || sweep(&folder, size));
    }
}

fn bytes_of(text: &str) -> Option<u64> {
    bytes(text).ok()?.try_into().ok()
}

/// A copy that can go.
struct Candidate {
    path: PathBuf,
    used: SystemTime,
    size: u64,
}

/// Removes copies below `folder` until the others are no more than `size` bytes.
fn sweep(folder: &Path, size: u64) {
    let mut found = Vec::new();
    for database in folders_in(folder) {
        for folder in folders_in(&database.join("blocks")) {
            folders_in(&folder).iter().for_each(|pieces| collect(pieces, &mut found, |_| true));
        }
        // What a writer has not sent yet looks like a copy.
        let is_free = File::open(database.join(".lock")).is_ok_and(|lock| lock.try_lock().is_ok());
        if is_free {
            let is_data = |name: &str| name.ends_with(".parquet") || name.ends_with(".index");
            folders_in(&database).iter().for_each(|table| collect(table, &mut found, is_data));
        }
        collect(&database.join("incoming"), &mut found, |_| true);
    }
    let mut total: u64 = found.iter().map(|copy| copy.size).sum();
    found.sort_by_key(|copy| copy.used);
    for copy in found {
        if total <= size {
            break;
        }
        if std::fs::remove_file(&copy.path).is_ok() {
            total -= copy.size;
        }
    }
}

/// The folders in `folder`; none if it cannot be read.
fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|found| found.is_dir()));
    folders.map(|entry| entry.path()).collect()
}

/// Adds the files in `folder` whose names are `wanted`.
fn collect(folder: &Path, found: &mut Vec<Candidate>, wanted: impl Fn(&str) -> bool) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_wanted = entry.file_name().to_str().is_some_and(&wanted);
        if let (true, Ok(metadata)) = (is_wanted, entry.metadata())
            && metadata.is_file()
        {
            let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            found.push(Candidate { path: entry.path(), used, size: metadata.len() });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_was_used_longest_ago_goes_and_what_waits_to_be_sent_stays() {
        let cache = tempfile::tempdir().unwrap();
        let write = |name: &str, age: u64| {
            let path = cache.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, [0; 100]).unwrap();
            let file = File::options().append(true).open(&path).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
            path
        };
        let old = write("a/blocks/posts/part-1.parquet/0", 300);
        let new = write("a/blocks/posts/part-1.parquet/1", 100);
        let whole = write("a/posts/part-2.parquet", 200);
        let log = write("a/posts/_delta_log/0.json", 900);
        let staged = write("b/posts/part-3.parquet", 900);
        for database in ["a", "b"] {
            std::fs::write(cache.path().join(database).join(".lock"), "").unwrap();
        }
        let lock = File::options().append(true).open(cache.path().join("b/.lock")).unwrap();
        lock.lock().unwrap();
        sweep(cache.path(), 150);
        assert!(!old.exists() && !whole.exists() && new.exists());
        assert!(log.exists() && staged.exists());
    }
}
