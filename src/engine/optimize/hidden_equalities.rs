//! Conditions such as `greatest(likes, reposts) = likes`, of which the engine is told no more
//! than that rows are kept by them.
//!
//! From one it learns that a column and what is computed from it are the same, and puts one
//! for the other, also within itself: so rows that it has sorted by `likes, reposts` it does
//! not find to be in that order, and refuses the plan. Conditions between the columns of one
//! table are not what tables are joined by, so nothing else is lost.

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::expr::BinaryExpr;
use datafusion::logical_expr::utils::{conjunction, split_conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, LogicalPlan, Operator, lit};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use crate::engine::any_expression::any_expression;

/// The rule, behind those that look for such conditions.
#[derive(Debug)]
pub(super) struct HiddenEqualities;

impl OptimizerRule for HiddenEqualities {
    fn name(&self) -> &'static str {
        "hidden_equalities"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        // The conditions of a scan are for its table.
        let keeps_rows = matches!(plan, LogicalPlan::Filter(_) | LogicalPlan::TableScan(_));
        let is_meant =
            |condition: &Expr| Ok(split_conjunction(condition).into_iter().any(says_too_much));
        if !keeps_rows || !any_expression(&plan, is_meant)? {
            return Ok(Transformed::no(plan));
        }
        plan.map_expressions(|condition| {
            let parts = split_conjunction_owned(condition).into_iter().map(hidden);
            Ok(Transformed::yes(conjunction(parts).unwrap_or_else(|| lit(true))))
        })
    }
}

/// Whether a condition has a column on one side, and on the other something that is computed
/// from it, or from others of the same table.
fn says_too_much(condition: &Expr) -> bool {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = condition else {
        return false;
    };
    let (column, computed) = match (left.as_ref(), right.as_ref()) {
        (Expr::Column(_), Expr::Column(_)) => return false,
        (Expr::Column(column), computed) | (computed, Expr::Column(column)) => (column, computed),
        _ => return false,
    };
    let others = computed.column_refs();
    let is_of_table =
        column.relation.is_some() && others.iter().all(|other| other.relation == column.relation);
    let is_computed = others.contains(column) || is_of_table && !others.is_empty();
    // One that asks columns from around is to be joined by.
    is_computed && !computed.contains_outer()
}

/// The same condition as a value of which rows are kept if it is true.
fn hidden(condition: Expr) -> Expr {
    if says_too_much(&condition) { Expr::IsTrue(Box::new(condition)) } else { condition }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_are_sorted_by_what_a_condition_computes_from_them() {
        let session = Session::new(None, Settings::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.parquet").display().to_string();
        let rows = "SELECT * FROM (VALUES (1, 'a', 3, 5), (2, 'a', 5, 4), (3, 'b', 5, 2),
                    (4, 'b', NULL, 1), (5, 'a', 5, 5)) AS t(id, k, v, w)";
        for sql in [
            format!("CREATE TABLE t AS {rows}"),
            format!("COPY ({rows}) TO '{file}'"),
            "CREATE TABLE names AS SELECT * FROM (VALUES ('a'), ('b'), (NULL)) AS n(k)".to_owned(),
        ] {
            session.collect(&sql).await.unwrap();
        }
        for (over, condition, found) in [
            ("ORDER BY v, w, id", "greatest(v, w) = v", ["2|2", "3|1", "5|3"]),
            ("ORDER BY v, w, id", "v = greatest(v, w)", ["2|2", "3|1", "5|3"]),
            ("ORDER BY v, w, id", "v + w - w = v AND w > 1 AND v > 3", ["2|2", "3|1", "5|3"]),
            ("ORDER BY v, w, id", "abs(v) = v AND v <> 3", ["2|2", "3|1", "5|3"]),
            ("PARTITION BY k ORDER BY v, w, id", "greatest(v, w) = v", ["2|1", "3|1", "5|2"]),
            (
                "PARTITION BY v ORDER BY w, id",
                "coalesce(w, v) = w AND v > 3",
                ["2|2", "3|1", "5|3"],
            ),
        ] {
            for table in ["t", &format!("'{file}'")] {
                let sql = format!(
                    "SELECT id, row_number() OVER ({over}) AS r FROM {table} AS t
                     WHERE {condition} ORDER BY id"
                );
                assert_eq!(answer(&session, &sql).await[1..], found, "{sql}");
            }
        }
        for (sql, found) in [
            (
                "SELECT id, row_number() OVER (ORDER BY t.k, w, id) AS r FROM t
                 SEMI JOIN names ON t.k = names.k WHERE coalesce(w, v) = v ORDER BY id",
                &["5|1"] as &[&str],
            ),
            (
                "SELECT v, w, row_number() OVER (ORDER BY v, w) AS r FROM (SELECT k, max(v) AS v,
                 min(w) AS w FROM t GROUP BY k) WHERE greatest(v, w) = v ORDER BY r",
                &["5|1|1", "5|4|2"],
            ),
            (
                "SELECT id, v FROM t WHERE greatest(v, w) = v ORDER BY v, id DESC",
                &["5|5", "3|5", "2|5"],
            ),
        ] {
            assert_eq!(answer(&session, sql).await[1..], *found, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn tables_are_still_joined_by_what_is_computed() {
        let session = Session::new(None, Settings::default()).unwrap();
        let made = "CREATE TABLE t AS SELECT * FROM (VALUES (1, 3), (2, -1)) AS t(id, v)";
        session.collect(made).await.unwrap();
        let sql = "SELECT a.id, b.id FROM t AS a, t AS b WHERE abs(a.v) = b.id";
        assert_eq!(answer(&session, sql).await[1..], ["2|1"]);
        let plan = answer(&session, &format!("EXPLAIN {sql}")).await.join("\n");
        assert!(plan.contains("HashJoinExec"), "{plan}");
    }
}
