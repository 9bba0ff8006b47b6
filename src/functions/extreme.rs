//! Functions that give the value of one column where another is greatest, or least.
//!
//! One row of each group is kept, as bytes that compare as its values do: what
//! decides first, then the value. So of rows that are alike in what decides the
//! least value counts, in whatever order they come and on however many threads.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BooleanArray, UInt32Array, make_comparator, new_null_array,
};
use datafusion::arrow::compute::{SortOptions, cast, nullif, take};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, Documentation, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use super::Function;
use super::aggregate::passes;
use super::arguments::{coerce_compared, documentation};
use super::counted::comparable;
use super::grouped::{same_by_name, told_of_all};

/// Which row of a group gives the value.
#[derive(Debug)]
pub(super) struct Extreme {
    /// Which of the values that decide is looked for.
    pub(super) wanted: Wanted,
    /// What the function is called elsewhere.
    pub(super) aliases: &'static [&'static str],
}

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The greatest value.
    Greatest,
    /// The least value.
    Least,
}

impl Wanted {
    /// The order in which what is looked for comes first.
    fn order(self) -> SortOptions {
        SortOptions { descending: self == Self::Greatest, nulls_first: false }
    }
}

/// An [`Extreme`] as DataFusion calls it.
#[derive(Debug)]
pub(super) struct ExtremeCall {
    function: &'static Function,
    wanted: Wanted,
    aliases: Vec<String>,
    signature: Signature,
    documentation: Documentation,
}

impl ExtremeCall {
    /// The `function` with its `body`.
    pub(super) fn new(function: &'static Function, body: &'static Extreme) -> Self {
        Self {
            function,
            wanted: body.wanted,
            aliases: body.aliases.iter().map(|&alias| alias.to_owned()).collect(),
            signature: Signature::user_defined(Volatility::Immutable),
            documentation: documentation(function),
        }
    }

    /// Nothing kept yet.
    fn kept(&self, arguments: &AccumulatorArgs<'_>) -> Result<Kept> {
        let [value, by] = arguments.expr_fields else {
            return internal_err!("{} was not given two arguments", self.function.name);
        };
        Kept::new(self.wanted, [value.data_type().clone(), by.data_type().clone()])
    }
}

same_by_name!(ExtremeCall);

impl AggregateUDFImpl for ExtremeCall {
    told_of_all!();

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        coerce_compared(self.function, given)
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(arguments[0].clone())
    }

    fn state_fields(&self, arguments: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let parts = ["value", "by"].iter().zip(arguments.input_fields);
        let parts = parts.map(|(part, field)| {
            let name = format_state_name(arguments.name, part);
            Arc::new(Field::new(name, field.data_type().clone(), true))
        });
        Ok(parts.collect())
    }

    fn accumulator(&self, arguments: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup(self.kept(&arguments)?)))
    }

    fn create_groups_accumulator(
        &self,
        arguments: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(self.kept(&arguments)?))
    }

    fn create_sliding_accumulator(
        &self,
        arguments: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        let rows = self.kept(&arguments)?;
        Ok(Box::new(Sliding { rows, inside: BTreeMap::new(), bytes: 0 }))
    }
}

/// The values, and what decides.
fn parts(columns: &[ArrayRef]) -> Result<(&ArrayRef, ArrayRef)> {
    let [value, by] = columns else { return internal_err!("not a value and what decides") };
    Ok((value, comparable(by)))
}

/// A row as bytes; of two the lesser one is looked for.
type Row = Box<[u8]>;

/// No row of a batch.
const NO_ROW: u32 = u32::MAX;

/// The row of each group that is looked for, of those that came so far.
#[derive(Debug)]
struct Kept {
    wanted: Wanted,
    /// The types of the value and of what decides.
    types: [DataType; 2],
    /// Rows to bytes: what decides, and the value.
    converter: RowConverter,
    /// The row of which nothing is known.
    unknown: Row,
    groups: Vec<Option<Row>>,
    /// How many bytes all rows have together, for the account of memory.
    bytes: usize,
    /// For each group the row of a batch that is looked for, while the batch is
    /// looked through.
    best: Vec<u32>,
}

impl Kept {
    fn new(wanted: Wanted, types: [DataType; 2]) -> Result<Self> {
        let [value, by] = &types;
        let converter = RowConverter::new(vec![
            SortField::new_with_options(by.clone(), wanted.order()),
            SortField::new(value.clone()),
        ])?;
        let nothing = converter.convert_columns(&[new_null_array(by, 1), new_null_array(value, 1)]);
        let unknown = nothing?.row(0).data().into();
        let (groups, best) = (Vec::new(), Vec::new());
        Ok(Self { wanted, types, converter, unknown, groups, bytes: 0, best })
    }

    /// Makes room for groups up to `count`.
    fn grow(&mut self, count: usize) {
        self.groups.resize(self.groups.len().max(count), None);
        self.best.resize(self.groups.len(), NO_ROW);
    }

    /// Takes in the rows of `columns`, each for the group that `group_of` names.
    fn add(
        &mut self,
        columns: &[ArrayRef],
        group_of: impl Fn(usize) -> Option<usize>,
    ) -> Result<()> {
        let (value, by) = parts(columns)?;
        let deciding = make_comparator(&by, &by, self.wanted.order())?;
        let of_values = make_comparator(value, value, SortOptions::default())?;
        let mut groups = Vec::new();
        for row in 0..value.len() {
            let Some(group) = group_of(row).filter(|_| value.is_valid(row) && by.is_valid(row))
            else {
                continue;
            };
            let best = &mut self.best[group];
            if *best == NO_ROW {
                groups.push(group);
                *best = row as u32;
                continue;
            }
            let before = *best as usize;
            if deciding(row, before).then_with(|| of_values(row, before)).is_lt() {
                *best = row as u32;
            }
        }
        let rows: UInt32Array =
            groups.iter().map(|group| std::mem::replace(&mut self.best[*group], NO_ROW)).collect();
        let found = [take(&by, &rows, None)?, take(value, &rows, None)?];
        let found = self.converter.convert_columns(&found)?;
        for (group, row) in groups.into_iter().zip(&found) {
            self.offer(group, row.data());
        }
        Ok(())
    }

    /// Keeps `row` for `group` if it is the one that is looked for so far.
    fn offer(&mut self, group: usize, row: &[u8]) {
        let kept = &mut self.groups[group];
        if kept.as_deref().is_none_or(|kept| row < kept) {
            self.bytes += row.len();
            self.bytes -= kept.replace(row.into()).map_or(0, |before| before.len());
        }
    }

    /// The values, and what decided, of the first groups, which are forgotten.
    fn take(&mut self, emit_to: EmitTo) -> Result<[ArrayRef; 2]> {
        let taken = emit_to.take_needed(&mut self.groups);
        self.best.truncate(self.groups.len());
        self.bytes -= taken.iter().flatten().map(|row| row.len()).sum::<usize>();
        self.columns(taken.iter().map(Option::as_deref))
    }

    /// Rows as columns: the values, and what decides.
    fn columns<'a>(
        &'a self,
        rows: impl Iterator<Item = Option<&'a [u8]>>,
    ) -> Result<[ArrayRef; 2]> {
        let parser = self.converter.parser();
        let rows = rows.map(|row| parser.parse(row.unwrap_or(&self.unknown)));
        let columns = self.converter.convert_rows(rows)?;
        let [by, value] = columns.as_slice() else { return internal_err!("a row has two columns") };
        Ok([cast(value, &self.types[0])?, cast(by, &self.types[1])?])
    }

    /// The bytes that are in use.
    fn size(&self) -> usize {
        size_of::<Self>()
            + self.groups.capacity() * size_of::<Option<Row>>()
            + self.best.capacity() * size_of::<u32>()
            + self.bytes
            + self.unknown.len()
            + self.converter.size()
    }
}

impl GroupsAccumulator for Kept {
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
        self.update_batch(states, groups, None, count)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let [values, _] = self.take(emit_to)?;
        Ok(values)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(self.take(emit_to)?.into())
    }

    fn convert_to_state(
        &self,
        columns: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        if filter.is_none() {
            return Ok(columns.to_vec());
        }
        let rows = columns.first().map_or(0, Array::len);
        let left_out: BooleanArray = (0..rows).map(|row| Some(!passes(filter, row))).collect();
        Ok(columns.iter().map(|column| nullif(column, &left_out)).collect::<Result<_, _>>()?)
    }

    fn size(&self) -> usize {
        Self::size(self)
    }
}

/// The same for all rows, of which there is one group.
#[derive(Debug)]
struct OneGroup(Kept);

impl OneGroup {
    fn columns(&mut self) -> Result<[ArrayRef; 2]> {
        self.0.grow(1);
        self.0.columns(std::iter::once(self.0.groups[0].as_deref()))
    }
}

impl Accumulator for OneGroup {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        self.0.grow(1);
        self.0.add(columns, |_| Some(0))
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.columns()?[0], 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.columns()?.iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
    }

    fn size(&self) -> usize {
        self.0.size()
    }
}

/// The rows inside a window that moves.
#[derive(Debug)]
struct Sliding {
    rows: Kept,
    /// Each row, and how often it is inside.
    inside: BTreeMap<Row, usize>,
    /// How many bytes they have together.
    bytes: usize,
}

impl Sliding {
    /// The rows of `columns` of which all is known.
    fn known(&self, columns: &[ArrayRef]) -> Result<Vec<Row>> {
        let (value, by) = parts(columns)?;
        let all = self.rows.converter.convert_columns(&[Arc::clone(&by), Arc::clone(value)])?;
        let known = |row: &usize| value.is_valid(*row) && by.is_valid(*row);
        let rows = (0..value.len()).filter(known).map(|row| Row::from(all.row(row).data()));
        Ok(rows.collect())
    }

    fn columns(&self) -> Result<[ArrayRef; 2]> {
        let first = self.inside.keys().next().map(|row| &**row);
        self.rows.columns(std::iter::once(first))
    }
}

impl Accumulator for Sliding {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        for row in self.known(columns)? {
            let bytes = row.len();
            let times = self.inside.entry(row).or_insert(0);
            self.bytes += if *times == 0 { bytes } else { 0 };
            *times += 1;
        }
        Ok(())
    }

    fn retract_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        for row in self.known(columns)? {
            match self.inside.get_mut(&row) {
                Some(times) if *times > 1 => *times -= 1,
                Some(_) => {
                    self.bytes -= row.len();
                    self.inside.remove(&row);
                }
                None => return internal_err!("a row that leaves a window was not in it"),
            }
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.columns()?[0], 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.columns()?.iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
    }

    fn size(&self) -> usize {
        let entry = size_of::<(Row, usize)>();
        self.rows.size() + self.inside.len() * entry + self.bytes
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Int64Array, StringArray};
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::prelude::SessionContext;

    use super::*;
    use crate::functions::{Dictionaries, register};

    fn session() -> SessionContext {
        let context = SessionContext::new();
        register(&context, Arc::new(Dictionaries::built_in()));
        context
    }

    async fn ask(context: &SessionContext, sql: &str) -> String {
        let answer = async { context.sql(sql).await?.collect().await };
        let batches = answer.await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        pretty_format_batches(&batches).unwrap().to_string()
    }

    /// The one value of an answer.
    async fn value(context: &SessionContext, sql: &str) -> String {
        let table = ask(context, sql).await;
        table.lines().nth(3).unwrap().trim_matches(['|', ' ']).to_owned()
    }

    #[tokio::test]
    async fn what_is_unknown_and_what_is_alike_does_not_depend_on_chance() {
        let context = session();
        for (call, rows, wanted) in [
            ("arg_max(x, y)", "('b', 1), ('a', 9), ('c', 3)", "a"),
            ("argmin(x, y)", "('b', 1), ('a', 9), ('c', 3)", "b"),
            ("max_by(x, y)", "('b', 5), ('a', 5), ('c', 3)", "a"),
            ("min_by(x, y)", "('d', 3), ('a', 5), ('c', 3)", "c"),
            ("arg_max(x, y)", "(NULL, 9), ('a', 1), ('b', NULL)", "a"),
            ("arg_min(x, y)", "(NULL, 9), ('b', NULL)", ""),
            ("arg_max(x, y) FILTER (WHERE y < 9)", "('b', 1), ('a', 9), ('c', 3)", "c"),
            ("arg_max(DISTINCT x, y)", "('b', 1), ('a', 9), ('a', 9)", "a"),
            ("arg_max(x, y)", "('b', 1.5), ('a', 'NaN'::double)", "a"),
            ("arg_max(x, y)", "('b', 0.0), ('a', -0.0)", "a"),
            ("arg_max(x, y)", "(1, 'a'), (2, '微博')", "2"),
            ("arg_max(x, y)", "(true, DATE '2012-08-26'), (false, DATE '2012-08-27')", "false"),
            ("arg_min(x, y)", "([1, 2], now()), ([3], now() - INTERVAL '1 day')", "[3]"),
            ("arg_max(y, x)", "(arrow_cast('a', 'Dictionary(Int32, Utf8)'), 7)", "7"),
            ("arg_max(x, y)", "(arrow_cast('a', 'Dictionary(Int32, Utf8)'), 7)", "a"),
        ] {
            let sql = format!("SELECT {call} FROM (VALUES {rows}) AS t (x, y)");
            assert_eq!(value(&context, &sql).await, wanted, "{sql}");
        }
        assert!(context.sql("SELECT arg_max(1)").await.is_err());
    }

    #[tokio::test]
    async fn groups_windows_and_parts_agree_with_a_sort() {
        let context = session();
        context
            .sql(
                "CREATE TABLE t AS SELECT value AS id, value % 7 AS k, value * 31 % 5003 AS few,
                   (value * 7919) % 100003 AS y,
                   CASE WHEN value % 10 <> 0 THEN 'text ' || (value % 1000) END AS x
                 FROM generate_series(1, 60000) AS s (value)",
            )
            .await
            .unwrap();
        for group in ["k", "few", "id", "1"] {
            for (call, order) in [("arg_max", "DESC"), ("arg_min", "ASC")] {
                let ours = format!(
                    "SELECT {group} AS g, {call}(x, y) AS x, {call}(id, y % 100) FILTER (WHERE k < 4) AS id
                     FROM t GROUP BY 1 ORDER BY 1"
                );
                let sorted = format!(
                    "SELECT {group} AS g,
                       first_value(x ORDER BY y {order}, x) FILTER (WHERE x IS NOT NULL) AS x,
                       first_value(id ORDER BY y % 100 {order}, id) FILTER (WHERE k < 4) AS id
                     FROM t GROUP BY 1 ORDER BY 1"
                );
                assert!(ask(&context, &ours).await == ask(&context, &sorted).await, "{ours}");
            }
        }
        let window = "SELECT id, arg_max(id, y) OVER (ORDER BY id ROWS BETWEEN 20 PRECEDING AND 3 FOLLOWING) AS m
             FROM t ORDER BY id LIMIT 3000";
        let joined = "SELECT a.id, first_value(b.id ORDER BY b.y DESC) AS m FROM t a
             JOIN t b ON b.id BETWEEN a.id - 20 AND a.id + 3
             WHERE a.id <= 3000 AND b.id <= 3003 GROUP BY a.id ORDER BY a.id";
        assert!(ask(&context, window).await == ask(&context, joined).await);
    }

    #[test]
    fn what_is_kept_is_accounted_for_until_it_is_given() {
        let mut kept = Kept::new(Wanted::Greatest, [DataType::Utf8, DataType::Int64]).unwrap();
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["微".repeat(500); 1000]));
        let likes: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1000));
        let groups: Vec<usize> = (0..1000).collect();
        let before = kept.size();
        for _ in 0..3 {
            let columns = [Arc::clone(&texts), Arc::clone(&likes)];
            kept.update_batch(&columns, &groups, None, 1000).unwrap();
        }
        let full = kept.size() - before;
        assert!((1_500_000..2_000_000).contains(&full), "{full}");
        assert_eq!(kept.evaluate(EmitTo::First(400)).unwrap().len(), 400);
        assert_eq!(kept.evaluate(EmitTo::All).unwrap().len(), 600);
        assert_eq!(kept.bytes, 0);
    }
}
