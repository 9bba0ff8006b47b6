//! Functions that make one value of the rows of a group.
//!
//! Every group keeps a list of numbers: running totals, or the values
//! themselves. A function says how a row and another group's list are added to
//! it, and what the list means in the end.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Float64Builder, ListBuilder,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::{Result, ScalarValue, not_impl_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, Documentation, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use super::Function;
use super::arguments::{coerce, documentation};
use super::grouped::{same_by_name, told_of_all};

/// How a function over the rows of a group is computed.
#[derive(Debug)]
pub(super) struct Aggregate {
    /// The type of the result: a number or an integer.
    pub(super) returns: DataType,
    /// Adds one row, in which `None` is unknown, to what a group keeps.
    pub(super) add: fn(&mut Vec<f64>, &[Option<f64>]),
    /// Adds what another part of the same group has kept.
    pub(super) merge: fn(&mut Vec<f64>, &[f64]),
    /// The result for a group, or `None` if it is unknown.
    pub(super) finish: fn(&[f64]) -> Option<f64>,
}

/// Adds `terms` to `totals`, item by item; empty totals are zeros.
pub(super) fn add_totals(totals: &mut Vec<f64>, terms: &[f64]) {
    totals.resize(totals.len().max(terms.len()), 0.0);
    for (total, term) in totals.iter_mut().zip(terms) {
        *total += term;
    }
}

/// Adds the one value of `row` to the `values` of a group, if it is known.
pub(super) fn keep_value(values: &mut Vec<f64>, row: &[Option<f64>]) {
    values.extend(row.first().copied().flatten());
}

/// Adds the values of another part of the group.
pub(super) fn keep_values(values: &mut Vec<f64>, others: &[f64]) {
    values.extend_from_slice(others);
}

/// The values of a group, the largest first.
pub(super) fn descending(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    sorted
}

/// An [`Aggregate`] as DataFusion calls it.
#[derive(Debug)]
pub(super) struct AggregateCall {
    function: &'static Function,
    body: &'static Aggregate,
    signature: Signature,
    documentation: Documentation,
}

impl AggregateCall {
    /// The `function` with its `body`.
    pub(super) fn new(function: &'static Function, body: &'static Aggregate) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        Self { function, body, signature, documentation: documentation(function) }
    }
}

same_by_name!(AggregateCall);

impl AggregateUDFImpl for AggregateCall {
    told_of_all!();

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        coerce(self.function, given)
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.body.returns.clone())
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let name = format!("{}[kept]", arguments.name);
        Ok(vec![Arc::new(Field::new(name, kept_type(), true))])
    }

    fn accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        self.groups(&arguments).map(|groups| Box::new(groups) as _)
    }

    fn create_groups_accumulator(
        &self,
        arguments: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        self.groups(&arguments).map(|groups| Box::new(groups) as _)
    }
}

impl AggregateCall {
    /// Nothing kept yet.
    fn groups(&self, arguments: &AccumulatorArgs) -> Result<Groups> {
        if arguments.is_distinct {
            return not_impl_err!("{} over DISTINCT rows", self.function.name);
        }
        Ok(Groups { body: self.body, kept: Vec::new(), numbers: 0 })
    }
}

/// What is kept of every group.
#[derive(Debug)]
struct Groups {
    body: &'static Aggregate,
    kept: Vec<Vec<f64>>,
    /// How many numbers all groups keep together, for the account of memory.
    numbers: usize,
}

impl Groups {
    /// Makes room for groups up to `count`.
    fn grow(&mut self, count: usize) {
        self.kept.resize(self.kept.len().max(count), Vec::new());
    }

    /// Changes what `group` keeps, and keeps account of its size.
    fn change(&mut self, group: usize, change: impl FnOnce(&mut Vec<f64>)) {
        let kept = &mut self.kept[group];
        let before = kept.capacity();
        change(kept);
        self.numbers = self.numbers - before + kept.capacity();
    }

    /// Adds the rows of `columns` to the groups that `group_of` names.
    fn add_rows(
        &mut self,
        columns: &[ArrayRef],
        group_of: impl Fn(usize) -> Option<usize>,
    ) -> Result<()> {
        let zone = columns.iter().find_map(|column| zone(column.data_type()));
        let numbers = columns.iter().map(|column| as_numbers(column, zone));
        let columns = numbers.collect::<Result<Vec<_>>>()?;
        let rows = columns.first().map_or(0, Array::len);
        let mut row = vec![None; columns.len()];
        for at in 0..rows {
            let Some(group) = group_of(at) else { continue };
            for (value, column) in row.iter_mut().zip(&columns) {
                *value = column.is_valid(at).then(|| column.value(at));
            }
            let add = self.body.add;
            self.change(group, |kept| add(kept, &row));
        }
        Ok(())
    }

    /// Adds what other parts have kept, a list per row, to the groups that
    /// `group_of` names.
    fn merge_rows(&mut self, states: &[ArrayRef], group_of: impl Fn(usize) -> usize) {
        for state in states {
            for (at, list) in state.as_list::<i32>().iter().enumerate() {
                let Some(list) = list else { continue };
                let merge = self.body.merge;
                let others = list.as_primitive::<Float64Type>().values();
                self.change(group_of(at), |kept| merge(kept, others));
            }
        }
    }

    /// Takes out what the first groups keep.
    fn take(&mut self, emit_to: EmitTo) -> Vec<Vec<f64>> {
        let taken = emit_to.take_needed(&mut self.kept);
        self.numbers -= taken.iter().map(Vec::capacity).sum::<usize>();
        taken
    }

    /// The bytes that are in use.
    fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.kept.capacity() * size_of::<Vec<f64>>()
            + self.numbers * size_of::<f64>()
    }
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        columns: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        count: usize,
    ) -> Result<()> {
        self.grow(count);
        self.add_rows(columns, |at| passes(filter, at).then(|| groups[at]))
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], count: usize) -> Result<()> {
        self.grow(count);
        self.merge_rows(states, |at| groups[at]);
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let finish = self.body.finish;
        let results: Float64Array = self.take(emit_to).iter().map(|kept| finish(kept)).collect();
        Ok(cast(&results, &self.body.returns)?)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![as_lists(&self.take(emit_to))])
    }

    fn convert_to_state(
        &self,
        columns: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows = columns.first().map_or(0, Array::len);
        let mut single = Self { body: self.body, kept: vec![Vec::new(); rows], numbers: 0 };
        single.add_rows(columns, |at| passes(filter, at).then_some(at))?;
        GroupsAccumulator::state(&mut single, EmitTo::All)
    }

    fn size(&self) -> usize {
        self.bytes()
    }
}

/// The same for a single group.
impl Accumulator for Groups {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        self.grow(1);
        self.add_rows(columns, |_| Some(0))
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.grow(1);
        self.merge_rows(states, |_| 0);
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.grow(1);
        let result = (self.body.finish)(&self.kept[0]);
        ScalarValue::Float64(result).cast_to(&self.body.returns)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.grow(1);
        Ok(vec![ScalarValue::try_from_array(&as_lists(&self.kept), 0)?])
    }

    fn size(&self) -> usize {
        self.bytes()
    }
}

/// The type in which what a group keeps travels between threads.
fn kept_type() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true)))
}

/// One list per group.
fn as_lists(kept: &[Vec<f64>]) -> ArrayRef {
    let mut lists = ListBuilder::new(Float64Builder::new());
    for kept in kept {
        lists.values().append_slice(kept);
        lists.append(true);
    }
    Arc::new(lists.finish())
}

/// A column of arguments as numbers: an instant counts microseconds since 1970
/// in UTC, where one without a time zone means `zone`; true is 1.
fn as_numbers(column: &ArrayRef, zone: Option<&Arc<str>>) -> Result<Float64Array> {
    let mut column = Arc::clone(column);
    if let DataType::Timestamp(unit, own) = column.data_type() {
        if own.is_none() {
            column = cast(&column, &DataType::Timestamp(*unit, zone.cloned()))?;
        }
        column = cast(&column, &DataType::Int64)?;
    }
    Ok(cast(&column, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
}

/// The time zone of an instant, if it has one.
fn zone(data_type: &DataType) -> Option<&Arc<str>> {
    match data_type {
        DataType::Timestamp(_, zone) => zone.as_ref(),
        _ => None,
    }
}

/// Whether the row at `at` passes the `FILTER` of the call.
pub(super) fn passes(filter: Option<&BooleanArray>, at: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(at) && filter.value(at))
}
