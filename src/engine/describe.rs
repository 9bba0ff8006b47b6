//! DESCRIBE with the types that people know.

use datafusion::common::Result;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, col, lit};

use crate::model::type_name;

/// `plan` with the answer of DESCRIBE in the words of [`type_name`] instead of
/// those of Arrow; any other plan is as it was.
pub(super) fn in_plain_types(plan: LogicalPlan) -> Result<LogicalPlan> {
    let LogicalPlan::DescribeTable(described) = &plan else { return Ok(plan) };
    let rows = described.schema.fields().iter().map(|field| {
        let null = if field.is_nullable() { "YES" } else { "NO" };
        vec![lit(field.name().as_str()), lit(type_name(field.data_type())), lit(null)]
    });
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return Ok(plan);
    }
    let names = described.output_schema.fields().iter().enumerate();
    let named = names.map(|(index, field)| col(format!("column{}", index + 1)).alias(field.name()));
    LogicalPlanBuilder::values(rows)?.project(named.collect::<Vec<_>>())?.build()
}
