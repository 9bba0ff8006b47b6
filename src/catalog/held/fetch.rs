//! The operator that adds to few rows the columns that a scan left out.
//!
//! The rows come with their addresses: the number of their row group, and their
//! place in it.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::interleave;
use datafusion::arrow::datatypes::{Schema, SchemaRef, UInt64Type};
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    Distribution, EquivalenceProperties, LexOrdering, OrderingRequirements, PhysicalExpr,
};
use datafusion::physical_plan::execution_plan::{
    CardinalityEffect, ChildrenPropertiesMode, ReplaceChildrenOptions,
};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    InputDistributionRequirements, PlanProperties,
};
use futures::{StreamExt, TryStreamExt, stream};

use super::columns::Getter;
use super::scan::{HeldScan, RowGroup, Source};

/// Adds columns to rows that come with their addresses, which it takes away.
#[derive(Debug, Clone)]
pub(crate) struct FetchColumns {
    input: Arc<dyn ExecutionPlan>,
    source: Arc<Source>,
    /// The columns to add, by their position in the table.
    added: Vec<usize>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl FetchColumns {
    /// Rows of `input`, which come from [`HeldScan::addressed`] with the address last,
    /// and what `scan` has in its columns at `added`.
    pub(crate) fn new(
        input: Arc<dyn ExecutionPlan>,
        scan: &HeldScan,
        added: &[usize],
    ) -> Result<Self> {
        let source = Arc::clone(&scan.source);
        let added: Vec<usize> = added.iter().map(|&column| scan.output[column]).collect();
        let properties = properties(&input, &source, &added)?;
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(Self { input, source, added, properties, metrics })
    }
}

/// What the planner may know of the rows: they come as they came.
fn properties(
    input: &Arc<dyn ExecutionPlan>,
    source: &Source,
    added: &[usize],
) -> Result<Arc<PlanProperties>> {
    let fields = input.schema().fields().clone();
    let kept = fields.len().saturating_sub(1);
    let added = added.iter().map(|&position| Arc::new(source.schema.field(position).clone()));
    let schema = Schema::new(fields[..kept].iter().cloned().chain(added).collect::<Vec<_>>());
    let is_kept = |expression: &Arc<dyn PhysicalExpr>| {
        expression.downcast_ref::<Column>().is_some_and(|column| column.index() < kept)
    };
    let orderings = input.output_ordering().into_iter().filter_map(|ordering| {
        LexOrdering::new(ordering.iter().take_while(|sort| is_kept(&sort.expr)).cloned())
    });
    let orderings: Vec<LexOrdering> = orderings.collect();
    Ok(Arc::new(PlanProperties::new(
        EquivalenceProperties::new_with_orderings(Arc::new(schema), orderings),
        input.output_partitioning().clone(),
        input.pipeline_behavior(),
        input.boundedness(),
    )))
}

impl DisplayAs for FetchColumns {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self
            .added
            .iter()
            .map(|&position| self.source.schema.field(position).name().as_str())
            .collect();
        let tree = matches!(format, DisplayFormatType::TreeRender);
        let name = if tree { "" } else { "FetchColumns: " };
        write!(f, "{name}table={}, columns=[{}]", self.source.name, names.join(", "))
    }
}

impl ExecutionPlan for FetchColumns {
    fn name(&self) -> &'static str {
        "FetchColumns"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![Distribution::SinglePartition])
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        // Who asked for the order is above, and must not find it gone.
        vec![self.input.output_ordering().cloned().map(OrderingRequirements::from)]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut changed = Self { metrics: ExecutionPlanMetricsSet::new(), ..self.as_ref().clone() };
        for child in children {
            changed.properties = properties(&child, &changed.source, &changed.added)?;
            changed.input = child;
        }
        Ok(Arc::new(changed))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
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
        let fetching = Arc::new(Fetching {
            getter: Getter::new(&self.source, &self.metrics, partition),
            groups: self.source.groups().map(|group| (group.number, group.clone())).collect(),
            added: self.added.clone(),
            schema: self.schema(),
            tasks: context.session_config().target_partitions(),
        });
        let baseline = BaselineMetrics::new(&self.metrics, partition);
        let batches = self.input.execute(partition, context)?.and_then(move |batch| {
            baseline.record_output(batch.num_rows());
            fetch(Arc::clone(&fetching), batch)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// What fetching takes.
struct Fetching {
    getter: Getter,
    groups: HashMap<u64, RowGroup>,
    added: Vec<usize>,
    schema: SchemaRef,
    /// Row groups that are read at a time.
    tasks: usize,
}

/// `batch` with the columns that are added to it.
async fn fetch(fetching: Arc<Fetching>, batch: RecordBatch) -> Result<RecordBatch> {
    let Some((addresses, kept)) = batch.columns().split_last() else { return Ok(batch) };
    let addresses = addresses
        .as_primitive_opt::<UInt64Type>()
        .ok_or_else(|| exec_datafusion_err!("rows came without addresses"))?;
    if addresses.is_empty() {
        return Ok(RecordBatch::new_empty(Arc::clone(&fetching.schema)));
    }
    let mut wanted: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for address in addresses.values() {
        let row = usize::try_from(address & ROW).unwrap_or(usize::MAX);
        wanted.entry(address >> ROW_BITS).or_default().push(row);
    }
    wanted.values_mut().for_each(|rows| rows.sort_unstable());
    let reads = wanted.clone().into_iter().map(|(number, rows)| {
        let fetching = Arc::clone(&fetching);
        let read = async move {
            let group = fetching.groups.get(&number);
            let group = group.ok_or_else(|| exec_datafusion_err!("no row group {number}"))?;
            fetching.getter.rows(group, &fetching.added, &rows).await
        };
        async { SpawnedTask::spawn(read).join_unwind().await.map_err(|_| stopped())? }
    });
    let parts: Vec<Vec<ArrayRef>> =
        stream::iter(reads).buffered(fetching.tasks.max(1)).try_collect().await?;
    let numbers: HashMap<u64, usize> =
        wanted.keys().enumerate().map(|(part, number)| (*number, part)).collect();
    let place = |address: &u64| {
        let (number, row) = (address >> ROW_BITS, usize::try_from(address & ROW).ok()?);
        let place = wanted.get(&number)?.binary_search(&row).ok()?;
        Some((*numbers.get(&number)?, place))
    };
    let places: Option<Vec<(usize, usize)>> = addresses.values().iter().map(place).collect();
    let places = places.ok_or_else(|| exec_datafusion_err!("a row was not read"))?;
    let mut columns = kept.to_vec();
    for column in 0..fetching.added.len() {
        let parts: Vec<&dyn Array> = parts.iter().map(|part| part[column].as_ref()).collect();
        columns.push(interleave(&parts, &places)?);
    }
    Ok(RecordBatch::try_new(Arc::clone(&fetching.schema), columns)?)
}

/// The error for a task that was stopped from outside.
fn stopped() -> datafusion::common::DataFusionError {
    exec_datafusion_err!("stopped")
}

/// Bits of an address that say the row.
const ROW_BITS: u32 = 32;

/// These bits.
const ROW: u64 = (1 << ROW_BITS) - 1;

/// The addresses of all rows of a row group.
pub(super) fn addresses(group: &RowGroup) -> ArrayRef {
    let first = group.number << ROW_BITS;
    let rows = first..first + group.rows() as u64;
    Arc::new(rows.collect::<datafusion::arrow::array::UInt64Array>())
}
