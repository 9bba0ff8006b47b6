//! Where things lie in a database folder, and the head: the small file that
//! says which version of each table is committed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{files, seal};
use crate::error::{Error, Kind, Result};
use crate::model::Table;

/// The format of the folder that this program writes.
pub(super) const FORMAT: u32 = 1;

/// What to try when a file of the database is damaged.
pub(super) fn repair_hint(root: &Path) -> String {
    format!("weiku verify {} --repair", root.display())
}

/// The paths in a database folder.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// The folder.
    pub(super) root: PathBuf,
}

impl Layout {
    /// The head.
    pub(super) fn head(&self) -> PathBuf {
        self.root.join("weiku.json")
    }

    /// What a commit that is under way is about to do.
    pub(super) fn pending(&self) -> PathBuf {
        self.root.join("pending.json")
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
    /// The checksum of the head itself.
    pub(super) seal: String,
}

impl Head {
    /// A head of this program's format.
    pub(super) fn new(generation: u64, versions: BTreeMap<String, i64>) -> Self {
        Self { format: FORMAT, generation, versions, seal: seal::BLANK.to_owned() }
    }

    /// The head of the database at `layout`.
    pub(super) fn read(layout: &Layout) -> Result<Self> {
        let path = layout.head();
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(no_database(&layout.root));
            }
            other => other.map_err(|error| Error::io("read", &path, &error))?,
        };
        let damaged = || {
            Error::store(format!("{} is damaged", path.display())).hint(repair_hint(&layout.root))
        };
        let head: Self = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        if head.format > FORMAT {
            let message = format!(
                "{} has format {}, and this program knows formats up to {FORMAT}",
                layout.root.display(),
                head.format
            );
            return Err(Error::new(Kind::Store, message).hint("use a newer weiku"));
        }
        if seal::is_intact(&bytes) { Ok(head) } else { Err(damaged()) }
    }

    /// Puts this head in the place of the one at `layout`: the step that makes
    /// a transaction visible.
    pub(super) fn write(&self, layout: &Layout) -> Result<()> {
        let path = layout.head();
        let bytes = sealed_json(self)?;
        files::replace(&path, bytes.as_bytes()).map_err(|error| Error::io("write", &path, &error))
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

/// The error that says that `root` holds no database.
fn no_database(root: &Path) -> Error {
    let root = root.display();
    Error::usage(format!("{root} is not a weiku database"))
        .hint(format!("`weiku import {root} FILE...` or `weiku generate {root}` makes one"))
}
