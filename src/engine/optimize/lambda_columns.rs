//! The variables of a lambda keep their places.
//!
//! A variable stands behind the columns of its input, by their number. When the engine
//! puts a wider input in the place of a projection, that number is another, and
//! `h -> h LIKE '%北京%'` would be asked of a column. Here plans with a lambda keep their
//! projections.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::physical_expr::{HigherOrderFunctionExpr, PhysicalExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::projection_pushdown::ProjectionPushdown;
use datafusion::physical_plan::ExecutionPlan;

use super::held_back::{Rule, hold_back};

/// `rules`, of which the one that moves projections leaves plans with a lambda alone.
pub(super) fn among(rules: Vec<Rule>) -> Vec<Rule> {
    hold_back(rules, ProjectionPushdown::new().name(), has_lambda)
}

fn has_lambda(plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    plan.exists(|node| {
        let mut found = false;
        let mut look = |expression: &Arc<dyn PhysicalExpr>| {
            found |= expression.exists(|part| Ok(part.is::<HigherOrderFunctionExpr>()))?;
            Ok(TreeNodeRecursion::Continue)
        };
        node.apply_expressions(&mut look)?;
        Ok(found)
    })
}
