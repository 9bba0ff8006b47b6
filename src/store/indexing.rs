//! Makes the index of a data file beside the thread that writes the file.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use datafusion::arrow::record_batch::RecordBatch;

use crate::error::{Error, Result};
use crate::index::{Builder, Index};

/// Batches of the file that may wait to be indexed.
const QUEUE: usize = 2;

/// An index in the making. Dropping it gives the index up.
#[derive(Debug)]
pub(super) struct Indexing {
    /// None once nothing more comes.
    batches: Option<SyncSender<RecordBatch>>,
    index: JoinHandle<Result<Index>>,
}

impl Indexing {
    /// Begins with an empty index.
    pub(super) fn start(mut builder: Builder) -> Result<Self> {
        let (batches, waiting) = sync_channel::<RecordBatch>(QUEUE);
        let work = move || {
            waiting.iter().for_each(|batch| builder.observe(&batch));
            builder.finish()
        };
        let index = std::thread::Builder::new()
            .name("index".to_owned())
            .spawn(work)
            .map_err(|error| Error::internal(format!("cannot start a thread: {error}")))?;
        Ok(Self { batches: Some(batches), index })
    }

    /// Takes the next rows in.
    pub(super) fn observe(&self, batch: &RecordBatch) -> Result<()> {
        let sent = self.batches.as_ref().and_then(|batches| batches.send(batch.clone()).ok());
        sent.ok_or_else(failed)
    }

    /// Says that nothing more comes.
    pub(super) fn end(&mut self) {
        self.batches = None;
    }

    /// Waits for the index of all rows.
    pub(super) fn finish(mut self) -> Result<Index> {
        self.end();
        self.index.join().map_err(|_| failed())?
    }
}

/// The error for an index that is not made to its end.
fn failed() -> Error {
    Error::internal("the index of a data file failed")
}
