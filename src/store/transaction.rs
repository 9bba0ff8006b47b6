//! Changes to several tables that become visible together.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;

use super::append::{Collected, Staged, Writers};
use super::layout::{Head, repair_hint};
use super::lock::WriterLock;
use super::log::{self, Change};
use super::pending::{self, Pending, PendingEntry};
use super::{DataFile, MergeCounts, Snapshot, Store, data_file, errors};
use crate::error::{Error, Result};
use crate::model::{TABLES, Table};

/// Changes to several tables that become visible together.
///
/// Holds the database's writer lock. Dropping it without a commit leaves the
/// database as it was and removes what was staged.
#[derive(Debug)]
pub struct Transaction {
    store: Store,
    head: Head,
    operation: String,
    changes: BTreeMap<&'static str, TableChange>,
    writers: Writers,
    // Declared last, so dropped last: staged files are removed under the lock.
    _lock: WriterLock,
}

/// What a transaction does to one table.
#[derive(Debug)]
struct TableChange {
    table: &'static Table,
    /// The table before.
    base: Arc<Snapshot>,
    /// Rows that wait for their file.
    collected: Collected,
    /// Files that are new.
    staged: Vec<Staged>,
    /// Files of the base that go.
    removed: Vec<DataFile>,
    /// How many rows the table has in the end, by the counts.
    expected_rows: u64,
}

impl Transaction {
    /// A transaction on the database as of `head`.
    pub(super) fn new(store: Store, lock: WriterLock, head: Head, operation: &str) -> Self {
        Self {
            store,
            head,
            operation: operation.to_owned(),
            changes: BTreeMap::new(),
            writers: Writers::default(),
            _lock: lock,
        }
    }

    /// Adds rows whose keys the caller knows to be new. Rows are collected and
    /// written in sorted files of a good size; memory is bounded.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub async fn append(&mut self, table: &'static Table, batch: RecordBatch) -> Result<()> {
        check_schema(table, &batch)?;
        let change = self.change(table).await?;
        change.expected_rows += batch.num_rows() as u64;
        change.collected.push(batch);
        if change.collected.is_full() { self.write_collected(table).await } else { Ok(()) }
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
    #[expect(clippy::unused_async, reason = "merging reads files")]
    pub async fn upsert(
        &mut self,
        table: &'static Table,
        batch: RecordBatch,
        primary: &[bool],
    ) -> Result<()> {
        let _ = (table, batch, primary);
        Err(Error::internal("merging is not there yet"))
    }

    /// Merges what is still collected and gives the counts of
    /// [`Transaction::upsert`] so far for `table`: records, then nested rows.
    ///
    /// # Errors
    /// As for [`Transaction::upsert`].
    #[expect(clippy::unused_async, reason = "merging reads files")]
    pub async fn flush(&mut self, table: &'static Table) -> Result<[MergeCounts; 2]> {
        let _ = table;
        Ok(Default::default())
    }

    /// Makes all changes visible and durable, as one.
    ///
    /// # Errors
    /// When a file cannot be written; then nothing is visible.
    pub async fn commit(mut self) -> Result<()> {
        for table in TABLES {
            self.write_collected(table).await?;
        }
        for (table, staged) in self.writers.finish().await? {
            self.change(table).await?.staged.push(staged);
        }
        let changes: Vec<TableChange> =
            TABLES.iter().filter_map(|table| self.changes.remove(table.name)).collect();
        let changes: Vec<TableChange> =
            changes.into_iter().filter(|change| !change.is_empty()).collect();
        if changes.is_empty() {
            return Ok(());
        }
        let store = self.store.clone();
        let (head, operation) = (self.head.clone(), self.operation.clone());
        let committed =
            tokio::task::spawn_blocking(move || publish(&store, &head, &operation, changes));
        let head = committed.await.map_err(errors::join)??;
        for table in TABLES {
            // The commit is made. A checkpoint that fails costs the next reader
            // some time, and the next commit tries again.
            let _ = log::checkpoint(&self.store.layout, table, head.version(table)?).await;
        }
        Ok(())
    }

    /// What the transaction does to `table`.
    async fn change(&mut self, table: &'static Table) -> Result<&mut TableChange> {
        if !self.changes.contains_key(table.name) {
            let version = self.head.version(table)?;
            let base = self.store.cache.get(&self.store.layout, table, version).await?;
            self.changes.insert(table.name, TableChange::new(base));
        }
        self.changes.get_mut(table.name).ok_or_else(|| Error::internal("a table's change is lost"))
    }

    /// Begins to write the rows that wait for their file.
    async fn write_collected(&mut self, table: &'static Table) -> Result<()> {
        let Some(change) = self.changes.get_mut(table.name) else { return Ok(()) };
        if change.collected.is_empty() {
            return Ok(());
        }
        let batches = change.collected.take();
        let folder = self.store.layout.table(table);
        self.writers.write(table, folder, batches).await
    }
}

impl TableChange {
    /// No change of `base`.
    fn new(base: Arc<Snapshot>) -> Self {
        Self {
            table: base.table,
            expected_rows: base.rows(),
            base,
            collected: Collected::default(),
            staged: Vec::new(),
            removed: Vec::new(),
        }
    }

    /// Whether there is nothing to commit.
    fn is_empty(&self) -> bool {
        self.staged.is_empty() && self.removed.is_empty()
    }

    /// The change as the log takes it. Refuses one that would lose or double
    /// rows.
    fn to_log(&self) -> Result<Change> {
        let added: Vec<_> = self.staged.iter().filter_map(|file| file.written().cloned()).collect();
        let gone: u64 = self.removed.iter().map(|file| file.rows).sum();
        let came: u64 = added.iter().map(|written| written.file.rows).sum();
        let rows = (self.base.rows() + came).checked_sub(gone);
        if rows != Some(self.expected_rows) {
            return Err(Error::internal(format!(
                "a commit would leave table `{}` with {rows:?} rows instead of {}",
                self.table.name, self.expected_rows
            )));
        }
        Ok(Change { added, removed: self.removed.clone(), rows_change: true })
    }
}

/// Writes the commit down and does it; gives the new head.
fn publish(store: &Store, head: &Head, operation: &str, changes: Vec<TableChange>) -> Result<Head> {
    let layout = &store.layout;
    let mut entries = Vec::new();
    for change in &changes {
        let table = change.table;
        data_file::sync_folder(&layout.table(table))?;
        let version = change.base.version + 1;
        let path = layout.entry(table, version);
        if path.exists() {
            return Err(Error::store(format!("{} is not from this program", path.display()))
                .hint(repair_hint(&layout.root)));
        }
        let entry = log::entry_for(table, operation, &change.to_log()?)?;
        entries.push(PendingEntry { table: table.name.to_owned(), version, entry });
    }
    let pending = Pending::new(head, entries);
    if let Err(error) = pending.write(layout) {
        // Unless it is certain that no trace is left, the next writer may
        // still finish the commit, and needs the files.
        if pending::forget(layout).is_err() {
            keep_all(changes);
        }
        return Err(error);
    }
    keep_all(changes);
    pending.publish(layout)
}

/// Leaves the staged files where they are.
fn keep_all(changes: Vec<TableChange>) {
    changes.into_iter().flat_map(|change| change.staged).for_each(Staged::keep);
}

/// Refuses rows of another shape than the table's.
fn check_schema(table: &'static Table, batch: &RecordBatch) -> Result<()> {
    if batch.schema_ref().fields() == table.schema().fields() {
        return Ok(());
    }
    Err(Error::internal(format!("rows for table `{}` have another shape", table.name)))
}
