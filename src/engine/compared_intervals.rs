//! Intervals are compared by how long they are: a day is 24 hours, a month thirty days,
//! as in PostgreSQL. The engine compares months first, then days, then the rest, so that
//! 48 hours are less than a day. By their length they are also joined, sorted and counted,
//! and the shortest or longest found; for groups of them see [`grouped_intervals`].

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Decimal128Array};
use datafusion::arrow::datatypes::{
    DataType, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit,
};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, Result, ScalarValue, internal_err};
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::logical_expr::expr::{
    AggregateFunctionParams, Between, InList, InSubquery, ScalarFunction, Sort,
    WindowFunctionParams,
};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, BinaryExpr, Case, Expr, ExprSchemable, Join,
    JoinConstraint, LogicalPlan, Projection, Signature, Subquery, Volatility,
    WindowFunctionDefinition,
};
use datafusion::optimizer::AnalyzerRule;

use super::any_expression::any_node;
use super::hidden::Hidden;
use super::{grouped_intervals, rewrite};

const NANOS_OF_A_DAY: i128 = 86_400_000_000_000;
const DAYS_OF_A_MONTH: i128 = 30;

/// Functions that look for the least or the greatest of values.
const EXTREMES: [&str; 4] = ["min", "max", "arg_min", "arg_max"];

/// The rule, for plans in which both sides of a comparison have one type.
#[derive(Debug)]
pub(super) struct CompareLengths;

impl AnalyzerRule for CompareLengths {
    fn name(&self) -> &'static str {
        "compare_lengths"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let plan = rewrite::some_expressions(plan, may_compare, &by_length)?;
        if !any_node(&plan, |node| Ok(compares_rows(node)))? {
            return Ok(plan);
        }
        let plan = plan.transform_up_with_subqueries(keyed)?;
        // An interval of a group may be unknown to the engine where it was not before.
        if plan.transformed { rewrite::with_new_schemas(plan.data) } else { Ok(plan.data) }
    }
}

fn may_compare(part: &Expr) -> bool {
    match part {
        Expr::BinaryExpr(BinaryExpr { op, .. }) => op.supports_propagation(),
        Expr::Case(case) => case.expr.is_some(),
        Expr::ScalarFunction(call) => {
            matches!(call.func.name(), "greatest" | "least" | "nullif")
        }
        Expr::Between(_) | Expr::InList(_) | Expr::InSubquery(_) => true,
        _ => false,
    }
}

/// Whether a node may compare rows with one another by intervals.
fn compares_rows(node: &LogicalPlan) -> bool {
    match node {
        LogicalPlan::Join(join) => {
            join.on.iter().any(|(left, _)| is_interval(left, join.left.schema()))
        }
        other => grouped_intervals::are_grouped(other),
    }
}

/// The node, if it compares rows with one another, by the lengths of intervals.
fn keyed(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match plan {
        LogicalPlan::Join(join) => Ok(joined(join)),
        other => grouped_intervals::by_length(other),
    }
}

/// A join by intervals, as one by their lengths.
fn joined(mut join: Join) -> Transformed<LogicalPlan> {
    let mut is_changed = false;
    for (left, right) in &mut join.on {
        if is_interval(left, join.left.schema()) && is_interval(right, join.right.schema()) {
            *left = compared(left.clone());
            *right = compared(right.clone());
            is_changed = true;
        }
    }
    if is_changed {
        // USING is of columns only.
        join.join_constraint = JoinConstraint::On;
    }
    Transformed::new_transformed(LogicalPlan::Join(join), is_changed)
}

/// The rule for what is sorted by intervals and for the extremes of them, for plans as
/// they were written: the engine refuses windows that are ordered by intervals when it
/// adds its casts.
#[derive(Debug)]
pub(super) struct OrderByLength;

impl AnalyzerRule for OrderByLength {
    fn name(&self) -> &'static str {
        "order_by_length"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let plan = rewrite::some_expressions(plan, may_order, &inside)?;
        if !any_node(&plan, |node| Ok(sorts_intervals(node)))? {
            return Ok(plan);
        }
        plan.transform_up_with_subqueries(sorted).map(|plan| plan.data)
    }
}

fn may_order(part: &Expr) -> bool {
    match part {
        Expr::AggregateFunction(call) => {
            let name = call.func.name();
            !call.params.order_by.is_empty()
                || is_count_of_different(name, call.params.distinct)
                || EXTREMES.contains(&name)
        }
        Expr::WindowFunction(_) => true,
        _ => false,
    }
}

fn sorts_intervals(node: &LogicalPlan) -> bool {
    match node {
        LogicalPlan::Sort(sort) => {
            sort.expr.iter().any(|key| is_interval(&key.expr, sort.input.schema()))
        }
        _ => false,
    }
}

/// The node, if it sorts, with the lengths of intervals in their place.
fn sorted(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Sort(mut sort) = plan else { return Ok(Transformed::no(plan)) };
    let schema = Arc::clone(sort.input.schema());
    let is_changed = measure_keys(&mut sort.expr, &schema);
    let plan = LogicalPlan::Sort(sort);
    Ok(if is_changed { Transformed::yes(plan) } else { Transformed::no(plan) })
}

/// A function over rows that looks at the lengths of intervals.
fn inside(mut expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let is_changed = match &mut expression {
        Expr::AggregateFunction(call) => {
            let params = &mut call.params;
            let keys = measure_keys(&mut params.order_by, schema);
            let counted = is_count_of_different(call.func.name(), params.distinct)
                && measure(&mut params.args, schema);
            let extreme = Extreme::of(&mut call.func, &mut params.args, schema);
            keys || counted || extreme
        }
        Expr::WindowFunction(call) => {
            let params = &mut call.params;
            let keys = measure_keys(&mut params.order_by, schema);
            let parts = measure(&mut params.partition_by, schema);
            let counted = is_count_of_different(call.fun.name(), params.distinct)
                && measure(&mut params.args, schema);
            let extreme = match &mut call.fun {
                WindowFunctionDefinition::AggregateUDF(function) => {
                    Extreme::of(function, &mut params.args, schema)
                }
                WindowFunctionDefinition::WindowUDF(_) => false,
            };
            keys || parts || counted || extreme
        }
        _ => false,
    };
    Ok(if is_changed { Transformed::yes(expression) } else { Transformed::no(expression) })
}

fn is_count_of_different(function: &str, is_distinct: bool) -> bool {
    is_distinct && function == "count"
}

/// Puts lengths in the place of intervals that rows are sorted by; whether there were any.
fn measure_keys(keys: &mut [Sort], schema: &DFSchema) -> bool {
    measure(keys.iter_mut().map(|key| &mut key.expr), schema)
}

/// Puts lengths in the place of intervals; whether there were any.
fn measure<'a>(values: impl IntoIterator<Item = &'a mut Expr>, schema: &DFSchema) -> bool {
    let mut is_changed = false;
    for value in values.into_iter().filter(|value| is_interval(value, schema)) {
        *value = length(value.clone());
        is_changed = true;
    }
    is_changed
}

pub(super) fn is_interval(expression: &Expr, schema: &DFSchema) -> bool {
    matches!(expression.get_type(schema), Ok(DataType::Interval(IntervalUnit::MonthDayNano)))
}

fn by_length(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let is_interval = |one: &Expr| is_interval(one, schema);
    Ok(match expression {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if op.supports_propagation() && is_interval(&left) && is_interval(&right) =>
        {
            Transformed::yes(Expr::BinaryExpr(BinaryExpr {
                left: Box::new(compared(*left)),
                op,
                right: Box::new(compared(*right)),
            }))
        }
        Expr::Between(Between { expr, negated, low, high })
            if is_interval(&expr) && is_interval(&low) && is_interval(&high) =>
        {
            let [expr, low, high] = [expr, low, high].map(|one| Box::new(compared(*one)));
            Transformed::yes(Expr::Between(Between { expr, negated, low, high }))
        }
        Expr::InList(InList { expr, list, negated })
            if is_interval(&expr) && list.iter().all(is_interval) =>
        {
            let (expr, list) =
                (Box::new(compared(*expr)), list.into_iter().map(compared).collect());
            Transformed::yes(Expr::InList(InList { expr, list, negated }))
        }
        Expr::InSubquery(InSubquery { expr, subquery, negated }) if is_interval(&expr) => {
            let (expr, subquery) = (Box::new(compared(*expr)), lengths_of(&subquery)?);
            Transformed::yes(Expr::InSubquery(InSubquery { expr, subquery, negated }))
        }
        Expr::Case(Case { expr: Some(expr), when_then_expr, else_expr })
            if is_interval(&expr) && when_then_expr.iter().all(|(when, _)| is_interval(when)) =>
        {
            let branches = when_then_expr.into_iter();
            Transformed::yes(Expr::Case(Case {
                expr: Some(Box::new(compared(*expr))),
                when_then_expr: branches
                    .map(|(when, then)| (Box::new(compared(*when)), then))
                    .collect(),
                else_expr,
            }))
        }
        Expr::ScalarFunction(call) if call.args.iter().all(is_interval) => chosen(call),
        other => Transformed::no(other),
    })
}

/// A call of a function that compares the intervals that it is given, as the one among
/// them that has the length.
fn chosen(call: ScalarFunction) -> Transformed<Expr> {
    let lengths: Vec<Expr> = call.args.iter().cloned().map(compared).collect();
    let function = Arc::clone(&call.func);
    let (length, lengths, given, otherwise) = match (function.name(), lengths.as_slice()) {
        ("greatest" | "least", [_, ..]) => {
            let length = ScalarFunction { func: call.func, args: lengths.clone() };
            (Expr::ScalarFunction(length), lengths.clone(), call.args, None)
        }
        ("nullif", [length, other]) => {
            let unknown = Expr::Literal(ScalarValue::IntervalMonthDayNano(None), None);
            (length.clone(), vec![other.clone()], vec![unknown], call.args.into_iter().next())
        }
        _ => return Transformed::no(Expr::ScalarFunction(call)),
    };
    let branches = lengths.into_iter().zip(given);
    Transformed::yes(Expr::Case(Case {
        expr: Some(Box::new(length)),
        when_then_expr: branches.map(|(when, then)| (Box::new(when), Box::new(then))).collect(),
        else_expr: otherwise.map(Box::new),
    }))
}

/// A query that gives intervals, as one that gives their lengths.
fn lengths_of(asked: &Subquery) -> Result<Subquery> {
    let column = Expr::Column(Column::from(asked.subquery.schema().qualified_field(0)));
    let lengths = Projection::try_new(vec![compared(column)], Arc::clone(&asked.subquery))?;
    Ok(asked.with_plan(Arc::new(LogicalPlan::Projection(lengths))))
}

/// The length of an interval, which is called as the interval is: names of columns are
/// as they were.
pub(super) fn length(interval: Expr) -> Expr {
    LENGTH.of(interval)
}

/// The length of an interval that is compared. The engine may put it beside the interval,
/// from which it is told by its name.
fn compared(interval: Expr) -> Expr {
    LENGTH.named(interval)
}

/// The shortest of the intervals of a group.
pub(super) fn shortest(intervals: Expr) -> Expr {
    AggregateUDF::from(Extreme::new(false)).call(vec![intervals])
}

/// The length of an interval in nanoseconds.
pub(super) static LENGTH: Hidden = Hidden {
    name: "interval_length",
    returns: |_| Ok(DataType::Decimal128(38, 0)),
    compute: lengths,
};

fn lengths(intervals: &ArrayRef) -> Result<ArrayRef> {
    let Some(intervals) = intervals.as_primitive_opt::<IntervalMonthDayNanoType>() else {
        return internal_err!("what has a length is an interval");
    };
    let lengths: Decimal128Array = intervals.unary(nanos);
    Ok(Arc::new(lengths.with_precision_and_scale(38, 0)?))
}

/// How long an interval is.
fn nanos(interval: IntervalMonthDayNano) -> i128 {
    let days = i128::from(interval.months) * DAYS_OF_A_MONTH + i128::from(interval.days);
    days * NANOS_OF_A_DAY + i128::from(interval.nanoseconds)
}

/// The functions that find the shortest and the longest interval. Plans that were made
/// elsewhere name them; statements cannot.
pub(super) fn extremes() -> impl Iterator<Item = AggregateUDF> {
    [false, true].into_iter().map(|is_greatest| AggregateUDF::from(Extreme::new(is_greatest)))
}

/// `min` or `max` of intervals.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Extreme {
    is_greatest: bool,
    signature: Signature,
}

impl Extreme {
    fn new(is_greatest: bool) -> Self {
        let takes = vec![DataType::Interval(IntervalUnit::MonthDayNano)];
        Self { is_greatest, signature: Signature::exact(takes, Volatility::Immutable) }
    }

    /// Has `function` look at the lengths of intervals among its `arguments`, if it
    /// compares them.
    fn of(function: &mut Arc<AggregateUDF>, arguments: &mut [Expr], schema: &DFSchema) -> bool {
        match (function.name(), arguments) {
            (name @ ("min" | "max"), [value]) if is_interval(value, schema) => {
                *function = Arc::new(AggregateUDF::from(Self::new(name == "max")));
                true
            }
            ("arg_min" | "arg_max", [_, by]) if is_interval(by, schema) => {
                *by = length(by.clone());
                true
            }
            _ => false,
        }
    }

    /// The engine's own, for what columns are called.
    fn engine(&self) -> Arc<AggregateUDF> {
        if self.is_greatest { max_udaf() } else { min_udaf() }
    }

    fn lengths(&self, keeps_all: bool) -> Box<dyn Accumulator> {
        let is_greatest = self.is_greatest;
        Box::new(Lengths { is_greatest, keeps_all, found: BTreeMap::new() })
    }
}

impl AggregateUDFImpl for Extreme {
    fn name(&self) -> &'static str {
        if self.is_greatest { "longest_interval" } else { "shortest_interval" }
    }

    fn schema_name(&self, params: &AggregateFunctionParams) -> Result<String> {
        self.engine().schema_name(params)
    }

    fn window_function_schema_name(&self, params: &WindowFunctionParams) -> Result<String> {
        self.engine().window_function_schema_name(params)
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(arguments[0].clone())
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(self.lengths(false))
    }

    fn create_sliding_accumulator(
        &self,
        _args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        Ok(self.lengths(true))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// The intervals of a group: the one that is looked for, or all in a window from which
/// they leave again.
#[derive(Debug)]
struct Lengths {
    is_greatest: bool,
    keeps_all: bool,
    /// Each with its length before it, and how often it comes.
    found: BTreeMap<(i128, IntervalMonthDayNano), u64>,
}

impl Accumulator for Lengths {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let intervals = values[0].as_primitive::<IntervalMonthDayNanoType>();
        for interval in intervals.iter().flatten() {
            *self.found.entry((nanos(interval), interval)).or_default() += 1;
            if !self.keeps_all && self.found.len() > 1 {
                if self.is_greatest {
                    self.found.pop_first()
                } else {
                    self.found.pop_last()
                };
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut found = self.found.keys();
        let found = if self.is_greatest { found.next_back() } else { found.next() };
        Ok(ScalarValue::IntervalMonthDayNano(found.map(|(_, interval)| *interval)))
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let intervals = values[0].as_primitive::<IntervalMonthDayNanoType>();
        for interval in intervals.iter().flatten() {
            let key = (nanos(interval), interval);
            match self.found.get_mut(&key) {
                Some(count) if *count > 1 => *count -= 1,
                Some(_) => {
                    self.found.remove(&key);
                }
                None => return internal_err!("an interval that leaves a window was not in it"),
            }
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        self.keeps_all
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.found.len() * 2 * size_of::<(i128, IntervalMonthDayNano, u64)>()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::AsArray;
    use datafusion::arrow::util::display::array_value_to_string;

    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn the_longer_interval_is_the_greater_one() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (condition, holds) in [
            ("b - a > INTERVAL '1 day'", true),
            ("b - a < INTERVAL '1 week'", true),
            ("b - a > INTERVAL '3 days'", false),
            ("b - a BETWEEN INTERVAL '1 day' AND INTERVAL '3 days'", true),
            ("b - a = INTERVAL '2 days'", true),
            ("b - a IN (INTERVAL '1 day', INTERVAL '48 hours')", true),
            ("INTERVAL '24 hours' = INTERVAL '1 day'", true),
            ("greatest(INTERVAL '1 day', b - a, NULL) = b - a", true),
            ("least(INTERVAL '48 hours', INTERVAL '1 day') < INTERVAL '25 hours'", true),
            ("nullif(INTERVAL '24 hours', INTERVAL '1 day') IS NULL", true),
            ("nullif(b - a, INTERVAL '1 day') = b - a", true),
            ("INTERVAL '1 month' > INTERVAL '29 days'", true),
            ("now() - a > INTERVAL '30 days'", true),
            ("a - (a - INTERVAL '1 day') = INTERVAL '1 day'", true),
        ] {
            let sql = format!(
                "SELECT {condition} FROM (VALUES (TIMESTAMPTZ '2012-08-27 10:00:00',
                   TIMESTAMPTZ '2012-08-29 10:00:00')) AS t (a, b)"
            );
            let batches = session.collect(&sql).await.unwrap();
            assert_eq!(batches[0].column(0).as_boolean().value(0), holds, "{condition}");
        }
    }

    /// The values of the first column, in the order of the rows.
    async fn column(sql: &str) -> String {
        let session = Session::new(None, Settings::default()).unwrap();
        let batches = session.collect(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let mut values = Vec::new();
        for batch in &batches {
            let rows = 0..batch.num_rows();
            values.extend(rows.map(|row| array_value_to_string(batch.column(0), row).unwrap()));
        }
        values.join(", ")
    }

    #[tokio::test]
    async fn intervals_are_sorted_by_length() {
        let table = "(VALUES (1, INTERVAL '1 day'), (2, INTERVAL '30 hours'),
              (3, INTERVAL '1 month'), (4, INTERVAL '31 days'), (5, INTERVAL '2 hours'),
              (6, NULL)) AS t (n, x)";
        for (sql, wanted) in [
            ("SELECT n FROM # ORDER BY x", "5, 1, 2, 3, 4, 6"),
            ("SELECT n FROM # ORDER BY x DESC LIMIT 2", "4, 3"),
            ("SELECT n FROM # ORDER BY -x", "4, 3, 2, 1, 5, 6"),
            ("SELECT n FROM (SELECT DISTINCT x, n FROM #) ORDER BY x", "5, 1, 2, 3, 4, 6"),
            ("SELECT array_agg(n ORDER BY x)::varchar FROM #", "[5, 1, 2, 3, 4, 6]"),
            ("SELECT rank() OVER (ORDER BY x) FROM # ORDER BY n", "2, 3, 4, 5, 1, 6"),
            ("SELECT count(*) OVER (ORDER BY x) FROM # ORDER BY n", "2, 3, 4, 5, 1, 6"),
            ("SELECT max(x) OVER (ORDER BY n) = INTERVAL '30 hours' FROM # WHERE n = 2", "true"),
            ("SELECT arg_max(n, x) FROM #", "4"),
            ("SELECT min_by(n, x) FROM #", "5"),
        ] {
            assert_eq!(column(&sql.replace('#', table)).await, wanted, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn tables_are_joined_by_lengths() {
        let session = Session::new(None, Settings::default()).unwrap();
        for sql in [
            "CREATE TABLE a AS SELECT * FROM (VALUES (1, INTERVAL '24 hours'),
              (2, INTERVAL '1 day'), (3, INTERVAL '2 hours'), (4, NULL)) AS t(n, i)",
            "CREATE TABLE b AS SELECT * FROM (VALUES (10, INTERVAL '24 hours'),
              (20, INTERVAL '3 days'), (30, INTERVAL '2 hours')) AS t(m, i)",
        ] {
            session.collect(sql).await.unwrap();
        }
        let found = &["n|m", "1|10", "2|10", "3|30"][..];
        let with_unknown = &["n|m", "1|10", "2|10", "3|30", "4|"][..];
        for (sql, rows) in [
            ("SELECT n, m FROM a JOIN b ON a.i = b.i ORDER BY n", found),
            ("SELECT n, m FROM a JOIN b USING (i) ORDER BY n", found),
            ("SELECT n, m FROM a LEFT JOIN b ON a.i = b.i ORDER BY n", with_unknown),
            ("SELECT n, m FROM a LEFT JOIN b USING (i) ORDER BY n", with_unknown),
            ("SELECT n FROM a WHERE i IN (SELECT i FROM b) ORDER BY n", &["n", "1", "2", "3"]),
            (
                "SELECT m FROM b WHERE i NOT IN (SELECT i FROM a WHERE n < 3) ORDER BY m",
                &["m", "20", "30"],
            ),
            (
                "SELECT n FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.i = a.i) ORDER BY n",
                &["n", "1", "2", "3"],
            ),
            ("SELECT count(*) AS n FROM (SELECT i FROM a INTERSECT SELECT i FROM b)", &["n", "2"]),
            (
                "SELECT count(*) AS n, count(i) AS known FROM (SELECT i FROM a EXCEPT
                 SELECT i FROM b)",
                &["n|known", "1|0"],
            ),
            (
                "SELECT n, CASE i WHEN INTERVAL '1 day' THEN 'd' ELSE 'o' END AS c FROM a
                 ORDER BY n",
                &["n|c", "1|d", "2|d", "3|o", "4|o"],
            ),
        ] {
            assert_eq!(answer(&session, sql).await, rows, "{sql}");
        }
    }

    #[tokio::test]
    async fn the_shortest_and_the_longest_interval_are_found() {
        let table = "(VALUES (1, 'a', INTERVAL '1 day'), (2, 'a', INTERVAL '30 hours'),
              (3, 'b', INTERVAL '31 days'), (4, 'b', INTERVAL '1 month'), (5, 'b', NULL),
              (6, 'c', NULL)) AS t (n, g, x)";
        let hours = "INTERVAL '30 hours'";
        for (sql, wanted) in [
            (format!("SELECT max(x) = {hours} FROM # WHERE g = 'a'"), "true"),
            ("SELECT min(x) = INTERVAL '1 day' FROM #".to_owned(), "true"),
            (
                "SELECT max(x) = INTERVAL '31 days' FROM # GROUP BY g ORDER BY g".to_owned(),
                "false, true, ",
            ),
            ("SELECT min(x)::varchar FROM # WHERE g = 'c'".to_owned(), ""),
            (
                format!(
                    "SELECT max(x) OVER (ORDER BY n ROWS 1 PRECEDING) = {hours} FROM # ORDER BY n"
                ),
                "false, true, false, false, false, ",
            ),
        ] {
            assert_eq!(column(&sql.replace('#', table)).await, wanted, "{sql}");
        }
        let session = Session::new(None, Settings::default()).unwrap();
        let named = session
            .collect(
                "SELECT max(INTERVAL '1 day'), min(x) OVER () FROM (
            SELECT INTERVAL '1 day' AS x) GROUP BY x",
            )
            .await
            .unwrap();
        let schema = named[0].schema();
        assert_eq!(schema.field(0).name(), "max(INTERVAL '1 day')");
        assert_eq!(schema.field(1).name(), "min(x) OVER ()");
    }
}
