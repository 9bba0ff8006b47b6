//! `CASE WHEN likes > 5 AND reposts < 3 THEN likes ELSE 0 END`: a value that the engine plans
//! as one that is always known, and runs as one that may not be.
//!
//! Its plans see that `likes` is known where it is more than 5. What runs them looks less
//! closely, and then refuses to group the rows. So around such a value stands a function of
//! which neither knows anything.

use std::cell::Cell;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Union};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::physical_expr::create_physical_expr;

use super::any_expression::any_expression;
use super::reordering_casts::{SAME, hidden};
use super::rewrite;

/// The rule, behind all others that make or change such values.
#[derive(Debug)]
pub(super) struct DoubtCases;

impl OptimizerRule for DoubtCases {
    fn name(&self) -> &'static str {
        "doubt_cases"
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
        let (mut groups, mut chooses) = (false, false);
        plan.apply_with_subqueries(|node| {
            groups |= matches!(node, LogicalPlan::Aggregate(_));
            chooses |= makes_columns(node) && any_expression(node, has_case)?;
            let is_found = groups && chooses;
            Ok(if is_found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })?;
        if !groups || !chooses {
            return Ok(Transformed::no(plan));
        }
        let is_changed = Cell::new(false);
        plan.transform_up_with_subqueries(|node| doubted(node, &is_changed))
    }
}

/// `node` with doubts, and knowing those below it.
fn doubted(node: LogicalPlan, is_changed: &Cell<bool>) -> Result<Transformed<LogicalPlan>> {
    let node = if is_changed.get() { knowing(node)? } else { node };
    let found = |node| Transformed::new(node, is_changed.get(), TreeNodeRecursion::Continue);
    if !makes_columns(&node) || !any_expression(&node, has_case)? {
        return Ok(found(node));
    }
    let schema = merge_schema(&node.inputs());
    let node = rewrite::whole_expressions(node, |value| {
        value.transform_down(|part| Ok(doubted_part(part, &schema)))
    })?;
    if !node.transformed {
        return Ok(found(node.data));
    }
    is_changed.set(true);
    node.data.recompute_schema().map(Transformed::yes)
}

/// `node` as its inputs are now.
fn knowing(node: LogicalPlan) -> Result<LogicalPlan> {
    let LogicalPlan::Union(Union { inputs, schema }) = node else { return node.recompute_schema() };
    let columns = schema.iter().enumerate().map(|(place, (table, field))| {
        let mut may_be = inputs.iter().map(|input| input.schema().field(place).is_nullable());
        let is_nullable = field.is_nullable() || may_be.any(|may_be| may_be);
        (table.cloned(), Arc::new(field.as_ref().clone().with_nullable(is_nullable)))
    });
    let schema = DFSchema::new_with_metadata(columns.collect(), schema.metadata().clone())?;
    Ok(LogicalPlan::Union(Union { inputs, schema: Arc::new(schema) }))
}

fn makes_columns(node: &LogicalPlan) -> bool {
    matches!(node, LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_))
}

fn has_case(value: &Expr) -> Result<bool> {
    value.exists(|part| Ok(matches!(part, Expr::Case(_))))
}

fn doubted_part(part: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let is_known = match &part {
        Expr::ScalarFunction(call) => SAME.is_called(call),
        // An aggregate says itself whether it may be unknown.
        Expr::AggregateFunction(_) => true,
        _ => false,
    };
    if is_known {
        return Transformed::new(part, false, TreeNodeRecursion::Jump);
    }
    if is_doubted(&part, schema) {
        return Transformed::new(hidden(part), true, TreeNodeRecursion::Jump);
    }
    Transformed::no(part)
}

/// Whether a value is known as it is planned, and may be unknown as it is run.
fn is_doubted(part: &Expr, schema: &DFSchema) -> bool {
    if !matches!(part, Expr::Case(_)) || part.nullable(schema).unwrap_or(true) {
        return false;
    }
    let (props, context) = (ExecutionProps::new(), PhysicalPlanningContext::default());
    // With a query in it, that cannot be told yet.
    create_physical_expr(part, schema, &props, &context)
        .and_then(|run| run.nullable(schema.as_arrow()))
        .unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_are_grouped_by_what_is_chosen_where_it_is_known() {
        let session = Session::new(None, Settings::default()).unwrap();
        let made = "CREATE TABLE t AS SELECT * FROM
                    (VALUES ('a', 1, 10), ('b', 4, NULL), (NULL, 5, 20)) AS t(k, id, v)";
        session.collect(made).await.unwrap();
        let chosen = "CASE WHEN v > id THEN v ELSE 0 END";
        for (sql, found) in [
            (
                "SELECT DISTINCT CASE WHEN v > 5 AND id < 3 THEN v ELSE 0 END AS x FROM t".to_owned(),
                &["0", "10"] as &[&str],
            ),
            (
                "SELECT DISTINCT CASE WHEN k NOT IN ('a', NULL) THEN v ELSE 2.5 END AS x FROM t"
                    .to_owned(),
                &["2.5"],
            ),
            (
                "SELECT DISTINCT CASE WHEN id > 3 AND k IS NOT NULL THEN k ELSE 'x' END AS x FROM t"
                    .to_owned(),
                &["b", "x"],
            ),
            (
                "SELECT DISTINCT CASE WHEN v > (SELECT min(v) FROM t) AND id > 3 THEN v ELSE 0 END
                 AS x FROM t"
                    .to_owned(),
                &["0", "20"],
            ),
            (format!("SELECT DISTINCT coalesce({chosen}, 1) AS x FROM t"), &["0", "10", "20"]),
            (
                format!("SELECT {chosen} AS x, count(*) AS c FROM t GROUP BY 1"),
                &["0|1", "10|1", "20|1"],
            ),
            (
                format!("SELECT {chosen} AS x, count(*) AS c FROM t GROUP BY ROLLUP ({chosen})"),
                &["0|1", "10|1", "20|1", "|3"],
            ),
            (
                format!(
                    "SELECT x, count(*) AS c FROM (SELECT {chosen} AS x FROM t UNION ALL SELECT 0)
                     AS s GROUP BY x"
                ),
                &["0|2", "10|1", "20|1"],
            ),
            (
                format!(
                    "SELECT x, count(*) AS c FROM (SELECT {chosen} AS x, row_number() OVER
                     (ORDER BY id) AS r FROM t) AS s WHERE r < 3 GROUP BY x"
                ),
                &["0|1", "10|1"],
            ),
            (format!("SELECT count(DISTINCT {chosen}) AS x FROM t"), &["3"]),
            (format!("SELECT sum({chosen}) AS x FROM t"), &["30"]),
        ] {
            let sql = format!("{sql} ORDER BY x");
            assert_eq!(answer(&session, &sql).await[1..], *found, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_may_be_unknown_both_ways_is_left_as_it_is() {
        let session = Session::new(None, Settings::default()).unwrap();
        let made = "CREATE TABLE t AS SELECT * FROM (VALUES (1, 10), (2, NULL)) AS t(id, v)";
        session.collect(made).await.unwrap();
        for case in [
            "CASE WHEN id > 1 THEN v ELSE 0 END",
            "CASE WHEN v IS NOT NULL THEN v ELSE 0 END",
            "CASE WHEN id > 1 THEN 1 ELSE 0 END",
        ] {
            let sql = format!("EXPLAIN SELECT {case} AS x, count(*) FROM t GROUP BY 1");
            let plan = answer(&session, &sql).await.join("\n");
            assert!(!plan.contains("same("), "{plan}");
        }
    }
}
