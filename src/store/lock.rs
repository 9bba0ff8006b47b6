//! One writer at a time: the lock on a database, which its holder's death
//! frees.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::files;
use crate::error::{Error, Kind, Result};

/// How long a writer waits for another one.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How long it waits between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// The writer's lock; dropping it frees the database.
///
/// While it is held, the lock file names the holder; who lets go in good order
/// empties it. So a name in a free lock file is that of a writer who died.
#[derive(Debug)]
pub(super) struct WriterLock {
    file: File,
    path: PathBuf,
    abandoned: bool,
}

impl WriterLock {
    /// Takes the lock file at `path`, waiting for another holder for at most
    /// `patience`.
    pub(super) async fn take(path: &Path, patience: Duration) -> Result<Self> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|error| files::damaged(Error::io("open", path, &error)))?;
        let since = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if since.elapsed() < patience => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(TryLockError::WouldBlock) => return Err(busy(path)),
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", path, &error)),
            }
        }
        let failed = |error: std::io::Error| Error::io("write", path, &error);
        let abandoned = file.metadata().map_err(failed)?.len() > 0;
        name_holder(&mut file).map_err(failed)?;
        Ok(Self { file, path: path.to_owned(), abandoned })
    }

    /// Whether the holder before died, and may have left files behind.
    pub(super) fn was_abandoned(&self) -> bool {
        self.abandoned
    }
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        // At worst the next writer looks for leftovers that are not there.
        let _ = files::crash::point(&self.path).and_then(|()| self.file.set_len(0));
    }
}

/// Says in the lock file who holds it.
fn name_holder(file: &mut File) -> std::io::Result<()> {
    let command = std::env::args().next().unwrap_or_default();
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "process {} ({command})", std::process::id())?;
    // After a power cut the next writer must find the name.
    file.sync_all()
}

/// The error that names the holder of the lock file at `path`.
fn busy(path: &Path) -> Error {
    let holder = match std::fs::read_to_string(path) {
        Ok(holder) if !holder.is_empty() => holder,
        _ => "another process".to_owned(),
    };
    Error::new(Kind::Busy, format!("{holder} is writing to this database"))
        .hint("wait until it is done; reading is possible meanwhile")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_writer_waits_and_then_says_who_writes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".lock");
        let first = WriterLock::take(&path, PATIENCE).await.unwrap();
        let error = WriterLock::take(&path, Duration::from_millis(30)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Busy);
        assert!(error.message().contains(&format!("process {}", std::process::id())), "{error}");
        drop(first);
        let second = WriterLock::take(&path, Duration::ZERO).await.unwrap();
        assert!(!second.was_abandoned());
    }

    #[tokio::test]
    async fn a_writer_that_died_frees_the_lock_and_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".lock");
        std::fs::write(&path, "process 1 (somebody)").unwrap();
        assert!(WriterLock::take(&path, Duration::ZERO).await.unwrap().was_abandoned());
    }
}
