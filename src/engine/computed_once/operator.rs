//! The operator that gives the rows of a query that is computed once to one of its uses.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, Statistics};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coop::make_cooperative;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties,
    ReplaceChildrenOptions, StatisticsArgs, StatisticsContext,
};
use futures::TryStreamExt;

use super::computation::Computation;

/// A use of a query that is computed once.
///
/// What computes it has been planned on its own, and rules for the plan of the statement
/// do not see it. In the end [one use](ShowOnce) has it below it, to be shown and measured.
#[derive(Debug)]
pub(crate) struct ComputedOnce {
    computation: Arc<Computation>,
    has_input: AtomicBool,
    metrics: ExecutionPlanMetricsSet,
}

impl ComputedOnce {
    pub(super) fn new(computation: Arc<Computation>) -> Self {
        let has_input = AtomicBool::new(false);
        Self { computation, has_input, metrics: ExecutionPlanMetricsSet::new() }
    }

    fn has_input(&self) -> bool {
        self.has_input.load(Ordering::Relaxed)
    }
}

impl DisplayAs for ComputedOnce {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let again = if self.has_input() { "" } else { ", again" };
        let name = &self.computation.name;
        match kind {
            DisplayFormatType::TreeRender => writeln!(f, "{name}{again}"),
            _ => write!(f, "ComputedOnceExec: {name}{again}"),
        }
    }
}

impl ExecutionPlan for ComputedOnce {
    fn name(&self) -> &'static str {
        "ComputedOnceExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.computation.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        if self.has_input() { vec![&self.computation.input] } else { Vec::new() }
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    /// The input is that of all uses, and stays.
    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    /// A recursive query starts a part of its plan again for each step; that is a use of the
    /// same rows.
    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let kept = self.computation.rows(&context)?;
        let baseline = BaselineMetrics::new(&self.metrics, partition);
        let rows = futures::stream::once(async move {
            let kept = kept.await.map_err(DataFusionError::Shared)?;
            kept.rows(partition)
        });
        let rows =
            rows.try_flatten().inspect_ok(move |batch| baseline.record_output(batch.num_rows()));
        let rows = RecordBatchStreamAdapter::new(self.schema(), rows);
        Ok(make_cooperative(Box::pin(rows)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        let mut metrics = self.metrics.clone_inner();
        if self.has_input() {
            let common = self.computation.metrics.clone_inner();
            common.iter().for_each(|metric| metrics.push(Arc::clone(metric)));
        }
        Some(metrics)
    }

    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        StatisticsContext::new().compute(self.computation.input.as_ref(), args)
    }
}

/// The rule that puts what is computed below one of its uses. It comes last, and changes
/// no operator: the input has been through all rules before.
#[derive(Debug)]
pub(super) struct ShowOnce;

impl PhysicalOptimizerRule for ShowOnce {
    fn name(&self) -> &'static str {
        "show_computed_once"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.apply(|node| {
            if let Some(once) = node.downcast_ref::<ComputedOnce>()
                && once.computation.show()
            {
                once.has_input.store(true, Ordering::Relaxed);
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(plan)
    }

    fn schema_check(&self) -> bool {
        true
    }
}
