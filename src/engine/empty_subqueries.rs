//! A subquery without a row is NULL, whatever it would have given.
//!
//! The engine takes the value of `(SELECT platform FROM posts WHERE ...)` for known
//! because the column is, answers `IS NULL` without a look, and fails where the value is
//! unknown after all. Around such a subquery a rule puts a function that gives what it
//! is given, and of which the engine knows only that.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::{Aggregate, Expr, FetchType, GroupingSet, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

use super::reordering_casts::hidden;
use super::rewrite;

/// The rule.
#[derive(Debug)]
pub(super) struct EmptySubqueries;

impl AnalyzerRule for EmptySubqueries {
    fn name(&self) -> &'static str {
        "empty_subqueries"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let is_asked = |part: &Expr| matches!(part, Expr::ScalarSubquery(_));
        rewrite::some_expressions(plan, is_asked, &doubt)
    }
}

fn doubt(expression: Expr, _schema: &DFSchema) -> Result<Transformed<Expr>> {
    if let Expr::ScalarSubquery(asked) = &expression
        && asked.subquery.schema().fields().iter().all(|field| !field.is_nullable())
        && !has_a_row(&asked.subquery)
    {
        return Ok(Transformed::yes(hidden(expression)));
    }
    Ok(Transformed::no(expression))
}

/// Whether a query gives a row for certain, and no second one.
pub(super) fn has_a_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => has_a_row(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => has_a_row(&alias.input),
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::EmptyRelation(relation) => relation.produce_one_row,
        _ => false,
    }
}

/// Whether an aggregate gives a row of no rows, which it does without groups, and where one
/// of several sets of keys is empty.
pub(super) fn has_total(aggregate: &Aggregate) -> bool {
    aggregate.group_expr.iter().all(|group| match group {
        Expr::GroupingSet(GroupingSet::Rollup(_) | GroupingSet::Cube(_)) => true,
        Expr::GroupingSet(GroupingSet::GroupingSets(sets)) => sets.iter().any(Vec::is_empty),
        _ => false,
    })
}

/// Whether a query gives no second row.
pub(super) fn has_one_row_at_most(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => has_one_row_at_most(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => has_one_row_at_most(&alias.input),
        LogicalPlan::Filter(filter) => has_one_row_at_most(&filter.input),
        LogicalPlan::Sort(sort) => has_one_row_at_most(&sort.input),
        LogicalPlan::Limit(limit) => {
            let is_one = matches!(limit.get_fetch_type(), Ok(FetchType::Literal(Some(0 | 1))));
            is_one || has_one_row_at_most(&limit.input)
        }
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::EmptyRelation(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn a_subquery_without_a_row_is_unknown() {
        let session = Session::new(None, Settings::default()).unwrap();
        session
            .collect("CREATE TABLE t AS SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t(n, k)")
            .await
            .unwrap();
        for (asked, is) in [
            ("(SELECT 1 FROM t WHERE n = 100) IS NULL", "true"),
            ("(SELECT 1 FROM t WHERE n = 100)", ""),
            ("(SELECT 1 FROM t WHERE n = 1) IS NULL", "false"),
            ("(SELECT count(*) FROM t HAVING count(*) > 100) IS NULL", "true"),
            ("(SELECT count(*) FROM t LIMIT 0) IS NULL", "true"),
            ("(SELECT count(*) FROM t WHERE n > 9)", "0"),
            ("coalesce((SELECT 'x' FROM t WHERE n = 100), 'none')", "none"),
            ("CASE WHEN (SELECT 1 WHERE 1 > 2) IS NOT NULL THEN 'some' ELSE 'none' END", "none"),
            ("(SELECT 'a' FROM t WHERE n = 100) || 'b'", ""),
            ("(SELECT 5) IS NULL", "false"),
        ] {
            let rows = answer(&session, &format!("SELECT {asked} AS v")).await;
            assert_eq!(rows, ["v", is], "{asked}");
        }
        let sql = "SELECT n FROM t WHERE (SELECT 7 FROM t WHERE n > 9) IS NULL ORDER BY n";
        assert_eq!(answer(&session, sql).await, ["n", "1", "2"]);
        let sql = "SELECT n, (SELECT count(*) FROM t AS b WHERE b.n = a.n + 1 HAVING count(*) > 0)
                   IS NULL AS v FROM t AS a ORDER BY n";
        assert_eq!(answer(&session, sql).await, ["n|v", "1|false", "2|true"]);
    }
}
