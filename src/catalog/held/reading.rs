//! One partition of a scan of held columns, while it is being read.
//!
//! A row group is filtered in pieces that grow: whoever wants only the first few
//! rows soon has them, and whoever wants all gets large batches. The columns of
//! the filters are looked at first, the others only where a row passes.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, BooleanBufferBuilder, RecordBatch, RecordBatchOptions,
    UInt32Array,
};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::{and, filter, prep_null_mask_filter, take};
use datafusion::arrow::datatypes::{DataType, SchemaRef, TimestampMicrosecondType};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err};
use datafusion::logical_expr::ColumnarValue;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder,
};
use datafusion::physical_plan::{ExecutionPlan, project_schema};
use futures::TryStreamExt;

use super::scan::{Filter, HeldScan, RowGroup, Source, reads_text};

/// An optional filter through which more rows pass than one in so many is
/// given up: it costs more than it saves.
const WORTH_ONE_IN: usize = 2;

/// A filter looks at every row, and not only at those that the filters before it
/// let pass, unless these are fewer than one in so many.
const FEW_ONE_IN: usize = 8;

/// One partition that is being read.
pub(super) struct Reading {
    source: Arc<Source>,
    partition: usize,
    /// The columns that come out, and their schema.
    output: Vec<usize>,
    schema: SchemaRef,
    /// The columns that filters look at, and their schema, which is that of `filters`.
    filtered: Vec<usize>,
    filter_schema: SchemaRef,
    filters: Vec<Filter>,
    /// Whether rows are wanted from the last to the first.
    backwards: bool,
    batch_size: usize,
    /// Rows that are still asked for.
    left: usize,
    groups: VecDeque<RowGroup>,
    open: Option<Open>,
    /// Rows of the next piece.
    piece: usize,
    /// Rows that wait to be given out.
    ready: Option<RecordBatch>,
    now: u64,
    metrics: ExecutionPlanMetricsSet,
    baseline: BaselineMetrics,
    decoded: Count,
}

/// A row group that is being read.
struct Open {
    group: RowGroup,
    /// The rows to look at that are left.
    ranges: VecDeque<Range<usize>>,
    /// The columns that filters look at.
    filtered: RecordBatch,
    /// The columns that come out, once a row of them was wanted.
    output: Option<Vec<ArrayRef>>,
    /// How many rows were looked at, and how many passed each filter.
    looked: usize,
    passed: Vec<usize>,
}

impl Open {
    /// The next ranges of rows, in order: about as many rows as asked for.
    fn next_piece(&mut self, rows: usize, backwards: bool) -> Vec<Range<usize>> {
        let mut piece = VecDeque::new();
        let mut wanted = rows;
        while wanted > 0 {
            let range = if backwards { self.ranges.pop_back() } else { self.ranges.pop_front() };
            let Some(range) = range else { break };
            let length = range.len().min(wanted);
            wanted -= length;
            if backwards {
                let middle = range.end - length;
                self.ranges.extend((range.start < middle).then_some(range.start..middle));
                piece.push_front(middle..range.end);
            } else {
                let middle = range.start + length;
                if middle < range.end {
                    self.ranges.push_front(middle..range.end);
                }
                piece.push_back(range.start..middle);
            }
        }
        piece.into()
    }
}

impl Reading {
    pub(super) fn new(scan: &HeldScan, partition: usize, batch_size: usize) -> Result<Self> {
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
        let groups = source.partitions.get(partition).cloned().unwrap_or_default();
        let groups: VecDeque<RowGroup> =
            if scan.backwards { groups.into_iter().rev().collect() } else { groups.into() };
        Ok(Self {
            source: Arc::clone(source),
            partition,
            output: scan.output.clone(),
            schema: scan.schema(),
            filtered,
            filter_schema,
            filters,
            backwards: scan.backwards,
            batch_size,
            left: scan.fetch.unwrap_or(usize::MAX),
            groups,
            open: None,
            piece: batch_size,
            ready: None,
            now: source.held.tick(),
            metrics: scan.metrics.clone(),
            baseline: BaselineMetrics::new(&scan.metrics, partition),
            decoded: MetricBuilder::new(&scan.metrics).counter("columns_decoded", partition),
        })
    }

    /// The next batch, if rows are left and wanted.
    pub(super) async fn next(&mut self) -> Result<Option<RecordBatch>> {
        while self.left > 0 {
            if let Some(batch) = self.ready.take() {
                return Ok(Some(self.give(&batch)));
            }
            let open = match self.open.take() {
                Some(open) => Some(open),
                None => self.open_next().await?,
            };
            let Some(mut open) = open else { break };
            // A row group of which all rows come out as they are is one piece.
            let whole = self.filters.is_empty() && !self.backwards;
            let piece =
                open.next_piece(if whole { usize::MAX } else { self.piece }, self.backwards);
            if piece.is_empty() {
                self.learn_from(&open);
                continue;
            }
            self.piece = self.piece.saturating_mul(2);
            self.ready = self.passing_rows(&mut open, &piece).await?;
            self.open = Some(open);
        }
        Ok(None)
    }

    /// The first rows of `batch`, as many as go out at a time; the others wait.
    fn give(&mut self, batch: &RecordBatch) -> RecordBatch {
        // Without columns a batch is only a count of rows.
        let most = if self.output.is_empty() { usize::MAX } else { self.batch_size };
        let rows = batch.num_rows().min(most).min(self.left);
        if rows < batch.num_rows() {
            self.ready = Some(batch.slice(rows, batch.num_rows() - rows));
        }
        self.left -= rows;
        self.baseline.record_output(rows);
        batch.slice(0, rows)
    }

    /// Opens the next row group, if there is one.
    async fn open_next(&mut self) -> Result<Option<Open>> {
        let Some(group) = self.groups.pop_front() else { return Ok(None) };
        let columns = self.columns(&group, &self.filtered).await?;
        let filtered = batch(&self.filter_schema, columns, group.rows())?;
        let passed = vec![0; self.filters.len()];
        let ranges = group.ranges.iter().cloned().collect();
        Ok(Some(Open { group, ranges, filtered, output: None, looked: 0, passed }))
    }

    /// Gives up filters that let too many rows of a row group pass.
    fn learn_from(&mut self, open: &Open) {
        let worth = open.looked / WORTH_ONE_IN;
        let schema = &self.source.schema;
        let mut passed = open.passed.iter();
        self.filters.retain(|filter| {
            let useless = passed.next().is_some_and(|passed| *passed > worth);
            !(filter.optional && useless && reads_text(filter, schema))
        });
    }

    /// The rows of a piece that pass all filters, if there are any.
    async fn passing_rows(
        &mut self,
        open: &mut Open,
        piece: &[Range<usize>],
    ) -> Result<Option<RecordBatch>> {
        let (Some(first), Some(last)) = (piece.first(), piece.last()) else { return Ok(None) };
        let (start, rows) = (first.start, last.end - first.start);
        let passing = self.passing(open, piece).await?;
        let count = passing.count_set_bits();
        if count == 0 {
            return Ok(None);
        }
        let columns = match &open.output {
            Some(columns) => columns.clone(),
            None => self.columns(&open.group, &self.output).await?,
        };
        open.output = Some(columns.clone());
        let _timer = self.baseline.elapsed_compute().timer();
        let columns = columns.iter().map(|column| column.slice(start, rows));
        let columns: Vec<ArrayRef> = if self.backwards {
            let mut places: Vec<u32> = passing.set_indices_u32().collect();
            places.reverse();
            let places = UInt32Array::from(places);
            columns.map(|column| Ok(take(&column, &places, None)?)).collect::<Result<_>>()?
        } else if count < rows {
            let passing = BooleanArray::from(passing);
            columns.map(|column| Ok(filter(&column, &passing)?)).collect::<Result<_>>()?
        } else {
            columns.collect()
        };
        Ok(Some(batch(&self.schema, columns, count)?))
    }

    /// Which rows pass all filters, from the first row of a piece to the last; those
    /// between its ranges do not.
    async fn passing(&self, open: &mut Open, piece: &[Range<usize>]) -> Result<BooleanBuffer> {
        let mut passing = BooleanBufferBuilder::new(0);
        let mut next = piece.first().map_or(0, |range| range.start);
        for range in piece {
            passing.append_n(range.start - next, false);
            next = range.end;
            open.looked += range.len();
            if self.filters.is_empty() {
                passing.append_n(range.len(), true);
                continue;
            }
            for start in range.clone().step_by(self.batch_size) {
                let rows = self.batch_size.min(range.end - start);
                let timer = self.baseline.elapsed_compute().timer();
                let mask = self.mask(&open.filtered.slice(start, rows), &mut open.passed)?;
                passing.append_buffer(mask.values());
                timer.done();
                // A search through a row group takes time in which others wait.
                tokio::task::coop::consume_budget().await;
            }
        }
        Ok(passing.finish())
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
