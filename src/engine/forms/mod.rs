//! Forms of SQL that people know from other databases, and that the planner takes
//! for something else or refuses: each is brought to one that it knows.

mod exact_numbers;
mod intervals;
mod lateral_unnest;
mod order_by_all;
mod other_texts;
mod pivot;
pub(super) mod similar_to;

use datafusion::common::Result;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as Parsed;

pub(super) use intervals::{ScaleIntervals, functions};
pub(super) use pivot::Pivots;

use super::parsed;

/// Rewrites what a statement says, before it is planned.
pub(super) fn rewrite(parsed: &mut Parsed) {
    other_texts::quote(parsed);
    parsed::change(parsed, &[exact_numbers::keep, intervals::spell, similar_to::spell]);
    order_by_all::mark(parsed);
    lateral_unnest::name(parsed);
}

/// Rewrites the plan of a statement that was rewritten.
pub(super) fn finish(plan: LogicalPlan) -> Result<LogicalPlan> {
    order_by_all::by_columns(lateral_unnest::beside(plan)?)
}

#[cfg(test)]
mod answers {
    use datafusion::arrow::util::pretty::pretty_format_batches;

    use crate::engine::Session;

    /// The names of the columns and the rows, each `a|b`; NULL is empty.
    pub(super) async fn answer(session: &Session, sql: &str) -> Vec<String> {
        let batches = session.collect(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let table = pretty_format_batches(&batches).unwrap().to_string();
        let lines = table.lines().filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
        lines.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>().join("|")).collect()
    }
}
