//! Going over all expressions of a plan, for rules that change some of them.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Cast, Expr, LogicalPlan, TryCast};

use super::any_expression::any_part;

/// What a rule does with one expression, whose columns are those of the schema.
type Change<'a> = &'a dyn Fn(Expr, &DFSchema) -> Result<Transformed<Expr>>;

/// Applies `change` to every expression of `plan`, inner ones first; the columns
/// of the result keep their names. Each node learns of the columns that it reads anew.
pub(super) fn expressions(plan: LogicalPlan, change: Change<'_>) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| change_node(node, change)).map(|plan| plan.data)
}

/// As [`expressions`], for those that look as if they were meant. A plan without such
/// expressions, as most are to most rules, stays as it is, which its nodes know already.
pub(super) fn some_expressions(
    plan: LogicalPlan,
    is_meant: fn(&Expr) -> bool,
    change: Change<'_>,
) -> Result<LogicalPlan> {
    if !any_part(&plan, is_meant)? {
        return Ok(plan);
    }
    expressions(plan, &|part, schema| match is_meant(&part) {
        true => change(part, schema),
        false => Ok(Transformed::no(part)),
    })
}

/// Has each node of `plan` know the columns of what it reads as they are now.
pub(super) fn with_new_schemas(plan: LogicalPlan) -> Result<LogicalPlan> {
    let known = |node: LogicalPlan| node.recompute_schema().map(Transformed::yes);
    plan.transform_up_with_subqueries(known).map(|plan| plan.data)
}

/// The type that a cast is to; none if `expression` is no cast.
pub(super) fn type_of_cast(expression: &Expr) -> Option<&DataType> {
    match expression {
        Expr::Cast(Cast { field, .. }) | Expr::TryCast(TryCast { field, .. }) => {
            Some(field.data_type())
        }
        _ => None,
    }
}

fn change_node(plan: LogicalPlan, change: Change<'_>) -> Result<Transformed<LogicalPlan>> {
    let schema = known_columns(&plan)?;
    whole_expressions(plan, |expression| expression.transform_up(|inner| change(inner, &schema)))?
        .map_data(LogicalPlan::recompute_schema)
}

/// Applies `change` to each expression of `plan` as a whole; its columns keep their names.
pub(super) fn whole_expressions(
    plan: LogicalPlan,
    mut change: impl FnMut(Expr) -> Result<Transformed<Expr>>,
) -> Result<Transformed<LogicalPlan>> {
    let names = NamePreserver::new(&plan);
    let mut changed = |expression: Expr| -> Result<Transformed<Expr>> {
        let name = names.save(&expression);
        Ok(change(expression)?.update_data(|new| name.restore(new)))
    };
    plan.map_expressions(|expression| match expression {
        // Several sets of keys are no column; each key is one.
        Expr::GroupingSet(_) => expression.map_children(&mut changed),
        expression => changed(expression),
    })
}

/// The columns that expressions of `plan` may name.
pub(super) fn known_columns(plan: &LogicalPlan) -> Result<DFSchema> {
    let mut schema = merge_schema(&plan.inputs());
    if let LogicalPlan::TableScan(scan) = plan {
        schema.merge(&DFSchema::try_from_qualified_schema(
            scan.table_name.clone(),
            &scan.source.schema(),
        )?);
    }
    Ok(schema)
}

#[cfg(test)]
mod tests {
    use datafusion::common::internal_err;
    use datafusion::prelude::SessionContext;

    use super::*;
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    async fn plan(sql: &str) -> LogicalPlan {
        SessionContext::new().sql(sql).await.unwrap().into_unoptimized_plan()
    }

    fn is_negative(part: &Expr) -> bool {
        matches!(part, Expr::Negative(_))
    }

    #[tokio::test]
    async fn what_is_meant_is_changed_wherever_it_stands() {
        let rows = "(VALUES (1, 2)) AS t(n, m)";
        for sql in [
            "SELECT n + abs(-m) AS x FROM #",
            "SELECT x + 1 AS y FROM (SELECT -n AS x FROM #) AS s",
            "SELECT n FROM # WHERE EXISTS (SELECT 1 FROM (VALUES (1)) AS u(k) WHERE k > -1 * -k)",
            "SELECT n, (SELECT max(-k) FROM (VALUES (1)) AS u(k)) AS x FROM #",
            "SELECT sum(m) FILTER (WHERE -n < 0) AS x FROM # GROUP BY ROLLUP (n)",
            "SELECT count(*) AS c FROM # GROUP BY GROUPING SETS ((-n), (m))",
            "SELECT sum(m) OVER (ORDER BY -n) AS x FROM #",
            "SELECT n FROM # ORDER BY -m",
            "SELECT t.n FROM # JOIN (VALUES (1)) AS u(k) ON t.n = -u.k",
        ] {
            let before = plan(&sql.replace('#', rows)).await;
            assert!(any_part(&before, is_negative).unwrap(), "{sql}");
            let positive = |part: Expr, _: &DFSchema| -> Result<Transformed<Expr>> {
                match part {
                    Expr::Negative(value) => Ok(Transformed::yes(*value)),
                    _ => internal_err!("only these are meant"),
                }
            };
            let after = some_expressions(before, is_negative, &positive).unwrap();
            assert!(!any_part(&after, is_negative).unwrap(), "{sql}: {after:?}");
        }
    }

    #[tokio::test]
    async fn a_plan_without_what_is_meant_stays_as_it_is() {
        let before = plan("SELECT n + 1 AS x FROM (VALUES (1)) AS t(n) WHERE n > 0").await;
        let refuse =
            |_: Expr, _: &DFSchema| -> Result<Transformed<Expr>> { internal_err!("none is meant") };
        let after = some_expressions(before.clone(), is_negative, &refuse).unwrap();
        assert_eq!(after, before);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn keys_of_several_sets_keep_their_names() {
        let session = Session::new(None, Settings::default()).unwrap();
        let rows = "(VALUES (1, 2), (3, 2)) AS t(n, m)";
        for (sql, wanted) in [
            (
                "SELECT n + 1 AS k, count(*) AS c FROM # GROUP BY ROLLUP(n + 1) ORDER BY k",
                &["k|c", "2|1", "4|1", "|2"][..],
            ),
            (
                "SELECT n + 1 AS k, m * 2 AS l, count(*) AS c FROM #
                 GROUP BY GROUPING SETS ((n + 1), (m * 2)) ORDER BY k, l",
                &["k|l|c", "2||1", "4||1", "|4|2"],
            ),
            (
                "SELECT n - m AS k, sum(n) AS s FROM # GROUP BY CUBE(n - m, m) ORDER BY k, s",
                &["k|s", "-1|1", "-1|1", "1|3", "1|3", "|4", "|4"],
            ),
        ] {
            let sql = sql.replace('#', rows);
            assert_eq!(answer(&session, &sql).await, wanted, "{sql}");
        }
    }
}
