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
mod groups;
mod history;
mod indexing;
mod keys;
mod layout;
mod lock;
mod log;
mod memory;
mod merge;
mod optimize;
mod pending;
mod place;
mod reindex;
mod rows;
mod seal;
mod sorted;
mod statistics;
mod transaction;
mod verify;

use std::fs::File;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use datafusion::common::Statistics;
use datafusion::execution::object_store::ObjectStoreUrl;
use object_store::path::Path as Location;

use crate::bucket::{Bucket, Expected};
use crate::error::{Error, Result};
use crate::index::{self, Sidecar};
use crate::model::{TABLES, Table};

use cache::SnapshotCache;
use layout::{Head, Layout};
use lock::WriterLock;

pub(crate) use files::sha256;
pub use history::Version;
pub use optimize::Optimized;
pub(crate) use rows::own_texts;
pub use transaction::Transaction;
pub use verify::{Finding, Repair};

/// A database, in a folder or in object storage. Cheap to clone; clones share
/// what was read of the logs.
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
            merged_file_bytes: 80 << 20,
            merge_rows: 32 * 1024,
            merge_bytes: 24 << 20,
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
        if index::covers(self.table) { self.rollups.get(shape, || self.indexes()) } else { None }
    }

    /// The index beside each data file, fetched first as far as only a bucket
    /// has them.
    pub(crate) fn indexes(&self) -> Vec<Result<Option<Sidecar>>> {
        if let Some(bucket) = self.files.first().and_then(|file| file.bucket.as_ref()) {
            let paths = self.files.iter().map(|file| index::path(&file.path));
            // What could not be fetched is told when it is opened.
            let _ = bucket.bring(paths.filter_map(|path| bucket.name_of(&path)).collect());
        }
        self.files.iter().map(DataFile::index).collect()
    }
}

/// One immutable Parquet file of a table.
#[derive(Debug, Clone)]
pub struct DataFile {
    /// The absolute path; of a file in a bucket that of its copy here, which need
    /// not be there.
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
    /// Whether the writer took its time to make it small.
    is_tight: bool,
    /// The bucket that has it.
    bucket: Option<Arc<Bucket>>,
}

impl DataFile {
    /// The file, open; fetched first if only the bucket has it.
    fn open(&self) -> Result<File> {
        let Some((bucket, name)) = self.in_bucket() else {
            let opened = File::open(&self.path);
            return opened.map_err(|error| files::damaged(Error::io("read", &self.path, &error)));
        };
        let expected = Expected { size: self.size, sha256: self.sha256.as_deref() };
        bucket
            .open(&name, Some(expected))?
            .ok_or_else(|| Error::store(format!("{} is missing", bucket.url(&name))))
    }

    /// The index beside it, fetched first if only the bucket has it; none if
    /// there is none of a form that is known.
    ///
    /// # Errors
    /// When it is damaged or cannot be had.
    pub(crate) fn index(&self) -> Result<Option<Sidecar>> {
        let path = index::path(&self.path);
        if let Some((bucket, _)) = self.in_bucket()
            && let Some(name) = bucket.name_of(&path)
        {
            bucket.open(&name, None)?;
        }
        Sidecar::open(&self.path, self.sha256.as_deref())
    }

    /// Fetches it, of `table`, and its index anew, if a bucket has them.
    fn renew(&self, table: &Table) -> Result<()> {
        let Some(bucket) = &self.bucket else { return Ok(()) };
        let index = Some(index::path(&self.path)).filter(|_| index::covers(table));
        for path in index.iter().chain([&self.path]) {
            if let Some(name) = bucket.name_of(path) {
                bucket.renew(&name)?;
            }
        }
        Ok(())
    }

    /// Sends the index beside it to the bucket that has the file, if one has.
    fn send_index(&self) -> Result<()> {
        let Some(bucket) = &self.bucket else { return Ok(()) };
        bucket.send(bucket.name_of(&index::path(&self.path)).into_iter().collect())
    }

    /// The address of the store that has it.
    pub(crate) fn store(&self) -> ObjectStoreUrl {
        match &self.bucket {
            Some(bucket) => bucket.address().store().clone(),
            None => ObjectStoreUrl::local_filesystem(),
        }
    }

    /// Where queries find it in that store.
    ///
    /// # Errors
    /// When it has a name that no store takes.
    pub(crate) fn location(&self) -> Result<Location> {
        match self.in_bucket() {
            Some((bucket, name)) => bucket.key(&name),
            None => Ok(Location::from(self.path.display().to_string())),
        }
    }

    /// The bucket that has it, and its name there.
    fn in_bucket(&self) -> Option<(&Arc<Bucket>, String)> {
        let bucket = self.bucket.as_ref()?;
        Some((bucket, bucket.name_of(&self.path)?))
    }
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

/// What is known of a row that is merged, beside its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether it is a record of the file, and no row nested in one.
    pub is_record: bool,
    /// Whether for certain no row of its key came before in the transaction, so
    /// that it need not be looked for in what the transaction wrote. If one did
    /// come, the key would be there twice.
    pub is_first: bool,
}

impl From<bool> for Standing {
    /// A record or a nested row, before which others of its key may have come.
    fn from(is_record: bool) -> Self {
        Self { is_record, is_first: false }
    }
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
    /// Makes an empty database at `path`: a folder that must not exist or be
    /// empty, or an address in object storage, such as `s3://bucket/weibo`,
    /// where there is nothing yet.
    ///
    /// # Errors
    /// When there is something, or nothing can be written there.
    pub async fn create(path: &Path) -> Result<Self> {
        let store = Self::at(path)?;
        if let Some(bucket) = store.layout.bucket().cloned() {
            store.blocking(move |layout| layout.create_in(&bucket)).await?;
            return Ok(store);
        }
        store.blocking(make_room).await?;
        // Of several who make it at once, one does, and the others are told.
        let lock = WriterLock::take(&store.layout.lock(), lock::PATIENCE).await?;
        store.blocking(create_folders).await?;
        drop(lock);
        Ok(store)
    }

    /// Opens the database at `path`, a folder or an address in object storage.
    /// Reads its head at most; tables are opened when they are asked for.
    ///
    /// # Errors
    /// When there is no database, it is of a newer format, or its head is
    /// damaged.
    pub async fn open(path: &Path) -> Result<Self> {
        let store = Self::at(path)?;
        if store.layout.bucket().is_none() {
            Head::read(&store.layout)?;
        } else if !store.blocking(Layout::discover).await? {
            return Err(layout::no_database(&store.layout));
        }
        Ok(store)
    }

    /// Whether there is a database at `path`.
    ///
    /// # Errors
    /// When `path` is not usable, or the object storage cannot be asked.
    pub async fn is_there(path: &Path) -> Result<bool> {
        Self::at(path)?.blocking(Layout::discover).await
    }

    /// Whether no table has a row: nothing was ever written, or all of it is gone.
    ///
    /// # Errors
    /// As for [`Store::snapshot`].
    pub async fn is_empty(&self) -> Result<bool> {
        for table in TABLES {
            if self.snapshot(table, None).await?.rows() > 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The database in the same folder whose name is nearest to that of `path`, if
    /// there is a near one. Of object storage it knows nothing.
    #[must_use]
    pub fn neighbour(path: &Path) -> Option<PathBuf> {
        layout::neighbour(path)
    }

    /// A handle on the database at `path`, unread: for [`Store::verify`], which
    /// takes a database that cannot be opened.
    ///
    /// # Errors
    /// When `path` is not usable.
    pub fn at(path: &Path) -> Result<Self> {
        let layout = Layout::at(path)?;
        Ok(Self { layout, cache: Arc::default(), limits: Limits::default() })
    }

    /// Removes a database that was made just now and is empty. One in object
    /// storage stays, and one to which others are writing by now.
    pub async fn abandon(&self) {
        if self.layout.bucket().is_some() {
            return;
        }
        let lock = WriterLock::take(&self.layout.lock(), Duration::ZERO).await;
        let is_empty = || Head::read(&self.layout).is_ok_and(|head| head.generation == 0);
        if lock.is_ok() && is_empty() {
            // What is left is empty.
            let _ = std::fs::remove_dir_all(&self.layout.root);
        }
    }

    /// Does `work`, which waits for a disk or the network, where it may.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Layout) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let layout = self.layout.clone();
        let done =
            tokio::task::spawn_blocking(move || work(&layout).map_err(|error| layout.told(error)));
        done.await.map_err(errors::join)?
    }

    /// The same database, written within other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The database's folder; of one in object storage, where copies are kept
    /// here.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.layout.root
    }

    /// What people call the database: its folder or its address.
    #[must_use]
    pub fn name(&self) -> String {
        self.layout.name()
    }

    /// Whether the database lies in object storage.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        self.layout.bucket().is_some()
    }

    /// The bucket that has the data files, if the database lies in one.
    pub(crate) fn bucket(&self) -> Option<&Arc<Bucket>> {
        self.layout.bucket()
    }

    /// The committed version of every table, read from the head now.
    ///
    /// # Errors
    /// When the head cannot be read.
    pub async fn versions(&self) -> Result<std::collections::BTreeMap<String, i64>> {
        Ok(self.head().await?.versions)
    }

    /// The head as it is now.
    async fn head(&self) -> Result<Head> {
        match self.layout.bucket() {
            None => Head::read(&self.layout),
            Some(_) => self.blocking(Head::read).await,
        }
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
        let head = match version {
            Some(version) if self.is_remote() => {
                self.blocking(move |layout| layout.head_with(table, version)).await?
            }
            _ => self.head().await?,
        };
        let latest = head.version(table)?;
        let version = version.unwrap_or(latest);
        if !(0..=latest).contains(&version) {
            return Err(Error::query(format!("table `{}` has no version {version}", table.name))
                .hint(format!("its versions are 0 to {latest}; weiku history lists them")));
        }
        let snapshot = self.cache.get(&self.layout, table, version).await?;
        if version < latest && !self.has_all(&snapshot).await? {
            return Err(Error::query(format!(
                "version {version} of table `{}` is no longer kept",
                table.name
            ))
            .hint("weiku history lists the versions; old files are kept for some days only"));
        }
        Ok(snapshot)
    }

    /// Whether all data files of `snapshot` are still there.
    async fn has_all(&self, snapshot: &Arc<Snapshot>) -> Result<bool> {
        if !self.is_remote() {
            return Ok(snapshot.files.iter().all(|file| file.path.exists()));
        }
        let snapshot = Arc::clone(snapshot);
        self.blocking(move |layout| {
            let there = layout.names(snapshot.table)?;
            Ok(snapshot.files.iter().all(|file| there.contains(&log::file_name(&file.path))))
        })
        .await
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
        let abandoned = lock.was_abandoned();
        let head = self.blocking(move |layout| pending::recover(layout, abandoned)).await?;
        Ok(Transaction::new(self.clone(), lock, head, operation))
    }
}

/// Makes the folder, if it is not there; one in which there is something stays
/// as it is, and is refused.
fn make_room(layout: &Layout) -> Result<()> {
    let root = &layout.root;
    if root.exists() {
        return unfinished(layout).map(drop);
    }
    files::create_folder(root).map_err(|error| Error::io("create", root, &error))
}

/// Makes the folders and first log entries of an empty database; its head comes
/// last. Whoever calls it holds the lock.
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

/// Removes what is left of a creation that was cut short.
fn clear_unfinished(layout: &Layout) -> Result<()> {
    for path in unfinished(layout)? {
        let removed = if path.is_dir() && !path.is_symlink() {
            std::fs::remove_dir_all(&path)
        } else {
            std::fs::remove_file(&path)
        };
        removed.map_err(|error| Error::io("remove", &path, &error))?;
    }
    Ok(())
}

/// What is left in the folder of a creation that was cut short, but for the lock;
/// anything else is an error.
fn unfinished(layout: &Layout) -> Result<Vec<PathBuf>> {
    let root = &layout.root;
    let names: Vec<std::ffi::OsString> = std::fs::read_dir(root)
        .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect())
        .map_err(|error| Error::io("read", root, &error))?;
    if layout.head().exists() {
        return Err(Error::usage(format!("{} is a weiku database already", root.display())));
    }
    let paths = names.into_iter().map(|name| root.join(name));
    let left: Vec<PathBuf> = paths.filter(|path| *path != layout.lock()).collect();
    let ours = |path: &PathBuf| {
        path.file_name().and_then(std::ffi::OsStr::to_str).is_some_and(|name| {
            files::is_staged(name) || TABLES.iter().any(|table| table.name == name)
        })
    };
    if !left.iter().all(ours) || TABLES.iter().any(|table| has_rows(layout, table)) {
        return Err(Error::usage(format!("{} is not empty", root.display()))
            .hint("name a folder that is not there yet"));
    }
    Ok(left)
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
