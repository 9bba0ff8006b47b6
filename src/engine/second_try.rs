//! A query whose hash join does not fit into memory is run once more, with joins that sort.
//!
//! A hash join holds one of its sides whole, and none of it can go to disk. The engine has
//! another join, which sorts both sides, and sorts spill. Where there is room it is slower,
//! so it is taken only when a hash join has failed, and no row has been given out or
//! written.
//!
//! The second plan is that of one thread. Threads that hand rows to each other spill as well
//! when memory is short, and may then wait for each other without an end
//! (<https://github.com/apache/datafusion/issues/24883>); besides, the sorts of one thread
//! have to share with fewer others.

use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{JoinType, Result};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::execution::memory_pool::MemoryLimit;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::joins::{HashJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

type Plan = Arc<dyn ExecutionPlan>;
type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// What is told of a second try.
pub(super) const NOTICE: &str = "a join did not fit into memory, so the query was run once more with joins that sort \
     and spill; a larger --memory-limit saves the first try";

/// What the engine calls the side of a hash join that is held.
const HELD: &str = "HashJoinInput";

/// How often it is looked whether a plan that failed has given back what it had.
const LOOKS: usize = 100;

/// The time between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// `rules` behind the one that takes joins that sort where these are preferred. The others
/// find the joins as if they had been planned like that.
pub(super) fn before(mut rules: Vec<Rule>) -> Vec<Rule> {
    rules.insert(0, Arc::new(SortedJoins));
    rules
}

/// Whether a hash join held some of the memory of which there was too little.
pub(super) fn may_help(failure: &DataFusionError) -> bool {
    match failure.find_root() {
        DataFusionError::ResourcesExhausted(message) => message.contains(HELD),
        _ => false,
    }
}

/// `query` as it is planned the second time, with the session to run it in; nothing where
/// that plan would be no better.
pub(super) async fn plan(
    state: &SessionState,
    query: &LogicalPlan,
) -> Option<(SessionState, Plan)> {
    let mut state = state.clone();
    let options = state.config_mut().options_mut();
    options.optimizer.prefer_hash_join = false;
    options.execution.target_partitions = 1;
    // Whoever asked wants to hear why the first try failed, not why there is no other.
    let plan = state.create_physical_plan(query).await.ok()?;
    is_better(&plan).unwrap_or(false).then_some((state, plan))
}

/// Whether a join of `plan` sorts, and no threads hand rows to each other in it, as those do
/// that read the parts of a union.
fn is_better(plan: &Plan) -> Result<bool> {
    let sorts = plan.exists(|node| Ok(node.is::<SortMergeJoinExec>()))?;
    let hands_over = plan.exists(|node| {
        let between = node.downcast_ref::<RepartitionExec>();
        Ok(between.is_some_and(|node| node.input().output_partitioning().partition_count() > 1))
    })?;
    Ok(sorts && !hands_over)
}

/// Waits a moment for the threads of a plan that failed: they let go of what they have when
/// they come to look, and until then it is missing to the next plan.
pub(super) async fn room(state: &SessionState) {
    let pool = &state.runtime_env().memory_pool;
    let MemoryLimit::Finite(limit) = pool.memory_limit() else { return };
    for _ in 0..LOOKS {
        // Columns that are held make room by themselves, and have half of it at most.
        if pool.reserved() <= limit - limit / 4 {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The rule that takes joins that sort in the place of hash joins, where the session prefers
/// them and they are certain to give the same rows. The planner does so for several threads
/// only, and whatever the keys are.
#[derive(Debug)]
struct SortedJoins;

impl PhysicalOptimizerRule for SortedJoins {
    fn name(&self) -> &'static str {
        "sorted_joins"
    }

    fn optimize(&self, plan: Plan, options: &ConfigOptions) -> Result<Plan> {
        if options.optimizer.prefer_hash_join {
            return Ok(plan);
        }
        plan.transform_up(by_sorting).map(|plan| plan.data)
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn by_sorting(node: Plan) -> Result<Transformed<Plan>> {
    let Some(join) = node.downcast_ref::<HashJoinExec>().filter(|join| is_plain(join)) else {
        return Ok(Transformed::no(node));
    };
    let sorted = SortMergeJoinExec::try_new(
        Arc::clone(join.left()),
        Arc::clone(join.right()),
        join.on().to_vec(),
        None,
        *join.join_type(),
        vec![SortOptions::default(); join.on().len()],
        join.null_equality(),
    )?;
    Ok(Transformed::yes(Arc::new(sorted)))
}

/// Whether `join` compares nothing but keys that sort as they compare.
///
/// One with another condition could take no end where many rows have one key. NOT IN is a
/// join of its own kind where there are NULLs, which only hash joins know.
fn is_plain(join: &HashJoinExec) -> bool {
    let is_whole = join.filter().is_none() && !join.contains_projection() && join.fetch().is_none();
    let is_mark = matches!(join.join_type(), JoinType::LeftMark | JoinType::RightMark);
    let (left, right) = (join.left().schema(), join.right().schema());
    let mut keys = join.on().iter();
    let sort = keys.all(|(one, other)| {
        // What computes a key and fails would end the engine's join by a panic.
        let are_columns = one.is::<Column>() && other.is::<Column>();
        let kinds = (one.data_type(&left), other.data_type(&right));
        are_columns
            && matches!(&kinds, (Ok(one), Ok(other)) if one == other && sorts_as_it_compares(one))
    });
    is_whole && !is_mark && !join.null_aware && sort
}

/// Whether two values of a kind are next to each other in its order exactly if they are
/// equal. Of doubles -0.0 and 0.0 are not; lists and structs are left out for what is in
/// them.
fn sorts_as_it_compares(kind: &DataType) -> bool {
    use DataType::{
        Boolean, Date32, Date64, Decimal128, Decimal256, LargeUtf8, Timestamp, Utf8, Utf8View,
    };
    let is_text = matches!(kind, Utf8 | LargeUtf8 | Utf8View);
    let is_time = matches!(kind, Date32 | Date64 | Timestamp(..));
    let is_number = kind.is_integer() || matches!(kind, Decimal128(..) | Decimal256(..));
    is_text || is_time || is_number || *kind == Boolean
}

#[cfg(test)]
mod tests {
    use datafusion::physical_plan::displayable;

    use super::*;
    use crate::engine::answers::answer;
    use crate::engine::{Params, Session, Settings, script};

    /// Two tables with keys of many kinds, some unknown, some more than once.
    const TABLES: &str = "CREATE TABLE one AS SELECT * FROM (VALUES
            (1, 'a', 0.0::DOUBLE, TIMESTAMP '2020-01-01', [1], 1.5),
            (1, 'b', -0.0::DOUBLE, TIMESTAMP '2020-01-02', [2], 2.5),
            (2, NULL, 'NaN'::DOUBLE, NULL, NULL, NULL),
            (NULL, 'c', 2::DOUBLE, TIMESTAMP '2020-01-03', [3], 3.5))
            AS t(n, s, d, seen, l, m);
        CREATE TABLE other AS SELECT n, s, -d AS d, seen, l, m FROM one WHERE n IS NOT NULL";

    async fn session() -> Session {
        let settings = Settings { threads: 2, ..Settings::default() };
        let session = Session::new(None, settings).unwrap();
        for statement in script::parse(TABLES, None).unwrap() {
            let answer = session.run(&statement, &Params::new()).await.unwrap();
            answer.collect().await.unwrap();
        }
        session
    }

    async fn planned_again(session: &Session, sql: &str) -> Option<Plan> {
        let statement = script::parse(sql, None).unwrap().remove(0);
        let query = session.plan(&statement, &Params::new()).await.unwrap();
        plan(&session.context().state(), &query).await.map(|(_, plan)| plan)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn only_joins_whose_keys_sort_as_they_compare_are_tried_again() {
        let session = session().await;
        let join = |on: &str| format!("SELECT one.s, other.m FROM one JOIN other ON {on}");
        for on in [
            "one.n = other.n",
            "one.s = other.s",
            "one.seen = other.seen AND one.n = other.n",
            "one.m = other.m",
            "one.n IS NOT DISTINCT FROM other.n",
        ] {
            assert!(planned_again(&session, &join(on)).await.is_some(), "{on}");
        }
        for on in [
            "one.d = other.d",
            "one.l = other.l",
            "one.n = other.n AND one.d = other.d",
            "one.n = other.n AND one.s || other.s <> 'ab'",
            "one.s || other.s <> 'ab'",
        ] {
            assert!(planned_again(&session, &join(on)).await.is_none(), "{on}");
        }
        assert!(planned_again(&session, "SELECT n, count(*) FROM one GROUP BY n").await.is_none());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn joins_that_sort_give_the_rows_of_hash_joins() {
        let (hashed, sorted) = (session().await, session().await);
        for setting in
            ["datafusion.optimizer.prefer_hash_join = false", "datafusion.execution.batch_size = 2"]
        {
            sorted.collect(&format!("SET {setting}")).await.unwrap();
        }
        sorted.collect("SET datafusion.execution.target_partitions = 1").await.unwrap();
        let mut queries = vec![
            "SELECT n FROM one WHERE n NOT IN (SELECT n FROM other) ORDER BY ALL".to_owned(),
            "SELECT n FROM other WHERE n NOT IN (SELECT n FROM one) ORDER BY ALL".to_owned(),
            "SELECT n FROM one WHERE EXISTS (SELECT 1 FROM other WHERE other.s = one.s) \
             ORDER BY ALL"
                .to_owned(),
        ];
        for kind in ["", "LEFT", "RIGHT", "FULL"] {
            for keys in ["n", "s", "d", "seen", "l", "m", "n s", "n d", "s seen"] {
                let keys = keys.split(' ').map(|key| format!("one.{key} = other.{key}"));
                let on = keys.collect::<Vec<_>>().join(" AND ");
                queries.push(format!(
                    "SELECT one.n AS a, one.s AS b, other.n AS c, other.s AS d FROM one {kind} \
                     JOIN other ON {on} ORDER BY ALL"
                ));
            }
        }
        for sql in &queries {
            assert_eq!(answer(&sorted, sql).await, answer(&hashed, sql).await, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn joins_that_sort_wait_now_and_then() {
        let session = session().await;
        let sql = "SELECT one.s, other.m FROM one JOIN other ON one.n = other.n";
        let plan = planned_again(&session, sql).await.unwrap();
        let shown = displayable(plan.as_ref()).indent(false).to_string();
        let lines: Vec<&str> = shown.lines().map(str::trim).collect();
        let join = lines.iter().position(|line| line.starts_with("SortMergeJoinExec")).unwrap();
        assert!(join > 0 && lines[join - 1].starts_with("CooperativeExec"), "{shown}");
    }

    #[test]
    fn only_a_failure_of_a_join_for_want_of_memory_is_tried_again() {
        let told = |holder: &str| {
            let message = format!("Additional allocation failed:\n  {holder}#1 consumed 9.6 MB");
            DataFusionError::ResourcesExhausted(message)
        };
        assert!(may_help(&told("HashJoinInput[0]")));
        let shared = DataFusionError::Shared(Arc::new(told("HashJoinInput")));
        assert!(may_help(&shared.context("in a plan")));
        for holder in ["ExternalSorter[0]", "RangeJoinInput"] {
            assert!(!may_help(&told(holder)), "{holder}");
        }
        assert!(!may_help(&DataFusionError::Execution("HashJoinInput".to_owned())));
    }
}
