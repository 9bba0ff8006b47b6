//! Rules that make plans faster, each with a switch of its own among the
//! [levers](crate::catalog::Levers).

mod first_of_group;
mod joined_tables;
mod plain_search;
mod sum_before_join;

use std::sync::Arc;

use datafusion::execution::SessionStateBuilder;

use first_of_group::FirstOfGroup;
use plain_search::PlainSearch;
use sum_before_join::SumBeforeJoin;

/// Adds the rules to a session that is being built.
pub(super) fn add_rules(builder: SessionStateBuilder) -> SessionStateBuilder {
    builder
        .with_optimizer_rule(Arc::new(PlainSearch))
        .with_optimizer_rule(Arc::new(SumBeforeJoin))
        .with_physical_optimizer_rule(Arc::new(FirstOfGroup))
}
