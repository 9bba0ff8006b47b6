//! Changes to several tables that become visible together.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use tokio::task::JoinHandle;

use super::append::{Collected, Made, Staged, Writers, Writing};
use super::data_file::Written;
use super::layout::{Head, Layout, repair_hint};
use super::lock::WriterLock;
use super::log::{self, Change};
use super::merge::{Chunk, Merged, Merger};
use super::optimize;
use super::pending::{Pending, PendingEntry};
use super::{MergeCounts, Snapshot, Standing, Store, data_file, errors};
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
}

/// What a transaction does to one table.
#[derive(Debug)]
struct TableChange {
    /// The table before.
    base: Arc<Snapshot>,
    /// Added rows that wait for their file.
    collected: Collected,
    /// Files of added rows that are being written.
    writing: Vec<Writing>,
    /// How many rows were added.
    appended: u64,
    /// The merging of rows, if there was any.
    merging: Option<Merging>,
}

/// Rows that are merged beside the work that produces them.
#[derive(Debug)]
struct Merging {
    /// Rows that wait to be merged.
    chunk: Chunk,
    state: MergeState,
}

/// Where the merger is.
#[derive(Debug)]
enum MergeState {
    /// Here, with nothing to do.
    Idle(Box<Merger>),
    /// At work on another thread.
    Busy(JoinHandle<Result<Box<Merger>>>),
    /// Gone, with an error that was told.
    Failed,
}

impl Transaction {
    /// A transaction on the database as of `head`.
    pub(super) fn new(store: Store, lock: WriterLock, head: Head, operation: &str) -> Self {
        Self {
            store,
            head,
            operation: operation.to_owned(),
            changes: BTreeMap::new(),
            writers: Writers::new(Arc::new(lock)),
        }
    }

    /// The head and the lock, for a commit that is put together elsewhere.
    pub(super) fn into_parts(self) -> (Head, Arc<WriterLock>) {
        (self.head, self.writers.lock())
    }

    /// Adds rows whose keys the caller knows to be new. Rows are collected and
    /// written in sorted files of a good size; memory is bounded.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub async fn append(&mut self, table: &'static Table, batch: RecordBatch) -> Result<()> {
        check_schema(table, &batch)?;
        let limits = self.store.limits;
        let change = self.change(table).await?;
        if change.merging.is_some() {
            return Err(mixed(table));
        }
        change.appended += batch.num_rows() as u64;
        change.collected.push(batch);
        if change.collected.is_full(&limits) { self.write_collected(table).await } else { Ok(()) }
    }

    /// Merges rows by the table's key, in order. For a key that is there, the
    /// values of the later `observed_at` win where they are known; a value that
    /// is NULL never replaces a known one. A row that differs from what is
    /// there only in `observed_at` is unchanged.
    ///
    /// `standings[i]` says in which of the two counts row `i` is counted: `[0]`
    /// for records of the file, `[1]` for rows nested in them; and whether its key
    /// need not be looked for in what the transaction wrote before.
    /// Counts are known for certain after the commit only.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub async fn upsert(
        &mut self,
        table: &'static Table,
        batch: RecordBatch,
        standings: &[impl Into<Standing> + Copy],
    ) -> Result<()> {
        check_schema(table, &batch)?;
        if batch.num_rows() != standings.len() {
            return Err(Error::internal("not every row is said to be a record or nested"));
        }
        let (folder, limits) = (self.store.layout.table(table), self.store.limits);
        let change = self.change(table).await?;
        if change.appended > 0 {
            return Err(mixed(table));
        }
        let base = Arc::clone(&change.base);
        let merging = change.merging.get_or_insert_with(|| Merging::new(&base, folder));
        merging.chunk.push(batch, standings.iter().map(|standing| (*standing).into()));
        if merging.chunk.is_full(&limits) { self.merge_chunk(table).await } else { Ok(()) }
    }

    /// Merges what is still collected and gives the counts of
    /// [`Transaction::upsert`] so far for `table`: records, then nested rows.
    ///
    /// # Errors
    /// As for [`Transaction::upsert`].
    pub async fn flush(&mut self, table: &'static Table) -> Result<[MergeCounts; 2]> {
        self.merge_chunk(table).await?;
        match self.changes.get_mut(table.name).and_then(|change| change.merging.as_mut()) {
            Some(merging) => Ok(merging.merger().await?.counts()),
            None => Ok(Default::default()),
        }
    }

    /// Makes all changes visible and durable, as one.
    ///
    /// # Errors
    /// When a file cannot be written; then nothing is visible.
    pub async fn commit(mut self) -> Result<()> {
        let mut changes = Vec::new();
        for table in TABLES {
            self.write_collected(table).await?;
            self.write_merged(table).await?;
            if let Some(change) = self.changes.remove(table.name) {
                changes.push(change.settle()?);
            }
        }
        let store = self.store.clone();
        let lock = self.writers.lock();
        let (head, operation) = (self.head.clone(), self.operation.clone());
        let published = tokio::task::spawn_blocking(move || {
            let mut finished = Vec::new();
            for change in changes {
                finished.push(change.finish()?);
            }
            let head = publish(&store.layout, &head, &operation, finished);
            drop(lock);
            head.map_err(|error| store.layout.told(error))
        });
        self.head = published.await.map_err(errors::join)??;
        self.tidy().await;
        Ok(())
    }

    /// Leaves the database fast to open and to read after a commit.
    ///
    /// The commit is made, so a failure here is none of it: it costs the next
    /// reader some time, and the next commit tries again.
    async fn tidy(&mut self) {
        for table in TABLES {
            let tidied = optimize::tidy(&self.store, &self.head, table, self.writers.lock()).await;
            if let Ok(head) = tidied {
                self.head = head;
            }
        }
        let _ = checkpoint(&self.store, &self.head).await;
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

    /// Begins to write the added rows that wait for their file.
    async fn write_collected(&mut self, table: &'static Table) -> Result<()> {
        let Some(change) = self.changes.get_mut(table.name) else { return Ok(()) };
        if change.collected.is_empty() {
            return Ok(());
        }
        let folder = self.store.layout.table(table);
        let batches = change.collected.take();
        let writing = self.writers.write(table, folder, batches, Made::Appended).await?;
        change.writing.push(writing);
        Ok(())
    }

    /// Begins to merge the rows that wait for it; waits for those before.
    async fn merge_chunk(&mut self, table: &'static Table) -> Result<()> {
        let Some(change) = self.changes.get_mut(table.name) else { return Ok(()) };
        let Some(merging) = &mut change.merging else { return Ok(()) };
        if merging.chunk.rows() == 0 {
            return Ok(());
        }
        let chunk = std::mem::take(&mut merging.chunk);
        let merger = merging.merger().await?;
        if merger.is_full(&self.store.limits) {
            let folder = self.store.layout.table(table);
            let batches = merger.take_file()?;
            let writing = self.writers.write(table, folder, batches, Made::Merged).await?;
            merger.is_writing(writing);
        }
        merging.start(chunk, self.writers.lock());
        Ok(())
    }

    /// Merges all rows that wait for it, and begins to write what comes out.
    async fn write_merged(&mut self, table: &'static Table) -> Result<()> {
        self.merge_chunk(table).await?;
        let Some(change) = self.changes.get_mut(table.name) else { return Ok(()) };
        let Some(merging) = &mut change.merging else { return Ok(()) };
        let merger = merging.merger().await?;
        let batches = merger.take_rest()?;
        if !batches.is_empty() {
            let folder = self.store.layout.table(table);
            let writing = self.writers.write(table, folder, batches, Made::Merged).await?;
            merger.is_writing(writing);
        }
        Ok(())
    }
}

impl Merging {
    /// Nothing merged yet into the table as of `base`.
    fn new(base: &Snapshot, folder: std::path::PathBuf) -> Self {
        let merger = Box::new(Merger::new(base, folder));
        Self { chunk: Chunk::default(), state: MergeState::Idle(merger) }
    }

    /// The merger, once it is done with the rows before.
    async fn merger(&mut self) -> Result<&mut Merger> {
        if let MergeState::Busy(work) = &mut self.state {
            let done = work.await;
            self.state = MergeState::Failed;
            self.state = MergeState::Idle(done.map_err(errors::join)??);
        }
        match &mut self.state {
            MergeState::Idle(merger) => Ok(merger),
            _ => Err(Error::internal("rows are merged after a failure")),
        }
    }

    /// Begins to merge `chunk` on another thread.
    fn start(&mut self, chunk: Chunk, lock: Arc<WriterLock>) {
        self.state = match std::mem::replace(&mut self.state, MergeState::Failed) {
            MergeState::Idle(mut merger) => {
                MergeState::Busy(tokio::task::spawn_blocking(move || {
                    let merged = merger.merge(&chunk);
                    drop((chunk, lock));
                    merged.map(|()| merger)
                }))
            }
            other => other,
        };
    }
}

impl TableChange {
    /// No change of `base`.
    fn new(base: Arc<Snapshot>) -> Self {
        Self {
            base,
            collected: Collected::default(),
            writing: Vec::new(),
            appended: 0,
            merging: None,
        }
    }

    /// The change once nothing more comes.
    fn settle(self) -> Result<SettledChange> {
        let merger = match self.merging.map(|merging| merging.state) {
            None => None,
            Some(MergeState::Idle(merger)) => Some(merger),
            Some(_) => return Err(Error::internal("rows are still being merged")),
        };
        let added = merger
            .as_ref()
            .map_or(0, |merger| merger.counts().iter().map(|counts| counts.added).sum());
        Ok(SettledChange {
            rows: self.base.rows() + self.appended + added,
            base: self.base,
            writing: self.writing,
            merger,
        })
    }
}

/// What a transaction does to one table, once nothing more comes.
#[derive(Debug)]
struct SettledChange {
    base: Arc<Snapshot>,
    /// How many rows the table has in the end, by the counts.
    rows: u64,
    writing: Vec<Writing>,
    merger: Option<Box<Merger>>,
}

impl SettledChange {
    /// Waits for the files, and writes those anew that lost rows.
    fn finish(self) -> Result<FinishedChange> {
        let mut merged = match self.merger {
            Some(merger) => merger.finish()?,
            None => Merged::default(),
        };
        for writing in self.writing {
            merged.staged.push(writing.wait()?);
        }
        Ok(FinishedChange { base: self.base, rows: self.rows, merged, rows_change: true })
    }
}

/// What a transaction does to one table, all files written.
#[derive(Debug)]
pub(super) struct FinishedChange {
    /// The table before.
    pub(super) base: Arc<Snapshot>,
    /// How many rows the table has after.
    pub(super) rows: u64,
    /// The files that come and go.
    pub(super) merged: Merged,
    /// Whether rows change, or only the files that hold them.
    pub(super) rows_change: bool,
}

impl FinishedChange {
    /// Whether there is nothing to commit.
    fn is_empty(&self) -> bool {
        self.merged.staged.is_empty() && self.merged.removed.is_empty()
    }

    /// The change as the log takes it. Refuses one that would lose or double
    /// rows.
    fn to_log(&self) -> Result<Change> {
        let added: Vec<_> =
            self.merged.staged.iter().filter_map(|file| file.written().cloned()).collect();
        let gone: u64 = self.merged.removed.iter().map(|file| file.rows).sum();
        let came: u64 = added.iter().map(|written| written.file.rows).sum();
        let rows = (self.base.rows() + came).checked_sub(gone);
        if rows != Some(self.rows) {
            return Err(Error::internal(format!(
                "a commit would leave table `{}` with {} rows instead of {}",
                self.base.table.name,
                rows.unwrap_or(0),
                self.rows
            )));
        }
        Ok(Change { added, removed: self.merged.removed.clone(), rows_change: self.rows_change })
    }
}

/// Writes the commit down and does it; gives the new head.
pub(super) fn publish(
    layout: &Layout,
    head: &Head,
    operation: &str,
    mut changes: Vec<FinishedChange>,
) -> Result<Head> {
    changes.retain(|change| !change.is_empty());
    if changes.is_empty() {
        return Ok(head.clone());
    }
    let mut entries = Vec::new();
    for change in &changes {
        let table = change.base.table;
        data_file::sync_folder(&layout.table(table))?;
        let version = change.base.version + 1;
        let path = layout.entry(table, version);
        if layout.bucket().is_none() && path.exists() {
            return Err(Error::store(format!("{} is not from this program", path.display()))
                .hint(repair_hint(layout)));
        }
        let entry = log::entry_for(table, operation, &change.to_log()?)?;
        entries.push(PendingEntry { table: table.name.to_owned(), version, entry });
    }
    layout.expect_head(head)?;
    if let Err(error) = layout.send(staged(&changes)) {
        layout.take_back(staged(&changes));
        return Err(error);
    }
    let pending = Pending::new(head, entries);
    match pending.write(layout).and_then(|()| pending.publish(layout)) {
        Ok(head) => {
            keep_all(changes);
            Ok(head)
        }
        Err(error) => {
            // Unless it is certain that no trace is left, the next writer may
            // still finish the commit, and needs the files.
            match pending.undo(layout, head) {
                Ok(()) => layout.take_back(staged(&changes)),
                Err(_) => keep_all(changes),
            }
            Err(error)
        }
    }
}

/// Writes the checkpoints that are due.
pub(super) async fn checkpoint(store: &Store, head: &Head) -> Result<()> {
    for table in TABLES {
        log::checkpoint(&store.layout, table, head.version(table)?).await?;
    }
    Ok(())
}

/// The files that come.
fn staged(changes: &[FinishedChange]) -> impl Iterator<Item = &Written> {
    changes.iter().flat_map(|change| &change.merged.staged).filter_map(Staged::written)
}

/// Leaves the staged files where they are.
fn keep_all(changes: Vec<FinishedChange>) {
    changes.into_iter().flat_map(|change| change.merged.staged).for_each(Staged::keep);
}

/// Refuses rows of another shape than the table's.
fn check_schema(table: &'static Table, batch: &RecordBatch) -> Result<()> {
    if batch.schema_ref().fields() == table.schema().fields() {
        return Ok(());
    }
    Err(Error::internal(format!("rows for table `{}` have another shape", table.name)))
}

/// The error for rows that are added to a table after others were merged into
/// it: added rows are not looked through for keys.
fn mixed(table: &Table) -> Error {
    Error::internal(format!("rows are both added to and merged into table `{}`", table.name))
}
