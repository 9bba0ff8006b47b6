//! Pieces of what comes from one partition: runs of its batches.
//!
//! A CSV file is read by one thread, since a line break in it may be part of a value. Its
//! batches are filtered by several threads all the same: the operators above are set in
//! motion for each run of batches, as if it were a partition.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::arrow::array::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};
use futures::{StreamExt, stream};
use parking_lot::Mutex;

use super::{InOrder, Plan};

/// Gives the operators above it a run of batches for each partition that they ask for.
#[derive(Debug)]
pub(super) struct Runs {
    input: Plan,
    properties: Arc<PlanProperties>,
    /// Runs that nobody asked for yet, by number.
    waiting: Mutex<HashMap<usize, Vec<Result<RecordBatch>>>>,
    /// The number of the next run.
    next: AtomicUsize,
}

impl Runs {
    /// Runs of the batches of `input`, which has one partition.
    pub(super) fn new(input: Plan) -> Self {
        // How many there are is known in the end: more than one.
        let partitions = Partitioning::UnknownPartitioning(2);
        let properties = PlanProperties::clone(input.properties()).with_partitioning(partitions);
        Self {
            input,
            properties: Arc::new(properties),
            waiting: Mutex::default(),
            next: AtomicUsize::new(0),
        }
    }

    /// The runs that go through `plan` one by one.
    pub(super) fn below(plan: &Plan) -> Option<&Self> {
        if let Some(runs) = plan.downcast_ref::<Self>() {
            return Some(runs);
        }
        match plan.children()[..] {
            [child] if !plan.is::<InOrder>() => Self::below(child),
            _ => None,
        }
    }

    /// The batches that are to be dealt out.
    pub(super) fn batches(&self, context: &Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.input.execute(0, Arc::clone(context))
    }

    /// Makes a run of the next batches, at most so many; gives its number, if there are
    /// batches left.
    pub(super) async fn deal(
        &self,
        batches: &mut SendableRecordBatchStream,
        most: usize,
    ) -> Option<usize> {
        let mut run = Vec::new();
        while run.len() < most
            && let Some(batch) = batches.next().await
        {
            let is_last = batch.is_err();
            run.push(batch);
            if is_last {
                break;
            }
        }
        if run.is_empty() {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.waiting.lock().insert(number, run);
        Some(number)
    }
}

impl DisplayAs for Runs {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::TreeRender => Ok(()),
            _ => f.write_str("Runs"),
        }
    }
}

impl ExecutionPlan for Runs {
    fn name(&self) -> &'static str {
        "Runs"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Plan> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Plan>,
        _: ReplaceChildrenOptions,
    ) -> Result<Plan> {
        Ok(match children.pop() {
            Some(child) => Arc::new(Self::new(child)),
            None => self,
        })
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Plan>) -> Result<Plan> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, run: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let batches = self.waiting.lock().remove(&run);
        let batches = batches.ok_or_else(|| internal_datafusion_err!("there is no run {run}"))?;
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), stream::iter(batches))))
    }
}
