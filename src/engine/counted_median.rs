//! The median of integers, by how often each number comes.
//!
//! Counts of reposts and likes are small numbers that come again and again: to
//! count them takes less memory and time than to keep and sort them all. It
//! also takes two steps where it has to: numbers of parts of the rows, each with
//! how often it comes, and the median of what several parts hold together. So a
//! large table can be summed up before it is joined, for medians as for sums.
//! A time is a number of units since 1970, and what lies between two is one: both have a
//! median like it. That of dates is a time, as two days may have noon between them.
//! The numbers of a list are values and how often they come, in turn.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, ListArray,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int64Type, TimeUnit};
use datafusion::common::types::{NativeType, logical_date, logical_int64};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::functions_aggregate::median::Median;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Coercion, Documentation, EmitTo,
    GroupsAccumulator, Signature, TypeSignature, TypeSignatureClass, Volatility,
};
use datafusion_functions_aggregate_common::aggregate::groups_accumulator::accumulate::accumulate;

/// Groups of up to so many rows keep their values.
const FEW: usize = 128;

/// Values up to this have a place of their own, if there are rows enough.
const SMALL: usize = 4096;

/// `median`: of 64-bit integers, durations and times ours, of other numbers the engine's own.
pub(super) fn median() -> AggregateUDF {
    let engine = Median::default();
    let integer = Coercion::new_exact(TypeSignatureClass::Native(logical_int64()));
    let duration = Coercion::new_exact(TypeSignatureClass::Duration);
    let takes = vec![
        TypeSignature::Coercible(vec![integer]),
        TypeSignature::Coercible(vec![duration]),
        TypeSignature::Coercible(vec![time()]),
        engine.signature().type_signature.clone(),
    ];
    let signature = Signature::one_of(takes, Volatility::Immutable);
    AggregateUDF::from(CountedMedian { step: Step::Whole, signature, engine })
}

/// Times, and dates as such.
pub(super) fn time() -> Coercion {
    let dates = vec![TypeSignatureClass::Native(logical_date())];
    let times = NativeType::Timestamp(TimeUnit::Microsecond, None);
    Coercion::new_implicit(TypeSignatureClass::Timestamp, dates, times)
}

/// Integers to the list of those of a group.
pub(super) fn counted() -> AggregateUDF {
    AggregateUDF::from(CountedMedian::new(Step::Count, DataType::Int64))
}

/// Such lists to the median of all values in them.
pub(super) fn median_of_counted() -> AggregateUDF {
    AggregateUDF::from(CountedMedian::new(Step::Merge, list_type()))
}

fn list_type() -> DataType {
    DataType::List(list_field())
}

fn list_field() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Int64, false))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Step {
    /// From integers to their median.
    Whole,
    /// From integers to lists.
    Count,
    /// From lists to the median.
    Merge,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CountedMedian {
    step: Step,
    signature: Signature,
    /// For what is not ours.
    engine: Median,
}

impl CountedMedian {
    fn new(step: Step, takes: DataType) -> Self {
        let signature = Signature::exact(vec![takes], Volatility::Immutable);
        Self { step, signature, engine: Median::default() }
    }

    /// Whether arguments of the type are ours.
    fn is_ours(&self, argument: &DataType) -> bool {
        self.step != Step::Whole || *argument == DataType::Int64 || is_of_time(argument)
    }

    fn groups(&self, args: &AccumulatorArgs<'_>) -> Groups {
        let kind = args.expr_fields[0].data_type();
        Groups {
            step: self.step,
            kind: is_of_time(kind).then(|| kind.clone()),
            is_distinct: args.is_distinct,
            groups: Vec::new(),
        }
    }
}

impl AggregateUDFImpl for CountedMedian {
    fn name(&self) -> &str {
        match self.step {
            Step::Whole => self.engine.name(),
            Step::Count => "counted",
            Step::Merge => "median_of_counted",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [argument] if !self.is_ours(argument) => self.engine.return_type(arguments),
            [kind] if is_of_time(kind) => Ok(kind.clone()),
            _ if self.step == Step::Count => Ok(list_type()),
            _ => Ok(DataType::Float64),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        if !self.is_ours(args.input_fields[0].data_type()) {
            return self.engine.state_fields(args);
        }
        let name = format_state_name(args.name, "counted");
        Ok(vec![Arc::new(Field::new(name, list_type(), true))])
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if !self.is_ours(args.expr_fields[0].data_type()) {
            return self.engine.accumulator(args);
        }
        let mut groups = self.groups(&args);
        groups.groups.push(Counts::default());
        Ok(Box::new(OneGroup(groups)))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.is_ours(args.expr_fields[0].data_type())
            || self.engine.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        if !self.is_ours(args.expr_fields[0].data_type()) {
            return self.engine.create_groups_accumulator(args);
        }
        Ok(Box::new(self.groups(&args)))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn documentation(&self) -> Option<&Documentation> {
        if self.step == Step::Whole { self.engine.documentation() } else { None }
    }
}

/// Whether values of the type are so many units of time.
fn is_of_time(kind: &DataType) -> bool {
    matches!(kind, DataType::Duration(_) | DataType::Timestamp(..))
}

/// The integers of one group.
#[derive(Debug)]
enum Counts {
    Few(Vec<i64>),
    Many(Box<Many>),
}

/// The integers of a group of many rows.
#[derive(Debug, Default)]
struct Many {
    /// How often each of the numbers from 0 on comes.
    small: Vec<u64>,
    /// Other numbers that come once, or once more.
    once: Vec<i64>,
    /// Other numbers, and how often they come.
    often: Vec<(i64, u64)>,
    rows: u64,
}

impl Default for Counts {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Counts {
    fn add(&mut self, value: i64, times: u64) {
        match self {
            Self::Many(many) => many.add(value, times),
            Self::Few(values) if values.len() as u64 + times <= FEW as u64 => {
                values.extend(std::iter::repeat_n(value, times as usize));
            }
            Self::Few(values) => {
                let mut many = Box::<Many>::default();
                values.iter().for_each(|value| many.add(*value, 1));
                many.add(value, times);
                *self = Self::Many(many);
            }
        }
    }

    fn add_list(&mut self, numbers: &[i64]) {
        for pair in numbers.chunks_exact(2) {
            self.add(pair[0], pair[1].unsigned_abs());
        }
    }

    /// Takes a value out again; false if there is none.
    fn remove(&mut self, value: i64) -> bool {
        match self {
            Self::Few(values) => remove(values, |other| *other == value).is_some(),
            Self::Many(many) => many.remove(value),
        }
    }

    /// All numbers in order, and how often they come.
    fn pairs(&mut self) -> Vec<(i64, u64)> {
        let mut pairs: Vec<(i64, u64)> = match self {
            Self::Few(values) => values.iter().map(|value| (*value, 1)).collect(),
            Self::Many(many) => many.pairs().collect(),
        };
        // Mostly it is a few runs that are in order.
        pairs.sort_by_key(|(value, _)| *value);
        pairs.dedup_by(|next, one| {
            let is_same = next.0 == one.0;
            one.1 += if is_same { next.1 } else { 0 };
            is_same
        });
        pairs
    }

    /// The two numbers in the middle, which may be one.
    fn middle(&mut self, is_distinct: bool) -> Option<(i64, i64)> {
        if let Self::Few(values) = self {
            values.sort_unstable();
            if is_distinct {
                values.dedup();
            }
            let last = values.len().checked_sub(1)?;
            return Some((values[last / 2], values[values.len() / 2]));
        }
        let mut rows = 0;
        let mut ends = self.pairs();
        for (_, end) in &mut ends {
            rows += if is_distinct { 1 } else { *end };
            *end = rows;
        }
        let at = |row: u64| ends.get(ends.partition_point(|(_, end)| *end <= row)).copied();
        let ((low, _), (high, _)) = (at(rows.checked_sub(1)? / 2)?, at(rows / 2)?);
        Some((low, high))
    }

    fn size(&self) -> usize {
        match self {
            Self::Few(values) => size_of_val(values.as_slice()),
            Self::Many(many) => {
                size_of::<Many>()
                    + size_of_val(many.small.as_slice())
                    + many.once.capacity() * size_of::<i64>()
                    + many.often.capacity() * size_of::<(i64, u64)>()
            }
        }
    }
}

impl Many {
    fn add(&mut self, value: i64, times: u64) {
        self.rows += times;
        let place = usize::try_from(value).unwrap_or(usize::MAX);
        // No more places than rows: most numbers of few are no small ones.
        if place >= self.small.len() && place < SMALL && place as u64 <= self.rows {
            self.small.resize(place.next_power_of_two().max(FEW) + 1, 0);
        }
        match self.small.get_mut(place) {
            Some(count) => *count += times,
            None if times == 1 => self.once.push(value),
            None => self.often.push((value, times)),
        }
    }

    fn remove(&mut self, value: i64) -> bool {
        self.rows = self.rows.saturating_sub(1);
        let place = usize::try_from(value).unwrap_or(usize::MAX);
        if let Some(count) = self.small.get_mut(place).filter(|count| **count > 0) {
            *count -= 1;
            return true;
        }
        if remove(&mut self.once, |other| *other == value).is_some() {
            return true;
        }
        match remove(&mut self.often, |(other, _)| *other == value) {
            Some((_, times)) => {
                self.often.extend((times > 1).then_some((value, times - 1)));
                true
            }
            None => false,
        }
    }

    fn pairs(&mut self) -> impl Iterator<Item = (i64, u64)> {
        self.once.sort_unstable();
        let small = self.small.iter().copied().enumerate();
        let small =
            small.filter(|(_, count)| *count > 0).map(|(value, count)| (value as i64, count));
        let once = self.once.iter().map(|value| (*value, 1));
        small.chain(once).chain(self.often.iter().copied())
    }
}

/// Takes the first of `values` that is wanted out, without keeping their order.
fn remove<T>(values: &mut Vec<T>, is_wanted: impl FnMut(&T) -> bool) -> Option<T> {
    let at = values.iter().position(is_wanted)?;
    Some(values.swap_remove(at))
}

/// The number between two, as the engine computes it.
fn between((low, high): (i64, i64)) -> f64 {
    (low as f64 + high as f64) / 2.0
}

/// The whole number between two: a double has no digits for the nanoseconds of a year.
fn whole_between((low, high): (i64, i64)) -> i64 {
    // What lies between two numbers of 64 bits is one.
    ((i128::from(low) + i128::from(high)) / 2) as i64
}

/// Integers, or what durations and times are in their unit.
fn integers(values: &ArrayRef) -> Result<ArrayRef> {
    Ok(cast(values, &DataType::Int64)?)
}

/// The integers of many groups.
#[derive(Debug)]
struct Groups {
    step: Step,
    /// The type of durations or times.
    kind: Option<DataType>,
    /// Whether each number counts once.
    is_distinct: bool,
    groups: Vec<Counts>,
}

impl Groups {
    fn update(
        &mut self,
        values: &ArrayRef,
        groups: &[usize],
        filter: Option<&BooleanArray>,
    ) -> Result<()> {
        let values = integers(values)?;
        let values = values.as_primitive::<Int64Type>();
        accumulate(groups, values, filter, |group, value| self.groups[group].add(value, 1));
        Ok(())
    }

    fn merge(&mut self, lists: &ArrayRef, groups: &[usize]) {
        let lists = lists.as_list::<i32>();
        let numbers = lists.values().as_primitive::<Int64Type>().values();
        for (row, group) in groups.iter().enumerate().filter(|(row, _)| lists.is_valid(*row)) {
            let from = lists.value_offsets()[row] as usize;
            let to = lists.value_offsets()[row + 1] as usize;
            self.groups[*group].add_list(&numbers[from..to]);
        }
    }

    /// Takes in what the function is called with.
    fn take(
        &mut self,
        values: &ArrayRef,
        groups: &[usize],
        filter: Option<&BooleanArray>,
    ) -> Result<()> {
        match self.step {
            Step::Whole | Step::Count => self.update(values, groups, filter)?,
            Step::Merge => self.merge(values, groups),
        }
        Ok(())
    }

    /// What the function gives for `groups`.
    fn results(&self, groups: &mut [Counts]) -> Result<ArrayRef> {
        if self.step == Step::Count {
            return lists(groups);
        }
        let middles = groups.iter_mut().map(|group| group.middle(self.is_distinct));
        match &self.kind {
            Some(kind) => {
                let medians: Int64Array = middles.map(|middle| middle.map(whole_between)).collect();
                Ok(cast(&medians, kind)?)
            }
            None => {
                let medians: Float64Array = middles.map(|middle| middle.map(between)).collect();
                Ok(Arc::new(medians))
            }
        }
    }
}

fn lists(groups: &mut [Counts]) -> Result<ArrayRef> {
    let mut numbers = Vec::new();
    let mut lengths = Vec::with_capacity(groups.len());
    for group in groups {
        let pairs = group.pairs();
        lengths.push(2 * pairs.len());
        numbers.extend(pairs.into_iter().flat_map(|(value, count)| [value, count.cast_signed()]));
    }
    if i32::try_from(numbers.len()).is_err() {
        return internal_err!("the values of a median do not fit into one list");
    }
    let offsets = OffsetBuffer::from_lengths(lengths);
    let numbers = Arc::new(Int64Array::from(numbers));
    Ok(Arc::new(ListArray::new(list_field(), offsets, numbers, None)))
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total_groups: usize,
    ) -> Result<()> {
        self.groups.resize_with(total_groups, Counts::default);
        self.take(&values[0], groups, filter)
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        groups: &[usize],
        total_groups: usize,
    ) -> Result<()> {
        self.groups.resize_with(total_groups, Counts::default);
        self.merge(&states[0], groups);
        Ok(())
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![lists(&mut emit.take_needed(&mut self.groups))?])
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let mut groups = emit.take_needed(&mut self.groups);
        self.results(&mut groups)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows = values[0].len();
        let mut each = Self { kind: self.kind.clone(), groups: Vec::new(), ..*self };
        each.update_batch(values, &(0..rows).collect::<Vec<_>>(), filter, rows)?;
        each.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        let own = self.groups.capacity() * size_of::<Counts>();
        own + self.groups.iter().map(Counts::size).sum::<usize>()
    }
}

/// The integers of all rows, of which there is one group.
#[derive(Debug)]
struct OneGroup(Groups);

impl Accumulator for OneGroup {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.take(&values[0], &vec![0; values[0].len()], None)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge(&states[0], &vec![0; states[0].len()]);
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::try_from_array(&lists(&mut self.0.groups)?, 0)?])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        // A window asks again and again.
        let mut groups = std::mem::take(&mut self.0.groups);
        let result = self.0.results(&mut groups);
        self.0.groups = groups;
        ScalarValue::try_from_array(&result?, 0)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = integers(&values[0])?;
        let values = values.as_primitive::<Int64Type>();
        if values.iter().flatten().all(|value| self.0.groups[0].remove(value)) {
            Ok(())
        } else {
            internal_err!("a value that leaves the window of a median was not in it")
        }
    }

    fn supports_retract_batch(&self) -> bool {
        // With each number once, nobody knows whether it leaves.
        self.0.step == Step::Whole && !self.0.is_distinct
    }

    fn size(&self) -> usize {
        self.0.size()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::display::array_value_to_string;
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::prelude::SessionContext;

    use super::*;
    use crate::engine::{Session, Settings};

    /// Integers of all sizes in groups of all sizes.
    const VALUES: &str = "SELECT value, value % 97 AS part, value % 13 AS grp, CASE
          WHEN value % 11 = 0 THEN NULL
          WHEN value % 5 = 0 THEN value * 7919 % 100003 * 1000000007
          WHEN value % 7 = 0 THEN -(value % 50)
          ELSE value * 31 % (1 + value % 13 * 100) END AS x
        FROM generate_series(1, 20000)
        UNION ALL SELECT value + 20000, 1, 100 + value % 9, NULL FROM generate_series(1, 30)
        UNION ALL SELECT value + 20030, 1, 200 + value, value * 3000000000
        FROM generate_series(1, 30)";

    async fn ask(context: &SessionContext, sql: String) -> String {
        let batches = context.sql(&sql).await.unwrap().collect().await.unwrap();
        pretty_format_batches(&batches).unwrap().to_string()
    }

    fn ours() -> SessionContext {
        let context = SessionContext::new();
        [median(), counted(), median_of_counted()]
            .into_iter()
            .for_each(|function| context.register_udaf(function));
        context
    }

    #[tokio::test]
    async fn the_median_is_the_engines_own() {
        let (ours, engines) = (ours(), SessionContext::new());
        let frames = ["50 PRECEDING AND CURRENT ROW", "700 PRECEDING AND 3 FOLLOWING"];
        let windows = frames.map(|frame| {
            format!(
                "SELECT value, median(x) OVER (ORDER BY value ROWS BETWEEN {frame}) AS m
                 FROM ({VALUES}) ORDER BY value"
            )
        });
        let groups = ["grp", "grp % 2", "value", "1"].map(|group| {
            format!(
                "SELECT {group} AS g, median(x) AS m, median(DISTINCT x) AS d, median(x * 0.5) AS f,
                   median(x) FILTER (WHERE value % 2 = 0) AS half
                 FROM ({VALUES}) GROUP BY 1 ORDER BY 1"
            )
        });
        let all = format!("SELECT median(x) AS m, median(DISTINCT x) AS d FROM ({VALUES})");
        let growing = format!("SELECT median(x) OVER (ORDER BY value) FROM ({VALUES}) LIMIT 2000");
        for sql in groups.into_iter().chain(windows).chain([all, growing]) {
            let (mine, engine) = (ask(&ours, sql.clone()).await, ask(&engines, sql.clone()).await);
            assert!(mine == engine, "{sql}");
        }
    }

    #[tokio::test]
    async fn the_median_of_parts_is_that_of_the_whole() {
        let context = ours();
        for group in ["grp", "grp % 2", "1"] {
            let whole = format!(
                "SELECT {group} AS g, median(x) AS m FROM ({VALUES}) GROUP BY 1 ORDER BY 1"
            );
            let parts = format!(
                "SELECT {group} AS g, median_of_counted(c) AS m FROM (
                   SELECT part, grp, counted(x) AS c FROM ({VALUES}) GROUP BY part, grp
                 ) GROUP BY 1 ORDER BY 1"
            );
            assert_eq!(ask(&context, parts).await, ask(&context, whole).await, "{group}");
        }
        let parts = format!(
            "SELECT median_of_counted(c) AS m
             FROM (SELECT counted(x) AS c FROM ({VALUES}) GROUP BY part)"
        );
        let whole = format!("SELECT median(x) AS m FROM ({VALUES})");
        assert_eq!(ask(&context, parts).await, ask(&context, whole).await);
    }

    #[tokio::test]
    async fn times_and_dates_have_a_median() {
        let session = Session::new(None, Settings::default()).unwrap();
        let table = "(VALUES ('x', 1, TIMESTAMPTZ '2012-01-01 00:00:00'),
              ('x', 2, TIMESTAMPTZ '2012-01-04 12:00:00'), ('x', 3, NULL),
              ('y', 4, TIMESTAMPTZ '2012-01-01 00:00:00')) AS t (g, n, a)";
        let noon = "2012-01-02T18:00:00+08:00";
        for (sql, wanted) in [
            ("SELECT median(a) FROM # WHERE g = 'x'", noon),
            ("SELECT median(DISTINCT a) FROM #", noon),
            ("SELECT median(a) FROM # GROUP BY g ORDER BY g LIMIT 1", noon),
            ("SELECT median(a::timestamp) FROM # WHERE g = 'x'", "2012-01-02T18:00:00"),
            ("SELECT median(a::date) FROM # WHERE g = 'x'", "2012-01-02T12:00:00"),
            ("SELECT median(a::date)::date FROM # WHERE g = 'x'", "2012-01-02"),
            ("SELECT median(a) IS NULL FROM # WHERE n = 3", "true"),
            (
                "SELECT m FROM (SELECT n, median(a) OVER (ORDER BY n ROWS 1 PRECEDING) AS m FROM #)
                 WHERE n = 2",
                noon,
            ),
        ] {
            let sql = sql.replace('#', table);
            let batches = session.collect(&sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
            let found = array_value_to_string(batches[0].column(0), 0).unwrap();
            assert_eq!(found, wanted, "{sql}");
        }
    }

    #[tokio::test]
    async fn what_lies_between_instants_has_a_median() {
        let table = "(SELECT g, n, TIMESTAMP '2012-01-01 00:00:00' AS a, b FROM (VALUES
              ('x', 1, TIMESTAMP '2012-01-01 00:00:01'), ('x', 2, TIMESTAMP '2012-01-01 00:00:04'),
              ('x', 3, TIMESTAMP '2012-01-01 00:00:04'), ('y', 4, NULL),
              ('z', 5, TIMESTAMP '2022-01-01 00:00:00.000001'),
              ('z', 6, TIMESTAMP '2022-01-01 00:00:00.000003')) AS t (g, n, b))";
        let session = Session::new(None, Settings::default()).unwrap();
        for (sql, wanted) in [
            ("SELECT extract(epoch FROM median(b - a)) FROM # WHERE g = 'x'", "4.0"),
            ("SELECT extract(epoch FROM median(DISTINCT b - a)) FROM # WHERE g = 'x'", "2.5"),
            ("SELECT median(b - a) IS NULL FROM # WHERE g = 'y'", "true"),
            (
                "SELECT extract(epoch FROM median(b - a)) FROM # GROUP BY g ORDER BY g LIMIT 1",
                "4.0",
            ),
            ("SELECT extract(day FROM median(b - a)) FROM # WHERE g = 'z'", "3653"),
            (
                "SELECT a + median(b - a) FROM # WHERE g = 'z' GROUP BY a",
                "2022-01-01T00:00:00.000002",
            ),
            (
                "SELECT extract(epoch FROM m) FROM (
                   SELECT n, median(b - a) OVER (ORDER BY n ROWS 1 PRECEDING) AS m FROM #)
                 WHERE n = 2",
                "2.5",
            ),
        ] {
            let sql = sql.replace('#', table);
            let batches = session.collect(&sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
            let found = array_value_to_string(batches[0].column(0), 0).unwrap();
            assert_eq!(found, wanted, "{sql}");
        }
    }
}
