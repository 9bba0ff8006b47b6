//! The left side of a join by range: its rows by key, and those of a key by value.
//!
//! In a list that is sorted by one value, the rows within bounds are found by halving.
//! Where the other side has several values, as in `a.start <= b.at AND a.end > b.at` or
//! `b.at BETWEEN a.at - x AND a.at + x`, the list is sorted by the first, and for each
//! other one there is for each place the largest value up to there and the smallest from
//! there on. These are in order whatever the values are, and cut off at both ends what
//! cannot match. If the values are in order themselves nothing else is left between.

use std::ops;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use datafusion::arrow::array::{Array, ArrayRef, UInt64Array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::{take, take_record_batch};
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::row::{Row, RowConverter, Rows, SortField};
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::common::utils::normalize_float_zero;
use datafusion::common::{HashMap, JoinSide, Result, ScalarValue};
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, in_list, lit};
use datafusion::physical_expr::utils::split_conjunction;
use datafusion::physical_expr::{PhysicalExpr, conjunction_opt};
use datafusion::physical_plan::joins::utils::{ColumnIndex, JoinFilter};
use parking_lot::Mutex;

use super::keys::Keys;
use super::shape::{Range, Shape};

/// As many keys are looked for one by one; of more the smallest and the largest are.
const KEYS_ONE_BY_ONE: usize = 150;

/// Bounds are looked for if a row shares its key with more than so many on the average.
const FEW: usize = 8;

/// The rows of the left side, in order.
pub(super) struct Sorted {
    pub(super) rows: RecordBatch,
    keys: Keys,
    /// Where the rows of each key begin, and where the last ones end. Rows behind
    /// match nothing.
    starts: Vec<usize>,
    /// The values of the ranges, if they can be told of all rows and it pays.
    values: Option<Vec<Values>>,
    /// What is still to be asked about rows within bounds.
    pub(super) filter: Option<JoinFilter>,
    pub(super) marks: Option<Marks>,
    /// How many partitions of the right side have not come to their end.
    pub(super) looking: AtomicUsize,
    reservation: MemoryReservation,
}

/// The rows of the right side's batch: which of the left side's may match each.
pub(super) struct Runs {
    pub(super) runs: Vec<ops::Range<usize>>,
    /// Whether these are all rows of the key though bounds pay, since they cannot be told
    /// for the batch.
    pub(super) unbounded: bool,
}

impl Sorted {
    pub(super) fn new(
        shape: &Shape,
        rows: &RecordBatch,
        looking: usize,
        reservation: MemoryReservation,
    ) -> Result<Self> {
        let keys = evaluate(shape.keys.iter().map(|(left, _)| left), rows)?;
        // What fails for one row might not be asked about it if its key has no match.
        let values = evaluate(&shape.values, rows).ok();
        let known = known(shape, &keys, values.as_deref().unwrap_or_default());
        let fields = keys.iter().map(|key| SortField::new(key.data_type().clone())).collect();
        let converter = RowConverter::new(fields)?;
        let encoded = converter.convert_columns(&keys)?;
        // While the rows are put in order, they are there twice.
        let meanwhile = encoded.size() + get_record_batch_memory_size(rows);
        reservation.try_grow(meanwhile)?;
        let (starts, mut order) = grouped(&encoded, known.as_ref());
        let (values, of_few) =
            if has_large_groups(&starts) { (values, None) } else { (None, values) };
        if let Some(first) = values.iter().flatten().next() {
            sort_groups(first, &starts, &mut order)?;
        }
        if shape.keeps_left() {
            let is_unknown = |row: &usize| known.as_ref().is_some_and(|known| known.is_null(*row));
            order.extend((0..rows.num_rows()).filter(is_unknown).map(|row| row as u64));
        }
        drop(encoded);
        let firsts = starts[..starts.len() - 1].iter().map(|start| order[*start]);
        let firsts = UInt64Array::from(firsts.collect::<Vec<u64>>());
        let of_groups = |key: &ArrayRef| -> Result<ArrayRef> { Ok(take(key, &firsts, None)?) };
        let keys = Keys::new(keys.iter().map(of_groups).collect::<Result<Vec<_>>>()?)?;
        let order = UInt64Array::from(order);
        let in_order = |value: &ArrayRef| Values::new(&take(value, &order, None)?, &starts);
        let values = values
            .map(|values| values.iter().map(in_order).collect::<Result<Vec<_>>>())
            .transpose()?;
        let mut rows = take_record_batch(rows, &order)?;
        let mut filter = left_to_ask(shape, values.as_deref());
        let mut computed = 0;
        if let Some(with_values) = of_few.and_then(|values| Computed::of(shape, &values)) {
            for (field, values) in with_values.columns {
                let values = take(&values, &order, None)?;
                computed += values.get_array_memory_size();
                rows = with_column(&rows, field, values)?;
            }
            filter = Some(with_values.filter);
        }
        let sorted = Self {
            rows,
            keys,
            starts,
            filter,
            values,
            marks: shape.marks_left().then(|| Marks::new(order.len())),
            looking: AtomicUsize::new(looking),
            reservation,
        };
        sorted.reservation.shrink(meanwhile);
        sorted.reservation.try_grow(sorted.size() + computed)?;
        Ok(sorted)
    }

    /// What it takes beside its rows.
    fn size(&self) -> usize {
        let values: usize = self.values.iter().flatten().map(Values::size).sum();
        let marks = self.marks.as_ref().map_or(0, |_| self.rows.num_rows() * size_of::<i64>());
        self.keys.size() + values + marks + self.starts.len() * size_of::<usize>()
    }

    /// Which rows may match each of `batch`, a batch of the right side.
    pub(super) fn runs(&self, shape: &Shape, batch: &RecordBatch) -> Result<Runs> {
        let keys = evaluate(shape.keys.iter().map(|(_, right)| right), batch)?;
        let groups = self.keys.find(&keys)?;
        let bounds = self.values.as_ref().and_then(|values| bounds(shape, values, batch).ok());
        let unbounded = bounds.is_none() && self.values.is_some();
        let (arrays, bounds) = bounds.unwrap_or_default();
        let known = known(shape, &keys, &arrays);
        let runs = groups.into_iter().enumerate().map(|(row, group)| {
            let is_unknown = known.as_ref().is_some_and(|known| known.is_null(row));
            match group.filter(|_| !is_unknown) {
                Some(group) => {
                    let bounds = bounds.iter().map(|bounds| bounds.row(row));
                    self.within(group, shape.ranges.iter().zip(bounds))
                }
                None => 0..0,
            }
        });
        Ok(Runs { runs: runs.collect(), unbounded })
    }

    /// The rows of a group within all bounds, and no others that could be told.
    fn within<'a>(
        &self,
        group: usize,
        bounds: impl Iterator<Item = (&'a Range, Row<'a>)>,
    ) -> ops::Range<usize> {
        let mut run = self.starts[group]..self.starts[group + 1];
        for (range, bound) in bounds {
            let Some(values) = self.values.as_ref().map(|values| &values[range.value]) else {
                continue;
            };
            let cut = first_not(run.clone(), |place| {
                let value = values.at(range.lower, place);
                if range.equal_is_before { value <= bound } else { value < bound }
            });
            if range.lower {
                run.start = cut;
            } else {
                run.end = cut;
            }
        }
        run
    }

    /// What the first key of the right side is if it finds anything.
    pub(super) fn wanted(&self, shape: &Shape) -> Result<Option<Arc<dyn PhysicalExpr>>> {
        let (left, right) = &shape.keys[0];
        let keys = left.evaluate(&self.rows)?.into_array(self.rows.num_rows())?;
        if shape.nulls_match || keys.data_type().is_floating() {
            return Ok(None);
        }
        let key = |group: usize| ScalarValue::try_from_array(&keys, self.starts[group]).map(lit);
        if (1..=KEYS_ONE_BY_ONE).contains(&self.keys.count()) {
            let all = (0..self.keys.count()).map(key).collect::<Result<_>>()?;
            return in_list(Arc::clone(right), all, &false, &shape.right.schema()).map(Some);
        }
        let Some((least, greatest)) = self.keys.ends()? else { return Ok(None) };
        let compared = |operator, group| -> Result<Arc<dyn PhysicalExpr>> {
            Ok(Arc::new(BinaryExpr::new(Arc::clone(right), operator, key(group)?)))
        };
        let ends = [compared(Operator::GtEq, least)?, compared(Operator::LtEq, greatest)?];
        Ok(conjunction_opt(ends))
    }
}

/// The values that a range is about, in the order of the rows.
struct Values {
    converter: RowConverter,
    rows: Rows,
    /// For each place where the largest value of its group up to there is, and the
    /// smallest from there on; nothing if each is its own.
    largest: Vec<usize>,
    smallest: Vec<usize>,
}

impl Values {
    fn new(array: &ArrayRef, starts: &[usize]) -> Result<Self> {
        let converter = RowConverter::new(vec![SortField::new(array.data_type().clone())])?;
        let rows = converter.convert_columns(std::slice::from_ref(array))?;
        let (mut largest, mut smallest) = (Vec::<usize>::new(), Vec::<usize>::new());
        let groups = || starts.windows(2).map(|ends| ends[0] + 1..ends[1]);
        let follows = |place: usize| rows.row(place - 1) <= rows.row(place);
        if !groups().all(|mut places| places.all(follows)) {
            largest = (0..rows.num_rows()).collect();
            smallest.clone_from(&largest);
            for place in groups().flatten() {
                if rows.row(largest[place]) < rows.row(largest[place - 1]) {
                    largest[place] = largest[place - 1];
                }
            }
            for place in groups().flat_map(Iterator::rev) {
                if rows.row(smallest[place]) < rows.row(smallest[place - 1]) {
                    smallest[place - 1] = smallest[place];
                }
            }
        }
        Ok(Self { converter, rows, largest, smallest })
    }

    /// Whether bounds cut off all that does not match.
    fn are_in_order(&self) -> bool {
        self.largest.is_empty()
    }

    /// What is compared with a bound at a place.
    fn at(&self, lower: bool, place: usize) -> Row<'_> {
        let places = if lower { &self.largest } else { &self.smallest };
        self.rows.row(places.get(place).copied().unwrap_or(place))
    }

    fn size(&self) -> usize {
        let places = self.largest.len() + self.smallest.len();
        self.rows.size() + places * size_of::<usize>()
    }
}

/// Which rows of the left side have found any: how many runs begin at each place, less
/// those that end there. So a run takes two steps however long it is.
pub(super) struct Marks(Mutex<Vec<i64>>);

impl Marks {
    fn new(rows: usize) -> Self {
        Self(Mutex::new(vec![0; rows + 1]))
    }

    pub(super) fn add(&self, runs: impl Iterator<Item = ops::Range<usize>>) {
        let mut changes = self.0.lock();
        for run in runs {
            changes[run.start] += 1;
            changes[run.end] -= 1;
        }
    }

    /// The rows that have found any, or those that have not.
    pub(super) fn rows(&self, found: bool) -> Vec<u64> {
        let (changes, mut runs) = (self.0.lock(), 0_i64);
        let rows = changes.len() - 1;
        let mut wanted = Vec::new();
        for (place, change) in changes.iter().take(rows).enumerate() {
            runs += change;
            if (runs > 0) == found {
                wanted.push(place as u64);
            }
        }
        wanted
    }
}

/// The rows that are known group by group, in the order in which they came: where each
/// group begins, and the rows.
fn grouped(keys: &Rows, known: Option<&NullBuffer>) -> (Vec<usize>, Vec<u64>) {
    let mut groups = HashMap::<&[u8], usize>::new();
    let (mut sizes, mut members) = (Vec::<usize>::new(), Vec::new());
    for row in (0..keys.num_rows()).filter(|row| known.is_none_or(|known| known.is_valid(*row))) {
        let key = keys.row(row).data();
        let group = groups.get(key).copied().unwrap_or_else(|| {
            groups.insert(key, sizes.len());
            sizes.push(0);
            sizes.len() - 1
        });
        sizes[group] += 1;
        members.push((group, row));
    }
    let mut starts = vec![0_usize];
    for size in sizes {
        starts.push(starts[starts.len() - 1] + size);
    }
    let (mut next, mut order) = (starts.clone(), vec![0_u64; members.len()]);
    for (group, row) in members {
        order[next[group]] = row as u64;
        next[group] += 1;
    }
    (starts, order)
}

/// Whether looking for those within bounds is worth it: of few rows each is looked at
/// faster.
fn has_large_groups(starts: &[usize]) -> bool {
    let sizes = starts.windows(2).map(|ends| ends[1] - ends[0]);
    let pairs = sizes.fold(0, |pairs: usize, size| pairs.saturating_add(size.saturating_mul(size)));
    pairs > starts[starts.len() - 1].saturating_mul(FEW)
}

/// Sorts the rows of each group by `values`.
fn sort_groups(values: &ArrayRef, starts: &[usize], order: &mut [u64]) -> Result<()> {
    let converter = RowConverter::new(vec![SortField::new(values.data_type().clone())])?;
    let values = converter.convert_columns(std::slice::from_ref(values))?;
    let value = |row: u64| usize::try_from(row).map(|row| values.row(row)).ok();
    for ends in starts.windows(2) {
        order[ends[0]..ends[1]].sort_by_key(|row| value(*row));
    }
    Ok(())
}

/// The bounds of each range for the rows of `batch`, as they are and encoded.
fn bounds(
    shape: &Shape,
    values: &[Values],
    batch: &RecordBatch,
) -> Result<(Vec<ArrayRef>, Vec<Rows>)> {
    let arrays = evaluate(shape.ranges.iter().map(|range| &range.bound), batch)?;
    let encoded = shape.ranges.iter().zip(&arrays).map(|(range, array)| {
        let converter = &values[range.value].converter;
        Ok(converter.convert_columns(std::slice::from_ref(array))?)
    });
    let encoded = encoded.collect::<Result<_>>()?;
    Ok((arrays, encoded))
}

/// What bounds do not decide.
fn left_to_ask(shape: &Shape, values: Option<&[Values]>) -> Option<JoinFilter> {
    let Some(values) = values else { return Some(shape.filter.clone()) };
    let undecided = shape.ranges.iter().filter(|range| !values[range.value].are_in_order());
    let undecided = undecided.map(|range| &range.condition);
    let condition = conjunction_opt(shape.rest.iter().chain(undecided).map(Arc::clone))?;
    let columns = shape.filter.column_indices().to_vec();
    Some(JoinFilter::new(condition, columns, Arc::clone(shape.filter.schema())))
}

/// Values of the left side as columns behind its own, and conditions that ask for them as
/// they were computed; otherwise they are computed again for each row of the right side that
/// looks at them.
struct Computed {
    columns: Vec<(Field, ArrayRef)>,
    filter: JoinFilter,
}

impl Computed {
    /// Those of `values` that are no columns of the left side, if there are any.
    fn of(shape: &Shape, values: &[ArrayRef]) -> Option<Self> {
        let own = shape.left.schema().fields().len();
        let mut columns = Vec::new();
        let mut indices = shape.filter.column_indices().to_vec();
        let mut fields = shape.filter.schema().fields().to_vec();
        let mut conditions = Vec::new();
        for condition in split_conjunction(shape.filter.expression()) {
            let is_own = |range: &&Range| range.condition.eq(condition);
            let range = shape.ranges.iter().find(is_own);
            let Some(range) = range.filter(|range| is_computed(shape, values, range)) else {
                conditions.push(Arc::clone(condition));
                continue;
            };
            let value = &values[range.value];
            let name = format!("value_{}", columns.len());
            let field = Field::new(&name, value.data_type().clone(), true);
            let column = Arc::new(Column::new(&name, fields.len()));
            conditions.push(range.with_value(column, &shape.filter)?);
            fields.push(Arc::new(field.clone()));
            indices.push(ColumnIndex { index: own + columns.len(), side: JoinSide::Left });
            columns.push((field, Arc::clone(value)));
        }
        if columns.is_empty() {
            return None;
        }
        let condition = conjunction_opt(conditions)?;
        let filter = JoinFilter::new(condition, indices, Arc::new(Schema::new(fields)));
        Some(Self { columns, filter })
    }
}

/// Whether the value of a range had to be computed, and is what its expression gives: the
/// zeros of doubles were made one.
fn is_computed(shape: &Shape, values: &[ArrayRef], range: &Range) -> bool {
    !shape.values[range.value].is::<Column>() && !values[range.value].data_type().is_floating()
}

/// `rows` with one more column.
fn with_column(rows: &RecordBatch, field: Field, values: ArrayRef) -> Result<RecordBatch> {
    let mut fields = rows.schema().fields().to_vec();
    fields.push(Arc::new(field));
    let columns = rows.columns().iter().cloned().chain([values]).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

/// The values of expressions, in the form in which equal ones have equal bits.
fn evaluate<'a>(
    expressions: impl IntoIterator<Item = &'a Arc<dyn PhysicalExpr>>,
    batch: &RecordBatch,
) -> Result<Vec<ArrayRef>> {
    let arrays = expressions.into_iter().map(|expression| {
        let array = expression.evaluate(batch)?.into_array(batch.num_rows())?;
        Ok(normalize_float_zero(&array))
    });
    arrays.collect()
}

/// The rows of which nothing is unknown that must be known for a match.
fn known(shape: &Shape, keys: &[ArrayRef], values: &[ArrayRef]) -> Option<NullBuffer> {
    let keys = keys.iter().filter(|_| !shape.nulls_match);
    keys.chain(values).fold(None, |known: Option<NullBuffer>, array| {
        NullBuffer::union(known.as_ref(), array.logical_nulls().as_ref())
    })
}

/// The first place in `places` for which `is_before` does not hold, which holds for none
/// behind it.
fn first_not(places: ops::Range<usize>, is_before: impl Fn(usize) -> bool) -> usize {
    let (mut first, mut last) = (places.start, places.end);
    while first < last {
        let middle = first + (last - first) / 2;
        if is_before(middle) {
            first = middle + 1;
        } else {
            last = middle;
        }
    }
    first
}
