//! The only writer of data files: open, transactions, upsert, verify, history.
//!
//! A database is a folder with one Delta table per [`Table`]
//! and a small file that names the current version of each, so that a reader
//! sees a transaction over several tables whole or not at all.

mod append;
mod cache;
mod checkpoints;
mod compare;
mod data_file;
mod durable;
mod errors;
mod files;
mod history;
mod indexing;
mod key_set;
mod layout;
mod lock;
mod log;
mod memory;
mod merge;
mod optimize;
mod pending;
mod reindex;
mod rows;
mod seal;
mod sorted;
mod statistics;
mod transaction;
mod verify;

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use datafusion::common::Statistics;

use crate::error::{Error, Result};
use crate::index;
use crate::model::{TABLES, Table};

use cache::SnapshotCache;
use layout::{Head, Layout};
use lock::WriterLock;

pub use history::Version;
pub use optimize::Optimized;
pub use transaction::Transaction;
pub use verify::{Finding, Repair};

/// A database folder. Cheap to clone; clones share what was read of the logs.
#[derive(Debug, Clone)]
pub struct Store {
    layout: Layout,
    cache: Arc<SnapshotCache>,
    limits: Limits,
}

/// How much a transaction collects before it writes or merges, and so how much
/// memory it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Rows of one data file.
    pub file_rows: usize,
    /// Bytes in memory of the added rows that make up one data file.
    pub file_bytes: usize,
    /// Bytes in memory of the merged rows that make up one data file.
    pub merged_file_bytes: usize,
    /// Rows that are merged at a time.
    pub merge_rows: usize,
    /// Bytes in memory of the rows that are merged at a time.
    pub merge_bytes: usize,
}

impl Default for Limits {
    /// Good for files of hundreds of thousands of posts and a few hundred
    /// megabytes of memory.
    fn default() -> Self {
        Self {
            file_rows: 1 << 20,
            file_bytes: 192 << 20,
            merged_file_bytes: 128 << 20,
            merge_rows: 256 * 1024,
            merge_bytes: 48 << 20,
        }
    }
}

/// One version of one table: the data files that make it up.
#[derive(Debug)]
pub struct Snapshot {
    /// The table.
    pub table: &'static Table,
    /// The Delta version.
    pub version: i64,
    /// The data files.
    pub files: Vec<DataFile>,
    /// The sums over its posts, as far as they were read.
    rollups: index::Rollups,
}

impl Snapshot {
    /// How many rows the table has.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// The posts summed up by `shape`, if that is kept with every data file.
    pub(crate) fn rollup(&self, shape: index::Shape) -> Option<Arc<index::Rollup>> {
        let files = self.files.iter().map(|file| (file.path.as_path(), file.sha256.as_deref()));
        if index::covers(self.table) { self.rollups.get(shape, files) } else { None }
    }
}

/// One immutable Parquet file of a table.
#[derive(Debug, Clone)]
pub struct DataFile {
    /// The absolute path.
    pub path: PathBuf,
    /// Bytes on disk.
    pub size: u64,
    /// Rows in it.
    pub rows: u64,
    /// Row count, and NULL count, least and greatest value of each column in
    /// the order of the table's columns, as far as the log has them; instants
    /// are UTC.
    pub statistics: Arc<Statistics>,
    /// The SHA-256 of its bytes, in lowercase hexadecimal digits, if the log
    /// has it.
    pub sha256: Option<String>,
}

/// What merging rows by key did, row by row in the order they came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MergeCounts {
    /// Keys that were not there.
    pub added: u64,
    /// Rows that changed a value of a key that was there.
    pub changed: u64,
    /// Rows that said nothing new.
    pub unchanged: u64,
}

/// The absolute path without `..`, which addresses of files cannot have.
fn without_parents(root: &Path) -> std::io::Result<PathBuf> {
    let absolute = std::path::absolute(root)?;
    if !absolute.components().any(|part| part == Component::ParentDir) {
        return Ok(absolute);
    }
    match (absolute.parent(), absolute.file_name()) {
        (Some(parent), Some(name)) => parent.canonicalize().map(|parent| parent.join(name)),
        _ => absolute.canonicalize(),
    }
}

impl Store {
    /// Makes an empty database in the folder `root`, which must not exist or be
    /// empty.
    ///
    /// # Errors
    /// When the folder holds something, or cannot be written.
    pub async fn create(root: &Path) -> Result<Self> {
        let store = Self::at(root)?;
        let layout = store.layout.clone();
        tokio::task::spawn_blocking(move || create_folders(&layout))
            .await
            .map_err(errors::join)??;
        Ok(store)
    }

    /// Opens the database in the folder `root`. Reads the head only; tables are
    /// opened when they are asked for.
    ///
    /// # Errors
    /// When there is no database, it is of a newer format, or its head is
    /// damaged.
    #[expect(clippy::unused_async, reason = "what opening takes is not the callers' affair")]
    pub async fn open(root: &Path) -> Result<Self> {
        let store = Self::at(root)?;
        Head::read(&store.layout)?;
        Ok(store)
    }

    /// A handle on the folder `root`, unread: for [`Store::verify`], which
    /// takes a database that cannot be opened.
    ///
    /// # Errors
    /// When `root` is no usable path.
    pub fn at(root: &Path) -> Result<Self> {
        let root = without_parents(root).map_err(|error| Error::io("open", root, &error))?;
        Ok(Self { layout: Layout { root }, cache: Arc::default(), limits: Limits::default() })
    }

    /// The same database, written within other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The database's folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.layout.root
    }

    /// The committed version of every table, read from the head now.
    ///
    /// # Errors
    /// When the head cannot be read.
    pub fn versions(&self) -> Result<std::collections::BTreeMap<String, i64>> {
        Ok(Head::read(&self.layout)?.versions)
    }

    /// The table as of `version`, or as of the head.
    ///
    /// # Errors
    /// When the log is damaged or has no such version.
    pub async fn snapshot(
        &self,
        table: &'static Table,
        version: Option<i64>,
    ) -> Result<Arc<Snapshot>> {
        let latest = Head::read(&self.layout)?.version(table)?;
        let version = version.unwrap_or(latest);
        if !(0..=latest).contains(&version) {
            return Err(Error::query(format!("table `{}` has no version {version}", table.name))
                .hint(format!("its versions are 0 to {latest}; weiku history lists them")));
        }
        let snapshot = self.cache.get(&self.layout, table, version).await?;
        if version < latest && snapshot.files.iter().any(|file| !file.path.exists()) {
            return Err(Error::query(format!(
                "version {version} of table `{}` is no longer kept",
                table.name
            ))
            .hint("weiku history lists the versions; old files are kept for some days only"));
        }
        Ok(snapshot)
    }

    /// Begins a transaction; waits a little for another writer, then says who
    /// holds the database.
    ///
    /// # Errors
    /// [`Kind::Busy`](crate::Kind::Busy) when another process writes.
    pub async fn begin(&self) -> Result<Transaction> {
        self.begin_for("write").await
    }

    /// Begins a transaction as [`Store::begin`] does; `operation` is the word
    /// for it in the history, such as `import`.
    ///
    /// # Errors
    /// As for [`Store::begin`].
    pub async fn begin_for(&self, operation: &str) -> Result<Transaction> {
        let lock = WriterLock::take(&self.layout.lock(), lock::PATIENCE).await?;
        let layout = self.layout.clone();
        let abandoned = lock.was_abandoned();
        let head = tokio::task::spawn_blocking(move || pending::recover(&layout, abandoned))
            .await
            .map_err(errors::join)??;
        Ok(Transaction::new(self.clone(), lock, head, operation))
    }
}

/// Makes the folders and first log entries of an empty database; its head comes
/// last.
fn create_folders(layout: &Layout) -> Result<()> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error: std::io::Error| files::damaged(Error::io("create", &path, &error))
    };
    clear_unfinished(layout)?;
    for table in TABLES {
        let log = layout.log(table);
        files::create_folder(&log).map_err(failed(&log))?;
        let entry = layout.entry(table, 0);
        files::create(&entry, log::creation(table)?.as_bytes()).map_err(failed(&entry))?;
    }
    files::sync_folder(&layout.root).map_err(failed(&layout.root))?;
    let versions = TABLES.iter().map(|table| (table.name.to_owned(), 0)).collect();
    Head::new(0, versions).write(layout)
}

/// Makes sure that the folder holds nothing: only what is left of a creation
/// that was cut short is removed.
fn clear_unfinished(layout: &Layout) -> Result<()> {
    let root = &layout.root;
    let names = match std::fs::read_dir(root) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return files::create_folder(root).map_err(|error| Error::io("create", root, &error));
        }
        other => other
            .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect())
            .map_err(|error| Error::io("read", root, &error))?,
    };
    let names: Vec<std::ffi::OsString> = names;
    if names.is_empty() {
        return Ok(());
    }
    if layout.head().exists() {
        return Err(Error::usage(format!("{} is a weiku database already", root.display())));
    }
    let ours = |name: &std::ffi::OsString| {
        name.to_str().is_some_and(|name| {
            files::is_staged(name) || TABLES.iter().any(|table| table.name == name)
        })
    };
    if !names.iter().all(ours) || TABLES.iter().any(|table| has_rows(layout, table)) {
        return Err(Error::usage(format!("{} is not empty", root.display()))
            .hint("name a folder that is not there yet"));
    }
    for name in names {
        let path = root.join(name);
        let removed = if path.is_dir() && !path.is_symlink() {
            std::fs::remove_dir_all(&path)
        } else {
            std::fs::remove_file(&path)
        };
        removed.map_err(|error| Error::io("remove", &path, &error))?;
    }
    Ok(())
}

/// Whether the folder of `table` holds more than an empty table.
fn has_rows(layout: &Layout, table: &Table) -> bool {
    let count = |path: &Path| std::fs::read_dir(path).map_or(0, Iterator::count);
    count(&layout.table(table)) > 1 || count(&layout.log(table)) > 2
}

impl std::ops::Add for MergeCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            added: self.added + other.added,
            changed: self.changed + other.changed,
            unchanged: self.unchanged + other.unchanged,
        }
    }
}

#[cfg(test)]
mod crash_tests;
