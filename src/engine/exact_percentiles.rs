//! `percentile_cont` to the precision of a double. The engine goes from one value
//! towards the next in steps of a millionth, which shows in the seventh digit.
//!
//! Each group keeps its values as integers that compare as they do, or with DISTINCT how
//! often each comes: of 64-bit doubles, which all other numbers but short doubles become on
//! the way, and of times. The engine's own function does the rest.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray, RecordBatch,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type, Schema};
use datafusion::common::types::{NativeType, logical_float64};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::functions_aggregate::percentile_cont::PercentileCont;
use datafusion::logical_expr::function::{
    AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs,
};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Coercion, ColumnarValue, Documentation, EmitTo,
    GroupsAccumulator, Signature, TypeSignature, TypeSignatureClass,
};
use datafusion_functions_aggregate_common::aggregate::groups_accumulator::accumulate::accumulate;

use super::counted_median::time;
use super::wrapped::as_the_engine_says;

/// `percentile_cont`, also called `quantile_cont`.
pub(super) fn function() -> AggregateUDF {
    let engine = PercentileCont::new();
    let share = Coercion::new_implicit(
        TypeSignatureClass::Native(logical_float64()),
        vec![TypeSignatureClass::Numeric],
        NativeType::Float64,
    );
    let numbers = engine.signature().type_signature.clone();
    let times = TypeSignature::Coercible(vec![time(), share]);
    let type_signature = TypeSignature::OneOf(vec![numbers, times]);
    let signature = Signature { type_signature, ..engine.signature().clone() };
    AggregateUDF::from(ExactPercentile { engine, signature })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ExactPercentile {
    engine: PercentileCont,
    signature: Signature,
}

impl ExactPercentile {
    /// Lets the engine's own look at the percentile.
    fn check(&self, args: &AccumulatorArgs<'_>) -> Result<()> {
        let doubles = [Arc::new(Field::new("value", DataType::Float64, true))];
        self.engine.accumulator(AccumulatorArgs { expr_fields: &doubles, ..args.clone() })?;
        Ok(())
    }
}

impl AggregateUDFImpl for ExactPercentile {
    as_the_engine_says! {
        fn name(&self) -> &str;
        fn aliases(&self) -> &[String];
        fn return_type(&self, arguments: &[DataType]) -> Result<DataType>;
        fn simplify(&self) -> Option<AggregateFunctionSimplification>;
        fn supports_within_group_clause(&self) -> bool;
        fn documentation(&self) -> Option<&Documentation>;
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        if !is_ours(args.input_fields) {
            return self.engine.state_fields(args);
        }
        let kept = Field::new_list_field(DataType::Int64, true);
        Ok(vec![Arc::new(Field::new_list(format_state_name(args.name, "kept"), kept, true))])
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if !is_ours(args.expr_fields) {
            return self.engine.accumulator(args);
        }
        self.check(&args)?;
        let wanted = Wanted::of(&args)?;
        Ok(Box::new(OneGroup { values: wanted.nothing(), wanted }))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        is_ours(args.expr_fields) || self.engine.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        if !is_ours(args.expr_fields) {
            return self.engine.create_groups_accumulator(args);
        }
        self.check(&args)?;
        Ok(Box::new(Groups { wanted: Wanted::of(&args)?, groups: Vec::new() }))
    }
}

fn is_ours(arguments: &[FieldRef]) -> bool {
    matches!(arguments[0].data_type(), DataType::Float64 | DataType::Timestamp(..))
}

/// The integer that is kept of a double: it compares as [`f64::total_cmp`] does.
fn key(double: f64) -> i64 {
    turned(double.to_bits().cast_signed())
}

/// The double of which `key` is kept.
fn double(key: i64) -> f64 {
    f64::from_bits(turned(key).cast_unsigned())
}

/// The bits of a double as a key, and of a key as a double: those below zero the other way
/// round.
fn turned(bits: i64) -> i64 {
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

/// What is kept of `values`.
fn keys(values: &ArrayRef) -> Result<Int64Array> {
    match values.data_type() {
        DataType::Float64 => Ok(values.as_primitive::<Float64Type>().unary(key)),
        _ => Ok(cast(values, &DataType::Int64)?.as_primitive::<Int64Type>().clone()),
    }
}

/// Which percentile of which values is looked for.
#[derive(Debug, Clone)]
struct Wanted {
    /// The type of the values.
    kind: DataType,
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
        let kind = args.expr_fields[0].data_type().clone();
        Ok(Self { kind, percentile, is_descending, is_distinct: args.is_distinct })
    }

    /// What a group keeps at first.
    fn nothing(&self) -> Values {
        if self.is_distinct { Values::Distinct(HashMap::new()) } else { Values::All(Vec::new()) }
    }

    /// The percentile of `values`, which are put into another order.
    fn among(&self, values: &mut [i64]) -> Option<i64> {
        let last = values.len().checked_sub(1)?;
        let place = self.percentile * last as f64;
        let below = (place.floor() as usize).min(last);
        let order = |one: &i64, other: &i64| self.order(*one, *other);
        let (_, low, above) = values.select_nth_unstable_by(below, order);
        let share = place - below as f64;
        let high = above.iter().copied().min_by(order).filter(|_| share > 0.0);
        Some(high.map_or(*low, |high| self.between(*low, high, share)))
    }

    fn order(&self, one: i64, other: i64) -> Ordering {
        if self.is_descending { other.cmp(&one) } else { one.cmp(&other) }
    }

    /// What lies between two values, at a `share` of the way.
    fn between(&self, low: i64, high: i64, share: f64) -> i64 {
        if self.kind == DataType::Float64 {
            return key(between(double(low), double(high), share));
        }
        let way = i128::from(high) - i128::from(low);
        // What lies between two numbers of 64 bits is one.
        (i128::from(low) + (way as f64 * share).round() as i128) as i64
    }

    /// The values of which `keys` are kept.
    fn values(&self, keys: &Int64Array) -> Result<ArrayRef> {
        if self.kind == DataType::Float64 {
            return Ok(Arc::new(keys.unary::<_, Float64Type>(double)));
        }
        Ok(cast(keys, &self.kind)?)
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

/// What is kept of the values of one group.
#[derive(Debug)]
enum Values {
    All(Vec<i64>),
    /// Each of them, and how often it comes.
    Distinct(HashMap<i64, u64>),
}

impl Values {
    fn add(&mut self, value: i64) {
        match self {
            Self::All(values) => values.push(value),
            Self::Distinct(counts) => *counts.entry(value).or_default() += 1,
        }
    }

    /// Takes a value out again; false if there is none.
    fn remove(&mut self, value: i64) -> bool {
        match self {
            Self::All(values) => {
                let at = values.iter().position(|other| *other == value);
                at.map(|at| values.swap_remove(at)).is_some()
            }
            Self::Distinct(counts) => {
                let Some(count) = counts.get_mut(&value) else { return false };
                *count -= 1;
                if *count == 0 {
                    counts.remove(&value);
                }
                true
            }
        }
    }

    fn percentile(&mut self, wanted: &Wanted) -> Option<i64> {
        match self {
            Self::All(values) => wanted.among(values),
            Self::Distinct(_) => wanted.among(&mut self.numbers()),
        }
    }

    /// All of the values, with DISTINCT each once.
    fn numbers(&self) -> Vec<i64> {
        match self {
            Self::All(values) => values.clone(),
            Self::Distinct(counts) => counts.keys().copied().collect(),
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::All(values) => values.capacity() * size_of::<i64>(),
            // The table keeps a byte beside each entry, and an eighth of it free.
            Self::Distinct(counts) => counts.capacity() * (size_of::<(i64, u64)>() + 1) * 8 / 7,
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
    let field = Arc::new(Field::new_list_field(DataType::Int64, true));
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::new(field, offsets, Arc::new(Int64Array::from(numbers)), None)))
}

/// The values of many groups.
#[derive(Debug)]
struct Groups {
    wanted: Wanted,
    groups: Vec<Values>,
}

impl Groups {
    fn make_room(&mut self, total_groups: usize) {
        let wanted = &self.wanted;
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
        let values = keys(&values[0])?;
        accumulate(groups, &values, filter, |group, value| self.groups[group].add(value));
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
            let values = list.as_primitive::<Int64Type>();
            values.iter().flatten().for_each(|value| self.groups[*group].add(value));
        }
        Ok(())
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![lists(&emit.take_needed(&mut self.groups))?])
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let mut groups = emit.take_needed(&mut self.groups);
        let percentiles = groups.iter_mut().map(|group| group.percentile(&self.wanted));
        self.wanted.values(&percentiles.collect())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows = values[0].len();
        // A table for each row would be much for one value.
        let wanted = Wanted { is_distinct: false, ..self.wanted.clone() };
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
        keys(&values[0])?.iter().flatten().for_each(|value| self.values.add(value));
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for list in states[0].as_list::<i32>().iter().flatten() {
            let values = list.as_primitive::<Int64Type>();
            values.iter().flatten().for_each(|value| self.values.add(value));
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let lists = lists(std::slice::from_ref(&self.values))?;
        Ok(vec![ScalarValue::try_from_array(&lists, 0)?])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let percentile = Int64Array::from_iter([self.values.percentile(&self.wanted)]);
        ScalarValue::try_from_array(&self.wanted.values(&percentile)?, 0)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        if keys(&values[0])?.iter().flatten().all(|value| self.values.remove(value)) {
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
    use crate::engine::answers::value;
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

    #[tokio::test]
    async fn times_and_dates_have_percentiles() {
        let session = Session::new(None, Settings::default()).unwrap();
        let rows = "(VALUES ('a', 1, TIMESTAMPTZ '2012-01-01 00:00:00'),
                     ('a', 2, TIMESTAMPTZ '1912-01-05 00:00:00.000001'), ('b', 3, NULL),
                     ('a', 4, TIMESTAMPTZ '2012-01-05 00:00:00')) AS t (g, n, a)";
        let last = "2012-01-04T00:00:00+08:00";
        for (sql, wanted) in [
            ("SELECT quantile_cont(a, 0.875) FROM #", last),
            ("SELECT quantile_cont(a, 0.875) FROM # GROUP BY g ORDER BY g LIMIT 1", last),
            ("SELECT percentile_cont(0.125) WITHIN GROUP (ORDER BY a DESC) FROM #", last),
            ("SELECT quantile_cont(DISTINCT a, 0.875) FROM #", last),
            ("SELECT quantile_cont(a, 1) FROM #", "2012-01-05T00:00:00+08:00"),
            ("SELECT quantile_cont(a::date, 0.625) FROM # WHERE n <> 2", "2012-01-03T12:00:00"),
            ("SELECT quantile_cont(a, 0.5) IS NULL FROM # WHERE n = 3", "true"),
            ("SELECT quantile_cont(a::timestamp, 0) FROM #", "1912-01-05T00:00:00.000001"),
            (
                "SELECT m FROM (SELECT n, quantile_cont(a, 0.75) OVER (ORDER BY n ROWS 1 PRECEDING)
                   AS m FROM # WHERE n <> 2) WHERE n = 4",
                "2012-01-05T00:00:00+08:00",
            ),
        ] {
            let sql = sql.replace('#', rows);
            assert_eq!(value(&session, &sql).await, wanted, "{sql}");
        }
        assert!(session.collect(&format!("SELECT quantile_cont(a, 2) FROM {rows}")).await.is_err());
    }

    #[test]
    fn keys_compare_as_their_doubles_do() {
        let doubles = [f64::NEG_INFINITY, -1.5, -0.0, 0.0, f64::MIN_POSITIVE, 1.0, f64::NAN];
        assert!(doubles.map(key).is_sorted());
        assert_eq!(doubles.map(|one| double(key(one)).to_bits()), doubles.map(f64::to_bits));
    }

    #[test]
    fn what_lies_between_two_numbers_is_neither_less_nor_more_than_both() {
        assert_eq!(between(0.1, 0.1, 0.3), 0.1);
        assert_eq!(between(f64::MIN, f64::MAX, 0.5), 0.0);
        assert_eq!(between(1.0, f64::INFINITY, 0.5), f64::INFINITY);
        assert_eq!(between(10.0, 20.0, 0.9), 19.0);
    }
}
