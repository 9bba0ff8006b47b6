//! Where queries put what does not fit into their memory.

use std::fs::{DirEntry, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use datafusion::error::DataFusionError;
use datafusion::execution::DiskManager;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::spill_file::{SpillFile, TempFileFactory};
use parking_lot::Mutex;
use tempfile::{Builder, TempDir};

use crate::error::Error;

/// How the names of the folders begin.
const PREFIX: &str = "weiku-spill-";

/// The file in such a folder that its process holds locked, as long as it lives.
const OWNER: &str = "owner";

/// A folder without that file is being made, unless it is older.
const BEING_MADE: Duration = Duration::from_mins(1);

/// The folders of this process.
static LIVING: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes what this process has put on disk. Its end does not wait for what was
/// cancelled, which may hold files still.
pub fn remove_spilled() {
    for folder in std::mem::take(&mut *LIVING.lock()) {
        // Others may add files meanwhile, or remove them. What stays goes with the next process.
        let _ = (0..10).any(|_| std::fs::remove_dir_all(&folder).is_ok() || !folder.exists());
    }
}

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

/// Puts files into a folder of this process, which is made when the first of them
/// is: most queries need none. The folder goes with what made it.
#[derive(Debug)]
struct SpillFolder {
    spill: Spill,
    made: Mutex<Option<Made>>,
}

#[derive(Debug)]
struct Made {
    files: Arc<DiskManager>,
    folder: TempDir,
    _owner: File,
}

impl Drop for Made {
    fn drop(&mut self) {
        // As long as there is something of it, the end of the process may come.
        let _ = std::fs::remove_dir_all(self.folder.path());
        LIVING.lock().retain(|folder| folder != self.folder.path());
    }
}

/// What puts files where `spill` says, as far as they are wanted.
pub(super) fn manager(spill: &Spill) -> DiskManagerBuilder {
    let folder = SpillFolder { spill: spill.clone(), made: Mutex::default() };
    DiskManagerBuilder::default()
        .with_max_temp_directory_size(spill.limit)
        .with_temp_file_factory(Arc::new(folder))
}

impl TempFileFactory for SpillFolder {
    fn create_temp_file(&self, description: &str) -> datafusion::error::Result<Arc<dyn SpillFile>> {
        let mut made = self.made.lock();
        let made = match made.as_mut() {
            Some(made) => made,
            None => made.insert(self.make()?),
        };
        made.files.create_tmp_file(description)
    }
}

impl SpillFolder {
    /// Makes the folder, and removes those of processes that died.
    fn make(&self) -> datafusion::error::Result<Made> {
        let failed = |error: std::io::Error| {
            let error = Error::io("make a folder for spilled rows in", &self.spill.folder, &error)
                .hint("name another place with --spill-dir");
            DataFusionError::External(Box::new(error))
        };
        remove_abandoned(&self.spill.folder);
        let folder =
            Builder::new().prefix(PREFIX).tempdir_in(&self.spill.folder).map_err(failed)?;
        let owner = own(folder.path()).map_err(failed)?;
        let files = DiskManagerBuilder::default()
            .with_mode(DiskManagerMode::Directories(vec![folder.path().to_owned()]))
            .with_max_temp_directory_size(self.spill.limit)
            .build()?;
        LIVING.lock().push(folder.path().to_owned());
        Ok(Made { files: Arc::new(files), folder, _owner: owner })
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
        let is_abandoned = match File::open(entry.path().join(OWNER)) {
            Ok(owner) => owner.try_lock().is_ok(),
            Err(error) => error.kind() == ErrorKind::NotFound && is_older(&entry, BEING_MADE),
        };
        if is_abandoned {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether nothing was put into a folder or taken from it for so long.
fn is_older(folder: &DirEntry, age: Duration) -> bool {
    let changed = folder.metadata().and_then(|about| about.modified()).ok();
    changed.and_then(|time| time.elapsed().ok()).is_some_and(|since| since > age)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::{BEING_MADE, OWNER, PREFIX, Spill, manager};

    #[test]
    fn a_folder_is_made_by_the_first_file_and_goes_with_its_process_or_by_the_next() {
        let place = tempfile::tempdir().unwrap();
        let spill = Spill { folder: place.path().to_owned(), ..Spill::default() };
        let count = || std::fs::read_dir(place.path()).unwrap().count();
        let dead = place.path().join(format!("{PREFIX}dead"));
        std::fs::create_dir(&dead).unwrap();
        std::fs::write(dead.join(OWNER), "").unwrap();
        std::fs::write(dead.join("rows"), "many").unwrap();
        std::fs::create_dir(place.path().join("somebody's")).unwrap();
        let [one, two] = [(), ()].map(|()| std::sync::Arc::new(manager(&spill).build().unwrap()));
        assert!(dead.exists() && count() == 2, "nothing is spilled yet");
        let files = [&one, &one, &two].map(|files| files.create_tmp_file("a test").unwrap());
        assert!(!dead.exists());
        assert_eq!(count(), 3, "one folder for each, and none that lives was removed");
        drop((files, one, two));
        assert_eq!(count(), 1);
    }

    #[test]
    fn folders_that_nobody_marked_go_when_they_are_old() {
        let place = tempfile::tempdir().unwrap();
        let spill = Spill { folder: place.path().to_owned(), ..Spill::default() };
        let [new, old] = ["new", "old"].map(|name| place.path().join(format!("{PREFIX}{name}")));
        for folder in [&new, &old] {
            std::fs::create_dir(folder).unwrap();
        }
        let then = SystemTime::now() - BEING_MADE - Duration::from_secs(1);
        std::fs::File::open(&old).unwrap().set_modified(then).unwrap();
        let files = std::sync::Arc::new(manager(&spill).build().unwrap());
        let _file = files.create_tmp_file("a test").unwrap();
        assert!(new.exists() && !old.exists());
    }

    #[test]
    fn a_place_that_is_not_there_is_named_with_the_flag() {
        let folder = "/not/there".into();
        let files = manager(&Spill { folder, ..Spill::default() }).build().unwrap();
        let error = std::sync::Arc::new(files).create_tmp_file("a test").err().unwrap();
        assert!(error.to_string().contains("/not/there"), "{error}");
    }
}
