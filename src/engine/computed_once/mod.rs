//! Queries by name, `WITH c AS (...)`, that are computed once however often they are used.
//!
//! The planner puts the plan of such a query in the place of each use. That is right where
//! each use asks for few of its rows, and wrong where its rows may be others each time, as
//! those by chance; and where it takes long, it takes as long again for each use.
//!
//! - [`mark`] is how a query that is used again is known in a plan.
//! - [`share`] puts scans of a table in its place, if it is to be computed once.
//! - [`table`] is that table, as the engine takes it.
//! - [`planner`] finds out which columns the uses want, and plans the query for those.
//! - [`computation`] computes the rows when a use asks for them first, and [`kept`] holds
//!   them, in memory or in files.
//! - [`operator`] gives them to one use.

mod computation;
mod kept;
mod mark;
mod operator;
mod planner;
mod share;
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use datafusion::execution::SessionStateBuilder;

pub(super) use mark::{Mark, When};
pub(crate) use operator::ComputedOnce;

/// Has a session that is being built compute queries by name once. It comes behind all
/// that looks at what a query says, and all that changes operators.
pub(super) fn add_rules(builder: SessionStateBuilder) -> SessionStateBuilder {
    builder
        .with_analyzer_rule(Arc::new(share::Share))
        .with_query_planner(Arc::new(planner::PlanOnce))
        .with_physical_optimizer_rule(Arc::new(operator::ShowOnce))
}
