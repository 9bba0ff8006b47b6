//! Joins by range: rows whose time lies within bounds that rows of the other side give.
//!
//! "Posts within an hour after another one of the same account" are found by the engine
//! among all pairs of posts of an account: for one with a hundred thousand that takes
//! minutes. Here one side is sorted, and each row of the other one looks only at the run
//! of those within its bounds.

mod keys;
mod operator;
mod probing;
mod shape;
mod sorted;
mod told;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::ensure_coop::EnsureCooperative;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::limit::LocalLimitExec;

use operator::RangeJoin;

use crate::catalog::Levers;

/// The operators of a recursive query.
const ROUNDS: [&str; 2] = ["RecursiveQueryExec", "WorkTableExec"];

/// The rule.
#[derive(Debug)]
pub(super) struct RangeJoins;

impl RangeJoins {
    /// `rules` with this one behind those that decide on the sides of joins and what they
    /// give, and before those that see to it that operators wait.
    pub(super) fn among(
        mut rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>>,
    ) -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
        let cooperative = EnsureCooperative::new();
        let place = rules.iter().position(|rule| rule.name() == cooperative.name());
        rules.insert(place.unwrap_or(rules.len()), Arc::new(Self));
        rules
    }
}

impl PhysicalOptimizerRule for RangeJoins {
    fn name(&self) -> &'static str {
        "range_join"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if !Levers::of(config).range_join {
            return Ok(plan);
        }
        // Each round of a recursive query has another left side.
        let is_recursive = plan.exists(|node| Ok(ROUNDS.contains(&node.name())))?;
        let tells = config.optimizer.enable_join_dynamic_filter_pushdown && !is_recursive;
        let told = tells.then_some(config);
        plan.transform_up(|node| by_range(node, told)).map(|plan| plan.data)
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// A join as one by range, if it is one, which tells the scan of its right side between
/// which ends it looks if there is a configuration for that.
fn by_range(
    node: Arc<dyn ExecutionPlan>,
    told: Option<&ConfigOptions>,
) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    if !node.is::<HashJoinExec>() && !node.is::<NestedLoopJoinExec>() {
        return Ok(Transformed::no(node));
    }
    // A join that gives its first rows only becomes one that gives all, below a limit.
    let most = node.fetch();
    let Some(join) = most.map_or_else(|| Some(Arc::clone(&node)), |_| node.with_fetch(None)) else {
        return Ok(Transformed::no(node));
    };
    let join = match told {
        Some(config) => RangeJoin::telling_ends(join, config)?,
        None => RangeJoin::instead_of(join),
    };
    if !join.is::<RangeJoin>() {
        return Ok(Transformed::no(node));
    }
    let join: Arc<dyn ExecutionPlan> = match most {
        Some(rows) => Arc::new(LocalLimitExec::new(join, rows)),
        None => join,
    };
    Ok(Transformed::yes(join))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use datafusion::arrow::record_batch::RecordBatch;
    use datafusion::arrow::util::display::array_value_to_string;

    use crate::engine::{Session, Settings};
    use crate::error::{Kind, Result};

    const KINDS: [&str; 8] =
        ["", "LEFT", "RIGHT", "FULL", "LEFT SEMI", "RIGHT SEMI", "LEFT ANTI", "RIGHT ANTI"];

    /// Conditions, of which each can be run by range.
    const CONDITIONS: [&str; 13] = [
        "a.k = b.k AND b.t > a.t AND b.t <= a.t + 20",
        "a.k = b.k AND a.t BETWEEN b.t - 7 AND b.t + 7 AND a.s <> b.s",
        "a.k = b.k AND a.t < b.t",
        "a.k = b.k AND a.t >= b.t AND a.t >= b.u AND a.id % 3 = 0",
        "b.t >= a.t AND b.t < a.u",
        "a.k = b.k AND b.t >= a.t AND b.t < a.u",
        "b.t >= a.t AND b.t < a.u AND a.k IS NOT DISTINCT FROM b.k",
        "a.k = b.k AND a.f >= b.f",
        "a.k = b.k AND a.s < b.s AND b.t % 2 = a.t % 2",
        "a.k = b.k AND b.at > a.at AND b.at <= a.at + INTERVAL '1 hour'",
        "a.t > b.t + 1000",
        // Of each key there is one row.
        "a.id = b.id AND b.t + 3 > a.t AND b.t < a.t + 20 AND a.u + 1 > b.u AND a.s <> b.s",
        "a.id = b.id AND b.at + INTERVAL '1 day' > a.at AND b.at < a.at + INTERVAL '1 day'
         AND a.f + 1 >= b.f - 1",
    ];

    /// A table of values with repetitions and gaps.
    fn table(name: &str, rows: usize, factor: usize) -> String {
        format!(
            "CREATE TABLE {name} AS SELECT value AS id, nullif(value * {factor} % 4, 3) AS k,
             nullif(value * {factor} % 101, 17) AS t,
             nullif(value * {factor} % 101 + value % 9 * 5, 40) AS u,
             CASE value % 7 WHEN 0 THEN CAST('NaN' AS DOUBLE) WHEN 1 THEN -0.0 WHEN 2 THEN 0.0
                 WHEN 3 THEN NULL ELSE value * {factor} % 5 - 1.5 END AS f,
             's' || CAST(value * {factor} % 6 AS VARCHAR) AS s,
             to_timestamp(nullif(value * {factor} % 97, 11) * 600) AS at
             FROM range(0, {rows}) AS r (value)"
        )
    }

    async fn session(threads: usize, settings: &[&str]) -> Session {
        let session = Session::new(None, Settings { threads, ..Settings::default() }).unwrap();
        for sql in [table("a", 90, 37), table("b", 70, 53), table("none", 0, 1)] {
            session.collect(&sql).await.unwrap();
        }
        for setting in settings {
            session.collect(&format!("SET {setting}")).await.unwrap();
        }
        session
    }

    /// Rows as text, in an order of their own.
    fn rows(batches: &[RecordBatch]) -> Vec<String> {
        let row = |batch: &RecordBatch, row| {
            let values = batch.columns().iter().map(|one| array_value_to_string(one, row));
            values.collect::<std::result::Result<Vec<_>, _>>().unwrap().join("|")
        };
        let mut rows: Vec<String> = batches
            .iter()
            .flat_map(|batch| (0..batch.num_rows()).map(move |number| row(batch, number)))
            .collect();
        rows.sort();
        rows
    }

    /// The answer of a session by range, and the one without.
    async fn both(session: &Session, sql: &str) -> (Result<Vec<String>>, Result<Vec<String>>) {
        let by_range = session.collect(sql).await;
        session.collect("SET weiku.range_join = false").await.unwrap();
        let without = session.collect(sql).await;
        session.collect("SET weiku.range_join = true").await.unwrap();
        (by_range.map(|batches| rows(&batches)), without.map(|batches| rows(&batches)))
    }

    async fn explained(session: &Session, sql: &str) -> String {
        rows(&session.collect(sql).await.unwrap()).join("\n")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_join_by_range_gives_what_the_join_of_all_pairs_gives() {
        const SPREAD: [&str; 3] = [
            "datafusion.execution.batch_size = 7",
            "datafusion.optimizer.hash_join_single_partition_threshold = 0",
            "datafusion.optimizer.hash_join_single_partition_threshold_rows = 0",
        ];
        let ways: [(usize, &[&str]); 4] = [(1, &[]), (2, &SPREAD), (8, &SPREAD), (8, &SPREAD[..1])];
        for (threads, settings) in ways {
            let session = session(threads, settings).await;
            for condition in CONDITIONS {
                for kind in KINDS {
                    let sql = format!("SELECT * FROM a {kind} JOIN b ON {condition}");
                    let plan = explained(&session, &format!("EXPLAIN {sql}")).await;
                    assert!(plan.contains("RangeJoinExec"), "{threads}: {sql}: {plan}");
                    let (by_range, without) = both(&session, &sql).await;
                    assert_eq!(by_range.unwrap(), without.unwrap(), "{threads}: {sql}");
                }
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_side_without_rows_matches_nothing() {
        let session = session(2, &[]).await;
        for (left, right) in [("none", "b"), ("a", "none"), ("none", "none")] {
            for kind in KINDS {
                for condition in [CONDITIONS[0], CONDITIONS[4]] {
                    let sql =
                        format!("SELECT * FROM {left} a {kind} JOIN {right} b ON {condition}");
                    let (by_range, without) = both(&session, &sql).await;
                    assert_eq!(by_range.unwrap(), without.unwrap(), "{sql}");
                }
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_keep_the_order_of_the_side_that_looks() {
        let session = session(1, &["datafusion.execution.batch_size = 7"]).await;
        let sql = "SELECT p.id FROM (SELECT * FROM a ORDER BY id LIMIT 60) q
            RIGHT JOIN (SELECT * FROM b ORDER BY id LIMIT 1000) p ON p.k = q.k AND p.t > q.t
            ORDER BY p.id";
        let plan = explained(&session, &format!("EXPLAIN {sql}")).await;
        let above = plan.split("RangeJoinExec").next().unwrap();
        assert!(!above.contains("SortExec"), "{plan}");
        let batches = session.collect(sql).await.unwrap();
        let ids = batches.iter().flat_map(|batch| {
            let values = batch.column(0);
            (0..batch.num_rows()).map(move |row| array_value_to_string(values, row).unwrap())
        });
        let ids: Vec<i64> = ids.map(|id| id.parse().unwrap()).collect();
        assert!(ids.len() > 300 && ids.is_sorted(), "{ids:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_bound_that_fails_for_a_row_without_a_match_is_no_error() {
        let session = session(2, &[]).await;
        let divided = "SELECT value AS k, CASE WHEN value = 1 THEN 2 ELSE 0 END AS z";
        for sql in [
            "CREATE TABLE many AS SELECT CASE WHEN value < 900 THEN 1 ELSE 2 END AS k, value AS t
             FROM range(0, 50) AS r (value)",
            &format!("CREATE TABLE fewer AS {divided} FROM range(1, 9) AS r (value)"),
            &format!("CREATE TABLE more AS {divided} FROM range(1, 900) AS r (value)"),
        ] {
            session.collect(sql).await.unwrap();
        }
        for other in ["fewer", "more"] {
            let sql = format!(
                "SELECT count(*) AS n FROM many JOIN {other} b
                 ON many.k = b.k AND many.t > 10 / b.z"
            );
            let (by_range, without) = both(&session, &sql).await;
            assert_eq!(without.unwrap(), ["44"], "{sql}");
            assert_eq!(by_range.unwrap(), ["44"], "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn groups_that_are_found_by_their_keys_are_left_to_the_engine() {
        let session = session(2, &[]).await;
        let of_k = "(SELECT k, max(t) - 9 AS most FROM b GROUP BY k HAVING max(u) > 0) g";
        let of_both = "(SELECT k, s, max(t) - 9 AS most FROM b GROUP BY k, s) g";
        for (groups, by_range) in [(of_k, false), (of_both, true)] {
            for kind in KINDS {
                let sql =
                    format!("SELECT * FROM {groups} {kind} JOIN a ON a.k = g.k AND a.t < most");
                let plan = explained(&session, &format!("EXPLAIN {sql}")).await;
                assert_eq!(plan.contains("RangeJoinExec"), by_range, "{sql}: {plan}");
                let (one, other) = both(&session, &sql).await;
                assert_eq!(one.unwrap(), other.unwrap(), "{sql}");
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn no_batch_is_larger_than_wanted_however_many_match_one_row() {
        let session = session(2, &["datafusion.execution.batch_size = 10"]).await;
        for kind in ["", "FULL"] {
            let sql = format!("SELECT a.id, b.id FROM a {kind} JOIN b ON a.id < b.id + 1000");
            let batches = session.collect(&sql).await.unwrap();
            assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 90 * 70);
            assert!(batches.iter().all(|batch| batch.num_rows() <= 10), "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_limit_on_the_join_holds() {
        let session = session(2, &[]).await;
        let sql = "SELECT a.id FROM a JOIN b ON a.k = b.k AND a.t < b.t LIMIT 5";
        assert!(explained(&session, &format!("EXPLAIN {sql}")).await.contains("RangeJoinExec"));
        assert_eq!(rows(&session.collect(sql).await.unwrap()).len(), 5);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_plan_shows_the_range_and_what_it_took() {
        let session = session(2, &[]).await;
        let sql = "SELECT * FROM a JOIN b ON a.k = b.k AND b.t > a.t AND a.s <> b.s";
        let plan = explained(&session, &format!("EXPLAIN ANALYZE {sql}")).await;
        for part in ["range=[t@", "filter=[s@", "build_time=", "join_time=", "output_rows="] {
            let line = plan.lines().find(|line| line.contains("RangeJoinExec")).unwrap();
            assert!(line.contains(part), "{part}: {line}");
        }
        let drawn = explained(&session, &format!("EXPLAIN FORMAT TREE {sql}")).await;
        assert!(drawn.contains("RangeJoinExec"), "{drawn}");
        session.collect("SET weiku.range_join = false").await.unwrap();
        let plan = explained(&session, &format!("EXPLAIN {sql}")).await;
        assert!(plan.contains("HashJoinExec") && !plan.contains("RangeJoinExec"), "{plan}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_scan_of_the_other_side_is_told_the_keys() {
        let folder = tempfile::tempdir().unwrap();
        let session = session(2, &[]).await;
        let file = folder.path().join("b.parquet").display().to_string();
        let written = "SELECT value % 1000 AS k, value AS t FROM range(0, 2000) AS r (value)";
        session.collect(&format!("COPY ({written}) TO '{file}'")).await.unwrap();
        let wanted = "VALUES (3, 1), (5, 2)";
        let sql =
            format!("SELECT * FROM ({wanted}) a (k, t) JOIN '{file}' b ON a.k = b.k AND b.t > a.t");
        let plan = explained(&session, &format!("EXPLAIN ANALYZE {sql}")).await;
        assert!(plan.contains("RangeJoinExec") && plan.contains("IN (SET) ([3, 5])"), "{plan}");
        let (by_range, without) = both(&session, &sql).await;
        assert_eq!(by_range.unwrap(), without.unwrap());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_side_that_does_not_fit_into_memory_is_told_of() {
        let settings = Settings { memory_limit: Some(4 << 20), ..Settings::default() };
        let session = Session::new(None, settings).unwrap();
        let side = "(SELECT value AS v, value % 2 AS k FROM range(0, 300000) AS r (value))";
        let sql = format!(
            "SELECT count(*) AS n FROM {side} a JOIN {side} b ON a.k = b.k AND a.v < b.v
             AND b.v < a.v + 2"
        );
        let error = session.collect(&sql).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Limit, "{error}");
    }

    /// An aggregate gives its groups as slices of the same columns.
    #[tokio::test(flavor = "multi_thread")]
    async fn slices_of_the_same_columns_are_counted_once() {
        let settings =
            Settings { memory_limit: Some(256 << 20), threads: 1, ..Settings::default() };
        let session = Session::new(None, settings).unwrap();
        session.collect("SET datafusion.execution.batch_size = 64").await.unwrap();
        let sql = "SELECT count(*) AS n
            FROM (SELECT value * 7 % 50021 AS v, count(*) AS n FROM range(0, 40000) AS r (value)
                  GROUP BY 1) a
            JOIN (SELECT value AS v FROM range(0, 60000) AS s (value)) b
            ON a.v % 2 = b.v % 2 AND b.v >= a.v AND b.v < a.v + a.n";
        let plan = explained(&session, &format!("EXPLAIN {sql}")).await;
        let held = plan.split("RangeJoinExec").nth(1).unwrap();
        assert!(held.find("AggregateExec").unwrap() < held.find("end=60000").unwrap(), "{plan}");
        assert_eq!(rows(&session.collect(sql).await.unwrap()), ["40000"]);
    }

    /// On one thread the time limit is noticed only if the join waits now and then.
    #[tokio::test]
    async fn a_join_that_finds_nothing_for_long_can_be_stopped() {
        let timeout = Some(Duration::from_millis(300));
        let settings = Settings { threads: 1, timeout, ..Settings::default() };
        let session = Session::new(None, settings).unwrap();
        session.collect("SET datafusion.execution.batch_size = 64").await.unwrap();
        let side = "SELECT value AS v FROM range(0, 60000) AS r (value)";
        let sql = format!(
            "SELECT count(*) AS n FROM ({side}) a JOIN ({side}) b ON a.v < b.v
            AND a.v + b.v < 0"
        );
        let patient = Session::new(None, Settings { threads: 1, ..Settings::default() }).unwrap();
        assert!(explained(&patient, &format!("EXPLAIN {sql}")).await.contains("RangeJoinExec"));
        let since = Instant::now();
        let error = session.collect(&sql).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Timeout, "{error}");
        assert!(since.elapsed() < Duration::from_secs(10));
    }
}
