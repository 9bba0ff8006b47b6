//! A scan that reads its first rows only gives these, whatever is asked of it afterwards.
//!
//! The engine has a scan of files read backwards, or leave out rows for a join, after it
//! was told to stop at so many rows: then it gives other rows. Here a limit above such a
//! scan keeps both from it.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::pushdown_sort::PushdownSort;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};

/// The rule, to be applied before each of the engine's that changes a scan late.
#[derive(Debug)]
pub(super) struct KeptLimits;

impl KeptLimits {
    /// `rules` with this one before the sorts are pushed down, and before the filters are
    /// that come after.
    pub(super) fn among(
        mut rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>>,
    ) -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
        let sorts = PushdownSort::new();
        if let Some(place) = rules.iter().position(|rule| rule.name() == sorts.name()) {
            rules.insert(place + 1, Arc::new(Self));
            rules.insert(place, Arc::new(Self));
        }
        rules
    }
}

impl PhysicalOptimizerRule for KeptLimits {
    fn name(&self) -> &'static str {
        "kept_limits"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _options: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let kept = plan.transform_down(|node| {
            let is_limit = node.is::<LocalLimitExec>() || node.is::<GlobalLimitExec>();
            if is_limit && node.children().iter().any(|child| child.is::<DataSourceExec>()) {
                return Ok(Transformed::new(node, false, TreeNodeRecursion::Jump));
            }
            match node.fetch().filter(|_| node.is::<DataSourceExec>()) {
                Some(rows) => {
                    let limit = Arc::new(LocalLimitExec::new(node, rows));
                    Ok(Transformed::new(limit as _, true, TreeNodeRecursion::Jump))
                }
                None => Ok(Transformed::no(node)),
            }
        });
        Ok(kept?.data)
    }

    fn schema_check(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use datafusion::execution::session_state::SessionStateBuilder;

    use super::*;
    use crate::engine::optimize::add_rules_for_cluster;

    #[test]
    fn limits_are_kept_in_plans_for_other_machines() {
        let state = add_rules_for_cluster(SessionStateBuilder::new()).build();
        let names: Vec<_> =
            state.physical_optimizers().iter().map(|rule| rule.name().to_owned()).collect();
        let sorts = names.iter().position(|name| *name == PushdownSort::new().name()).unwrap();
        assert_eq!([&names[sorts - 1], &names[sorts + 1]], ["kept_limits", "kept_limits"]);
    }
}
