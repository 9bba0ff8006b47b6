//! `flags << n` and `flags >> n`: by how many bits a number is shifted. The engine looks at
//! the last six bits of `n` only, so that a shift by 64 would be none. Here it is refused.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, Operator, binary_expr};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::engine::hidden::Hidden;
use crate::error::Error;

/// Plans a shift.
#[derive(Debug)]
pub(super) struct ShiftBits;

impl ExprPlanner for ShiftBits {
    fn plan_binary_op(
        &self,
        expression: RawBinaryExpr,
        _schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let op = match &expression.op {
            BinaryOperator::PGBitwiseShiftLeft => Operator::BitwiseShiftLeft,
            BinaryOperator::PGBitwiseShiftRight => Operator::BitwiseShiftRight,
            _ => return Ok(PlannerResult::Original(expression)),
        };
        match &expression.right {
            Expr::Literal(ScalarValue::Int64(Some(0..=63)), _) => {
                Ok(PlannerResult::Original(expression))
            }
            _ => {
                let RawBinaryExpr { left, right, .. } = expression;
                Ok(PlannerResult::Planned(binary_expr(left, op, BITS.of(right))))
            }
        }
    }
}

/// The function that gives numbers of bits as they are, and refuses others.
pub(in crate::engine) static BITS: Hidden =
    Hidden { name: "bits_to_shift", returns: |kind| Ok(kind.clone()), compute: checked };

fn checked(numbers: &ArrayRef) -> Result<ArrayRef> {
    let whole = cast(numbers, &DataType::Int64)?;
    let is_lost = whole.logical_null_count() > numbers.logical_null_count();
    let wrong =
        whole.as_primitive::<Int64Type>().iter().flatten().find(|bits| !(0..64).contains(bits));
    match wrong {
        Some(bits) => Err(refused(&bits.to_string())),
        None if is_lost => Err(refused("such a number")),
        None => Ok(Arc::clone(numbers)),
    }
}

fn refused(bits: &str) -> DataFusionError {
    let error = Error::query(format!("a number has 64 bits and is not shifted by {bits} of them"));
    DataFusionError::External(Box::new(error.hint("n << 3 shifts by 3 bits, and n >> 3 back")))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::value;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_number_is_shifted_by_the_bits_that_it_has() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (VALUES (3, 64, -1)) AS t(n, many, less)";
        for (asked, wanted) in [
            ("1 << 3", "8"),
            ("1 << n", "8"),
            ("1 << 62", "4611686018427387904"),
            ("-8 >> n", "-1"),
            ("1 << NULL", ""),
            ("n << (many - 60)", "48"),
        ] {
            assert_eq!(value(&session, &format!("SELECT {asked} {from}")).await, wanted, "{asked}");
        }
        for asked in ["1 << 64", "1 << -1", "n << many", "n >> many", "n << less", "1 >> 99"] {
            let error = session.collect(&format!("SELECT {asked} {from}")).await.unwrap_err();
            assert!(error.message().contains("64 bits"), "{asked}: {error}");
        }
    }
}
