//! The rows of a query that is computed once, in memory as far as there is room and in
//! files of the session beyond.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::internal_err;
use datafusion::common::runtime::JoinSet;
use datafusion::common::utils::memory::RecordBatchMemoryCounter;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryReservation};
use datafusion::execution::spill_file::SpillFile;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::SpillMetrics;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, SpillManager};
use futures::StreamExt;

use super::computation::Computation;

/// Rows are held in memory up to this part of all that there is. They stay as long as the
/// statement runs, and its other operators need room beside them.
const PART_HELD: usize = 4;

/// All rows, by the partitions that they came in.
pub(super) struct Kept {
    partitions: Vec<Partition>,
    files: SpillManager,
    /// Given back with the rows.
    _room: Arc<Room>,
}

/// Rows in the order in which they came.
enum Partition {
    Held(Vec<RecordBatch>),
    Spilled(Arc<dyn SpillFile>),
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("partitions", &self.partitions.len()).finish_non_exhaustive()
    }
}

impl Kept {
    /// Runs all partitions of `input`, each on a task; they end when this is dropped.
    pub(super) async fn collect(
        computation: &Computation,
        input: &Arc<dyn ExecutionPlan>,
        context: &Arc<TaskContext>,
    ) -> Result<Self> {
        let room = Arc::new(Room::new(&computation.name, context));
        let metrics = SpillMetrics::new(&computation.metrics, 0);
        let schema = Arc::clone(&computation.schema);
        let files = SpillManager::new(context.runtime_env(), metrics, schema)
            .with_compression_type(context.session_config().spill_compression());
        let count = input.output_partitioning().partition_count();
        let mut tasks = JoinSet::new();
        for place in 0..count {
            let rows = input.execute(place, Arc::clone(context))?;
            let (room, files) = (Arc::clone(&room), files.clone());
            tasks.spawn(async move {
                Partition::collect(rows, &room, &files).await.map(|partition| (place, partition))
            });
        }
        let mut partitions: Vec<_> = (0..count).map(|_| Partition::Held(Vec::new())).collect();
        while let Some(ended) = tasks.join_next().await {
            let (place, partition) = match ended {
                Ok(collected) => collected?,
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(error) => return Err(DataFusionError::ExecutionJoin(Box::new(error))),
                },
            };
            partitions[place] = partition;
        }
        Ok(Self { partitions, files, _room: room })
    }

    /// The rows of one partition.
    pub(super) fn rows(&self, partition: usize) -> Result<SendableRecordBatchStream> {
        match self.partitions.get(partition) {
            Some(Partition::Held(batches)) => {
                let batches = futures::stream::iter(batches.clone().into_iter().map(Ok));
                let schema = Arc::clone(self.files.schema());
                Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
            }
            Some(Partition::Spilled(file)) => {
                self.files.read_spill_as_stream(Arc::clone(file), None)
            }
            None => internal_err!("there is no partition {partition}"),
        }
    }
}

impl Partition {
    async fn collect(
        mut rows: SendableRecordBatchStream,
        room: &Room,
        files: &SpillManager,
    ) -> Result<Self> {
        let (mut held, mut bytes) = (Vec::new(), 0);
        // Batches may be slices of the same columns, whose bytes are there once.
        let mut memory = RecordBatchMemoryCounter::new();
        let mut spilled = None;
        while let Some(batch) = rows.next().await {
            let batch = with_schema(&batch?, files.schema())?;
            let size = memory.count_batch(&batch);
            let file = match spilled.as_mut() {
                Some(file) => file,
                None if room.take(size) => {
                    held.push(batch);
                    bytes += size;
                    continue;
                }
                None => spilled.insert(files.create_in_progress_file("ComputedOnce")?),
            };
            for earlier in held.drain(..) {
                file.append_batch(&earlier)?;
            }
            room.give_back(std::mem::take(&mut bytes));
            file.append_batch(&batch)?;
        }
        let Some(mut file) = spilled else { return Ok(Self::Held(held)) };
        Ok(file.finish()?.map_or(Self::Held(held), Self::Spilled))
    }
}

/// `batch` under `schema`, which has the same types.
fn with_schema(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let (schema, columns) = (Arc::clone(schema), batch.columns().to_vec());
    Ok(RecordBatch::try_new_with_options(schema, columns, &rows)?)
}

/// The memory for all partitions.
struct Room {
    reservation: MemoryReservation,
    /// Bytes at most.
    most: usize,
}

impl Room {
    fn new(name: &str, context: &TaskContext) -> Self {
        let pool = context.memory_pool();
        let consumer = MemoryConsumer::new(format!("ComputedOnce[{name}]")).with_can_spill(true);
        let most = match pool.memory_limit() {
            MemoryLimit::Finite(bytes) => bytes / PART_HELD,
            _ => usize::MAX,
        };
        Self { reservation: consumer.register(pool), most }
    }

    /// Takes `bytes` if there are so many.
    fn take(&self, bytes: usize) -> bool {
        let together = self.reservation.size().saturating_add(bytes);
        together <= self.most && self.reservation.try_grow(bytes).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.reservation.shrink(bytes);
    }
}
