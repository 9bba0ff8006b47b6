//! The operator that reads columns from memory, and from their files those that
//! are not held.
//!
//! It takes over the filters above it, and gives the rows of a table that has an
//! order from the last to the first where these are wanted first.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::config::ConfigOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetFileReaderFactory;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::{Column, DynamicFilterTracking};
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_expr::{
    EquivalenceProperties, LexOrdering, Partitioning, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_plan::execution_plan::{
    Boundedness, ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterPushdownPhase, FilterPushdownPropagation, PushedDown,
};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, SortOrderPushdownResult,
    apply_expression_roots, project_schema,
};

use super::reading::Reading;
use super::{Chunk, Footer, HeldColumns};
use crate::catalog::FilePlace;

/// The metric that counts the rows which were looked at, whether they pass or not.
pub(super) const LOOKED_AT: &str = "rows_looked_at";

/// A row group of a data file, and how to read it.
#[derive(Debug, Clone)]
pub(in crate::catalog) struct RowGroup {
    /// Its number in the scan.
    pub(super) number: u64,
    /// The file.
    pub(super) file: PartitionedFile,
    /// Its footer.
    pub(super) footer: Arc<Footer>,
    /// The position of the row group in it.
    pub(super) index: usize,
    /// The rows to look at, in order.
    pub(super) ranges: Arc<[Range<usize>]>,
}

impl RowGroup {
    /// All of its rows.
    pub(super) fn rows(&self) -> usize {
        self.footer.rows(self.index)
    }

    /// How many of its rows are looked at.
    pub(super) fn selected(&self) -> usize {
        self.ranges.iter().map(ExactSizeIterator::len).sum()
    }

    /// Its part of a column.
    pub(super) fn chunk(&self, column: usize) -> Chunk {
        Chunk { file: self.footer.file, group: self.index, column }
    }

    /// Whether looking through all of a column costs little.
    pub(super) fn is_narrow(&self, column: usize) -> bool {
        self.footer.is_narrow(self.chunk(column))
    }
}

/// The largest of some row groups, which tells best how wide columns are.
pub(super) fn largest<'a>(groups: impl IntoIterator<Item = &'a RowGroup>) -> Option<&'a RowGroup> {
    groups.into_iter().max_by_key(|group| group.rows())
}

/// Reads row groups of a stored table, mostly from memory.
#[derive(Debug, Clone)]
pub(crate) struct HeldScan {
    pub(super) source: Arc<Source>,
    /// The columns that come out, by their position in the table.
    pub(super) output: Vec<usize>,
    pub(super) filters: Vec<Filter>,
    /// So many rows of each partition are enough.
    pub(super) fetch: Option<usize>,
    /// Whether the rows of each partition come from the last to the first.
    pub(super) backwards: bool,
    /// The position of the order that the planner is told of among the source's.
    told: usize,
    properties: Arc<PlanProperties>,
    pub(super) metrics: ExecutionPlanMetricsSet,
}

/// What does not change while a plan is made better.
#[derive(Debug, Clone)]
pub(in crate::catalog) struct Source {
    /// The table's name.
    pub(in crate::catalog) name: &'static str,
    /// The table's schema, with the address of a row as the last column.
    pub(in crate::catalog) schema: SchemaRef,
    /// The row groups of each partition, in the table's order if it has one.
    pub(in crate::catalog) partitions: Vec<Vec<RowGroup>>,
    /// The orders that the rows within a partition have.
    pub(in crate::catalog) orderings: Vec<LexOrdering>,
    /// What is known of all rows that may be looked at.
    pub(in crate::catalog) statistics: Statistics,
    /// Makes readers of the files.
    pub(in crate::catalog) readers: Arc<dyn ParquetFileReaderFactory>,
    /// The columns in memory.
    pub(in crate::catalog) held: Arc<HeldColumns>,
    /// Bytes that may be held.
    pub(in crate::catalog) budget: usize,
    /// Whether all that the scan needs may be held; otherwise wide columns are not.
    pub(in crate::catalog) fits: bool,
    /// Whether the query wants few of the rows.
    pub(in crate::catalog) few_wanted: bool,
}

impl Source {
    /// All row groups.
    pub(super) fn groups(&self) -> impl Iterator<Item = &RowGroup> {
        self.partitions.iter().flatten()
    }

    /// The position of the address among the columns.
    pub(super) fn address(&self) -> usize {
        self.schema.fields().len() - 1
    }
}

/// A condition that rows have to fulfil, over the table's schema.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    pub(super) expression: Arc<dyn PhysicalExpr>,
    /// Whether an operator above looks at every row again, so that this one only
    /// saves it work.
    pub(super) optional: bool,
}

impl HeldScan {
    /// A scan of the columns at `output`.
    pub(in crate::catalog) fn new(source: Source, output: Vec<usize>) -> Result<Self> {
        let source = Arc::new(source);
        let (backwards, told) = (false, 0);
        let properties = properties(&source, &output, backwards, told)?;
        let metrics = ExecutionPlanMetricsSet::new();
        let filters = Vec::new();
        Ok(Self { source, output, filters, fetch: None, backwards, told, properties, metrics })
    }

    /// The same with the columns at `kept` only, and the address of each row behind
    /// them.
    pub(crate) fn addressed(&self, kept: &[usize]) -> Result<Self> {
        let output = kept.iter().map(|&column| self.output[column]);
        let output: Vec<usize> = output.chain([self.source.address()]).collect();
        let properties = properties(&self.source, &output, self.backwards, self.told)?;
        Ok(Self { output, properties, ..self.clone() })
    }

    /// Whether the query wants few rows.
    pub(crate) fn is_for_few_rows(&self) -> bool {
        self.source.few_wanted
    }

    /// Whether the query wants few rows, and so long ones that the column at `column`
    /// is better read for these only.
    pub(crate) fn is_better_fetched(&self, column: usize) -> bool {
        let largest = largest(self.source.groups());
        self.is_for_few_rows() && largest.is_some_and(|group| !group.is_narrow(self.output[column]))
    }

    /// The same with a partition for each row group, in the order of the files and of
    /// their rows; `None` if there is one partition, or rows are wanted in another order.
    pub(crate) fn by_row_group(&self) -> Result<Option<Self>> {
        if self.source.partitions.len() < 2 || self.backwards {
            return Ok(None);
        }
        let mut groups: Vec<RowGroup> = self.source.groups().cloned().collect();
        groups.sort_by_key(|group| (group.file.extension::<FilePlace>().copied(), group.index));
        let partitions = groups.into_iter().map(|group| vec![group]).collect();
        let source = Arc::new(Source { partitions, ..self.source.as_ref().clone() });
        let properties = properties(&source, &self.output, self.backwards, self.told)?;
        Ok(Some(Self { source, properties, ..self.clone() }))
    }

    /// The same with rows from the last to the first or not, and the planner told of
    /// the order at `told`.
    fn in_order(&self, backwards: bool, told: usize) -> Result<Self> {
        let properties = properties(&self.source, &self.output, backwards, told)?;
        Ok(Self { backwards, told, properties, ..self.clone() })
    }

    /// How many rows it has looked at, and how many it will have in the end, which is
    /// not known where so many that pass are enough.
    pub(crate) fn looked_at(&self) -> (usize, Option<usize>) {
        let looked_at = self.metrics.clone_inner().sum_by_name(LOOKED_AT);
        let all = || self.source.groups().map(RowGroup::selected).sum::<usize>();
        (looked_at.map_or(0, |count| count.as_usize()), self.fetch.is_none().then(all))
    }

    fn is_sure_of_all_rows(&self) -> bool {
        self.filters.is_empty() && self.fetch.is_none()
    }

    /// Whether the expressions of a projection are columns under their own names.
    fn plain_columns(&self, projection: &ProjectionExec) -> Option<Vec<usize>> {
        let schema = self.schema();
        let plain = projection.expr().iter().map(|one| {
            let column = one.expr.downcast_ref::<Column>()?;
            let own_name = schema.field(column.index()).name() == &one.alias;
            own_name.then(|| self.output[column.index()])
        });
        plain.collect()
    }
}

/// What the planner may know of a scan's rows.
///
/// Of several orders by the same columns it looks at the first, and a projection above
/// may change which one that is: an order that was there when its sort was left out is
/// then gone. So it is told of one.
fn properties(
    source: &Source,
    output: &[usize],
    backwards: bool,
    told: usize,
) -> Result<Arc<PlanProperties>> {
    let schema = project_schema(&source.schema, Some(&output.to_vec()))?;
    let ordering = source.orderings.get(told).and_then(|ordering| {
        // An order holds as far as its columns come out.
        let sort = ordering.iter().map_while(|sort| {
            let column = sort.expr.downcast_ref::<Column>()?;
            let index = output.iter().position(|position| *position == column.index())?;
            let column = Arc::new(Column::new(column.name(), index));
            let sort = PhysicalSortExpr::new(column, sort.options);
            Some(if backwards { sort.reverse() } else { sort })
        });
        LexOrdering::new(sort)
    });
    Ok(Arc::new(PlanProperties::new(
        EquivalenceProperties::new_with_orderings(schema, ordering),
        Partitioning::UnknownPartitioning(source.partitions.len()),
        EmissionType::Incremental,
        Boundedness::Bounded,
    )))
}

impl DisplayAs for HeldScan {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schema = self.schema();
        let columns: Vec<&str> =
            schema.fields().iter().map(|field| field.name().as_str()).collect();
        let groups: usize = self.source.partitions.iter().map(Vec::len).sum();
        let partitions = self.source.partitions.len();
        let name = if matches!(format, DisplayFormatType::TreeRender) { "" } else { "HeldScan: " };
        write!(f, "{name}table={}, columns=[{}]", self.source.name, columns.join(", "))?;
        write!(f, ", row_groups={groups} in {partitions} partitions")?;
        if let Some(ordering) = self.properties.output_ordering() {
            write!(f, ", output_ordering=[{ordering}]")?;
        }
        if self.backwards {
            write!(f, ", backwards")?;
        }
        if !self.filters.is_empty() {
            let filters: Vec<String> =
                self.filters.iter().map(|filter| filter.expression.to_string()).collect();
            write!(f, ", predicate={}", filters.join(" AND "))?;
        }
        self.fetch.map_or(Ok(()), |fetch| write!(f, ", fetch={fetch}"))
    }
}

impl ExecutionPlan for HeldScan {
    fn name(&self) -> &'static str {
        "HeldScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(
            children,
            ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute),
        )
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        apply_expression_roots(self.filters.iter().map(|filter| &filter.expression), f)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let reading = Reading::new(self, partition, context.session_config().batch_size())?;
        let batches = futures::stream::try_unfold(reading, |mut reading| async move {
            let batch = reading.next().await?;
            Ok(batch.map(|batch| (batch, reading)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        if args.partition().is_some() {
            return Ok(Arc::new(Statistics::new_unknown(&self.schema())));
        }
        let statistics = self.source.statistics.clone().project(Some(&self.output));
        let sure = self.is_sure_of_all_rows();
        Ok(Arc::new(if sure { statistics } else { statistics.to_inexact() }))
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        Some(Arc::new(Self { fetch: limit, ..self.clone() }))
    }

    fn fetch(&self) -> Option<usize> {
        self.fetch
    }

    fn try_swapping_with_projection(
        &self,
        projection: &ProjectionExec,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(output) = self.plain_columns(projection) else { return Ok(None) };
        let properties = properties(&self.source, &output, self.backwards, self.told)?;
        Ok(Some(Arc::new(Self { output, properties, ..self.clone() })))
    }

    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
    ) -> Result<SortOrderPushdownResult<Arc<dyn ExecutionPlan>>> {
        if self.fetch.is_some() {
            // The first rows of another order are other rows.
            return Ok(SortOrderPushdownResult::Unsupported);
        }
        let known = 0..self.source.orderings.len();
        let forwards = known.clone().map(|told| (false, told));
        // The last one has NULLs last when it is read backwards, as is mostly asked for.
        let backwards = known.rev().map(|told| (true, told));
        for (backwards, told) in forwards.chain(backwards) {
            let scan = self.in_order(backwards, told)?;
            let fits = scan.properties.equivalence_properties();
            if fits.ordering_satisfy(order.iter().cloned())? {
                return Ok(SortOrderPushdownResult::Exact { inner: Arc::new(scan) });
            }
        }
        Ok(SortOrderPushdownResult::Unsupported)
    }

    fn handle_child_pushdown_result(
        &self,
        phase: FilterPushdownPhase,
        pushed: ChildPushdownResult,
        _: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        if self.fetch.is_some() {
            // It is meant for the first rows; here, rows behind them would come up for
            // those that do not pass.
            return Ok(FilterPushdownPropagation::all_unsupported(pushed));
        }
        let mut filters = self.filters.clone();
        for parent in &pushed.parent_filters {
            let expression =
                reassign_expr_columns(Arc::clone(&parent.filter), &self.source.schema)?;
            // Operators that learn while they run what they need no more look at every
            // row themselves.
            let learned = DynamicFilterTracking::classify(&expression).contains_dynamic_filter();
            let optional = phase == FilterPushdownPhase::Post && learned;
            filters.push(Filter { expression, optional });
        }
        // Comparing texts is what takes time.
        filters.sort_by_key(|filter| reads_text(filter, &self.source.schema));
        let taken = vec![PushedDown::Yes; pushed.parent_filters.len()];
        Ok(FilterPushdownPropagation::with_parent_pushdown_result(taken)
            .with_updated_node(Arc::new(Self { filters, ..self.clone() })))
    }
}

/// Whether a filter compares texts.
pub(super) fn reads_text(filter: &Filter, schema: &SchemaRef) -> bool {
    collect_columns(&filter.expression)
        .iter()
        .any(|column| schema.field(column.index()).data_type() == &DataType::Utf8View)
}
