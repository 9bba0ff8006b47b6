//! Rows that OFFSET leaves out are decided before anything above it sorts.
//!
//! The engine moves a sort below an OFFSET: of `(SELECT n, m FROM t ORDER BY n OFFSET 2)
//! ORDER BY m` it left out the first two by m, and of `(SELECT n FROM t ORDER BY n LIMIT 1
//! OFFSET 2) ORDER BY n` it gave no row, since it took the limit for all that it needs below
//! the offset. While it moves sorts, such a part of a plan is behind a [wall](super::wall).

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::limit::GlobalLimitExec;

use super::wall::Wall;

/// The rule, to be applied while walls stand.
#[derive(Debug)]
pub(super) struct KeptOffsets;

impl PhysicalOptimizerRule for KeptOffsets {
    fn name(&self) -> &'static str {
        "kept_offsets"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let skips =
                node.downcast_ref::<GlobalLimitExec>().is_some_and(|limit| limit.skip() > 0);
            Ok(match skips {
                true => Transformed::yes(Wall::around_decided(node)),
                false => Transformed::no(node),
            })
        })
        .data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn what_an_offset_leaves_out_is_decided_below_it() {
        for threads in [1, 2] {
            let session = Session::new(None, Settings { threads, ..Settings::default() }).unwrap();
            let made = "CREATE TABLE t AS SELECT * FROM (VALUES (1, 9), (2, 8), (3, 7), (4, 6)) AS t(n, m)";
            session.collect(made).await.unwrap();
            for (inner, outer, rows) in [
                ("ORDER BY n OFFSET 2", "ORDER BY m", &["4|6", "3|7"][..]),
                ("ORDER BY n OFFSET 2", "ORDER BY n", &["3|7", "4|6"]),
                ("ORDER BY n OFFSET 2", "ORDER BY n DESC", &["4|6", "3|7"]),
                ("ORDER BY n LIMIT 1 OFFSET 2", "ORDER BY n", &["3|7"]),
                ("ORDER BY n LIMIT 2 OFFSET 1", "ORDER BY n, m", &["2|8", "3|7"]),
                ("ORDER BY n LIMIT 2 OFFSET 1", "ORDER BY m", &["3|7", "2|8"]),
                ("LIMIT 2 OFFSET 1", "ORDER BY n", &["2|8", "3|7"]),
                ("LIMIT 2 OFFSET 1", "ORDER BY n DESC LIMIT 1", &["3|7"]),
                ("ORDER BY n OFFSET 1", "ORDER BY m LIMIT 1 OFFSET 1", &["3|7"]),
                ("ORDER BY n OFFSET 1", "WHERE n <> 3 ORDER BY m", &["4|6", "2|8"]),
            ] {
                let sql = format!("SELECT * FROM (SELECT n, m FROM t {inner}) {outer}");
                assert_eq!(answer(&session, &sql).await[1..], *rows, "{sql}");
            }
            let numbered = "SELECT n, row_number() OVER (ORDER BY n) AS r
                            FROM (SELECT n FROM t ORDER BY n LIMIT 2 OFFSET 1) ORDER BY n";
            assert_eq!(answer(&session, numbered).await[1..], ["2|1", "3|2"]);
        }
    }
}
