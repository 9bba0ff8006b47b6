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
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expression| {
        let name = names.save(&expression);
        let changed = expression.transform_up(|inner| change(inner, &schema))?;
        Ok(changed.update_data(|new| name.restore(new)))
    })?
    .map_data(LogicalPlan::recompute_schema)
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
