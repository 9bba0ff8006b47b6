//! What an operator has learned of its rows keeps out only what it would leave out itself.
//!
//! A join tells the scan of its other side between which keys its own are, and a sort for
//! the first rows which value a row must come before. Both are then compared in another way
//! than the operator compares: for the ends, a list with NULL in it comes behind those with
//! a number there, for the comparison before them; 0.0 and -0.0 are equal, but not among
//! listed keys. Rows were lost. Here a join by lists, structs or doubles tells nothing, and
//! a sort by lists or structs whose NULLs come last inside sorts all rows, of which the first
//! are then taken. So does one for very many first rows: only a sort of all can spill.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::filter_pushdown::FilterPushdown;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::limit::LocalLimitExec;
use datafusion::physical_plan::sorts::sort::SortExec;

use super::held_back::Rule;

type Plan = Arc<dyn ExecutionPlan>;

/// Of more first rows the engine is not asked to hold them beside those that it looks at.
const MOST_FIRST_ROWS: usize = 100_000;

/// The rule, to be applied when filters have been handed to scans.
#[derive(Debug)]
pub(super) struct LearnedFilters;

impl LearnedFilters {
    /// `rules` with this one behind the one that hands to scans what is learned.
    pub(super) fn among(mut rules: Vec<Rule>) -> Vec<Rule> {
        let handing = FilterPushdown::new_post_optimization();
        let place = rules.iter().position(|rule| rule.name() == handing.name());
        rules.insert(place.map_or(rules.len(), |place| place + 1), Arc::new(Self));
        rules
    }
}

impl PhysicalOptimizerRule for LearnedFilters {
    fn name(&self) -> &'static str {
        "learned_filters"
    }

    fn optimize(&self, plan: Plan, _: &ConfigOptions) -> Result<Plan> {
        plan.transform_up(|node| {
            if node.downcast_ref::<HashJoinExec>().is_some_and(compares_otherwise) {
                // Without the filter; that of the scan lets all rows pass for good.
                return node.reset_state().map(Transformed::yes);
            }
            Ok(match node.downcast_ref::<SortExec>().and_then(all_sorted) {
                Some(sorted) => Transformed::yes(sorted),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether keys of `join` are equal that a filter tells apart, or the other way round.
fn compares_otherwise(join: &HashJoinExec) -> bool {
    let (left, right) = (join.left().schema(), join.right().schema());
    let keys = join.on().iter().map(|(one, other)| [one.data_type(&left), other.data_type(&right)]);
    keys.flatten().any(|kind| kind.is_ok_and(|kind| kind.is_nested() || is_double(&kind)))
}

fn is_double(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, values) => is_double(values),
        kind => kind.is_floating(),
    }
}

/// What a sort for the first rows gives, by way of all of them, if it would leave out the
/// wrong ones.
fn all_sorted(sort: &SortExec) -> Option<Plan> {
    let rows = sort.fetch()?;
    let schema = sort.input().schema();
    let is_misjudged = |key: &PhysicalSortExpr| {
        // A comparison takes NULL inside for the least.
        let nulls_are_greatest = key.options.nulls_first == key.options.descending;
        nulls_are_greatest && key.expr.data_type(&schema).is_ok_and(|kind| kind.is_nested())
    };
    let needs_all = rows > MOST_FIRST_ROWS || sort.expr().iter().any(is_misjudged);
    needs_all.then(|| Arc::new(LocalLimitExec::new(Arc::new(sort.with_fetch(None)), rows)) as _)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use datafusion::arrow::array::{ArrayRef, ListBuilder, StringBuilder};

    use super::*;
    use crate::engine::answers::{answer, value};
    use crate::engine::{Session, Settings, made_posts};
    use crate::store::Store;

    /// A hundred posts, every other one with the tag `a` and the others with `b`.
    async fn posts(folder: &Path) -> Arc<Store> {
        let mut tags = ListBuilder::new(StringBuilder::new());
        for number in 0..100 {
            tags.append_value([Some(if number % 2 == 0 { "a" } else { "b" })]);
        }
        let tags: ArrayRef = Arc::new(tags.finish());
        made_posts::store(folder, [made_posts::posts(0..100, &[("hashtags", tags)])]).await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_are_found_by_lists_beside_one_that_holds_null() {
        let folder = tempfile::tempdir().unwrap();
        let store = posts(folder.path()).await;
        for threads in [1, 3] {
            let settings = Settings { threads, ..Settings::default() };
            let session = Session::new(Some(Arc::clone(&store)), settings).unwrap();
            let wanted = "(VALUES (['a'], 0), ([NULL], 0)) AS wanted(tags, zero)";
            // From files first, then from memory.
            for _ in 0..3 {
                for joined in ["hashtags = tags", "hashtags = tags AND likes * 0 = zero"] {
                    let sql = format!("SELECT count(*) FROM posts JOIN {wanted} ON {joined}");
                    assert_eq!(value(&session, &sql).await, "50", "{sql}");
                    let sql = format!(
                        "SELECT count(*) FROM posts
                         WHERE EXISTS (SELECT 1 FROM {wanted} WHERE {joined})"
                    );
                    assert_eq!(value(&session, &sql).await, "50", "{sql}");
                }
            }
        }
    }

    /// Rows from a file, of which the scan leaves out what it is told to.
    async fn file(session: &Session, folder: &tempfile::TempDir, name: &str, rows: &str) -> String {
        let file = folder.path().join(name).display().to_string();
        session.collect(&format!("COPY ({rows}) TO '{file}'")).await.unwrap();
        file
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn both_zeros_are_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let session = Session::new(None, Settings::default()).unwrap();
        let rows = "SELECT x::double AS x, 1 AS n FROM (VALUES (0e0), (-0e0), (2e0)) AS t(x)";
        let file = file(&session, &folder, "zeros.parquet", rows).await;
        let one = "(SELECT x * -1e0 AS x, 1 AS n FROM (VALUES (0e0), (-2e0)) AS t(x))";
        for joined in ["a.x = b.x", "a.x = b.x AND a.n = b.n"] {
            let sql = format!("SELECT count(*) FROM {one} a JOIN '{file}' b ON {joined}");
            assert_eq!(value(&session, &sql).await, "3", "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_first_lists_are_those_of_all_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let session = Session::new(None, Settings { threads: 1, ..Settings::default() }).unwrap();
        let rows = "SELECT * FROM (VALUES ([1, NULL], 1), ([2, 2], 2), ([1, 2], 3), ([1, 1], 4),
                    ([NULL, 1], 5), ([3, NULL], 6), (NULL, 7)) AS t(l, n)";
        let file = file(&session, &folder, "lists.parquet", rows).await;
        // What the first rows have taught is asked of the rows behind them.
        session.collect("SET datafusion.execution.batch_size = 2").await.unwrap();
        for order in ["l", "l DESC", "l NULLS FIRST", "l DESC NULLS FIRST", "l, n"] {
            let all = answer(&session, &format!("SELECT n FROM '{file}' ORDER BY {order}")).await;
            for rows in 1..5 {
                let sql = format!("SELECT n FROM '{file}' ORDER BY {order} LIMIT {rows}");
                assert_eq!(answer(&session, &sql).await, all[..=rows], "{sql}");
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_comes_behind_very_many_rows_is_found_by_a_sort_of_all() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "SELECT value FROM range(0, 300000) ORDER BY value * 7 % 300001 LIMIT 1";
        for (offset, heaps) in [("", 1), (" OFFSET 150000", 0)] {
            let plan = answer(&session, &format!("EXPLAIN {from}{offset}")).await;
            let found = plan.iter().filter(|line| line.contains("TopK(")).count();
            assert_eq!(found, heaps, "{plan:?}");
        }
        let all = answer(&session, &from.replace(" LIMIT 1", "")).await;
        assert_eq!(answer(&session, &format!("{from} OFFSET 150000")).await[1], all[150_001]);
    }
}
