//! `percentile_cont` to the precision of a double. The engine goes from one value
//! towards the next in steps of a millionth, which shows in the seventh digit.
//!
//! Each group keeps its values, or with DISTINCT how often each comes. The engine's own
//! function does what is not about 64-bit doubles, which all other numbers but short
//! doubles become on the way.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, ListArray, RecordBatch,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Schema};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::functions_aggregate::percentile_cont::PercentileCont;
use datafusion::logical_expr::function::{
    AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs,
};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Documentation, EmitTo,
    GroupsAccumulator, Signature,
};
use datafusion_functions_aggregate_common::aggregate::groups_accumulator::accumulate::accumulate;

/// `percentile_cont`, also called `quantile_cont`.
pub(super) fn function() -> AggregateUDF {
    AggregateUDF::from(ExactPercentile { engine: PercentileCont::new() })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ExactPercentile {
    engine: PercentileCont,
}

impl AggregateUDFImpl for ExactPercentile {
    fn name(&self) -> &str {
        self.engine.name()
    }

    fn aliases(&self) -> &[String] {
        self.engine.aliases()
    }

    fn signature(&self) -> &Signature {
        self.engine.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.engine.return_type(arguments)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.engine.state_fields(args)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        // The engine's own looks at the percentile.
        let engine = self.engine.accumulator(args.clone())?;
        if !is_ours(&args) {
            return Ok(engine);
        }
        let wanted = Wanted::of(&args)?;
        Ok(Box::new(OneGroup { wanted, values: wanted.nothing() }))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        is_ours(&args) || self.engine.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        let engine = self.engine.create_groups_accumulator(args.clone())?;
        if !is_ours(&args) {
            return Ok(engine);
        }
        Ok(Box::new(Groups { wanted: Wanted::of(&args)?, groups: Vec::new() }))
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        self.engine.simplify()
    }

    fn supports_within_group_clause(&self) -> bool {
        self.engine.supports_within_group_clause()
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.engine.documentation()
    }
}

fn is_ours(args: &AccumulatorArgs<'_>) -> bool {
    *args.expr_fields[0].data_type() == DataType::Float64
}

/// Which percentile of which values is looked for.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    percentile: f64,
    /// Whether it is counted from the greatest value.
    is_descending: bool,
    is_distinct: bool,
}

impl Wanted {
    fn of(args: &AccumulatorArgs<'_>) -> Result<Self> {
        let nothing = RecordBatch::new_empty(Arc::new(Schema::empty()));
        let ColumnarValue::Scalar(percentile) = args.exprs[1].evaluate(&nothing)? else {
            return internal_err!("a percentile is one number");
        };
        let percentile = match percentile {
            ScalarValue::Float64(Some(percentile)) => percentile,
            ScalarValue::Float32(Some(percentile)) => f64::from(percentile),
            other => return plan_err!("a percentile is a number from 0 to 1, not {other}"),
        };
        let is_descending = args.order_bys.first().is_some_and(|by| by.options.descending);
        Ok(Self { percentile, is_descending, is_distinct: args.is_distinct })
    }

    /// What a group keeps at first.
    fn nothing(self) -> Values {
        if self.is_distinct { Values::Distinct(HashMap::new()) } else { Values::All(Vec::new()) }
    }

    /// The percentile of `values`, which are put into another order.
    fn among(self, values: &mut [f64]) -> Option<f64> {
        let last = values.len().checked_sub(1)?;
        let place = self.percentile * last as f64;
        let below = (place.floor() as usize).min(last);
        let order = |one: &f64, other: &f64| self.order(*one, *other);
        let (_, low, above) = values.select_nth_unstable_by(below, order);
        let share = place - below as f64;
        let high = above.iter().copied().min_by(order).filter(|_| share > 0.0);
        Some(high.map_or(*low, |high| between(*low, high, share)))
    }

    fn order(self, one: f64, other: f64) -> Ordering {
        if self.is_descending { other.total_cmp(&one) } else { one.total_cmp(&other) }
    }
}

/// The number that lies between two, at a `share` of the way.
fn between(low: f64, high: f64, share: f64) -> f64 {
    if low == high {
        return low;
    }
    let way = high - low;
    if way.is_finite() { low + way * share } else { low * (1.0 - share) + high * share }
}

/// The values of one group.
#[derive(Debug)]
enum Values {
    All(Vec<f64>),
    /// The bits of each, and how often it comes.
    Distinct(HashMap<u64, u64>),
}

impl Values {
    fn add(&mut self, value: f64) {
        match self {
            Self::All(values) => values.push(value),
            Self::Distinct(counts) => *counts.entry(value.to_bits()).or_default() += 1,
        }
    }

    /// Takes a value out again; false if there is none.
    fn remove(&mut self, value: f64) -> bool {
        let bits = value.to_bits();
        match self {
            Self::All(values) => {
                let at = values.iter().position(|other| other.to_bits() == bits);
                at.map(|at| values.swap_remove(at)).is_some()
            }
            Self::Distinct(counts) => {
                let Some(count) = counts.get_mut(&bits) else { return false };
                *count -= 1;
                if *count == 0 {
                    counts.remove(&bits);
                }
                true
            }
        }
    }

    fn percentile(&mut self, wanted: Wanted) -> Option<f64> {
        match self {
            Self::All(values) => wanted.among(values),
            Self::Distinct(_) => wanted.among(&mut self.numbers()),
        }
    }

    /// All of the values, with DISTINCT each once.
    fn numbers(&self) -> Vec<f64> {
        match self {
            Self::All(values) => values.clone(),
            Self::Distinct(counts) => counts.keys().map(|bits| f64::from_bits(*bits)).collect(),
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::All(values) => values.capacity() * size_of::<f64>(),
            // The table keeps a byte beside each entry, and an eighth of it free.
            Self::Distinct(counts) => counts.capacity() * (size_of::<(u64, u64)>() + 1) * 8 / 7,
        }
    }
}

/// The list of each group's values.
fn lists(groups: &[Values]) -> Result<ArrayRef> {
    let mut numbers = Vec::new();
    let mut lengths = Vec::with_capacity(groups.len());
    for group in groups {
        let before = numbers.len();
        match group {
            Values::All(values) => numbers.extend_from_slice(values),
            Values::Distinct(_) => numbers.extend(group.numbers()),
        }
        lengths.push(numbers.len() - before);
    }
    if i32::try_from(numbers.len()).is_err() {
        return internal_err!("the values of a percentile do not fit into one list");
    }
    let field = Arc::new(Field::new_list_field(DataType::Float64, true));
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::new(field, offsets, Arc::new(Float64Array::from(numbers)), None)))
}

/// The values of many groups.
#[derive(Debug)]
struct Groups {
    wanted: Wanted,
    groups: Vec<Values>,
}

impl Groups {
    fn make_room(&mut self, total_groups: usize) {
        let wanted = self.wanted;
        self.groups.resize_with(total_groups, || wanted.nothing());
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
        self.make_room(total_groups);
        let values = values[0].as_primitive::<Float64Type>();
        accumulate(groups, values, filter, |group, value| self.groups[group].add(value));
        Ok(())
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        groups: &[usize],
        total_groups: usize,
    ) -> Result<()> {
        self.make_room(total_groups);
        for (list, group) in states[0].as_list::<i32>().iter().zip(groups) {
            let Some(list) = list else { continue };
            let values = list.as_primitive::<Float64Type>();
            values.iter().flatten().for_each(|value| self.groups[*group].add(value));
        }
        Ok(())
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![lists(&emit.take_needed(&mut self.groups))?])
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let mut groups = emit.take_needed(&mut self.groups);
        let percentiles = groups.iter_mut().map(|group| group.percentile(self.wanted));
        Ok(Arc::new(percentiles.collect::<Float64Array>()))
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows = values[0].len();
        // A table for each row would be much for one value.
        let wanted = Wanted { is_distinct: false, ..self.wanted };
        let mut each = Self { wanted, groups: Vec::new() };
        each.update_batch(values, &(0..rows).collect::<Vec<_>>(), filter, rows)?;
        each.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        let own = self.groups.capacity() * size_of::<Values>();
        own + self.groups.iter().map(Values::size).sum::<usize>()
    }
}

/// The values of all rows, of which there is one group.
#[derive(Debug)]
struct OneGroup {
    wanted: Wanted,
    values: Values,
}

impl Accumulator for OneGroup {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = values[0].as_primitive::<Float64Type>();
        values.iter().flatten().for_each(|value| self.values.add(value));
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for list in states[0].as_list::<i32>().iter().flatten() {
            self.update_batch(&[list])?;
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let lists = lists(std::slice::from_ref(&self.values))?;
        Ok(vec![ScalarValue::try_from_array(&lists, 0)?])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(self.values.percentile(self.wanted)))
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = values[0].as_primitive::<Float64Type>();
        if values.iter().flatten().all(|value| self.values.remove(value)) {
            Ok(())
        } else {
            internal_err!("a value that leaves the window of a percentile was not in it")
        }
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.size()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;

    use super::*;
    use crate::engine::{Session, Settings};

    async fn number(session: &Session, sql: &str) -> f64 {
        let batches = session.collect(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        batches[0].column(0).as_primitive::<Float64Type>().value(0)
    }

    #[tokio::test]
    async fn percentiles_have_all_digits_of_a_double() {
        let session = Session::new(None, Settings::default()).unwrap();
        let rows = "FROM (SELECT value, value * value AS x FROM generate_series(1, 1000))";
        for (what, wanted) in [
            // 0.9 of the way along 999 steps is 899.1: a tenth from 900² to 901².
            ("percentile_cont(0.9) WITHIN GROUP (ORDER BY x)", 810_180.1),
            ("quantile_cont(x, 0.9)", 810_180.1),
            ("percentile_cont(0.1) WITHIN GROUP (ORDER BY x DESC)", 810_180.1),
            ("percentile_cont(0.123456789) WITHIN GROUP (ORDER BY value)", 124.333_332_211),
            ("percentile_cont(0.5) WITHIN GROUP (ORDER BY value::decimal(10, 1))", 500.5),
            ("percentile_cont(0) WITHIN GROUP (ORDER BY x)", 1.0),
            ("percentile_cont(1) WITHIN GROUP (ORDER BY x DESC)", 1.0),
            ("percentile_cont(DISTINCT value % 3, 0.25)", 0.5),
            ("percentile_cont(0.75) WITHIN GROUP (ORDER BY x) FILTER (WHERE value < 3)", 3.25),
        ] {
            let found = number(&session, &format!("SELECT {what} {rows}")).await;
            assert!((found - wanted).abs() <= wanted * 1e-14, "{what}: {found}");
            let groups = format!("SELECT sum(q) FROM (SELECT {what} AS q {rows} GROUP BY x < 0)");
            assert!((number(&session, &groups).await - wanted).abs() <= wanted * 1e-14, "{what}");
        }
    }

    #[tokio::test]
    async fn groups_nulls_and_windows_have_their_own() {
        let session = Session::new(None, Settings::default()).unwrap();
        let rows = "(VALUES ('a', 1, 1.0), ('a', 2, 2.0), ('a', 3, 2.0), ('a', 4, NULL),
                     ('b', 5, NULL), ('c', 6, 7.0)) AS t (g, n, x)";
        for (sql, wanted) in [
            (
                "SELECT g, percentile_cont(0.3) WITHIN GROUP (ORDER BY x) AS q FROM # GROUP BY g
                 ORDER BY g",
                "a 1.6, b , c 7.0",
            ),
            (
                "SELECT g, percentile_cont(DISTINCT x, 0.3) AS q FROM # GROUP BY g ORDER BY g",
                "a 1.3, b , c 7.0",
            ),
            (
                "SELECT n, quantile_cont(x, 0.5) OVER (ORDER BY n ROWS 1 PRECEDING) AS q
                 FROM # WHERE n < 5 ORDER BY n",
                "1 1.0, 2 1.5, 3 2.0, 4 2.0",
            ),
        ] {
            let batches = session.collect(&sql.replace('#', rows)).await.unwrap();
            let table = pretty_format_batches(&batches).unwrap().to_string();
            let rows = table.lines().filter(|line| line.starts_with('|')).skip(1).map(|line| {
                line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>().join(" ")
            });
            assert_eq!(rows.collect::<Vec<_>>().join(", "), wanted, "{sql}");
        }
        for wrong in ["1.5", "-0.1", "n"] {
            let sql = format!("SELECT percentile_cont(x, {wrong}) FROM {rows}");
            assert!(session.collect(&sql).await.is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_lies_between_two_numbers_is_neither_less_nor_more_than_both() {
        assert_eq!(between(0.1, 0.1, 0.3), 0.1);
        assert_eq!(between(f64::MIN, f64::MAX, 0.5), 0.0);
        assert_eq!(between(1.0, f64::INFINITY, 0.5), f64::INFINITY);
        assert_eq!(between(10.0, 20.0, 0.9), 19.0);
    }
}
