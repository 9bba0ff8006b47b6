//! The operator that reads pieces at the same time, and gives them out in order.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, internal_datafusion_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::{
    ChildrenPropertiesMode, EvaluationType, ReplaceChildrenOptions, SchedulingType,
};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PlanProperties,
};
use futures::{StreamExt, stream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Plan;
use super::runs::Runs;

/// Bytes of a piece that may wait until those before it have been given out.
const ROOM: usize = 16 << 20;

/// Batches of a run, at most; the first ones are shorter, so that rows come soon.
const RUN: usize = 8;

/// Gives out partition after partition of its input, or run after run, and reads the next
/// ones meanwhile.
#[derive(Debug)]
pub(super) struct InOrder {
    input: Plan,
    /// So many rows are enough.
    fetch: Option<usize>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl InOrder {
    /// The rows of `input`, those of one partition after those of the other; the first
    /// `fetch` of them.
    pub(super) fn new(input: Plan, fetch: Option<usize>) -> Self {
        let mut equivalences = input.equivalence_properties().clone();
        if input.output_partitioning().partition_count() > 1 {
            equivalences.clear_orderings();
            equivalences.clear_per_partition_constants();
        }
        let (one, flow) = (Partitioning::UnknownPartitioning(1), input.pipeline_behavior());
        let properties = PlanProperties::new(equivalences, one, flow, input.boundedness())
            .with_evaluation_type(EvaluationType::Eager)
            .with_scheduling_type(SchedulingType::Cooperative);
        let metrics = ExecutionPlanMetricsSet::new();
        Self { input, fetch, properties: Arc::new(properties), metrics }
    }
}

impl DisplayAs for InOrder {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if matches!(format, DisplayFormatType::TreeRender) { "" } else { "InOrder: " };
        match self.fetch {
            Some(fetch) => write!(f, "{name}fetch={fetch}"),
            None => f.write_str(name.trim_end_matches(": ")),
        }
    }
}

impl ExecutionPlan for InOrder {
    fn name(&self) -> &'static str {
        "InOrder"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Plan> {
        vec![&self.input]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Plan>,
        _: ReplaceChildrenOptions,
    ) -> Result<Plan> {
        Ok(match children.pop() {
            Some(child) => Arc::new(Self::new(child, self.fetch)),
            None => self,
        })
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Plan>) -> Result<Plan> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let baseline = BaselineMetrics::new(&self.metrics, partition);
        let giving = Giving::start(&self.input, self.fetch, context, baseline);
        let batches = stream::try_unfold(giving, |mut giving| async move {
            let batch = giving.next().await?;
            Ok(batch.map(|batch| (batch, giving)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn fetch(&self) -> Option<usize> {
        self.fetch
    }
}

/// A piece that is being read.
struct Piece {
    batches: UnboundedReceiver<Result<Waiting>>,
    reader: SpawnedTask<()>,
    /// Goes to another piece when this one has been given out.
    _turn: OwnedSemaphorePermit,
}

/// A batch that waits until those before it have been given out.
struct Waiting {
    batch: RecordBatch,
    /// Bytes that are counted for it.
    counted: usize,
    _room: OwnedSemaphorePermit,
}

impl Waiting {
    /// Has `batch` wait as soon as there is room for it.
    async fn in_room(
        batch: RecordBatch,
        room: &Arc<Semaphore>,
        reservation: &MemoryReservation,
    ) -> Result<Self> {
        let bytes = batch.get_array_memory_size().min(ROOM);
        let mut taken = permits(room, bytes).await?;
        let is_counted = reservation.try_grow(bytes).is_ok();
        if !is_counted {
            // Where memory is short, one batch of each piece waits and no more.
            taken.merge(permits(room, ROOM - bytes).await?);
        }
        Ok(Self { batch, counted: if is_counted { bytes } else { 0 }, _room: taken })
    }
}

/// Waits for `count` permits of `semaphore`, or one turn.
async fn permits(semaphore: &Arc<Semaphore>, count: usize) -> Result<OwnedSemaphorePermit> {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    let permits = Arc::clone(semaphore).acquire_many_owned(count).await;
    permits.map_err(|error| internal_datafusion_err!("{error}"))
}

/// Reads a piece, as far as there is room for what is read.
async fn read(
    mut batches: SendableRecordBatchStream,
    reservation: Arc<MemoryReservation>,
    sender: UnboundedSender<Result<Waiting>>,
) {
    let room = Arc::new(Semaphore::new(ROOM));
    while let Some(batch) = batches.next().await {
        let waiting = match batch {
            Ok(batch) => Waiting::in_room(batch, &room, &reservation).await,
            Err(error) => Err(error),
        };
        let failed = waiting.is_err();
        if sender.send(waiting).is_err() || failed {
            return;
        }
    }
}

/// Sets pieces in motion, one after the other.
struct Starter {
    input: Plan,
    context: Arc<TaskContext>,
    reservation: Arc<MemoryReservation>,
    /// As many turns as there may be pieces in motion.
    turns: Arc<Semaphore>,
    pieces: UnboundedSender<Result<Piece>>,
}

impl Starter {
    async fn run(self) {
        if let Err(error) = self.start_all().await {
            // Nobody hears it when the query is over.
            let _ = self.pieces.send(Err(error));
        }
    }

    async fn start_all(&self) -> Result<()> {
        let Some(runs) = Runs::below(&self.input) else {
            for partition in 0..self.input.output_partitioning().partition_count() {
                self.start(partition, permits(&self.turns, 1).await?)?;
            }
            return Ok(());
        };
        let mut batches = runs.batches(&self.context)?;
        let mut length = 1;
        loop {
            let turn = permits(&self.turns, 1).await?;
            let Some(run) = runs.deal(&mut batches, length).await else { return Ok(()) };
            self.start(run, turn)?;
            length = (length * 2).min(RUN);
        }
    }

    fn start(&self, piece: usize, turn: OwnedSemaphorePermit) -> Result<()> {
        let batches = self.input.execute(piece, Arc::clone(&self.context))?;
        let (sender, receiver) = unbounded_channel();
        let reader = SpawnedTask::spawn(read(batches, Arc::clone(&self.reservation), sender));
        // Where nobody takes it, the piece stops.
        let _ = self.pieces.send(Ok(Piece { batches: receiver, reader, _turn: turn }));
        Ok(())
    }
}

/// Rows that are being given out.
struct Giving {
    pieces: UnboundedReceiver<Result<Piece>>,
    starter: SpawnedTask<()>,
    open: Option<Piece>,
    reservation: Arc<MemoryReservation>,
    /// Rows that are still asked for.
    left: usize,
    baseline: BaselineMetrics,
}

impl Giving {
    /// Sets the first pieces in motion.
    fn start(
        input: &Plan,
        fetch: Option<usize>,
        context: Arc<TaskContext>,
        baseline: BaselineMetrics,
    ) -> Self {
        let threads = context.session_config().target_partitions();
        // Who wants few rows is not to read more than he needs.
        let ahead = if fetch.is_some() { threads } else { threads + 1 };
        let consumer = MemoryConsumer::new("rows read ahead");
        let reservation = Arc::new(consumer.register(context.memory_pool()));
        let (sender, pieces) = unbounded_channel();
        let starter = Starter {
            input: Arc::clone(input),
            context,
            reservation: Arc::clone(&reservation),
            turns: Arc::new(Semaphore::new(ahead.max(1))),
            pieces: sender,
        };
        let starter = SpawnedTask::spawn(starter.run());
        let left = fetch.unwrap_or(usize::MAX);
        Self { pieces, starter, open: None, reservation, left, baseline }
    }

    /// The next batch, if rows are left and wanted.
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        while self.left > 0 {
            if self.open.is_none() {
                self.open = self.pieces.recv().await.transpose()?;
            }
            let Some(piece) = &mut self.open else {
                finished(&mut self.starter).await?;
                return Ok(None);
            };
            if let Some(waiting) = piece.batches.recv().await {
                return Ok(Some(self.give(&waiting?)));
            }
            // Its end may be that of a reader that failed without a word.
            finished(&mut piece.reader).await?;
            self.open = None;
        }
        Ok(None)
    }

    fn give(&mut self, waiting: &Waiting) -> RecordBatch {
        self.reservation.shrink(waiting.counted);
        let rows = waiting.batch.num_rows().min(self.left);
        if self.left != usize::MAX {
            self.left -= rows;
        }
        self.baseline.record_output(rows);
        waiting.batch.slice(0, rows)
    }
}

/// Waits until `task` has come to its end.
async fn finished(task: &mut SpawnedTask<()>) -> Result<()> {
    task.join_unwind_mut().await.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array};
    use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
    use datafusion::execution::memory_pool::GreedyMemoryPool;
    use datafusion::execution::runtime_env::RuntimeEnvBuilder;
    use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
    use datafusion::prelude::SessionConfig;
    use futures::TryStreamExt;
    use tokio::sync::watch;

    use super::*;

    /// A partition of three batches of its number, which come when the next partition is
    /// being read as well.
    #[derive(Debug)]
    struct Numbers {
        number: i64,
        last: i64,
        schema: SchemaRef,
        /// The number of the last partition that is being read.
        read: Arc<watch::Sender<i64>>,
    }

    impl PartitionStream for Numbers {
        fn schema(&self) -> &SchemaRef {
            &self.schema
        }

        fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
            let (number, next) = (self.number, self.last.min(self.number + 1));
            let (schema, read) = (Arc::clone(&self.schema), Arc::clone(&self.read));
            let column: ArrayRef = Arc::new(Int64Array::from(vec![number]));
            let batch = RecordBatch::try_new(Arc::clone(&schema), vec![column]).unwrap();
            let next_is_read = async move {
                read.send_modify(|last| *last = number.max(*last));
                let _ = read.subscribe().wait_for(|last| *last >= next).await;
            };
            let batches = stream::once(next_is_read).flat_map(move |()| {
                let batch = batch.clone();
                stream::iter((0..3).map(move |_| Ok(batch.clone())))
            });
            Box::pin(RecordBatchStreamAdapter::new(schema, batches))
        }
    }

    /// The numbers of six partitions, read by two threads in so many bytes.
    async fn given(fetch: Option<usize>, bytes: usize) -> Vec<i64> {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        let read = Arc::new(watch::Sender::new(-1));
        let partitions = (0..6).map(|number| -> Arc<dyn PartitionStream> {
            let (schema, read) = (Arc::clone(&schema), Arc::clone(&read));
            Arc::new(Numbers { number, last: 5, schema, read })
        });
        let partitions = partitions.collect();
        let table = StreamingTableExec::try_new(schema, partitions, None, Vec::new(), false, None);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(GreedyMemoryPool::new(bytes)))
            .build_arc()
            .unwrap();
        let context = TaskContext::default()
            .with_session_config(SessionConfig::new().with_target_partitions(2))
            .with_runtime(Arc::clone(&runtime));
        let rows = InOrder::new(Arc::new(table.unwrap()), fetch).execute(0, Arc::new(context));
        let batches = tokio::time::timeout(Duration::from_secs(60), rows.unwrap().try_collect());
        let batches: Vec<RecordBatch> = batches.await.unwrap().unwrap();
        if fetch.is_none() {
            assert_eq!(runtime.memory_pool.reserved(), 0, "what was given out counts no more");
        }
        let number = |batch: &RecordBatch| batch.column(0).as_primitive::<Int64Type>().value(0);
        batches.iter().map(number).collect()
    }

    #[tokio::test]
    async fn partitions_are_read_at_the_same_time_and_given_out_in_order() {
        // None of them would come to an end by itself.
        let wanted: Vec<i64> = (0..6).flat_map(|number| [number; 3]).collect();
        assert_eq!(given(None, 1 << 20).await, wanted);
        assert_eq!(given(Some(7), 1 << 20).await, wanted[..7]);
    }

    #[tokio::test]
    async fn little_memory_makes_no_difference_to_the_rows() {
        let wanted: Vec<i64> = (0..6).flat_map(|number| [number; 3]).collect();
        assert_eq!(given(None, 1).await, wanted);
    }
}
