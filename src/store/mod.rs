//! The only writer of data files: open, transactions, upsert, verify, history.
//!
//! A database is a folder with one Delta table per [`Table`](crate::model::Table)
//! and a small file that names the current version of each, so that a reader
//! sees a transaction over several tables whole or not at all.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Statistics;

use crate::error::{Error, Result};
use crate::model::Table;

/// A database folder.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
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

/// Changes to several tables that become visible together.
///
/// Holds the database's writer lock. Dropping it without a commit leaves the
/// database as it was and removes what was staged.
#[derive(Debug)]
pub struct Transaction {}

impl Store {
    /// Makes an empty database in the folder `root`, which must not exist or be
    /// empty.
    ///
    /// # Errors
    /// When the folder holds something, or cannot be written.
    pub async fn create(root: &Path) -> Result<Self> {
        let _ = root;
        Err(Error::internal("not there yet"))
    }

    /// Opens the database in the folder `root`. Reads the head only; tables are
    /// opened when they are asked for.
    ///
    /// # Errors
    /// When there is no database, it is of a newer format, or its head is
    /// damaged.
    pub async fn open(root: &Path) -> Result<Self> {
        Ok(Self { root: root.to_owned() })
    }

    /// The database's folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The committed version of every table, read from the head now.
    ///
    /// # Errors
    /// When the head cannot be read.
    pub fn versions(&self) -> Result<std::collections::BTreeMap<String, i64>> {
        Err(Error::internal("not there yet"))
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
        let _ = (table, version);
        Err(Error::internal("not there yet"))
    }

    /// Begins a transaction; waits a little for another writer, then says who
    /// holds the database.
    ///
    /// # Errors
    /// [`Kind::Busy`](crate::Kind::Busy) when another process writes.
    pub async fn begin(&self) -> Result<Transaction> {
        Err(Error::internal("not there yet"))
    }
}

impl Transaction {
    /// Adds rows whose keys the caller knows to be new. Rows are collected and
    /// written in sorted files of a good size; memory is bounded.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub async fn append(&mut self, table: &'static Table, batch: RecordBatch) -> Result<()> {
        let _ = (table, batch);
        Ok(())
    }

    /// Merges rows by the table's key, in order. For a key that is there, the
    /// values of the later `observed_at` win where they are known; a value that
    /// is NULL never replaces a known one. A row that differs from what is
    /// there only in `observed_at` is unchanged.
    ///
    /// `primary[i]` says in which of the two counts row `i` is counted: `[0]`
    /// for records of the file, `[1]` for rows nested in them.
    /// Counts are known for certain after the commit only.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub async fn upsert(
        &mut self,
        table: &'static Table,
        batch: RecordBatch,
        primary: &[bool],
    ) -> Result<()> {
        let _ = (table, batch, primary);
        Ok(())
    }

    /// Merges what is still collected and gives the counts of
    /// [`Transaction::upsert`] so far for `table`: records, then nested rows.
    ///
    /// # Errors
    /// As for [`Transaction::upsert`].
    pub async fn flush(&mut self, table: &'static Table) -> Result<[MergeCounts; 2]> {
        let _ = table;
        Ok(Default::default())
    }

    /// Makes all changes visible and durable, as one.
    ///
    /// # Errors
    /// When a file cannot be written; then nothing is visible.
    pub async fn commit(self) -> Result<()> {
        Ok(())
    }
}
