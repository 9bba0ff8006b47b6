//! `avg(likes / reposts) FILTER (WHERE reposts > 0)`: nothing is divided, and no text is
//! taken for a number, in rows that an aggregate leaves out.
//!
//! The engine computes what it is given for all rows of a group, and for all rows at all
//! where two aggregates are given the same. So what may fail there becomes a CASE of the
//! condition; the aggregate sees the same rows and values as before.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{AggregateFunction, Cast};
use datafusion::logical_expr::{BinaryExpr, Case, Expr, ExprSchemable, LogicalPlan, Operator};
use datafusion::optimizer::AnalyzerRule;

use super::{decimals, rewrite};

/// The rule, for plans whose types are settled.
#[derive(Debug)]
pub(super) struct GuardFiltered;

impl AnalyzerRule for GuardFiltered {
    fn name(&self) -> &'static str {
        "guard_filtered"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite::some_expressions(plan, is_filtered, &guard)
    }
}

fn is_filtered(part: &Expr) -> bool {
    match part {
        Expr::AggregateFunction(call) => call.params.filter.is_some(),
        Expr::WindowFunction(call) => call.params.filter.is_some(),
        _ => false,
    }
}

fn guard(mut expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let (args, order, filter) = match &mut expression {
        Expr::AggregateFunction(AggregateFunction { params, .. }) => {
            (&mut params.args, Some(&mut params.order_by), params.filter.as_deref())
        }
        // A window is sorted by all rows.
        Expr::WindowFunction(call) => {
            let params = &mut call.params;
            (&mut params.args, None, params.filter.as_deref())
        }
        _ => return Ok(Transformed::no(expression)),
    };
    let Some(filter) = filter.filter(|filter| is_repeatable(filter)) else {
        return Ok(Transformed::no(expression));
    };
    let keys = order.into_iter().flatten().map(|key| &mut key.expr);
    let mut is_changed = false;
    for value in args.iter_mut().chain(keys) {
        let made = counted(value.clone(), filter, schema)?;
        if made.transformed {
            *value = made.data;
            is_changed = true;
        }
    }
    Ok(if is_changed { Transformed::yes(expression) } else { Transformed::no(expression) })
}

/// Whether a condition may stand in two places.
fn is_repeatable(filter: &Expr) -> bool {
    let asks = |part: &Expr| {
        Ok(matches!(
            part,
            Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::SetComparison(_)
                | Expr::ScalarSubquery(_)
        ))
    };
    !filter.is_volatile() && !filter.exists(asks).unwrap_or(true)
}

/// `value`, in which what may fail is asked for only where `filter` is true. What is true or
/// false itself stays as it is, since the engine makes AND and OR of its CASE.
fn counted(value: Expr, filter: &Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    value.transform_down(|part| {
        let is_left = matches!(part, Expr::HigherOrderFunction(_) | Expr::Literal(..));
        let kind = part.get_type(schema);
        Ok(match kind {
            Ok(DataType::Boolean) if !is_left => Transformed::no(part),
            Ok(kind) if kind != DataType::Boolean && may_fail(&part, schema) => {
                let when = vec![(Box::new(filter.clone()), Box::new(part))];
                let case = Expr::Case(Case::new(None, when, None));
                Transformed::new(case, true, TreeNodeRecursion::Jump)
            }
            _ => Transformed::new(part, false, TreeNodeRecursion::Jump),
        })
    })
}

fn may_fail(value: &Expr, schema: &DFSchema) -> bool {
    value.exists(|part| Ok(fails_at_times(part, schema))).unwrap_or(true)
}

/// Whether `part` has no value for some of what it is made of.
fn fails_at_times(part: &Expr, schema: &DFSchema) -> bool {
    match part {
        Expr::BinaryExpr(BinaryExpr { op: Operator::Divide | Operator::Modulo, right, .. }) => {
            !right.get_type(schema).is_ok_and(|kind| kind.is_floating())
        }
        Expr::ScalarFunction(call) => decimals::is_division(call),
        Expr::Cast(Cast { expr, field }) => {
            expr.get_type(schema).is_ok_and(|from| is_refused(&from, field.data_type()))
        }
        _ => false,
    }
}

/// Whether some values of the type `from` are none of the type `to`.
fn is_refused(from: &DataType, to: &DataType) -> bool {
    let is_wider = || from.primitive_width() > to.primitive_width();
    match to {
        to if to.is_string() => false,
        to if from.is_string() => !to.is_null(),
        to => to.is_integer() && (!from.is_integer() || is_wider()),
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    const ROWS: &str = "(VALUES ('x', 1, 0, 'a'), ('x', 4, 2, '4'), ('y', 9, 0, '9'),
                         ('y', 6, NULL, NULL), ('x', 5, 5, '5')) AS t(k, a, b, s)";

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_that_an_aggregate_leaves_out_are_not_divided() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (made, wanted) in [
            ("sum(a / b) FILTER (WHERE b > 0), avg(a / b) FILTER (WHERE b > 0)", "3|1.5"),
            ("sum(a / b) FILTER (WHERE b > 0), sum(a / b + 1) FILTER (WHERE b > 0)", "3|5"),
            (
                "sum(a * 1.5 / b) FILTER (WHERE b > 0), max(a * 1.5 / b) FILTER (WHERE b > 0)",
                "4.5|3.0",
            ),
            ("sum(a % b) FILTER (WHERE b > 0), count(DISTINCT a % b) FILTER (WHERE b > 0)", "0|1"),
            (
                "bool_or(a / b > 1) FILTER (WHERE s IN ('4', '5')), count(a / b) FILTER (WHERE b > 0)",
                "true|2",
            ),
            ("sum(s::int) FILTER (WHERE s <> 'a'), max(s::int) FILTER (WHERE s <> 'a')", "18|9"),
            ("string_agg(s, ',' ORDER BY a / b) FILTER (WHERE b > 0), 0", "5,4|0"),
        ] {
            let sql = format!("SELECT {made} FROM {ROWS}");
            assert_eq!(answer(&session, &sql).await[1..], [wanted], "{sql}");
        }
        for (made, wanted) in [
            ("sum(a / b) FILTER (WHERE b > 0)", ["x|3", "y|"]),
            ("max(a::decimal(5, 1) / b) FILTER (WHERE b > 0)", ["x|2.0", "y|"]),
            ("sum(s::int) FILTER (WHERE s <> 'a')", ["x|9", "y|9"]),
        ] {
            let sql = format!("SELECT k, {made} AS made FROM {ROWS} GROUP BY k ORDER BY k");
            assert_eq!(answer(&session, &sql).await[1..], wanted, "{sql}");
        }
        let sql = format!(
            "SELECT a, sum(a / b) FILTER (WHERE b > 0) OVER (PARTITION BY k) AS n FROM {ROWS} ORDER BY a"
        );
        assert_eq!(answer(&session, &sql).await[1..], ["1|3", "4|3", "5|3", "6|", "9|"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_that_count_are_divided() {
        let session = Session::new(None, Settings::default()).unwrap();
        for made in ["sum(a / b) FILTER (WHERE a > 0)", "sum(s::int) FILTER (WHERE a < 9)"] {
            let failed = session.collect(&format!("SELECT {made} FROM {ROWS}")).await;
            assert!(failed.is_err(), "{made}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn columns_are_called_as_they_are_written() {
        let session = Session::new(None, Settings::default()).unwrap();
        let one = format!("SELECT sum(a) FILTER (WHERE b > 0) FROM {ROWS}");
        let other = format!("SELECT sum(a / b) FILTER (WHERE b > 0) FROM {ROWS}");
        let name = answer(&session, &one).await.remove(0);
        assert_eq!(answer(&session, &other).await[0], name.replacen('a', "a / b", 1), "{name}");
    }
}
