//! Checksums of a table's checkpoints.
//!
//! The Delta library writes checkpoints, and nothing in them tells whether they
//! are as they were written. Log entries are never removed, so a checkpoint in
//! doubt can always be done without.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::layout::{Layout, repair_hint, sealed_json};
use super::{files, log, seal};
use crate::error::{Error, Result};
use crate::model::Table;

/// The library's note of the last checkpoint.
const LAST_CHECKPOINT: &str = "_last_checkpoint";

/// The checksums of the checkpoints of one table, by file name.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Checkpoints {
    seal: String,
    sha256: BTreeMap<String, String>,
}

impl Checkpoints {
    /// No checkpoints.
    fn none() -> Self {
        Self { seal: seal::BLANK.to_owned(), sha256: BTreeMap::new() }
    }

    /// The checksums that are kept for `table`.
    pub(super) fn read(layout: &Layout, table: &'static Table) -> Result<Self> {
        let path = path(layout, table);
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::none()),
            other => other.map_err(|error| Error::io("read", &path, &error))?,
        };
        let known = seal::is_intact(&bytes).then(|| serde_json::from_slice(&bytes).ok()).flatten();
        known.ok_or_else(|| {
            Error::store(format!("{} is damaged", path.display())).hint(repair_hint(layout))
        })
    }

    /// Takes note of the checkpoint at `version`, which was just written.
    pub(super) fn record(layout: &Layout, table: &'static Table, version: i64) -> Result<()> {
        let mut known = Self::read(layout, table)?;
        for name in [name_of(version), LAST_CHECKPOINT.to_owned()] {
            let file = layout.log(table).join(&name);
            let (_, sha256) =
                files::checksum(&file).map_err(|error| Error::io("read", &file, &error))?;
            known.sha256.insert(name, sha256);
        }
        known.write(layout, table)
    }

    /// Refuses the checkpoint at `version` if it is not as it was written. One
    /// that is not known yet was cut short by a crash, before its checksum, not
    /// before its end: the library puts it there whole.
    pub(super) fn check(&self, layout: &Layout, table: &'static Table, version: i64) -> Result<()> {
        self.check_file(layout, table, &name_of(version))
    }

    /// Every file in doubt, and what is wrong with it.
    pub(super) fn check_all(layout: &Layout, table: &'static Table) -> Result<Vec<Error>> {
        let known = match Self::read(layout, table) {
            Ok(known) => known,
            Err(error) => return Ok(vec![error]),
        };
        let names = known.sha256.keys();
        Ok(names.filter_map(|name| known.check_file(layout, table, name).err()).collect())
    }

    /// Removes all checkpoints if one is not known, or is not as it was
    /// written.
    pub(super) fn discard_unsure(layout: &Layout, table: &'static Table) -> Result<()> {
        let written = log::checkpoints(&layout.log(table))?;
        let is_sure = Self::check_all(layout, table)?.is_empty()
            && Self::read(layout, table).is_ok_and(|known| {
                written.iter().all(|version| known.sha256.contains_key(&name_of(*version)))
            });
        if is_sure { Ok(()) } else { Self::discard(layout, table) }
    }

    /// Removes all checkpoints of `table`.
    pub(super) fn discard(layout: &Layout, table: &'static Table) -> Result<()> {
        let log = layout.log(table);
        // The note goes first: one that names what is gone would be an error.
        let mut paths = vec![log.join(LAST_CHECKPOINT)];
        paths.extend(log::checkpoints(&log)?.into_iter().map(|version| log.join(name_of(version))));
        paths.push(path(layout, table));
        for path in paths {
            files::remove(&path).map_err(|error| Error::io("remove", &path, &error))?;
        }
        files::sync_folder(&log).map_err(|error| Error::io("sync", &log, &error))
    }

    fn check_file(&self, layout: &Layout, table: &'static Table, name: &str) -> Result<()> {
        let Some(sha256) = self.sha256.get(name) else { return Ok(()) };
        let file = layout.log(table).join(name);
        match files::checksum(&file) {
            Ok((_, found)) if found == *sha256 => Ok(()),
            Ok(_) => Err(Error::store(format!("checkpoint {} is damaged", file.display()))
                .hint(repair_hint(layout))),
            Err(error) => Err(files::damaged(Error::io("read checkpoint", &file, &error))
                .hint(repair_hint(layout))),
        }
    }

    fn write(&self, layout: &Layout, table: &'static Table) -> Result<()> {
        let path = path(layout, table);
        let blank = Self { seal: seal::BLANK.to_owned(), sha256: self.sha256.clone() };
        let text = sealed_json(&blank)?;
        files::replace(&path, text.as_bytes()).map_err(|error| Error::io("write", &path, &error))
    }
}

/// Where the checksums of a table's checkpoints lie.
fn path(layout: &Layout, table: &'static Table) -> PathBuf {
    layout.table(table).join("_checkpoints.json")
}

/// The name of the checkpoint at `version`.
fn name_of(version: i64) -> String {
    format!("{version:020}{}", log::CHECKPOINT)
}
