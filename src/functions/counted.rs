//! Functions that ask how often each value of a group comes.
//!
//! Values are kept as bytes that compare as they do, each with its number of rows: so what
//! is looked for does not depend on the order in which rows come, nor on the number of
//! threads.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, ListArray, MapArray,
    RecordBatch, StructArray, UInt32Array, new_null_array,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::{
    DataType, Field, FieldRef, Fields, Float32Type, Float64Type, Int64Type, Schema,
};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::hash_utils::RandomState;
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, ColumnarValue, Documentation, EmitTo, GroupsAccumulator,
    Signature, Volatility,
};

use super::Function;
use super::aggregate::passes;
use super::arguments::{coerce_compared, documentation};
use super::grouped::{same_by_name, told_of_all};
use super::tallies::Tallies;

/// What a function makes of the values.
#[derive(Debug)]
pub(super) struct Counted {
    /// What it gives.
    pub(super) gives: Gives,
    /// What the function is called elsewhere.
    pub(super) aliases: &'static [&'static str],
}

/// What is given for a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gives {
    /// The value that comes most often, and the least of several.
    MostFrequent,
    /// The least value that a share of all does not go beyond; the second argument is
    /// the share.
    Quantile,
    /// The greatest value that a share of all does not go below.
    QuantileFromTop,
    /// How much a value tells, in bits.
    Entropy,
    /// How often each value comes, as a map in the order of the values.
    Histogram,
    /// The values that come most often, as a list; the second argument is how many.
    Commonest,
}

/// Most values of such a list.
const MOST_VALUES: f64 = 1_000_000.0;

impl Gives {
    /// What the second argument is, and the least and the greatest that there may be.
    fn second(self) -> (&'static str, f64, f64) {
        match self {
            Self::Commonest => ("number of values", 1.0, MOST_VALUES),
            _ => ("share", 0.0, 1.0),
        }
    }
}

/// A [`Counted`] as DataFusion calls it.
#[derive(Debug)]
pub(super) struct CountedCall {
    function: &'static Function,
    gives: Gives,
    aliases: Vec<String>,
    signature: Signature,
    documentation: Documentation,
}

impl CountedCall {
    /// The `function` with its `body`.
    pub(super) fn new(function: &'static Function, body: &'static Counted) -> Self {
        Self {
            function,
            gives: body.gives,
            aliases: body.aliases.iter().map(|&alias| alias.to_owned()).collect(),
            signature: Signature::user_defined(Volatility::Immutable),
            documentation: documentation(function),
        }
    }

    /// Nothing counted yet.
    fn groups(&self, arguments: &AccumulatorArgs<'_>) -> Result<Groups> {
        let Some(value) = arguments.expr_fields.first() else {
            return internal_err!("{} was not given a value", self.function.name);
        };
        let kind = value.data_type().clone();
        let converter = RowConverter::new(vec![SortField::new(kind.clone())])?;
        let unknown = converter.convert_columns(&[new_null_array(&kind, 1)])?;
        let unknown = unknown.row(0).data().into();
        Ok(Groups {
            gives: self.gives,
            second: self.second(arguments)?,
            is_distinct: arguments.is_distinct,
            kind,
            converter,
            unknown,
            groups: Vec::new(),
            bytes: 0,
        })
    }

    /// The second argument, which is the same for all rows; `None` if it is unknown.
    fn second(&self, arguments: &AccumulatorArgs<'_>) -> Result<Option<f64>> {
        let Some(second) = arguments.exprs.get(1) else { return Ok(None) };
        let (name, (what, least, most)) = (self.function.name, self.gives.second());
        let no_rows = RecordBatch::new_empty(Arc::new(Schema::empty()));
        let Ok(ColumnarValue::Scalar(second)) = second.evaluate(&no_rows) else {
            return plan_err!("the {what} of {name} is a number, not a column");
        };
        let ScalarValue::Float64(second) = second.cast_to(&DataType::Float64)? else {
            return internal_err!("the {what} of {name} is no number");
        };
        match second {
            Some(second) if !(least..=most).contains(&second) => {
                plan_err!("the {what} of {name} lies between {least} and {most}, not at {second}")
            }
            second => Ok(second),
        }
    }
}

same_by_name!(CountedCall);

impl AggregateUDFImpl for CountedCall {
    told_of_all!();

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        coerce_compared(self.function, given)
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match self.gives {
            Gives::Entropy => Ok(DataType::Float64),
            Gives::Histogram => Ok(DataType::Map(entries(&arguments[0]), false)),
            Gives::Commonest => {
                Ok(DataType::List(Arc::new(Field::new_list_field(arguments[0].clone(), true))))
            }
            Gives::MostFrequent | Gives::Quantile | Gives::QuantileFromTop => {
                Ok(arguments[0].clone())
            }
        }
    }

    fn state_fields(&self, arguments: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let types = [arguments.input_fields[0].data_type().clone(), DataType::Int64];
        let fields = ["values", "counts"].iter().zip(types).map(|(part, kind)| {
            let kind = DataType::List(Arc::new(Field::new_list_field(kind, true)));
            Arc::new(Field::new(format_state_name(arguments.name, part), kind, true))
        });
        Ok(fields.collect())
    }

    fn accumulator(&self, arguments: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let mut groups = self.groups(&arguments)?;
        groups.grow(1);
        Ok(Box::new(OneGroup(groups)))
    }

    fn create_groups_accumulator(
        &self,
        arguments: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        let groups = self.groups(&arguments)?;
        if self.gives == Gives::Histogram
            && let Some(tallies) = Tallies::of(&groups.kind, groups.is_distinct)?
        {
            return Ok(Box::new(tallies));
        }
        Ok(Box::new(groups))
    }
}

/// A value as bytes.
type Row = Box<[u8]>;

/// The values of a group, and in how many rows each comes.
#[derive(Debug)]
enum Counts {
    /// In order.
    Ordered(BTreeMap<Row, i64>),
    /// In none, which is faster where only the numbers of rows are compared.
    Hashed(HashMap<Row, i64, RandomState>),
}

impl Counts {
    /// No values yet, of which something is given.
    fn of(gives: Gives) -> Self {
        match gives {
            Gives::MostFrequent | Gives::Commonest => {
                Self::Hashed(HashMap::with_hasher(RandomState::with_seed(0)))
            }
            Gives::Quantile | Gives::QuantileFromTop | Gives::Entropy | Gives::Histogram => {
                Self::Ordered(BTreeMap::new())
            }
        }
    }

    fn get_mut(&mut self, row: &[u8]) -> Option<&mut i64> {
        match self {
            Self::Ordered(counts) => counts.get_mut(row),
            Self::Hashed(counts) => counts.get_mut(row),
        }
    }

    fn insert(&mut self, row: Row, times: i64) {
        match self {
            Self::Ordered(counts) => counts.insert(row, times),
            Self::Hashed(counts) => counts.insert(row, times),
        };
    }

    fn remove(&mut self, row: &[u8]) {
        match self {
            Self::Ordered(counts) => counts.remove(row),
            Self::Hashed(counts) => counts.remove(row),
        };
    }

    fn len(&self) -> usize {
        match self {
            Self::Ordered(counts) => counts.len(),
            Self::Hashed(counts) => counts.len(),
        }
    }

    fn iter(&self) -> Box<dyn Iterator<Item = (&Row, i64)> + '_> {
        match self {
            Self::Ordered(counts) => Box::new(counts.iter().map(|(row, count)| (row, *count))),
            Self::Hashed(counts) => Box::new(counts.iter().map(|(row, count)| (row, *count))),
        }
    }

    /// The greatest value first, if they are in order.
    fn top_down(&self) -> Box<dyn Iterator<Item = (&Row, i64)> + '_> {
        match self {
            Self::Ordered(counts) => {
                Box::new(counts.iter().rev().map(|(row, count)| (row, *count)))
            }
            Self::Hashed(_) => self.iter(),
        }
    }
}

/// Values as they compare: floating point numbers with one zero and one NaN.
pub(super) fn comparable(values: &ArrayRef) -> ArrayRef {
    match values.data_type() {
        DataType::Float32 => Arc::new(
            values
                .as_primitive::<Float32Type>()
                .unary::<_, Float32Type>(|one| if one.is_nan() { f32::NAN } else { one + 0.0 }),
        ),
        DataType::Float64 => Arc::new(
            values
                .as_primitive::<Float64Type>()
                .unary::<_, Float64Type>(|one| if one.is_nan() { f64::NAN } else { one + 0.0 }),
        ),
        _ => Arc::clone(values),
    }
}

/// The entries of a map from values of the type `kind` to numbers of rows.
fn entries(kind: &DataType) -> FieldRef {
    let members =
        [Field::new("key", kind.clone(), false), Field::new("value", DataType::Int64, true)];
    Arc::new(Field::new_struct("entries", Fields::from_iter(members), false))
}

/// Where each of the lists or maps begins that share `items`, and have so many of them.
fn offsets(lengths: Vec<usize>, items: &ArrayRef) -> Result<OffsetBuffer<i32>> {
    if i32::try_from(items.len()).is_err() {
        return internal_err!("the values of {} groups do not fit into lists", lengths.len());
    }
    Ok(OffsetBuffer::from_lengths(lengths))
}

/// Maps from `values` of the type `kind` to their numbers of rows, with so many entries
/// for each group as `lengths` says.
pub(super) fn maps(
    kind: &DataType,
    lengths: Vec<usize>,
    values: ArrayRef,
    counts: Int64Array,
) -> Result<ArrayRef> {
    let (known, offsets) = (known(&lengths), offsets(lengths, &values)?);
    let entries = entries(kind);
    let DataType::Struct(members) = entries.data_type() else {
        return internal_err!("the entries of a map are structures");
    };
    let pairs = StructArray::try_new(members.clone(), vec![values, Arc::new(counts)], None)?;
    Ok(Arc::new(MapArray::try_new(entries, offsets, pairs, Some(known), false)?))
}

/// Lists of `values` of the type `kind`, and lists of their numbers of rows: a state.
pub(super) fn lists(
    kind: &DataType,
    lengths: Vec<usize>,
    values: ArrayRef,
    counts: Vec<i64>,
) -> Result<Vec<ArrayRef>> {
    let offsets = offsets(lengths, &values)?;
    let counts: ArrayRef = Arc::new(Int64Array::from(counts));
    let lists = [(kind.clone(), values), (DataType::Int64, counts)];
    let lists = lists.map(|(kind, items)| {
        let field = Arc::new(Field::new_list_field(kind, true));
        Arc::new(ListArray::new(field, offsets.clone(), items, None)) as ArrayRef
    });
    Ok(lists.into())
}

/// Which groups there is something to give for, by how much there is.
fn known(lengths: &[usize]) -> NullBuffer {
    lengths.iter().map(|length| *length > 0).collect()
}

/// What a value that is kept takes: room is kept for as much again.
fn cost(row: &[u8]) -> usize {
    row.len() + 2 * size_of::<(Row, i64)>()
}

/// The values of all groups.
#[derive(Debug)]
struct Groups {
    gives: Gives,
    /// The second argument.
    second: Option<f64>,
    /// Whether each value counts once.
    is_distinct: bool,
    /// The type of the values.
    kind: DataType,
    converter: RowConverter,
    /// NULL as a row.
    unknown: Row,
    groups: Vec<Counts>,
    /// What all values take together, for the account of memory.
    bytes: usize,
}

impl Groups {
    /// Makes room for groups up to `count`.
    fn grow(&mut self, count: usize) {
        let gives = self.gives;
        self.groups.resize_with(self.groups.len().max(count), || Counts::of(gives));
    }

    /// Counts the known `values`, each for the group that `group_of` names.
    fn add(
        &mut self,
        columns: &[ArrayRef],
        group_of: impl Fn(usize) -> Option<usize>,
    ) -> Result<()> {
        let values = comparable(&columns[0]);
        let rows = self.converter.convert_columns(&[Arc::clone(&values)])?;
        for at in 0..values.len() {
            if let Some(group) = group_of(at).filter(|_| values.is_valid(at)) {
                self.count(group, rows.row(at).data(), 1);
            }
        }
        Ok(())
    }

    fn count(&mut self, group: usize, row: &[u8], times: i64) {
        let counts = &mut self.groups[group];
        if let Some(count) = counts.get_mut(row) {
            *count += times;
        } else {
            counts.insert(row.into(), times);
            self.bytes += cost(row);
        }
    }

    /// Takes `values` that leave a window out of the first group.
    fn remove(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let values = comparable(&columns[0]);
        let rows = self.converter.convert_columns(&[Arc::clone(&values)])?;
        for at in (0..values.len()).filter(|at| values.is_valid(*at)) {
            let row = rows.row(at).data();
            match self.groups[0].get_mut(row) {
                Some(count) if *count > 1 => *count -= 1,
                Some(_) => {
                    self.groups[0].remove(row);
                    self.bytes -= cost(row);
                }
                None => return internal_err!("a value that leaves a window was not in it"),
            }
        }
        Ok(())
    }

    /// Adds what other parts have counted, for the groups that `group_of` names.
    fn merge(&mut self, states: &[ArrayRef], group_of: impl Fn(usize) -> usize) -> Result<()> {
        let [values, counts] = states else { return internal_err!("not values and counts") };
        let (values, counts) = (values.as_list::<i32>(), counts.as_list::<i32>());
        let rows = self.converter.convert_columns(&[Arc::clone(values.values())])?;
        let numbers = counts.values().as_primitive::<Int64Type>().values();
        let (of_values, of_counts) = (values.value_offsets(), counts.value_offsets());
        for at in (0..values.len()).filter(|at| values.is_valid(*at)) {
            let group = group_of(at);
            let places = of_values[at]..of_values[at + 1];
            for (row, number) in places.zip(of_counts[at]..of_counts[at + 1]) {
                self.count(group, rows.row(row as usize).data(), numbers[number as usize]);
            }
        }
        Ok(())
    }

    fn weight(&self, count: i64) -> i64 {
        if self.is_distinct { 1 } else { count }
    }

    fn total(&self, counts: &Counts) -> i64 {
        counts.iter().map(|(_, count)| self.weight(count)).sum()
    }

    /// The value that is looked for in a group.
    fn found<'a>(&self, counts: &'a Counts) -> Option<&'a [u8]> {
        match self.gives {
            Gives::Quantile => return self.at_share(counts, counts.iter()),
            Gives::QuantileFromTop => return self.at_share(counts, counts.top_down()),
            Gives::MostFrequent | Gives::Entropy | Gives::Histogram | Gives::Commonest => {}
        }
        let weighed = counts.iter().map(|(row, count)| (self.weight(count), Reverse(row)));
        weighed.max().map(|(_, Reverse(row))| &**row)
    }

    /// The value with which a share of a group is reached, in the order of `values`.
    fn at_share<'a>(
        &self,
        counts: &Counts,
        mut values: impl Iterator<Item = (&'a Row, i64)>,
    ) -> Option<&'a [u8]> {
        let mut left = rank(self.total(counts), self.second?);
        let reached = values.find(|(_, count)| {
            left -= self.weight(*count);
            left <= 0
        });
        reached.map(|(row, _)| &**row)
    }

    /// How much a value of a group tells, in bits.
    fn entropy(&self, counts: &Counts) -> Option<f64> {
        let total = self.total(counts) as f64;
        let told = counts.iter().map(|(_, count)| {
            let share = self.weight(count) as f64 / total;
            -share * share.log2()
        });
        // Of a single value it would be a negative zero.
        (total > 0.0).then(|| told.sum::<f64>() + 0.0)
    }

    /// What is given for each of `groups`.
    fn results(&self, groups: &[Counts]) -> Result<ArrayRef> {
        match self.gives {
            Gives::Entropy => {
                let results = groups.iter().map(|counts| self.entropy(counts));
                Ok(Arc::new(results.collect::<Float64Array>()))
            }
            Gives::Histogram => self.histograms(groups),
            Gives::Commonest => self.commonest(groups),
            Gives::MostFrequent | Gives::Quantile | Gives::QuantileFromTop => {
                self.column(groups.iter().map(|counts| self.found(counts).unwrap_or(&self.unknown)))
            }
        }
    }

    /// How often each value of each of `groups` comes.
    fn histograms(&self, groups: &[Counts]) -> Result<ArrayRef> {
        let lengths: Vec<usize> = groups.iter().map(Counts::len).collect();
        let pairs = || groups.iter().flat_map(Counts::iter);
        let counts: Int64Array = pairs().map(|(_, count)| Some(self.weight(count))).collect();
        let values = self.column(pairs().map(|(row, _)| &**row))?;
        maps(&self.kind, lengths, values, counts)
    }

    /// The values that come most often in each of `groups`: of those that come equally
    /// often the lesser ones first.
    fn commonest(&self, groups: &[Counts]) -> Result<ArrayRef> {
        let most = self.second.map_or(0, |most| most as usize);
        let (mut lengths, mut rows) = (Vec::with_capacity(groups.len()), Vec::new());
        for counts in groups {
            let weighed = counts.iter().map(|(row, count)| (Reverse(self.weight(count)), row));
            let mut weighed: Vec<_> = weighed.collect();
            weighed.sort_unstable();
            weighed.truncate(most);
            lengths.push(weighed.len());
            rows.extend(weighed.into_iter().map(|(_, row)| &**row));
        }
        let values = self.column(rows.into_iter())?;
        let (known, offsets) = (known(&lengths), offsets(lengths, &values)?);
        let field = Arc::new(Field::new_list_field(self.kind.clone(), true));
        Ok(Arc::new(ListArray::try_new(field, offsets, values, Some(known))?))
    }

    /// Rows as the values that they stand for.
    fn column<'a>(&self, rows: impl Iterator<Item = &'a [u8]>) -> Result<ArrayRef> {
        let parser = self.converter.parser();
        let columns = self.converter.convert_rows(rows.map(|row| parser.parse(row)))?;
        Ok(cast(&columns[0], &self.kind)?)
    }

    /// The values of each of `groups`, and their counts, as lists.
    fn state_of(&self, groups: &[Counts]) -> Result<Vec<ArrayRef>> {
        let lengths = groups.iter().map(Counts::len).collect();
        let pairs = || groups.iter().flat_map(Counts::iter);
        let counts = pairs().map(|(_, count)| count).collect();
        let values = self.column(pairs().map(|(row, _)| &**row))?;
        lists(&self.kind, lengths, values, counts)
    }

    /// Takes out the first groups.
    fn take(&mut self, emit_to: EmitTo) -> Vec<Counts> {
        let taken = emit_to.take_needed(&mut self.groups);
        let rows = taken.iter().flat_map(Counts::iter);
        self.bytes -= rows.map(|(row, _)| cost(row)).sum::<usize>();
        taken
    }

    /// The bytes that are in use.
    fn size(&self) -> usize {
        size_of::<Self>()
            + self.groups.capacity() * size_of::<Counts>()
            + self.bytes
            + self.unknown.len()
            + self.converter.size()
    }
}

/// Which of `total` values in order a share of them reaches, the first being 1.
fn rank(total: i64, share: f64) -> i64 {
    let scaled = total as f64 * share;
    // 0.55 of 100 values are 55, and not a little more.
    let near = scaled.round();
    let is_whole = (scaled - near).abs() <= scaled * 1e-14;
    let rank = if is_whole { near } else { scaled.ceil() };
    (rank as i64).max(1)
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
        self.add(columns, |row| passes(filter, row).then(|| groups[row]))
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], count: usize) -> Result<()> {
        self.grow(count);
        self.merge(states, |row| groups[row])
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let taken = self.take(emit_to);
        self.results(&taken)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let taken = self.take(emit_to);
        self.state_of(&taken)
    }

    fn convert_to_state(
        &self,
        columns: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let values = comparable(&columns[0]);
        let is_kept = |row: usize| values.is_valid(row) && passes(filter, row);
        let lengths = (0..values.len()).map(|row| usize::from(is_kept(row))).collect();
        let kept = (0..values.len()).filter(|row| is_kept(*row)).map(|row| row as u32);
        let kept = take(&values, &kept.collect::<UInt32Array>(), None)?;
        let counts = vec![1; kept.len()];
        lists(&self.kind, lengths, kept, counts)
    }

    fn size(&self) -> usize {
        Self::size(self)
    }
}

/// The same for all rows, of which there is one group.
#[derive(Debug)]
struct OneGroup(Groups);

impl Accumulator for OneGroup {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        self.0.add(columns, |_| Some(0))
    }

    fn retract_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        self.0.remove(columns)
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge(states, |_| 0)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.0.results(&self.0.groups)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let state = self.0.state_of(&self.0.groups)?;
        state.iter().map(|list| ScalarValue::try_from_array(list, 0)).collect()
    }

    fn size(&self) -> usize {
        self.0.size()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::prelude::SessionContext;

    use crate::functions::{Dictionaries, register};

    /// Values of some groups in several batches, so that states are merged.
    const VALUES: &str = "SELECT value, value % 7 AS grp,
          CASE WHEN value % 11 = 0 THEN NULL ELSE value * 7919 % (30 + value % 5) END AS x
        FROM generate_series(1, 30000)";

    fn context() -> SessionContext {
        let context = SessionContext::new();
        register(&context, std::sync::Arc::new(Dictionaries::built_in()));
        context
    }

    async fn ask(context: &SessionContext, sql: &str) -> String {
        let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
        pretty_format_batches(&batches).unwrap().to_string()
    }

    #[tokio::test]
    async fn groups_give_what_counting_by_hand_gives() {
        let context = context();
        for (x, kind) in [("x", "BIGINT"), ("'博' || x", "VARCHAR"), ("x / 4.0", "DOUBLE")] {
            let values = format!("SELECT value, grp, CAST({x} AS {kind}) AS x FROM ({VALUES})");
            let by_hand = format!(
                "SELECT grp, x AS m FROM (
                   SELECT grp, x, row_number() OVER (PARTITION BY grp ORDER BY n DESC, x) AS r
                   FROM (SELECT grp, x, count(*) AS n FROM ({values})
                         WHERE x IS NOT NULL GROUP BY grp, x)
                 ) WHERE r = 1 ORDER BY grp"
            );
            let ours =
                format!("SELECT grp, mode(x) AS m FROM ({values}) GROUP BY grp ORDER BY grp");
            assert_eq!(ask(&context, &ours).await, ask(&context, &by_hand).await, "mode of {x}");
            let by_hand = format!(
                "SELECT grp, min(x) AS m FROM (
                   SELECT grp, x, cume_dist() OVER (PARTITION BY grp ORDER BY x) AS c
                   FROM ({values}) WHERE x IS NOT NULL
                 ) WHERE c >= 0.3 GROUP BY grp ORDER BY grp"
            );
            let ours = format!(
                "SELECT grp, quantile_disc(x, 0.3) AS m FROM ({values}) GROUP BY grp ORDER BY grp"
            );
            assert_eq!(ask(&context, &ours).await, ask(&context, &by_hand).await, "share of {x}");
        }
    }

    #[tokio::test]
    async fn values_and_their_numbers_are_those_of_counting_by_hand() {
        let context = context();
        let counts = format!(
            "SELECT grp, x, count(*) AS n FROM ({VALUES}) WHERE x IS NOT NULL GROUP BY grp, x"
        );
        for (call, by_hand) in [
            (
                "map_keys(histogram(x)) AS k, map_values(histogram(x)) AS v",
                "array_agg(x ORDER BY x) AS k, array_agg(n ORDER BY x) AS v".to_owned(),
            ),
            (
                "approx_top_k(x, 3) AS k",
                "array_slice(array_agg(x ORDER BY n DESC, x), 1, 3) AS k".to_owned(),
            ),
        ] {
            let by_hand =
                format!("SELECT grp, {by_hand} FROM ({counts}) GROUP BY grp ORDER BY grp");
            let ours = format!("SELECT grp, {call} FROM ({VALUES}) GROUP BY grp ORDER BY grp");
            assert_eq!(ask(&context, &ours).await, ask(&context, &by_hand).await, "{call}");
        }
        let texts = "SELECT histogram(x) FROM (VALUES ('微'), ('a'), (NULL), ('微')) AS t (x)";
        assert!(ask(&context, texts).await.contains("{a: 1, 微: 2}"));
    }

    #[tokio::test]
    async fn a_window_that_moves_gives_what_its_rows_give() {
        let context = context();
        for call in ["mode(x)", "quantile_disc(x, 0.5)", "round(entropy(x), 9)", "histogram(x)"] {
            let function = call.trim_start_matches("round(").trim_end_matches(", 9)");
            let window = format!(
                "{function} OVER (ORDER BY value ROWS BETWEEN 5 PRECEDING AND 2 FOLLOWING)"
            );
            let moving = call.replace(function, &window);
            let ours = format!(
                "SELECT value, {moving} AS m FROM ({VALUES} WHERE value <= 300) ORDER BY value"
            );
            let by_hand = format!(
                "SELECT a.value, {} AS m FROM ({VALUES} WHERE value <= 300) AS a
                 JOIN ({VALUES} WHERE value <= 300) AS b
                   ON b.value BETWEEN a.value - 5 AND a.value + 2
                 GROUP BY a.value ORDER BY a.value",
                call.replace('x', "b.x")
            );
            assert_eq!(ask(&context, &ours).await, ask(&context, &by_hand).await, "{call}");
        }
    }

    #[tokio::test]
    async fn distinct_values_zeros_and_what_is_no_share() {
        let context = context();
        let from = "FROM (VALUES (0.0), (-0.0), (3.0), (5.0), (NULL)) AS t (x)";
        for (asked, wanted) in [
            ("abs(mode(x))", "0.0"),
            ("abs(mode(DISTINCT x))", "0.0"),
            ("quantile_disc(DISTINCT x, 0.5)", "3.0"),
            ("quantile_disc(x, 0)", "0.0"),
            ("quantile(x, 1)", "5.0"),
            ("quantile_disc(x, NULL)", ""),
            ("entropy(x)", "1.5"),
            ("entropy(x) FILTER (WHERE x = 3)", "0.0"),
            ("mode(x) FILTER (WHERE x > 9)", ""),
            ("abs(map_keys(histogram(x))[1])", "0.0"),
            ("map_values(histogram(x))", "[2, 1, 1]"),
            ("map_values(histogram(DISTINCT x))", "[1, 1, 1]"),
            ("histogram(x) FILTER (WHERE x > 2)", "{3.0: 1, 5.0: 1}"),
            ("histogram(x) FILTER (WHERE x > 9)", ""),
            ("approx_top_k(x, 2) FILTER (WHERE x > 2)", "[3.0, 5.0]"),
            ("abs(approx_top_k(x, 1)[1])", "0.0"),
            ("approx_top_k(x, 9) FILTER (WHERE x = 3)", "[3.0]"),
            ("approx_top_k(x, 9) FILTER (WHERE x > 9)", ""),
            ("approx_top_k(x, NULL)", ""),
        ] {
            let table = ask(&context, &format!("SELECT {asked} AS m {from}")).await;
            let row = table.lines().nth(3).unwrap().trim_matches(['|', ' ']);
            assert_eq!(row, wanted, "{asked}");
        }
        for refused in [
            "quantile_disc(x, 1.5)",
            "quantile_disc(x, x)",
            "mode(x, x)",
            "approx_top_k(x, 0)",
            "approx_top_k(x, 1000001)",
        ] {
            let asked = context.sql(&format!("SELECT {refused} {from}")).await;
            let failed = match asked {
                Ok(asked) => asked.collect().await.is_err(),
                Err(_) => true,
            };
            assert!(failed, "{refused}");
        }
    }
}
