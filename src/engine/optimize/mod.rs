//! Rules that make plans faster, each with a switch of its own among the
//! [levers](crate::catalog::Levers).

mod first_of_group;
mod joined_tables;
mod kept_limits;
mod late_columns;
mod limited_groups;
mod plain_search;
mod sum_before_join;

use std::sync::Arc;

use datafusion::execution::SessionStateBuilder;
use datafusion::physical_optimizer::PhysicalOptimizerRule;

use first_of_group::FirstOfGroup;
use kept_limits::KeptLimits;
use late_columns::{FewRows, LateColumns};
use limited_groups::LimitedGroups;
use plain_search::PlainSearch;
use sum_before_join::SumBeforeJoin;

/// Adds the rules to a session that is being built.
pub(super) fn add_rules(builder: SessionStateBuilder) -> SessionStateBuilder {
    builder
        .with_optimizer_rule(Arc::new(PlainSearch))
        .with_optimizer_rule(Arc::new(SumBeforeJoin))
        .with_optimizer_rule(Arc::new(FewRows))
        .with_physical_optimizer_rule(Arc::new(FirstOfGroup))
}

/// Puts before all `rules` for plans the one that has to see how they are meant, and in
/// the place of those that are wrong at times some that are not.
pub(super) fn with_first(
    rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>>,
) -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = KeptLimits::among(LimitedGroups::among(rules));
    rules.insert(0, Arc::new(LateColumns));
    rules
}
