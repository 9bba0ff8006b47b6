//! Intervals are compared by how long they are: a day is 24 hours, a month thirty days,
//! as in PostgreSQL. The engine compares months first, then days, then the rest, so that
//! 48 hours are less than a day.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, Decimal128Array};
use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNanoType, IntervalUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, internal_err};
use datafusion::logical_expr::expr::{Between, InList, ScalarFunction};
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;

use super::rewrite;

const NANOS_OF_A_DAY: i128 = 86_400_000_000_000;
const DAYS_OF_A_MONTH: i128 = 30;

/// The rule, for plans in which both sides of a comparison have one type.
#[derive(Debug)]
pub(super) struct CompareLengths;

impl AnalyzerRule for CompareLengths {
    fn name(&self) -> &'static str {
        "compare_lengths"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite::expressions(plan, &by_length)
    }
}

fn by_length(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let is_interval = |one: &Expr| {
        matches!(one.get_type(schema), Ok(DataType::Interval(IntervalUnit::MonthDayNano)))
    };
    Ok(match expression {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if op.supports_propagation() && is_interval(&left) && is_interval(&right) =>
        {
            Transformed::yes(Expr::BinaryExpr(BinaryExpr {
                left: Box::new(length(*left)),
                op,
                right: Box::new(length(*right)),
            }))
        }
        Expr::Between(Between { expr, negated, low, high })
            if is_interval(&expr) && is_interval(&low) && is_interval(&high) =>
        {
            let [expr, low, high] = [expr, low, high].map(|one| Box::new(length(*one)));
            Transformed::yes(Expr::Between(Between { expr, negated, low, high }))
        }
        Expr::InList(InList { expr, list, negated })
            if is_interval(&expr) && list.iter().all(is_interval) =>
        {
            let (expr, list) = (Box::new(length(*expr)), list.into_iter().map(length).collect());
            Transformed::yes(Expr::InList(InList { expr, list, negated }))
        }
        other => Transformed::no(other),
    })
}

fn length(interval: Expr) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(function()), vec![interval]))
}

/// The length of an interval in nanoseconds. Plans that were made elsewhere name it;
/// statements cannot.
pub(super) fn function() -> ScalarUDF {
    ScalarUDF::from(Length { signature: Signature::any(1, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Length {
    signature: Signature,
}

impl ScalarUDFImpl for Length {
    fn name(&self) -> &'static str {
        "interval_length"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Decimal128(38, 0))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let Some(intervals) =
            arrays.first().and_then(|one| one.as_primitive_opt::<IntervalMonthDayNanoType>())
        else {
            return internal_err!("what has a length is an interval");
        };
        let lengths: Decimal128Array = intervals.unary(|one| {
            let days = i128::from(one.months) * DAYS_OF_A_MONTH + i128::from(one.days);
            days * NANOS_OF_A_DAY + i128::from(one.nanoseconds)
        });
        Ok(ColumnarValue::Array(Arc::new(lengths.with_precision_and_scale(38, 0)?)))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::AsArray;

    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn the_longer_interval_is_the_greater_one() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (condition, holds) in [
            ("b - a > INTERVAL '1 day'", true),
            ("b - a < INTERVAL '1 week'", true),
            ("b - a > INTERVAL '3 days'", false),
            ("b - a BETWEEN INTERVAL '1 day' AND INTERVAL '3 days'", true),
            ("b - a = INTERVAL '2 days'", true),
            ("b - a IN (INTERVAL '1 day', INTERVAL '48 hours')", true),
            ("INTERVAL '24 hours' = INTERVAL '1 day'", true),
            ("INTERVAL '1 month' > INTERVAL '29 days'", true),
            ("now() - a > INTERVAL '30 days'", true),
            ("a - (a - INTERVAL '1 day') = INTERVAL '1 day'", true),
        ] {
            let sql = format!(
                "SELECT {condition} FROM (VALUES (TIMESTAMPTZ '2012-08-27 10:00:00',
                   TIMESTAMPTZ '2012-08-29 10:00:00')) AS t (a, b)"
            );
            let batches = session.collect(&sql).await.unwrap();
            assert_eq!(batches[0].column(0).as_boolean().value(0), holds, "{condition}");
        }
    }
}
