//! Writes data files beside the work that produces their rows.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use datafusion::arrow::record_batch::RecordBatch;
use tokio::sync::Semaphore;

use super::Limits;
use super::data_file::{self, Written};
use super::lock::WriterLock;
use crate::error::{Error, Result};
use crate::model::Table;

/// Files that are written at the same time; with the one that is collected,
/// this bounds memory.
const WRITERS: u32 = 2;

/// How a file's rows came together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// One after the other, as they were given.
    Appended,
    /// By merging, which takes as much memory for the next file meanwhile, and as
    /// much time: such a file is written alone.
    Merged,
}

/// Rows that wait for their file.
#[derive(Debug, Default)]
pub(super) struct Collected {
    batches: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
}

impl Collected {
    /// Takes rows in.
    pub(super) fn push(&mut self, batch: RecordBatch) {
        self.rows += batch.num_rows();
        self.bytes += batch.get_array_memory_size();
        self.batches.push(batch);
    }

    /// Whether there are enough rows for a file.
    pub(super) fn is_full(&self, limits: &Limits) -> bool {
        self.rows >= limits.file_rows || self.bytes >= limits.file_bytes
    }

    /// Whether there are no rows.
    pub(super) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The rows; none are left.
    pub(super) fn take(&mut self) -> Vec<RecordBatch> {
        std::mem::take(self).batches
    }
}

/// A data file that is written, but that no log names yet. Dropping it removes
/// it, unless it was kept.
#[derive(Debug)]
pub(super) struct Staged {
    written: Option<Written>,
}

impl Staged {
    /// Guards `written`.
    pub(super) fn new(written: Written) -> Self {
        Self { written: Some(written) }
    }

    /// The file.
    pub(super) fn written(&self) -> Option<&Written> {
        self.written.as_ref()
    }

    /// Leaves the file where it is, for a log entry names it.
    pub(super) fn keep(mut self) {
        self.written = None;
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(written) = &self.written {
            // Nothing names the file; the next writer looks for leftovers too.
            let _ = data_file::discard(&written.file.path);
        }
    }
}

/// Writes files on other threads, a few at a time.
#[derive(Debug)]
pub(super) struct Writers {
    free: Arc<Semaphore>,
    /// Held by every writer, so that the lock outlives them.
    lock: Arc<WriterLock>,
}

/// A file that is being written.
#[derive(Debug)]
pub(super) struct Writing {
    result: Receiver<Result<Staged>>,
}

impl Writers {
    /// Writers under `lock`.
    pub(super) fn new(lock: Arc<WriterLock>) -> Self {
        Self { free: Arc::new(Semaphore::new(WRITERS as usize)), lock }
    }

    /// The writer's lock, for other work on other threads.
    pub(super) fn lock(&self) -> Arc<WriterLock> {
        Arc::clone(&self.lock)
    }

    /// Begins to write `batches` as a file of `table` in `folder`; waits until
    /// a writer is free.
    pub(super) async fn write(
        &self,
        table: &'static Table,
        folder: PathBuf,
        batches: Vec<RecordBatch>,
        made: Made,
    ) -> Result<Writing> {
        let places = if made == Made::Merged { WRITERS } else { 1 };
        let free = Arc::clone(&self.free).acquire_many_owned(places).await;
        let free = free.map_err(|error| Error::internal(error.to_string()))?;
        let lock = self.lock();
        let (sender, result) = sync_channel(1);
        tokio::task::spawn_blocking(move || {
            let written = data_file::write_sorted(table, &folder, batches);
            // Nobody waits for a file of a transaction that was dropped; the
            // unsent result removes it.
            let _ = sender.send(written.map(Staged::new));
            drop((free, lock));
        });
        Ok(Writing { result })
    }
}

impl Writing {
    /// Waits for the file. Blocks, so only for threads that may.
    pub(super) fn wait(self) -> Result<Staged> {
        let lost = |_| Error::internal("a writer of the store failed");
        self.result.recv().map_err(lost)?
    }
}
