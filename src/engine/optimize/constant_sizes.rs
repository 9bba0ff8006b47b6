//! How many rows there are of what stands in the statement itself: `range(10)`, a list.
//!
//! Which side of a join is held in memory is decided by how many rows the sides have. Of
//! these the engine does not know it, and so holds all posts for `FROM posts, range(3)`.
//! Here they are counted while that is decided.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::Array;
use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::join_selection::JoinSelection;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::memory::{LazyBatchGenerator, LazyMemoryExec};
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::unnest::UnnestExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use parking_lot::RwLock;

use super::held_back::Rule;

/// More rows than these are not counted: they are many.
const MOST: usize = 1 << 17;

/// `rules` with those of this file around the one that chooses sides.
pub(super) fn among(mut rules: Vec<Rule>) -> Vec<Rule> {
    let sides = JoinSelection::new();
    if let Some(place) = rules.iter().position(|rule| rule.name() == sides.name()) {
        rules.insert(place + 1, Arc::new(CountsForgotten));
        rules.insert(place, Arc::new(ConstantsCounted));
    }
    rules
}

/// The rule that says how many rows there are of what stands in the statement.
#[derive(Debug)]
struct ConstantsCounted;

impl PhysicalOptimizerRule for ConstantsCounted {
    fn name(&self) -> &'static str {
        "constants_counted"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if !plan.exists(|node| Ok(chooses_a_side(node)))? {
            return Ok(plan);
        }
        plan.transform_up(|node| {
            Ok(match count(&node) {
                Some(rows) => Transformed::yes(Arc::new(Counted { input: node, rows }) as _),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The rule that leaves the plan as it was, but for the sides of joins.
#[derive(Debug)]
struct CountsForgotten;

impl PhysicalOptimizerRule for CountsForgotten {
    fn name(&self) -> &'static str {
        "counts_forgotten"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            Ok(match node.downcast_ref::<Counted>() {
                Some(counted) => Transformed::yes(Arc::clone(&counted.input)),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn chooses_a_side(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<CrossJoinExec>() || plan.is::<HashJoinExec>() || plan.is::<NestedLoopJoinExec>()
}

/// How many rows `plan` gives, if the statement itself says so.
fn count(plan: &Arc<dyn ExecutionPlan>) -> Option<usize> {
    if let Some(series) = plan.downcast_ref::<LazyMemoryExec>() {
        return series.generators().iter().map(generated).sum();
    }
    listed(plan.downcast_ref::<UnnestExec>()?.input())
}

/// How many rows are made by `generator`, unless they are many.
fn generated(generator: &Arc<RwLock<dyn LazyBatchGenerator>>) -> Option<usize> {
    let another = generator.read().reset_state();
    let mut another = another.write();
    let mut rows = 0;
    while rows < MOST {
        match another.generate_next_batch().ok()? {
            Some(batch) => rows += batch.num_rows(),
            None => return Some(rows),
        }
    }
    None
}

/// How many items the longest list has that `plan` gives, if it gives one row of lists
/// from the statement.
fn listed(plan: &Arc<dyn ExecutionPlan>) -> Option<usize> {
    let lists = plan.downcast_ref::<ProjectionExec>()?;
    let is_one_row = lists.input().is::<PlaceholderRowExec>();
    let lengths = lists.expr().iter().filter_map(|list| length(&list.expr));
    lengths.max().filter(|_| is_one_row)
}

/// How many items a list from the statement has.
fn length(list: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    match list.downcast_ref::<Literal>()?.value() {
        ScalarValue::List(list) if list.len() == 1 => usize::try_from(list.value_length(0)).ok(),
        _ => None,
    }
}

/// A part of a plan of which it is known how many rows it has.
#[derive(Debug)]
struct Counted {
    input: Arc<dyn ExecutionPlan>,
    rows: usize,
}

impl DisplayAs for Counted {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Counted: rows={}", self.rows)
    }
}

impl ExecutionPlan for Counted {
    fn name(&self) -> &'static str {
        "Counted"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(match children.pop() {
            Some(input) => Arc::new(Self { input, rows: self.rows }),
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
        _: &[Arc<Statistics>],
        _: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let unknown = Statistics::new_unknown(&self.schema());
        // No answer is to depend on it.
        Ok(Arc::new(Statistics { num_rows: Precision::Inexact(self.rows), ..unknown }))
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::{answer, value};
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn a_join_holds_the_few_rows_that_stand_in_the_statement() {
        let session = Session::new(None, Settings::default()).unwrap();
        let made = "CREATE TABLE t AS SELECT value AS i FROM range(0, 5000)";
        session.collect(made).await.unwrap();
        for (few, operator, pairs) in [
            ("range(3) AS r(n)", "LazyMemoryExec", 15_000),
            ("generate_series(1, 2) AS r(n)", "LazyMemoryExec", 10_000),
            ("unnest([1, 2, 3]) AS r(n)", "UnnestExec", 15_000),
        ] {
            for tables in [format!("t, {few}"), format!("{few}, t")] {
                let sql = format!("SELECT i + n FROM {tables}");
                let plan = answer(&session, &format!("EXPLAIN {sql}")).await.join("\n");
                let [held, looked_up] = [operator, "DataSourceExec"].map(|name| plan.find(name));
                assert!(held.is_some() && held < looked_up, "{tables}: {plan}");
                let counted = value(&session, &format!("SELECT count(*) FROM ({sql})")).await;
                assert_eq!(counted, pairs.to_string(), "{tables}");
            }
        }
    }
}
