//! A wall around a part of a plan, while a rule of the engine arranges what is above and
//! below.

use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{OrderingRequirements, PhysicalExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::ensure_requirements::EnsureRequirements;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, PlanProperties,
};

use super::constant_sizes::Rows;
use super::held_back::Rule;

/// `rules` with `builders` before the one that arranges sorts and partitions, and behind
/// that one the one that takes all walls down.
pub(super) fn among(rules: Vec<Rule>, builders: impl IntoIterator<Item = Rule>) -> Vec<Rule> {
    around(rules, EnsureRequirements::new().name(), builders)
}

/// The same before and behind the rule called `name`.
pub(super) fn around(
    mut rules: Vec<Rule>,
    name: &str,
    builders: impl IntoIterator<Item = Rule>,
) -> Vec<Rule> {
    if let Some(place) = rules.iter().position(|rule| rule.name() == name) {
        rules.insert(place + 1, Arc::new(TakenDown));
        rules.splice(place..place, builders);
    }
    rules
}

/// The rule that takes walls down.
#[derive(Debug)]
struct TakenDown;

impl PhysicalOptimizerRule for TakenDown {
    fn name(&self) -> &'static str {
        "walls_taken_down"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            Ok(match node.downcast_ref::<Wall>() {
                Some(wall) => Transformed::yes(Arc::clone(&wall.input)),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// A part of a plan that stays as it is. What stands above may rely on the order of its
/// rows.
#[derive(Debug)]
pub(super) struct Wall {
    input: Arc<dyn ExecutionPlan>,
    kind: Kind,
}

/// Why a part of a plan is behind a wall.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Its rows are decided by their order, in which what is above has no say.
    Decided,
    /// It is a scan. The engine asks any that it sees for more partitions, whatever is above
    /// it, so it is not seen.
    Scan,
    /// More is known of how many rows there are than the engine does.
    Counted(Rows),
}

impl Wall {
    /// Around `plan`, whose rows are decided by their order.
    pub(super) fn around_decided(plan: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        Arc::new(Self { input: plan, kind: Kind::Decided })
    }

    /// Around `scan`, which is not to be asked for more partitions.
    pub(super) fn around_scan(scan: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        Arc::new(Self { input: scan, kind: Kind::Scan })
    }

    /// Around `plan`, of which this is known.
    pub(super) fn around_counted(
        plan: Arc<dyn ExecutionPlan>,
        rows: Rows,
    ) -> Arc<dyn ExecutionPlan> {
        Arc::new(Self { input: plan, kind: Kind::Counted(rows) })
    }
}

impl DisplayAs for Wall {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wall")
    }
}

impl ExecutionPlan for Wall {
    fn name(&self) -> &'static str {
        "Wall"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        match self.kind {
            Kind::Scan => Vec::new(),
            Kind::Decided | Kind::Counted(_) => vec![&self.input],
        }
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        self.children().iter().map(|_| matches!(self.kind, Kind::Counted(_))).collect()
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        let distribution = match self.kind {
            Kind::Decided => Distribution::SinglePartition,
            Kind::Scan | Kind::Counted(_) => Distribution::UnspecifiedDistribution,
        };
        vec![distribution; self.children().len()]
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let order = match self.kind {
            Kind::Decided => self.input.properties().output_ordering().cloned(),
            Kind::Scan | Kind::Counted(_) => None,
        };
        vec![order.map(OrderingRequirements::from); self.children().len()]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; self.children().len()]
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(match children.pop() {
            Some(input) => Arc::new(Self { input, kind: self.kind }),
            None => self,
        })
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        arguments: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        match (inputs.first(), self.kind) {
            (Some(known), Kind::Counted(rows)) => Ok(Arc::new(rows.told(known, &self.schema()))),
            (Some(known), _) => Ok(Arc::clone(known)),
            (None, _) => self.input.statistics_from_inputs(inputs, arguments),
        }
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        self.children().iter().map(|_| ChildStats::At(partition)).collect()
    }
}
