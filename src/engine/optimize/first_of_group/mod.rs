//! Drops rows early that cannot be among the first of their group.
//!
//! "Each account's best post" sorts all posts by account to number them, and
//! keeps the first of each. A row for which its group has shown enough better ones
//! already need not be sorted: of two million, some ten thousand are left.

mod few;

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::physical_expr::utils::split_conjunction;
use datafusion::physical_expr::window::{StandardWindowExpr, WindowExpr};
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowUDFExpr};

use few::FewPerGroup;

use crate::catalog::Levers;

/// More rows of each group than this are not worth looking out for.
const FEW: usize = 100;

/// The rule.
#[derive(Debug)]
pub(super) struct FirstOfGroup;

impl PhysicalOptimizerRule for FirstOfGroup {
    fn name(&self) -> &'static str {
        "first_of_group"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if !Levers::of(config).first_of_group {
            return Ok(plan);
        }
        plan.transform_up(|node| {
            let wanted = first_rows_of_filter(&node);
            // Rows that are all in one group need no table of groups, and it can have none
            // by no columns.
            let fits = |wanted: &Wanted| wanted.rows <= FEW && !wanted.group.is_empty();
            let Some(wanted) = wanted.filter(fits) else {
                return Ok(Transformed::no(node));
            };
            Ok(match with_few(&node, &wanted, true)? {
                Some(node) => Transformed::yes(node),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Which rows are wanted: the first few of each group.
#[derive(Debug)]
struct Wanted {
    /// How many of each group.
    rows: usize,
    group: Vec<Arc<dyn PhysicalExpr>>,
    /// What they are sorted by in the first place.
    order: PhysicalSortExpr,
}

/// The rows wanted by a filter on the number that a window function gives rows.
fn first_rows_of_filter(node: &Arc<dyn ExecutionPlan>) -> Option<Wanted> {
    let filter = node.downcast_ref::<FilterExec>()?;
    let (window, numbers) = window_below(filter.input())?;
    let [expression] = window.window_expr() else { return None };
    if !numbers_rows(expression) {
        return None;
    }
    let conditions = split_conjunction(filter.predicate());
    let mut limits = conditions.into_iter().filter_map(|one| limit_on(one, &numbers));
    let (rows, order) = (limits.next()?, expression.order_by().first()?.clone());
    Some(Wanted { rows, group: expression.partition_by().to_vec(), order })
}

/// The window operator below, and the columns that hold its only result.
fn window_below(plan: &Arc<dyn ExecutionPlan>) -> Option<(&BoundedWindowAggExec, Vec<usize>)> {
    if let Some(window) = plan.downcast_ref::<BoundedWindowAggExec>() {
        return Some((window, vec![window.input().schema().fields().len()]));
    }
    let projection = plan.downcast_ref::<ProjectionExec>()?;
    let (window, numbers) = window_below(projection.input())?;
    let is_number = |one: &Arc<dyn PhysicalExpr>| {
        one.downcast_ref::<Column>().is_some_and(|column| numbers.contains(&column.index()))
    };
    let columns = projection.expr().iter().enumerate();
    Some((window, columns.filter(|(_, one)| is_number(&one.expr)).map(|(n, _)| n).collect()))
}

/// Whether the number that a row gets depends only on the rows before it.
fn numbers_rows(expression: &Arc<dyn WindowExpr>) -> bool {
    expression
        .as_any()
        .downcast_ref::<StandardWindowExpr>()
        .and_then(|window| window.get_standard_func_expr().as_any().downcast_ref::<WindowUDFExpr>())
        .is_some_and(|function| matches!(function.fun().name(), "row_number" | "rank"))
}

/// The largest number that a condition lets pass.
fn limit_on(condition: &Arc<dyn PhysicalExpr>, numbers: &[usize]) -> Option<usize> {
    let binary = condition.downcast_ref::<BinaryExpr>()?;
    let column = binary.left().downcast_ref::<Column>()?;
    let ScalarValue::Int64(Some(limit)) = binary.right().downcast_ref::<Literal>()?.value() else {
        return None;
    };
    let limit = usize::try_from(*limit).ok().filter(|_| numbers.contains(&column.index()))?;
    match binary.op() {
        Operator::Eq | Operator::LtEq => Some(limit),
        Operator::Lt => limit.checked_sub(1),
        _ => None,
    }
}

/// `node` with rows dropped below the sorting and dealing out that it needs;
/// `numbered` is whether the window operator is still below it.
fn with_few(
    node: &Arc<dyn ExecutionPlan>,
    wanted: &Wanted,
    numbered: bool,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let [input] = node.children()[..] else { return Ok(None) };
    if numbered || moves_rows_only(input) {
        let numbered = numbered && !input.is::<BoundedWindowAggExec>();
        let Some(changed) = with_few(input, wanted, numbered)? else { return Ok(None) };
        return with_child(node, changed).map(Some);
    }
    match FewPerGroup::new(input, &wanted.group, &wanted.order, wanted.rows) {
        Some(few) => with_child(node, Arc::new(few)).map(Some),
        None => Ok(None),
    }
}

fn with_child(
    node: &Arc<dyn ExecutionPlan>,
    child: Arc<dyn ExecutionPlan>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    Arc::clone(node).replace_children(vec![child], options)
}

/// Whether an operator gives the rows that it gets, in another order or place.
fn moves_rows_only(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<RepartitionExec>()
        || plan.is::<CoalescePartitionsExec>()
        || plan.is::<SortPreservingMergeExec>()
        || plan.downcast_ref::<SortExec>().is_some_and(|sort| sort.fetch().is_none())
}
