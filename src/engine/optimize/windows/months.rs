//! Frames of months between times, which the engine gets wrong.
//!
//! A month after January 30 at noon is February 29 at noon, and a month after January 31 at
//! ten is February 29 at ten: the frame of the later row ends earlier. The engine only looks
//! further on than it did for the row before, and takes in too many rows. What is not ours
//! to compute is refused, since nothing tells beforehand whether there are such rows.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::{WindowFrameBound, WindowFrameUnits};
use datafusion::physical_expr::window::{StandardWindowExpr, WindowExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec, WindowUDFExpr};

use crate::error::Error;

/// Functions that look at their partition and not at a frame.
const WITHOUT_FRAMES: [&str; 8] =
    ["row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead"];

/// Refuses a plan in which the engine has to find such a frame.
pub(super) fn refuse(plan: &Arc<dyn ExecutionPlan>) -> Result<()> {
    plan.apply(|node| {
        let [input] = node.children()[..] else { return Ok(TreeNodeRecursion::Continue) };
        let schema = input.schema();
        match functions(node).iter().find(|function| has_months(function, &schema)) {
            Some(function) => Err(refusal(function.name())),
            None => Ok(TreeNodeRecursion::Continue),
        }
    })?;
    Ok(())
}

/// The window functions of an operator of the engine.
fn functions(node: &Arc<dyn ExecutionPlan>) -> &[Arc<dyn WindowExpr>] {
    if let Some(window) = node.downcast_ref::<WindowAggExec>() {
        return window.window_expr();
    }
    match node.downcast_ref::<BoundedWindowAggExec>() {
        Some(window) => window.window_expr(),
        None => &[],
    }
}

/// Whether a frame of `function` begins or ends months away from a time.
fn has_months(function: &Arc<dyn WindowExpr>, schema: &Schema) -> bool {
    let frame = function.get_window_frame();
    if frame.units != WindowFrameUnits::Range || has_no_frame(function) {
        return false;
    }
    let key = function.order_by().first().and_then(|order| order.expr.data_type(schema).ok());
    let is_of_months = |bound: &WindowFrameBound| match bound {
        WindowFrameBound::Preceding(ScalarValue::IntervalMonthDayNano(Some(by)))
        | WindowFrameBound::Following(ScalarValue::IntervalMonthDayNano(Some(by))) => {
            by.months != 0
        }
        _ => false,
    };
    matches!(key, Some(DataType::Timestamp(..)))
        && (is_of_months(&frame.start_bound) || is_of_months(&frame.end_bound))
}

fn has_no_frame(function: &Arc<dyn WindowExpr>) -> bool {
    let Some(window) = function.as_any().downcast_ref::<StandardWindowExpr>() else { return false };
    let called = window.get_standard_func_expr().as_any().downcast_ref::<WindowUDFExpr>();
    called.is_some_and(|called| WITHOUT_FRAMES.contains(&called.fun().name()))
}

fn refusal(function: &str) -> DataFusionError {
    // A window function is called by all of its clause.
    let function = function.split('(').next().unwrap_or(function);
    let message = format!("a RANGE of months between times is not computed for {function}");
    DataFusionError::External(Box::new(Error::query(message).hint(
        "order by the date, as in ORDER BY posted_at::date, or write a number of days, as in \
         INTERVAL '30 days'",
    )))
}
