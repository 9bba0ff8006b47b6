//! One partition of a scan of held columns, while it is being read.
//!
//! A row group is filtered in pieces that grow: whoever wants only the first few
//! rows soon has them, and whoever wants all gets large batches. Narrow columns and
//! those that are held are looked at first, the others only where a row passes: as a
//! whole, or in part if the rows lie on few of their pages; or piece by piece, if all
//! rows are wanted and there is no room to hold them.

use std::collections::hash_map::Entry;
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
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_expr::{PhysicalExpr, conjunction, split_conjunction};
use datafusion::physical_plan::metrics::{BaselineMetrics, Count, MetricBuilder};
use datafusion::physical_plan::{ExecutionPlan, project_schema};

use super::columns::{Columns, Getter, Pieces, column};
use super::conditions::{Note, lasts};
use super::learned::Learned;
use super::scan::{Filter, HeldScan, LOOKED_AT, RowGroup, Source, largest, reads_text};

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
    /// Whether wide columns are read piece by piece where they are read as a whole.
    is_piecewise: bool,
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
    /// The columns in which only one text passes, and the text.
    equal: Vec<(usize, String)>,
    /// What it has learned, if it is optional and about texts.
    learned: Option<Learned>,
    /// The number under which the rows that pass are remembered, if they are.
    condition: Option<usize>,
}

impl ReadingFilter {
    fn new(filter: &Filter, source: &Source) -> Result<Self> {
        let columns = collect_columns(&filter.expression);
        let columns: BTreeSet<usize> = columns.iter().map(Column::index).collect();
        let columns: Vec<usize> = columns.into_iter().collect();
        let schema = project_schema(&source.schema, Some(&columns))?;
        let expression = reassign_expr_columns(Arc::clone(&filter.expression), &schema)?;
        let parts = split_conjunction(&filter.expression);
        let equal = parts.into_iter().filter_map(equal_text).collect();
        let may_go = filter.optional && reads_text(filter, &source.schema);
        let learned = may_go.then(|| Learned::new(&expression, &schema));
        Ok(Self { expression, columns, schema, equal, learned, condition: None })
    }
}

/// The filters of a scan as they are asked of its row groups, of which `largest` is
/// one. Conditions on wide columns whose answers last are one, which is remembered.
fn reading_filters(
    scan: &HeldScan,
    largest: &RowGroup,
    getter: &Getter,
) -> Result<Vec<ReadingFilter>> {
    let source = scan.source.as_ref();
    let is_narrow = |columns: &[usize]| columns.iter().all(|column| largest.is_narrow(*column));
    let (mut filters, mut lasting) = (Vec::new(), Vec::new());
    for filter in &scan.filters {
        let reading = ReadingFilter::new(filter, source)?;
        let expression = &filter.expression;
        if !filter.optional && !is_narrow(&reading.columns) && lasts(expression, &source.schema) {
            lasting.push(Arc::clone(expression));
        } else {
            filters.push(reading);
        }
    }
    if !lasting.is_empty() {
        let expression = conjunction(lasting);
        let condition = Some(getter.number(&expression));
        let joint = ReadingFilter::new(&Filter { expression, optional: false }, source)?;
        filters.push(ReadingFilter { condition, ..joint });
    }
    filters.sort_by_key(|filter| !is_narrow(&filter.columns));
    Ok(filters)
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
    /// Whether the others are read piece by piece, and how far that is.
    is_piecewise: bool,
    pieces: Option<OpenPieces>,
    /// The first so many filters need no other columns.
    ready: usize,
    /// What became of each filter.
    asked: Vec<Asked>,
    /// How many rows were looked at, and how many of these are told of.
    looked: usize,
    told: usize,
}

/// The rest of a row group, of which columns come piece by piece.
struct OpenPieces {
    pieces: Pieces,
    /// The rows of the row group that passed the filters that were ready.
    passing: BooleanBuffer,
    /// The first row of the next piece.
    row: usize,
}

/// What became of a filter in a row group.
struct Asked {
    /// Which rows pass, if that is remembered.
    known: Option<BooleanBuffer>,
    /// Which passed so far.
    note: Note,
    /// How many rows came to it, and how many of these passed.
    came: usize,
    passed: usize,
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
        let getter = Getter::new(source, &scan.metrics, partition);
        let filters = match largest(&groups) {
            Some(largest) => reading_filters(scan, largest, &getter)?,
            None => Vec::new(),
        };
        Ok(Self {
            getter,
            output: scan.output.clone(),
            schema: scan.schema(),
            filters,
            backwards: scan.backwards,
            is_piecewise: !source.fits && !scan.backwards && scan.fetch.is_none(),
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
            for learned in self.filters.iter_mut().filter_map(|filter| filter.learned.as_mut()) {
                learned.settle()?;
            }
            let goes_on = if open.pieces.is_some() {
                self.read_piece(&mut open).await?
            } else {
                self.look_at_rows(&mut open).await?
            };
            self.looked_at.add(open.looked - open.told);
            open.told = open.looked;
            if goes_on {
                self.open = Some(open);
            } else {
                self.learn_from(open);
            }
        }
        Ok(None)
    }

    /// Looks at the next rows of a row group; false if there are none.
    async fn look_at_rows(&mut self, open: &mut Open) -> Result<bool> {
        // A row group of which all rows come out as they are is one piece.
        let all = self.filters.is_empty() && !self.backwards && self.left == usize::MAX;
        let rows = if all || open.is_piecewise { usize::MAX } else { self.piece };
        let piece = open.next_piece(rows, self.backwards);
        if piece.is_empty() {
            return Ok(false);
        }
        self.piece = self.piece.saturating_mul(2);
        self.ready = self.passing_rows(open, &piece).await?;
        Ok(true)
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
            for (position, text) in self.filters.iter().flat_map(|filter| &filter.equal) {
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
        let asked: Vec<Asked> = self.filters.iter().map(|one| self.ask(&group, one)).collect();
        let costs_little =
            |one: &usize| group.is_narrow(*one) || self.getter.held(&group, *one).is_some();
        let ready = self.filters.iter().zip(&asked).take_while(|(filter, asked)| {
            asked.known.is_some() || filter.columns.iter().all(costs_little)
        });
        // Where few rows are wanted, or left to look at, no column is decoded for them
        // before it is known how many of its pages that takes.
        let few_left = group.selected() * FEW_ONE_IN < group.rows();
        let is_piecewise = self.is_piecewise && group.selected() == group.rows();
        let ready = match ready.count() {
            _ if few_left => 0,
            0 if self.left == usize::MAX && !is_piecewise => self.filters.len(),
            some => some,
        };
        let mut columns = Columns::new();
        let first = columns_of(&self.filters[..ready], &asked).collect::<Vec<_>>();
        self.getter.add_whole(&group, first, &mut columns).await?;
        let ranges = group.ranges.iter().cloned().collect();
        let (pieces, looked, told) = (None, 0, 0);
        Ok(Some(Open { group, ranges, columns, is_piecewise, pieces, ready, asked, looked, told }))
    }

    /// What is known of a filter in a row group before it is asked.
    fn ask(&self, group: &RowGroup, filter: &ReadingFilter) -> Asked {
        let known = filter.condition.and_then(|number| self.getter.passing(group, number));
        let is_new = filter.condition.is_some() && known.is_none();
        let note = if is_new { Note::of_rows(group.rows()) } else { Note::default() };
        Asked { known, note, came: 0, passed: 0 }
    }

    /// Remembers which rows of a row group passed, and drops filters that are given up.
    fn learn_from(&mut self, open: Open) {
        let mut asked = open.asked.into_iter();
        self.filters.retain(|filter| {
            let Some(asked) = asked.next() else { return true };
            let passing = asked.note.of_all(open.group.rows());
            if let (Some(number), Some(passing)) = (filter.condition, passing) {
                self.getter.remember(&open.group, number, &passing);
            }
            filter.learned.is_none() || Learned::pays(asked.came, asked.passed)
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
        let mut passing = set_bits(piece);
        for known in open.asked.iter().filter_map(|asked| asked.known.as_ref()) {
            passing = &passing & &known.slice(span.start, span.len());
        }
        passing = self.passing(open, piece, passing, 0..open.ready).await?;
        if passing.count_set_bits() == 0 {
            return Ok(None);
        }
        let late = open.ready..self.filters.len();
        let wanted = self.wanted(open);
        let mut missing = self.missing(open, &wanted);
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
                let mask = self.mask(&columns, 0, None, mask, late, &mut open.asked)?;
                return self.output(&columns, 0, mask.values());
            }
            let mut piecewise = BTreeSet::new();
            if open.is_piecewise {
                piecewise = missing.clone();
                piecewise.retain(|column| !self.getter.is_to_be_held(&open.group, *column));
                missing.retain(|column| !piecewise.contains(column));
            }
            self.getter.add_whole(&open.group, missing, &mut open.columns).await?;
            if !piecewise.is_empty() {
                let pieces = self.getter.pieces(&open.group, piecewise, self.batch_size)?;
                open.looked = open.told;
                open.pieces = Some(OpenPieces { pieces, passing, row: span.start });
                return Ok(None);
            }
        }
        passing = self.passing(open, piece, passing, late).await?;
        open.ready = self.filters.len();
        let _timer = self.baseline.elapsed_compute().timer();
        self.output(&open.columns, span.start, &passing)
    }

    /// Looks at the next piece of a row group; false if there is none.
    async fn read_piece(&mut self, open: &mut Open) -> Result<bool> {
        let Some(rest) = &mut open.pieces else { return Ok(false) };
        let Some(mut columns) = self.getter.next_piece(&mut rest.pieces).await? else {
            return Ok(false);
        };
        let timer = self.baseline.elapsed_compute().timer();
        let rows = columns.values().next().map_or(0, Array::len);
        let row = rest.row;
        rest.row += rows;
        open.looked += rows;
        let mask = BooleanArray::from(rest.passing.slice(row, rows));
        if mask.has_true() {
            for position in self.wanted(open) {
                if let Entry::Vacant(left_out) = columns.entry(position) {
                    left_out.insert(column(&open.columns, position)?.slice(row, rows));
                }
            }
            let late = open.ready..self.filters.len();
            let mask = self.mask(&columns, 0, Some(row), mask, late, &mut open.asked)?;
            self.ready = self.output(&columns, 0, mask.values())?;
        }
        timer.done();
        // Decoding a row group takes time in which others wait.
        tokio::task::coop::consume_budget().await;
        Ok(true)
    }

    /// The columns that come out, or that filters need which are not ready.
    fn wanted(&self, open: &Open) -> BTreeSet<usize> {
        let late = columns_of(&self.filters[open.ready..], &open.asked[open.ready..]);
        self.output.iter().copied().chain(late).collect()
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
        &mut self,
        open: &mut Open,
        piece: &[Range<usize>],
        passing: BooleanBuffer,
        filters: Range<usize>,
    ) -> Result<BooleanBuffer> {
        if filters.is_empty() {
            return Ok(passing);
        }
        let first = piece.first().map_or(0, |range| range.start);
        let are_last = filters.end == self.filters.len() && !open.is_piecewise;
        let mut narrowed = BooleanBufferBuilder::new(passing.len());
        for range in piece {
            narrowed.append_n(range.start - first - narrowed.len(), false);
            for start in range.clone().step_by(self.batch_size) {
                let rows = self.batch_size.min(range.end - start);
                let timer = self.baseline.elapsed_compute().timer();
                let mask = BooleanArray::from(passing.slice(start - first, rows));
                let (columns, row) = (&open.columns, Some(start));
                let mask =
                    self.mask(columns, start, row, mask, filters.clone(), &mut open.asked)?;
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
    /// the filters as well; notes what passes each. Where `row` is given, the rows are
    /// those of the row group from there on.
    fn mask(
        &self,
        columns: &Columns,
        start: usize,
        row: Option<usize>,
        mut mask: BooleanArray,
        filters: Range<usize>,
        asked: &mut [Asked],
    ) -> Result<BooleanArray> {
        let rows = mask.len();
        let mut count = mask.true_count();
        for (filter, asked) in self.filters[filters.clone()].iter().zip(&mut asked[filters]) {
            if count == 0 {
                break;
            }
            if asked.known.is_some() {
                continue;
            }
            let looked_at = filter.columns.iter().map(|&position| {
                let column = column(columns, position)?;
                Ok(column.slice(start, rows))
            });
            let looked_at = batch(&filter.schema, looked_at.collect::<Result<_>>()?, rows)?;
            let few = count * FEW_ONE_IN < rows;
            let passing = match &filter.learned {
                Some(learned) => learned.passing(&looked_at, &mask, few)?,
                None => evaluated(&filter.expression, &looked_at, &mask, few)?,
            };
            asked.note.add(row.filter(|_| !few), &passing);
            asked.came += count;
            mask = and(&mask, &passing)?;
            count = mask.true_count();
            asked.passed += count;
        }
        Ok(mask)
    }
}

/// The columns that filters look at, unless their answers are known.
fn columns_of<'a>(
    filters: &'a [ReadingFilter],
    asked: &'a [Asked],
) -> impl Iterator<Item = usize> + 'a {
    let open = filters.iter().zip(asked).filter(|(_, asked)| asked.known.is_none());
    open.flat_map(|(filter, _)| filter.columns.iter().copied())
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

/// Which rows of `batch` fulfil a condition; of `few` in `mask`, which of these do.
pub(super) fn evaluated(
    condition: &Arc<dyn PhysicalExpr>,
    batch: &RecordBatch,
    mask: &BooleanArray,
    few: bool,
) -> Result<BooleanArray> {
    let value =
        if few { condition.evaluate_selection(batch, mask)? } else { condition.evaluate(batch)? };
    truth(&value.into_array(batch.num_rows())?)
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
