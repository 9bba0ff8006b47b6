//! The first groups only, where nothing between them and the LIMIT needs the others.
//!
//! The engine has an aggregate give no more groups than `ORDER BY ... LIMIT` asks for. It
//! does so below a window function too, which then counts three groups where there are
//! forty. Here plans with a window function are left as they are.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::TreeNode;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::topk_aggregation::TopKAggregation;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};

use super::held_back::{Rule, hold_back};

/// `rules`, of which the one for limited groups leaves plans with a window alone.
pub(super) fn among(rules: Vec<Rule>) -> Vec<Rule> {
    hold_back(rules, TopKAggregation::new().name(), has_window)
}

fn has_window(plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    plan.exists(|node| Ok(node.is::<WindowAggExec>() || node.is::<BoundedWindowAggExec>()))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::display::array_value_to_string;

    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_window_counts_all_groups_whatever_the_limit() {
        let session = Session::new(None, Settings::default()).unwrap();
        let groups = "(SELECT value % 44 AS g FROM range(1, 1000) AS t (value)) AS t";
        for (what, limit, wanted) in [
            ("count(*) OVER ()", "ORDER BY g LIMIT 3", "44"),
            ("rank() OVER (ORDER BY g)", "ORDER BY g DESC LIMIT 3", "44"),
        ] {
            let sql = format!("SELECT {what} AS n, g FROM {groups} GROUP BY g {limit}");
            let batches = session.collect(&sql).await.unwrap();
            let found = array_value_to_string(batches[0].column(0), 0).unwrap();
            assert_eq!(found, wanted, "{sql}");
        }
    }
}
