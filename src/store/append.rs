//! Writes data files beside the work that produces their rows.

use std::path::{Path, PathBuf};

use datafusion::arrow::record_batch::RecordBatch;
use tokio::task::JoinSet;

use super::data_file::{self, Written};
use super::errors;
use crate::error::Result;
use crate::model::Table;

/// Rows that are collected for one file.
const FILE_ROWS: usize = 1 << 20;

/// Bytes of rows in memory that are collected for one file.
const FILE_BYTES: usize = 192 << 20;

/// Files that are written at the same time; with the one that is collected,
/// this bounds memory.
const WRITERS: usize = 2;

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
    pub(super) fn is_full(&self) -> bool {
        self.rows >= FILE_ROWS || self.bytes >= FILE_BYTES
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
            let _ = std::fs::remove_file(&written.file.path);
        }
    }
}

/// The data files that are being written, and those that are.
#[derive(Debug, Default)]
pub(super) struct Writers {
    running: JoinSet<Result<(&'static Table, Staged)>>,
    done: Vec<(&'static Table, Staged)>,
}

impl Writers {
    /// Begins to write `batches` as a file of `table` in `folder`; waits until
    /// a writer is free.
    pub(super) async fn write(
        &mut self,
        table: &'static Table,
        folder: PathBuf,
        batches: Vec<RecordBatch>,
    ) -> Result<()> {
        while self.running.len() >= WRITERS {
            self.next().await?;
        }
        self.running.spawn_blocking(move || write(table, &folder, &batches));
        Ok(())
    }

    /// Waits for all files; gives those written since the last call.
    pub(super) async fn finish(&mut self) -> Result<Vec<(&'static Table, Staged)>> {
        while !self.running.is_empty() {
            self.next().await?;
        }
        Ok(std::mem::take(&mut self.done))
    }

    /// Waits for one file.
    async fn next(&mut self) -> Result<()> {
        if let Some(written) = self.running.join_next().await {
            self.done.push(written.map_err(errors::join)??);
        }
        Ok(())
    }
}

/// Writes one file.
fn write(
    table: &'static Table,
    folder: &Path,
    batches: &[RecordBatch],
) -> Result<(&'static Table, Staged)> {
    Ok((table, Staged::new(data_file::write_sorted(table, folder, batches)?)))
}
