//! Conditions that stay above what gives other rows where they are asked below it.
//!
//! The engine asks a condition below groups if all of its columns are keys of them. One
//! without columns, such as `(SELECT count(*) FROM rejects) > 0`, it so asks below any
//! groups. But an aggregate without GROUP BY, and the total of ROLLUP, is a row of no rows
//! as well: there the condition left out what is counted, and not the count.
//!
//! A condition that may be another each time, `random() < 0.1`, it takes for one without
//! columns, and asks it of the rows of a group, a window or one side of a join, where it
//! was to be asked of what these give.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{Expr, Filter, Join, LogicalPlan};
use datafusion::optimizer::OptimizerConfig;
use datafusion::optimizer::push_down_filter::PushDownFilter;

use super::around::{Rule, around};
use crate::engine::empty_subqueries::has_total;

/// `rules`, of which the one that moves conditions down leaves such as these.
pub(super) fn among(rules: Vec<Rule>) -> Vec<Rule> {
    around(rules, &PushDownFilter::new(), moved_down)
}

/// `plan` with its conditions moved down by the engine's rule, but for such.
fn moved_down(
    engine: &Rule,
    plan: LogicalPlan,
    config: &dyn OptimizerConfig,
) -> Result<Transformed<LogicalPlan>> {
    let rows = rows(&plan);
    if stays(&plan, rows) {
        return Ok(Transformed::no(plan));
    }
    let filter = match &plan {
        LogicalPlan::Filter(filter) if makes_others(rows) => filter,
        _ => return engine.rewrite(plan, config),
    };
    let (changing, steady): (Vec<_>, Vec<_>) =
        conditions(filter).into_iter().partition(|condition| condition.is_volatile());
    if changing.is_empty() {
        return engine.rewrite(plan, config);
    }
    // Those that are asked for last are those that change: the others are below them.
    if steady.is_empty() || split_conjunction(&filter.predicate) == changing {
        return Ok(Transformed::no(plan));
    }
    let below = asked(steady, rows.clone())?;
    asked(changing, below).map(Transformed::yes)
}

/// What the conditions of `plan` are asked of, if it has some; else `plan`.
fn rows(plan: &LogicalPlan) -> &LogicalPlan {
    match plan {
        LogicalPlan::Filter(filter) => rows(&filter.input),
        plan => plan,
    }
}

/// The conditions of `filter`, and before them those of others right below it.
fn conditions(filter: &Filter) -> Vec<&Expr> {
    let mut conditions = match filter.input.as_ref() {
        LogicalPlan::Filter(below) => conditions(below),
        _ => Vec::new(),
    };
    conditions.extend(split_conjunction(&filter.predicate));
    conditions
}

/// The `rows` for which all of `conditions` are true.
fn asked(conditions: Vec<&Expr>, rows: LogicalPlan) -> Result<LogicalPlan> {
    match conjunction(conditions.into_iter().cloned()) {
        Some(condition) => Filter::try_new(condition, Arc::new(rows)).map(LogicalPlan::Filter),
        None => Ok(rows),
    }
}

/// Whether no condition of `plan`, which are asked of `rows`, may go below these.
fn stays(plan: &LogicalPlan, rows: &LogicalPlan) -> bool {
    match rows {
        LogicalPlan::Aggregate(aggregate) => {
            matches!(plan, LogicalPlan::Filter(_)) && has_total(aggregate)
        }
        // It is asked of each pair of rows.
        LogicalPlan::Join(Join { filter: Some(condition), .. }) => condition.is_volatile(),
        _ => false,
    }
}

/// Whether a node makes its rows of several others, or several of one.
fn makes_others(node: &LogicalPlan) -> bool {
    matches!(
        node,
        LogicalPlan::Aggregate(_)
            | LogicalPlan::Distinct(_)
            | LogicalPlan::Join(_)
            | LogicalPlan::Unnest(_)
            | LogicalPlan::Window(_)
    )
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::{answer, value};
    use crate::engine::{Session, Settings};

    async fn session() -> Session {
        let session = Session::new(None, Settings::default()).unwrap();
        for sql in [
            "CREATE TABLE t AS SELECT * FROM (VALUES (1, 'a'), (2, 'a'), (3, NULL)) AS t(n, k)",
            "CREATE TABLE none AS SELECT * FROM t WHERE n > 9",
        ] {
            session.collect(sql).await.unwrap();
        }
        session
    }

    async fn rows(session: &Session, sql: &str) -> Vec<String> {
        answer(session, sql).await.into_iter().skip(1).collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_condition_without_columns_leaves_out_the_row_of_an_aggregate() {
        let session = session().await;
        for (sql, found) in [
            ("SELECT count(*) FROM t HAVING (SELECT count(*) FROM none) > 0", &[] as &[&str]),
            ("SELECT count(*) FROM t HAVING (SELECT count(*) FROM none) = 0", &["3"]),
            ("SELECT c FROM (SELECT count(*) AS c FROM t) WHERE EXISTS (SELECT 1 FROM none)", &[]),
            ("SELECT c FROM (SELECT count(*) AS c FROM t) WHERE EXISTS (SELECT 1 FROM t)", &["3"]),
            (
                "SELECT c FROM (SELECT count(*) AS c FROM t) WHERE c > 1 AND EXISTS (SELECT 1 FROM
                 none)",
                &[],
            ),
            // The guard of NOT IN asks whether something unknown is there.
            (
                "WITH total AS (SELECT count(*) AS c FROM t) SELECT n, c FROM total, t
                 WHERE k NOT IN (SELECT k FROM t)",
                &[],
            ),
            (
                "SELECT k, count(*) FROM (SELECT max(n) AS m FROM t) AS x, t
                 WHERE k NOT IN (SELECT k FROM t) GROUP BY k",
                &[],
            ),
            (
                "SELECT t.n, x.c FROM t LEFT JOIN (SELECT count(*) AS c FROM t) AS x
                 ON EXISTS (SELECT 1 FROM none) ORDER BY n",
                &["1|", "2|", "3|"],
            ),
            (
                "SELECT t.n, x.c FROM (SELECT count(*) AS c FROM t) AS x JOIN t
                 ON (SELECT max(n) FROM t) > 5",
                &[],
            ),
            ("SELECT (SELECT count(*) FROM t HAVING EXISTS (SELECT 1 FROM none)) AS c", &[""]),
            ("SELECT c FROM (SELECT count(*) AS c FROM t) WHERE random() < -1", &[]),
        ] {
            assert_eq!(rows(&session, sql).await, found, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_condition_without_columns_leaves_out_the_totals_of_groups() {
        let session = session().await;
        let asked = "(SELECT max(n) FROM t)";
        for (groups, all) in [
            ("ROLLUP (k)", &["a|2", "|1", "|3"] as &[&str]),
            ("CUBE (k)", &["a|2", "|1", "|3"]),
            ("GROUPING SETS ((k), ())", &["a|2", "|1", "|3"]),
            ("GROUPING SETS ((k), (n))", &["a|2", "|1", "|1", "|1", "|1"]),
            ("k", &["a|2", "|1"]),
        ] {
            let sql = format!("SELECT k, count(*) AS c FROM t GROUP BY {groups}");
            let none = format!("{sql} HAVING {asked} > 1000");
            assert!(rows(&session, &none).await.is_empty(), "{none}");
            let sql = format!("{sql} HAVING {asked} > 2 ORDER BY k, c");
            assert_eq!(rows(&session, &sql).await, all, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_condition_on_a_parameter_leaves_out_the_row_of_an_aggregate() {
        let session = session().await;
        session
            .collect(
                "PREPARE q AS SELECT count(*) FROM (SELECT count(*) AS a FROM t) AS x, t
                 WHERE $1 > 5",
            )
            .await
            .unwrap();
        for (given, found) in [(1, "0"), (6, "3")] {
            assert_eq!(value(&session, &format!("EXECUTE q({given})")).await, found);
        }
    }

    /// By chance it fails less than once in any number of lives.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_condition_by_chance_is_asked_of_what_is_there() {
        let session = session().await;
        for (sql, found) in [
            // The numbers of the rows have gaps.
            (
                "SELECT max(r) - count(*) > 200 AS v FROM (SELECT row_number() OVER () AS r
                 FROM range(2000)) WHERE random() < 0.5",
                "true",
            ),
            (
                "SELECT count(*) FILTER (WHERE c <> 100) AS v FROM (SELECT value % 20, count(*) AS
                 c FROM range(2000) GROUP BY 1) WHERE random() < 0.5",
                "0",
            ),
            (
                "SELECT count(DISTINCT a.value) > 90 AS v FROM range(100) AS a, range(100) AS b
                 WHERE random() < 0.5",
                "true",
            ),
            (
                "SELECT count(DISTINCT a.value) > 90 AS v FROM range(100) AS a JOIN range(100) AS b
                 ON random() < 0.5",
                "true",
            ),
            (
                "SELECT count(*) AS v FROM (SELECT DISTINCT value % 2 FROM range(2000))
                 WHERE random() < 2 AND (SELECT count(*) FROM t) > 2",
                "2",
            ),
        ] {
            assert_eq!(value(&session, sql).await, found, "{sql}");
        }
    }
}
