//! Rules that make plans faster, most with a switch among the
//! [levers](crate::catalog::Levers), and rules that keep them right.

mod added_up;
mod around;
mod columns_of_one_name;
mod constant_sizes;
mod distinct_keys;
mod distinct_on;
mod finest_groups;
mod first_of_group;
mod held_back;
mod hidden_equalities;
mod joined_tables;
mod joint_conditions;
mod kept_columns;
mod kept_conditions;
mod kept_keys;
mod kept_limits;
mod kept_offsets;
mod lambda_columns;
mod late_columns;
mod learned_filters;
mod limited_groups;
mod outer_constants;
mod plain_search;
mod range_join;
mod rows_in_order;
mod sum_before_join;
mod unordered_groups;
mod wall;
mod whole_windows;
mod windows;

use std::sync::Arc;

use datafusion::execution::SessionStateBuilder;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;

use distinct_keys::DistinctKeys;
use finest_groups::FinestGroups;
use first_of_group::FirstOfGroup;
use held_back::Rule;
use hidden_equalities::HiddenEqualities;
use joint_conditions::JointConditions;
use kept_limits::KeptLimits;
use kept_offsets::KeptOffsets;
use late_columns::{FewRows, LateColumns};
use learned_filters::LearnedFilters;
use outer_constants::OuterConstants;
use plain_search::PlainSearch;
use range_join::RangeJoins;
use rows_in_order::{BatchesInOrder, RowsInOrder};
use sum_before_join::SumBeforeJoin;
use unordered_groups::UnorderedGroups;
use whole_windows::WholeWindows;
use windows::Windows;

pub(super) use outer_constants::function as not_constant;

/// Adds the rules to a session that is being built.
pub(super) fn add_rules(builder: SessionStateBuilder) -> SessionStateBuilder {
    builder
        .with_optimizer_rules(distinct_on::among(kept_columns::among(kept_conditions::among(
            kept_keys::rules(),
        ))))
        .with_optimizer_rule(Arc::new(WholeWindows))
        .with_optimizer_rule(Arc::new(PlainSearch))
        .with_optimizer_rule(Arc::new(FinestGroups))
        .with_optimizer_rule(Arc::new(SumBeforeJoin))
        .with_optimizer_rule(Arc::new(DistinctKeys))
        .with_optimizer_rule(Arc::new(FewRows))
        .with_optimizer_rule(Arc::new(HiddenEqualities))
        .with_physical_optimizer_rule(Arc::new(FirstOfGroup))
        .with_physical_optimizer_rule(Arc::new(Windows))
        .with_physical_optimizer_rule(Arc::new(UnorderedGroups))
        .with_physical_optimizer_rule(Arc::new(JointConditions))
}

/// Adds to a session that is being built, whose plans are run on other machines, what they
/// need to be right.
pub(super) fn add_rules_for_cluster(builder: SessionStateBuilder) -> SessionStateBuilder {
    let rules = columns_of_one_name::among(PhysicalOptimizer::new().rules);
    let rules = wall::among(rules, [Arc::new(KeptOffsets) as Rule]);
    let rules = LearnedFilters::among(KeptLimits::among(lambda_columns::among(rules)));
    builder.with_physical_optimizer_rules(OuterConstants::before(rules))
}

/// Puts before all `rules` for plans the one that has to see how they are meant, and in
/// the place of those that are wrong at times some that are not.
pub(super) fn with_first(rules: Vec<Rule>) -> Vec<Rule> {
    let rules = constant_sizes::among(columns_of_one_name::among(rules));
    let builders: [Rule; 2] = [Arc::new(BatchesInOrder), Arc::new(KeptOffsets)];
    let rules = wall::among(rules, builders);
    let rules = LearnedFilters::among(lambda_columns::among(limited_groups::among(rules)));
    let rules = RowsInOrder::among(RangeJoins::among(KeptLimits::among(rules)));
    let mut rules = OuterConstants::before(rules);
    rules.insert(0, Arc::new(LateColumns));
    rules
}
