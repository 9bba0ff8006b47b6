//! An answer that is too large to be kept in memory: an Arrow IPC file beside what
//! queries spill, which counts against the same limit and goes with the session.
//!
//! It is written on a thread of its own while the query goes on, and read a batch at
//! a time: by the viewer wherever it is looked at, by SQL from its beginning.

use std::fs::File;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use async_trait::async_trait;
use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::reader::FileReader;
use datafusion::arrow::ipc::writer::FileWriter;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::execution::spill_file::SpillFile;
use datafusion::execution::{DiskManager, SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use parking_lot::Mutex;

use super::progress::bytes;
use crate::error::{Error, Kind, Result};
use crate::store::own_texts;

/// Batches that may wait for the disk before the answer waits with them.
const WAITING: usize = 8;

/// An answer on its way to the disk.
#[derive(Debug)]
pub(super) struct FileWriting {
    batches: Option<SyncSender<RecordBatch>>,
    thread: Option<JoinHandle<Result<KeptFile>>>,
}

impl FileWriting {
    /// Begins a file of at most so many bytes with the batches that there are. Its
    /// columns are as [`written`] has them.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(super) fn begin(
        disk: &Arc<DiskManager>,
        schema: &SchemaRef,
        first: Vec<RecordBatch>,
        most: u64,
    ) -> Result<Self> {
        let (batches, waiting) = sync_channel(WAITING);
        let (disk, schema) = (Arc::clone(disk), Arc::clone(schema));
        let thread = std::thread::Builder::new()
            .name("weiku-kept".to_owned())
            .spawn(move || write(&disk, schema, first, &waiting, most))
            .map_err(|error| Error::internal(format!("cannot start a thread: {error}")))?;
        Ok(Self { batches: Some(batches), thread: Some(thread) })
    }

    /// Hands a batch over; `false` once the file has failed and takes no more.
    pub(super) fn add(&self, batch: &RecordBatch) -> bool {
        self.batches.as_ref().is_some_and(|batches| batches.send(batch.clone()).is_ok())
    }

    /// The file, when all is written.
    ///
    /// # Errors
    /// When the answer takes more than it may, or the disk takes no more.
    pub(super) fn finish(mut self) -> Result<KeptFile> {
        drop(self.batches.take());
        let ended = self.thread.take().map(JoinHandle::join);
        ended.and_then(std::result::Result::ok).unwrap_or_else(|| {
            Err(Error::internal("the thread that keeps the answer on disk ended early"))
        })
    }
}

impl Drop for FileWriting {
    /// Waits for the little that is still to be written, so that the file of an answer
    /// that was cancelled is gone by the next prompt.
    fn drop(&mut self) {
        drop(self.batches.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write(
    disk: &Arc<DiskManager>,
    schema: SchemaRef,
    first: Vec<RecordBatch>,
    waiting: &Receiver<RecordBatch>,
    most: u64,
) -> Result<KeptFile> {
    let file = disk.create_tmp_file("keeping an answer").map_err(|error| not_made(&error))?;
    let to = file.open_writer().map_err(|error| not_made(&error))?;
    let mut writer = FileWriter::try_new_buffered(to, &schema).map_err(|error| full(&error))?;
    let mut lengths = Vec::new();
    for batch in first.into_iter().chain(waiting.iter()).filter(|batch| batch.num_rows() > 0) {
        writer.write(&alone(&batch, &schema)?).map_err(|error| full(&error))?;
        lengths.push(batch.num_rows());
        if file.size().is_some_and(|size| size > most) {
            let most = bytes(most as f64);
            let message = format!("the answer takes more than {most}, a quarter of --spill-limit");
            return Err(Error::new(Kind::Limit, message));
        }
    }
    writer.finish().map_err(|error| full(&error))?;
    drop(writer);
    let reader = Mutex::new(open(file.as_ref(), None).map_err(|error| unreadable(&error))?);
    Ok(KeptFile { file, schema, lengths, reader })
}

/// `schema` as a file has it. A file has one dictionary for each column, and an answer
/// may have another in each batch, so the texts themselves are written.
pub(super) fn written(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Dictionary(_, values) => {
            Arc::new(field.as_ref().clone().with_data_type(values.as_ref().clone()))
        }
        _ => Arc::clone(field),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The batch under `schema`, without the texts of other batches that its buffers hold.
fn alone(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let alone = |column: &ArrayRef| -> std::result::Result<ArrayRef, ArrowError> {
        match column.data_type() {
            DataType::Dictionary(_, values) => cast(column, values),
            _ => Ok(own_texts(column)),
        }
    };
    let columns = batch.columns().iter().map(alone).collect::<std::result::Result<Vec<_>, _>>();
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    columns
        .and_then(|columns| RecordBatch::try_new_with_options(Arc::clone(schema), columns, &rows))
        .map_err(|error| Error::internal(format!("an answer cannot be kept: {error}")))
}

/// An answer in a file, which is removed when nothing needs it any more.
pub(crate) struct KeptFile {
    file: Arc<dyn SpillFile>,
    schema: SchemaRef,
    /// The rows of each batch.
    lengths: Vec<usize>,
    reader: Mutex<FileReader<File>>,
}

impl std::fmt::Debug for KeptFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeptFile").field("lengths", &self.lengths).finish_non_exhaustive()
    }
}

impl KeptFile {
    /// The rows of each batch.
    pub(super) fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    /// Bytes on the disk.
    pub(super) fn bytes(&self) -> u64 {
        self.file.size().unwrap_or(0)
    }

    /// One batch.
    ///
    /// # Errors
    /// When the file cannot be read any more.
    pub(super) fn batch(&self, index: usize) -> Result<RecordBatch> {
        let mut reader = self.reader.lock();
        reader.set_index(index).map_err(|error| unreadable(&error))?;
        match reader.next() {
            Some(batch) => batch.map_err(|error| unreadable(&error)),
            None => Err(Error::internal("an answer on disk has fewer batches than were written")),
        }
    }
}

#[async_trait]
impl TableProvider for KeptFile {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        let schema = datafusion::common::project_schema(&self.schema, projection)?;
        let (file, columns) = (Arc::clone(&self.file), projection.cloned());
        let scan: Arc<dyn PartitionStream> =
            Arc::new(Scan { file, schema: Arc::clone(&schema), columns });
        // The file's reader leaves out what is not asked for, so that no second
        // projection is needed.
        Ok(Arc::new(StreamingTableExec::try_new(schema, vec![scan], None, None, false, limit)?))
    }
}

/// One reading of some columns.
struct Scan {
    file: Arc<dyn SpillFile>,
    schema: SchemaRef,
    columns: Option<Vec<usize>>,
}

impl std::fmt::Debug for Scan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scan").field("columns", &self.columns).finish_non_exhaustive()
    }
}

impl PartitionStream for Scan {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        type Batches = Box<dyn Iterator<Item = EngineResult<RecordBatch>> + Send>;
        let batches: Batches = match open(self.file.as_ref(), self.columns.clone()) {
            Ok(reader) => Box::new(reader.map(|batch| batch.map_err(DataFusionError::from))),
            Err(error) => Box::new(std::iter::once(Err(DataFusionError::from(error)))),
        };
        let schema = Arc::clone(&self.schema);
        Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::iter(batches)))
    }
}

fn open(
    file: &dyn SpillFile,
    columns: Option<Vec<usize>>,
) -> std::result::Result<FileReader<File>, ArrowError> {
    let path = file.path().ok_or_else(|| ArrowError::IpcError("a file has no path".to_owned()))?;
    FileReader::try_new(File::open(path)?, columns)
}

fn not_made(error: &DataFusionError) -> Error {
    let message = match error {
        DataFusionError::External(inner) => inner.to_string(),
        other => other.to_string(),
    };
    Error::new(Kind::Limit, message)
}

/// Why the disk took no more.
fn full(error: &ArrowError) -> Error {
    let text = error.to_string();
    let message = match text.contains("exceeded the allowable limit") {
        true => "with what queries have spilled it takes more than --spill-limit".to_owned(),
        false => format!("it cannot be kept on disk: {text}"),
    };
    Error::new(Kind::Limit, message)
}

fn unreadable(error: &ArrowError) -> Error {
    Error::new(Kind::Store, format!("the answer kept on disk cannot be read: {error}"))
}
