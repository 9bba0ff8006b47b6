//! Going over all expressions of a plan, for rules that change some of them.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan};

/// What a rule does with one expression, whose columns are those of the schema.
type Change<'a> = &'a dyn Fn(Expr, &DFSchema) -> Result<Transformed<Expr>>;

/// Applies `change` to every expression of `plan`, inner ones first; the columns
/// of the result keep their names.
pub(super) fn expressions(plan: LogicalPlan, change: Change<'_>) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| change_node(node, change)).map(|plan| plan.data)
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
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

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
