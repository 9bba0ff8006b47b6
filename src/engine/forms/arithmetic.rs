//! `likes ** 2`, a power, and `likes // 10`, a whole number of times.
//!
//! The parser knows the first by our dialect only. The second it takes for an operator
//! that nothing computes; between whole numbers `/` does the same here.

use datafusion::common::{DFSchema, Result};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator};
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr as Typed, UnaryOperator};

use crate::engine::dialect::POWER;
use crate::engine::names::call;
use crate::error::Error;

/// Makes a call of `power` of `**`.
pub(super) fn raise(expression: &mut Typed) -> bool {
    if !is_power(expression) {
        return false;
    }
    let Typed::BinaryOp { left, right, .. } = expression else { return false };
    *expression = call("power", [Typed::clone(left), Typed::clone(right)]);
    true
}

fn is_power(expression: &Typed) -> bool {
    matches!(expression, Typed::BinaryOp { op: BinaryOperator::Custom(sign), .. } if sign == POWER)
}

/// What is told of `-2 ** 2`, which is 4 to some databases and -4 to others.
pub(in crate::engine) fn ambiguous(expression: &Typed) -> Option<(&'static str, Error)> {
    match expression {
        Typed::UnaryOp { op: UnaryOperator::Minus, expr } if is_power(expr) => {
            let error = Error::query("is the minus raised to the power, or put before it?");
            Some(("-", error.hint("write (-2) ** 2, which is 4, or -(2 ** 2), which is -4")))
        }
        _ => None,
    }
}

/// Plans `//`.
#[derive(Debug)]
pub(super) struct DivideWhole;

impl ExprPlanner for DivideWhole {
    fn plan_binary_op(
        &self,
        expression: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let BinaryOperator::DuckIntegerDivide = expression.op else {
            return Ok(PlannerResult::Original(expression));
        };
        let RawBinaryExpr { left, right, .. } = expression;
        for side in [&left, &right] {
            let kind = side.get_type(schema)?;
            if !kind.is_integer() && !kind.is_null() {
                let error = Error::query("// divides whole numbers only")
                    .hint("of others take floor(x / y), or trunc(x / y)");
                return Err(DataFusionError::External(Box::new(error)));
            }
        }
        let whole = BinaryExpr::new(Box::new(left), Operator::Divide, Box::new(right));
        Ok(PlannerResult::Planned(Expr::BinaryExpr(whole)))
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn numbers_are_raised_and_divided() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (expression, is) in [
            ("2 ** 10", "1024.0"),
            ("2**10", "1024.0"),
            ("2 * 3 ** 2", "18.0"),
            ("2 ** 3 ** 2", "64.0"),
            ("2 ** -1", "0.5"),
            ("(-2) ** 2", "4.0"),
            ("-(2 ** 2)", "-4.0"),
            ("1 + n ** 2", "50.0"),
            ("n::double ** 2", "49.0"),
            ("n // 2", "3"),
            ("-n // 2", "-3"),
            ("n // -2", "-3"),
            ("-n // -2", "3"),
            ("1 + n // 2 * 2", "7"),
            ("n // NULL", ""),
        ] {
            let sql = format!("SELECT {expression} AS made FROM (VALUES (7)) AS t(n)");
            assert_eq!(answer(&session, &sql).await[1], is, "{expression}");
        }
        let named = answer(&session, "SELECT 2 ** 3, 7 // 2").await;
        assert_eq!(named, ["2 ** 3|7 // 2", "8.0|3"]);
    }

    #[tokio::test]
    async fn what_may_mean_two_things_is_refused() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (expression, told) in [
            ("-2 ** 2", "the minus"),
            ("7.5 // 2", "whole numbers"),
            ("7 // 0", "ivi"),
            ("2 * * 3", "syntax"),
        ] {
            let error = session.collect(&format!("SELECT {expression}")).await.unwrap_err();
            assert!(error.to_string().contains(told), "{expression}: {error}");
        }
    }
}
