//! `SELECT likes > 5 IS TRUE AS liked, count(*) ... GROUP BY liked`: `IS TRUE` and its like
//! in columns.
//!
//! The engine plans them as what is never unknown, runs them as comparisons that it takes
//! for unknown at times, and then refuses to group the rows. So they are these comparisons
//! in the plan already, where they make columns; conditions of rows stay as they are.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{Expr, LogicalPlan, Operator, binary_expr, lit};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::any_expression::any_expression;
use super::rewrite;

/// The rule, behind those that make such conditions.
#[derive(Debug)]
pub(super) struct TellTruths;

impl OptimizerRule for TellTruths {
    fn name(&self) -> &'static str {
        "tell_truths"
    }

    /// It goes over the plan itself, since all plans above learn of what may be unknown.
    fn apply_order(&self) -> Option<ApplyOrder> {
        None
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let mut is_found = false;
        plan.apply_with_subqueries(|node| {
            let is_meant = |expression: &Expr| expression.exists(|part| Ok(asks(part)));
            is_found = makes_columns(node) && any_expression(node, is_meant)?;
            Ok(if is_found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })?;
        if !is_found {
            return Ok(Transformed::no(plan));
        }
        plan.transform_up_with_subqueries(told)
    }
}

/// `node` with comparisons, and knowing what those below it may leave unknown.
fn told(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    if !makes_columns(&node) {
        return node.recompute_schema().map(Transformed::yes);
    }
    let node = rewrite::whole_expressions(node, |expression| expression.transform_up(compared))?;
    node.data.recompute_schema().map(Transformed::yes)
}

fn makes_columns(node: &LogicalPlan) -> bool {
    matches!(node, LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_) | LogicalPlan::Window(_))
}

fn asks(part: &Expr) -> bool {
    matches!(
        part,
        Expr::IsTrue(_)
            | Expr::IsNotTrue(_)
            | Expr::IsFalse(_)
            | Expr::IsNotFalse(_)
            | Expr::IsUnknown(_)
            | Expr::IsNotUnknown(_)
    )
}

fn compared(part: Expr) -> Result<Transformed<Expr>> {
    if !asks(&part) {
        return Ok(Transformed::no(part));
    }
    let same =
        |value: Box<Expr>, other| binary_expr(*value, Operator::IsNotDistinctFrom, lit(other));
    let distinct =
        |value: Box<Expr>, other| binary_expr(*value, Operator::IsDistinctFrom, lit(other));
    Ok(Transformed::yes(match part {
        Expr::IsTrue(value) => same(value, true),
        Expr::IsNotTrue(value) => distinct(value, true),
        Expr::IsFalse(value) => same(value, false),
        Expr::IsNotFalse(value) => distinct(value, false),
        Expr::IsUnknown(value) => Expr::IsNull(value),
        Expr::IsNotUnknown(value) => Expr::IsNotNull(value),
        other => return internal_err!("no question for a truth: {other}"),
    }))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_are_grouped_by_whether_something_is_true() {
        let session = Session::new(None, Settings::default()).unwrap();
        let rows = "(VALUES (1), (2), (NULL)) AS t(n)";
        for (asked, wanted) in [
            ("(n > 1) IS TRUE", ["false|2", "true|1"]),
            ("(n > 1) IS NOT TRUE", ["false|1", "true|2"]),
            ("(n > 1) IS FALSE", ["false|2", "true|1"]),
            ("(n > 1) IS NOT FALSE", ["false|1", "true|2"]),
            ("(n > 1) IS UNKNOWN", ["false|2", "true|1"]),
            ("(n > 1) IS NOT UNKNOWN", ["false|1", "true|2"]),
        ] {
            for sql in [
                format!(
                    "SELECT b, count(*) AS c FROM (SELECT {asked} AS b FROM {rows} LIMIT 5)
                     GROUP BY b ORDER BY b"
                ),
                format!(
                    "SELECT b, count(*) AS c FROM (SELECT {asked} AS b, sum(n) FROM {rows}
                     GROUP BY n, {asked}) GROUP BY b ORDER BY b"
                ),
                format!(
                    "SELECT b, count(DISTINCT coalesce(n, 0)) AS c, (SELECT 1) AS one
                     FROM (SELECT n, {asked} AS b FROM {rows} LIMIT 5) GROUP BY b ORDER BY b"
                ),
            ] {
                let found = answer(&session, &sql).await;
                let found: Vec<_> =
                    found[1..].iter().map(|row| row.trim_end_matches("|1")).collect();
                let wanted = wanted.map(|row| row.trim_end_matches("|1"));
                assert_eq!(found, wanted, "{sql}");
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn conditions_that_aggregates_share_are_computed_once() {
        let session = Session::new(None, Settings::default()).unwrap();
        let sql = "SELECT bool_or(n / m = 1 AND n % m = 0 AND b = (m > 0)) AS a,
                   count(*) FILTER (WHERE b = (m > 0)) AS c
                   FROM (VALUES (2, 2, true), (3, 0, true)) AS t(n, m, b)";
        assert_eq!(answer(&session, sql).await, ["a|c", "true|1"]);
        let sql = "SELECT n > 1 IS TRUE AS b, count(*) AS c FROM (VALUES (1), (2), (NULL)) AS t(n)
                   GROUP BY ROLLUP(n > 1 IS TRUE) ORDER BY 1, 2";
        assert_eq!(answer(&session, sql).await, ["b|c", "false|2", "true|1", "|3"]);
    }
}
