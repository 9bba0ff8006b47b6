//! Forms of SQL that people know from other databases, and that the planner takes
//! for something else or refuses: each is brought to one that it knows.

mod exact_numbers;
mod lateral_unnest;
mod order_by_all;
mod pivot;

use datafusion::common::Result;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as Parsed;

pub(super) use pivot::Pivots;

/// Rewrites what a statement says, before it is planned.
pub(super) fn rewrite(parsed: &mut Parsed) {
    exact_numbers::keep(parsed);
    order_by_all::mark(parsed);
    lateral_unnest::name(parsed);
}

/// Rewrites the plan of a statement that was rewritten.
pub(super) fn finish(plan: LogicalPlan) -> Result<LogicalPlan> {
    order_by_all::by_columns(lateral_unnest::beside(plan)?)
}
