//! The variables of a lambda keep their places.
//!
//! A variable stands behind the columns of its input, by their number. When the engine
//! puts a wider input in the place of a projection, that number is another, and
//! `h -> h LIKE '%北京%'` would be asked of a column. Here plans with a lambda keep their
//! projections.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::physical_expr::{HigherOrderFunctionExpr, PhysicalExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::projection_pushdown::ProjectionPushdown;
use datafusion::physical_plan::ExecutionPlan;

/// The engine's rule, for plans in which it is right.
#[derive(Debug)]
pub(super) struct LambdaColumns(ProjectionPushdown);

impl LambdaColumns {
    /// `rules` with this one in the place of the engine's.
    pub(super) fn among(
        mut rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>>,
    ) -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
        let engine = ProjectionPushdown::new();
        for rule in rules.iter_mut().filter(|rule| rule.name() == engine.name()) {
            *rule = Arc::new(Self(ProjectionPushdown::new()));
        }
        rules
    }
}

impl PhysicalOptimizerRule for LambdaColumns {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        options: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let has_lambda = plan.exists(|node| takes_a_lambda(node.as_ref()))?;
        if has_lambda { Ok(plan) } else { self.0.optimize(plan, options) }
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

fn takes_a_lambda(node: &dyn ExecutionPlan) -> Result<bool> {
    let mut found = false;
    let mut look = |expression: &Arc<dyn PhysicalExpr>| {
        found |= expression.exists(|part| Ok(part.is::<HigherOrderFunctionExpr>()))?;
        Ok(TreeNodeRecursion::Continue)
    };
    node.apply_expressions(&mut look)?;
    Ok(found)
}
