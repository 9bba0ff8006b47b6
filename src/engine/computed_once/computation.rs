//! The computation that the uses of a query have in common: it begins when one of them
//! asks for rows, and is complete before any gets one. So it does not matter which of them
//! waits for which: a join reads one side to its end before it looks at the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{
    Boundedness, EmissionType, SchedulingType, reset_plan_states,
};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, PlanProperties};
use futures::FutureExt;
use futures::future::{self, BoxFuture, Shared, WeakShared};
use parking_lot::Mutex;

use super::kept::Kept;

/// What comes of it, for each use.
type Outcome = Result<Arc<Kept>, Arc<DataFusionError>>;

/// The computation while it goes on. It ends with the last that waits for it.
pub(super) type Computing = Shared<BoxFuture<'static, Outcome>>;

/// A query as it is computed for all its uses.
#[derive(Debug)]
pub(super) struct Computation {
    /// What the query is called.
    pub(super) name: String,
    /// What computes it.
    pub(super) input: Arc<dyn ExecutionPlan>,
    /// The columns of the rows.
    pub(super) schema: SchemaRef,
    /// What holds for the rows: they are those of the input, in its partitions and order.
    pub(super) properties: Arc<PlanProperties>,
    /// What EXPLAIN ANALYZE tells of it.
    pub(super) metrics: ExecutionPlanMetricsSet,
    shown: AtomicBool,
    progress: Mutex<Progress>,
}

/// How far it has come.
#[derive(Debug)]
enum Progress {
    Ahead,
    Begun(WeakShared<BoxFuture<'static, Outcome>>),
    Complete(Outcome),
}

impl Computation {
    /// That of `input`, whose rows are given under `schema`: the plan around it was made
    /// for that, and operators may promise less of a column.
    pub(super) fn new(
        name: String,
        input: Arc<dyn ExecutionPlan>,
        schema: SchemaRef,
    ) -> Result<Self> {
        let equivalences = input.equivalence_properties().clone();
        let properties = PlanProperties::new(
            equivalences.with_new_schema(Arc::clone(&schema))?,
            input.output_partitioning().clone(),
            EmissionType::Final,
            Boundedness::Bounded,
        )
        .with_scheduling_type(SchedulingType::Cooperative);
        Ok(Self {
            name,
            input,
            schema,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
            shown: AtomicBool::new(false),
            progress: Mutex::new(Progress::Ahead),
        })
    }

    /// Forgets which columns are the same in all rows: of one row all are, that helps
    /// nobody, and each operator of the uses would look at each of them.
    pub(super) fn of_one_row(self) -> Self {
        let nothing = EquivalenceProperties::new(Arc::clone(&self.schema));
        let properties = PlanProperties::clone(&self.properties).with_eq_properties(nothing);
        Self { properties: Arc::new(properties), ..self }
    }

    /// Whether the input is not shown yet; from now on it is.
    pub(super) fn show(&self) -> bool {
        !self.shown.swap(true, Ordering::Relaxed)
    }

    /// The rows as soon as they are there.
    pub(super) fn rows(self: &Arc<Self>, context: &Arc<TaskContext>) -> Result<Computing> {
        let mut progress = self.progress.lock();
        let input = match &*progress {
            Progress::Ahead => Arc::clone(&self.input),
            Progress::Begun(begun) => match begun.upgrade() {
                Some(computing) => return Ok(computing),
                // Nobody waited for it any more, nor has anybody seen a row.
                None => reset_plan_states(Arc::clone(&self.input))?,
            },
            Progress::Complete(outcome) => {
                return Ok(future::ready(outcome.clone()).boxed().shared());
            }
        };
        let (computation, context) = (Arc::clone(self), Arc::clone(context));
        let computing = async move {
            let kept = Kept::collect(&computation, &input, &context).await;
            let outcome = kept.map(Arc::new).map_err(Arc::new);
            *computation.progress.lock() = Progress::Complete(outcome.clone());
            outcome
        };
        let computing = computing.boxed().shared();
        if let Some(begun) = computing.downgrade() {
            *progress = Progress::Begun(begun);
        }
        Ok(computing)
    }
}
