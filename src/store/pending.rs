//! A commit over several tables as one step: what is about to be done is
//! written down first, so that the next writer can finish what a crash cut
//! short.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::checkpoints::Checkpoints;
use super::layout::{Head, Layout, repair_hint, sealed_json};
use super::place::overtaken;
use super::{files, log, seal};
use crate::error::{Error, Result};
use crate::index;
use crate::model::{self, TABLES, Table};

/// All that a commit does once its data files are written.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Pending {
    /// The checksum of this file itself.
    seal: String,
    /// The head after the commit.
    head: Head,
    /// The log entries, in the order in which they are written.
    entries: Vec<PendingEntry>,
}

/// One log entry that is about to be written.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PendingEntry {
    /// The table's name.
    pub(super) table: String,
    /// The version that the entry makes.
    pub(super) version: i64,
    /// The whole entry.
    pub(super) entry: String,
}

impl Pending {
    /// The commit that takes the database from `head` on by `entries`.
    pub(super) fn new(head: &Head, entries: Vec<PendingEntry>) -> Self {
        let mut versions = head.versions.clone();
        for entry in &entries {
            versions.insert(entry.table.clone(), entry.version);
        }
        let head = head.next(versions);
        Self { seal: seal::BLANK.to_owned(), head, entries }
    }

    /// The head before the commit.
    pub(super) fn head_before(&self) -> Head {
        let mut head = self.head.clone();
        for entry in &self.entries {
            head.versions.insert(entry.table.clone(), entry.version - 1);
        }
        head.generation = head.generation.saturating_sub(1);
        head
    }

    /// Writes the commit down. From here on it will be done, by this writer or
    /// the next. In a bucket another writer may have come first.
    pub(super) fn write(&self, layout: &Layout) -> Result<()> {
        let path = layout.pending(self.head.generation);
        let text = sealed_json(self)?;
        if layout.bucket().is_some() {
            let is_ours = layout.create(&path, text.as_bytes())?;
            return if is_ours { Ok(()) } else { Err(overtaken(layout)) };
        }
        files::replace(&path, text.as_bytes()).map_err(|error| Error::io("write", &path, &error))
    }

    /// The commit that was written down and not finished, if there is one; in a
    /// bucket the one that comes after `head`.
    pub(super) fn read(layout: &Layout, head: Option<&Head>) -> Result<Option<Self>> {
        let path = match (layout.bucket(), head) {
            (Some(_), None) => return Ok(None),
            (_, head) => layout.pending(head.map_or(0, |head| head.generation + 1)),
        };
        Self::at(layout, &path)
    }

    fn at(layout: &Layout, path: &Path) -> Result<Option<Self>> {
        let Some(bytes) = layout.read(path)? else { return Ok(None) };
        let pending = seal::is_intact(&bytes).then(|| serde_json::from_slice(&bytes).ok());
        match pending.flatten() {
            Some(pending) => Ok(Some(pending)),
            None => {
                Err(Error::store(format!("{} is damaged", path.display()))
                    .hint(repair_hint(layout)))
            }
        }
    }

    /// The newest commit that was written down in a bucket, if there is one.
    pub(super) fn newest(layout: &Layout) -> Result<Option<Self>> {
        let Some(bucket) = layout.bucket() else { return Ok(None) };
        let path = layout.pending(0);
        let folder = path.parent().and_then(|folder| bucket.name_of(folder));
        let names = bucket.children(&folder.unwrap_or_default())?.objects;
        let Some(newest) = names.into_iter().max() else { return Ok(None) };
        Self::at(layout, &path.with_file_name(newest))
    }

    /// Takes back what a failed [`Pending::publish`] did before the head moved,
    /// so that the commit never was. If that fails too, the next writer does
    /// the commit.
    pub(super) fn undo(&self, layout: &Layout, head: &Head) -> Result<()> {
        if layout.bucket().is_some() {
            return self.is_not_made(layout, head);
        }
        if Head::read(layout)?.generation != head.generation {
            return Err(Error::store("the commit is made already"));
        }
        for entry in self.entries.iter().rev() {
            let table = entry.table()?;
            let path = layout.entry(table, entry.version);
            let is_ours = std::fs::read(&path).is_ok_and(|text| text == entry.entry.as_bytes());
            if is_ours {
                files::remove(&path)
                    .and_then(|()| files::sync_folder(&layout.log(table)))
                    .map_err(|error| Error::io("remove", &path, &error))?;
            }
        }
        forget(layout)?;
        files::sync_folder(&layout.root).map_err(|error| Error::io("sync", &layout.root, &error))
    }

    /// Whether it is certain that the commit is not and will not be made, because
    /// the next generation is another writer's.
    fn is_not_made(&self, layout: &Layout, head: &Head) -> Result<()> {
        let sealed = sealed_json(self)?;
        match layout.read(&layout.pending(head.generation + 1))? {
            Some(there) if there != sealed.as_bytes() => Ok(()),
            _ => Err(Error::store("the commit may be made")),
        }
    }

    /// Does what is written down, as far as it is not done yet; gives the head
    /// after it.
    pub(super) fn publish(&self, layout: &Layout) -> Result<Head> {
        for entry in &self.entries {
            entry.publish(layout)?;
        }
        self.head.write(layout)?;
        // The commit is made; what is left of it here does no harm.
        let _ = forget(layout);
        Ok(self.head.clone())
    }
}

impl PendingEntry {
    /// The table.
    fn table(&self) -> Result<&'static Table> {
        model::table(&self.table)
            .ok_or_else(|| Error::store(format!("a pending commit names table `{}`", self.table)))
    }

    /// Writes the log entry unless it is there.
    fn publish(&self, layout: &Layout) -> Result<()> {
        let table = self.table()?;
        let path = layout.entry(table, self.version);
        if layout.create(&path, self.entry.as_bytes())? {
            return Ok(());
        }
        Err(Error::store(format!("{} was written by another program", path.display()))
            .hint(repair_hint(layout)))
    }
}

/// Removes what was written down.
pub(super) fn forget(layout: &Layout) -> Result<()> {
    if layout.bucket().is_some() {
        // A late writer must find its generation taken.
        return Ok(());
    }
    // Not synced: one that comes back after a power cut names a generation that
    // the head has reached, and is forgotten again.
    let path = layout.pending(0);
    files::remove(&path).map_err(|error| Error::io("remove", &path, &error))
}

/// Finishes what the writer before left: a commit that was written down, and,
/// if it died, the files that no log names. Only under the writer's lock.
pub(super) fn recover(layout: &Layout, abandoned: bool) -> Result<Head> {
    let head = Head::read(layout)?;
    let head = match Pending::read(layout, Some(&head))? {
        Some(pending) if pending.head.generation == head.generation + 1 => {
            pending.publish(layout)?
        }
        Some(_) => {
            forget(layout)?;
            head
        }
        None => head,
    };
    if abandoned {
        for table in TABLES {
            remove_leftovers(layout, table, &head)?;
            Checkpoints::discard_unsure(layout, table)?;
        }
    }
    Ok(head)
}

/// Removes the files in a table's folder that no version of it names.
pub(super) fn remove_leftovers(layout: &Layout, table: &'static Table, head: &Head) -> Result<()> {
    let folder = layout.table(table);
    let mut leftovers = files_in(&folder)?;
    leftovers.retain(|name| data_file_of(name).is_some() || files::is_staged(name));
    if !leftovers.is_empty() {
        let named = log::named_files(layout, table, head.version(table)?)?;
        leftovers.retain(|name| data_file_of(name).is_none_or(|name| !named.contains(&name)));
        remove_all(&folder, leftovers)?;
    }
    let log = layout.log(table);
    let staged = files_in(&log)?.into_iter().filter(|name| files::is_staged(name)).collect();
    remove_all(&log, staged)
}

/// The data file that a file called `name` is, or lies beside.
pub(super) fn data_file_of(name: &str) -> Option<String> {
    if name.ends_with(".parquet") { Some(name.to_owned()) } else { index::data_file_name(name) }
}

/// The names of the plain files in `folder`; links are none.
pub(super) fn files_in(folder: &Path) -> Result<Vec<String>> {
    let failed = |error: std::io::Error| files::damaged(Error::io("read", folder, &error));
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_file() {
            names.extend(entry.file_name().into_string().ok());
        }
    }
    Ok(names)
}

/// Removes the files `names` in `folder`.
fn remove_all(folder: &Path, names: Vec<String>) -> Result<()> {
    for name in names {
        let path = folder.join(name);
        std::fs::remove_file(&path).map_err(|error| Error::io("remove", &path, &error))?;
    }
    Ok(())
}
