//! `x IN (SELECT ...)` is unknown if `x` is, or if it is not found where something
//! unknown is.
//!
//! The engine knows that where such a condition stands alone, or is joined to others by
//! AND: there it joins the tables. Elsewhere, in `x NOT IN (...) OR ...` or in
//! `(x IN (...)) IS NULL`, it makes a mark of each row that is found and takes all
//! others for rows that are not. There the condition also asks whether something unknown
//! is in the way.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, JoinType, Result, ScalarValue};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::expr::{Alias, BinaryExpr, Case, InSubquery};
use datafusion::logical_expr::utils::{conjunction, disjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    Expr, ExprSchemable, Filter, Join, LogicalPlan, LogicalPlanBuilder, Operator, lit,
    scalar_subquery,
};
use datafusion::optimizer::AnalyzerRule;

use super::reordering_casts::hidden;

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
    match plan {
        LogicalPlan::Filter(filter) if asks(&filter.predicate) => {
            let condition = conjuncts(filter.predicate, filter.input.schema())?;
            Ok(Transformed::yes(LogicalPlan::Filter(Filter::try_new(condition, filter.input)?)))
        }
        LogicalPlan::Join(join) if join.filter.as_ref().is_some_and(asks) => {
            Ok(Transformed::yes(of_join(join)?))
        }
        plan => Ok(Transformed::no(plan)),
    }
}

/// The engine makes joins of queries that rows are kept by, not of those that rows are
/// joined by. For an inner join it is one and the same.
fn of_join(mut join: Join) -> Result<LogicalPlan> {
    let Some(condition) = join.filter.take() else { return Ok(LogicalPlan::Join(join)) };
    let condition = conjuncts(condition, &join.schema)?;
    if join.join_type != JoinType::Inner {
        join.filter = Some(condition);
        return Ok(LogicalPlan::Join(join));
    }
    let (asking, plain): (Vec<_>, Vec<_>) =
        split_conjunction_owned(condition).into_iter().partition(asks);
    join.filter = conjunction(plain);
    let asking = conjunction(asking).unwrap_or_else(|| lit(true));
    Ok(LogicalPlan::Filter(Filter::try_new(asking, Arc::new(LogicalPlan::Join(join)))?))
}

/// Whether a condition has a query that something is looked for in.
fn asks(condition: &Expr) -> bool {
    condition.exists(|inner| Ok(matches!(inner, Expr::InSubquery(_)))).unwrap_or(true)
}

fn conjuncts(condition: Expr, schema: &DFSchema) -> Result<Expr> {
    let parts = split_conjunction_owned(condition);
    let parts: Vec<_> =
        parts.into_iter().map(|part| conjunct(part, schema)).collect::<Result<_>>()?;
    Ok(conjunction(parts).unwrap_or_else(|| lit(true)))
}

/// A condition that rows are kept by.
fn conjunct(condition: Expr, schema: &DFSchema) -> Result<Expr> {
    let absent = match condition {
        Expr::InSubquery(asked) if asked.negated => asked,
        Expr::Not(inner) => match *inner {
            Expr::InSubquery(asked) => {
                let InSubquery { expr, subquery, negated } = asked;
                return conjunct(
                    Expr::InSubquery(InSubquery::new(expr, subquery, !negated)),
                    schema,
                );
            }
            inner => return exact(Expr::Not(Box::new(inner)), schema),
        },
        condition => return if_true(condition, schema),
    };
    // The join that knows of unknown values is by one pair of columns.
    if absent.subquery.outer_ref_columns.is_empty() && absent.expr.any_column_refs() {
        return Ok(Expr::InSubquery(absent));
    }
    member(absent, schema)
}

/// A condition of which only counts whether it is true.
fn if_true(condition: Expr, schema: &DFSchema) -> Result<Expr> {
    Ok(match condition {
        Expr::InSubquery(asked) if !asked.negated => Expr::InSubquery(asked),
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
        Expr::IsTrue(inner) => Ok(jump(Expr::IsTrue(Box::new(if_true(*inner, schema)?)))),
        Expr::IsNotTrue(inner) => Ok(jump(Expr::IsNotTrue(Box::new(if_true(*inner, schema)?)))),
        inner => Ok(Transformed::no(inner)),
    })?;
    Ok(exact.data)
}

/// The condition, with what makes it unknown.
fn member(asked: InSubquery, schema: &DFSchema) -> Result<Expr> {
    let InSubquery { expr, subquery, negated } = asked;
    let rows = &subquery.subquery;
    let (place, item) = (rows.schema().qualified_field(0), rows.schema().field(0));
    let mut unknown = Vec::new();
    if expr.nullable(schema).unwrap_or(true) {
        unknown.push(expr.clone().is_null().and(has_rows(rows.as_ref().clone())?));
    }
    if item.is_nullable() {
        let is_unknown = Expr::Column(Column::from(place)).is_null();
        let rows = Filter::try_new(is_unknown, Arc::clone(rows))?;
        unknown.push(has_rows(LogicalPlan::Filter(rows))?);
    }
    let is_correlated = !subquery.outer_ref_columns.is_empty();
    let found = InSubquery::new(expr, subquery, false);
    let member = match disjunction(unknown) {
        // As a condition of its own it would become the join.
        Some(unknown) => Expr::Case(Case::new(
            None,
            vec![
                (Box::new(hidden(Expr::InSubquery(found))), Box::new(lit(true))),
                (Box::new(unknown), Box::new(lit(ScalarValue::Boolean(None)))),
            ],
            Some(Box::new(lit(false))),
        )),
        None if is_correlated => hidden(Expr::InSubquery(found)),
        None => Expr::InSubquery(found),
    };
    Ok(if negated { Expr::Not(Box::new(member)) } else { member })
}

/// Whether there are `rows`.
fn has_rows(rows: LogicalPlan) -> Result<Expr> {
    // Below a limit no columns from around the query are found.
    let is_correlated = !rows.all_out_ref_exprs().is_empty();
    let rows = LogicalPlanBuilder::from(rows);
    let rows = if is_correlated { rows } else { rows.limit(0, Some(1))? };
    let counted = rows.aggregate(Vec::<Expr>::new(), vec![count(lit(1_i64))])?.build()?;
    let number = Expr::Column(Column::from(counted.schema().qualified_field(0)));
    let counted = LogicalPlanBuilder::from(counted).project(vec![number])?.build()?;
    Ok(scalar_subquery(Arc::new(counted)).gt(lit(0_i64)))
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
    async fn queries_with_columns_from_around_know_unknown_values() {
        let session = session().await;
        for (condition, rows) in [
            ("x NOT IN (SELECT y FROM u WHERE u.k = t.k)", &["1"] as &[&str]),
            ("x NOT IN (SELECT y FROM u WHERE u.k = t.k) OR x = 2", &["1", "2"]),
            ("(x IN (SELECT y FROM u WHERE u.k = t.k)) IS NULL", &["3", ""]),
            ("x IN (SELECT y FROM u WHERE u.k = t.k)", &["2"]),
            ("coalesce(x, 0) NOT IN (SELECT coalesce(y, 3) FROM u WHERE u.k = t.k)", &["1", ""]),
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
