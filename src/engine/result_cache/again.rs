//! The operator that gives a kept answer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{
    Boundedness, ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::memory::MemoryStream;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

use super::entry::Kept;

/// Gives an answer again that is kept.
#[derive(Debug)]
pub(in crate::engine) struct Again {
    kept: Kept,
    properties: Arc<PlanProperties>,
}

impl Again {
    pub(in crate::engine) fn new(kept: Kept) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&kept.schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { kept, properties: Arc::new(properties) }
    }

    /// How long computing the answer took.
    pub(in crate::engine) fn took(&self) -> Duration {
        self.kept.took
    }
}

impl DisplayAs for Again {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResultCache: computed in {:.3} s", self.kept.took.as_secs_f64())
    }
}

impl ExecutionPlan for Again {
    fn name(&self) -> &'static str {
        "ResultCache"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

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
        self.replace_children(
            children,
            ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute),
        )
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (batches, schema) = (self.kept.batches.clone(), Arc::clone(&self.kept.schema));
        Ok(Box::pin(MemoryStream::try_new(batches, schema, None)?))
    }
}
