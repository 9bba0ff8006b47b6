//! A join with LATERAL keeps the columns that it had.
//!
//! The engine joins the query after LATERAL by more columns than it gives, and leaves these
//! beside the others. Plans above do not always learn of them where a statement has other
//! subqueries: a window then has more columns than it knows, or a join takes one for another.
//!
//! And a query whose columns from around stood in conditions that are always the same, `u.k =
//! t.k AND 1 = 0`, asks for none any more: the engine does not find it to be one after LATERAL,
//! and cannot run it.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, SubqueryAlias};
use datafusion::optimizer::OptimizerConfig;
use datafusion::optimizer::decorrelate_lateral_join::DecorrelateLateralJoin;

use super::around::{Rule, around};
use crate::engine::unnested::columns_around;

/// `rules`, of which the one that joins queries after LATERAL gives the columns it is to.
pub(super) fn among(rules: Vec<Rule>) -> Vec<Rule> {
    around(rules, &DecorrelateLateralJoin::new(), joined)
}

/// A join after LATERAL as the engine has it, with its own columns.
fn joined(
    engine: &Rule,
    plan: LogicalPlan,
    config: &dyn OptimizerConfig,
) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Join(mut join) = plan else { return Ok(Transformed::no(plan)) };
    if let Some(plain) = plain(&join.right)? {
        join.right = plain;
        return Ok(Transformed::yes(LogicalPlan::Join(join)));
    }
    let columns = join.schema.columns();
    let joined = engine.rewrite(LogicalPlan::Join(join), config)?;
    if !joined.transformed {
        return Ok(joined);
    }
    // There may be more such joins below, which the engine leaves for its next look.
    let joined = joined.data;
    if joined.schema().columns() == columns {
        return Ok(Transformed::yes(joined));
    }
    let columns = columns.into_iter().map(Expr::Column).collect();
    let kept = Projection::try_new(columns, Arc::new(joined))?;
    Ok(Transformed::yes(LogicalPlan::Projection(kept)))
}

/// The query on the right side of a join after LATERAL as one like others, if it asks for
/// no columns from around it.
fn plain(right: &Arc<LogicalPlan>) -> Result<Option<Arc<LogicalPlan>>> {
    let (asked, alias) = match right.as_ref() {
        LogicalPlan::Subquery(asked) => (asked, None),
        LogicalPlan::SubqueryAlias(named) => match named.input.as_ref() {
            LogicalPlan::Subquery(asked) => (asked, Some(named.alias.clone())),
            _ => return Ok(None),
        },
        _ => return Ok(None),
    };
    if !columns_around(&asked.subquery).is_empty() {
        return Ok(None);
    }
    let query = Arc::clone(&asked.subquery);
    Ok(Some(match alias {
        Some(alias) => Arc::new(LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(query, alias)?)),
        None => query,
    }))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    async fn session() -> Session {
        let session = Session::new(None, Settings::default()).unwrap();
        for sql in [
            "CREATE TABLE t AS SELECT * FROM (VALUES (1, 'a', 10), (2, 'b', 20), (3, 'c', NULL))
             AS t(id, k, v)",
            "CREATE TABLE u AS SELECT * FROM (VALUES (1, 'a', 5), (1, 'b', 7), (2, 'a', 9))
             AS t(id, k, v)",
        ] {
            session.collect(sql).await.unwrap();
        }
        session
    }

    async fn rows(session: &Session, sql: &str) -> Vec<String> {
        answer(session, sql).await.into_iter().skip(1).collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn plans_above_a_lateral_join_know_its_columns_beside_other_subqueries() {
        let session = session().await;
        for (sql, found) in [
            (
                "SELECT t.id, x.z, rank() OVER (ORDER BY t.v DESC) AS r FROM t
                 LEFT JOIN LATERAL (SELECT min(u.k) AS z FROM u WHERE u.id = t.id) AS x ON true
                 WHERE t.id > (SELECT min(v) - 5 FROM u) ORDER BY 1",
                &["1|a|2", "2|a|1", "3||3"] as &[&str],
            ),
            (
                "SELECT t.id, r.v FROM t
                 LEFT JOIN LATERAL (SELECT max(u.k) AS z FROM u WHERE u.id = t.id) AS x ON true
                 LEFT JOIN u AS r ON x.z = r.k WHERE t.id < (SELECT max(v) FROM u) ORDER BY 1, 2",
                &["1|7", "2|5", "2|9", "3|"],
            ),
            (
                "SELECT t.id, x.n, rank() OVER (ORDER BY x.n) AS r FROM t,
                 LATERAL (SELECT count(*) AS n FROM u WHERE u.id = t.id) AS x
                 WHERE t.id < (SELECT max(v) FROM u) ORDER BY 1",
                &["1|2|3", "2|1|2", "3|0|1"],
            ),
            (
                "SELECT t.id, x.v, rank() OVER (ORDER BY x.v) AS r FROM t,
                 LATERAL (SELECT u.v FROM u WHERE u.id = t.id) AS x
                 WHERE t.id < (SELECT max(v) FROM u) ORDER BY 1, 2",
                &["1|5|1", "1|7|2", "2|9|3"],
            ),
            // As many as the engine has looks, and more.
            (
                "SELECT t.id, a.z + b.z + c.z + d.z + e.z AS s FROM t,
                 LATERAL (SELECT max(v) AS z FROM u WHERE u.id = t.id) AS a,
                 LATERAL (SELECT max(v) AS z FROM u WHERE u.id = t.id) AS b,
                 LATERAL (SELECT max(v) AS z FROM u WHERE u.id = t.id) AS c,
                 LATERAL (SELECT max(v) AS z FROM u WHERE u.id = t.id) AS d,
                 LATERAL (SELECT max(v) AS z FROM u WHERE u.id = t.id) AS e
                 WHERE t.v > (SELECT min(v) FROM u) ORDER BY 1",
                &["1|35", "2|45"],
            ),
        ] {
            assert_eq!(rows(&session, sql).await, found, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_query_after_lateral_that_is_the_same_for_all_rows_is_one() {
        let session = session().await;
        for (sql, found) in [
            (
                "SELECT t.id, x.z FROM t LEFT JOIN LATERAL (SELECT max(u.k) AS z FROM u
                 WHERE u.k = t.k AND 1 = 0) AS x ON true ORDER BY 1",
                &["1|", "2|", "3|"] as &[&str],
            ),
            (
                "SELECT t.id, x.n FROM t, LATERAL (SELECT count(*) AS n FROM u
                 WHERE u.k = t.k AND 1 = 0) AS x ORDER BY 1",
                &["1|0", "2|0", "3|0"],
            ),
            (
                "SELECT t.id, x.v FROM t LEFT JOIN LATERAL (SELECT u.v FROM u
                 WHERE u.k = t.k AND NULL) AS x ON true ORDER BY 1",
                &["1|", "2|", "3|"],
            ),
            (
                "SELECT t.id, x.v FROM t, LATERAL (SELECT u.v FROM u WHERE u.k = t.k OR 1 = 1) AS x
                 WHERE t.id = 2 ORDER BY 2",
                &["2|5", "2|7", "2|9"],
            ),
        ] {
            assert_eq!(rows(&session, sql).await, found, "{sql}");
        }
    }
}
