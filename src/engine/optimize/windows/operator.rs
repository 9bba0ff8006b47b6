//! The operator that computes window functions in one pass over the rows.

use std::collections::VecDeque;
use std::fmt;
use std::iter::once;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, Statistics};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr_common::sort_expr::OrderingRequirements;
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, EmptyRecordBatchStream, ExecutionPlan,
    InputDistributionRequirements, PlanProperties, ReplaceChildrenOptions,
};
use futures::StreamExt;
use futures::stream::try_unfold;
use tokio::task::coop::consume_budget;

use super::frames::{Edges, Rows};
use super::moving::{Answers, begin};
use super::shape::{Column, Shape};
use super::values::width;
use crate::store::own_texts;

/// Window functions in one pass.
///
/// What the plan around it may rely on is what holds for the operator of the engine that
/// it stands for: it needs its rows in the same partitions and order, and gives them so.
#[derive(Debug)]
pub(super) struct WindowPass {
    window: Arc<dyn ExecutionPlan>,
    input: Arc<dyn ExecutionPlan>,
    shape: Arc<Shape>,
    metrics: ExecutionPlanMetricsSet,
}

impl WindowPass {
    /// The operator for `window`, or `window` if it is none whose functions are all ours.
    pub(super) fn instead_of(window: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        let input = window.children().first().copied().cloned();
        let (Some(shape), Some(input)) = (Shape::of(&window), input) else { return window };
        let (shape, metrics) = (Arc::new(shape), ExecutionPlanMetricsSet::new());
        Arc::new(Self { window, input, shape, metrics })
    }
}

impl DisplayAs for WindowPass {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut columns = self.shape.columns.iter();
        match kind {
            DisplayFormatType::TreeRender => {
                columns.try_for_each(|column| writeln!(f, "window={column}"))
            }
            _ => {
                let columns: Vec<String> = columns.map(ToString::to_string).collect();
                write!(f, "WindowPassExec: windows=[{}]", columns.join(", "))
            }
        }
    }
}

impl ExecutionPlan for WindowPass {
    fn name(&self) -> &'static str {
        "WindowPassExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.window.properties()
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        self.window.input_distribution_requirements()
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        self.window.required_input_ordering()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        self.window.maintains_input_order()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.window.apply_expressions(f)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Self::instead_of(Arc::clone(&self.window).replace_children(children, options)?))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let consumer = MemoryConsumer::new(format!("WindowPass[{partition}]"));
        let schema = self.schema();
        let pass = Pass {
            answers: self.shape.columns.iter().map(begin).collect(),
            shape: Arc::clone(&self.shape),
            schema: Arc::clone(&schema),
            held: RecordBatch::new_empty(self.input.schema()),
            done: 0,
            gone: 0,
            waiting: Vec::new(),
            reservation: consumer.register(context.memory_pool()),
            size: context.session_config().batch_size().max(1),
            input: self.input.execute(partition, context)?,
            is_over: false,
            complete: VecDeque::new(),
            baseline: BaselineMetrics::new(&self.metrics, partition),
        };
        let batches = try_unfold(pass, |mut pass| async move {
            let batch = pass.next().await?;
            if let Some(batch) = &batch {
                pass.baseline.record_output(batch.num_rows());
            }
            Ok::<_, DataFusionError>(batch.map(|batch| (batch, pass)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        self.window.child_stats_requests(partition)
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        self.window.statistics_from_inputs(inputs, args)
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }
}

/// A partition of the input on its way through.
struct Pass {
    shape: Arc<Shape>,
    schema: SchemaRef,
    input: SendableRecordBatchStream,
    /// Whether the input has no more rows.
    is_over: bool,
    answers: Vec<Box<dyn Answers>>,
    /// Rows that are still in frames, or whose own frames are not complete. Of those that
    /// came out there is the last one at least, which tells whether a partition goes on.
    held: RecordBatch,
    /// How many of them have come out.
    done: usize,
    /// How many rows are gone of which they still hold the texts.
    gone: usize,
    /// What came after them.
    waiting: Vec<RecordBatch>,
    /// What comes out next.
    complete: VecDeque<RecordBatch>,
    /// The most rows of a batch that comes out.
    size: usize,
    reservation: MemoryReservation,
    baseline: BaselineMetrics,
}

impl Pass {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            // Without this, a partition of many rows could not be stopped.
            consume_budget().await;
            if let Some(batch) = self.complete.pop_front() {
                return Ok(Some(batch));
            }
            if self.is_over {
                return Ok(None);
            }
            match self.input.next().await {
                Some(batch) => self.waiting.push(batch?),
                None => {
                    self.is_over = true;
                    // What the input has taken may be needed elsewhere.
                    self.input = Box::pin(EmptyRecordBatchStream::new(self.held.schema()));
                }
            }
            // As many rows as are held, so that none is copied again and again.
            let waiting: usize = self.waiting.iter().map(RecordBatch::num_rows).sum();
            if self.is_over || waiting >= self.held.num_rows().max(1) {
                self.compute()?;
            }
        }
    }

    /// Computes what is complete with the rows that are there.
    fn compute(&mut self) -> Result<()> {
        let time = self.baseline.elapsed_compute().clone();
        let _timer = time.timer();
        let schema = self.held.schema();
        let batch = concat_batches(&schema, once(&self.held).chain(&self.waiting))?;
        self.waiting.clear();
        self.reservation.try_resize(size(&batch, &self.schema))?;
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let rows = Rows::new(&self.shape, batch, self.done, self.is_over)?;
        let edges = self.shape.columns.iter().map(|column| match column {
            Column::Number(_) => Ok(None),
            Column::Frame { frame, .. } => frame.edges(&rows).map(Some),
            Column::Value(value) => value.frame().edges(&rows).map(Some),
        });
        let edges = edges.collect::<Result<Vec<Option<Edges>>>>()?;
        let ready = rows.ready(edges.iter().flatten());
        if ready > rows.done {
            let answers = self.answers(&rows, &edges, ready)?;
            self.give(&rows, ready, answers)?;
        }
        self.keep(&rows, ready)
    }

    fn answers(
        &mut self,
        rows: &Rows,
        edges: &[Option<Edges>],
        ready: usize,
    ) -> Result<Vec<ArrayRef>> {
        let columns = self.shape.columns.iter().zip(edges);
        let answers = self.answers.iter_mut().zip(columns);
        answers
            .map(|(answers, (column, edges))| answers.up_to(column, edges.as_ref(), rows, ready))
            .collect()
    }

    /// Gives out the rows up to `ready`, with their answers.
    fn give(&mut self, rows: &Rows, ready: usize, answers: Vec<ArrayRef>) -> Result<()> {
        let given = rows.batch.slice(rows.done, ready - rows.done);
        let columns = given.columns().iter().cloned().chain(answers).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        let (size, rows) = (self.size, batch.num_rows());
        let starts = (0..rows).step_by(size);
        self.complete.extend(starts.map(|start| batch.slice(start, size.min(rows - start))));
        Ok(())
    }

    /// Keeps what is still needed when the rows up to `ready` are out.
    fn keep(&mut self, rows: &Rows, ready: usize) -> Result<()> {
        let needed = self.answers.iter().map(|answers| answers.needed()).min();
        let first = needed.unwrap_or(ready).min(ready.saturating_sub(1));
        self.answers.iter_mut().for_each(|answers| answers.forget(first));
        self.held = rows.batch.slice(first, rows.len() - first);
        self.done = ready - first;
        self.gone += first;
        // Not before as many are gone as are held, so that no text is copied again and again.
        if self.gone >= self.held.num_rows() {
            self.held = with_own_texts(&self.held)?;
            self.gone = 0;
        }
        Ok(())
    }
}

/// `rows` without the texts of others: rows that are put together hold the texts of all
/// that each of them came with.
fn with_own_texts(rows: &RecordBatch) -> Result<RecordBatch> {
    let columns = rows.columns().iter().map(own_texts);
    let count = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    Ok(RecordBatch::try_new_with_options(rows.schema(), columns.collect(), &count)?)
}

/// How many bytes are taken by `rows` and their answers, the last columns of `schema`.
/// Texts in views are not copied: their bytes stay where they are.
fn size(rows: &RecordBatch, schema: &SchemaRef) -> usize {
    let of_column = |column: &ArrayRef| column.to_data().get_slice_memory_size().unwrap_or(0);
    let answers = schema.fields().iter().skip(rows.num_columns());
    let widths = answers.filter_map(|field| width(field.data_type()));
    let of_rows: usize = rows.columns().iter().map(of_column).sum();
    of_rows + rows.num_rows() * widths.sum::<usize>()
}
