//! Conditions on the rows beside a query after LATERAL, which are asked before that query
//! is computed for each of them.
//!
//! The engine moves such conditions down to these rows itself, but later: the values that
//! the query is computed for are those of all rows by then. What may fail stays where it
//! is, for it might be asked of rows that it was not asked of.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, JoinType, Result, ScalarValue};
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, Filter, Join, LogicalPlan, Operator,
};

use super::shape;
use crate::engine::decimals;

/// `plan` with such conditions below the joins that they are asked of.
///
/// # Errors
/// When a node cannot be made of what others become.
pub(in crate::engine) fn conditions_first(plan: LogicalPlan) -> Result<LogicalPlan> {
    let asked = plan.transform_down_with_subqueries(|node| {
        Ok(match asked_first(&node)? {
            Some(asked) => Transformed::yes(asked),
            None => Transformed::no(node),
        })
    });
    asked.map(|asked| asked.data)
}

/// The rows of a join for which a condition is true, with as much of it asked before as may
/// be; none if that is nothing, or no query after LATERAL is in it.
fn asked_first(node: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    let LogicalPlan::Filter(filter) = node else { return Ok(None) };
    let LogicalPlan::Join(join) = filter.input.as_ref() else { return Ok(None) };
    let is_lateral = shape::asked_beside(join).is_some();
    let takes_left = matches!(join.join_type, JoinType::Inner | JoinType::Left)
        && (is_lateral || has_lateral(&join.left));
    let takes_right = matches!(join.join_type, JoinType::Inner | JoinType::Right)
        && !is_lateral
        && has_lateral(&join.right);
    if !takes_left && !takes_right {
        return Ok(None);
    }
    let (mut of_left, mut of_right, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for condition in split_conjunction(&filter.predicate) {
        let part = if takes_left && is_of_one(condition, &join.left, &join.right) {
            &mut of_left
        } else if takes_right && is_of_one(condition, &join.right, &join.left) {
            &mut of_right
        } else {
            &mut others
        };
        part.push(condition.clone());
    }
    if of_left.is_empty() && of_right.is_empty() {
        return Ok(None);
    }
    let left = asked(of_left, &join.left)?;
    let right = asked(of_right, &join.right)?;
    let joined = LogicalPlan::Join(Join { left, right, ..join.clone() });
    asked(others, &Arc::new(joined)).map(|rows| Some(Arc::unwrap_or_clone(rows)))
}

/// The `rows` for which all of `conditions` are true.
fn asked(conditions: Vec<Expr>, rows: &Arc<LogicalPlan>) -> Result<Arc<LogicalPlan>> {
    Ok(match conjunction(conditions) {
        Some(condition) => {
            Arc::new(LogicalPlan::Filter(Filter::try_new(condition, Arc::clone(rows))?))
        }
        None => Arc::clone(rows),
    })
}

/// Whether a query after LATERAL is among what is joined, so that it gains by conditions on
/// what stands before it.
fn has_lateral(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Join(join) => {
            shape::asked_beside(join).is_some()
                || has_lateral(&join.left)
                || has_lateral(&join.right)
        }
        _ => false,
    }
}

/// Whether `condition` is the same before and after the rows of `side` are joined to those
/// of `other`.
fn is_of_one(condition: &Expr, side: &LogicalPlan, other: &LogicalPlan) -> bool {
    let columns = condition.column_refs();
    let is_of_side =
        |column: &Column| side.schema().has_column(column) && !other.schema().has_column(column);
    !columns.is_empty()
        && columns.into_iter().all(is_of_side)
        // What is from further out is asked last.
        && !condition.contains_outer()
        && is_repeatable(condition)
        && !may_fail(condition, side)
}

/// Whether an expression has the same value each time, and asks no query for it.
pub(super) fn is_repeatable(expression: &Expr) -> bool {
    let asks = |part: &Expr| matches!(part, Expr::SetComparison(_)) || part.is_volatile_node();
    !shape::has_subquery(expression) && !expression.exists(|part| Ok(asks(part))).unwrap_or(true)
}

/// Whether `condition` has no value for some of the rows, and ends the query.
fn may_fail(condition: &Expr, rows: &LogicalPlan) -> bool {
    condition.exists(|part| Ok(fails_at_times(part, rows))).unwrap_or(true)
}

fn fails_at_times(part: &Expr, rows: &LogicalPlan) -> bool {
    let kind = |value: &Expr| value.get_type(rows.schema().as_ref());
    match part {
        Expr::BinaryExpr(BinaryExpr { op: Operator::Divide | Operator::Modulo, right, .. }) => {
            !kind(right.as_ref()).is_ok_and(|kind| kind.is_floating()) && may_be_zero(right)
        }
        Expr::ScalarFunction(call) if decimals::is_division(call) => {
            call.args.get(1).is_none_or(may_be_zero)
        }
        // A value that is written is one for all rows or for none.
        Expr::Cast(Cast { expr, field }) => {
            expr.any_column_refs()
                && !kind(expr.as_ref()).is_ok_and(|from| is_always(&from, field.data_type()))
        }
        _ => false,
    }
}

fn may_be_zero(divisor: &Expr) -> bool {
    match divisor {
        Expr::Cast(Cast { expr, .. }) => may_be_zero(expr),
        Expr::Literal(value, _) => {
            !ScalarValue::new_zero(&value.data_type()).is_ok_and(|zero| *value != zero)
        }
        _ => true,
    }
}

/// Whether each value of the type `from` is one of the type `to`.
fn is_always(from: &DataType, to: &DataType) -> bool {
    if from.is_string() || !to.is_integer() {
        return to.is_string() || !from.is_string();
    }
    let (narrow, wide) = (from.primitive_width(), to.primitive_width());
    let fits = if from.is_signed_integer() == to.is_signed_integer() {
        narrow <= wide
    } else {
        to.is_signed_integer() && narrow < wide
    };
    from.is_integer() && fits
}
