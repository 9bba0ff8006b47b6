//! Keys of an order that are there twice: `first(likes ORDER BY id, id)`, and
//! `DISTINCT ON (platform) ... ORDER BY platform, id, id`.
//!
//! Where the engine looks for the first row of each group it counts the keys that it is
//! given, and then again those that differ, and panics if the two are not alike. So a key
//! that was there before, whichever way round, is left out: it orders nothing. The engine
//! itself does so for ORDER BY and for windows. Two keys are one if they are computed alike:
//! `id` and `id::bigint`, too.
//!
//! `DISTINCT ON (platform, platform)` it groups by one key, and then looks for two.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{AggregateUDF, Distinct, DistinctOn, Expr, LogicalPlan};
use datafusion::optimizer::{AnalyzerRule, ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};

use super::any_expression::any_expression;
use super::rewrite;

/// Aggregates that make the same of their rows in whatever order, though the engine does not
/// say so. To some of them it hands the keys of the order as if they were arguments, and
/// panics.
const ORDERLESS: [&str; 21] = [
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "corr",
    "count",
    "covar_pop",
    "covar_samp",
    "regr_avgx",
    "regr_avgy",
    "regr_count",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "regr_sxx",
    "regr_sxy",
    "regr_syy",
    "stddev",
    "stddev_pop",
    "var",
    "var_pop",
];

/// Whether an aggregate makes the same of its rows in whatever order; of doubles, but for the
/// last digits. `any_value` is one only as long as it has no order: with one it is
/// `first_value` before any rule asks here.
pub(super) fn takes_any_order(function: &AggregateUDF) -> bool {
    function.order_sensitivity() == AggregateOrderSensitivity::Insensitive
        || ORDERLESS.contains(&function.name())
}

/// The rule: as an analyzer rule for DISTINCT ON, and as an optimizer rule for aggregates,
/// when their keys are as they will be computed.
#[derive(Debug)]
pub(super) struct RepeatedKeys;

impl AnalyzerRule for RepeatedKeys {
    fn name(&self) -> &'static str {
        "repeated_keys"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let plan = plan.transform_up_with_subqueries(|node| {
            Ok(match node {
                LogicalPlan::Distinct(Distinct::On(distinct)) => with_each_once(distinct),
                node => Transformed::no(node),
            })
        })?;
        Ok(plan.data)
    }
}

impl OptimizerRule for RepeatedKeys {
    fn name(&self) -> &'static str {
        "repeated_keys"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Aggregate(groups) = &plan else { return Ok(Transformed::no(plan)) };
        let schema = Arc::clone(groups.input.schema());
        let is_meant = |call: &Expr| call.exists(|part| Ok(is_repeated(part, &schema)));
        if !any_expression(&plan, is_meant)? {
            return Ok(Transformed::no(plan));
        }
        rewrite::whole_expressions(plan, |call| {
            call.transform_up(|part| Ok(ordered_once(part, &schema)))
        })
    }
}

/// DISTINCT ON by each key once, and in an order by each key once.
fn with_each_once(mut distinct: DistinctOn) -> Transformed<LogicalPlan> {
    let schema = Arc::clone(distinct.input.schema());
    let mut is_changed = keep_first(&mut distinct.on_expr, &schema, |key| key);
    if let Some(order) = &mut distinct.sort_expr {
        is_changed |= keep_first(order, &schema, |key| &key.expr);
    }
    let distinct = LogicalPlan::Distinct(Distinct::On(distinct));
    if is_changed { Transformed::yes(distinct) } else { Transformed::no(distinct) }
}

/// Whether an aggregate has a key of its order twice, or one that means nothing to it.
fn is_repeated(part: &Expr, schema: &DFSchema) -> bool {
    let Expr::AggregateFunction(call) = part else { return false };
    let order = &call.params.order_by;
    !order.is_empty() && takes_any_order(&call.func)
        || keep_first(&mut order.clone(), schema, |key| &key.expr)
}

/// `part` with each key once that orders something for it, if it is an aggregate.
fn ordered_once(mut part: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let is_changed = match &mut part {
        Expr::AggregateFunction(call) if takes_any_order(&call.func) => {
            !std::mem::take(&mut call.params.order_by).is_empty()
        }
        Expr::AggregateFunction(call) => {
            keep_first(&mut call.params.order_by, schema, |key| &key.expr)
        }
        _ => false,
    };
    if is_changed { Transformed::yes(part) } else { Transformed::no(part) }
}

/// Leaves those of `keys` out that were there before, and says whether there are any.
fn keep_first<T>(keys: &mut Vec<T>, schema: &DFSchema, key: impl Fn(&T) -> &Expr) -> bool {
    let count = keys.len();
    if count < 2 {
        return false;
    }
    let mut known: Vec<(Expr, Option<Arc<dyn PhysicalExpr>>)> = Vec::with_capacity(count);
    keys.retain(|one| {
        let one = key(one);
        let run = computed(one, schema);
        let is_known = known.iter().any(|(other, other_run)| {
            let both = run.as_ref().zip(other_run.as_ref());
            one == other || both.is_some_and(|(run, other_run)| run == other_run)
        });
        if !is_known {
            known.push((one.clone(), run));
        }
        !is_known
    });
    keys.len() < count
}

/// How the engine computes a key, if that can be told yet.
fn computed(key: &Expr, schema: &DFSchema) -> Option<Arc<dyn PhysicalExpr>> {
    let (props, context) = (ExecutionProps::new(), PhysicalPlanningContext::default());
    create_physical_expr(key, schema, &props, &context).ok()
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_key_that_is_there_twice_orders_nothing() {
        let session = Session::new(None, Settings::default()).unwrap();
        let made = "CREATE TABLE n AS SELECT * FROM
                    (VALUES (1, 2, 3), (2, 2, 4), (3, 1, 5)) AS t(id, b, k)";
        session.collect(made).await.unwrap();
        for (asked, wanted) in [
            ("first(k ORDER BY id, id)", ["5", "3"]),
            ("first(k ORDER BY id DESC, id)", ["5", "4"]),
            ("first(k ORDER BY id, id DESC, k)", ["5", "3"]),
            ("first(k ORDER BY 1, id)", ["5", "3"]),
            ("first(k ORDER BY id::bigint, id)", ["5", "3"]),
            ("first(k ORDER BY -(-id), id)", ["5", "3"]),
            ("first(k ORDER BY b, id, b, id)", ["5", "3"]),
            ("last(k ORDER BY id, id)", ["5", "4"]),
            ("any_value(k ORDER BY id, id)", ["5", "3"]),
            ("first(k ORDER BY id, id) FILTER (WHERE k > 3)", ["5", "4"]),
            ("sum(k) + last(k ORDER BY id, id)", ["10", "11"]),
            ("string_agg(k::text, ',' ORDER BY id DESC, id)", ["5", "4,3"]),
            ("array_agg(k ORDER BY id, id)[1]", ["5", "3"]),
        ] {
            let sql = format!("SELECT {asked} AS a FROM n GROUP BY b ORDER BY b");
            let rows: Vec<&str> = ["a"].into_iter().chain(wanted).collect();
            assert_eq!(answer(&session, &sql).await, rows, "{sql}");
        }
        for (sql, wanted) in [
            ("SELECT first(k ORDER BY id, id) FROM n GROUP BY b ORDER BY 1", ["3", "5"]),
            ("SELECT DISTINCT ON (b) k FROM n ORDER BY b, id, id", ["5", "3"]),
            ("SELECT DISTINCT ON (b) k FROM n ORDER BY b, id DESC, id", ["5", "4"]),
            ("SELECT DISTINCT ON (b) k FROM n ORDER BY b, b, id", ["5", "3"]),
            ("SELECT DISTINCT ON (b, b) k FROM n ORDER BY b, b, id", ["5", "3"]),
        ] {
            assert_eq!(answer(&session, sql).await[1..], wanted, "{sql}");
        }
        // It is called as it was written.
        let sql = "SELECT first(k ORDER BY id, id) FROM n GROUP BY b";
        assert_eq!(answer(&session, sql).await[0], "first(k ORDER BY id, id)");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_order_that_means_nothing_to_an_aggregate_is_left_out() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from =
            "FROM (VALUES (1, 1, 2e0), (2, 1, 4e0), (3, 2, 9e0), (4, 2, NULL)) AS n(id, b, x)";
        for (asked, wanted) in [
            ("count(x ORDER BY id)", ["1|2", "2|1"]),
            ("count(DISTINCT x ORDER BY x)", ["1|2", "2|1"]),
            ("avg(x ORDER BY id)", ["1|3.0", "2|9.0"]),
            ("stddev_pop(x ORDER BY id DESC)", ["1|1.0", "2|0.0"]),
            ("bit_or(id ORDER BY x)", ["1|3", "2|7"]),
            ("max(x::text ORDER BY id)", ["1|4.0", "2|9.0"]),
            ("min(x ORDER BY id)", ["1|2.0", "2|9.0"]),
            ("regr_count(x, id ORDER BY id)", ["1|2", "2|1"]),
            ("median(x ORDER BY id DESC)", ["1|3.0", "2|9.0"]),
            ("arg_max(id, x ORDER BY -id)", ["1|2", "2|3"]),
        ] {
            let sql = format!("SELECT b, {asked} AS made {from} GROUP BY b ORDER BY b");
            assert_eq!(answer(&session, &sql).await[1..], wanted, "{sql}");
        }
    }
}
