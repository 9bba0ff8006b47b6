//! Joins that stop when their query is over.
//!
//! A query is stopped where it waits. A join of large tables may compute for
//! minutes before it waits or gives a row, and would go on beside the next query.
//! So each join waits now and then between the batches that it gives, and looks
//! at each condition on pairs of rows whether somebody still wants to know.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::exec_err;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::ensure_coop::EnsureCooperative;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder, SortMergeJoinExec,
};

/// Makes joins stop.
#[derive(Debug)]
pub(super) struct Interruptible;

impl Interruptible {
    /// All rules for plans, this one at the place where it belongs: behind the one
    /// that makes scans wait, which would spare those below a join that waits, and
    /// before the last ones, which tie operators together as they are.
    pub(super) fn among_all() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
        let mut rules = PhysicalOptimizer::new().rules;
        let cooperative = EnsureCooperative::new();
        let place = rules.iter().position(|rule| rule.name() == cooperative.name());
        rules.insert(place.map_or(rules.len(), |place| place + 1), Arc::new(Self));
        rules
    }
}

impl PhysicalOptimizerRule for Interruptible {
    fn name(&self) -> &'static str {
        "interruptible"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let over = Over::default();
        plan.transform_up(|node| interruptible(node, &over)).map(|plan| plan.data)
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn interruptible(
    node: Arc<dyn ExecutionPlan>,
    over: &Over,
) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let join: Arc<dyn ExecutionPlan> = if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>()
    {
        let filter = join.filter().map(|filter| checked(filter, over));
        Arc::new(NestedLoopJoinExecBuilder::from(join).with_filter(filter).build()?)
    } else if let Some(join) = node.downcast_ref::<HashJoinExec>() {
        let filter = join.filter().map(|filter| checked(filter, over));
        join.builder().with_filter(filter).build_exec()?
    } else if node.is::<CrossJoinExec>() || node.is::<SortMergeJoinExec>() {
        node
    } else {
        return Ok(Transformed::no(node));
    };
    Ok(Transformed::yes(Arc::new(CooperativeExec::new(join))))
}

/// Whether a query is over. Clones say the same.
#[derive(Debug, Clone, Default)]
struct Over(Arc<AtomicBool>);

/// What stops the joins of a plan.
#[derive(Debug, Default)]
pub(super) struct Interrupter(Vec<Over>);

impl Interrupter {
    /// That of the joins in `plan`.
    pub(super) fn of(plan: &Arc<dyn ExecutionPlan>) -> Self {
        let mut all = Vec::new();
        // The closure never fails.
        let _ = plan.apply(|node| {
            let nested = node.downcast_ref::<NestedLoopJoinExec>().and_then(|join| join.filter());
            let hashed = node.downcast_ref::<HashJoinExec>().and_then(|join| join.filter());
            let condition = nested.or(hashed).map(JoinFilter::expression);
            let checked = condition.and_then(|condition| condition.downcast_ref::<Checked>());
            all.extend(checked.map(|checked| checked.over.clone()));
            Ok(TreeNodeRecursion::Continue)
        });
        Self(all)
    }

    /// Stops them.
    pub(super) fn stop(&self) {
        for over in &self.0 {
            over.0.store(true, Ordering::Relaxed);
        }
    }
}

/// The condition of a join, with a look at `over` each time.
fn checked(filter: &JoinFilter, over: &Over) -> JoinFilter {
    let condition = Arc::clone(filter.expression());
    let checked = Checked { condition, over: over.clone() };
    JoinFilter::new(
        Arc::new(checked),
        filter.column_indices().to_vec(),
        Arc::clone(filter.schema()),
    )
}

/// A condition that fails when nobody wants to know any more.
#[derive(Debug)]
struct Checked {
    condition: Arc<dyn PhysicalExpr>,
    over: Over,
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt(f)
    }
}

impl PartialEq for Checked {
    fn eq(&self, other: &Self) -> bool {
        self.condition.eq(&other.condition)
    }
}

impl Eq for Checked {}

impl Hash for Checked {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.condition.hash(state);
    }
}

impl PhysicalExpr for Checked {
    fn data_type(&self, schema: &Schema) -> Result<DataType> {
        self.condition.data_type(schema)
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        self.condition.nullable(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        if self.over.0.load(Ordering::Relaxed) {
            return exec_err!("the query is over");
        }
        self.condition.evaluate(batch)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.condition]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        match children.pop() {
            Some(condition) => Ok(Arc::new(Self { condition, over: self.over.clone() })),
            None => Ok(self),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt_sql(f)
    }
}
