//! Kept answers in a folder, one file each, for all processes of the user.
//!
//! A file is written beside and renamed, so that it is whole or not there; two
//! processes that keep the same answer write the same. The time of a file is
//! that of its last use. A file that is damaged, or goes while it is wanted, is an
//! answer that has to be computed.

use std::fs::{DirBuilder, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tempfile::Builder;

use super::key::Key;

/// How the names of answers end.
const SUFFIX: &str = ".answer";

/// How the names of answers begin that are being written.
const UNFINISHED: &str = "unfinished-";

/// What was begun so long ago was left by a process that died.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Most files, so that looking through them takes milliseconds.
const MAX_FILES: usize = 4096;

/// A file takes whole blocks of the disk.
const BLOCK: u64 = 4096;

/// A folder of answers, at most so many bytes of them.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    limit: u64,
}

/// A file in the folder.
struct Found {
    path: PathBuf,
    used: SystemTime,
    bytes: u64,
}

impl Folder {
    pub(super) fn new(path: PathBuf, limit: u64) -> Self {
        Self { path, limit }
    }

    fn file(&self, key: &Key) -> PathBuf {
        self.path.join(format!("{}{SUFFIX}", key.to_hexadecimal()))
    }

    pub(super) fn get(&self, key: &Key) -> Option<Bytes> {
        let mut file = File::open(self.file(key)).ok()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        // Without it the answer merely goes earlier.
        let _ = file.set_modified(SystemTime::now());
        Some(bytes.into())
    }

    pub(super) fn remove(&self, key: &Key) {
        let _ = std::fs::remove_file(self.file(key));
    }

    /// Keeps `bytes` under `key` if that can be.
    pub(super) fn put(&self, key: &Key, bytes: &[u8]) {
        let size = on_disk(bytes.len() as u64);
        if size <= self.limit {
            self.make_room(size);
            // A full disk, or a folder that cannot be written, keeps no answers.
            let _ = self.write(key, bytes);
        }
    }

    fn write(&self, key: &Key, bytes: &[u8]) -> io::Result<()> {
        create(&self.path)?;
        let mut file = Builder::new().prefix(UNFINISHED).tempfile_in(&self.path)?;
        file.write_all(bytes)?;
        file.persist(self.file(key))?;
        Ok(())
    }

    /// Removes what was not used for longest until there is room for a file of
    /// `size` bytes.
    fn make_room(&self, size: u64) {
        let mut files = self.files();
        files.sort_unstable_by_key(|file| std::cmp::Reverse(file.used));
        let mut bytes = size;
        let mut keeps = |(number, file): (usize, &Found)| {
            bytes += file.bytes;
            bytes <= self.limit && number + 1 < MAX_FILES
        };
        let kept = files.iter().enumerate().take_while(|&file| keeps(file)).count();
        for file in &files[kept..] {
            let _ = std::fs::remove_file(&file.path);
        }
    }

    /// The answers in the folder; what a dead process began to write is removed.
    fn files(&self) -> Vec<Found> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.path).into_iter().flatten().flatten() {
            let (Ok(metadata), name) = (entry.metadata(), entry.file_name()) else { continue };
            let (Ok(used), Some(name)) = (metadata.modified(), name.to_str()) else { continue };
            if name.ends_with(SUFFIX) {
                let bytes = on_disk(metadata.len());
                files.push(Found { path: entry.path(), used, bytes });
            } else if name.starts_with(UNFINISHED)
                && used.elapsed().is_ok_and(|age| age > ABANDONED)
            {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        files
    }
}

fn on_disk(bytes: u64) -> u64 {
    bytes.next_multiple_of(BLOCK)
}

/// Makes the folder, for its owner only.
fn create(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
