//! Where the frames of rows begin and end.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, new_empty_array};
use datafusion::arrow::compute::kernels::numeric::{add, sub};
use datafusion::arrow::compute::{SortOptions, cast, partition};
use datafusion::arrow::datatypes::{DataType, Int64Type, Schema, TimeUnit};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{WindowFrameBound, WindowFrameUnits};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::window::WindowExpr;

use super::shape::Shape;

/// What comes before all values, but not before unknown ones that come first.
const BEFORE_ALL: i128 = i128::MIN + 1;

/// What comes after all values, but not after unknown ones that come last.
const AFTER_ALL: i128 = i128::MAX - 1;

/// From where to where a window function looks.
#[derive(Debug)]
pub(super) struct Frame {
    start: Bound,
    end: Bound,
}

/// One end of a frame.
#[derive(Debug)]
enum Bound {
    /// That of the partition.
    Open,
    /// So many rows after this one, or before it if negative.
    Rows(i64),
    /// The first or the last row that the order does not tell from this one.
    Peers,
    /// The first or the last row that is not further away in the order.
    Within(Distance),
}

/// How far away a value may be in the order of the rows.
#[derive(Debug)]
struct Distance {
    key: Arc<dyn PhysicalExpr>,
    options: SortOptions,
    by: By,
    /// Whether it is towards the rows that come later.
    is_following: bool,
}

#[derive(Debug)]
enum By {
    /// A difference of integers, or of times in their unit.
    Number(i64),
    /// Days and months, which the calendar adds.
    Calendar(ScalarValue),
}

impl Frame {
    /// That of a window function, if it is one of those found here.
    pub(super) fn of(expression: &Arc<dyn WindowExpr>, schema: &Schema) -> Option<Self> {
        let frame = expression.get_window_frame();
        let (start, end) = (&frame.start_bound, &frame.end_bound);
        let is_none = match (start, end) {
            (WindowFrameBound::Following(rows), _) | (_, WindowFrameBound::Preceding(rows)) => {
                rows.is_null()
            }
            _ => false,
        };
        if is_none {
            return None;
        }
        let bound = |bound| match frame.units {
            WindowFrameUnits::Rows => Bound::of_rows(bound),
            WindowFrameUnits::Range => Bound::of_range(bound, expression, schema),
            WindowFrameUnits::Groups => None,
        };
        Some(Self { start: bound(start)?, end: bound(end)? })
    }

    /// That of one row, so many after this one, or before it if negative.
    pub(super) fn of_one_row(rows: i64) -> Self {
        Self { start: Bound::Rows(rows), end: Bound::Rows(rows) }
    }

    /// One that has the same row as that of a window function, counted from its first one, or
    /// from its last if negative.
    pub(super) fn of_value(
        expression: &Arc<dyn WindowExpr>,
        schema: &Schema,
        nth: i64,
    ) -> Option<Self> {
        let frame = expression.get_window_frame();
        let is_open = match &frame.start_bound {
            bound @ WindowFrameBound::Preceding(_) => bound.is_unbounded(),
            _ => false,
        };
        let has_this_row = match &frame.end_bound {
            WindowFrameBound::CurrentRow => true,
            bound @ WindowFrameBound::Following(_) => bound.is_unbounded(),
            WindowFrameBound::Preceding(_) => false,
        };
        if nth == 1 && is_open && has_this_row && frame.units != WindowFrameUnits::Groups {
            // What comes after this row is not asked for, not even its peers.
            return Some(Self { start: Bound::Open, end: Bound::Rows(0) });
        }
        Self::of(expression, schema).filter(|frame| frame.never_goes_back(schema))
    }

    /// Whether it is known to begin and to end no earlier than that of the row before it.
    fn never_goes_back(&self, schema: &Schema) -> bool {
        [&self.start, &self.end].iter().all(|bound| match bound {
            Bound::Within(distance) => {
                let kind = distance.key.data_type(schema);
                kind.is_ok_and(|kind| distance.back(&kind).is_none())
            }
            _ => true,
        })
    }

    /// Whether it begins where its partition does, so that no row leaves it.
    pub(super) fn only_grows(&self) -> bool {
        matches!(self.start, Bound::Open)
    }

    /// Whether it begins or ends with peers.
    pub(super) fn has_peers(&self) -> bool {
        [&self.start, &self.end].iter().any(|bound| matches!(bound, Bound::Peers))
    }

    /// Where it begins and ends for the rows at hand.
    pub(super) fn edges(&self, rows: &Rows) -> Result<Edges> {
        Ok(Edges { start: self.start.edge(rows)?, end: self.end.edge(rows)? })
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from {} to {}", self.start, self.end)
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => write!(f, "the end"),
            Self::Rows(rows) => write!(f, "row {rows:+}"),
            Self::Peers => write!(f, "peers"),
            Self::Within(distance) => {
                let sign = if distance.is_following { '+' } else { '-' };
                match &distance.by {
                    By::Number(number) => write!(f, "{sign}{number}"),
                    By::Calendar(time) => write!(f, "{sign}{time}"),
                }
            }
        }
    }
}

impl Bound {
    fn of_rows(bound: &WindowFrameBound) -> Option<Self> {
        let (rows, is_following) = match bound {
            bound if bound.is_unbounded() => return Some(Self::Open),
            WindowFrameBound::CurrentRow => return Some(Self::Rows(0)),
            WindowFrameBound::Preceding(rows) => (rows, false),
            WindowFrameBound::Following(rows) => (rows, true),
        };
        let ScalarValue::UInt64(Some(rows)) = rows else { return None };
        let rows = i64::try_from(*rows).ok()?;
        Some(Self::Rows(if is_following { rows } else { -rows }))
    }

    fn of_range(
        bound: &WindowFrameBound,
        expression: &Arc<dyn WindowExpr>,
        schema: &Schema,
    ) -> Option<Self> {
        let order_by = expression.order_by();
        let (by, is_following) = match bound {
            bound if bound.is_unbounded() => return Some(Self::Open),
            // Without an order all rows are peers.
            WindowFrameBound::CurrentRow if order_by.is_empty() => return Some(Self::Open),
            WindowFrameBound::CurrentRow => {
                let mut kinds = order_by.iter().map(|order| order.expr.data_type(schema));
                let are_told = kinds.all(|kind| kind.is_ok_and(|kind| tells_peers(&kind)));
                return are_told.then_some(Self::Peers);
            }
            WindowFrameBound::Preceding(by) => (by, false),
            WindowFrameBound::Following(by) => (by, true),
        };
        let [order] = order_by else { return None };
        let kind = order.expr.data_type(schema).ok()?;
        Some(Self::Within(Distance {
            key: Arc::clone(&order.expr),
            options: order.options,
            by: By::of(by, &kind)?,
            is_following,
        }))
    }

    fn edge(&self, rows: &Rows) -> Result<Edge> {
        Ok(match self {
            Self::Open => Edge::Open,
            Self::Rows(rows) => Edge::Rows(*rows),
            Self::Peers => {
                let peers: Arc<[i128]> = rows.peers.iter().map(|peers| *peers as i128).collect();
                Edge::Within { keys: Arc::clone(&peers), bounds: peers, back: None }
            }
            Self::Within(distance) => {
                let key = distance.key.evaluate(&rows.batch)?.into_array(rows.len())?;
                let keys = in_order(&key, distance.options)?;
                let back = distance.back(key.data_type());
                Edge::Within { bounds: distance.bounds(&key, &keys)?, keys, back }
            }
        })
    }
}

/// Whether values that are equal are the same: of doubles there are two zeros.
fn tells_peers(kind: &DataType) -> bool {
    !kind.is_floating() && !kind.is_nested() && !matches!(kind, DataType::Dictionary(..))
}

impl By {
    fn of(by: &ScalarValue, kind: &DataType) -> Option<Self> {
        if kind.is_signed_integer() {
            return match by.cast_to(&DataType::Int64).ok()? {
                ScalarValue::Int64(Some(number)) if number >= 0 => Some(Self::Number(number)),
                _ => None,
            };
        }
        if !matches!(kind, DataType::Timestamp(..) | DataType::Date32) || by.is_null() {
            return None;
        }
        if let DataType::Timestamp(unit, _) = kind
            && let Some(number) = in_units(by, *unit)
        {
            return Some(Self::Number(number));
        }
        let (none, by_array) = (new_empty_array(kind), by.to_scalar().ok()?);
        let is_kept = |moved: ArrayRef| moved.data_type() == kind;
        let later = add(&none, &by_array).is_ok_and(is_kept);
        let earlier = sub(&none, &by_array).is_ok_and(is_kept);
        (later && earlier).then(|| Self::Calendar(by.clone()))
    }
}

/// An interval in units of a time, if it has nothing that depends on the calendar.
fn in_units(interval: &ScalarValue, unit: TimeUnit) -> Option<i64> {
    let ScalarValue::IntervalMonthDayNano(Some(interval)) = interval else { return None };
    let nanoseconds = match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    };
    let is_whole = interval.months == 0
        && interval.days == 0
        && interval.nanoseconds >= 0
        && interval.nanoseconds % nanoseconds == 0;
    is_whole.then_some(interval.nanoseconds / nanoseconds)
}

impl Distance {
    /// The last place in the order that is near enough, for each row.
    fn bounds(&self, key: &ArrayRef, keys: &[i128]) -> Result<Arc<[i128]>> {
        match &self.by {
            By::Number(number) => {
                let by = i128::from(if self.is_following { *number } else { -number });
                let moved = keys.iter().map(|key| if is_known(*key) { key + by } else { *key });
                Ok(moved.collect())
            }
            By::Calendar(time) => self.by_time(key, time),
        }
    }

    /// How far the bound of a row may lie before that of the row before it, at most, if it
    /// may at all: a month after January 30 at noon is later than one after January 31 at
    /// ten, since both are on the last day of February.
    fn back(&self, kind: &DataType) -> Option<i128> {
        let (By::Calendar(time), DataType::Timestamp(unit, zone)) = (&self.by, kind) else {
            return None;
        };
        let has_no_months = matches!(
            time,
            ScalarValue::IntervalMonthDayNano(Some(time)) if time.months == 0
        );
        // Clocks that are put back repeat times of day.
        if has_no_months && zone.is_none() {
            return None;
        }
        // All days that become the same one are within it, and clocks are put back by less.
        let seconds = 2 * 24 * 60 * 60;
        Some(match unit {
            TimeUnit::Second => seconds,
            TimeUnit::Millisecond => seconds * 1_000,
            TimeUnit::Microsecond => seconds * 1_000_000,
            TimeUnit::Nanosecond => seconds * 1_000_000_000,
        })
    }

    fn by_time(&self, key: &ArrayRef, time: &ScalarValue) -> Result<Arc<[i128]>> {
        let time = time.to_scalar()?;
        let is_added = self.is_following != self.options.descending;
        let moved = |key: &ArrayRef| if is_added { add(key, &time) } else { sub(key, &time) };
        if let Ok(all) = moved(key) {
            return in_order(&all, self.options);
        }
        // Some are beyond all times, and so all rows are on this side of the bound.
        let beyond = if self.is_following { AFTER_ALL } else { BEFORE_ALL };
        let bound = |row: usize| -> Result<i128> {
            let one = key.slice(row, 1);
            match moved(&one) {
                Ok(one) => Ok(in_order(&one, self.options)?[0]),
                // Where clocks are changed, a time of day is there twice or not at all.
                Err(error) if moved(&without_zone(&one)?).is_ok() => Err(error.into()),
                Err(_) => Ok(beyond),
            }
        };
        (0..key.len()).map(bound).collect()
    }
}

/// Times as UTC has them.
fn without_zone(times: &ArrayRef) -> Result<ArrayRef> {
    Ok(match times.data_type() {
        DataType::Timestamp(unit, Some(_)) => cast(times, &DataType::Timestamp(*unit, None))?,
        _ => Arc::clone(times),
    })
}

/// Numbers that are in order as the rows are.
fn in_order(key: &ArrayRef, options: SortOptions) -> Result<Arc<[i128]>> {
    let numbers = cast(key, &DataType::Int64)?;
    let unknown = if options.nulls_first { i128::MIN } else { i128::MAX };
    let placed = |number: i64| {
        let number = i128::from(number);
        if options.descending { -number } else { number }
    };
    let numbers = numbers.as_primitive::<Int64Type>().iter();
    Ok(numbers.map(|number| number.map_or(unknown, placed)).collect())
}

fn is_known(place: i128) -> bool {
    (BEFORE_ALL..=AFTER_ALL).contains(&place)
}

/// Whether a bound lies beyond all times, which tells nothing of that of the next row.
fn is_beyond_all(place: i128) -> bool {
    place == BEFORE_ALL || place == AFTER_ALL
}

/// Where the frames of the rows at hand begin and end.
#[derive(Debug)]
pub(super) struct Edges {
    start: Edge,
    end: Edge,
}

/// One end of the frames of the rows at hand.
#[derive(Debug)]
enum Edge {
    Open,
    Rows(i64),
    /// The places of the rows in their order, and the last ones near enough to each row.
    Within {
        keys: Arc<[i128]>,
        bounds: Arc<[i128]>,
        /// By how much the one of a row may come before that of the row before it, if it may.
        back: Option<i128>,
    },
}

impl Edge {
    fn may_go_back(&self) -> bool {
        matches!(self, Self::Within { back: Some(_), .. })
    }

    /// Whether that of `row` comes before that of the row before it.
    fn goes_back(&self, row: usize) -> bool {
        match self {
            Self::Within { bounds, back: Some(_), .. } => row > 0 && bounds[row] < bounds[row - 1],
            _ => false,
        }
    }
}

impl Edges {
    /// Where the frame of `row` begins: at `from` or later, and at `most` at last.
    pub(super) fn start(&self, row: usize, from: usize, most: usize) -> usize {
        match &self.start {
            Edge::Open => from,
            Edge::Rows(rows) => shifted(row, *rows).clamp(from, most.max(from)),
            Edge::Within { keys, bounds, .. } => {
                let is_inside = |other: &usize| keys[*other] >= bounds[row];
                (from..most).find(is_inside).unwrap_or(most.max(from))
            }
        }
    }

    /// Before which row the frame of `row` ends: `from` or a later one, `most` at last.
    pub(super) fn end(&self, row: usize, from: usize, most: usize) -> usize {
        match &self.end {
            Edge::Open => most,
            Edge::Rows(rows) => shifted(row, rows.saturating_add(1)).clamp(from, most.max(from)),
            Edge::Within { keys, bounds, .. } => {
                let is_beyond = |other: &usize| keys[*other] > bounds[row];
                (from..most).find(is_beyond).unwrap_or(most.max(from))
            }
        }
    }

    /// Whether a frame may begin or end before that of the row before it.
    pub(super) fn may_go_back(&self) -> bool {
        self.start.may_go_back() || self.end.may_go_back()
    }

    /// Whether that of `row` does. The row before it is at hand, in the same partition.
    pub(super) fn goes_back(&self, row: usize) -> bool {
        self.start.goes_back(row) || self.end.goes_back(row)
    }

    /// Before which row, up to `start`, no frame begins of the rows after `row`, whose own
    /// begins at `start`. The partition begins at `first`.
    pub(super) fn settled_start(&self, row: usize, first: usize, start: usize) -> usize {
        match &self.start {
            Edge::Open => first,
            Edge::Within { keys, bounds, back: Some(back) } => {
                let least = bounds[row].saturating_sub(*back);
                let is_needed = |other: &usize| keys[*other] >= least;
                let is_told = is_known(bounds[row]) && !is_beyond_all(bounds[row]);
                match is_told {
                    true => (first..start).find(is_needed).unwrap_or(start),
                    false => first,
                }
            }
            _ => start,
        }
    }

    /// Whether no row after the `rows` at hand can be in the frame of `row`.
    fn is_settled(&self, row: usize, rows: usize) -> bool {
        match &self.end {
            Edge::Open => false,
            // Of the next row it is known where it stands, but not what it holds.
            Edge::Rows(by) => shifted(row, *by) < rows,
            Edge::Within { keys, bounds, .. } => keys[rows - 1] > bounds[row],
        }
    }
}

/// The place so many rows after `row`, or before it if negative; the first one at least.
fn shifted(row: usize, rows: i64) -> usize {
    usize::try_from((row as i64).saturating_add(rows)).unwrap_or(0)
}

/// Some rows that follow each other.
#[derive(Debug)]
pub(super) struct Rows {
    /// All that are still needed.
    pub(super) batch: RecordBatch,
    /// How many of them have come out.
    pub(super) done: usize,
    partitions: Vec<Range<usize>>,
    /// A number for each row, which its peers have too.
    pub(super) peers: Vec<usize>,
    /// Whether no others follow.
    is_last: bool,
}

impl Rows {
    /// The rows of `batch`, of which there is at least one.
    pub(super) fn new(
        shape: &Shape,
        batch: RecordBatch,
        done: usize,
        is_last: bool,
    ) -> Result<Self> {
        let by = shape.partition_by();
        let partitions = runs(&batch, by)?;
        let peers = match shape.peers_by() {
            Some(order) => numbered(&runs(&batch, &[by, order].concat())?, batch.num_rows()),
            None => Vec::new(),
        };
        Ok(Self { batch, done, partitions, peers, is_last })
    }

    pub(super) fn len(&self) -> usize {
        self.batch.num_rows()
    }

    /// Up to which row all frames are complete.
    pub(super) fn ready<'a>(&self, edges: impl Iterator<Item = &'a Edges>) -> usize {
        let rows = self.len();
        if self.is_last {
            return rows;
        }
        let last = self.partitions.last().map_or(0, |partition| partition.start);
        let open = self.done.max(last)..rows;
        let ready = edges.map(|edges| {
            let is_open = |row: &usize| !edges.is_settled(*row, rows);
            open.clone().find(is_open).unwrap_or(rows)
        });
        ready.min().unwrap_or(rows)
    }

    /// The partitions of the rows that come out next, up to `ready`, with what of each that
    /// is.
    pub(super) fn coming(
        &self,
        ready: usize,
    ) -> impl Iterator<Item = (&Range<usize>, Range<usize>)> {
        let from = self.done;
        let first = self.partitions.partition_point(|partition| partition.end <= from);
        let partitions = self.partitions[first..].iter();
        partitions
            .take_while(move |partition| partition.start < ready)
            .map(move |partition| (partition, partition.start.max(from)..partition.end.min(ready)))
    }
}

/// The rows that `columns` do not tell from the one before them, with that.
fn runs(batch: &RecordBatch, columns: &[Arc<dyn PhysicalExpr>]) -> Result<Vec<Range<usize>>> {
    let rows = batch.num_rows();
    if columns.is_empty() {
        return Ok(vec![Range { start: 0, end: rows }]);
    }
    let columns = columns.iter().map(|column| column.evaluate(batch)?.into_array(rows));
    Ok(partition(&columns.collect::<Result<Vec<_>>>()?)?.ranges())
}

/// The number of the run that each row is in.
fn numbered(runs: &[Range<usize>], rows: usize) -> Vec<usize> {
    let mut numbers = Vec::with_capacity(rows);
    for (number, run) in runs.iter().enumerate() {
        numbers.resize(run.end, number);
    }
    numbers
}
