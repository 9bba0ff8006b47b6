//! Checksums of a table's checkpoints.
//!
//! The Delta library writes checkpoints, and nothing in them tells whether they
//! are as they were written. Log entries are never removed, so a checkpoint in
//! doubt can always be done without.
//!
//! A database in a bucket has both there too: whoever comes first to a version
//! that is due puts its checkpoint there, and then its checksum. One without a
//! checksum is not read, nor one whose checksum is that of another database.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::files::sha256;
use super::layout::{Layout, repair_hint, sealed_json};
use super::{files, log, seal};
use crate::error::{Error, Kind, Result};
use crate::model::Table;

/// The library's note of the last checkpoint.
const LAST_CHECKPOINT: &str = "_last_checkpoint";

/// The checksums of the checkpoints of one table, by file name.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Checkpoints {
    seal: String,
    /// In a bucket, the database that they are of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<String>,
    sha256: BTreeMap<String, String>,
}

impl Checkpoints {
    /// No checkpoints.
    fn none() -> Self {
        Self { seal: seal::BLANK.to_owned(), of: None, sha256: BTreeMap::new() }
    }

    /// The checksums that are kept here for `table`.
    pub(super) fn read(layout: &Layout, table: &'static Table) -> Result<Self> {
        let path = path(layout, table);
        match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::none()),
            Err(error) => Err(Error::io("read", &path, &error)),
            Ok(bytes) => Self::parse(layout, table, &bytes),
        }
    }

    /// Those that are kept where the database lies: here or in its bucket.
    fn read_there(layout: &Layout, table: &'static Table) -> Result<Self> {
        if layout.bucket().is_none() {
            return Self::read(layout, table);
        }
        let bytes = layout.read(&path(layout, table))?;
        bytes.map_or_else(|| Ok(Self::none()), |bytes| Self::parse(layout, table, &bytes))
    }

    fn parse(layout: &Layout, table: &'static Table, bytes: &[u8]) -> Result<Self> {
        let known = seal::is_intact(bytes).then(|| serde_json::from_slice(bytes).ok()).flatten();
        known.ok_or_else(|| {
            let path = path(layout, table);
            Error::store(format!("{} is damaged", path.display())).hint(repair_hint(layout))
        })
    }

    /// Takes note of the checkpoint at `version`, which was just written here.
    pub(super) fn record(layout: &Layout, table: &'static Table, version: i64) -> Result<()> {
        let mut known = Self::read(layout, table)?.if_of(layout);
        for name in [name_of(version), LAST_CHECKPOINT.to_owned()] {
            let file = layout.log(table).join(&name);
            match files::checksum(&file) {
                Ok((_, sha256)) => drop(known.sha256.insert(name, sha256)),
                // The library has written none if the checkpoint was fetched.
                Err(error)
                    if error.kind() == std::io::ErrorKind::NotFound && name == LAST_CHECKPOINT => {}
                Err(error) => return Err(Error::io("read", &file, &error)),
            }
        }
        let path = path(layout, table);
        files::replace(&path, known.sealed()?.as_bytes())
            .map_err(|error| Error::io("write", &path, &error))
    }

    /// Puts the checkpoint at `version`, which was just written here, into the
    /// bucket of the database, if it lies in one and another writer has not done
    /// that.
    pub(super) fn send(layout: &Layout, table: &'static Table, version: i64) -> Result<()> {
        if layout.bucket().is_none() {
            return Ok(());
        }
        let name = name_of(version);
        let file = layout.log(table).join(&name);
        let bytes = files::read(&file)?;
        if !layout.create(&file, &bytes)? {
            return Ok(());
        }
        let sha256 = sha256(&bytes);
        layout.change(&path(layout, table), |there| {
            let known = there.map(|there| Self::parse(layout, table, there)).transpose()?;
            let mut known = known.unwrap_or_else(Self::none).if_of(layout);
            known.sha256.insert(name.clone(), sha256.clone());
            Ok(known.sealed()?.into_bytes())
        })
    }

    /// Fetches the newest checkpoint at one of `versions` from the bucket of the
    /// database that is there as it was written; which one.
    pub(super) fn fetch(
        layout: &Layout,
        table: &'static Table,
        versions: RangeInclusive<i64>,
    ) -> Result<Option<i64>> {
        let there = layout.checkpoints_there(table)?;
        let mut there = there.range(versions).rev().peekable();
        if there.peek().is_none() {
            return Ok(None);
        }
        let known = match Self::read_there(layout, table) {
            Err(error) if error.kind() == Kind::Store => return Ok(None),
            known => known?.if_of(layout),
        };
        for &version in there {
            let name = name_of(version);
            let Some(expected) = known.sha256.get(&name) else { continue };
            let file = layout.log(table).join(&name);
            let found = layout.read(&file)?.filter(|bytes| sha256(bytes) == *expected);
            if let Some(bytes) = found {
                files::replace(&file, &bytes).map_err(|error| Error::io("write", &file, &error))?;
                Self::record(layout, table, version)?;
                return Ok(Some(version));
            }
        }
        Ok(None)
    }

    /// The same, or none if they are of another database that was in the bucket
    /// before.
    fn if_of(self, layout: &Layout) -> Self {
        let of = layout.identity();
        if self.of == of { self } else { Self { of, ..Self::none() } }
    }

    /// Removes the checkpoints here of another database that was in the bucket
    /// before.
    pub(super) fn discard_strange(layout: &Layout, table: &'static Table) -> Result<()> {
        if log::checkpoints(&layout.log(table))?.is_empty() {
            return Ok(());
        }
        match Self::read(layout, table) {
            Ok(known) if known.of != layout.identity() => Self::discard(layout, table),
            _ => Ok(()),
        }
    }

    /// Refuses the checkpoint at `version` if it is not as it was written. One
    /// that is not known yet was cut short by a crash, before its checksum, not
    /// before its end: the library puts it there whole.
    pub(super) fn check(&self, layout: &Layout, table: &'static Table, version: i64) -> Result<()> {
        self.check_file(layout, table, &name_of(version))
    }

    /// Every file in doubt where the database lies, and what is wrong with it.
    pub(super) fn check_all(layout: &Layout, table: &'static Table) -> Result<Vec<Error>> {
        let known = match Self::read_there(layout, table) {
            Ok(known) => known,
            Err(error) if layout.bucket().is_none() || error.kind() == Kind::Store => {
                return Ok(vec![error]);
            }
            Err(error) => return Err(error),
        };
        if layout.bucket().is_none() {
            let found = known.sha256.keys().map(|name| known.check_file(layout, table, name));
            return Ok(found.filter_map(Result::err).collect());
        }
        let mut errors = Vec::new();
        for (name, expected) in &known.sha256 {
            let file = layout.log(table).join(name);
            let what = match layout.read(&file)? {
                Some(bytes) if sha256(&bytes) == *expected => continue,
                Some(_) => "damaged",
                None => "missing",
            };
            let message = format!("checkpoint {} is {what}", file.display());
            errors.push(Error::store(message).hint(repair_hint(layout)));
        }
        Ok(errors)
    }

    /// Removes all checkpoints if one is not known, or is not as it was
    /// written.
    pub(super) fn discard_unsure(layout: &Layout, table: &'static Table) -> Result<()> {
        if layout.bucket().is_some() {
            // Those that are needed are fetched again.
            return Self::discard(layout, table);
        }
        let written = log::checkpoints(&layout.log(table))?;
        let is_sure = Self::check_all(layout, table)?.is_empty()
            && Self::read(layout, table).is_ok_and(|known| {
                written.iter().all(|version| known.sha256.contains_key(&name_of(*version)))
            });
        if is_sure { Ok(()) } else { Self::discard(layout, table) }
    }

    /// Removes all checkpoints of `table` where the database lies, with what is
    /// known of them.
    pub(super) fn remove(layout: &Layout, table: &'static Table) -> Result<()> {
        let versions = layout.checkpoints_there(table)?;
        // What is known of them goes first, so that nobody looks for what is gone.
        let paths = [path(layout, table), layout.log(table).join(LAST_CHECKPOINT)].into_iter();
        let files = versions.into_iter().map(|version| layout.log(table).join(name_of(version)));
        paths.chain(files).try_for_each(|path| layout.forget(&path))?;
        Self::discard(layout, table)
    }

    /// Removes all checkpoints of `table` that are here.
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

    /// The text of the file, sealed.
    fn sealed(&self) -> Result<String> {
        let Self { of, sha256, .. } = self;
        sealed_json(&Self { seal: seal::BLANK.to_owned(), of: of.clone(), sha256: sha256.clone() })
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
