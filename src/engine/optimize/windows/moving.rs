//! Answers for one row after the other, while the rows of the frame come and go.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, PrimitiveBuilder,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::{cast, sum};
use datafusion::arrow::datatypes::{ArrowPrimitiveType, DataType, Float64Type, Int64Type};
use datafusion::common::cast::{as_float64_array, as_int64_array};
use datafusion::common::{Result, internal_err};

use super::frames::{Edges, Rows};
use super::shape::Column;
use super::values::Values;
use crate::engine::checked_sum::too_large;
use crate::engine::moving::{OfDoubles, Part, Stacks, Total};
use crate::engine::whole_averages::mean;

/// What counts the rows of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    /// `row_number`.
    Rows,
    /// `rank`.
    Ranks,
    /// `dense_rank`.
    Peers,
}

/// What is made of the rows of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    /// `count`.
    Count,
    /// `sum` of integers.
    Sum,
    /// `sum` of doubles.
    SumOfDoubles,
    /// `avg` of integers.
    Mean,
    /// `avg` of doubles.
    Average,
    /// `min` of integers and times.
    Least,
    /// `max` of integers and times.
    Greatest,
}

impl Numbers {
    /// That of the function `name`.
    pub(super) fn called(name: &str) -> Option<Self> {
        match name {
            "row_number" => Some(Self::Rows),
            "rank" => Some(Self::Ranks),
            "dense_rank" => Some(Self::Peers),
            _ => None,
        }
    }
}

impl Function {
    /// That called `name`, if it is ours when it takes values of `taken` and gives some of
    /// `given`.
    pub(super) fn called(name: &str, taken: &DataType, given: &DataType) -> Option<Self> {
        match (name, taken, given) {
            ("count", _, DataType::Int64) => Some(Self::Count),
            ("sum", DataType::Int64, DataType::Int64) => Some(Self::Sum),
            ("sum", DataType::Float64, DataType::Float64) => Some(Self::SumOfDoubles),
            ("avg", DataType::Int64, DataType::Float64) => Some(Self::Mean),
            ("avg", DataType::Float64, DataType::Float64) => Some(Self::Average),
            ("min", taken, given) if taken == given && is_in_order(taken) => Some(Self::Least),
            ("max", taken, given) if taken == given && is_in_order(taken) => Some(Self::Greatest),
            _ => None,
        }
    }

    /// Its answers from the first row on, in frames that only grow or in any.
    fn begin(self, only_grows: bool) -> Box<dyn Answers> {
        match (self, only_grows) {
            (Self::Count, _) => Box::<Moving<Count>>::default(),
            (Self::Sum, _) => Box::<Moving<Sum>>::default(),
            (Self::Mean, _) => Box::<Moving<Mean>>::default(),
            (Self::SumOfDoubles, true) => Box::<Moving<Added<false>>>::default(),
            (Self::SumOfDoubles, false) => Box::<Moving<Stacked<Doubles<false>>>>::default(),
            (Self::Average, true) => Box::<Moving<Added<true>>>::default(),
            (Self::Average, false) => Box::<Moving<Stacked<Doubles<true>>>>::default(),
            (Self::Least, true) => Box::<Moving<Grown<Extreme<false>>>>::default(),
            (Self::Least, false) => Box::<Moving<Stacked<Extreme<false>>>>::default(),
            (Self::Greatest, true) => Box::<Moving<Grown<Extreme<true>>>>::default(),
            (Self::Greatest, false) => Box::<Moving<Stacked<Extreme<true>>>>::default(),
        }
    }
}

/// Whether values are ordered as the integers that they are kept as.
fn is_in_order(kind: &DataType) -> bool {
    kind.is_signed_integer() || matches!(kind, DataType::Timestamp(..) | DataType::Date32)
}

/// One column of answers, as far as it has come.
pub(super) trait Answers: Send {
    /// The answers for the next rows, up to `ready`.
    fn up_to(
        &mut self,
        column: &Column,
        edges: Option<&Edges>,
        rows: &Rows,
        ready: usize,
    ) -> Result<ArrayRef>;

    /// From which row on they are still needed.
    fn needed(&self) -> usize;

    /// The first `rows` are not there any more.
    fn forget(&mut self, rows: usize);
}

/// What begins the answers of `column`.
pub(super) fn begin(column: &Column) -> Box<dyn Answers> {
    match column {
        Column::Number(numbers) => Box::new(Counted::of(*numbers)),
        Column::Frame { function, frame, .. } => function.begin(frame.only_grows()),
        Column::Value(value) => Box::new(Values::of(value)),
    }
}

/// The numbers of rows.
#[derive(Debug)]
struct Counted {
    numbers: Numbers,
    rows: i64,
    rank: i64,
    peers: i64,
}

impl Counted {
    fn of(numbers: Numbers) -> Self {
        Self { numbers, rows: 0, rank: 0, peers: 0 }
    }

    fn next_row(&mut self, is_first_peer: bool) -> i64 {
        self.rows += 1;
        if is_first_peer {
            self.rank = self.rows;
            self.peers += 1;
        }
        match self.numbers {
            Numbers::Rows => self.rows,
            Numbers::Ranks => self.rank,
            Numbers::Peers => self.peers,
        }
    }
}

impl Answers for Counted {
    fn up_to(
        &mut self,
        _: &Column,
        _: Option<&Edges>,
        rows: &Rows,
        ready: usize,
    ) -> Result<ArrayRef> {
        let mut answers = Vec::with_capacity(ready - rows.done);
        for (partition, coming) in rows.coming(ready) {
            for row in coming {
                let is_first = row == partition.start;
                if is_first {
                    *self = Self::of(self.numbers);
                }
                let is_first_peer =
                    is_first || rows.peers.get(row) != rows.peers.get(row.saturating_sub(1));
                answers.push(self.next_row(is_first_peer));
            }
        }
        Ok(Arc::new(Int64Array::from(answers)))
    }

    fn needed(&self) -> usize {
        usize::MAX
    }

    fn forget(&mut self, _: usize) {}
}

/// What is kept of the rows of a frame.
trait Tally: Default + Send {
    /// The values that it takes.
    type Values;
    /// The number that it gives.
    type Number: ArrowPrimitiveType;

    /// The values of a column.
    fn values(column: &ArrayRef) -> Result<Self::Values>;

    /// Takes these rows in, which come next.
    fn enter(&mut self, values: &Self::Values, rows: Range<usize>);

    /// Lets these rows go, which have been in for the longest time.
    fn leave(&mut self, values: &Self::Values, rows: Range<usize>);

    /// The answer for the rows that are in.
    fn answer(&self) -> Result<Option<<Self::Number as ArrowPrimitiveType>::Native>>;
}

/// A frame on its way over the rows.
#[derive(Debug, Default)]
struct Moving<T> {
    tally: T,
    /// Before which row all have left, if any leaves.
    start: usize,
    /// Before which row all have entered.
    end: usize,
    only_grows: bool,
    /// Before which row no frame begins any more, if frames may go back.
    settled: Option<usize>,
}

impl<T: Tally> Moving<T> {
    fn begin_partition(&mut self, row: usize) {
        self.tally = T::default();
        (self.start, self.end) = (row, row);
    }

    /// In the order in which the engine does it, so that doubles are added up alike.
    fn move_on(&mut self, values: &T::Values, start: usize, end: usize) {
        if start >= end {
            // No row is in it, and those that it has passed over never will be.
            self.tally.leave(values, self.start..self.end);
            (self.start, self.end) = (start, start);
            return;
        }
        if end > self.end {
            self.tally.enter(values, self.end..end);
            self.end = end;
        }
        if start > self.start {
            self.tally.leave(values, self.start..start);
            self.start = start;
        }
    }
}

impl<T: Tally> Answers for Moving<T> {
    fn up_to(
        &mut self,
        column: &Column,
        edges: Option<&Edges>,
        rows: &Rows,
        ready: usize,
    ) -> Result<ArrayRef> {
        let (Column::Frame { argument, frame, kind, .. }, Some(edges)) = (column, edges) else {
            return internal_err!("a window function without a frame");
        };
        self.only_grows = frame.only_grows();
        let may_go_back = edges.may_go_back();
        let settled = self.settled.unwrap_or(0);
        let values = T::values(&argument.evaluate(&rows.batch)?.into_array(rows.len())?)?;
        let mut answers = PrimitiveBuilder::<T::Number>::with_capacity(ready - rows.done);
        for (partition, coming) in rows.coming(ready) {
            for row in coming {
                if row == partition.start {
                    self.begin_partition(row);
                } else if may_go_back && edges.goes_back(row) {
                    // Seldom, so that all rows may enter anew.
                    self.begin_partition(settled.max(partition.start));
                }
                let start = edges.start(row, self.start, partition.end);
                let end = edges.end(row, self.end, partition.end);
                self.move_on(&values, start, end);
                answers.append_option(self.tally.answer()?);
                if may_go_back && row + 1 == ready {
                    let first = settled.max(partition.start);
                    self.settled = Some(edges.settled_start(row, first, self.start));
                }
            }
        }
        let answers: ArrayRef = Arc::new(answers.finish());
        Ok(if answers.data_type() == kind { answers } else { cast(&answers, kind)? })
    }

    fn needed(&self) -> usize {
        let growing = if self.only_grows { self.end } else { self.start };
        self.settled.unwrap_or(growing)
    }

    fn forget(&mut self, rows: usize) {
        self.settled = self.settled.map(|settled| settled.saturating_sub(rows));
        self.start = self.start.saturating_sub(rows);
        self.end = self.end.saturating_sub(rows);
    }
}

/// How many values are known.
#[derive(Debug, Default)]
struct Count(i64);

impl Count {
    fn of(unknown: Option<&NullBuffer>, rows: Range<usize>) -> i64 {
        let known = match unknown {
            None => rows.len(),
            Some(unknown) => rows.filter(|row| unknown.is_valid(*row)).count(),
        };
        known as i64
    }
}

impl Tally for Count {
    type Values = Option<NullBuffer>;
    type Number = Int64Type;

    fn values(column: &ArrayRef) -> Result<Self::Values> {
        Ok(column.logical_nulls())
    }

    fn enter(&mut self, values: &Self::Values, rows: Range<usize>) {
        self.0 += Self::of(values.as_ref(), rows);
    }

    fn leave(&mut self, values: &Self::Values, rows: Range<usize>) {
        self.0 -= Self::of(values.as_ref(), rows);
    }

    fn answer(&self) -> Result<Option<i64>> {
        Ok(Some(self.0))
    }
}

/// The sum of integers, and of how many.
#[derive(Debug, Default)]
struct Sum {
    sum: i128,
    known: usize,
}

impl Tally for Sum {
    type Values = Int64Array;
    type Number = Int64Type;

    fn values(column: &ArrayRef) -> Result<Int64Array> {
        Ok(as_int64_array(column)?.clone())
    }

    fn enter(&mut self, values: &Int64Array, rows: Range<usize>) {
        for row in rows.filter(|row| values.is_valid(*row)) {
            self.sum += i128::from(values.value(row));
            self.known += 1;
        }
    }

    fn leave(&mut self, values: &Int64Array, rows: Range<usize>) {
        for row in rows.filter(|row| values.is_valid(*row)) {
            self.sum -= i128::from(values.value(row));
            self.known -= 1;
        }
    }

    fn answer(&self) -> Result<Option<i64>> {
        if self.known == 0 {
            return Ok(None);
        }
        let sum = i64::try_from(self.sum);
        sum.map(Some).map_err(|_| too_large(self.sum, &DataType::Int64))
    }
}

/// The average of integers.
#[derive(Debug, Default)]
struct Mean(Sum);

impl Tally for Mean {
    type Values = Int64Array;
    type Number = Float64Type;

    fn values(column: &ArrayRef) -> Result<Int64Array> {
        Sum::values(column)
    }

    fn enter(&mut self, values: &Int64Array, rows: Range<usize>) {
        self.0.enter(values, rows);
    }

    fn leave(&mut self, values: &Int64Array, rows: Range<usize>) {
        self.0.leave(values, rows);
    }

    fn answer(&self) -> Result<Option<f64>> {
        Ok(mean(self.0.sum, self.0.known as u64))
    }
}

/// The sum or the average of doubles of which none leaves, added up as the engine does.
#[derive(Debug, Default)]
struct Added<const AVERAGE: bool> {
    sum: f64,
    known: usize,
}

impl<const AVERAGE: bool> Tally for Added<AVERAGE> {
    type Values = Float64Array;
    type Number = Float64Type;

    fn values(column: &ArrayRef) -> Result<Float64Array> {
        Ok(as_float64_array(column)?.clone())
    }

    fn enter(&mut self, values: &Float64Array, rows: Range<usize>) {
        if rows.len() == 1 {
            if values.is_valid(rows.start) {
                self.sum += values.value(rows.start);
                self.known += 1;
            }
            return;
        }
        let values = values.slice(rows.start, rows.len());
        self.sum += sum(&values).unwrap_or_default();
        self.known += values.len() - values.null_count();
    }

    fn leave(&mut self, _: &Float64Array, _: Range<usize>) {}

    fn answer(&self) -> Result<Option<f64>> {
        let answer = if AVERAGE { self.sum / self.known as f64 } else { self.sum };
        Ok((self.known > 0).then_some(answer))
    }
}

/// A part that one value makes, and of which an answer is made.
trait Value: Part {
    type Values;
    type Number: ArrowPrimitiveType;

    fn values(column: &ArrayRef) -> Result<Self::Values>;

    /// That of the row `row`, or none if its value is unknown.
    fn at(values: &Self::Values, row: usize) -> Self;

    fn answer(self) -> Option<<Self::Number as ArrowPrimitiveType>::Native>;
}

/// The rows of a frame that only grows.
#[derive(Debug)]
struct Grown<P>(P);

impl<P: Part> Default for Grown<P> {
    fn default() -> Self {
        Self(P::NONE)
    }
}

impl<P: Value> Tally for Grown<P> {
    type Values = P::Values;
    type Number = P::Number;

    fn values(column: &ArrayRef) -> Result<P::Values> {
        P::values(column)
    }

    fn enter(&mut self, values: &P::Values, rows: Range<usize>) {
        self.0 = rows.fold(self.0, |all, row| all.then(P::at(values, row)));
    }

    fn leave(&mut self, _: &P::Values, _: Range<usize>) {}

    fn answer(&self) -> Result<Option<<P::Number as ArrowPrimitiveType>::Native>> {
        Ok(self.0.answer())
    }
}

/// The rows of a frame that moves on.
#[derive(Debug)]
struct Stacked<P>(Stacks<P>);

impl<P: Part> Default for Stacked<P> {
    fn default() -> Self {
        Self(Stacks::new())
    }
}

impl<P: Value> Tally for Stacked<P> {
    type Values = P::Values;
    type Number = P::Number;

    fn values(column: &ArrayRef) -> Result<P::Values> {
        P::values(column)
    }

    fn enter(&mut self, values: &P::Values, rows: Range<usize>) {
        for row in rows {
            self.0.enter(P::at(values, row));
        }
    }

    fn leave(&mut self, _: &P::Values, rows: Range<usize>) {
        for _ in rows {
            self.0.leave();
        }
    }

    fn answer(&self) -> Result<Option<<P::Number as ArrowPrimitiveType>::Native>> {
        Ok(self.0.whole().answer())
    }
}

/// The sum or the average of doubles.
#[derive(Debug, Clone, Copy)]
struct Doubles<const AVERAGE: bool>(Total);

impl<const AVERAGE: bool> Part for Doubles<AVERAGE> {
    const NONE: Self = Self(Total::NONE);

    fn then(self, later: Self) -> Self {
        Self(self.0.then(later.0))
    }
}

impl<const AVERAGE: bool> Value for Doubles<AVERAGE> {
    type Values = Float64Array;
    type Number = Float64Type;

    fn values(column: &ArrayRef) -> Result<Float64Array> {
        Ok(as_float64_array(column)?.clone())
    }

    fn at(values: &Float64Array, row: usize) -> Self {
        let is_known = values.is_valid(row);
        if is_known { Self(Total::of([values.value(row), 0.0])) } else { Self::NONE }
    }

    fn answer(self) -> Option<f64> {
        if AVERAGE { self.0.average() } else { self.0.sum() }
    }
}

/// The least or the greatest of integers, and of what is kept as integers.
#[derive(Debug, Clone, Copy)]
struct Extreme<const GREATEST: bool>(Option<i64>);

impl<const GREATEST: bool> Part for Extreme<GREATEST> {
    const NONE: Self = Self(None);

    fn then(self, later: Self) -> Self {
        match (self.0, later.0) {
            (Some(one), Some(other)) if GREATEST => Self(Some(one.max(other))),
            (Some(one), Some(other)) => Self(Some(one.min(other))),
            (one, other) => Self(one.or(other)),
        }
    }
}

impl<const GREATEST: bool> Value for Extreme<GREATEST> {
    type Values = Int64Array;
    type Number = Int64Type;

    fn values(column: &ArrayRef) -> Result<Int64Array> {
        Ok(cast(column, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
    }

    fn at(values: &Int64Array, row: usize) -> Self {
        Self(values.is_valid(row).then(|| values.value(row)))
    }

    fn answer(self) -> Option<i64> {
        self.0
    }
}
