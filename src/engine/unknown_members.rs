//! `x IN (SELECT ...)` is unknown if `x` is, or if it is not found where something
//! unknown is. So are `x > ANY (SELECT ...)`, `x > ALL (SELECT ...)` and `(a, b) IN
//! (SELECT ...)`.
//!
//! The engine knows that where `x IN (...)` stands alone in WHERE, or is joined to others
//! by AND: there it joins the tables. Elsewhere, in `x NOT IN (...) OR ...`, in `(x IN
//! (...)) IS NULL` or in SELECT, the condition also asks whether something unknown is in
//! the way. Where each question is computed then is up to
//! [`LiftedSubqueries`](super::lifted_subqueries::LiftedSubqueries).

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, JoinType, Result, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::{count, max, min};
use datafusion::logical_expr::expr::{
    Alias, BinaryExpr, Case, Exists, InSubquery, SetComparison, SetQuantifier,
};
use datafusion::logical_expr::expr_rewriter::{NamePreserver, strip_outer_reference};
use datafusion::logical_expr::utils::{
    conjunction, disjunction, merge_schema, split_conjunction, split_conjunction_owned,
};
use datafusion::logical_expr::{
    Expr, ExprSchemable, Filter, Join, LogicalPlan, LogicalPlanBuilder, Operator, Subquery, exists,
    lit, scalar_subquery,
};
use datafusion::optimizer::AnalyzerRule;

use super::empty_subqueries::has_a_row;
use super::forms::subqueries::ROWS_LISTED;
use super::unnested::columns_around;
use crate::error::Error;

/// In how many ways at most a comparison of several values is taken apart by what of it
/// is unknown: as many as three values have.
const MOST_WAYS: usize = 27;

/// The rule.
#[derive(Debug)]
pub(super) struct UnknownMembers;

impl AnalyzerRule for UnknownMembers {
    fn name(&self) -> &'static str {
        "unknown_members"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(change).map(|plan| plan.data)
    }
}

fn change(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let mut found = false;
    plan.apply_expressions(|expression| {
        found |= asks(expression);
        Ok(TreeNodeRecursion::Continue)
    })?;
    if !found {
        return Ok(Transformed::no(plan));
    }
    match plan {
        LogicalPlan::Filter(filter) => {
            let condition = conjuncts(filter.predicate, filter.input.schema())?;
            Ok(Transformed::yes(LogicalPlan::Filter(Filter::try_new(condition, filter.input)?)))
        }
        LogicalPlan::Join(join) => Ok(Transformed::yes(LogicalPlan::Join(of_join(join)?))),
        plan => exactly(plan),
    }
}

/// Rows are kept by the condition of an inner join, as by that of WHERE.
fn of_join(mut join: Join) -> Result<Join> {
    let Some(condition) = join.filter.take() else { return Ok(join) };
    join.filter = Some(if join.join_type == JoinType::Inner {
        conjuncts(condition, &join.schema)?
    } else {
        if_true(plain(condition, &join.schema)?, &join.schema)?
    });
    Ok(join)
}

/// Of other expressions counts whether a condition in them is false or unknown.
fn exactly(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expression| {
        // The columns of grouping sets are called as what is in them.
        if !asks(&expression) || matches!(expression, Expr::GroupingSet(_)) {
            return Ok(Transformed::no(expression));
        }
        let name = names.save(&expression);
        let exact = exact(plain(expression, &schema)?, &schema)?;
        Ok(Transformed::yes(name.restore(exact)))
    })?
    .map_data(LogicalPlan::recompute_schema)
}

/// Whether an expression has a query that something is looked for in.
fn asks(expression: &Expr) -> bool {
    let found = expression.exists(|inner| {
        Ok(match inner {
            Expr::InSubquery(_) | Expr::SetComparison(_) => true,
            Expr::Exists(asked) => listed(&asked.subquery).is_some(),
            _ => false,
        })
    });
    found.unwrap_or(true)
}

fn conjuncts(condition: Expr, schema: &DFSchema) -> Result<Expr> {
    let parts = split_conjunction_owned(plain(condition, schema)?);
    let parts: Vec<_> =
        parts.into_iter().map(|part| conjunct(part, schema)).collect::<Result<_>>()?;
    Ok(conjunction(parts).unwrap_or_else(|| lit(true)))
}

/// A condition that rows are kept by.
fn conjunct(condition: Expr, schema: &DFSchema) -> Result<Expr> {
    match condition {
        Expr::InSubquery(asked) if asked.negated => absent(asked, schema),
        Expr::Not(inner) => match *inner {
            Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
                let turned = InSubquery::new(expr, subquery, !negated);
                conjunct(Expr::InSubquery(turned), schema)
            }
            Expr::Exists(Exists { subquery, negated }) => {
                conjunct(Expr::Exists(Exists { subquery, negated: !negated }), schema)
            }
            inner => exact(Expr::Not(Box::new(inner)), schema),
        },
        condition => if_true(condition, schema),
    }
}

/// A condition that rows are kept by which are not among those of a query.
fn absent(asked: InSubquery, schema: &DFSchema) -> Result<Expr> {
    // The join that knows of unknown values is by one pair of columns.
    let is_plain = columns_around(&asked.subquery.subquery).is_empty()
        && asked.expr.any_column_refs()
        && !has_query(&asked.expr);
    if !is_plain {
        return member(asked, schema);
    }
    let unknown = doubts(&asked.expr, &asked.subquery, schema)?;
    let is_apart = is_read_fast(&asked.subquery.subquery) && !asked.expr.contains_outer();
    if unknown.is_empty() || !is_apart {
        return Ok(Expr::InSubquery(asked));
    }
    // The join that does not know of them takes fewer rows into memory, so it is better to
    // ask for them apart where that is soon answered.
    let rows = apart(&asked.subquery.subquery, schema)?;
    let equal = outside(*asked.expr, schema)?.eq(first_column(&rows));
    let found = has_rows(only(&rows, equal)?)?;
    let conditions = [found].into_iter().chain(unknown).map(negated);
    Ok(conjunction(conditions).unwrap_or_else(|| lit(true)))
}

/// The `rows` of a query whose first column is none of `schema`, so that a condition on both
/// compares the two, and not a column with itself.
pub(super) fn apart(rows: &Arc<LogicalPlan>, schema: &DFSchema) -> Result<Arc<LogicalPlan>> {
    let first = Column::from(rows.schema().qualified_field(0));
    if schema.maybe_index_of_column(&first).is_none() {
        return Ok(Arc::clone(rows));
    }
    LogicalPlanBuilder::from(rows.as_ref().clone()).alias("__rows_of_query")?.build().map(Arc::new)
}

/// Whether a query is no more than a look at a table, with the same rows each time.
fn is_read_fast(plan: &LogicalPlan) -> bool {
    let is_plain = |expression: &Expr| !has_query(expression) && !expression.is_volatile();
    match plan {
        LogicalPlan::TableScan(_) => true,
        LogicalPlan::Filter(filter) => is_plain(&filter.predicate) && is_read_fast(&filter.input),
        LogicalPlan::Projection(listed) => {
            listed.expr.iter().all(is_plain) && is_read_fast(&listed.input)
        }
        LogicalPlan::SubqueryAlias(alias) => is_read_fast(&alias.input),
        _ => false,
    }
}

fn has_query(expression: &Expr) -> bool {
    let found = expression.exists(|inner| {
        Ok(matches!(inner, Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_)))
    });
    found.unwrap_or(true)
}

/// A condition of which only counts whether it is true.
fn if_true(condition: Expr, schema: &DFSchema) -> Result<Expr> {
    Ok(match condition {
        Expr::InSubquery(InSubquery { expr, subquery, negated: false }) => {
            let expr = Box::new(exact(*expr, schema)?);
            Expr::InSubquery(InSubquery::new(expr, subquery, false))
        }
        Expr::Exists(asked) if !asked.negated => Expr::Exists(asked),
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            let (left, right) = (if_true(*left, schema)?, if_true(*right, schema)?);
            Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
        }
        Expr::Alias(Alias { expr, .. }) => if_true(*expr, schema)?,
        other => exact(other, schema)?,
    })
}

/// An expression of which counts whether a condition in it is false or unknown.
fn exact(expression: Expr, schema: &DFSchema) -> Result<Expr> {
    let jump = |expression| Transformed::new(expression, true, TreeNodeRecursion::Jump);
    let exact = expression.transform_down(|inner| match inner {
        Expr::InSubquery(asked) => Ok(jump(member(asked, schema)?)),
        Expr::Exists(asked) => Ok(jump(member_of_rows(asked, schema)?)),
        Expr::IsTrue(inner) => Ok(jump(Expr::IsTrue(Box::new(if_true(*inner, schema)?)))),
        Expr::IsNotTrue(inner) => Ok(jump(Expr::IsNotTrue(Box::new(if_true(*inner, schema)?)))),
        inner => Ok(Transformed::no(inner)),
    })?;
    Ok(exact.data)
}

/// `x IN (...)`, with what makes it unknown.
fn member(asked: InSubquery, schema: &DFSchema) -> Result<Expr> {
    let InSubquery { expr, subquery, negated: is_negated } = asked;
    let expr = Box::new(exact(*expr, schema)?);
    let unknown = doubts(&expr, &subquery, schema)?;
    let found = InSubquery::new(expr, subquery, false);
    let member = unless_unknown(Expr::InSubquery(found), unknown);
    Ok(if is_negated { negated(member) } else { member })
}

/// What makes it unknown whether `value` is among the rows of a query, if it is not found.
fn doubts(value: &Expr, subquery: &Subquery, schema: &DFSchema) -> Result<Vec<Expr>> {
    let rows = &subquery.subquery;
    let mut unknown = Vec::new();
    if value.nullable(schema).unwrap_or(true) {
        unknown.push(value.clone().is_null().and(has_rows(rows.as_ref().clone())?));
    }
    if rows.schema().field(0).is_nullable() {
        unknown.push(has_rows(only(rows, first_column(rows).is_null())?)?);
    }
    Ok(unknown)
}

/// Whether `found`, or else unknown if one of `doubts` is true.
fn unless_unknown(found: Expr, doubts: Vec<Expr>) -> Expr {
    let Some(unknown) = disjunction(doubts) else { return found };
    let cases = vec![
        (Box::new(found), Box::new(lit(true))),
        (Box::new(unknown), Box::new(lit(ScalarValue::Boolean(None)))),
    ];
    Expr::Case(Case::new(None, cases, Some(Box::new(lit(false)))))
}

fn negated(condition: Expr) -> Expr {
    match condition {
        Expr::Exists(Exists { subquery, negated }) => {
            Expr::Exists(Exists { subquery, negated: !negated })
        }
        condition => Expr::Not(Box::new(condition)),
    }
}

pub(super) fn first_column(rows: &LogicalPlan) -> Expr {
    Expr::Column(Column::from(rows.schema().qualified_field(0)))
}

/// The `rows` for which a condition is true.
fn only(rows: &Arc<LogicalPlan>, condition: Expr) -> Result<LogicalPlan> {
    Filter::try_new(condition, Arc::clone(rows)).map(LogicalPlan::Filter)
}

/// Whether there are `rows`.
pub(super) fn has_rows(rows: LogicalPlan) -> Result<Expr> {
    if !rows.all_out_ref_exprs().is_empty() {
        return Ok(exists(Arc::new(rows)));
    }
    let rows = LogicalPlanBuilder::from(rows).limit(0, Some(1))?.build()?;
    Ok(one_value(rows, count(lit(1_i64)))?.gt(lit(0_i64)))
}

/// What `aggregate` makes of `rows`.
pub(super) fn one_value(rows: LogicalPlan, aggregate: Expr) -> Result<Expr> {
    let values = LogicalPlanBuilder::from(rows).aggregate(Vec::<Expr>::new(), vec![aggregate])?;
    let values = values.build()?;
    let value = first_column(&values);
    let values = LogicalPlanBuilder::from(values).project(vec![value])?.build()?;
    Ok(scalar_subquery(Arc::new(values)))
}

/// `expression` as it is called in a query between values that have the columns of
/// `schema`.
pub(super) fn outside(expression: Expr, schema: &DFSchema) -> Result<Expr> {
    let outside = expression.transform_up(|inner| match inner {
        Expr::Column(column) => {
            let (_, field) = schema.qualified_field_from_column(&column)?;
            Ok(Transformed::yes(Expr::OuterReferenceColumn(Arc::clone(field), column)))
        }
        inner => Ok(Transformed::no(inner)),
    })?;
    Ok(outside.data)
}

/// `expression` with IN in the place of `= ANY (SELECT ...)`, and of other comparisons
/// with all rows of a query what they are.
fn plain(expression: Expr, schema: &DFSchema) -> Result<Expr> {
    let plain = expression.transform_up(|inner| match inner {
        Expr::SetComparison(asked) => Ok(Transformed::yes(compared(asked, schema)?)),
        // Where the row is that of no rows, the engine's join does not find it.
        Expr::InSubquery(asked) if has_a_row(&asked.subquery.subquery) => {
            let op = if asked.negated { Operator::NotEq } else { Operator::Eq };
            Ok(Transformed::yes(with_row(asked.expr, op, asked.subquery)))
        }
        // The join is by an expression of the query, and VALUES have none.
        Expr::InSubquery(asked) if asked.subquery.subquery.head_output_expr()?.is_none() => {
            let InSubquery { expr, subquery, negated } = asked;
            let rows = LogicalPlanBuilder::from(Arc::unwrap_or_clone(subquery.subquery));
            let rows = rows.alias("listed")?;
            let value = first_column(rows.plan());
            let rows = Arc::new(rows.project(vec![value])?.build()?);
            let subquery = Subquery { subquery: rows, ..subquery };
            Ok(Transformed::yes(Expr::InSubquery(InSubquery::new(expr, subquery, negated))))
        }
        inner => Ok(Transformed::no(inner)),
    })?;
    Ok(plain.data)
}

/// A comparison with the only row of a query.
fn with_row(value: Box<Expr>, op: Operator, subquery: Subquery) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(value, op, Box::new(Expr::ScalarSubquery(subquery))))
}

/// A comparison with all rows of a query fails if the opposite holds for one.
fn compared(asked: SetComparison, schema: &DFSchema) -> Result<Expr> {
    let SetComparison { expr, subquery, op, quantifier } = asked;
    if matches!(subquery.subquery.schema().field(0).data_type(), DataType::Interval(_)) {
        let error = Error::query("ANY and ALL do not compare intervals with a query");
        let error = error.hint("compare with one of them: age > (SELECT max(age) FROM t)");
        return Err(DataFusionError::External(Box::new(error)));
    }
    if has_a_row(&subquery.subquery) {
        return Ok(with_row(expr, op, subquery));
    }
    let opposite = match quantifier {
        SetQuantifier::Any => None,
        SetQuantifier::All => op.negate(),
    };
    let is_negated = opposite.is_some();
    let op = opposite.unwrap_or(op);
    if op == Operator::Eq {
        return Ok(Expr::InSubquery(InSubquery::new(expr, subquery, is_negated)));
    }
    let any = any(*expr, op, &subquery, schema)?;
    Ok(if is_negated { negated(any) } else { any })
}

/// Whether `value` compares as `op` says with one of the rows of a query. Of the rows that
/// can be put in order, one of the ends says so.
fn any(value: Expr, op: Operator, subquery: &Subquery, schema: &DFSchema) -> Result<Expr> {
    let rows = &subquery.subquery;
    let compared = |left: Expr, right: Expr| {
        Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
    };
    let is_ordered = has_ends(rows.schema().field(0).data_type());
    if !is_ordered || !columns_around(rows).is_empty() {
        let rows = apart(rows, schema)?;
        let compared = compared(outside(value, schema)?, first_column(&rows));
        let found = has_rows(only(&rows, Expr::IsTrue(Box::new(compared.clone())))?)?;
        return Ok(unless_unknown(found, vec![has_rows(only(&rows, compared.is_null())?)?]));
    }
    let most = || one_value(rows.as_ref().clone(), max(first_column(rows)));
    let least = || one_value(rows.as_ref().clone(), min(first_column(rows)));
    let found = match op {
        Operator::Lt | Operator::LtEq => compared(value.clone(), most()?),
        Operator::Gt | Operator::GtEq => compared(value.clone(), least()?),
        _ => compared(value.clone(), most()?).or(compared(value.clone(), least()?)),
    };
    // Without rows there are no ends, and nothing is found.
    let found = Expr::IsTrue(Box::new(found));
    Ok(unless_unknown(found, doubts(&value, subquery, schema)?))
}

/// Whether values of a type have a largest and a least one.
fn has_ends(kind: &DataType) -> bool {
    kind.is_numeric() || kind.is_string() || kind.is_temporal()
}

/// The condition that `(a, b) IN (SELECT ...)` was spelt with.
fn listed(asked: &Subquery) -> Option<&Filter> {
    let LogicalPlan::Projection(projection) = asked.subquery.as_ref() else { return None };
    let LogicalPlan::Filter(filter) = projection.input.as_ref() else { return None };
    match filter.input.as_ref() {
        LogicalPlan::SubqueryAlias(alias) if alias.alias.table() == ROWS_LISTED => Some(filter),
        _ => None,
    }
}

/// `(a, b) IN (...)`, with what makes it unknown; another EXISTS as it is.
fn member_of_rows(asked: Exists, schema: &DFSchema) -> Result<Expr> {
    let Some(filter) = listed(&asked.subquery) else { return Ok(Expr::Exists(asked)) };
    let unknown = doubts_of_rows(filter, schema)?;
    let found = Expr::Exists(Exists { subquery: asked.subquery, negated: false });
    let member = unless_unknown(found, unknown);
    Ok(if asked.negated { negated(member) } else { member })
}

/// What makes it unknown whether several values are a row of a query: some of them are
/// equal, and all the others are unknown here or there. Each way in which that may be is
/// asked for apart, so that rows are looked up by what is equal.
fn doubts_of_rows(filter: &Filter, schema: &DFSchema) -> Result<Vec<Expr>> {
    let rows = &filter.input;
    let pairs: Option<Vec<_>> = split_conjunction(&filter.predicate)
        .into_iter()
        .map(|equal| Pair::of(equal, rows.schema(), schema))
        .collect();
    let Some(ways) = pairs.as_deref().and_then(ways) else {
        let unknown = only(rows, filter.predicate.clone().is_null())?;
        return Ok(vec![has_rows(unknown)?]);
    };
    // In the first all are equal.
    ways.into_iter().skip(1).map(|way| way.condition(rows)).collect()
}

/// A value and its column of the rows.
struct Pair {
    equal: Expr,
    /// That the value is unknown, if it may be.
    is_unknown: Option<Expr>,
    /// That the column is, if it may be.
    is_unknown_there: Option<Expr>,
}

impl Pair {
    fn of(equal: &Expr, rows: &DFSchema, schema: &DFSchema) -> Option<Self> {
        let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = equal else {
            return None;
        };
        if left.any_column_refs() || right.contains_outer() || has_query(equal) {
            return None;
        }
        let value = strip_outer_reference(left.as_ref().clone());
        let may_be_unknown = value.nullable(schema).unwrap_or(true);
        let may_be_there = right.nullable(rows).unwrap_or(true);
        Some(Self {
            equal: equal.clone(),
            is_unknown: may_be_unknown.then(|| value.is_null()),
            is_unknown_there: may_be_there.then(|| right.as_ref().clone().is_null()),
        })
    }
}

/// What is asked of the values, and what of the rows.
#[derive(Default, Clone)]
struct Way {
    here: Vec<Expr>,
    there: Vec<Expr>,
}

impl Way {
    fn with(&self, here: Option<&Expr>, there: Option<&Expr>) -> Self {
        let mut way = self.clone();
        way.here.extend(here.cloned());
        way.there.extend(there.cloned());
        way
    }

    fn condition(self, rows: &Arc<LogicalPlan>) -> Result<Expr> {
        let rows = match conjunction(self.there) {
            Some(condition) => only(rows, condition)?,
            None => rows.as_ref().clone(),
        };
        let found = has_rows(rows)?;
        Ok(conjunction(self.here.into_iter().chain([found])).unwrap_or_else(|| lit(true)))
    }
}

/// All of them, unless they are too many.
fn ways(pairs: &[Pair]) -> Option<Vec<Way>> {
    let mut ways = vec![Way::default()];
    for pair in pairs {
        let next = ways.iter().flat_map(|way| {
            let equal = way.with(None, Some(&pair.equal));
            let here = pair.is_unknown.as_ref().map(|unknown| way.with(Some(unknown), None));
            let there = pair.is_unknown_there.as_ref().map(|unknown| way.with(None, Some(unknown)));
            [Some(equal), here, there].into_iter().flatten()
        });
        ways = next.collect();
        if ways.len() > MOST_WAYS {
            return None;
        }
    }
    Some(ways)
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    async fn session() -> Session {
        let session = Session::new(None, Settings::default()).unwrap();
        for sql in [
            "CREATE TABLE t AS SELECT * FROM (VALUES (1, 'a'), (2, 'a'), (3, 'b'), (NULL, 'a'))
             AS t(x, k)",
            "CREATE TABLE u AS SELECT * FROM (VALUES (2, 'a'), (NULL, 'b')) AS u(y, k)",
        ] {
            session.collect(sql).await.unwrap();
        }
        session
    }

    async fn found(session: &Session, condition: &str) -> Vec<String> {
        let sql = format!("SELECT x FROM t WHERE {condition} ORDER BY x");
        answer(session, &sql).await.into_iter().skip(1).collect()
    }

    #[tokio::test]
    async fn what_is_not_found_beside_something_unknown_is_unknown() {
        let session = session().await;
        for (condition, rows) in [
            ("x NOT IN (SELECT y FROM u) OR x = 5", &[] as &[&str]),
            ("x NOT IN (SELECT y FROM u) OR x = 1", &["1"]),
            ("(x IN (SELECT y FROM u)) IS NULL", &["1", "3", ""]),
            ("(x IN (SELECT y FROM u)) IS FALSE", &[]),
            ("(x IN (SELECT y FROM u)) IS TRUE", &["2"]),
            ("(x IN (SELECT y FROM u)) IS NOT TRUE", &["1", "3", ""]),
            ("(x IN (SELECT y FROM u)) = false", &[]),
            ("NOT (x IN (SELECT y FROM u) AND k <> 'z')", &[]),
            ("NOT (x IN (SELECT y FROM u) AND k = 'z')", &["1", "2", "3", ""]),
            ("coalesce(x IN (SELECT y FROM u), true)", &["1", "2", "3", ""]),
            ("CASE WHEN k = 'b' THEN true ELSE x NOT IN (SELECT y FROM u) END", &["3"]),
            ("x IN (SELECT y FROM u) OR k = 'b'", &["2", "3"]),
            ("x NOT IN (SELECT y FROM u)", &[]),
            ("x IN (SELECT y FROM u)", &["2"]),
            ("5 NOT IN (SELECT y FROM u)", &[]),
            ("5 NOT IN (SELECT y FROM u WHERE y > 0)", &["1", "2", "3", ""]),
        ] {
            assert_eq!(found(&session, condition).await, rows, "{condition}");
        }
    }

    #[tokio::test]
    async fn something_unknown_is_in_no_query_only_if_that_is_empty() {
        let session = session().await;
        for (condition, rows) in [
            ("x NOT IN (SELECT y FROM u WHERE y > 0) OR x = 5", &["1", "3"] as &[&str]),
            ("(x IN (SELECT y FROM u WHERE y > 0)) IS NULL", &[""]),
            ("x NOT IN (SELECT y FROM u WHERE y > 9) OR x = 5", &["1", "2", "3", ""]),
            ("(x IN (SELECT y FROM u WHERE y > 9)) IS NULL", &[]),
            ("(x IN (SELECT y FROM u WHERE y > 9)) IS FALSE", &["1", "2", "3", ""]),
        ] {
            assert_eq!(found(&session, condition).await, rows, "{condition}");
        }
    }

    #[tokio::test]
    async fn the_rows_may_be_those_of_the_same_table() {
        let session = session().await;
        for (condition, rows) in [
            ("x NOT IN (SELECT x FROM t WHERE x > 2)", &["1", "2"] as &[&str]),
            ("x <> ALL (SELECT x FROM t WHERE x > 2)", &["1", "2"]),
            ("NOT (x = ANY (SELECT x FROM t WHERE x > 2))", &["1", "2"]),
            ("x NOT IN (SELECT t.x FROM t)", &[]),
            ("x + 1 NOT IN (SELECT x FROM t WHERE x > 2)", &["1", "3"]),
            (
                "x NOT IN (SELECT x FROM t WHERE x > 1 AND x NOT IN (SELECT x FROM t WHERE x > 2))",
                &["1", "3"],
            ),
            (
                "x NOT IN (SELECT x FROM t WHERE x > 2) AND x NOT IN (SELECT x FROM t WHERE x < 2)",
                &["2"],
            ),
            ("x IN (SELECT x FROM t WHERE x > 2)", &["3"]),
            ("(x IN (SELECT x FROM t WHERE x > 2)) IS NOT NULL", &["1", "2", "3"]),
            ("coalesce(x IN (SELECT x FROM t WHERE x > 2), false) = (x = 3)", &["1", "2", "3"]),
            ("[x] > ANY (SELECT [x] FROM t WHERE x > 1)", &["3"]),
        ] {
            assert_eq!(found(&session, condition).await, rows, "{condition}");
        }
        let sql = "WITH c AS (SELECT x FROM t) SELECT x FROM c WHERE x NOT IN (SELECT x FROM c
                   WHERE x > 2) ORDER BY x";
        assert_eq!(answer(&session, sql).await, ["x", "1", "2"]);
        let sql = "SELECT t.x FROM t JOIN u ON t.k = u.k WHERE t.x NOT IN (SELECT x FROM t WHERE
                   x > 2) ORDER BY x";
        let apart = sql.replace("SELECT x FROM t", "SELECT v.x FROM t AS v");
        assert_eq!(answer(&session, sql).await, answer(&session, &apart).await);
    }

    #[tokio::test]
    async fn queries_with_columns_from_around_know_unknown_values() {
        let session = session().await;
        for (condition, rows) in [
            ("x NOT IN (SELECT y FROM u WHERE u.k = t.k)", &["1"] as &[&str]),
            ("x NOT IN (SELECT y FROM u WHERE u.k = t.k) OR x = 2", &["1", "2"]),
            ("(x IN (SELECT y FROM u WHERE u.k = t.k)) IS NULL", &["3", ""]),
            ("x IN (SELECT y FROM u WHERE u.k = t.k)", &["2"]),
            ("coalesce(x, 0) NOT IN (SELECT coalesce(y, 3) FROM u WHERE u.k = t.k)", &["1", ""]),
            // Only a query in it asks for one.
            (
                "x NOT IN (SELECT y FROM u WHERE y > (SELECT min(v.x) FROM t AS v WHERE
                 v.k = t.k))",
                &["1", "3"],
            ),
            (
                "x > ANY (SELECT y FROM u WHERE y < (SELECT max(v.x) + 1 FROM t AS v WHERE
                 v.k = t.k))",
                &["3"],
            ),
        ] {
            assert_eq!(found(&session, condition).await, rows, "{condition}");
        }
    }

    #[tokio::test]
    async fn the_row_of_an_aggregate_is_there_without_rows_to_aggregate() {
        let session = Session::new(None, Settings::default()).unwrap();
        for sql in [
            "CREATE TABLE t AS SELECT * FROM (VALUES (1, 'a'), (2, 'a'), (3, 'b'), (0, 'z'),
             (NULL, 'z')) AS t(x, k)",
            "CREATE TABLE u AS SELECT * FROM (VALUES (2, 'a'), (NULL, 'b')) AS u(y, k)",
        ] {
            session.collect(sql).await.unwrap();
        }
        for (condition, rows) in [
            ("x IN (SELECT count(*) FROM u WHERE u.k = t.k)", &["0", "1"] as &[&str]),
            ("x NOT IN (SELECT count(*) FROM u WHERE u.k = t.k)", &["2", "3"]),
            ("x NOT IN (SELECT max(y) FROM u WHERE u.k = t.k)", &["1"]),
            ("(x IN (SELECT max(y) FROM u WHERE u.k = t.k)) IS NULL", &["0", "3", ""]),
            ("x >= ALL (SELECT count(*) FROM u WHERE u.k = t.k)", &["0", "1", "2", "3"]),
            (
                "EXISTS (SELECT 1 FROM (SELECT count(*) AS n FROM u WHERE u.k = t.k) AS s WHERE n
                 = 0)",
                &["0", ""],
            ),
            ("x IN (SELECT count(*) FROM u WHERE u.k = t.k HAVING count(*) = 0)", &["0"]),
        ] {
            assert_eq!(found(&session, condition).await, rows, "{condition}");
        }
    }

    #[tokio::test]
    async fn conditions_of_joins_and_groups_know_unknown_values() {
        let session = session().await;
        let sql = "SELECT t.x FROM t JOIN u ON t.k = u.k AND (t.x NOT IN (SELECT y FROM u) OR
                   t.x = 2) ORDER BY 1";
        assert_eq!(answer(&session, sql).await, ["x", "2"]);
        let sql = "SELECT t.x FROM t JOIN u ON t.k = u.k AND (t.x NOT IN (SELECT y FROM u WHERE y >
                   0) OR u.y IS NULL) ORDER BY 1";
        assert_eq!(answer(&session, sql).await, ["x", "1", "3"]);
        let sql = "SELECT x FROM t GROUP BY x HAVING x NOT IN (SELECT y FROM u) OR count(*) > 5";
        assert_eq!(answer(&session, sql).await.get(1), None);
    }
}
