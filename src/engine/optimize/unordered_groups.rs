//! Groups whose order nobody wants.
//!
//! Where rows come in order by one of the keys, as posts do by their day, the engine groups
//! them bit by bit, and hands groups from thread to thread so that they keep that order.
//! Each thread then waits for the one whose groups come first, and as files follow each
//! other in time, that is one after the other. Where nothing above wants the order, they are
//! handed on as they come.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{
    ExecutionPlan, ExecutionPlanProperties, replace_children_if_necessary,
};

use crate::catalog::Levers;
use crate::engine::repeated_keys::takes_any_order;

type Plan = Arc<dyn ExecutionPlan>;

/// The rule, to be applied when it is decided where rows are sorted.
#[derive(Debug)]
pub(super) struct UnorderedGroups;

impl PhysicalOptimizerRule for UnorderedGroups {
    fn name(&self) -> &'static str {
        "unordered_groups"
    }

    fn optimize(&self, plan: Plan, config: &ConfigOptions) -> Result<Plan> {
        // Several partitions are put together as they come.
        let is_wanted = plan.output_partitioning().partition_count() == 1;
        if Levers::of(config).unordered_groups { freed(plan, is_wanted) } else { Ok(plan) }
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// `plan`, of whose rows something above may want the order or not, and what is below it.
fn freed(plan: Plan, is_wanted: bool) -> Result<Plan> {
    let plan = if is_wanted { plan } else { as_they_come(plan)? };
    let required = plan.required_input_ordering();
    let kept = plan.maintains_input_order();
    let inputs = plan.children().into_iter().cloned().zip(required.into_iter().zip(kept));
    let inputs = inputs.map(|(input, (required, is_kept))| {
        let is_needed = needs_order(&plan).unwrap_or(required.is_some());
        freed(input, is_needed || is_wanted && is_kept)
    });
    let inputs = inputs.collect::<Result<Vec<_>>>()?;
    if inputs.is_empty() { Ok(plan) } else { replace_children_if_necessary(plan, inputs) }
}

/// The groups of `plan` as they come, if it makes groups of groups that are merged in order.
fn as_they_come(plan: Plan) -> Result<Plan> {
    if !plan.is::<AggregateExec>() || needs_order(&plan) != Some(false) {
        return Ok(plan);
    }
    let [input] = plan.children()[..] else { return Ok(plan) };
    let Some(dealt) =
        input.downcast_ref::<RepartitionExec>().filter(|dealt| dealt.preserve_order())
    else {
        return Ok(plan);
    };
    let partitioning = dealt.partitioning().clone();
    let dealt = RepartitionExec::try_new(Arc::clone(dealt.input()), partitioning)?;
    replace_children_if_necessary(plan, vec![Arc::new(dealt)])
}

/// Whether `plan` makes something else of its rows in another order, if it is one of those
/// that do not say so themselves. A limit takes the first rows, which may be in order
/// without a sort; and what an aggregate asks for may only be what suits it.
fn needs_order(plan: &Plan) -> Option<bool> {
    if plan.is::<SortExec>() {
        return Some(false);
    }
    if let Some(aggregate) = plan.downcast_ref::<AggregateExec>() {
        let is_free = aggregate.limit_options().is_none()
            && aggregate.aggr_expr().iter().all(|function| takes_any_order(function.fun()));
        return Some(!is_free);
    }
    let is_limit = plan.is::<GlobalLimitExec>() || plan.is::<LocalLimitExec>();
    (is_limit || plan.fetch().is_some()).then_some(true)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    /// A session of two threads with a table of rows in order by `at`.
    async fn session(folder: &Path) -> Session {
        let settings = Settings { threads: 2, ..Settings::default() };
        let session = Session::new(None, settings).unwrap();
        let file = folder.join("t.parquet").display().to_string();
        let made = "SELECT to_timestamp(value * 9000) AS at, value % 7 AS k, value AS n
                    FROM range(0, 20000) AS r (value)";
        session.collect(&format!("COPY ({made} ORDER BY at) TO '{file}'")).await.unwrap();
        let table = "CREATE EXTERNAL TABLE t STORED AS PARQUET WITH ORDER (at)";
        let table = format!("{table} LOCATION '{file}'");
        session.collect(&table).await.unwrap();
        session.collect("SET datafusion.optimizer.repartition_file_min_size = 0").await.unwrap();
        session
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_order_of_groups_is_given_up_where_nobody_wants_it() {
        let folder = tempfile::tempdir().unwrap();
        let session = session(folder.path()).await;
        let groups = "SELECT date_trunc('day', at) AS d, k, count(*) AS c, sum(n) AS s
                      FROM t GROUP BY 1, 2";
        for (sql, is_merged) in [
            (format!("{groups} ORDER BY s DESC, d, k LIMIT 9"), false),
            (format!("SELECT c, count(*), sum(s) FROM ({groups}) GROUP BY c ORDER BY c"), false),
            (format!("SELECT d, s FROM ({groups}) WHERE c > 1 ORDER BY s, d"), false),
            (groups.replace("sum(n)", "bit_xor(n)") + " ORDER BY s DESC, d, k LIMIT 9", false),
            ("SELECT date_trunc('day', at) AS d, sum(n) FROM t GROUP BY 1 ORDER BY d".into(), true),
        ] {
            let plan = answer(&session, &format!("EXPLAIN {sql}")).await.join("\n");
            session.collect("SET weiku.unordered_groups = false").await.unwrap();
            let before = answer(&session, &format!("EXPLAIN {sql}")).await.join("\n");
            let wanted = answer(&session, &sql).await;
            session.collect("SET weiku.unordered_groups = true").await.unwrap();
            assert!(before.contains("preserve_order=true"), "{sql}: {before}");
            assert_eq!(plan.contains("preserve_order=true"), is_merged, "{sql}: {plan}");
            assert!(wanted.len() > 1, "{sql}");
            assert_eq!(answer(&session, &sql).await, wanted, "{sql}");
        }
    }
}
