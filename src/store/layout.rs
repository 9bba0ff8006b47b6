//! Where things lie in a database folder, and the head: the small file that
//! says which version of each table is committed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::place::Remote;
use super::seal;
use crate::error::{Error, Kind, Result, nearest};
use crate::model::{HEAD, Table};

/// The format of the folder that this program writes.
pub(super) const FORMAT: u32 = 1;

/// What to try when a file of the database is damaged.
pub(super) fn repair_hint(layout: &Layout) -> String {
    format!("weiku verify {} --repair", layout.name())
}

/// Where a database lies, and the paths in its folder.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// The folder; for a database in a bucket the one of the copies here.
    pub(super) root: PathBuf,
    /// The bucket, if the database lies in one.
    pub(super) remote: Option<Arc<Remote>>,
}

impl Layout {
    /// The head.
    pub(super) fn head(&self) -> PathBuf {
        self.root.join(HEAD)
    }

    /// What a commit that is under way and makes `generation` is about to do. In
    /// a bucket each has a place of its own for good.
    pub(super) fn pending(&self, generation: u64) -> PathBuf {
        match self.bucket() {
            None => self.root.join("pending.json"),
            Some(_) => self.root.join("commits").join(format!("{generation:020}.json")),
        }
    }

    /// The writer's lock.
    pub(super) fn lock(&self) -> PathBuf {
        self.root.join(".lock")
    }

    /// The folder of a table.
    pub(super) fn table(&self, table: &Table) -> PathBuf {
        self.root.join(table.name)
    }

    /// The folder of a table's log.
    pub(super) fn log(&self, table: &Table) -> PathBuf {
        self.table(table).join("_delta_log")
    }

    /// The log entry of one version of a table.
    pub(super) fn entry(&self, table: &Table, version: i64) -> PathBuf {
        self.log(table).join(format!("{version:020}.json"))
    }

    /// The path of a data file that a table's log names `path`.
    ///
    /// Only plain names of files in the table's folder are followed: a foreign
    /// log must not make the program read other files.
    pub(super) fn data_file(&self, table: &Table, path: &str) -> Result<PathBuf> {
        if path.is_empty() || path.starts_with('.') || path.contains(['/', '\\', ':', '%']) {
            return Err(Error::store(format!(
                "the log of table `{}` names `{path}`, which is not a file in its folder",
                table.name
            )));
        }
        let absolute = self.table(table).join(path);
        match std::fs::symlink_metadata(&absolute) {
            Ok(found) if found.is_symlink() => Err(Error::store(format!(
                "{} is a link; data files must lie in the database",
                absolute.display()
            ))),
            // A missing file is told by whoever reads it: other files are fine.
            _ => Ok(absolute),
        }
    }
}

/// The committed version of every table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// The format of the folder.
    pub(super) format: u32,
    /// How many transactions were committed.
    pub(super) generation: u64,
    /// The version of each table, by name.
    pub(super) versions: BTreeMap<String, i64>,
    /// In a bucket, what tells the database from another that was there before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The checksum of the head itself.
    pub(super) seal: String,
}

impl Head {
    /// A head of this program's format.
    pub(super) fn new(generation: u64, versions: BTreeMap<String, i64>) -> Self {
        Self { format: FORMAT, generation, versions, id: None, seal: seal::BLANK.to_owned() }
    }

    /// The head with a name for its database.
    pub(super) fn with_id(self, id: String) -> Self {
        Self { id: Some(id), ..self }
    }

    /// The head after one more commit.
    pub(super) fn next(&self, versions: BTreeMap<String, i64>) -> Self {
        Self { id: self.id.clone(), ..Self::new(self.generation + 1, versions) }
    }

    /// Whether this head and `other` are of one database.
    pub(super) fn is_of_one_database(&self, other: &Self) -> bool {
        self.id == other.id
    }

    /// In a bucket, what tells the database from another that was there before.
    pub(super) fn identity(&self) -> Option<String> {
        self.id.clone()
    }

    /// A word for the state of `table`, other than those of all other states.
    pub(super) fn stamp(&self, table: &Table) -> Result<String> {
        match &self.id {
            Some(id) => Ok(format!("{id} {}", self.version(table)?)),
            None => Ok(self.seal.clone()),
        }
    }

    /// The head of the database at `layout`.
    pub(super) fn read(layout: &Layout) -> Result<Self> {
        let path = layout.head();
        let bytes = layout.read(&path)?.ok_or_else(|| no_database(layout))?;
        let damaged =
            || Error::store(format!("{} is damaged", path.display())).hint(repair_hint(layout));
        let head: Self = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        if head.format > FORMAT {
            let message = format!(
                "{} has format {}, and this program knows formats up to {FORMAT}",
                layout.name(),
                head.format
            );
            return Err(Error::new(Kind::Store, message).hint("use a newer weiku"));
        }
        if !seal::is_intact(&bytes) {
            return Err(damaged());
        }
        layout.has_seen(&head);
        Ok(head)
    }

    /// Puts this head in the place of the one at `layout`: the step that makes
    /// a transaction visible.
    pub(super) fn write(&self, layout: &Layout) -> Result<()> {
        layout.replace_head(self, sealed_json(self)?.as_bytes())
    }

    /// The committed version of `table`.
    pub(super) fn version(&self, table: &Table) -> Result<i64> {
        self.versions.get(table.name).copied().ok_or_else(|| {
            Error::store(format!("the database's head does not know table `{}`", table.name))
        })
    }
}

/// `value` as JSON, its blank seal filled in.
pub(super) fn sealed_json(value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string(value)
        .map_err(|error| Error::internal(format!("cannot write JSON: {error}")))?;
    Ok(seal::seal(text))
}

/// The error that says that there is no database.
pub(super) fn no_database(layout: &Layout) -> Error {
    let name = layout.name();
    let error = Error::usage(format!("{name} is not a weiku database"));
    match neighbour(&layout.root).filter(|_| layout.bucket().is_none()) {
        Some(near) => error.hint(format!("did you mean {}?", near.display())),
        None => error
            .hint(format!("`weiku import {name} FILE...` or `weiku generate {name}` makes one")),
    }
}

/// The database beside `path` that was most likely meant, if there was none there.
pub(super) fn neighbour(path: &Path) -> Option<PathBuf> {
    let typed = path.file_name()?.to_str()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?;
    let databases = entries.flatten().filter(|entry| entry.path().join(HEAD).is_file());
    let names: Vec<_> =
        databases.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let near = nearest(typed, names.iter().map(String::as_str).filter(|name| *name != typed))?;
    Some(path.with_file_name(near))
}

#[cfg(test)]
mod tests {
    use super::{HEAD, neighbour};

    #[test]
    fn a_database_beside_is_what_a_slip_of_the_hand_meant() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["demo-db", "no-database"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("demo-db").join(HEAD), "{}").unwrap();
        let near = neighbour(&folder.path().join("demo_db"));
        assert_eq!(near, Some(folder.path().join("demo-db")));
        assert_eq!(neighbour(&folder.path().join("no_database")), None);
        assert_eq!(neighbour(&folder.path().join("nowhere/demo_db")), None);
    }
}
