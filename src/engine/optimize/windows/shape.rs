//! Which window functions are computed in one pass, and how.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::window::{
    PlainAggregateWindowExpr, SlidingAggregateWindowExpr, StandardWindowExpr, WindowExpr,
};
use datafusion::physical_plan::udaf::AggregateFunctionExpr;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec, WindowUDFExpr};
use datafusion::physical_plan::{ExecutionPlan, InputOrderMode};

use super::frames::Frame;
use super::moving::{Function, Numbers};
use super::values::Value;

/// The window functions of an operator, which have their partitions and their order in
/// common.
#[derive(Debug)]
pub(super) struct Shape {
    /// Each function adds a column, in this order.
    pub(super) columns: Vec<Column>,
    partition_by: Vec<Arc<dyn PhysicalExpr>>,
    order_by: Vec<Arc<dyn PhysicalExpr>>,
}

/// A window function.
#[derive(Debug)]
pub(super) enum Column {
    /// The number of a row.
    Number(Numbers),
    /// What a function makes of the rows of a frame.
    Frame {
        /// The function.
        function: Function,
        /// What it takes.
        argument: Arc<dyn PhysicalExpr>,
        /// What it takes it of.
        frame: Box<Frame>,
        /// What it gives.
        kind: DataType,
    },
    /// The value of a row of a frame.
    Value(Box<Value>),
}

impl Shape {
    /// The window functions of `plan`, if it has some and each is one of ours.
    pub(super) fn of(plan: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        let expressions = window_functions(plan)?;
        let [input] = plan.children()[..] else { return None };
        let schema = input.schema();
        let first = expressions.first()?;
        let is_alike = |other: &Arc<dyn WindowExpr>| {
            other.partition_by() == first.partition_by() && other.order_by() == first.order_by()
        };
        if !expressions.iter().all(is_alike) {
            return None;
        }
        let columns = expressions.iter().map(|expression| Column::of(expression, &schema));
        Some(Self {
            columns: columns.collect::<Option<_>>()?,
            partition_by: first.partition_by().to_vec(),
            order_by: first.order_by().iter().map(|order| Arc::clone(&order.expr)).collect(),
        })
    }

    /// By what rows are told to be of one partition.
    pub(super) fn partition_by(&self) -> &[Arc<dyn PhysicalExpr>] {
        &self.partition_by
    }

    /// By what rows of one partition are told to be peers; `None` if nobody asks.
    pub(super) fn peers_by(&self) -> Option<&[Arc<dyn PhysicalExpr>]> {
        let asked = self.columns.iter().any(|column| match column {
            Column::Number(numbers) => *numbers != Numbers::Rows,
            Column::Frame { frame, .. } => frame.has_peers(),
            Column::Value(value) => value.frame().has_peers(),
        });
        asked.then_some(&self.order_by)
    }
}

/// The functions of an operator that gets its rows partition by partition.
fn window_functions(plan: &Arc<dyn ExecutionPlan>) -> Option<&[Arc<dyn WindowExpr>]> {
    if let Some(window) = plan.downcast_ref::<WindowAggExec>() {
        return Some(window.window_expr());
    }
    let window = plan.downcast_ref::<BoundedWindowAggExec>()?;
    let is_sorted = matches!(window.input_order_mode, InputOrderMode::Sorted);
    (is_sorted && window.state_observer().is_none()).then(|| window.window_expr())
}

impl Column {
    fn of(expression: &Arc<dyn WindowExpr>, schema: &Schema) -> Option<Self> {
        let field = expression.field().ok()?;
        let kind = field.data_type();
        if let Some(window) = expression.as_any().downcast_ref::<StandardWindowExpr>() {
            let function = window.get_standard_func_expr();
            let function = function.as_any().downcast_ref::<WindowUDFExpr>()?;
            return match Numbers::called(function.fun().name()) {
                Some(numbers) => (kind == &DataType::Int64).then_some(Self::Number(numbers)),
                None => Value::of(expression, function, schema).map(Box::new).map(Self::Value),
            };
        }
        let aggregate = plain_aggregate(expression)?;
        let arguments = expression.expressions();
        let [argument] = &arguments[..] else { return None };
        let taken = argument.data_type(schema).ok()?;
        Some(Self::Frame {
            function: Function::called(aggregate.fun().name(), &taken, kind)?,
            argument: Arc::clone(argument),
            frame: Box::new(Frame::of(expression, schema)?),
            kind: kind.clone(),
        })
    }
}

/// The aggregate of a window function that takes all rows of its frame, in whatever order.
fn plain_aggregate(expression: &Arc<dyn WindowExpr>) -> Option<&AggregateFunctionExpr> {
    let any = expression.as_any();
    let plain = any.downcast_ref::<PlainAggregateWindowExpr>();
    let plain = plain.map(PlainAggregateWindowExpr::get_aggregate_expr);
    let sliding = any.downcast_ref::<SlidingAggregateWindowExpr>();
    let sliding = sliding.map(SlidingAggregateWindowExpr::get_aggregate_expr);
    let aggregate = plain.or(sliding)?;
    let takes_all = !aggregate.is_distinct()
        && !aggregate.ignore_nulls()
        && !aggregate.is_reversed()
        && aggregate.order_bys().is_empty();
    (takes_all && !has_filter(expression)).then_some(aggregate)
}

/// Whether FILTER is there, which the engine tells of only here.
fn has_filter(expression: &Arc<dyn WindowExpr>) -> bool {
    !format!("{expression:?}").ends_with("filter: None }")
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(numbers) => write!(f, "{numbers:?}"),
            Self::Frame { function, argument, frame, .. } => {
                write!(f, "{function:?}({argument}) {frame}")
            }
            Self::Value(value) => write!(f, "{value}"),
        }
    }
}
