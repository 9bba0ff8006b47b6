//! What a join by range joins, read off the engine's own join.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{JoinSide, JoinType, NullEquality, Result};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal, lit};
use datafusion::physical_expr::utils::{collect_columns, split_conjunction};
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateOutputMode};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::utils::{ColumnIndex, JoinFilter, build_join_schema};
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, PartitionMode};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};

/// A left side without keys of no more rows than this is small.
const SMALL: usize = 16;

/// A join of which at least one condition is a range.
#[derive(Debug)]
pub(super) struct Shape {
    /// The side that is collected and sorted.
    pub(super) left: Arc<dyn ExecutionPlan>,
    /// The side whose rows look for theirs as they come.
    pub(super) right: Arc<dyn ExecutionPlan>,
    pub(super) kind: JoinType,
    /// Whether all partitions of the right side look in one collection.
    pub(super) shared: bool,
    /// What has to be equal, left and right; never nothing.
    pub(super) keys: Vec<(Arc<dyn PhysicalExpr>, Arc<dyn PhysicalExpr>)>,
    /// Whether unknown keys are equal.
    pub(super) nulls_match: bool,
    /// What of the left side ranges are about. It is sorted by the first.
    pub(super) values: Vec<Arc<dyn PhysicalExpr>>,
    pub(super) ranges: Vec<Range>,
    /// The conditions that are no ranges.
    pub(super) rest: Vec<Arc<dyn PhysicalExpr>>,
    /// All conditions.
    pub(super) filter: JoinFilter,
    /// Where each column of the result comes from.
    pub(super) columns: Vec<ColumnIndex>,
}

/// A condition between a value of the left side and a bound of the right side.
#[derive(Debug)]
pub(super) struct Range {
    /// As it stands among the conditions.
    pub(super) condition: Arc<dyn PhysicalExpr>,
    /// Which of the values it is about.
    pub(super) value: usize,
    /// The bound, for a row of the right side.
    pub(super) bound: Arc<dyn PhysicalExpr>,
    /// Whether values below the bound are out, or those above it.
    pub(super) lower: bool,
    /// Whether a value that equals the bound comes before the place where a sorted
    /// list is cut.
    pub(super) equal_is_before: bool,
}

impl Shape {
    /// That of a join, if it is one of those that can be run by range.
    pub(super) fn of(plan: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
            if join.null_aware || join.mode == PartitionMode::Auto {
                return None;
            }
            let keys = join.on.iter().filter_map(|(left, _)| column(left)).collect::<Vec<_>>();
            if are_unique(&join.left, &keys) {
                return None;
            }
            let inputs = (&join.left, &join.right);
            let projection = join.projection.as_deref();
            let shape = Self::new(inputs, join.join_type, join.filter.as_ref()?, projection)?;
            let nulls_match = join.null_equality == NullEquality::NullEqualsNull;
            let shared = join.mode == PartitionMode::CollectLeft;
            let shape = Self { keys: join.on.clone(), nulls_match, shared, ..shape };
            return shape.has_comparable_keys().then_some(shape);
        }
        let join = plan.downcast_ref::<NestedLoopJoinExec>()?;
        if is_small(join.left()) {
            return None;
        }
        let inputs = (join.left(), join.right());
        Self::new(inputs, *join.join_type(), join.filter()?, join.projection().as_deref())
    }

    /// A join without keys.
    fn new(
        (left, right): (&Arc<dyn ExecutionPlan>, &Arc<dyn ExecutionPlan>),
        kind: JoinType,
        filter: &JoinFilter,
        projection: Option<&[usize]>,
    ) -> Option<Self> {
        if matches!(kind, JoinType::LeftMark | JoinType::RightMark) {
            return None;
        }
        let (mut values, mut ranges, mut rest) = (Vec::new(), Vec::new(), Vec::new());
        for condition in split_conjunction(filter.expression()) {
            // What it gives may depend on how often it is asked.
            if is_volatile(condition) {
                return None;
            }
            match Range::of(condition, filter, &left.schema(), &right.schema(), &mut values) {
                Some(range) => ranges.push(range),
                None => rest.push(Arc::clone(condition)),
            }
        }
        if ranges.is_empty() {
            return None;
        }
        let (_, columns) = build_join_schema(&left.schema(), &right.schema(), &kind);
        let columns = match projection {
            Some(shown) => {
                let shown = shown.iter().map(|place| columns.get(*place).cloned());
                shown.collect::<Option<Vec<_>>>()?
            }
            None => columns,
        };
        Some(Self {
            left: Arc::clone(left),
            right: Arc::clone(right),
            kind,
            shared: true,
            // All rows have one key, so that they are one group.
            keys: vec![(lit(true), lit(true))],
            nulls_match: false,
            values,
            ranges,
            rest,
            filter: filter.clone(),
            columns,
        })
    }

    fn has_comparable_keys(&self) -> bool {
        let (left, right) = (self.left.schema(), self.right.schema());
        self.keys.iter().all(|keys| {
            let kinds = keys.0.data_type(&left).ok().zip(keys.1.data_type(&right).ok());
            kinds.is_some_and(|(one, other)| one == other && is_ordered(&one))
        })
    }

    /// Whether rows of the left side must be told apart by whether they found any.
    pub(super) fn marks_left(&self) -> bool {
        use JoinType::{Full, Left, LeftAnti, LeftSemi};
        matches!(self.kind, Left | Full | LeftSemi | LeftAnti)
    }

    /// Whether rows of the left side come out that found none.
    pub(super) fn keeps_left(&self) -> bool {
        self.marks_left() && self.kind != JoinType::LeftSemi
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = if self.shared { "CollectLeft" } else { "Partitioned" };
        let keys = self.keys.iter().filter(|(left, _)| left.downcast_ref::<Literal>().is_none());
        let keys = keys.map(|(left, right)| format!("({left}, {right})"));
        let keys = keys.collect::<Vec<_>>().join(", ");
        write!(f, "mode={mode}, join_type={}, on=[{keys}]", self.kind)?;
        let ranges = self.ranges.iter().map(|range| range.condition.to_string());
        write!(f, ", range=[{}]", ranges.collect::<Vec<_>>().join(" AND "))?;
        if !self.rest.is_empty() {
            let rest = self.rest.iter().map(ToString::to_string);
            write!(f, ", filter=[{}]", rest.collect::<Vec<_>>().join(" AND "))?;
        }
        Ok(())
    }
}

impl Range {
    /// That of a condition, whose value it puts among `values`.
    fn of(
        condition: &Arc<dyn PhysicalExpr>,
        filter: &JoinFilter,
        left: &Schema,
        right: &Schema,
        values: &mut Vec<Arc<dyn PhysicalExpr>>,
    ) -> Option<Self> {
        let binary = condition.downcast_ref::<BinaryExpr>()?;
        let sides = (side(binary.left(), filter)?, side(binary.right(), filter)?);
        let (value, operator, bound) = match sides {
            (JoinSide::Left, JoinSide::Right) => (binary.left(), *binary.op(), binary.right()),
            (JoinSide::Right, JoinSide::Left) => {
                (binary.right(), binary.op().swap()?, binary.left())
            }
            _ => return None,
        };
        let (lower, equal_is_before) = match operator {
            Operator::Gt => (true, true),
            Operator::GtEq => (true, false),
            Operator::Lt => (false, false),
            Operator::LtEq => (false, true),
            _ => return None,
        };
        let (value, bound) = (below(value, filter).ok()?, below(bound, filter).ok()?);
        let kind = value.data_type(left).ok()?;
        if !is_ordered(&kind) || bound.data_type(right).ok()? != kind {
            return None;
        }
        let known = values.iter().position(|known| known.eq(&value));
        let value = known.unwrap_or_else(|| {
            values.push(value);
            values.len() - 1
        });
        let condition = Arc::clone(condition);
        Some(Self { condition, value, bound, lower, equal_is_before })
    }

    /// The condition with `value`, an expression over the columns of `filter`, in the place
    /// of that of the left side.
    pub(super) fn with_value(
        &self,
        value: Arc<dyn PhysicalExpr>,
        filter: &JoinFilter,
    ) -> Option<Arc<dyn PhysicalExpr>> {
        let binary = self.condition.downcast_ref::<BinaryExpr>()?;
        let (one, other) = match side(binary.left(), filter)? {
            JoinSide::Left => (value, Arc::clone(binary.right())),
            _ => (Arc::clone(binary.left()), value),
        };
        Some(Arc::new(BinaryExpr::new(one, *binary.op(), other)))
    }
}

/// Whether no two rows of `plan` have equal values in `keys`, the places of columns: they
/// are the groups of an aggregate. Each row of the other side then meets one at most, and
/// the engine's own join finds it faster.
fn are_unique(plan: &Arc<dyn ExecutionPlan>, keys: &[usize]) -> bool {
    if let Some(aggregate) = plan.downcast_ref::<AggregateExec>() {
        let groups = aggregate.group_expr();
        return aggregate.mode().output_mode() == AggregateOutputMode::Final
            && groups.is_single()
            && (0..groups.expr().len()).all(|group| keys.contains(&group));
    }
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let shown = keys.iter().filter_map(|key| projection.expr().get(*key));
        let below: Vec<_> = shown.filter_map(|shown| column(&shown.expr)).collect();
        return are_unique(projection.input(), &below);
    }
    if let Some(filter) = plan.downcast_ref::<FilterExec>() {
        let Some(shown) = filter.projection() else { return are_unique(filter.input(), keys) };
        let below: Vec<_> = keys.iter().filter_map(|key| shown.get(*key).copied()).collect();
        return are_unique(filter.input(), &below);
    }
    let passes_on = plan.is::<RepartitionExec>() || plan.is::<CoalescePartitionsExec>();
    passes_on && plan.children().iter().all(|input| are_unique(input, keys))
}

/// The place of the column that an expression is.
fn column(expression: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    Some(expression.downcast_ref::<Column>()?.index())
}

/// Whether all pairs with the rows of `left` are looked at faster than bounds are.
fn is_small(left: &Arc<dyn ExecutionPlan>) -> bool {
    let known = StatisticsContext::new().compute(left.as_ref(), &StatisticsArgs::default());
    let rows = known.ok().and_then(|known| known.num_rows.get_value().copied());
    rows.is_some_and(|rows| rows <= SMALL)
}

/// Whether values of a type are in the order of their encoded form, as they are for the
/// operators that compare them.
fn is_ordered(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, values) => is_ordered(values) && !values.is_floating(),
        DataType::Interval(_) | DataType::Null | DataType::RunEndEncoded(..) => false,
        other => !other.is_nested(),
    }
}

/// The side from which all columns of an expression come.
fn side(expression: &Arc<dyn PhysicalExpr>, filter: &JoinFilter) -> Option<JoinSide> {
    let columns = collect_columns(expression);
    let mut sides = columns
        .iter()
        .map(|column| filter.column_indices().get(column.index()).map(|place| place.side));
    let first = sides.next()??;
    sides.all(|side| side == Some(first)).then_some(first)
}

/// An expression over the columns of a filter, over those of the input that they are from.
fn below(expression: &Arc<dyn PhysicalExpr>, filter: &JoinFilter) -> Result<Arc<dyn PhysicalExpr>> {
    let moved = Arc::clone(expression).transform(|node| {
        let place = node.downcast_ref::<Column>().and_then(|column| {
            let place = filter.column_indices().get(column.index())?;
            Some(Column::new(column.name(), place.index))
        });
        Ok(match place {
            Some(column) => Transformed::yes(Arc::new(column) as Arc<dyn PhysicalExpr>),
            None => Transformed::no(node),
        })
    })?;
    Ok(moved.data)
}
