//! Forms of SQL that people know from other databases, and that the planner takes
//! for something else or refuses: each is brought to one that it knows.

pub(super) mod all_columns;
mod any_item;
pub(super) mod arithmetic;
mod asof_joins;
mod bits;
mod chained_joins;
mod collations;
pub(super) mod column_aliases;
pub(super) mod common_tables;
mod compared_items;
mod copy_columns;
mod count_distinct;
mod created_columns;
mod determination;
mod exact_numbers;
mod exact_steps;
pub(super) mod familiar;
mod fetch;
mod frequent;
pub(super) mod given_values;
pub(super) mod grouping_sets;
mod hidden_queries;
pub(super) mod information;
mod intervals;
mod joined_columns;
pub(super) mod json_casts;
mod json_rows;
mod json_signs;
mod lambdas;
mod lateral_unnest;
mod left_out;
mod level_names;
pub(super) mod like;
mod listed_queries;
pub(super) mod named_windows;
pub(super) mod no_columns;
mod null_tests;
mod offset_defaults;
mod order_by_all;
pub(super) mod order_by_input;
mod ordered_texts;
mod ordered_windows;
mod other_texts;
mod outer_tables;
mod outer_windows;
mod percentile_orders;
mod pivot;
pub(super) mod pivot_statement;
mod placed_items;
pub(super) mod positions;
mod qualified_columns;
mod read_files;
pub(super) mod reused_names;
pub(super) mod sample;
mod series_names;
mod set_operations;
mod share_lists;
mod shared_limits;
pub(super) mod shifts;
mod show;
pub(super) mod similar_to;
pub(super) mod slices;
mod spread;
pub(super) mod subqueries;
mod summarize;
mod temporary;
mod text_frames;
pub(super) mod texts_in_a_row;
mod truths;
pub(super) mod twins;
pub(super) mod using_joins;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::tokenizer::TokenWithSpan;

pub(super) use asof_joins::nearest_by_range;
pub(super) use intervals::functions;
pub(super) use pivot::Pivots;
pub(super) use summarize::functions as summing_functions;

use super::parsed;

/// Brings what the parser does not know to what it does.
pub(super) fn spell(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let tokens = created_columns::spell(copy_columns::spell(shared_limits::spell(tokens)));
    let tokens = grouping_sets::enclose(left_out::spell(show::spell(tokens)));
    let tokens = null_tests::spell(all_columns::spell(tokens));
    asof_joins::spell(common_tables::spell(sample::spell(summarize::spell(tokens))))
}

/// Rewrites what a statement of the session of `context` says, before it is planned.
pub(super) fn rewrite(parsed: &mut Parsed, context: &SessionContext) {
    other_texts::quote(parsed);
    temporary::take(parsed);
    shared_limits::count(parsed);
    json_rows::spell(parsed);
    read_files::name(parsed, context);
    let changes: &[parsed::Change] = &[
        share_lists::part,
        collations::leave_out,
        placed_items::pair,
        compared_items::name,
        ordered_windows::order,
        offset_defaults::spell,
        listed_queries::list,
        super::datetimes::spell,
        percentile_orders::order_values,
        determination::write_out,
        familiar::spell,
        json_signs::read,
        json_casts::spell,
        slices::complete,
        bits::turn,
        exact_numbers::keep,
        exact_numbers::beside_items,
        intervals::spell,
        similar_to::spell,
        arithmetic::raise,
        count_distinct::join,
        like::each,
        like::escape,
    ];
    parsed::change(parsed, changes);
    exact_numbers::mix(parsed);
    ordered_texts::part(parsed);
    sample::take(parsed);
    order_by_all::mark(parsed);
    // Before that, which names the column of a series as the planner does.
    series_names::name(parsed);
    lateral_unnest::name(parsed);
    chained_joins::chain(parsed);
    fetch::limit(parsed);
    subqueries::spell(parsed);
    // Behind that, which looks for lists in brackets itself.
    parsed::change(parsed, &[lambdas::spell]);
    hidden_queries::tell_apart(parsed);
}

/// What plans operators that the planner does not know, or knows of other values.
pub(super) fn planners() -> Vec<Arc<dyn ExprPlanner>> {
    vec![
        Arc::new(super::parameters::JoinTexts),
        Arc::new(intervals::ScaleIntervals),
        Arc::new(arithmetic::DivideWhole),
        Arc::new(super::decimals::DivideDecimals),
        Arc::new(truths::CompareTruths),
        Arc::new(order_by_input::InputFirst),
        Arc::new(qualified_columns::BesideWindow),
        Arc::new(json_casts::CheckJson),
        Arc::new(shifts::ShiftBits),
    ]
}

/// Rewrites the plan of a statement that was rewritten.
pub(super) fn finish(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = summarize::sum_up(lateral_unnest::beside(any_item::choose(plan)?)?)?;
    let plan = asof_joins::find(plan)?;
    outer_windows::check(&plan)?;
    text_frames::check(&plan)?;
    let plan = set_operations::count(subqueries::only_values(plan)?)?;
    order_by_all::by_columns(plan)
}
