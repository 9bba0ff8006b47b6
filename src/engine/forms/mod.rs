//! Forms of SQL that people know from other databases, and that the planner takes
//! for something else or refuses: each is brought to one that it knows.

mod exact_numbers;

use datafusion::sql::parser::Statement as Parsed;

/// Rewrites what a statement says, before it is planned.
pub(super) fn rewrite(parsed: &mut Parsed) {
    exact_numbers::keep(parsed);
}
