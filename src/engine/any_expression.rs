//! Whether a plan has an expression that a rule is for. A look is far cheaper than a plan
//! that is made anew, and few plans have what most rules are for.

use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan};

/// Whether one of the expressions of `plan` itself, each as a whole, `is_meant`.
pub(super) fn any_expression(
    plan: &LogicalPlan,
    is_meant: impl Fn(&Expr) -> Result<bool>,
) -> Result<bool> {
    let mut is_found = false;
    plan.apply_expressions(|expression| {
        is_found = is_meant(expression)?;
        Ok(if is_found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(is_found)
}

/// Whether an expression `is_meant` that is in `plan`, in what it reads, or in queries within
/// their expressions, be it a part of another one.
pub(super) fn any_part(plan: &LogicalPlan, is_meant: fn(&Expr) -> bool) -> Result<bool> {
    any_node(plan, |node| any_expression(node, |whole| whole.exists(|part| Ok(is_meant(part)))))
}

/// Whether a node `is_meant` of `plan`, or of queries within its expressions.
pub(super) fn any_node(
    plan: &LogicalPlan,
    is_meant: impl Fn(&LogicalPlan) -> Result<bool>,
) -> Result<bool> {
    let mut is_found = false;
    plan.apply_with_subqueries(|node| {
        is_found = is_meant(node)?;
        Ok(if is_found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(is_found)
}
