//! Whether a plan has an expression that a rule is for.

use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
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
