//! What a session plans and runs with: its tables, functions, rules and options.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider};
use datafusion::error::DataFusionError;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::AggregateUDF;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::foreign;
use crate::catalog::{AdHocFiles, CATALOG, DatabaseSchema, HeldColumns, Levers, Pinned, SCHEMA};
use crate::engine::as_written;
use crate::engine::at_time_zone;
use crate::engine::both_zeros::{CountZeros, ListZeros};
use crate::engine::bounded_text;
use crate::engine::checked_arithmetic::CheckArithmetic;
use crate::engine::checked_sum::CheckedSum;
use crate::engine::cluster::rules_running;
use crate::engine::compared_intervals::{self, CompareLengths};
use crate::engine::compared_lists::CompareLists;
use crate::engine::computed_once;
use crate::engine::counted_median;
use crate::engine::decimals;
use crate::engine::distinct_pairs::TellArguments;
use crate::engine::distinct_texts::CountTexts;
use crate::engine::doubted_cases::DoubtCases;
use crate::engine::empty_subqueries::EmptySubqueries;
use crate::engine::exact_average;
use crate::engine::exact_percentiles;
use crate::engine::filtered_arguments::GuardFiltered;
use crate::engine::forms;
use crate::engine::guarded_divisions::GuardDivisions;
use crate::engine::hidden;
use crate::engine::interrupt::Interruptible;
use crate::engine::lifted_subqueries::LiftedSubqueries;
use crate::engine::list_lengths;
use crate::engine::list_texts::TellNulls;
use crate::engine::lists;
use crate::engine::map_keys::KeysOfMaps;
use crate::engine::memory::{self, OwnBuffers};
use crate::engine::moving;
use crate::engine::multiplied_keys::{self, MultipliedKeys};
use crate::engine::optimize;
use crate::engine::ordered_lists;
use crate::engine::paired_moments;
use crate::engine::read_times;
use crate::engine::reduced_lists;
use crate::engine::remembered_part;
use crate::engine::remembered_trunc;
use crate::engine::reordering_casts::HideExtremes;
use crate::engine::repeated_keys::RepeatedKeys;
use crate::engine::rollups::UseRollups;
use crate::engine::second_try;
use crate::engine::settings::Settings;
use crate::engine::sort_columns::SortByColumns;
use crate::engine::text_index::UseTextIndex;
use crate::engine::told_truths::TellTruths;
use crate::engine::unknown_members::UnknownMembers;
use crate::engine::values_ahead;
use crate::engine::whole_counts;
use crate::engine::written_times;
use crate::engine::zoned_bins;
use crate::engine::zoned_casts::CastInZone;
use crate::error::{Error, Result};
use crate::functions::Dictionaries;
use crate::store::Store;

/// Builds the context: the only place where tables, functions and options of a
/// session are put together.
pub(super) fn context(
    store: Option<Arc<Store>>,
    settings: &Settings,
    files: AdHocFiles,
    (pinned, held, dictionaries): (Arc<RwLock<Pinned>>, Arc<HeldColumns>, Arc<Dictionaries>),
    runtime: Arc<RuntimeEnv>,
) -> Result<SessionContext> {
    let state_cell = Arc::clone(&files.state);
    let schema = DatabaseSchema::new(store, pinned, files, held);
    let catalog = MemoryCatalogProvider::new();
    catalog
        .register_schema(SCHEMA, Arc::new(schema))
        .map_err(|error| Error::internal(error.to_string()))?;
    let mut builder = SessionStateBuilder::new()
        .with_config(config(settings))
        .with_runtime_env(runtime)
        .with_expr_planners(vec![
            Arc::new(forms::slices::SliceTexts),
            Arc::new(remembered_part::PlanExtract),
            Arc::new(ordered_lists::PlanItem),
        ])
        .with_default_features()
        .with_relation_planners(vec![Arc::new(multiplied_keys::Tables {
            others: vec![Arc::new(forms::Pivots), Arc::new(forms::information::TellColumns)],
        })])
        .with_analyzer_rules(as_written::rules())
        .with_analyzer_rule(Arc::new(CastInZone))
        .with_analyzer_rule(Arc::new(HideExtremes))
        .with_analyzer_rule(Arc::new(CompareLengths))
        .with_analyzer_rule(Arc::new(CompareLists))
        .with_analyzer_rule(Arc::new(TellNulls))
        .with_analyzer_rule(Arc::new(KeysOfMaps))
        .with_analyzer_rule(Arc::new(CheckArithmetic))
        .with_analyzer_rule(Arc::new(TellArguments))
        .with_analyzer_rule(Arc::new(GuardFiltered))
        .with_analyzer_rule(Arc::new(CountZeros))
        .with_analyzer_rule(Arc::new(EmptySubqueries))
        .with_analyzer_rule(Arc::new(UnknownMembers))
        .with_analyzer_rule(Arc::new(LiftedSubqueries))
        .with_analyzer_rule(Arc::new(MultipliedKeys))
        .with_analyzer_rule(Arc::new(RepeatedKeys))
        .with_optimizer_rule(Arc::new(UseTextIndex))
        .with_optimizer_rule(Arc::new(UseRollups));
    builder = optimize::add_rules(builder)
        .with_optimizer_rule(Arc::new(SortByColumns))
        .with_optimizer_rule(Arc::new(RepeatedKeys))
        .with_optimizer_rule(Arc::new(GuardDivisions))
        .with_optimizer_rule(Arc::new(ListZeros))
        .with_optimizer_rule(Arc::new(TellTruths))
        .with_optimizer_rule(Arc::new(DoubtCases));
    // Behind all rules that look for sorts. Other machines have the engine's operators only.
    if settings.memory_limit.is_some() && settings.cluster.is_none() {
        builder = builder.with_physical_optimizer_rule(Arc::new(OwnBuffers));
    }
    builder = computed_once::add_rules(builder);
    builder = match &settings.cluster {
        Some(cluster) => cluster.equip(optimize::add_rules_for_cluster(builder))?,
        // Other machines stop when their connection ends.
        None => builder.with_physical_optimizer_rules(second_try::before(optimize::with_first(
            Interruptible::among_all(),
        ))),
    };
    let mut context = with_functions(builder.build(), dictionaries);
    for planner in forms::planners() {
        context
            .register_expr_planner(planner)
            .map_err(|error| Error::internal(error.to_string()))?;
    }
    context.register_catalog(CATALOG, Arc::new(catalog));
    let _ = state_cell.set(context.state_weak_ref());
    Ok(context)
}

/// A context that knows our functions, wherever its plans are made or run.
fn with_functions(state: SessionState, dictionaries: Arc<Dictionaries>) -> SessionContext {
    let context = SessionContext::new_with_state(state);
    context.register_udaf(AggregateUDF::from(CheckedSum::default()));
    context.register_udaf(AggregateUDF::from(CountTexts::default()));
    context.register_udaf(counted_median::median());
    context.register_udaf(exact_average::function());
    context.register_udaf(exact_percentiles::function());
    paired_moments::register(&context);
    context.register_udf(remembered_part::function());
    context.register_udf(remembered_trunc::function());
    context.register_udf(zoned_bins::function());
    context.register_udf(written_times::function());
    context.register_udf(at_time_zone::function());
    read_times::register(&context);
    lists::functions().for_each(|function| context.register_udf(function));
    context.register_higher_order_function(reduced_lists::function());
    list_lengths::functions().into_iter().for_each(|function| context.register_udf(function));
    bounded_text::functions().for_each(|function| context.register_udf(function));
    decimals::functions().for_each(|function| context.register_udf(function));
    crate::functions::register(&context, dictionaries);
    ordered_lists::register(&context);
    // Before those that have frames of their own.
    whole_counts::register(&context);
    moving::register(&context);
    values_ahead::register(&context);
    forms::familiar::register(&context);
    context
}

/// The state of a session that runs plans made in another one, whose
/// [`running_options`](crate::engine::running_options) are `options`; it has no tables,
/// since plans name files.
///
/// # Errors
/// When an option means nothing here.
pub fn running_state(
    mut builder: SessionStateBuilder,
    options: &BTreeMap<String, String>,
) -> Result<SessionState, DataFusionError> {
    let config = builder.config().get_or_insert_default().options_mut();
    for (key, value) in options.iter().filter(|(key, _)| rules_running(key)) {
        config.set(key, value)?;
    }
    let context =
        with_functions(builder.build(), Dictionaries::of_database(None).map_err(foreign)?);
    hidden::all().into_iter().for_each(|function| context.register_udf(function));
    compared_intervals::extremes().for_each(|function| context.register_udaf(function));
    context.register_udaf(counted_median::counted());
    context.register_udaf(counted_median::median_of_counted());
    forms::summing_functions().into_iter().for_each(|function| context.register_udaf(function));
    Ok(context.state())
}

pub(super) fn config(settings: &Settings) -> SessionConfig {
    let levers = if settings.cluster.is_some() { Levers::for_cluster() } else { Levers::default() };
    let levers = Levers { result_cache: settings.keep_answers.is_some(), ..levers };
    let mut config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(true)
        .with_option_extension(levers)
        .with_target_partitions(settings.threads.max(1));
    let options = config.options_mut();
    options.execution.time_zone = Some(settings.timezone.clone());
    options.execution.parquet.pushdown_filters = settings.pushdown;
    options.execution.parquet.reorder_filters = settings.pushdown;
    // A thread that helps another one with its files reads them out of the order on
    // which a plan without a sort relies.
    options.execution.enable_file_stream_work_stealing = false;
    // Posts hold line breaks; see catalog::files.
    options.catalog.newlines_in_values = true;
    options.sql_parser.collect_spans = true;
    // 0.1 + 0.2 is 0.3; forms::exact_numbers says which numbers are doubles.
    options.sql_parser.parse_float_as_decimal = true;
    // What is unknown is neither the most nor the least, so it does not lead.
    options.sql_parser.default_null_ordering = "nulls_last".to_owned();
    if let Some(limit) = settings.memory_limit {
        let kept = &mut options.execution.sort_spill_reservation_bytes;
        *kept = memory::kept_for_merging(limit, settings.threads, *kept);
    }
    // It holds the batches of the first rows of each group, and counts them once for each.
    options.optimizer.enable_window_topn = false;
    // Of a column that the plan knows to be there, what computes it need not know that; the
    // engine would refuse to group by it behind UNION.
    options.execution.skip_physical_aggregate_schema_check = true;
    // It leaves out rows that bring no new extreme of a column, though an expression is
    // asked for as well: max(likes), max(length(text)).
    options.optimizer.enable_aggregate_dynamic_filter_pushdown = false;
    // Elsewhere a rule looks which plans it is right for.
    options.optimizer.enable_topk_aggregation = settings.cluster.is_none();
    options.explain.show_statistics = false;
    config
}
