//! The operator that reads columns from memory, and from their files those that
//! are not held yet.
//!
//! It takes over the filters above it. A row group is filtered as a whole: the
//! columns of the filters are looked at first, the others only for the rows that
//! pass, and not at all where none does.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions,
};
use datafusion::arrow::compute::{and, filter, prep_null_mask_filter};
use datafusion::arrow::datatypes::{DataType, SchemaRef, TimestampMicrosecondType};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, ScalarValue, Statistics, exec_datafusion_err};
use datafusion::config::ConfigOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetFileReaderFactory;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::ColumnarValue;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
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
use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet,
};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, apply_expression_roots,
    project_schema,
};
use futures::TryStreamExt;

use super::{Chunk, Footer, HeldColumns};

/// A row group of a data file, and how to read it.
#[derive(Debug, Clone)]
pub(in crate::catalog) struct RowGroup {
    /// The file.
    pub(super) file: PartitionedFile,
    /// Its footer.
    pub(super) footer: Arc<Footer>,
    /// The position of the row group in it.
    pub(super) index: usize,
}

impl RowGroup {
    fn rows(&self) -> usize {
        usize::try_from(self.footer.arrow.metadata().row_group(self.index).num_rows()).unwrap_or(0)
    }

    fn chunk(&self, column: usize) -> Chunk {
        Chunk { file: self.footer.file, group: self.index, column }
    }
}

/// Reads row groups of a stored table, mostly from memory.
#[derive(Debug, Clone)]
pub(in crate::catalog) struct HeldScan {
    source: Arc<Source>,
    /// The columns that come out, by their position in the table.
    output: Vec<usize>,
    filters: Vec<Filter>,
    /// So many rows of each partition are enough.
    fetch: Option<usize>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

/// What does not change while a plan is made better.
#[derive(Debug)]
pub(in crate::catalog) struct Source {
    /// The table's name.
    pub(in crate::catalog) name: &'static str,
    /// The table's schema.
    pub(in crate::catalog) schema: SchemaRef,
    /// The row groups of each partition, in the table's order if it has one.
    pub(in crate::catalog) partitions: Vec<Vec<RowGroup>>,
    /// The order of rows within a partition.
    pub(in crate::catalog) ordering: Option<LexOrdering>,
    /// What is known of the whole table.
    pub(in crate::catalog) statistics: Statistics,
    /// Makes readers of the files.
    pub(in crate::catalog) readers: Arc<dyn ParquetFileReaderFactory>,
    /// The columns in memory.
    pub(in crate::catalog) held: Arc<HeldColumns>,
    /// Bytes that may be held.
    pub(in crate::catalog) budget: usize,
}

/// A condition that rows have to fulfil, over the table's schema.
#[derive(Debug, Clone)]
struct Filter {
    expression: Arc<dyn PhysicalExpr>,
    /// Whether an operator above looks at every row again, so that this one only
    /// saves it work.
    optional: bool,
}

impl HeldScan {
    /// A scan of the columns at `output`.
    pub(in crate::catalog) fn new(source: Source, output: Vec<usize>) -> Result<Self> {
        let source = Arc::new(source);
        let properties = properties(&source, &output)?;
        let metrics = ExecutionPlanMetricsSet::new();
        let filters = Vec::new();
        Ok(Self { source, output, filters, fetch: None, properties, metrics })
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
fn properties(source: &Source, output: &[usize]) -> Result<Arc<PlanProperties>> {
    let schema = project_schema(&source.schema, Some(&output.to_vec()))?;
    let ordering = source.ordering.iter().flat_map(|ordering| ordering.iter());
    // The order holds as far as its columns come out.
    let ordering = ordering.map_while(|sort| {
        let column = sort.expr.downcast_ref::<Column>()?;
        let index = output.iter().position(|position| *position == column.index())?;
        let column = Arc::new(Column::new(column.name(), index));
        Some(PhysicalSortExpr::new(column, sort.options))
    });
    let ordering = LexOrdering::new(ordering.collect::<Vec<_>>());
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
        let properties = properties(&self.source, &output)?;
        Ok(Some(Arc::new(Self { output, properties, ..self.clone() })))
    }

    fn handle_child_pushdown_result(
        &self,
        phase: FilterPushdownPhase,
        pushed: ChildPushdownResult,
        _: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
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

fn reads_text(filter: &Filter, schema: &SchemaRef) -> bool {
    collect_columns(&filter.expression)
        .iter()
        .any(|column| schema.field(column.index()).data_type() == &DataType::Utf8View)
}

/// One partition that is being read.
struct Reading {
    source: Arc<Source>,
    partition: usize,
    /// The columns that come out, and their schema.
    output: Vec<usize>,
    schema: SchemaRef,
    /// The columns that filters look at, and their schema, which is that of `filters`.
    filtered: Vec<usize>,
    filter_schema: SchemaRef,
    filters: Vec<Filter>,
    batch_size: usize,
    /// Rows that are still asked for.
    left: usize,
    groups: VecDeque<RowGroup>,
    /// Rows of the current row group that wait to be given out.
    ready: Option<RecordBatch>,
    now: u64,
    metrics: ExecutionPlanMetricsSet,
    baseline: BaselineMetrics,
    decoded: Count,
}

/// An optional filter through which more rows pass than one in so many is
/// given up: it costs more than it saves.
const WORTH_ONE_IN: usize = 2;

/// A filter looks at every row, and not only at those that the filters before it
/// let pass, unless these are fewer than one in so many.
const FEW_ONE_IN: usize = 8;

impl Reading {
    fn new(scan: &HeldScan, partition: usize, batch_size: usize) -> Result<Self> {
        let source = &scan.source;
        let columns = scan.filters.iter().flat_map(|filter| collect_columns(&filter.expression));
        let filtered: BTreeSet<usize> = columns.map(|column| column.index()).collect();
        let filtered: Vec<usize> = filtered.into_iter().collect();
        let filter_schema = project_schema(&source.schema, Some(&filtered))?;
        let filters = scan.filters.iter().map(|filter| {
            let expression = Arc::clone(&filter.expression);
            let expression = reassign_expr_columns(expression, &filter_schema)?;
            Ok(Filter { expression, optional: filter.optional })
        });
        let filters = filters.collect::<Result<_>>()?;
        Ok(Self {
            source: Arc::clone(source),
            partition,
            output: scan.output.clone(),
            schema: scan.schema(),
            filtered,
            filter_schema,
            filters,
            batch_size,
            left: scan.fetch.unwrap_or(usize::MAX),
            groups: source.partitions.get(partition).cloned().unwrap_or_default().into(),
            ready: None,
            now: source.held.tick(),
            metrics: scan.metrics.clone(),
            baseline: BaselineMetrics::new(&scan.metrics, partition),
            decoded: MetricBuilder::new(&scan.metrics).counter("columns_decoded", partition),
        })
    }

    /// The next batch, if rows are left and wanted.
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        while self.left > 0 {
            if let Some(batch) = self.ready.take() {
                // Without columns a batch is only a count of rows.
                let whole = if self.output.is_empty() { usize::MAX } else { self.batch_size };
                let rows = batch.num_rows().min(whole).min(self.left);
                if rows < batch.num_rows() {
                    self.ready = Some(batch.slice(rows, batch.num_rows() - rows));
                }
                self.left -= rows;
                self.baseline.record_output(rows);
                return Ok(Some(batch.slice(0, rows)));
            }
            let Some(group) = self.groups.pop_front() else { break };
            self.ready = self.passing_rows(&group).await?;
        }
        Ok(None)
    }

    /// The rows of `group` that pass all filters, if there are any.
    async fn passing_rows(&mut self, group: &RowGroup) -> Result<Option<RecordBatch>> {
        let filtered = self.columns(group, &self.filtered).await?;
        let passing = self.passing(group, &filtered).await?;
        let count = passing.as_ref().map_or(group.rows(), BooleanArray::true_count);
        if count == 0 {
            return Ok(None);
        }
        let columns = self.columns(group, &self.output).await?;
        let _timer = self.baseline.elapsed_compute().timer();
        let columns = match &passing {
            Some(passing) if count < group.rows() => columns
                .iter()
                .map(|column| Ok(filter(column, passing)?))
                .collect::<Result<Vec<_>>>()?,
            _ => columns,
        };
        Ok(Some(batch(&self.schema, columns, count)?))
    }

    /// Which rows of `group` pass all filters; `None` is all of them.
    async fn passing(
        &mut self,
        group: &RowGroup,
        columns: &[ArrayRef],
    ) -> Result<Option<BooleanArray>> {
        if self.filters.is_empty() {
            return Ok(None);
        }
        let whole = batch(&self.filter_schema, columns.to_vec(), group.rows())?;
        let mut masks = Vec::new();
        let mut passed = vec![0; self.filters.len()];
        for start in (0..group.rows()).step_by(self.batch_size) {
            let rows = self.batch_size.min(group.rows() - start);
            let timer = self.baseline.elapsed_compute().timer();
            masks.push(self.mask(&whole.slice(start, rows), &mut passed)?);
            timer.done();
            // A search through a row group takes time in which others wait.
            tokio::task::coop::consume_budget().await;
        }
        let mut passed = passed.into_iter();
        let worth = group.rows() / WORTH_ONE_IN;
        let schema = &self.source.schema;
        self.filters.retain(|filter| {
            let useless = passed.next().is_some_and(|passed| passed > worth);
            !(filter.optional && useless && reads_text(filter, schema))
        });
        let masks: Vec<&dyn Array> = masks.iter().map(|mask| mask as &dyn Array).collect();
        Ok(Some(datafusion::arrow::compute::concat(&masks)?.as_boolean().clone()))
    }

    /// Which rows of `batch` pass all filters; adds up how many pass each.
    fn mask(&self, batch: &RecordBatch, passed: &mut [usize]) -> Result<BooleanArray> {
        let rows = batch.num_rows();
        let mut mask = BooleanArray::from(vec![true; rows]);
        let mut count = rows;
        for (filter, passed) in self.filters.iter().zip(passed) {
            if count == 0 {
                break;
            }
            let value = if count * FEW_ONE_IN < rows {
                filter.expression.evaluate_selection(batch, &mask)?
            } else {
                filter.expression.evaluate(batch)?
            };
            mask = match value {
                ColumnarValue::Scalar(ScalarValue::Boolean(Some(true))) => mask,
                value => and(&mask, &truth(&value.into_array(rows)?)?)?,
            };
            count = mask.true_count();
            *passed += count;
        }
        Ok(mask)
    }

    /// The columns of `group` at `positions`, from memory or else from the file.
    async fn columns(&self, group: &RowGroup, positions: &[usize]) -> Result<Vec<ArrayRef>> {
        let source = &self.source;
        let mut arrays: HashMap<usize, ArrayRef> = HashMap::new();
        let mut missing = Vec::new();
        for &position in positions {
            match source.held.get(group.chunk(position), self.now) {
                Some(array) => drop(arrays.insert(position, array)),
                None => missing.push(position),
            }
        }
        if !missing.is_empty() {
            self.decoded.add(missing.len());
            for (position, array) in missing.iter().zip(self.decode(group, &missing).await?) {
                source.held.put(group.chunk(*position), &array, self.now, source.budget);
                arrays.insert(*position, array);
            }
        }
        let zoned = |position: &usize| {
            let array = arrays.get(position).cloned();
            let array = array.ok_or_else(|| exec_datafusion_err!("a column was not read"))?;
            Ok(in_zone(array, source.schema.field(*position).data_type()))
        };
        positions.iter().map(zoned).collect()
    }

    /// Reads the columns of `group` at `positions`, which are in ascending order or
    /// not, from its file.
    async fn decode(&self, group: &RowGroup, positions: &[usize]) -> Result<Vec<ArrayRef>> {
        let readers = &self.source.readers;
        let file = group.file.clone();
        let reader: Box<dyn AsyncFileReader> =
            readers.create_reader(self.partition, file, None, &self.metrics)?;
        let arrow = group.footer.arrow.clone();
        let mask = ProjectionMask::roots(arrow.parquet_schema(), positions.iter().copied());
        let batches: Vec<RecordBatch> =
            ParquetRecordBatchStreamBuilder::new_with_metadata(reader, arrow)
                .with_row_groups(vec![group.index])
                .with_projection(mask)
                .with_batch_size(group.rows())
                .build()?
                .try_collect()
                .await?;
        let ascending: BTreeSet<usize> = positions.iter().copied().collect();
        let column = |position: &usize| {
            let index = ascending.range(..position).count();
            let parts: Vec<&dyn Array> =
                batches.iter().map(|batch| batch.column(index).as_ref()).collect();
            match parts.as_slice() {
                [_] => Ok(Arc::clone(batches[0].column(index))),
                parts => Ok(datafusion::arrow::compute::concat(parts)?),
            }
        };
        positions.iter().map(column).collect()
    }
}

/// Where a condition is fulfilled: unknown is not.
fn truth(array: &ArrayRef) -> Result<BooleanArray> {
    let truth = array
        .as_boolean_opt()
        .ok_or_else(|| exec_datafusion_err!("a condition is neither true nor false"))?;
    Ok(if truth.null_count() > 0 { prep_null_mask_filter(truth) } else { truth.clone() })
}

fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

/// Instants are held in UTC; what comes out has the session's time zone.
fn in_zone(array: ArrayRef, kind: &DataType) -> ArrayRef {
    match kind {
        DataType::Timestamp(_, zone) => {
            let instants = array.as_primitive::<TimestampMicrosecondType>().clone();
            Arc::new(instants.with_timezone_opt(zone.clone()))
        }
        _ => array,
    }
}
