//! Files that are there, whole, after a power cut: every write is synced, then
//! the folder that names it.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::{Error, Kind, Result};

/// Makes the file at `path`, which must not be there, appear whole or not at
/// all. `Ok(false)` when there is one already.
pub(super) fn create(path: &Path, bytes: &[u8]) -> std::io::Result<bool> {
    let staged = write_beside(path, bytes)?;
    crash::point(path)?;
    match fs::hard_link(&staged, path) {
        Ok(()) => discard(&staged)?,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            discard(&staged)?;
            return Ok(false);
        }
        // Some file systems have no links. The writer's lock keeps others away,
        // so a look before a rename is as good.
        Err(_) if !path.exists() => fs::rename(&staged, path)?,
        Err(error) => {
            // The link's own failure is what the caller must hear of.
            let _ = discard(&staged);
            return Err(error);
        }
    }
    sync_folder(parent(path))?;
    Ok(true)
}

/// Puts `bytes` in the place of the file at `path`, in one step.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let staged = write_beside(path, bytes)?;
    crash::point(path)?;
    if let Err(error) = fs::rename(&staged, path) {
        // The rename's own failure is what the caller must hear of.
        let _ = discard(&staged);
        return Err(error);
    }
    sync_folder(parent(path))
}

/// Removes the file at `path`; it need not be there. After a power cut it may
/// be there again.
pub(super) fn remove(path: &Path) -> std::io::Result<()> {
    crash::point(path)?;
    match fs::remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Removes a file that was staged and that nothing names.
pub(super) fn discard(path: &Path) -> std::io::Result<()> {
    crash::point(path)?;
    fs::remove_file(path)
}

/// Makes the folder at `path`, and its name durable.
pub(super) fn create_folder(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path)?;
    sync_folder(parent(path))
}

/// Makes the names in the folder at `path` durable.
pub(super) fn sync_folder(path: &Path) -> std::io::Result<()> {
    crash::point(path)?;
    // Only Unix can open a folder to sync it; elsewhere the file system's
    // journal has to do.
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// The whole file at `path`.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| damaged(Error::io("read", path, &error)))
}

/// The size and SHA-256 of the file at `path`.
pub(super) fn checksum(path: &Path) -> std::io::Result<(u64, String)> {
    let mut hasher = Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    let mut size = 0;
    loop {
        let read = std::io::Read::read(&mut file, &mut buffer)?;
        if read == 0 {
            return Ok((size, hex::encode(hasher.finalize())));
        }
        hasher.update(&buffer[..read]);
        size += read as u64;
    }
}

/// The SHA-256 of `bytes`, in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A database file that is not there is damage, not a slip of the person's.
pub(super) fn damaged(error: Error) -> Error {
    match error.kind() {
        Kind::Usage => Error::store(error.message()),
        _ => error,
    }
}

/// Whether `name` is one that [`create`] and [`replace`] stage under.
pub(super) fn is_staged(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(".tmp")
}

/// Writes and syncs `bytes` to a new file in the folder of `path`.
fn write_beside(path: &Path, bytes: &[u8]) -> std::io::Result<PathBuf> {
    crash::point(path)?;
    let staged = parent(path).join(format!(".{}.tmp", uuid::Uuid::new_v4().simple()));
    let written =
        OpenOptions::new().write(true).create_new(true).open(&staged).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
    if let Err(error) = written {
        // The write's own failure is what the caller must hear of.
        let _ = discard(&staged);
        return Err(error);
    }
    Ok(staged)
}

/// The folder that names `path`.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Where the process may die, for tests that let it.
#[cfg(not(test))]
pub(super) mod crash {
    /// A step that a crash may come before.
    #[inline]
    #[expect(clippy::unnecessary_wraps, reason = "fails in tests")]
    pub(in crate::store) fn point(_path: &std::path::Path) -> std::io::Result<()> {
        Ok(())
    }
}

/// Where the process may die, for tests that let it.
#[cfg(test)]
pub(super) mod crash {
    use std::path::{Path, PathBuf};
    use std::sync::Mutex;

    /// How many steps each database has left to live.
    static LEFT: Mutex<Vec<(PathBuf, usize)>> = Mutex::new(Vec::new());

    /// A step that a crash may come before. After a crash every step fails, as
    /// if the process were gone.
    pub(in crate::store) fn point(path: &Path) -> std::io::Result<()> {
        let mut left = LEFT.lock().unwrap();
        match left.iter_mut().find(|(root, _)| path.starts_with(root)) {
            Some((_, 0)) => Err(std::io::Error::other("crashed")),
            Some((_, steps)) => {
                *steps -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Lets the database at `root` live for `steps` more steps.
    pub(in crate::store) fn after(root: &Path, steps: usize) {
        LEFT.lock().unwrap().push((root.to_owned(), steps));
    }

    /// Lets the database at `root` live for good; gives the steps it had left.
    pub(in crate::store) fn never(root: &Path) -> usize {
        let mut left = LEFT.lock().unwrap();
        let at = left.iter().position(|(other, _)| other == root).unwrap();
        left.swap_remove(at).1
    }
}
