//! Looks for each key once where a join asks only whether there is one.
//!
//! `account_id IN (SELECT account_id FROM posts WHERE is_repost)` asks of two million posts
//! whether their account has a repost. The join that answers it goes over all reposts of the
//! account for each of its posts, though the first one says it. With the accounts of the
//! reposts listed once each, it looks at one.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::{Aggregate, Expr, Join, JoinType, LogicalPlan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::joined_tables::stored_rows;

/// Rows of a table that is so many times smaller are taken to have keys of their own:
/// going over the others once is all that is to be done.
const FEW_TO_MANY: usize = 8;

/// The rule.
#[derive(Debug)]
pub(super) struct DistinctKeys;

impl OptimizerRule for DistinctKeys {
    fn name(&self) -> &'static str {
        "distinct_keys"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Join(join) = &plan else { return Ok(Transformed::no(plan)) };
        Ok(match with_distinct_keys(join)? {
            Some(join) => Transformed::yes(LogicalPlan::Join(join)),
            None => Transformed::no(plan),
        })
    }
}

/// The join, if it may meet equal keys on both sides.
fn with_distinct_keys(join: &Join) -> Result<Option<Join>> {
    use JoinType::{LeftAnti, LeftMark, LeftSemi};
    // Where a further condition looks at the rows of a key, the others count as well.
    let asks_for_keys = matches!(join.join_type, LeftSemi | LeftAnti | LeftMark)
        && !join.on.is_empty()
        && join.filter.is_none();
    if !asks_for_keys || is_distinct(&join.right) || has_few_rows(&join.left, &join.right) {
        return Ok(None);
    }
    let used: HashSet<_> = join.on.iter().flat_map(|(_, key)| key.column_refs()).collect();
    let columns = join.right.schema().columns().into_iter();
    let keys: Vec<_> = columns.filter(|column| used.contains(column)).map(Expr::Column).collect();
    if keys.is_empty() {
        return Ok(None);
    }
    let keys = Aggregate::try_new(Arc::clone(&join.right), keys, Vec::new())?;
    let distinct = Join::try_new(
        Arc::clone(&join.left),
        Arc::new(LogicalPlan::Aggregate(keys)),
        join.on.clone(),
        None,
        join.join_type,
        join.join_constraint,
        join.null_equality,
        join.null_aware,
    )?;
    Ok((distinct.schema.columns() == join.schema.columns()).then_some(distinct))
}

/// Whether no two rows of `plan` are equal, as far as can be seen.
fn is_distinct(plan: &LogicalPlan) -> bool {
    if plan.max_rows().is_some_and(|most| most <= 1) {
        return true;
    }
    match plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.aggr_expr.is_empty(),
        LogicalPlan::SubqueryAlias(alias) => is_distinct(&alias.input),
        LogicalPlan::Filter(filter) => is_distinct(&filter.input),
        LogicalPlan::Projection(listed) => {
            let columns: HashSet<_> = listed.expr.iter().flat_map(Expr::column_refs).collect();
            columns.len() == listed.input.schema().fields().len() && is_distinct(&listed.input)
        }
        _ => false,
    }
}

fn has_few_rows(plan: &LogicalPlan, other: &LogicalPlan) -> bool {
    match (stored_rows(plan), stored_rows(other)) {
        (Some(rows), Some(others)) => rows.saturating_mul(FEW_TO_MANY) <= others,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    async fn session() -> Session {
        let session = Session::new(None, Settings::default()).unwrap();
        for sql in [
            "CREATE TABLE t AS SELECT * FROM (VALUES (1, 'a'), (1, 'b'), (2, 'a'), (NULL, 'c'))
             AS t(x, k)",
            "CREATE TABLE u AS SELECT * FROM (VALUES (1, 'a'), (1, 'a'), (3, 'b'), (3, 'b'))
             AS u(y, k)",
        ] {
            session.collect(sql).await.unwrap();
        }
        session
    }

    #[tokio::test]
    async fn equal_keys_of_a_query_are_looked_for_once() {
        let session = session().await;
        for condition in [
            "x IN (SELECT y FROM u)",
            "x NOT IN (SELECT y FROM u)",
            "x IN (SELECT y FROM u) OR k = 'c'",
            "EXISTS (SELECT 1 FROM u WHERE u.k = t.k)",
            "NOT EXISTS (SELECT 1 FROM u WHERE u.k = t.k)",
        ] {
            let sql = format!("EXPLAIN SELECT x FROM t WHERE {condition}");
            let plan = answer(&session, &sql).await;
            let keys = "Aggregate: groupBy=[[__correlated_sq";
            let grouped = plan.iter().filter(|line| line.contains(keys)).count();
            assert_eq!(grouped, 1, "{condition}: {plan:?}");
        }
    }

    #[tokio::test]
    async fn keys_that_are_distinct_already_stay_as_they_are() {
        let session = session().await;
        let sql = "EXPLAIN SELECT x FROM t WHERE x IN (SELECT DISTINCT y FROM u)";
        let plan = answer(&session, sql).await;
        assert_eq!(plan.iter().filter(|line| line.contains("Aggregate: ")).count(), 1, "{plan:?}");
    }

    #[tokio::test]
    async fn rows_are_the_same_as_with_equal_keys() {
        let session = session().await;
        for (condition, rows) in [
            ("x IN (SELECT y FROM u)", &["1", "1"] as &[&str]),
            ("x NOT IN (SELECT y FROM u)", &["2"]),
            ("x IN (SELECT y FROM u) OR k = 'c'", &["1", "1", ""]),
            ("EXISTS (SELECT 1 FROM u WHERE u.y = t.x AND u.k = t.k)", &["1"]),
            ("NOT EXISTS (SELECT 1 FROM u WHERE u.y = t.x)", &["2", ""]),
        ] {
            let sql = format!("SELECT x FROM t WHERE {condition} ORDER BY x");
            let found: Vec<_> = answer(&session, &sql).await.into_iter().skip(1).collect();
            assert_eq!(found, rows, "{condition}");
        }
    }
}
