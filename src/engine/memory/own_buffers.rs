//! Rows that hold no more than themselves, where somebody counts what they hold.
//!
//! Texts stay where they were read or made, and rows that were filtered, joined or sorted
//! only point at them; rows of a group are slices of all groups. Such a batch holds the
//! buffers of many others. The engine's sorts, and the merges of what they give out, count
//! them whole for each batch: a sort of 300 MB of texts would need several times as much to
//! give out its first row, and a few rows of a table over and over would count as gigabytes.
//! So before rows go there they are copied, if they hold far more than they are.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, UInt64Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::{
    CardinalityEffect, ChildrenPropertiesMode, ReplaceChildrenOptions,
};
use datafusion::physical_plan::joins::SortMergeJoinExec;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, replace_children_if_necessary,
};
use futures::StreamExt;

use crate::store::own_texts;

type Plan = Arc<dyn ExecutionPlan>;

/// Columns that hold more than so many times what they are get buffers of their own.
const TIMES_TOO_MUCH: usize = 2;

/// Columns that hold no more bytes than this stay as they are.
const TOO_LITTLE: usize = 64 << 10;

/// A merge that gives out no more rows than this has little to hold.
const FEW_ROWS: usize = 8192;

/// The rule that has rows copied before they are counted.
#[derive(Debug)]
pub(in crate::engine) struct OwnBuffers;

impl PhysicalOptimizerRule for OwnBuffers {
    fn name(&self) -> &'static str {
        "own_buffers"
    }

    fn optimize(&self, plan: Plan, _: &ConfigOptions) -> Result<Plan> {
        plan.transform_up(copied_before).map(|plan| plan.data)
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// `plan`, which gets its rows by way of [`Own`], if it is one that counts them.
fn copied_before(plan: Plan) -> Result<Transformed<Plan>> {
    let counts = if plan.is::<SortExec>() {
        // With a limit a sort lets go of the rows that it does not need.
        plan.fetch().is_none()
    } else {
        let merges_many =
            plan.is::<SortPreservingMergeExec>() && plan.fetch().is_none_or(|rows| rows > FEW_ROWS);
        merges_many || plan.is::<SortMergeJoinExec>()
    };
    if !counts {
        return Ok(Transformed::no(plan));
    }
    let inputs = plan.children().into_iter().cloned().map(Own::of).collect();
    replace_children_if_necessary(plan, inputs).map(Transformed::yes)
}

/// Gives out its rows as they come in, each batch with buffers of its own.
#[derive(Debug)]
struct Own {
    input: Plan,
    metrics: ExecutionPlanMetricsSet,
}

impl Own {
    fn of(input: Plan) -> Plan {
        Arc::new(Self { input, metrics: ExecutionPlanMetricsSet::new() })
    }
}

impl DisplayAs for Own {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::TreeRender => Ok(()),
            _ => f.write_str("OwnBuffersExec"),
        }
    }
}

impl ExecutionPlan for Own {
    fn name(&self) -> &'static str {
        "OwnBuffersExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
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

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Plan>,
        _: ReplaceChildrenOptions,
    ) -> Result<Plan> {
        Ok(match children.pop() {
            Some(child) => Self::of(child),
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

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let baseline = BaselineMetrics::new(&self.metrics, partition);
        let batches = self.input.execute(partition, context)?;
        let batches = batches.map(move |batch| -> Result<RecordBatch> {
            let batch = batch?;
            let timer = baseline.elapsed_compute().timer();
            let own = with_own_buffers(&batch)?;
            timer.done();
            baseline.record_output(own.num_rows());
            Ok(own)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

fn with_own_buffers(batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch.columns().iter().map(own).collect::<Result<Vec<_>>>()?;
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(batch.schema(), columns, &rows)?)
}

fn own(column: &ArrayRef) -> Result<ArrayRef> {
    let held = column.get_buffer_memory_size();
    if held <= TOO_LITTLE || held / TIMES_TOO_MUCH <= size(column) {
        return Ok(Arc::clone(column));
    }
    let all = UInt64Array::from_iter_values(0..column.len() as u64);
    let copied = take(column, &all, None)?;
    // Of texts only where they are was copied.
    Ok(own_texts(&copied))
}

/// The bytes of a column's own values; as many as there can be where that is not known.
fn size(column: &ArrayRef) -> usize {
    let texts = match column.data_type() {
        DataType::Utf8View => column.as_string_view().total_buffer_bytes_used(),
        DataType::BinaryView => column.as_binary_view().total_buffer_bytes_used(),
        _ => 0,
    };
    let rest = column.to_data().get_slice_memory_size();
    rest.map_or(usize::MAX, |rest| rest.saturating_add(texts))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Int64Array, StringArray, StringViewArray};

    use super::*;
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    fn session(limit: usize) -> Session {
        let settings = Settings { memory_limit: Some(limit), threads: 2, ..Settings::default() };
        Session::new(None, settings).unwrap()
    }

    #[test]
    fn only_columns_that_hold_far_more_than_they_are_are_copied() {
        let texts = (0..50_000).map(|i| format!("the text of row {i}")).collect::<Vec<_>>();
        let columns: [ArrayRef; 3] = [
            Arc::new(StringViewArray::from_iter_values(&texts)),
            Arc::new(StringArray::from_iter_values(&texts)),
            Arc::new(Int64Array::from_iter_values(0..50_000)),
        ];
        for whole in &columns {
            assert!(Arc::ptr_eq(&own(whole).unwrap(), whole), "{}", whole.data_type());
            let few = whole.slice(40_000, 100);
            let copied = own(&few).unwrap();
            assert_eq!(&copied, &few);
            let held = copied.get_buffer_memory_size();
            assert!(held < 10_000, "{}: {held}", whole.data_type());
        }
    }

    /// Each row that comes out of a sort points at one of many buffers.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_sort_of_long_texts_needs_little_more_than_its_texts_whatever_the_limit() {
        let rows = "SELECT (value * 7919 % 60013)::TEXT || repeat(' and more', 40) AS t
                    FROM range(0, 60000) AS r (value)";
        let sql = format!("SELECT arrow_cast(t, 'Utf8View') AS t FROM ({rows}) ORDER BY t");
        for megabytes in [32, 40, 56, 72, 96, 200] {
            let session = session(megabytes << 20);
            session.collect("SET datafusion.execution.batch_size = 1024").await.unwrap();
            let plan = answer(&session, &format!("EXPLAIN {sql}")).await.join("\n");
            assert!(plan.contains("SortExec") && plan.contains("OwnBuffersExec"), "{plan}");
            let batches = session.collect(&sql).await;
            let batches = batches.unwrap_or_else(|error| panic!("{megabytes} MB: {error}"));
            let texts = batches.iter().flat_map(|batch| batch.column(0).as_string_view().iter());
            let texts = texts.collect::<Vec<_>>();
            assert!(texts.len() == 60_000 && texts.is_sorted(), "{megabytes} MB");
        }
    }

    /// Groups are given out as slices of the same columns.
    #[tokio::test(flavor = "multi_thread")]
    async fn rows_that_share_their_buffers_are_counted_once() {
        let session = session(256 << 20);
        session.collect("SET datafusion.execution.batch_size = 512").await.unwrap();
        let sql = "EXPLAIN ANALYZE SELECT value * 7 % 200001 AS n, count(*) AS k
                   FROM range(0, 150000) AS r (value) GROUP BY 1 ORDER BY k, n";
        let plan = answer(&session, sql).await;
        let sort = plan.iter().find(|line| line.contains("SortExec")).unwrap();
        assert!(sort.contains("spill_count=0"), "{plan:#?}");
    }
}
