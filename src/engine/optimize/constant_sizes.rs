//! How many rows there are of what stands in the statement itself: `range(10)`, a list; of
//! the groups of an aggregate; and of what is joined.
//!
//! Which side of a join is held in memory is decided by how many rows the sides have. Of
//! the first the engine does not know it, and so holds all posts for `FROM posts, range(3)`.
//! Of groups it takes there to be as many as rows, and so holds all posts to find them by a
//! sum for each account. Of a join it takes all keys of the larger side to be different, and
//! so holds all posts with their accounts to find them by the latest followers of each. Here
//! it is told all of these while that is decided.

use std::sync::Arc;

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::Schema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{JoinType, Result, ScalarValue, Statistics};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::join_selection::JoinSelection;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateOutputMode};
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::memory::{LazyBatchGenerator, LazyMemoryExec};
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::unnest::UnnestExec;
use parking_lot::RwLock;

use super::held_back::Rule;
use super::wall::{self, Wall};

/// More rows than these are not counted: they are many.
const MOST: usize = 1 << 17;

/// `rules` with the one of this file before the one that chooses sides.
pub(super) fn among(rules: Vec<Rule>) -> Vec<Rule> {
    let counting: Rule = Arc::new(ConstantsCounted);
    wall::around(rules, JoinSelection::new().name(), [counting])
}

/// The rule that says how many rows there are of what stands in the statement.
#[derive(Debug)]
struct ConstantsCounted;

impl PhysicalOptimizerRule for ConstantsCounted {
    fn name(&self) -> &'static str {
        "constants_counted"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if !plan.exists(|node| Ok(chooses_a_side(node)))? {
            return Ok(plan);
        }
        plan.transform_up(|node| {
            let rows = count(&node).or_else(|| joined(&node)).map(Rows::Counted);
            let rows = rows.or_else(|| groups(&node));
            Ok(match rows {
                Some(rows) => Transformed::yes(Wall::around_counted(node, rows)),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn chooses_a_side(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<CrossJoinExec>() || plan.is::<HashJoinExec>() || plan.is::<NestedLoopJoinExec>()
}

/// How many rows `plan` gives, if the statement itself says so.
fn count(plan: &Arc<dyn ExecutionPlan>) -> Option<usize> {
    if let Some(series) = plan.downcast_ref::<LazyMemoryExec>() {
        return series.generators().iter().map(generated).sum();
    }
    listed(plan.downcast_ref::<UnnestExec>()?.input())
}

/// How many rows are made by `generator`, unless they are many.
fn generated(generator: &Arc<RwLock<dyn LazyBatchGenerator>>) -> Option<usize> {
    let another = generator.read().reset_state();
    let mut another = another.write();
    let mut rows = 0;
    while rows < MOST {
        match another.generate_next_batch().ok()? {
            Some(batch) => rows += batch.num_rows(),
            None => return Some(rows),
        }
    }
    None
}

/// How many items the longest list has that `plan` gives, if it gives one row of lists
/// from the statement.
fn listed(plan: &Arc<dyn ExecutionPlan>) -> Option<usize> {
    let lists = plan.downcast_ref::<ProjectionExec>()?;
    let is_one_row = lists.input().is::<PlaceholderRowExec>();
    let lengths = lists.expr().iter().filter_map(|list| length(&list.expr));
    lengths.max().filter(|_| is_one_row)
}

/// How many items a list from the statement has.
fn length(list: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    match list.downcast_ref::<Literal>()?.value() {
        ScalarValue::List(list) if list.len() == 1 => usize::try_from(list.value_length(0)).ok(),
        _ => None,
    }
}

/// About how many rows a join gives: most are by the key of the smaller side, so that each
/// row of the larger one finds one.
fn joined(plan: &Arc<dyn ExecutionPlan>) -> Option<usize> {
    let join = plan.downcast_ref::<HashJoinExec>()?;
    let pairs = [JoinType::Inner, JoinType::Left, JoinType::Right, JoinType::Full];
    let is_pairs = pairs.contains(join.join_type());
    is_pairs.then(|| Some(known(join.left())?.max(known(join.right())?)))?
}

/// About how many rows `plan` gives, if the engine knows it.
fn known(plan: &Arc<dyn ExecutionPlan>) -> Option<usize> {
    let statistics = StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new());
    statistics.ok()?.num_rows.get_value().copied()
}

/// That `plan` gives groups, if it does.
fn groups(plan: &Arc<dyn ExecutionPlan>) -> Option<Rows> {
    let aggregate = plan.downcast_ref::<AggregateExec>()?;
    let gives_groups = aggregate.mode().output_mode() == AggregateOutputMode::Final;
    let groups = aggregate.group_expr();
    let is_plain = gives_groups && groups.is_single() && !groups.expr().is_empty();
    is_plain.then(|| Rows::Groups { keys: groups.expr().len() })
}

/// What is known of how many rows there are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rows {
    /// So many.
    Counted(usize),
    /// As many as there are groups by so many keys.
    Groups {
        /// How many keys there are.
        keys: usize,
    },
}

impl Rows {
    /// How many there are, if the engine takes there to be `most`.
    fn among(self, most: Option<usize>) -> Option<usize> {
        match self {
            Self::Counted(rows) => Some(rows),
            // Groups grow slower than rows do: 2 million posts are of 5,000 accounts, and 35
            // million of 50,000. Each further key parts them again.
            Self::Groups { keys } => most.map(|most| {
                let power = 1.0 - (1.0_f64 / 3.0).powf(keys as f64);
                (most as f64).powf(power).ceil() as usize
            }),
        }
    }

    /// What the engine has `known`, with this.
    pub(super) fn told(self, known: &Statistics, schema: &Schema) -> Statistics {
        let rows = self.among(known.num_rows.get_value().copied());
        // No answer is to depend on it. The bytes are not known better than by the rows.
        let num_rows = rows.map_or(Precision::Absent, Precision::Inexact);
        let column_statistics = known.column_statistics.clone();
        Statistics { num_rows, column_statistics, ..Statistics::new_unknown(schema) }
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::{answer, value};
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn a_join_holds_the_few_rows_that_stand_in_the_statement() {
        let session = Session::new(None, Settings::default()).unwrap();
        let made = "CREATE TABLE t AS SELECT value AS i FROM range(0, 5000)";
        session.collect(made).await.unwrap();
        for (few, operator, pairs) in [
            ("range(3) AS r(n)", "LazyMemoryExec", 15_000),
            ("generate_series(1, 2) AS r(n)", "LazyMemoryExec", 10_000),
            ("unnest([1, 2, 3]) AS r(n)", "UnnestExec", 15_000),
        ] {
            for tables in [format!("t, {few}"), format!("{few}, t")] {
                let sql = format!("SELECT i + n FROM {tables}");
                let plan = answer(&session, &format!("EXPLAIN {sql}")).await.join("\n");
                let [held, looked_up] = [operator, "DataSourceExec"].map(|name| plan.find(name));
                assert!(held.is_some() && held < looked_up, "{tables}: {plan}");
                let counted = value(&session, &format!("SELECT count(*) FROM ({sql})")).await;
                assert_eq!(counted, pairs.to_string(), "{tables}");
            }
        }
    }

    #[tokio::test]
    async fn a_join_of_a_file_with_its_own_groups_holds_the_groups() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.parquet").display().to_string();
        let session = Session::new(None, Settings::default()).unwrap();
        let made = "SELECT value % 7 AS k, value AS i FROM range(0, 5000) AS r (value)";
        session.collect(&format!("COPY ({made}) TO '{file}'")).await.unwrap();
        let windows = format!(
            "SELECT sum(most - i)
             FROM (SELECT i, max(i) OVER (PARTITION BY k) AS most FROM '{file}')"
        );
        let wanted = value(&session, &windows).await;
        let groups = format!("(SELECT k, max(i) AS most FROM '{file}' GROUP BY k)");
        for kind in ["", "LEFT", "RIGHT", "FULL"] {
            let (all, of_all) = (format!("'{file}' t"), format!("{groups} g"));
            for (one, other) in [(&all, &of_all), (&of_all, &all)] {
                let tables = format!("{one} {kind} JOIN {other}");
                let sql = format!("SELECT t.i, g.most FROM {tables} ON t.k = g.k");
                let plan = answer(&session, &format!("EXPLAIN {sql}")).await.join("\n");
                let held = plan.split("HashJoinExec").nth(1).unwrap();
                let first = held.find("AggregateExec");
                assert!(first.is_some() && first < held.find("DataSourceExec"), "{tables}: {plan}");
                let sum = value(&session, &format!("SELECT sum(most - i) FROM ({sql})")).await;
                assert_eq!(sum, wanted, "{tables}");
            }
        }
    }

    #[tokio::test]
    async fn a_join_of_what_was_joined_holds_the_smaller_table() {
        let session = Session::new(None, Settings::default()).unwrap();
        for made in [
            "CREATE TABLE posts AS SELECT (value % 70)::text AS k, value AS i FROM range(0, 50000)",
            "CREATE TABLE accounts AS SELECT value::text AS k, value % 3 AS kind FROM range(0, 70)",
            "CREATE TABLE known AS SELECT value::text AS k, value AS f FROM range(0, 700)",
        ] {
            session.collect(made).await.unwrap();
        }
        let both = "posts p JOIN accounts a ON p.k = a.k";
        for (tables, rows) in [
            (format!("{both} JOIN known s ON s.k = p.k"), 50_000),
            (format!("known s JOIN ({both}) ON s.k = p.k"), 50_000),
            (format!("{both} RIGHT JOIN known s ON s.k = p.k"), 50_630),
        ] {
            let sql = format!("SELECT sum(i + f), count(*) FROM {tables}");
            let plan = answer(&session, &format!("EXPLAIN {sql}")).await.join("\n");
            let held = plan.split("physical_plan").nth(1).unwrap();
            let held = held.split_once("HashJoinExec").unwrap().1;
            assert!(held.find("DataSourceExec") < held.find("HashJoinExec"), "{tables}: {plan}");
            let counted = format!("SELECT count(*) FROM {tables}");
            assert_eq!(value(&session, &counted).await, rows.to_string());
        }
    }

    #[test]
    fn groups_are_fewer_than_rows_and_more_with_each_key() {
        let groups = |keys, rows| super::Rows::Groups { keys }.among(Some(rows)).unwrap();
        assert!(groups(1, 2_000_000) < 20_000 && groups(1, 2_000_000) > 5_000);
        assert!(groups(1, 2_000_000) < groups(2, 2_000_000) && groups(9, 2_000_000) <= 2_000_000);
        assert_eq!((groups(1, 0), groups(1, 1)), (0, 1));
    }

    #[tokio::test]
    async fn a_join_with_many_keys_still_holds_the_smaller_table() {
        let session = Session::new(None, Settings::default()).unwrap();
        for made in [
            "CREATE TABLE t AS SELECT value % 7 AS k, value AS i FROM range(0, 500000)",
            "CREATE TABLE few AS SELECT value AS k FROM range(0, 7)",
        ] {
            session.collect(made).await.unwrap();
        }
        let sql = "SELECT few.k, n FROM (SELECT k, count(*) AS n FROM t GROUP BY k) g
                   JOIN few ON few.k = g.k";
        let plan = answer(&session, &format!("EXPLAIN {sql}")).await.join("\n");
        let held = plan.split("HashJoinExec").nth(1).unwrap();
        assert!(held.find("DataSourceExec") < held.find("AggregateExec"), "{plan}");
    }
}
