//! What a folder and a bucket do each in their own way.
//!
//! In a folder one writer at a time holds a lock. In a bucket several may work
//! at once, and the store decides who is first: a commit is written down under
//! the number of the generation that it makes, if that is free. From then on it
//! is made, and whoever comes by finishes it; the others begin again after it.
//! So such records are never removed: a late writer must find its number taken.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::checkpoints::Checkpoints;
use super::data_file::Written;
use super::layout::{Head, Layout};
use super::{files, log, pending};
use crate::bucket::{Address, Bucket, Created};
use crate::error::{Error, Kind, Result};
use crate::index;
use crate::model::{HEAD, TABLES, Table};

/// Folders of a database with files that people put there.
const OF_PEOPLE: [&str; 2] = ["dictionaries", "queries"];

/// How the names of log entries end.
const ENTRY: &str = ".json";

/// So many log entries are read one by one. In the place of more a checkpoint is
/// fetched, if there is one.
const FAR: i64 = 20;

/// How much of a log is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// All entries.
    Whole,
    /// What reading the table at a version rests on.
    Version(i64),
}

/// The bucket of a database, whose folder here holds copies.
#[derive(Debug)]
pub(super) struct Remote {
    /// The bucket.
    pub(super) bucket: Arc<Bucket>,
    /// The head as it was read last.
    seen: Mutex<Option<Head>>,
}

impl Layout {
    /// The database at `path`: a folder, or the address of a bucket.
    pub(super) fn at(path: &Path) -> Result<Self> {
        let Some(address) = Address::parse(path)? else {
            let root = super::without_parents(path);
            let root = root.map_err(|error| Error::io("open", path, &error))?;
            return Ok(Self { root, remote: None });
        };
        let bucket = Bucket::connect(address)?;
        let root = bucket.folder().to_owned();
        let layout =
            Self { root, remote: Some(Arc::new(Remote { bucket, seen: Mutex::default() })) };
        for folder in TABLES.iter().map(|table| layout.log(table)) {
            let made = std::fs::create_dir_all(&folder);
            made.map_err(|error| Error::io("make", &folder, &error))?;
        }
        Ok(layout)
    }

    /// The bucket, if the database lies in one.
    pub(super) fn bucket(&self) -> Option<&Arc<Bucket>> {
        self.remote.as_ref().map(|remote| &remote.bucket)
    }

    /// What people call the database.
    pub(super) fn name(&self) -> String {
        match self.bucket() {
            Some(bucket) => bucket.to_string(),
            None => self.root.display().to_string(),
        }
    }

    /// `error` in terms of the bucket instead of the copies here.
    pub(super) fn told(&self, error: Error) -> Error {
        match self.bucket() {
            Some(_) => error.reworded(|text| self.worded(text)),
            None => error,
        }
    }

    /// `text` with addresses instead of the paths of copies.
    pub(super) fn worded(&self, text: &str) -> String {
        match self.bucket() {
            Some(bucket) => text.replace(&self.root.display().to_string(), &bucket.to_string()),
            None => text.to_owned(),
        }
    }

    /// The small file at `path` as it is now; none if it is not there.
    pub(super) fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        if let Some(bucket) = self.bucket() {
            return bucket.read(&name_in(bucket, path)?);
        }
        match std::fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            other => other.map(Some).map_err(|error| Error::io("read", path, &error)),
        }
    }

    /// Makes a small file that never changes, in one step; whether it is there
    /// now with these bytes, by us or by another. `false` if it has others.
    pub(super) fn create(&self, path: &Path, bytes: &[u8]) -> Result<bool> {
        if let Some(bucket) = self.bucket() {
            return Ok(bucket.create(&name_in(bucket, path)?, bytes)? == Created::Done);
        }
        let created = files::create(path, bytes)
            .map_err(|error| files::damaged(Error::io("write", path, &error)))?;
        Ok(created || files::read(path)? == bytes)
    }

    /// Puts `head` in the place of an earlier one.
    pub(super) fn replace_head(&self, head: &Head, bytes: &[u8]) -> Result<()> {
        let path = self.head();
        let Some(remote) = &self.remote else {
            return files::replace(&path, bytes).map_err(|error| Error::io("write", &path, &error));
        };
        remote.bucket.update(&name_in(&remote.bucket, &path)?, |there| {
            let there: Head = serde_json::from_slice(there).map_err(|_| overtaken(self))?;
            if !there.is_of_one_database(head) {
                return Err(overtaken(self));
            }
            Ok((there.generation < head.generation).then(|| bytes.to_vec()))
        })?;
        // As it is written, with its seal.
        if let Ok(written) = serde_json::from_slice(bytes) {
            self.has_seen(&written);
        }
        Ok(())
    }

    /// Puts a small file at `path` in the place of a damaged one.
    pub(super) fn overwrite(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        match self.bucket() {
            Some(bucket) => bucket.overwrite(&name_in(bucket, path)?, bytes),
            None => files::replace(path, bytes).map_err(|error| Error::io("write", path, &error)),
        }
    }

    /// Makes of the small object at `path` what `next` makes of it, or of nothing
    /// if it is not there. Another one that comes in between is looked at again.
    pub(super) fn change(
        &self,
        path: &Path,
        next: impl Fn(Option<&[u8]>) -> Result<Vec<u8>>,
    ) -> Result<()> {
        let Some(bucket) = self.bucket() else { return Ok(()) };
        let name = name_in(bucket, path)?;
        if bucket.create(&name, &next(None)?)? == Created::Done {
            return Ok(());
        }
        bucket.update(&name, |there| next(Some(there)).map(Some))
    }

    /// Removes the object at `path`, which need not be there, with its copy.
    pub(super) fn forget(&self, path: &Path) -> Result<()> {
        self.bucket().map_or(Ok(()), |bucket| bucket.remove(&name_in(bucket, path)?))
    }

    /// Moves the object at `path` to `to`, or to a name like it that is free; it
    /// need not be there.
    pub(super) fn move_object(&self, path: &Path, to: &Path) -> Result<()> {
        let Some(bucket) = self.bucket() else { return Ok(()) };
        bucket.rename(&name_in(bucket, path)?, &name_in(bucket, to)?)
    }

    /// Refuses a commit after `head` when another has come already, before
    /// anything is sent.
    pub(super) fn expect_head(&self, head: &Head) -> Result<()> {
        if self.bucket().is_none() {
            return Ok(());
        }
        let there = Head::read(self)?;
        let is_it = there.generation == head.generation && there.is_of_one_database(head);
        if is_it { Ok(()) } else { Err(overtaken(self)) }
    }

    /// Takes note of the head of the database.
    pub(super) fn has_seen(&self, head: &Head) {
        if let Some(remote) = &self.remote {
            *remote.seen.lock() = Some(head.clone());
        }
    }

    /// A head that knows `version` of `table`: of a bucket the one that was read
    /// last, if it will do.
    pub(super) fn head_with(&self, table: &Table, version: i64) -> Result<Head> {
        let seen = self.remote.as_ref().and_then(|remote| remote.seen.lock().clone());
        match seen {
            Some(head) if head.version(table).is_ok_and(|latest| version <= latest) => Ok(head),
            _ => Head::read(self),
        }
    }

    /// Looks how far the log of `table` goes, if the database lies in a bucket;
    /// whether what was here before is true no longer.
    pub(super) fn follow_log(&self, table: &'static Table) -> Result<bool> {
        let Some(remote) = &self.remote else { return Ok(false) };
        let stamp = match &*remote.seen.lock() {
            Some(head) => head.stamp(table)?,
            None => uuid::Uuid::new_v4().to_string(),
        };
        let is_wanted = |name: &str| name.ends_with(ENTRY) || name.ends_with(log::CHECKPOINT);
        let is_rewritten = remote.bucket.look(&log_name(table), &stamp, is_wanted)?;
        if is_rewritten {
            Checkpoints::discard(self, table)?;
        }
        Ok(is_rewritten)
    }

    /// Fetches what of the log of `table` is needed and not here, if the database
    /// lies in a bucket.
    pub(super) fn fetch_log(&self, table: &'static Table, reach: Reach) -> Result<()> {
        self.follow_log(table)?;
        let Some(bucket) = self.bucket() else { return Ok(()) };
        let log = log_name(table);
        let entry = |version: i64| format!("{log}/{version:020}{ENTRY}");
        let entries = match reach {
            Reach::Whole => {
                bucket.seen(&log).into_iter().filter(|name| name.ends_with(ENTRY)).collect()
            }
            Reach::Version(version) => {
                Checkpoints::discard_strange(self, table)?;
                let mut from = log::newest_checkpoint(self, table, version)?;
                if version - from > FAR {
                    from = Checkpoints::fetch(self, table, from + 1..=version)?.unwrap_or(from);
                }
                // The last entry tells, when another is seen in its place, that this
                // is another log.
                (version.min(from + 1)..=version).map(entry).collect()
            }
        };
        bucket.copy_all(&log, entries)
    }

    /// The versions of which there are checkpoints: in the bucket, if the database
    /// lies in one.
    pub(super) fn checkpoints_there(&self, table: &'static Table) -> Result<BTreeSet<i64>> {
        let Some(bucket) = self.bucket() else { return log::checkpoints(&self.log(table)) };
        let names = bucket.seen(&log_name(table)).into_iter();
        let version = |name: String| {
            name.strip_suffix(log::CHECKPOINT)?.rsplit('/').next()?.parse::<i64>().ok()
        };
        Ok(names.filter_map(version).collect())
    }

    /// What tells the database in the bucket from another that was there before.
    pub(super) fn identity(&self) -> Option<String> {
        self.remote.as_ref()?.seen.lock().as_ref()?.identity()
    }

    /// Makes nothing of what was fetched count.
    pub(super) fn distrust(&self) -> Result<()> {
        let Some(bucket) = self.bucket() else { return Ok(()) };
        bucket.distrust()?;
        TABLES.iter().try_for_each(|table| Checkpoints::discard(self, table))
    }

    /// Sees whether there is a database in the bucket, and fetches what people
    /// put beside it.
    pub(super) fn discover(&self) -> Result<bool> {
        let Some(bucket) = self.bucket() else { return Ok(self.head().exists()) };
        let children = bucket.children("")?;
        let moment = uuid::Uuid::new_v4().to_string();
        for folder in OF_PEOPLE {
            if children.folders.iter().any(|name| name == folder) {
                bucket.look(folder, &moment, |_| true)?;
                bucket.copy_all(folder, bucket.seen(folder))?;
            } else {
                // What is gone there must not go on here.
                let _ = std::fs::remove_dir_all(self.root.join(folder));
            }
        }
        Ok(children.objects.iter().any(|name| name == HEAD))
    }

    /// Sends data files and what lies beside them to the bucket, if there is
    /// one, before a commit names them.
    pub(super) fn send<'a>(&self, files: impl Iterator<Item = &'a Written>) -> Result<()> {
        let Some(bucket) = self.bucket() else { return Ok(()) };
        let mut names = Vec::new();
        for path in files.flat_map(with_index) {
            names.push(name_in(bucket, &path)?);
        }
        bucket.send(names)
    }

    /// Takes back what was sent and no commit names, as far as that can be done
    /// now; `optimize` finds what is left.
    pub(super) fn take_back<'a>(&self, files: impl Iterator<Item = &'a Written>) {
        if self.bucket().is_some() {
            files.for_each(|written| drop(self.remove(&written.file.path)));
        }
    }

    /// Removes the data file at `path` that nothing needs any more, with what
    /// lies beside it.
    pub(super) fn remove(&self, path: &Path) -> Result<()> {
        for path in [index::path(path), path.to_owned()] {
            match self.bucket() {
                Some(bucket) => bucket.remove(&name_in(bucket, &path)?)?,
                None => {
                    files::remove(&path).map_err(|error| Error::io("remove", &path, &error))?;
                }
            }
        }
        Ok(())
    }

    /// The names of the files of a table that are there.
    pub(super) fn names(&self, table: &Table) -> Result<HashSet<String>> {
        let names = match self.bucket() {
            Some(bucket) => bucket.children(table.name)?.objects,
            None => pending::files_in(&self.table(table))?,
        };
        Ok(names.into_iter().collect())
    }

    /// Removes objects that are older than `age` and that no version of `table`,
    /// of which `named` are the files, has named: a writer sent them that never
    /// came to its end.
    pub(super) fn remove_orphans(
        &self,
        table: &Table,
        named: &HashSet<String>,
        age: chrono::TimeDelta,
    ) -> Result<()> {
        let Some(bucket) = self.bucket() else { return Ok(()) };
        for (name, meta) in bucket.objects(table.name)? {
            let file = name.strip_prefix(table.name).map_or("", |name| &name[1..]);
            let is_orphan = !file.contains('/')
                && pending::data_file_of(file).is_some_and(|file| !named.contains(&file))
                && chrono::Utc::now() - meta.last_modified > age;
            if is_orphan {
                bucket.remove(&name)?;
            }
        }
        Ok(())
    }

    /// Makes an empty database in the bucket; one that is empty will do. Others
    /// may do the same at the same time.
    pub(super) fn create_in(&self, bucket: &Arc<Bucket>) -> Result<()> {
        let there = bucket.children("")?;
        if there.objects.iter().any(|name| name == HEAD) {
            return match Head::read(self)?.generation {
                0 => Ok(()),
                _ => Err(Error::usage(format!("{bucket} is a weiku database already"))),
            };
        }
        let first = TABLES.iter().map(|table| name_in(bucket, &self.entry(table, 0)));
        let first = first.collect::<Result<Vec<_>>>()?;
        let is_of_people = |name: &str| OF_PEOPLE.iter().any(|folder| name.starts_with(folder));
        // Others may be making the same database, or have been cut off.
        let is_new = |name: &String| first.contains(name) || is_of_people(name);
        if !bucket.objects("")?.iter().all(|(name, _)| is_new(name)) {
            return Err(Error::usage(format!("{bucket} is not empty"))
                .hint("name a place in the bucket where there is nothing yet"));
        }
        for table in TABLES {
            let entry = self.entry(table, 0);
            let text = log::creation(table)?;
            let name = name_in(bucket, &entry)?;
            bucket.create(&name, text.as_bytes())?;
            if table.name == TABLES[0].name && !bucket.refuses_second(&name, text.as_bytes())? {
                return Err(Error::usage(format!("{bucket} does not keep to conditional writes"))
                    .hint("two writers could lose rows there; use a store that does"));
            }
        }
        let versions = TABLES.iter().map(|table| (table.name.to_owned(), 0)).collect();
        let head = Head::new(0, versions).with_id(uuid::Uuid::new_v4().to_string());
        let text = super::layout::sealed_json(&head)?;
        bucket.create(&name_in(bucket, &self.head())?, text.as_bytes())?;
        Head::read(self).map(drop)
    }
}

/// The error of a writer before whose commit another one came.
pub(super) fn overtaken(layout: &Layout) -> Error {
    let message = format!("another writer has changed {} meanwhile", layout.name());
    Error::new(Kind::Overtaken, message).hint("nothing was written; try again")
}

/// The name of the folder of a table's log in the bucket.
fn log_name(table: &Table) -> String {
    format!("{}/_delta_log", table.name)
}

/// A data file and what lies beside it, as far as there is something.
fn with_index(written: &Written) -> Vec<PathBuf> {
    let path = &written.file.path;
    let index = Some(index::path(path)).filter(|index| index.exists());
    [Some(path.clone()), index].into_iter().flatten().collect()
}

/// The name in the bucket of the file at `path`.
fn name_in(bucket: &Bucket, path: &Path) -> Result<String> {
    bucket
        .name_of(path)
        .ok_or_else(|| Error::internal(format!("{} is not in {bucket}", path.display())))
}
