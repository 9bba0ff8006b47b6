//! The value of one row of a frame: `lag`, `lead`, `first_value`, `last_value` and
//! `nth_value`.
//!
//! For each answer only the place of its row is looked for; the values are then copied all
//! at once. `lag` and `lead` look at a frame of one row. What is first in frames that only
//! grow is kept by itself, so that its row need not be.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, UInt64Array};
use datafusion::arrow::compute::{interleave, take};
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_expr::window::WindowExpr;
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::windows::WindowUDFExpr;

use super::frames::{Edges, Frame, Rows};
use super::moving::Answers;
use super::shape::Column;
use crate::store::own_texts;

/// A window function that gives the value of one row of its frame.
#[derive(Debug)]
pub(super) struct Value {
    /// Which row it is: counted from the first one if positive, from the last if negative.
    nth: i64,
    /// Of what it is the value.
    argument: Arc<dyn PhysicalExpr>,
    frame: Frame,
    /// What there is if there is no such row.
    default: ScalarValue,
}

impl Value {
    /// That of the engine's `function` in `expression`, if it is one of ours.
    pub(super) fn of(
        expression: &Arc<dyn WindowExpr>,
        function: &WindowUDFExpr,
        schema: &Schema,
    ) -> Option<Self> {
        let is_reversed = is_reversed(function)?;
        let (argument, others) = function.args().split_first()?;
        let field = expression.field().ok()?;
        let kind = field.data_type();
        let is_ours = width(kind).is_some()
            && argument.data_type(schema).is_ok_and(|taken| taken == *kind)
            // Rows that stay are computed once more with those that come next.
            && !is_volatile(argument);
        if !is_ours {
            return None;
        }
        let nth = match (function.fun().name(), others) {
            (name @ ("lag" | "lead"), [] | [_] | [_, _]) => {
                let offset = others.first().map_or(Some(1), number)?;
                let back = offset.checked_neg()?;
                let looks_back = (name == "lag") != is_reversed;
                let frame = Frame::of_one_row(if looks_back { back } else { offset });
                let default = instead(others.get(1), kind)?;
                return Some(Self { nth: 1, argument: Arc::clone(argument), frame, default });
            }
            // Of these two the engine has the one in place of the other.
            ("first_value", []) => 1,
            ("last_value", []) => -1,
            ("nth_value", [nth]) if is_reversed => number(nth)?.checked_neg()?,
            ("nth_value", [nth]) => number(nth)?,
            _ => return None,
        };
        if nth == 0 || nth == i64::MIN {
            return None;
        }
        let frame = Frame::of_value(expression, schema, nth)?;
        Some(Self { nth, argument: Arc::clone(argument), frame, default: instead(None, kind)? })
    }

    /// Where it looks.
    pub(super) fn frame(&self) -> &Frame {
        &self.frame
    }

    /// Those of the rows at `places` among `values`.
    fn at(&self, places: &[Place], values: &ArrayRef, kept: Option<ArrayRef>) -> Result<ArrayRef> {
        let is_taken = |place: &Place| match place {
            Place::Row(_) => true,
            Place::Kept => false,
            Place::Nowhere => self.default.is_null(),
        };
        if places.iter().all(is_taken) {
            let rows = places.iter().map(|place| match place {
                Place::Row(row) => Some(*row as u64),
                _ => None,
            });
            return Ok(take(values.as_ref(), &rows.collect::<UInt64Array>(), None)?);
        }
        let default = self.default.to_array_of_size(1)?;
        let kept = match kept {
            Some(kept) => kept,
            None if places.contains(&Place::Kept) => return internal_err!("no value was kept"),
            None => Arc::clone(&default),
        };
        let sources: [&dyn Array; 3] = [values.as_ref(), default.as_ref(), kept.as_ref()];
        let rows = places.iter().map(|place| match place {
            Place::Row(row) => (0, *row),
            Place::Nowhere => (1, 0),
            Place::Kept => (2, 0),
        });
        Ok(interleave(&sources, &rows.collect::<Vec<(usize, usize)>>())?)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value {:+}({}) {}", self.nth, self.argument, self.frame)?;
        if self.default.is_null() { Ok(()) } else { write!(f, " or {}", self.default) }
    }
}

/// How many bytes a value takes beside its text, if it is of a kind that is copied without
/// its text.
pub(super) fn width(kind: &DataType) -> Option<usize> {
    match kind {
        DataType::Boolean => Some(1),
        DataType::Utf8View | DataType::BinaryView => Some(16),
        _ => kind.primitive_width(),
    }
}

/// Whether the engine goes over the rows from behind, if unknown values count as others do.
/// It tells of this only here.
fn is_reversed(function: &WindowUDFExpr) -> Option<bool> {
    let told = format!("{function:?}");
    let is = |reversed: &str| told.ends_with(&format!("{reversed}, ignore_nulls: false }}"));
    if is("is_reversed: false") {
        return Some(false);
    }
    is("is_reversed: true").then_some(true)
}

/// The number that an argument is.
fn number(argument: &Arc<dyn PhysicalExpr>) -> Option<i64> {
    let number = argument.downcast_ref::<Literal>()?.value();
    if !number.data_type().is_integer() {
        return None;
    }
    match number.cast_to(&DataType::Int64).ok()? {
        ScalarValue::Int64(number) => number,
        _ => None,
    }
}

/// What an argument says is there instead, as a value of `kind`.
fn instead(argument: Option<&Arc<dyn PhysicalExpr>>, kind: &DataType) -> Option<ScalarValue> {
    let said = match argument {
        Some(argument) => argument.downcast_ref::<Literal>()?.value().clone(),
        None => ScalarValue::Null,
    };
    let default = match said.data_type() {
        DataType::Null => ScalarValue::try_new_null(kind),
        _ => said.cast_to(kind),
    };
    default.ok().filter(|default| default.data_type() == *kind)
}

/// Where a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a row that is at hand.
    Row(usize),
    /// By itself, since its row is gone.
    Kept,
    /// There is no such row.
    Nowhere,
}

/// The values of rows of a frame on its way over the rows.
#[derive(Debug)]
pub(super) struct Values {
    nth: i64,
    only_grows: bool,
    /// Where the partition began: before the rows at hand if negative.
    begin: i64,
    /// Where the frame begins, unless it only grows.
    start: usize,
    /// Before which row it ends.
    end: usize,
    /// The value that all frames of the partition have that are long enough, if they only
    /// grow and its row was at hand.
    kept: Option<ArrayRef>,
}

impl Values {
    /// Those that `value` asks for.
    pub(super) fn of(value: &Value) -> Self {
        let only_grows = value.frame.only_grows();
        Self { nth: value.nth, only_grows, begin: 0, start: 0, end: 0, kept: None }
    }

    fn begin_partition(&mut self, row: usize) {
        (self.begin, self.start, self.end) = (row as i64, row, row);
        self.kept = None;
    }

    /// Whether the same row is meant in all frames of a partition.
    fn is_one_row(&self) -> bool {
        self.only_grows && self.nth > 0
    }

    /// Where the row is that is meant in the frame at hand.
    fn place(&self) -> Place {
        let start = if self.only_grows { self.begin } else { self.start as i64 };
        let end = self.end as i64;
        let row = match self.nth > 0 {
            true => start.saturating_add(self.nth - 1),
            false => end.saturating_add(self.nth),
        };
        if !(start..end).contains(&row) {
            return Place::Nowhere;
        }
        usize::try_from(row).map_or(Place::Kept, Place::Row)
    }

    /// Keeps the value that later frames of the partition have too, which goes on at most up
    /// to `last`.
    fn keep(&mut self, values: &ArrayRef, last: usize) -> Result<()> {
        if !self.is_one_row() || self.kept.is_some() {
            return Ok(());
        }
        let row = usize::try_from(self.begin.saturating_add(self.nth - 1));
        if let Some(row) = row.ok().filter(|row| *row < last) {
            let row = UInt64Array::from(vec![row as u64]);
            self.kept = Some(own_texts(&take(values.as_ref(), &row, None)?));
        }
        Ok(())
    }
}

impl Answers for Values {
    fn up_to(
        &mut self,
        column: &Column,
        edges: Option<&Edges>,
        rows: &Rows,
        ready: usize,
    ) -> Result<ArrayRef> {
        let (Column::Value(value), Some(edges)) = (column, edges) else {
            return internal_err!("a window function without a value");
        };
        let values = value.argument.evaluate(&rows.batch)?.into_array(rows.len())?;
        // Only the first partition can have begun before the rows at hand.
        let kept = self.kept.clone();
        let mut places = Vec::with_capacity(ready - rows.done);
        let mut last = 0;
        for (partition, coming) in rows.coming(ready) {
            for row in coming {
                if row == partition.start {
                    self.begin_partition(row);
                }
                self.start = edges.start(row, self.start, partition.end);
                self.end = edges.end(row, self.end, partition.end);
                places.push(self.place());
            }
            last = partition.end;
        }
        self.keep(&values, last)?;
        value.at(&places, &values, kept)
    }

    fn needed(&self) -> usize {
        if !self.only_grows {
            return self.start;
        }
        if self.is_one_row() {
            // The frame is known to be long enough only as far as its end is known.
            return self.end;
        }
        let first = (self.end as i64).saturating_add(self.nth).max(self.begin);
        usize::try_from(first).unwrap_or(0)
    }

    fn forget(&mut self, rows: usize) {
        self.begin = self.begin.saturating_sub(rows as i64);
        self.start = self.start.saturating_sub(rows);
        self.end = self.end.saturating_sub(rows);
    }
}
