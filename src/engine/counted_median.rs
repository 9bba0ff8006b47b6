//! The median of integers in two steps: values of parts of the rows, each with how
//! often it comes, and the median of what several parts hold together.
//!
//! So a large table can be summed up before it is joined, for medians as for
//! sums. The numbers of a list are values and how often they come, in turn.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, ListArray,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};
use datafusion_functions_aggregate_common::aggregate::groups_accumulator::accumulate::accumulate;

/// Values up to this have a place of their own, if there are rows enough.
const SMALL: usize = 4096;

/// So many places are made for the first rows.
const FIRST_PLACES: usize = 16;

/// Integers to the list of those of a group.
pub(super) fn counted() -> AggregateUDF {
    AggregateUDF::from(CountedMedian::new(Step::Count, DataType::Int64))
}

/// Such lists to the median of all values in them.
pub(super) fn median_of_counted() -> AggregateUDF {
    AggregateUDF::from(CountedMedian::new(Step::Median, list_type()))
}

fn list_type() -> DataType {
    DataType::List(list_field())
}

fn list_field() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Int64, false))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Step {
    Count,
    Median,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CountedMedian {
    step: Step,
    signature: Signature,
}

impl CountedMedian {
    fn new(step: Step, takes: DataType) -> Self {
        Self { step, signature: Signature::exact(vec![takes], Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for CountedMedian {
    fn name(&self) -> &str {
        match self.step {
            Step::Count => "counted",
            Step::Median => "median_of_counted",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.step {
            Step::Count => list_type(),
            Step::Median => DataType::Float64,
        })
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let name = format_state_name(args.name, "counted");
        Ok(vec![Arc::new(Field::new(name, list_type(), true))])
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup(Groups { step: self.step, groups: Vec::new() })))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(
        &self,
        _: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups { step: self.step, groups: Vec::new() }))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// The integers of one group.
#[derive(Debug, Default)]
struct Counts {
    /// How often each of the numbers from 0 on comes.
    small: Vec<u64>,
    /// The other numbers.
    others: Vec<(i64, u64)>,
    rows: u64,
}

impl Counts {
    fn add(&mut self, value: i64, times: u64) {
        self.rows += times;
        let place = usize::try_from(value).unwrap_or(usize::MAX);
        // No more places than rows: most numbers of few are no small ones.
        if place >= self.small.len()
            && place < SMALL
            && place as u64 <= self.rows + FIRST_PLACES as u64
        {
            self.small.resize(place.next_power_of_two().max(FIRST_PLACES) + 1, 0);
        }
        match self.small.get_mut(place) {
            Some(count) => *count += times,
            None => self.others.push((value, times)),
        }
    }

    fn add_list(&mut self, numbers: &[i64]) {
        for pair in numbers.chunks_exact(2) {
            self.add(pair[0], pair[1].unsigned_abs());
        }
    }

    /// The numbers from 0 on that have places of their own, and how often they come.
    fn small(&self) -> impl Iterator<Item = (i64, u64)> {
        let counts = self.small.iter().copied().enumerate();
        counts.filter(|(_, count)| *count > 0).map(|(value, count)| (value as i64, count))
    }

    /// All numbers, in no order.
    fn list(&self) -> impl Iterator<Item = i64> {
        let pairs = self.small().chain(self.others.iter().copied());
        pairs.flat_map(|(value, count)| [value, count.cast_signed()])
    }

    fn median(&self) -> Option<f64> {
        let last_row = self.rows.checked_sub(1)?;
        let mut pairs: Vec<(i64, u64)> = self.small().chain(self.others.iter().copied()).collect();
        pairs.sort_unstable_by_key(|(value, _)| *value);
        let mut before = 0;
        let ends = pairs.iter().map(|(value, count)| {
            before += count;
            (*value, before)
        });
        let ends: Vec<(i64, u64)> = ends.collect();
        let at = |row: u64| ends.get(ends.partition_point(|(_, end)| *end <= row)).copied();
        // The same one, or the two in the middle.
        let ((low, _), (high, _)) = (at(last_row / 2)?, at(self.rows / 2)?);
        Some((low as f64 + high as f64) / 2.0)
    }

    fn size(&self) -> usize {
        size_of_val(self.small.as_slice()) + self.others.capacity() * size_of::<(i64, u64)>()
    }
}

/// The integers of many groups.
#[derive(Debug)]
struct Groups {
    step: Step,
    groups: Vec<Counts>,
}

impl Groups {
    fn lists(groups: &[Counts]) -> Result<ArrayRef> {
        let mut numbers = Vec::new();
        let mut lengths = Vec::with_capacity(groups.len());
        for group in groups {
            let before = numbers.len();
            numbers.extend(group.list());
            lengths.push(numbers.len() - before);
        }
        if i32::try_from(numbers.len()).is_err() {
            return internal_err!("the values of a median do not fit into one list");
        }
        let offsets = OffsetBuffer::from_lengths(lengths);
        let numbers = Arc::new(Int64Array::from(numbers));
        Ok(Arc::new(ListArray::new(list_field(), offsets, numbers, None)))
    }
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total_groups: usize,
    ) -> Result<()> {
        if self.step == Step::Median {
            return self.merge_batch(values, groups, total_groups);
        }
        self.groups.resize_with(total_groups, Counts::default);
        let values = values[0].as_primitive::<Int64Type>();
        accumulate(groups, values, filter, |group, value| self.groups[group].add(value, 1));
        Ok(())
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        groups: &[usize],
        total_groups: usize,
    ) -> Result<()> {
        self.groups.resize_with(total_groups, Counts::default);
        let lists = states[0].as_list::<i32>();
        let numbers = lists.values().as_primitive::<Int64Type>().values();
        for (row, group) in groups.iter().enumerate().filter(|(row, _)| lists.is_valid(*row)) {
            let from = lists.value_offsets()[row] as usize;
            let to = lists.value_offsets()[row + 1] as usize;
            self.groups[*group].add_list(&numbers[from..to]);
        }
        Ok(())
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![Self::lists(&emit.take_needed(&mut self.groups))?])
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let groups = emit.take_needed(&mut self.groups);
        match self.step {
            Step::Count => Self::lists(&groups),
            Step::Median => {
                let medians = groups.iter().map(Counts::median);
                Ok(Arc::new(medians.collect::<Float64Array>()))
            }
        }
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows = values[0].len();
        let mut each = Self { step: self.step, groups: Vec::new() };
        each.update_batch(values, &(0..rows).collect::<Vec<_>>(), filter, rows)?;
        each.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        let own = self.groups.capacity() * size_of::<Counts>();
        own + self.groups.iter().map(Counts::size).sum::<usize>()
    }
}

/// The integers of all rows.
#[derive(Debug)]
struct OneGroup(Groups);

impl Accumulator for OneGroup {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.update_batch(values, &vec![0; values[0].len()], None, 1)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge_batch(states, &vec![0; states[0].len()], 1)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.groups.resize_with(1, Counts::default);
        let state = self.0.state(EmitTo::All)?;
        state.iter().map(|list| ScalarValue::try_from_array(list, 0)).collect()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.0.groups.resize_with(1, Counts::default);
        ScalarValue::try_from_array(&self.0.evaluate(EmitTo::All)?, 0)
    }

    fn size(&self) -> usize {
        self.0.size()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::functions_aggregate::median::median_udaf;
    use datafusion::prelude::SessionContext;

    use super::*;

    /// Of integers of all sizes, in groups of all sizes, it is the engine's own.
    #[tokio::test]
    async fn the_median_of_parts_is_that_of_the_whole() {
        let context = SessionContext::new();
        context.register_udaf(counted());
        context.register_udaf(median_of_counted());
        context.register_udaf(median_udaf().as_ref().clone());
        let values = "SELECT value % 97 AS part, value % 13 AS grp, CASE
              WHEN value % 11 = 0 THEN NULL
              WHEN value % 5 = 0 THEN value * 7919 % 100003 * 1000000007
              WHEN value % 7 = 0 THEN -(value % 50)
              ELSE value * 31 % (1 + value % 13 * 100) END AS x
            FROM generate_series(1, 20000)
            UNION ALL SELECT 1, 100 + value % 9, NULL FROM generate_series(1, 30)
            UNION ALL SELECT 1, 200 + value, value * 3000000000 FROM generate_series(1, 30)";
        let ask = async |sql: String| {
            let batches = context.sql(&sql).await.unwrap().collect().await.unwrap();
            datafusion::arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string()
        };
        for group in ["grp", "grp % 2", "1"] {
            let whole = format!(
                "SELECT {group} AS g, median(x) AS m FROM ({values}) GROUP BY 1 ORDER BY 1"
            );
            let parts = format!(
                "SELECT {group} AS g, median_of_counted(c) AS m FROM (
                   SELECT part, grp, counted(x) AS c FROM ({values}) GROUP BY part, grp
                 ) GROUP BY 1 ORDER BY 1"
            );
            assert_eq!(ask(parts).await, ask(whole).await, "{group}");
        }
        let parts = format!(
            "SELECT median_of_counted(c) AS m FROM (SELECT counted(x) AS c FROM ({values}) GROUP BY part)"
        );
        assert_eq!(ask(parts).await, ask(format!("SELECT median(x) AS m FROM ({values})")).await);
    }
}
