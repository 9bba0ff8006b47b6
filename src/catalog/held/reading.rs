//! One partition of a scan of held columns, while it is being read.
//!
//! A row group is filtered in pieces that grow: whoever wants only the first few
//! rows soon has them, and whoever wants all gets large batches. Narrow columns and
//! those that are held are looked at first, the others only where a row passes: as a
//! whole, or in part if the rows lie on few of their pages.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, BooleanBufferBuilder, RecordBatch, RecordBatchOptions,
    UInt32Array,
};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::{and, filter, prep_null_mask_filter, take};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{Result, ScalarValue, exec_datafusion_err};
use datafusion::logical_expr::{ColumnarValue, Operator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_plan::metrics::{BaselineMetrics, Count, MetricBuilder};
use datafusion::physical_plan::{ExecutionPlan, project_schema};

use super::columns::{Columns, Getter, column};
use super::scan::{Filter, HeldScan, LOOKED_AT, RowGroup, Source, largest, reads_text};

/// An optional filter through which more rows pass than one in so many is
/// given up: it costs more than it saves.
const WORTH_ONE_IN: usize = 2;

/// A filter looks at every row, and not only at those that the filters before it
/// let pass, unless these are fewer than one in so many.
const FEW_ONE_IN: usize = 8;

/// One partition that is being read.
pub(super) struct Reading {
    getter: Getter,
    /// The columns that come out, and their schema.
    output: Vec<usize>,
    schema: SchemaRef,
    filters: Vec<ReadingFilter>,
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
    baseline: BaselineMetrics,
    /// Rows that were looked at, whether they pass or not.
    looked_at: Count,
}

/// A filter over the columns that it looks at.
struct ReadingFilter {
    expression: Arc<dyn PhysicalExpr>,
    columns: Vec<usize>,
    schema: SchemaRef,
    /// The column and the only text in it that passes, if it is such a filter.
    equal: Option<(usize, String)>,
    /// Whether it is given up when too many rows pass.
    may_go: bool,
}

impl ReadingFilter {
    fn new(filter: &Filter, source: &Source) -> Result<Self> {
        let columns = collect_columns(&filter.expression);
        let columns: BTreeSet<usize> = columns.iter().map(Column::index).collect();
        let columns: Vec<usize> = columns.into_iter().collect();
        let schema = project_schema(&source.schema, Some(&columns))?;
        let expression = reassign_expr_columns(Arc::clone(&filter.expression), &schema)?;
        let equal = equal_text(&filter.expression);
        let may_go = filter.optional && reads_text(filter, &source.schema);
        Ok(Self { expression, columns, schema, equal, may_go })
    }
}

/// The column that has to be equal to a text, and the text.
fn equal_text(filter: &Arc<dyn PhysicalExpr>) -> Option<(usize, String)> {
    let comparison = filter.downcast_ref::<BinaryExpr>()?;
    let column = comparison.left().downcast_ref::<Column>()?;
    let text = comparison.right().downcast_ref::<Literal>()?.value().try_as_str()??;
    (*comparison.op() == Operator::Eq).then(|| (column.index(), text.to_owned()))
}

/// A row group that is being read.
struct Open {
    group: RowGroup,
    /// The rows to look at that are left.
    ranges: VecDeque<Range<usize>>,
    /// The columns that are there as a whole.
    columns: Columns,
    /// The first so many filters need no other columns.
    ready: usize,
    /// How many rows were looked at, and how many passed each filter.
    looked: usize,
    passed: Vec<usize>,
    /// How many of those that were looked at are told of.
    told: usize,
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
        let groups = source.partitions.get(partition).cloned().unwrap_or_default();
        let mut groups = VecDeque::from(groups);
        if scan.backwards {
            groups.make_contiguous().reverse();
        }
        let filters = scan.filters.iter().map(|filter| ReadingFilter::new(filter, source));
        let mut filters: Vec<ReadingFilter> = filters.collect::<Result<_>>()?;
        if let Some(group) = largest(&groups) {
            filters.sort_by_key(|filter| !filter.columns.iter().all(|one| group.is_narrow(*one)));
        }
        Ok(Self {
            getter: Getter::new(source, &scan.metrics, partition),
            output: scan.output.clone(),
            schema: scan.schema(),
            filters,
            backwards: scan.backwards,
            batch_size,
            left: scan.fetch.unwrap_or(usize::MAX),
            groups,
            open: None,
            piece: batch_size,
            ready: None,
            baseline: BaselineMetrics::new(&scan.metrics, partition),
            looked_at: MetricBuilder::new(&scan.metrics).counter(LOOKED_AT, partition),
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
            let whole = self.filters.is_empty() && !self.backwards && self.left == usize::MAX;
            let piece =
                open.next_piece(if whole { usize::MAX } else { self.piece }, self.backwards);
            if piece.is_empty() {
                self.learn_from(&open);
                continue;
            }
            self.piece = self.piece.saturating_mul(2);
            self.ready = self.passing_rows(&mut open, &piece).await?;
            self.looked_at.add(open.looked - open.told);
            open.told = open.looked;
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
        if self.left != usize::MAX {
            self.left -= rows;
        }
        self.baseline.record_output(rows);
        batch.slice(0, rows)
    }

    /// The next row group that may have rows that pass, if there is one.
    async fn next_group(&mut self) -> Result<Option<RowGroup>> {
        while let Some(group) = self.groups.pop_front() {
            let mut may_pass = true;
            for (position, text) in self.filters.iter().filter_map(|one| one.equal.as_ref()) {
                may_pass = may_pass
                    && (self.getter.held(&group, *position).is_some()
                        || self.getter.may_hold(&group, *position, text).await?);
            }
            if may_pass {
                return Ok(Some(group));
            }
            self.looked_at.add(group.selected());
        }
        Ok(None)
    }

    /// Opens the next row group, if there is one.
    async fn open_next(&mut self) -> Result<Option<Open>> {
        let Some(group) = self.next_group().await? else { return Ok(None) };
        let costs_little =
            |one: &usize| group.is_narrow(*one) || self.getter.held(&group, *one).is_some();
        let ready = self.filters.iter().take_while(|one| one.columns.iter().all(costs_little));
        // Where few rows are wanted, or left to look at, no column is decoded for them
        // before it is known how many of its pages that takes.
        let few_left = group.selected() * FEW_ONE_IN < group.rows();
        let ready = match ready.count() {
            _ if few_left => 0,
            0 if self.left == usize::MAX => self.filters.len(),
            some => some,
        };
        let mut columns = Columns::new();
        let first = self.filters[..ready].iter().flat_map(|one| one.columns.iter().copied());
        self.getter.add_whole(&group, first, &mut columns).await?;
        let passed = vec![0; self.filters.len()];
        let ranges = group.ranges.iter().cloned().collect();
        Ok(Some(Open { group, ranges, columns, ready, looked: 0, passed, told: 0 }))
    }

    /// Gives up filters that let too many rows of a row group pass.
    fn learn_from(&mut self, open: &Open) {
        let worth = open.looked / WORTH_ONE_IN;
        let mut passed = open.passed.iter();
        self.filters.retain(|filter| {
            let useless = passed.next().is_some_and(|passed| *passed > worth);
            !(filter.may_go && useless)
        });
    }

    /// The rows of a piece that pass all filters, if there are any.
    async fn passing_rows(
        &mut self,
        open: &mut Open,
        piece: &[Range<usize>],
    ) -> Result<Option<RecordBatch>> {
        let (Some(first), Some(last)) = (piece.first(), piece.last()) else { return Ok(None) };
        let span = first.start..last.end;
        open.looked += piece.iter().map(ExactSizeIterator::len).sum::<usize>();
        let mut passing = self.passing(open, piece, set_bits(piece), 0..open.ready).await?;
        if passing.count_set_bits() == 0 {
            return Ok(None);
        }
        let late = open.ready..self.filters.len();
        let late_columns = self.filters[late.clone()].iter().flat_map(|one| &one.columns);
        let wanted: BTreeSet<usize> = self.output.iter().chain(late_columns).copied().collect();
        let missing = self.missing(open, &wanted);
        if !missing.is_empty() {
            if late.is_empty() {
                passing = first_bits(passing, self.left, self.backwards);
            }
            let rows: Vec<Range<usize>> =
                passing.set_slices().map(|(from, to)| span.start + from..span.start + to).collect();
            if self.getter.part_will_do(&open.group, &missing, &rows) {
                let mut columns = self.getter.of_rows(&open.group, &missing, rows).await?;
                let _timer = self.baseline.elapsed_compute().timer();
                let passing = BooleanArray::from(passing);
                for &position in wanted.difference(&missing) {
                    let column = column(&open.columns, position)?;
                    let column = column.slice(span.start, span.len());
                    columns.insert(position, filter(&column, &passing)?);
                }
                let rows = passing.true_count();
                let mask = BooleanArray::from(vec![true; rows]);
                let mask = self.mask(&columns, 0, mask, late, &mut open.passed)?;
                return self.output(&columns, 0, mask.values());
            }
            self.getter.add_whole(&open.group, missing, &mut open.columns).await?;
        }
        passing = self.passing(open, piece, passing, late).await?;
        open.ready = self.filters.len();
        let _timer = self.baseline.elapsed_compute().timer();
        self.output(&open.columns, span.start, &passing)
    }

    /// Which of the `wanted` columns are neither there nor held.
    fn missing(&self, open: &mut Open, wanted: &BTreeSet<usize>) -> BTreeSet<usize> {
        let mut missing = BTreeSet::new();
        for &position in wanted {
            if open.columns.contains_key(&position) {
                continue;
            }
            match self.getter.held(&open.group, position) {
                Some(array) => drop(open.columns.insert(position, array)),
                None => drop(missing.insert(position)),
            }
        }
        missing
    }

    /// The rows of `columns` from `start` on that are `passing`, if there are any.
    fn output(
        &self,
        columns: &Columns,
        start: usize,
        passing: &BooleanBuffer,
    ) -> Result<Option<RecordBatch>> {
        let count = passing.count_set_bits();
        if count == 0 {
            return Ok(None);
        }
        let all = self.output.iter().map(|&position| {
            let column = column(columns, position)?;
            Ok(column.slice(start, passing.len()))
        });
        let columns: Vec<ArrayRef> = if self.backwards {
            let mut places: Vec<u32> = passing.set_indices_u32().collect();
            places.reverse();
            let places = UInt32Array::from(places);
            all.map(|column| Ok(take(&column?, &places, None)?)).collect::<Result<_>>()?
        } else if count < passing.len() {
            let passing = BooleanArray::from(passing.clone());
            all.map(|column| Ok(filter(&column?, &passing)?)).collect::<Result<_>>()?
        } else {
            all.collect::<Result<_>>()?
        };
        Ok(Some(batch(&self.schema, columns, count)?))
    }

    /// Which of the `passing` rows, from the first row of a piece to the last, pass
    /// some of the filters as well; those between its ranges do not.
    async fn passing(
        &self,
        open: &mut Open,
        piece: &[Range<usize>],
        passing: BooleanBuffer,
        filters: Range<usize>,
    ) -> Result<BooleanBuffer> {
        if filters.is_empty() {
            return Ok(passing);
        }
        let first = piece.first().map_or(0, |range| range.start);
        let are_last = filters.end == self.filters.len();
        let mut narrowed = BooleanBufferBuilder::new(passing.len());
        for range in piece {
            narrowed.append_n(range.start - first - narrowed.len(), false);
            for start in range.clone().step_by(self.batch_size) {
                let rows = self.batch_size.min(range.end - start);
                let timer = self.baseline.elapsed_compute().timer();
                let mask = BooleanArray::from(passing.slice(start - first, rows));
                let mask =
                    self.mask(&open.columns, start, mask, filters.clone(), &mut open.passed)?;
                narrowed.append_buffer(mask.values());
                timer.done();
                if are_last {
                    // A piece may take long, and is seen to go on.
                    open.told += rows;
                    self.looked_at.add(rows);
                }
                // A search through a row group takes time in which others wait.
                tokio::task::coop::consume_budget().await;
            }
        }
        Ok(narrowed.finish())
    }

    /// Which rows of `mask`, which begins with row `start` of `columns`, pass some of
    /// the filters as well; adds up how many pass each.
    fn mask(
        &self,
        columns: &Columns,
        start: usize,
        mut mask: BooleanArray,
        filters: Range<usize>,
        passed: &mut [usize],
    ) -> Result<BooleanArray> {
        let rows = mask.len();
        let mut count = mask.true_count();
        for (filter, passed) in self.filters[filters.clone()].iter().zip(&mut passed[filters]) {
            if count == 0 {
                break;
            }
            let looked_at = filter.columns.iter().map(|&position| {
                let column = column(columns, position)?;
                Ok(column.slice(start, rows))
            });
            let looked_at = batch(&filter.schema, looked_at.collect::<Result<_>>()?, rows)?;
            let value = if count * FEW_ONE_IN < rows {
                filter.expression.evaluate_selection(&looked_at, &mask)?
            } else {
                filter.expression.evaluate(&looked_at)?
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
}

/// A bit for each row from the first of a piece to the last, set in its ranges.
fn set_bits(piece: &[Range<usize>]) -> BooleanBuffer {
    let mut bits = BooleanBufferBuilder::new(0);
    let first = piece.first().map_or(0, |range| range.start);
    for range in piece {
        bits.append_n(range.start - first - bits.len(), false);
        bits.append_n(range.len(), true);
    }
    bits.finish()
}

/// The first `count` set bits, or the last.
fn first_bits(bits: BooleanBuffer, count: usize, backwards: bool) -> BooleanBuffer {
    let set = bits.count_set_bits();
    if set <= count {
        return bits;
    }
    let nth = if backwards { set - count } else { count };
    let place = bits.set_indices().nth(nth).unwrap_or(bits.len());
    let mut kept = BooleanBufferBuilder::new(bits.len());
    if backwards {
        kept.append_n(place, false);
        kept.append_buffer(&bits.slice(place, bits.len() - place));
    } else {
        kept.append_buffer(&bits.slice(0, place));
        kept.append_n(bits.len() - place, false);
    }
    kept.finish()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_wanted_are_the_first_or_the_last() {
        let bits = set_bits(&[10..12, 15..18]);
        assert_eq!(bits.set_indices().collect::<Vec<_>>(), [0, 1, 5, 6, 7]);
        let kept = |count, backwards| {
            let kept = first_bits(bits.clone(), count, backwards);
            assert_eq!(kept.len(), 8);
            kept.set_indices().collect::<Vec<_>>()
        };
        assert_eq!(kept(3, false), [0, 1, 5]);
        assert_eq!(kept(2, true), [6, 7]);
        assert_eq!(kept(0, false), [0; 0]);
        assert_eq!(kept(0, true), [0; 0]);
        assert_eq!(kept(5, true), kept(9, false));
    }
}
