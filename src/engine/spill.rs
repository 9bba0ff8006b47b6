//! Where queries put what does not fit into their memory.

use std::fs::File;
use std::path::{Path, PathBuf};

use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use tempfile::{Builder, TempDir};

use crate::error::{Error, Result};

/// How the names of the folders begin.
const PREFIX: &str = "weiku-spill-";

/// The file in such a folder that its process holds locked, as long as it lives.
const OWNER: &str = "owner";

/// Where, and how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spill {
    /// The folder in which each process makes one of its own.
    pub folder: PathBuf,
    /// Most bytes of what all queries of a process put there at one time.
    pub limit: u64,
}

impl Spill {
    /// Bytes unless more are asked for.
    pub const LIMIT: u64 = 20_000_000_000;
}

impl Default for Spill {
    fn default() -> Self {
        Self { folder: std::env::temp_dir(), limit: Self::LIMIT }
    }
}

/// The folder of this process, which goes with it.
#[derive(Debug)]
pub struct SpillFolder {
    folder: TempDir,
    limit: u64,
    _owner: File,
}

impl SpillFolder {
    /// Makes the folder, and removes those of processes that died.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(spill: &Spill) -> Result<Self> {
        let failed = |error: std::io::Error| {
            Error::io("make a folder for spilled rows in", &spill.folder, &error)
                .hint("name another place with --spill-dir")
        };
        remove_abandoned(&spill.folder);
        let folder = Builder::new().prefix(PREFIX).tempdir_in(&spill.folder).map_err(failed)?;
        let owner = own(folder.path()).map_err(failed)?;
        Ok(Self { folder, limit: spill.limit, _owner: owner })
    }

    /// What puts files into the folder.
    #[must_use]
    pub fn manager(&self) -> DiskManagerBuilder {
        DiskManagerBuilder::default()
            .with_mode(DiskManagerMode::Directories(vec![self.folder.path().to_owned()]))
            .with_max_temp_directory_size(self.limit)
    }
}

/// Marks `folder` as that of a process that lives. The file gets its name when it
/// is locked, so that nobody finds it unlocked.
fn own(folder: &Path) -> std::io::Result<File> {
    let unnamed = folder.join("new");
    let file = File::create(&unnamed)?;
    file.lock()?;
    std::fs::rename(unnamed, folder.join(OWNER))?;
    Ok(file)
}

/// Removes the folders whose processes have died. What cannot be removed is not
/// ours, or goes next time.
fn remove_abandoned(within: &Path) {
    for entry in std::fs::read_dir(within).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if !is_ours || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let Ok(owner) = File::open(entry.path().join(OWNER)) else { continue };
        if owner.try_lock().is_ok() {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{OWNER, PREFIX, Spill, SpillFolder};

    #[test]
    fn a_folder_goes_with_its_process_or_is_removed_by_the_next() {
        let place = tempfile::tempdir().unwrap();
        let spill = Spill { folder: place.path().to_owned(), ..Spill::default() };
        let count = || std::fs::read_dir(place.path()).unwrap().count();
        let dead = place.path().join(format!("{PREFIX}dead"));
        std::fs::create_dir(&dead).unwrap();
        std::fs::write(dead.join(OWNER), "").unwrap();
        std::fs::write(dead.join("rows"), "many").unwrap();
        std::fs::create_dir(place.path().join("somebody's")).unwrap();
        let one = SpillFolder::create(&spill).unwrap();
        assert!(!dead.exists());
        let two = SpillFolder::create(&spill).unwrap();
        assert_eq!(count(), 3, "one that lives was removed");
        drop((one, two));
        assert_eq!(count(), 1);
    }
}
