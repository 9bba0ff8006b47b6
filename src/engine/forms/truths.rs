//! `is_repost = 1`: databases without truths of their own have 0 and 1 for them.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, lit};
use datafusion::sql::sqlparser::ast::BinaryOperator;

/// Plans a truth that is compared with 0 or 1.
#[derive(Debug)]
pub(super) struct CompareTruths;

impl ExprPlanner for CompareTruths {
    fn plan_binary_op(
        &self,
        expression: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let RawBinaryExpr { op, left, right } = expression;
        let compares = matches!(op, BinaryOperator::Eq | BinaryOperator::NotEq);
        let (left, right) = match (truth(&left), truth(&right)) {
            (None, Some(meant)) if compares && is_truth(&left, schema) => (left, meant),
            (Some(meant), None) if compares && is_truth(&right, schema) => (meant, right),
            _ => (left, right),
        };
        Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
    }
}

/// What a written 0 or 1 means beside a truth.
fn truth(expression: &Expr) -> Option<Expr> {
    match expression {
        Expr::Literal(ScalarValue::Int64(Some(number @ (0 | 1))), _) => Some(lit(*number == 1)),
        _ => None,
    }
}

fn is_truth(expression: &Expr, schema: &DFSchema) -> bool {
    matches!(expression.get_type(schema), Ok(DataType::Boolean))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn a_truth_is_compared_with_0_and_1() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (VALUES (true, 1), (false, 0), (NULL, NULL)) AS t(is_so, n)";
        for (condition, found) in [
            ("is_so = 1", "1"),
            ("is_so = 0", "1"),
            ("1 = is_so", "1"),
            ("is_so <> 1", "1"),
            ("(n > 0) = 1", "1"),
            ("n = 1", "1"),
            ("1 = 1", "3"),
        ] {
            let sql = format!("SELECT count(*) AS found {from} WHERE {condition}");
            assert_eq!(answer(&session, &sql).await, ["found", found], "{condition}");
        }
    }
}
