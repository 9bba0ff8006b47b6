//! Which plans are handed out: large ones that travel unchanged.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::Session;
use datafusion::catalog::memory::{DataSourceExec, MemorySourceConfig};
use datafusion::common::display::{PlanType, StringifiedPlan};
use datafusion::common::format::ExplainFormat;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, ParquetSource};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{Explain, Expr, LogicalPlan};
use datafusion::physical_expr::Partitioning;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::explain::ExplainExec;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec,
};
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use datafusion_distributed::{
    DistributedCodec, DistributedExec, DistributedExt, DistributedLeafExec, RouteTasksEvent,
    RouteTasksEventResponse, SessionStateBuilderExt, display_plan_ascii,
};
use datafusion_proto::bytes::{
    physical_plan_from_bytes_with_proto_converter, physical_plan_to_bytes_with_proto_converter,
};
use datafusion_proto::physical_plan::DeduplicatingProtoConverter;

use super::links;
use super::members::Members;
use super::slices;
use crate::catalog::{FilePlace, Levers};
use crate::engine::running_state;
use crate::error::Error;

/// The longest plan that a worker takes, in bytes.
pub(super) const LONGEST_PLAN: usize = 64 << 20;

/// The largest table in memory that travels with a plan.
const LARGEST_VALUES: usize = 1 << 20;

/// Gives `session` a planner that hands large plans to `members`.
pub(super) fn equip(
    mut session: SessionStateBuilder,
    members: &Arc<Members>,
    bytes_per_worker: usize,
) -> Result<SessionStateBuilder> {
    let local = session.query_planner().clone().unwrap_or_else(|| Arc::new(Local));
    let config = session.config().get_or_insert_default();
    let threads = config.target_partitions().max(1);
    let subqueries = config.options().optimizer.enable_physical_uncorrelated_scalar_subquery;
    *session.query_planner() = Some(Arc::new(ForWorkers { planner: Arc::clone(&local) }));
    let route = {
        let members = Arc::clone(members);
        move |tasks: RouteTasksEvent<'_>| route(&members, &tasks)
    };
    let mut session = session
        .with_distributed_file_scan_config_bytes_per_partition((bytes_per_worker / threads).max(1))?
        .with_distributed_route_tasks_handler(route)
        .with_distributed_scale_up_leaf_node_handler(slices::scale_up)
        .with_distributed_planner();
    let planner = session.query_planner().take();
    let spread = planner.unwrap_or_else(|| Arc::clone(&local));
    // What stays here is planned as it is without workers.
    let options = session.config().get_or_insert_default().options_mut();
    options.optimizer.enable_physical_uncorrelated_scalar_subquery = subqueries;
    let members = Arc::clone(members);
    let mut worker = SessionStateBuilder::new().with_default_features();
    worker.runtime_env().clone_from(session.runtime_env());
    let reader = running_state(worker, &BTreeMap::new())?.task_ctx();
    let planner = SpreadPlanner { local, spread, members, bytes_per_worker, reader };
    Ok(session.with_query_planner(Arc::new(planner)))
}

/// The tasks of a stage go to the workers in turn, always in the same order, so
/// that a worker meets the files again that it has seen.
fn route(
    members: &Members,
    tasks: &RouteTasksEvent<'_>,
) -> Option<Result<RouteTasksEventResponse>> {
    if tasks.task_count == 1 {
        return None;
    }
    let present = members.present();
    let urls: Vec<_> = present.iter().cycle().take(tasks.task_count).cloned().collect();
    Some(Ok(RouteTasksEventResponse::new(urls)))
}

/// Whether `plan`, or what it analyses, has parts that run on workers.
pub(super) fn is_spread(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.exists(|node| Ok(node.is::<DistributedExec>())).unwrap_or(false)
}

/// The engine's own planner.
#[derive(Debug)]
struct Local;

#[async_trait]
impl QueryPlanner for Local {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        DefaultPhysicalPlanner::default().create_physical_plan(plan, session).await
    }
}

/// Plans as workers need them.
///
/// They keep no order across a hash partitioning: within a machine rows can be
/// taken from sorted streams in their order, but not over the network, where the
/// order would be lost and still be relied on. And their joins pause now and
/// then, since a task can be stopped only while it pauses: a session that is
/// stopped leaves at once, a worker stays.
#[derive(Debug)]
struct ForWorkers {
    planner: Arc<dyn QueryPlanner + Send + Sync>,
}

#[async_trait]
impl QueryPlanner for ForWorkers {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = self.planner.create_physical_plan(plan, session).await?;
        Ok(plan.transform_up(sort_again)?.data.transform_up(pause)?.data)
    }
}

/// A hash partitioning that keeps the order of rows, as one that does not and a
/// sort above it. From one stream order is always kept, so that there are made
/// to be several.
fn sort_again(node: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let hashed = node
        .downcast_ref::<RepartitionExec>()
        .filter(|partitions| matches!(partitions.partitioning(), Partitioning::Hash(..)));
    let Some((partitions, order)) = hashed.zip(node.output_ordering().cloned()) else {
        return Ok(Transformed::no(node));
    };
    let mut input = Arc::clone(partitions.input());
    if input.output_partitioning().partition_count() == 1 {
        let streams = partitions.partitioning().partition_count().max(2);
        let several = Partitioning::RoundRobinBatch(streams);
        input = Arc::new(RepartitionExec::try_new(input, several)?);
    }
    let shuffled = RepartitionExec::try_new(input, partitions.partitioning().clone())?;
    let sorted = SortExec::new(order, Arc::new(shuffled)).with_preserve_partitioning(true);
    Ok(Transformed::yes(Arc::new(sorted)))
}

/// A join, which may make any number of rows of one that it takes, as one that
/// pauses.
fn pause(node: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let joins = node.is::<HashJoinExec>()
        || node.is::<NestedLoopJoinExec>()
        || node.is::<CrossJoinExec>()
        || node.is::<SortMergeJoinExec>();
    if !joins {
        return Ok(Transformed::no(node));
    }
    Ok(Transformed::yes(Arc::new(CooperativeExec::new(node))))
}

/// Plans a statement for one machine, and if it is large for several.
#[derive(Debug)]
struct SpreadPlanner {
    local: Arc<dyn QueryPlanner + Send + Sync>,
    spread: Arc<dyn QueryPlanner + Send + Sync>,
    members: Arc<Members>,
    bytes_per_worker: usize,
    /// What a worker knows.
    reader: Arc<TaskContext>,
}

#[async_trait]
impl QueryPlanner for SpreadPlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if let LogicalPlan::Explain(explain) = plan
            && let Some(explained) = self.explain(explain, session).await?
        {
            return Ok(explained);
        }
        self.plan(plan, session).await
    }
}

impl SpreadPlanner {
    async fn plan(
        &self,
        logical: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if let Some(state) = session.as_any().downcast_ref::<SessionState>() {
            // What cannot be cut into parts, or not be written down, stays here.
            match self.spread(logical, &for_workers(state)).await {
                Ok(Some((spread, length))) if length <= LONGEST_PLAN => return Ok(spread),
                Ok(Some((_, length))) => return Err(too_long(length)),
                Ok(None) | Err(_) => {}
            }
        }
        self.local.create_physical_plan(logical, session).await
    }

    /// The plan for several machines, if it is worth it, and how many bytes it
    /// takes when it is written down.
    async fn spread(
        &self,
        logical: &LogicalPlan,
        state: &SessionState,
    ) -> Result<Option<(Arc<dyn ExecutionPlan>, usize)>> {
        let whole = self.local.create_physical_plan(logical, state).await?;
        if !self.is_worthwhile(&whole)? {
            return Ok(None);
        }
        let plan = match subqueries(logical)? {
            Subqueries::None => self.spread.create_physical_plan(logical, state).await?,
            Subqueries::OfOneRow => {
                let state = with_subqueries_as_joins(state);
                let logical = state.optimize(logical)?;
                self.spread.create_physical_plan(&logical, &state).await?
            }
            Subqueries::OfManyRows => return Ok(None),
        };
        if !is_spread(&plan) {
            return Ok(None);
        }
        let length = self.length(&plan, state)?;
        Ok(Some((plan, length)))
    }

    /// The stages of an explained statement, if it has any.
    async fn explain(
        &self,
        explain: &Explain,
        session: &dyn Session,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let text = matches!(explain.explain_format, ExplainFormat::Indent | ExplainFormat::Tree);
        if !text || !explain.logical_optimization_succeeded {
            return Ok(None);
        }
        let plan = self.plan(&explain.plan, session).await?;
        if !is_spread(&plan) {
            return Ok(None);
        }
        let workers: Vec<_> = self.members.present().iter().map(links::name).collect();
        let stages = format!(
            "{}tasks t0, t1, ... of each stage run on {} in turn",
            display_plan_ascii(plan.as_ref(), false),
            workers.join(", ")
        );
        let mut texts = explain.stringified_plans.clone();
        texts.push(StringifiedPlan::new(PlanType::FinalPhysicalPlan, stages));
        let schema = Arc::clone(explain.schema.inner());
        Ok(Some(Arc::new(ExplainExec::new(schema, texts, explain.verbose))))
    }

    /// How many bytes a plan takes when it is written down, if it can be, and can
    /// be read again by one who knows what a worker knows.
    fn length(&self, plan: &Arc<dyn ExecutionPlan>, state: &SessionState) -> Result<usize> {
        let mut longest = 0;
        let codec = DistributedCodec::new_combined_with_user(state.config());
        part_of_first_task(plan)?.apply(|node| {
            if !node.is::<DistributedExec>() {
                return Ok(TreeNodeRecursion::Continue);
            }
            for stages in node.children() {
                let writer = DeduplicatingProtoConverter::default();
                let bytes = physical_plan_to_bytes_with_proto_converter(
                    Arc::clone(stages),
                    &codec,
                    &writer,
                )?;
                let reader = DeduplicatingProtoConverter::default();
                physical_plan_from_bytes_with_proto_converter(
                    &bytes,
                    &self.reader,
                    &codec,
                    &reader,
                )?;
                longest = longest.max(bytes.len());
            }
            Ok(TreeNodeRecursion::Stop)
        })?;
        Ok(longest)
    }

    /// Whether a plan reads enough to be handed out, and nothing that would not
    /// arrive as it is.
    fn is_worthwhile(&self, plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
        let (mut bytes, mut travels) = (0, true);
        plan.apply(|node| {
            if node.children().is_empty() {
                match read_by(node.as_ref()) {
                    Some(read) => bytes += read,
                    None => travels = false,
                }
            }
            Ok(if travels { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
        })?;
        Ok(travels && bytes > self.bytes_per_worker as u64)
    }
}

/// The bytes that a plan's leaf reads, or `None` if it does not travel: files
/// other than Parquet lose their compression and layout on the way, and any
/// file what was attached to it.
fn read_by(leaf: &dyn ExecutionPlan) -> Option<u64> {
    if leaf.is::<EmptyExec>() || leaf.is::<PlaceholderRowExec>() {
        return Some(0);
    }
    let source = leaf.downcast_ref::<DataSourceExec>()?.data_source();
    if let Some(values) = source.downcast_ref::<MemorySourceConfig>() {
        let batches = values.partitions().iter().flatten();
        let bytes: usize = batches.map(RecordBatch::get_array_memory_size).sum();
        return (bytes <= LARGEST_VALUES).then_some(0);
    }
    let scan = source.downcast_ref::<FileScanConfig>()?;
    scan.file_source().downcast_ref::<ParquetSource>()?;
    let files = || scan.file_groups.iter().flat_map(FileGroup::files);
    // Its place matters to the order of rows, which several machines do not keep.
    let is_bare = |file: &PartitionedFile| {
        let places = usize::from(file.extension::<FilePlace>().is_some());
        file.extensions.len() == places
    };
    let plain = scan.expr_adapter_factory.is_none() && files().all(is_bare);
    plain.then(|| files().map(PartitionedFile::effective_size).sum())
}

/// The session, but for what makes queries fast by operators and memory of one
/// machine, and for the rules that have seen the statement already.
fn for_workers(state: &SessionState) -> SessionState {
    let levers = Levers { text_index: false, sum_before_join: false, ..Levers::for_cluster() };
    let mut state = state.clone();
    state.config_mut().options_mut().extensions.insert(levers);
    state
}

/// The scalar subqueries of a statement that do not depend on its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subqueries {
    None,
    /// None can give more than one row.
    OfOneRow,
    /// One may give more, which must be found out and reported.
    OfManyRows,
}

fn subqueries(plan: &LogicalPlan) -> Result<Subqueries> {
    let mut found = Subqueries::None;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                if let Expr::ScalarSubquery(subquery) = part {
                    let one = subquery.subquery.max_rows().is_some_and(|rows| rows <= 1);
                    found = match found {
                        Subqueries::OfManyRows => Subqueries::OfManyRows,
                        _ if one => Subqueries::OfOneRow,
                        _ => Subqueries::OfManyRows,
                    };
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(found)
}

/// The session, but for scalar subqueries, which it plans as joins: their own
/// node does not travel. A join takes all rows that come, where the node
/// reports a second one; so this is for subqueries of one row.
fn with_subqueries_as_joins(state: &SessionState) -> SessionState {
    let mut state = state.clone();
    let options = state.config_mut().options_mut();
    options.optimizer.enable_physical_uncorrelated_scalar_subquery = false;
    state
}

/// The plan with the first of the parts into which each scan is cut.
fn part_of_first_task(plan: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let first = |node: Arc<dyn ExecutionPlan>| {
        Ok(match node.downcast_ref::<DistributedLeafExec>().map(DistributedLeafExec::variants) {
            Some([first, ..]) => Transformed::yes(Arc::clone(first)),
            _ => Transformed::no(node),
        })
    };
    Ok(Arc::clone(plan).transform_up(first)?.data)
}

fn too_long(bytes: usize) -> DataFusionError {
    let message = format!(
        "the plan takes {} MB, and workers take {} MB at most",
        bytes >> 20,
        LONGEST_PLAN >> 20
    );
    let hint = "put long lists of values into a file and join it, or leave --workers away";
    DataFusionError::External(Box::new(Error::usage(message).hint(hint)))
}
