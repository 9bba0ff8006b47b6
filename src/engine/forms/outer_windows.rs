//! Window functions over rows that a subquery chooses by columns from around it:
//! `EXISTS (SELECT 1 FROM (SELECT row_number() OVER () AS n FROM b WHERE b.x = a.x) ...)`.
//!
//! The engine chooses the rows after it has numbered all of them, and so numbers others
//! than were asked for. Such a query is refused however deep the function stands.

use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;

use crate::error::Error;

/// Refuses `plan` if it has such a function.
pub(super) fn check(plan: &LogicalPlan) -> Result<()> {
    plan.apply_with_subqueries(|node| match node {
        LogicalPlan::Window(window) if asks_outside(&window.input)? => {
            let error = Error::query(
                "a window function does not take rows that are chosen by columns from around the \
                 subquery",
            )
            .hint(
                "number the rows first, PARTITION BY the column that they are chosen by, and \
                 choose from those: FROM (SELECT *, row_number() OVER (PARTITION BY account_id \
                 ORDER BY reposts DESC) AS n FROM posts) AS p WHERE p.account_id = \
                 accounts.account_id",
            );
            Err(DataFusionError::External(Box::new(error)))
        }
        _ => Ok(TreeNodeRecursion::Continue),
    })
    .map(|_| ())
}

/// Whether `rows` depend on columns from around the query that they belong to.
fn asks_outside(rows: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    rows.apply(|node| {
        // What a lateral query asks comes from the table beside it.
        if matches!(node, LogicalPlan::Subquery(_)) {
            return Ok(TreeNodeRecursion::Jump);
        }
        found |= node.contains_outer_reference();
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn a_window_over_rows_that_are_chosen_from_around_is_refused() {
        let session = Session::new(None, Settings::default()).unwrap();
        session.collect("CREATE TABLE t AS SELECT * FROM (VALUES (1), (2)) AS t(n)").await.unwrap();
        for sql in [
            "SELECT n FROM t WHERE EXISTS (SELECT 1 FROM (SELECT b.n, row_number() OVER (ORDER BY
             b.n) AS r FROM t AS b WHERE b.n >= t.n) AS s WHERE r = 2)",
            "SELECT n FROM t WHERE n IN (SELECT n FROM (SELECT b.n, row_number() OVER (ORDER BY
             b.n DESC) AS r FROM t AS b WHERE b.n <= t.n) AS s WHERE r = 1)",
            "SELECT n FROM t WHERE n NOT IN (SELECT row_number() OVER (ORDER BY b.n) FROM t AS b
             WHERE b.n >= t.n)",
            "SELECT * FROM t, LATERAL (SELECT m FROM (SELECT b.n AS m, row_number() OVER (ORDER BY
             b.n DESC) AS r FROM t AS b WHERE b.n < t.n) AS s WHERE r = 1) AS x",
        ] {
            let error = session.collect(sql).await.unwrap_err();
            assert!(error.message().contains("window function"), "{sql}: {error}");
            assert!(error.advice().is_some());
        }
        for fine in [
            "SELECT n FROM t WHERE n IN (SELECT row_number() OVER (ORDER BY b.n) FROM t AS b)",
            "SELECT n FROM t WHERE EXISTS (SELECT 1 FROM (SELECT b.n AS m, row_number() OVER
             (ORDER BY b.n) AS r FROM t AS b) AS s WHERE r = 1 AND m = t.n)",
            "SELECT n, m, row_number() OVER (ORDER BY n) FROM t, LATERAL (SELECT n + 1 AS m) AS s",
            "SELECT n, row_number() OVER (ORDER BY n) FROM t WHERE n IN (SELECT n FROM t)",
        ] {
            session.collect(fine).await.unwrap();
        }
    }
}
