//! The operator that drops rows of which their group has enough better ones.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::compute::{SortOptions, cast, filter_record_batch};
use datafusion::arrow::datatypes::{DataType, Date32Type, Field, Float64Type, Int64Type, Schema};
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;
use datafusion::physical_plan::execution_plan::{
    CardinalityEffect, ChildrenPropertiesMode, ReplaceChildrenOptions,
};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, apply_expression_roots,
};
use futures::{StreamExt, TryStreamExt};

/// Passes rows on that may be among the first of their group: all of those, and
/// some others.
#[derive(Debug, Clone)]
pub(super) struct FewPerGroup {
    input: Arc<dyn ExecutionPlan>,
    group: Vec<Arc<dyn PhysicalExpr>>,
    order: PhysicalSortExpr,
    rows: usize,
    metrics: ExecutionPlanMetricsSet,
}

impl FewPerGroup {
    /// Rows of `input` that may be among the first `rows` of their group; `None` if
    /// the order is of a type that is not looked at here.
    pub(super) fn new(
        input: &Arc<dyn ExecutionPlan>,
        group: &[Arc<dyn PhysicalExpr>],
        order: &PhysicalSortExpr,
        rows: usize,
    ) -> Option<Self> {
        let kind = order.expr.data_type(&input.schema()).ok()?;
        (is_small_number(&kind) && rows > 0).then(|| Self {
            input: Arc::clone(input),
            group: group.to_vec(),
            order: order.clone(),
            rows,
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }
}

impl DisplayAs for FewPerGroup {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group: Vec<String> = self.group.iter().map(ToString::to_string).collect();
        let (group, order) = (group.join(", "), &self.order);
        write!(f, "FewPerGroup: rows={}, group=[{group}], order=[{order}]", self.rows)
    }
}

impl ExecutionPlan for FewPerGroup {
    fn name(&self) -> &'static str {
        "FewPerGroup"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        // Rows come out as they come in, only fewer.
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::LowerEqual
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut changed = Self { metrics: ExecutionPlanMetricsSet::new(), ..self.as_ref().clone() };
        for child in children {
            changed.input = child;
        }
        Ok(Arc::new(changed))
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
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        apply_expression_roots(self.group.iter().chain([&self.order.expr]), f)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let schema = self.input.schema();
        let mut best = Best::new(self, &schema)?;
        let baseline = BaselineMetrics::new(&self.metrics, partition);
        let batches = self.input.execute(partition, context)?.map(move |batch| {
            let timer = baseline.elapsed_compute().timer();
            let few = best.few(&batch?)?;
            timer.done();
            baseline.record_output(few.num_rows());
            Ok(few)
        });
        let some = batches.try_filter(|few: &RecordBatch| std::future::ready(few.num_rows() > 0));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, some)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// The best values that each group has shown so far.
struct Best {
    group: Vec<Arc<dyn PhysicalExpr>>,
    order: PhysicalSortExpr,
    rows: usize,
    groups: Box<dyn GroupValues>,
    /// The group of each row of a batch.
    numbers: Vec<usize>,
    /// For each group `rows` places, best value first, the last ones unused at first.
    values: Vec<i64>,
    /// How many places of each group are used.
    used: Vec<usize>,
}

impl Best {
    fn new(plan: &FewPerGroup, schema: &Schema) -> Result<Self> {
        let fields = plan.group.iter().enumerate().map(|(n, one)| {
            let (kind, nullable) = (one.data_type(schema)?, one.nullable(schema)?);
            Ok(Field::new(n.to_string(), kind, nullable))
        });
        let keys = Arc::new(Schema::new(fields.collect::<Result<Vec<_>>>()?));
        Ok(Self {
            group: plan.group.clone(),
            order: plan.order.clone(),
            rows: plan.rows,
            groups: new_group_values(keys, &GroupOrdering::None)?,
            numbers: Vec::new(),
            values: Vec::new(),
            used: Vec::new(),
        })
    }

    /// The rows of `batch` of which fewer than wanted are better.
    fn few(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let keys = self.group.iter().map(|one| one.evaluate(batch)?.into_array(rows));
        self.numbers.clear();
        self.groups.intern(&keys.collect::<Result<Vec<_>>>()?, &mut self.numbers)?;
        self.used.resize(self.groups.len(), 0);
        self.values.resize(self.groups.len() * self.rows, i64::MAX);
        let order = self.order.expr.evaluate(batch)?.into_array(rows)?;
        let values = smaller_is_first(&order, self.order.options)?;
        let passing: BooleanArray =
            (0..rows).map(|row| Some(self.passes(row, &order, &values))).collect();
        Ok(filter_record_batch(batch, &passing)?)
    }

    fn passes(&mut self, row: usize, order: &ArrayRef, values: &[i64]) -> bool {
        // Where unknown values come is not looked at: they pass.
        if order.is_null(row) {
            return true;
        }
        let (number, value) = (self.numbers[row], values[row]);
        let best = &mut self.values[number * self.rows..][..self.rows];
        let used = &mut self.used[number];
        if *used == self.rows {
            match value.cmp(&best[self.rows - 1]) {
                std::cmp::Ordering::Greater => return false,
                // What decides among equals is not looked at here.
                std::cmp::Ordering::Equal => return true,
                std::cmp::Ordering::Less => {}
            }
        } else {
            *used += 1;
        }
        let place = best[..*used - 1].partition_point(|better| *better <= value);
        best[place..*used].rotate_right(1);
        best[place] = value;
        true
    }
}

/// Whether values are numbers, or times, that fit into eight bytes.
fn is_small_number(kind: &DataType) -> bool {
    let is_whole = kind.is_integer() && *kind != DataType::UInt64;
    is_whole
        || matches!(kind, DataType::Float32 | DataType::Float64)
        || matches!(kind, DataType::Date32 | DataType::Timestamp(..))
}

/// Numbers that are in the order of the values; those of unknown values mean nothing.
fn smaller_is_first(order: &ArrayRef, options: SortOptions) -> Result<Vec<i64>> {
    let mut values: Vec<i64> = match order.data_type() {
        DataType::Float32 | DataType::Float64 => {
            // The bits of a float, read as an integer, are in order but for the
            // negative ones, which are in the opposite order.
            let bits = |float: &f64| {
                let bits = float.to_bits().cast_signed();
                bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
            };
            let floats = cast(order, &DataType::Float64)?;
            floats.as_primitive::<Float64Type>().values().iter().map(bits).collect()
        }
        DataType::Date32 => {
            let days = order.as_primitive::<Date32Type>().values();
            days.iter().map(|day| i64::from(*day)).collect()
        }
        _ => cast(order, &DataType::Int64)?.as_primitive::<Int64Type>().values().to_vec(),
    };
    if options.descending {
        values.iter_mut().for_each(|value| *value = !*value);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn numbers_and_times_of_all_widths_are_looked_at() {
        let session = Session::new(None, Settings::default()).unwrap();
        let made =
            "CREATE TABLE t AS SELECT value AS i, value % 7 AS g, value * 37 % 1009 - 500 AS v
                    FROM range(0, 5000)";
        session.collect(made).await.unwrap();
        for order in [
            "v",
            "v::int",
            "v::smallint",
            "(v + 500)::int unsigned",
            "v::float / 7",
            "v::double / 7",
            "DATE '2012-08-27' + v::int",
            "to_timestamp(v)",
            "to_timestamp(v)::timestamp(3)",
            "nullif(v, 3)::int",
        ] {
            for direction in ["", "DESC", "DESC NULLS FIRST"] {
                let sql = format!(
                    "SELECT i, g FROM (SELECT i, g, row_number() OVER
                       (PARTITION BY g ORDER BY {order} {direction}, i) AS n FROM t)
                     WHERE n <= 3 ORDER BY g, n"
                );
                let plan = answer(&session, &format!("EXPLAIN {sql}")).await.join("\n");
                assert!(plan.contains("FewPerGroup"), "{sql}: {plan}");
                let few = answer(&session, &sql).await;
                session.collect("SET weiku.first_of_group = false").await.unwrap();
                assert_eq!(few, answer(&session, &sql).await, "{sql}");
                session.collect("SET weiku.first_of_group = true").await.unwrap();
                assert_eq!(few.len(), 22, "{sql}");
            }
        }
    }
}
