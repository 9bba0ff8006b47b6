//! Window functions of whole partitions as groups that are joined with the rows.
//!
//! `avg(reposts) OVER (PARTITION BY account_id)` sorts two million posts by their account,
//! to give each the average of its own. But there are as many averages as accounts: those of
//! a group by the account, in which each post finds its own by a join. The groups may then
//! be made of what is kept of the posts, such as roll-ups.
//!
//! For that the rows are read twice, so they have to be those of stored tables, by conditions
//! that cost little. A join gives them in another order than a sort, so this is done only
//! below what sorts them, or does not ask for an order.
//!
//! - [`groups`] makes the groups, and joins them with the rows.
//! - [`reading`] tells what may be read twice, and is worth it.

mod groups;
mod reading;
#[cfg(test)]
mod tests;

use datafusion::common::Result;
use datafusion::common::alias::AliasGenerator;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Distinct, Expr, LogicalPlan, Operator};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use crate::catalog::Levers;
use crate::engine::any_expression::any_node;
use groups::{Groups, whole_function};

/// Aggregates that give the same in whatever order they see their rows, but for the last
/// digits of doubles.
const ORDERLESS: [&str; 12] = [
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "bool_and",
    "bool_or",
    "stddev",
    "stddev_pop",
    "var",
    "var_pop",
    "median",
];

/// The rule.
#[derive(Debug)]
pub(super) struct WholeWindows;

impl OptimizerRule for WholeWindows {
    fn name(&self) -> &'static str {
        "whole_windows"
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let is_meant = |node: &LogicalPlan| Ok(matches!(node, LogicalPlan::Window(_)));
        if !Levers::of(&config.options()).whole_windows || !any_node(&plan, is_meant)? {
            return Ok(Transformed::no(plan));
        }
        with_groups(plan, Order::Kept, config.alias_generator())
    }
}

/// `plan`, whose rows somebody wants in `order`, with groups in the place of windows.
fn with_groups(
    plan: LogicalPlan,
    order: Order,
    names: &AliasGenerator,
) -> Result<Transformed<LogicalPlan>> {
    // Of several windows, each looks for the rows below all of them.
    let groups = match &plan {
        LogicalPlan::Window(window) if order == Order::Free => Groups::of(window),
        _ => None,
    };
    let below = order.below(&plan);
    let plan = plan.map_children(|input| with_groups(input, below, names))?;
    let plan = plan.transform_data(|plan| {
        plan.map_subqueries(|query| with_groups(query, Order::Kept, names))
    })?;
    let Some(groups) = groups else { return Ok(plan) };
    plan.transform_data(|plan| {
        let joined = match &plan {
            LogicalPlan::Window(window) => groups.joined(window, &names.next("__whole")),
            _ => None,
        };
        Ok(joined.map_or_else(|| Transformed::no(plan), Transformed::yes))
    })
}

/// What becomes of the order of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// It may be seen, or a sort is better for another reason.
    Kept,
    /// Something above sorts the rows, or takes them in any order.
    Free,
}

impl Order {
    /// That of the rows that `plan` reads, which gives its own in this one.
    fn below(self, plan: &LogicalPlan) -> Self {
        match plan {
            LogicalPlan::Sort(_) | LogicalPlan::Distinct(Distinct::All(_)) => Self::Free,
            LogicalPlan::Aggregate(groups) if groups.aggr_expr.iter().all(is_orderless) => {
                Self::Free
            }
            LogicalPlan::Window(window) if window.window_expr.iter().all(is_ordered) => self,
            // It would become the only key of the join: the engine cannot say of some keys
            // and not of others that unknown ones are equal.
            LogicalPlan::Filter(filter) if asks_for_equals(&filter.predicate) => Self::Kept,
            LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Join(_)
            | LogicalPlan::Union(_)
            | LogicalPlan::Unnest(_) => self,
            // A limit takes the first rows.
            _ => Self::Kept,
        }
    }
}

/// Whether a condition asks for two things of a row that are equal: `likes = max(likes) OVER ()`.
fn asks_for_equals(condition: &Expr) -> bool {
    split_conjunction(condition).into_iter().any(|part| match part {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            [left, right].into_iter().all(|side| !side.column_refs().is_empty())
        }
        _ => false,
    })
}

/// Whether an aggregate does not mind the order of its rows, or has one of its own.
fn is_orderless(aggregate: &Expr) -> bool {
    match aggregate {
        Expr::Alias(alias) => is_orderless(&alias.expr),
        Expr::AggregateFunction(call) => {
            !call.params.order_by.is_empty() || ORDERLESS.contains(&call.func.name())
        }
        _ => false,
    }
}

/// Whether a window function has an order of its own, or takes whole partitions.
fn is_ordered(expression: &Expr) -> bool {
    match expression {
        Expr::Alias(alias) => is_ordered(&alias.expr),
        Expr::WindowFunction(call) => !call.params.order_by.is_empty() || is_any_order(call),
        _ => false,
    }
}

fn is_any_order(call: &WindowFunction) -> bool {
    whole_function(call).is_some_and(|function| ORDERLESS.contains(&function.name()))
}
