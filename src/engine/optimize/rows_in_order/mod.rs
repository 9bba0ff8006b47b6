//! Rows in the order in which they lie in the files, where a statement asks for no other.
//!
//! Several partitions are read at the same time, and the engine passes their batches on as
//! they come: in another order each time, and with LIMIT other rows. A statement that gives
//! the rows of its tables one by one, by filters, expressions, limits and UNION ALL, here
//! reads small pieces of the files, several at the same time, and gives them out one after
//! the other. What goes into a join, a group or a sort is left as it is, but for the rows
//! of a limit.
//!
//! - [`operator`] reads pieces ahead, and gives them out in order.
//! - [`runs`] makes pieces of what cannot be read in pieces, such as a CSV file.
//! - [`files`] makes pieces of files.

mod files;
mod operator;
mod runs;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::datasource::sink::DataSinkExec;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::ensure_coop::EnsureCooperative;
use datafusion::physical_optimizer::output_requirements::OutputRequirementExec;
use datafusion::physical_plan::analyze::AnalyzeExec;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::scalar_subquery::ScalarSubqueryExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::unnest::UnnestExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, Partitioning};

use super::held_back::Rule;
use super::wall::Wall;
use crate::catalog::HeldScan;
use operator::InOrder;
use runs::Runs;

type Plan = Arc<dyn ExecutionPlan>;

/// The rule, to be applied when it is decided what is read in how many partitions.
#[derive(Debug)]
pub(super) struct RowsInOrder;

impl RowsInOrder {
    /// `rules` with this one at its place.
    pub(super) fn among(mut rules: Vec<Rule>) -> Vec<Rule> {
        let cooperative = EnsureCooperative::new();
        let place = rules.iter().position(|rule| rule.name() == cooperative.name());
        rules.insert(place.unwrap_or(rules.len()), Arc::new(Self));
        rules
    }
}

impl PhysicalOptimizerRule for RowsInOrder {
    fn name(&self) -> &'static str {
        "rows_in_order"
    }

    fn optimize(&self, plan: Plan, _: &ConfigOptions) -> Result<Plan> {
        in_order(plan)?.transform_down(first_in_order).data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// `plan` with its rows in order, if it gives those of its tables one by one.
fn in_order(plan: Plan) -> Result<Plan> {
    if plan.is::<ScalarSubqueryExec>() {
        // What is below it may be read only when it has its subqueries.
        return with_first_child(plan, in_order);
    }
    if is_several(&plan) {
        return if gives_row_by_row(&plan) { one_by_one(plan, None) } else { Ok(plan) };
    }
    if let Some(merged) = plan.downcast_ref::<CoalescePartitionsExec>() {
        let (input, fetch) = (Arc::clone(merged.input()), merged.fetch());
        return match gives_row_by_row(&input) {
            true => one_by_one(input, fetch),
            false if input.is::<ScalarSubqueryExec>() => with_first_child(plan, in_order),
            false => Ok(plan),
        };
    }
    if passes_rows_on(&plan) { with_first_child(plan, in_order) } else { source_in_order(plan) }
}

/// A limit anywhere in a plan that asks for no order, so that it takes the first rows.
fn first_in_order(plan: Plan) -> Result<Transformed<Plan>> {
    if plan.is::<InOrder>() {
        return Ok(Transformed::new(plan, false, TreeNodeRecursion::Jump));
    }
    if let Some(merged) = plan.downcast_ref::<CoalescePartitionsExec>()
        && merged.fetch().is_some()
        && gives_row_by_row(merged.input())
    {
        let first = one_by_one(Arc::clone(merged.input()), merged.fetch())?;
        return Ok(Transformed::new(first, true, TreeNodeRecursion::Jump));
    }
    let limited = plan.downcast_ref::<DataSourceExec>().and_then(files::limited);
    Ok(limited.map_or_else(|| Transformed::no(plan), Transformed::yes))
}

/// The rows of `plan`, which gives those of its tables one by one, in their order; the
/// first `fetch` of them.
fn one_by_one(plan: Plan, fetch: Option<usize>) -> Result<Plan> {
    let plan = in_pieces(plan)?;
    let is_one = !is_several(&plan) && Runs::below(&plan).is_none();
    if is_one && fetch.is_none() { Ok(plan) } else { Ok(Arc::new(InOrder::new(plan, fetch))) }
}

/// `plan` with partitions that are pieces, in order.
fn in_pieces(plan: Plan) -> Result<Plan> {
    if !is_several(&plan) {
        return in_order(plan);
    }
    if let Some(dealt) = dealt_out(&plan) {
        let input = in_pieces(Arc::clone(dealt.input()))?;
        // What comes from several partitions is read by as many threads.
        return Ok(if is_several(&input) { input } else { Arc::new(Runs::new(input)) });
    }
    let children = plan.children().into_iter().map(|child| in_pieces(Arc::clone(child)));
    let mut children: Vec<Plan> = children.collect::<Result<_>>()?;
    if children.is_empty() {
        return source_in_order(plan);
    }
    if plan.is::<UnionExec>() {
        // Of runs it is not known how many there are.
        for child in children.iter_mut().filter(|child| Runs::below(child).is_some()) {
            *child = Arc::new(InOrder::new(Arc::clone(child), None));
        }
    }
    replace_children_if_necessary(plan, children)
}

/// A scan of what lies in order, in pieces if it has several partitions.
fn source_in_order(plan: Plan) -> Result<Plan> {
    if let Some(scan) = plan.downcast_ref::<HeldScan>() {
        return Ok(match scan.by_row_group()? {
            Some(scan) => Arc::new(scan),
            None => plan,
        });
    }
    let scan = plan.downcast_ref::<DataSourceExec>().map(files::in_order);
    Ok(scan.transpose()?.flatten().unwrap_or(plan))
}

/// Whether each row that a plan gives is one of a table, or made of one, and those of a
/// partition are in order.
fn gives_row_by_row(plan: &Plan) -> bool {
    if !is_several(plan) {
        return true;
    }
    let children = plan.children();
    let keeps = passes_rows_on(plan) || plan.is::<UnionExec>() || dealt_out(plan).is_some();
    children.is_empty() || (keeps && children.into_iter().all(gives_row_by_row))
}

/// Whether an operator gives rows as they come, those of a partition in their order.
fn passes_rows_on(plan: &Plan) -> bool {
    plan.is::<FilterExec>()
        || plan.is::<ProjectionExec>()
        || plan.is::<UnnestExec>()
        || plan.is::<LocalLimitExec>()
        || plan.is::<GlobalLimitExec>()
        || plan.is::<CooperativeExec>()
        || plan.is::<DataSinkExec>()
        || plan.is::<AnalyzeExec>()
        || plan.is::<OutputRequirementExec>()
}

/// `plan` if it deals batches out to several partitions.
fn dealt_out(plan: &Plan) -> Option<&RepartitionExec> {
    let dealt = plan.downcast_ref::<RepartitionExec>()?;
    matches!(dealt.partitioning(), Partitioning::RoundRobinBatch(_)).then_some(dealt)
}

fn is_several(plan: &Plan) -> bool {
    plan.output_partitioning().partition_count() > 1
}

/// `plan` with its first child changed, which gives it its rows.
fn with_first_child(plan: Plan, change: fn(Plan) -> Result<Plan>) -> Result<Plan> {
    let mut children: Vec<Plan> = plan.children().into_iter().cloned().collect();
    if let Some(first) = children.first_mut() {
        *first = change(Arc::clone(first))?;
    }
    replace_children_if_necessary(plan, children)
}

/// The rule that leaves the batches of a table in memory where they are: the engine deals
/// them out to its threads by their size.
#[derive(Debug)]
pub(super) struct BatchesInOrder;

impl PhysicalOptimizerRule for BatchesInOrder {
    fn name(&self) -> &'static str {
        "batches_in_order"
    }

    fn optimize(&self, plan: Plan, _: &ConfigOptions) -> Result<Plan> {
        let whole = left_whole(plan)?.transform_down(|node| {
            if node.is::<GlobalLimitExec>() || node.is::<LocalLimitExec>() {
                return Ok(Transformed::new(left_whole(node)?, true, TreeNodeRecursion::Jump));
            }
            Ok(Transformed::no(node))
        });
        whole.data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn left_whole(plan: Plan) -> Result<Plan> {
    if plan.is::<Wall>() {
        return Ok(plan);
    }
    if plan.is::<UnionExec>() {
        let children = plan.children().into_iter().map(|child| left_whole(Arc::clone(child)));
        let children = children.collect::<Result<_>>()?;
        return replace_children_if_necessary(plan, children);
    }
    if passes_rows_on(&plan) || plan.is::<ScalarSubqueryExec>() {
        return with_first_child(plan, left_whole);
    }
    let source = plan.downcast_ref::<DataSourceExec>().map(DataSourceExec::data_source);
    let batches = source.and_then(|source| source.downcast_ref::<MemorySourceConfig>());
    let count = batches.map_or(0, |batches| batches.partitions().iter().map(Vec::len).sum());
    if count > 1 { Ok(Wall::around_scan(plan)) } else { Ok(plan) }
}
