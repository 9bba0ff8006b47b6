//! `INTERSECT ALL` and `EXCEPT ALL`: a row comes as often as both sides have it, or as
//! often as the first side has it more than the second one.
//!
//! The planner only asks of each row whether the other side has an equal one. So equal rows
//! are numbered on both sides: the third of them has a partner where there are three.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, JoinType, NullEquality, Result};
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, Join, LogicalPlan, LogicalPlanBuilder, Projection,
};

use crate::engine::whole_counts::row_number;

/// Has the rows of both sides counted in `plan`.
pub(super) fn count(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Join(join) if keeps_all(&join) => counted(&join).map(Transformed::yes),
        other => Ok(Transformed::no(other)),
    });
    plan.map(|plan| plan.data)
}

/// The numbers of the rows of either side.
const NUMBERS: [&str; 2] = ["__left_number", "__right_number"];

/// Whether `join` stands for one of the two. Without ALL its left side has each row once;
/// that of a view is counted already.
fn keeps_all(join: &Join) -> bool {
    matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti)
        && join.null_equality == NullEquality::NullEqualsNull
        && !matches!(join.left.as_ref(), LogicalPlan::Distinct(_))
        && !join.on.iter().any(|(left, _)| *left == Expr::Column(Column::from_name(NUMBERS[0])))
}

fn counted(join: &Join) -> Result<LogicalPlan> {
    let (left, left_number) = numbered(&join.left, NUMBERS[0])?;
    let (right, right_number) = numbered(&join.right, NUMBERS[1])?;
    let mut equal = join.on.clone();
    equal.push((left_number, right_number));
    let matched = Join::try_new(
        left,
        right,
        equal,
        join.filter.clone(),
        join.join_type,
        join.join_constraint,
        join.null_equality,
        join.null_aware,
    )?;
    let columns = columns(&join.left);
    let shown = Projection::try_new(columns, Arc::new(LogicalPlan::Join(matched)))?;
    Ok(LogicalPlan::Projection(shown))
}

/// `rows` with numbers for equal ones, in a further column that is called `name`.
fn numbered(rows: &Arc<LogicalPlan>, name: &str) -> Result<(Arc<LogicalPlan>, Expr)> {
    let number = row_number().partition_by(columns(rows)).build()?.alias(name);
    let numbered = LogicalPlanBuilder::from(rows.as_ref().clone()).window(vec![number])?.build()?;
    Ok((Arc::new(numbered), Expr::Column(Column::from_name(name))))
}

fn columns(rows: &LogicalPlan) -> Vec<Expr> {
    rows.schema().columns().into_iter().map(Expr::Column).collect()
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    async fn session() -> Session {
        let session = Session::new(None, Settings::default()).unwrap();
        for sql in [
            "CREATE TABLE a AS SELECT * FROM (VALUES (1), (1), (2), (2), (2), (NULL), (NULL))
             AS t(n)",
            "CREATE TABLE b AS SELECT * FROM (VALUES (1), (2), (2), (NULL), (4)) AS t(n)",
        ] {
            session.collect(sql).await.unwrap();
        }
        session
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_come_as_often_as_both_sides_have_them() {
        let session = session().await;
        for (sql, rows) in [
            (
                "SELECT n FROM a INTERSECT ALL SELECT n FROM b ORDER BY n",
                &["n", "1", "2", "2", ""][..],
            ),
            ("SELECT n FROM a INTERSECT ALL SELECT 2", &["n", "2"]),
            ("SELECT n FROM a INTERSECT ALL SELECT n FROM b WHERE n > 4", &[]),
            (
                "SELECT n, 'x' AS k FROM a INTERSECT ALL SELECT n, 'x' FROM b
                 ORDER BY n DESC LIMIT 1",
                &["n|k", "2|x"],
            ),
            ("SELECT n FROM a INTERSECT SELECT n FROM b ORDER BY n", &["n", "1", "2", ""]),
        ] {
            assert_eq!(answer(&session, sql).await, rows, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_come_as_often_as_the_other_side_lacks_them() {
        let session = session().await;
        for (sql, rows) in [
            ("SELECT n FROM a EXCEPT ALL SELECT n FROM b ORDER BY n", &["n", "1", "2", ""][..]),
            ("SELECT n FROM b EXCEPT ALL SELECT n FROM a", &["n", "4"]),
            ("SELECT n FROM a EXCEPT ALL SELECT n FROM a", &[]),
            ("SELECT DISTINCT n FROM a EXCEPT ALL SELECT 1 ORDER BY n", &["n", "2", ""]),
            (
                "SELECT count(*) AS c FROM
                 (SELECT * FROM a EXCEPT ALL (SELECT 2 UNION ALL SELECT 2))",
                &["c", "5"],
            ),
            ("SELECT n FROM a EXCEPT SELECT n FROM b", &[]),
        ] {
            assert_eq!(answer(&session, sql).await, rows, "{sql}");
        }
        session.collect("CREATE VIEW v AS SELECT n FROM a EXCEPT ALL SELECT 2").await.unwrap();
        assert_eq!(answer(&session, "SELECT count(*) AS c FROM v").await, ["c", "6"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn intersect_binds_tighter_than_the_others() {
        let session = session().await;
        for (sql, rows) in [
            (
                "SELECT 7 AS n UNION ALL SELECT n FROM a INTERSECT ALL SELECT n FROM b
                 ORDER BY n DESC LIMIT 3",
                &["n", "7", "2", "2"][..],
            ),
            (
                "(SELECT 7 AS n UNION ALL SELECT n FROM a) INTERSECT ALL SELECT n FROM b
                 ORDER BY n LIMIT 2 OFFSET 1",
                &["n", "2", "2"],
            ),
            (
                "SELECT n FROM a EXCEPT ALL SELECT 1 UNION ALL SELECT 9 ORDER BY n DESC LIMIT 1",
                &["n", "9"],
            ),
            ("SELECT 1 AS n EXCEPT (SELECT 2 UNION ALL SELECT 1)", &[]),
            (
                "SELECT 1 AS n, 2 AS m UNION ALL BY NAME SELECT 3 AS m ORDER BY n",
                &["n|m", "1|2", "|3"],
            ),
            ("SELECT 1 AS n, 2 AS m UNION BY NAME SELECT 2 AS m, 1 AS n", &["n|m", "1|2"]),
        ] {
            assert_eq!(answer(&session, sql).await, rows, "{sql}");
        }
    }
}
