//! The operator for joins by range, in the place of a join of the engine.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::compute::concat_batches;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::utils::memory::RecordBatchMemoryCounter;
use datafusion::common::{DataFusionError, Result, Statistics};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::DynamicFilterPhysicalExpr;
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterDescription, FilterPushdownPhase, FilterPushdownPropagation,
};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet, Time,
};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    InputDistributionRequirements, PlanProperties, ReplaceChildrenOptions,
};
use futures::future::{BoxFuture, Shared};
use futures::{FutureExt, StreamExt};
use parking_lot::Mutex;

use super::probing::Probing;
use super::shape::Shape;
use super::sorted::Sorted;
use super::told::Told;

/// The left side, once it is there.
pub(super) type Sorting = Shared<BoxFuture<'static, Result<Arc<Sorted>, Arc<DataFusionError>>>>;

/// A join that looks within bounds only.
///
/// What the plan around it may rely on is what holds for the join that it stands for: it
/// takes the same sides in the same partitions, and keeps the order of the right side.
#[derive(Debug)]
pub(super) struct RangeJoin {
    join: Arc<dyn ExecutionPlan>,
    shape: Arc<Shape>,
    /// What the scan of the right side is told.
    told: Option<Arc<Told>>,
    /// The left side that all partitions have in common.
    sorting: Mutex<Option<Sorting>>,
    metrics: ExecutionPlanMetricsSet,
}

/// What EXPLAIN ANALYZE tells.
#[derive(Debug, Clone)]
pub(super) struct Measures {
    pub(super) baseline: BaselineMetrics,
    join_time: Time,
    build_time: Time,
    build_rows: Count,
}

impl RangeJoin {
    /// The operator for `join`, or `join` if it has no range.
    pub(super) fn instead_of(join: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        Self::telling(join, None)
    }

    /// The same, which tells the scan of the right side between which ends it looks.
    pub(super) fn telling_ends(
        join: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(shape) = Shape::of(&join) else { return Ok(join) };
        let Some((told, right)) = Told::of(&shape, config)? else {
            return Ok(Self::instead_of(join));
        };
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        let join = join.replace_children(vec![Arc::clone(&shape.left), right], options)?;
        Ok(Self::telling(join, Some(Arc::new(told))))
    }

    fn telling(join: Arc<dyn ExecutionPlan>, told: Option<Arc<Told>>) -> Arc<dyn ExecutionPlan> {
        match Shape::of(&join) {
            Some(shape) => Arc::new(Self {
                join,
                told: told.filter(|told| told.fits(&shape)),
                shape: Arc::new(shape),
                sorting: Mutex::default(),
                metrics: ExecutionPlanMetricsSet::new(),
            }),
            None => join,
        }
    }

    /// Sets the left side of a partition in motion.
    fn sort(
        &self,
        partition: usize,
        looking: usize,
        measures: &Measures,
        context: &Arc<TaskContext>,
    ) -> Result<Sorting> {
        let input = self.shape.left.execute(partition, Arc::clone(context))?;
        let consumer = MemoryConsumer::new(format!("RangeJoinInput[{partition}]"));
        let reservation = consumer.register(context.memory_pool());
        let filters =
            if self.shape.shared { self.join.dynamic_expressions_produced() } else { Vec::new() };
        let (shape, measures) = (Arc::clone(&self.shape), measures.clone());
        let told = self.told.clone();
        let sorted: BoxFuture<'static, Result<Arc<Sorted>, Arc<DataFusionError>>> =
            Box::pin(async move {
                let sorted = collect(&shape, input, looking, reservation, &measures).await;
                let sorted = sorted.map_err(Arc::new)?;
                narrow(&filters, &shape, &sorted);
                if let Some(told) = told {
                    told.tell(&shape, &sorted);
                }
                Ok(Arc::new(sorted))
            });
        Ok(sorted.shared())
    }
}

/// Reads the left side, and puts it in order.
async fn collect(
    shape: &Shape,
    mut input: SendableRecordBatchStream,
    looking: usize,
    reservation: MemoryReservation,
    measures: &Measures,
) -> Result<Sorted> {
    // Batches may be slices of the same columns, whose bytes are there once.
    let (mut batches, mut memory) = (Vec::new(), RecordBatchMemoryCounter::new());
    while let Some(batch) = input.next().await {
        let batch = batch?;
        reservation.try_grow(memory.count_batch(&batch))?;
        measures.build_rows.add(batch.num_rows());
        batches.push(batch);
    }
    let timers = [&measures.build_time, measures.baseline.elapsed_compute()].map(Time::timer);
    let rows = concat_batches(&shape.left.schema(), &batches)?;
    drop(batches);
    let sorted = Sorted::new(shape, &rows, looking, reservation);
    drop(timers);
    sorted
}

/// Tells scans of the right side which keys are looked for.
fn narrow(filters: &[Arc<dyn PhysicalExpr>], shape: &Shape, sorted: &Sorted) {
    for filter in filters {
        let Some(filter) = filter.downcast_ref::<DynamicFilterPhysicalExpr>() else { continue };
        // Without it they give more rows, of which none matches.
        if let Ok(Some(wanted)) = sorted.wanted(shape)
            && filter.update(wanted).is_ok()
        {
            filter.mark_complete();
        }
    }
}

impl Measures {
    fn new(metrics: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        Self {
            baseline: BaselineMetrics::new(metrics, partition),
            join_time: MetricBuilder::new(metrics).subset_time("join_time", partition),
            build_time: MetricBuilder::new(metrics).subset_time("build_time", partition),
            build_rows: MetricBuilder::new(metrics).counter("build_input_rows", partition),
        }
    }

    /// What the time of looking goes to.
    pub(super) fn join_times(&self) -> [Time; 2] {
        [self.join_time.clone(), self.baseline.elapsed_compute().clone()]
    }
}

impl DisplayAs for RangeJoin {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match kind {
            DisplayFormatType::TreeRender => {
                let mut conditions = self.shape.ranges.iter().map(|range| &range.condition);
                conditions.try_for_each(|condition| writeln!(f, "range={condition}"))
            }
            _ => write!(f, "RangeJoinExec: {}", self.shape),
        }
    }
}

impl ExecutionPlan for RangeJoin {
    fn name(&self) -> &'static str {
        "RangeJoinExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.join.properties()
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        self.join.input_distribution_requirements()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        self.join.maintains_input_order()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.join.children()
    }

    fn dynamic_expressions_produced(&self) -> Vec<Arc<dyn PhysicalExpr>> {
        let mut produced = self.join.dynamic_expressions_produced();
        produced.extend(self.told.iter().map(|told| told.filter()));
        produced
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.join.apply_expressions(f)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let join = Arc::clone(&self.join).replace_children(children, options)?;
        Ok(Self::telling(join, self.told.clone()))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        // It is told again, of the rows that there are then.
        Ok(Self::telling(Arc::clone(&self.join).reset_state()?, self.told.clone()))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let measures = Measures::new(&self.metrics, partition);
        let sorting = if self.shape.shared {
            let looking = self.shape.right.output_partitioning().partition_count();
            let mut shared = self.sorting.lock();
            match shared.as_ref() {
                Some(sorting) => sorting.clone(),
                None => shared.insert(self.sort(0, looking, &measures, &context)?).clone(),
            }
        } else {
            self.sort(partition, 1, &measures, &context)?
        };
        let size = context.session_config().batch_size();
        let input = self.shape.right.execute(partition, context)?;
        let schema = self.schema();
        let shape = Arc::clone(&self.shape);
        let batches = Probing::batches(shape, Arc::clone(&schema), sorting, input, size, measures);
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        self.join.child_stats_requests(partition)
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        self.join.statistics_from_inputs(inputs, args)
    }

    fn gather_filters_for_pushdown(
        &self,
        phase: FilterPushdownPhase,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        options: &ConfigOptions,
    ) -> Result<FilterDescription> {
        self.join.gather_filters_for_pushdown(phase, filters, options)
    }

    fn handle_child_pushdown_result(
        &self,
        phase: FilterPushdownPhase,
        result: ChildPushdownResult,
        options: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        let mut result = self.join.handle_child_pushdown_result(phase, result, options)?;
        let told = self.told.clone();
        result.updated_node = result.updated_node.map(|join| Self::telling(join, told));
        Ok(result)
    }
}
