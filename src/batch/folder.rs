//! The output folder while a run writes to it.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Error, Kind, Result};

/// The file whose lock says that a run writes to the folder.
const LOCK: &str = ".run.lock";

/// For how long a lock may still seem to be held: a process that is just being
/// started has the open files of the one that starts it, until its own program runs.
const STARTING: Duration = Duration::from_secs(1);

/// How long to wait between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// An output folder that no other run writes to. The lock goes when the process
/// ends, however it ends.
#[derive(Debug)]
pub(super) struct OutputFolder {
    _lock: File,
}

impl OutputFolder {
    /// Makes the folder if it is not there, locks it, and removes what a run
    /// that was killed left half written.
    ///
    /// # Errors
    /// When the folder cannot be written to, or another run writes to it.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        if folder.exists() && !folder.is_dir() {
            let message = format!("{} is a file, and results need a folder", folder.display());
            return Err(Error::usage(message).hint("name another -o"));
        }
        fs::create_dir_all(folder).map_err(|error| unusable("make", folder, &error))?;
        let path = folder.join(LOCK);
        let lock = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(|error| unusable("write to", folder, &error))?;
        let since = Instant::now();
        loop {
            match lock.try_lock() {
                Err(TryLockError::WouldBlock) if since.elapsed() < STARTING => {
                    std::thread::sleep(PAUSE);
                }
                Err(TryLockError::WouldBlock) => return Err(busy(folder)),
                // Some network folders have no locks: there we do without.
                Ok(()) | Err(TryLockError::Error(_)) => break,
            }
        }
        remove_halves(folder);
        Ok(Self { _lock: lock })
    }
}

/// That another run has the folder.
fn busy(folder: &Path) -> Error {
    let message = format!("another run writes to {}", folder.display());
    Error::new(Kind::Busy, message).hint("wait for it, or name another -o")
}

/// That nothing can run, as there is no folder for the results.
fn unusable(doing: &str, folder: &Path, error: &std::io::Error) -> Error {
    let error = Error::io(&format!("{doing} the folder"), folder, error);
    if error.kind() == Kind::Limit {
        return error;
    }
    Error::usage(error.message()).hint("name another -o")
}

/// Removes the files that were to be renamed, in and below `folder`. What cannot
/// be removed does no harm.
fn remove_halves(folder: &Path) {
    for item in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (item.path(), item.file_name());
        let name = name.to_string_lossy();
        match item.file_type() {
            Ok(kind) if kind.is_dir() => remove_halves(&path),
            Ok(kind) if kind.is_file() && name.starts_with('.') && name.ends_with(".part") => {
                let _ = fs::remove_file(path);
            }
            _ => {}
        }
    }
}
