//! Conditions stay above columns of one name.
//!
//! The engine hands a condition down through a plan by the names of its columns. Below a
//! join of `posts p` and `posts o` there are two called `post_id`: a condition on one was
//! asked of the other, and rows were lost. Here nothing goes down through what gives two
//! columns of one name; a join alone knows them by their places.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::limit::LocalLimitExec;

use super::held_back::Rule;

/// What the engine's rules that hand conditions down are called, before and after the
/// rest of a plan is settled.
const ENGINE: &str = "FilterPushdown";

/// A limit that is none: nothing is handed down through it.
const FENCE: usize = usize::MAX;

/// One of the engine's rules, which finds fences above columns of one name.
#[derive(Debug)]
struct Fenced(Rule);

/// `rules` with those fenced in that hand conditions down.
pub(super) fn among(mut rules: Vec<Rule>) -> Vec<Rule> {
    for place in rules.iter_mut().filter(|rule| rule.name().starts_with(ENGINE)) {
        let rule = Arc::clone(place);
        *place = Arc::new(Fenced(rule));
    }
    rules
}

impl PhysicalOptimizerRule for Fenced {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        options: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if !plan.exists(|node| Ok(is_fenced(node)))? {
            return self.0.optimize(plan, options);
        }
        let fenced = plan.transform_up(|node| {
            Ok(match is_fenced(&node) {
                true => Transformed::yes(Arc::new(LocalLimitExec::new(node, FENCE)) as _),
                false => Transformed::no(node),
            })
        })?;
        let plan = self.0.optimize(fenced.data, options)?;
        let open = plan.transform_up(|node| {
            let fence = node.downcast_ref::<LocalLimitExec>();
            let inside = fence.filter(|fence| fence.fetch() == FENCE);
            Ok(match inside.map(|fence| Arc::clone(fence.input())) {
                Some(inside) => Transformed::yes(inside),
                None => Transformed::no(node),
            })
        })?;
        Ok(open.data)
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

/// Whether `node` gives two columns of one name, and would mistake one for the other.
fn is_fenced(node: &Arc<dyn ExecutionPlan>) -> bool {
    let mut names = HashSet::new();
    let schema = node.schema();
    !node.is::<HashJoinExec>() && schema.fields().iter().any(|field| !names.insert(field.name()))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;

    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_condition_on_one_side_of_a_join_is_not_asked_of_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (a, b) = (path("a.parquet"), path("b.parquet"));
        let session = Session::new(None, Settings::default()).unwrap();
        for (rows, file) in [("(0, 0), (1, 10), (2, 20)", &a), ("(1, 0), (2, 10), (3, 20)", &b)] {
            let copy = format!("COPY (SELECT * FROM (VALUES {rows}) AS t(k, v)) TO '{file}'");
            session.collect(&copy).await.unwrap();
        }
        for (select, join, rest, wanted) in [
            ("b.k, b.v", "RIGHT", "WHERE a.v IS NULL", "| 3 | 20 |"),
            ("a.v, b.v", "FULL", "WHERE coalesce(a.v, 0) >= 10 AND b.k < 2", "| 10 | 0 |"),
            ("a.v, b.v", "FULL", "WHERE coalesce(b.v, 0) >= 20", "| | 20 |"),
            ("a.v, b.v", "RIGHT", "ORDER BY a.v DESC NULLS LAST LIMIT 1", "| 20 | 10 |"),
            ("a.v, b.v", "LEFT", "WHERE b.v IS NULL", "| 0 | |"),
            ("a.v, b.v", "INNER", "WHERE b.v > 5", "| 20 | 10 |"),
        ] {
            let sql =
                format!("SELECT {select} FROM '{a}' a {join} JOIN '{b}' b ON a.k = b.k {rest}");
            let batches = session.collect(&sql).await.unwrap();
            let table = pretty_format_batches(&batches).unwrap().to_string();
            let rows: Vec<String> = table
                .lines()
                .skip(3)
                .filter(|line| line.starts_with('|'))
                .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
                .collect();
            assert_eq!(rows, [wanted], "{sql}");
        }
    }
}
