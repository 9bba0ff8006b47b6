//! Decimals where the engine cuts or overflows: `2::decimal(10, 2) / 3`, which had four
//! more digits behind the point than the numbers and no others, and
//! `ceil(9.5::decimal(2, 1))`, for which a decimal of that type has no room.
//!
//! A quotient of decimals is a double, of their own digits rather than of doubles near
//! them, so that 0.3 / 0.1 is 3. As with whole numbers, there is none by zero. What `ceil`
//! and `floor` give has no digits behind the point, and room for one more before it.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Datum, Decimal128Array, Float64Array, Scalar,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::compute::kernels::numeric;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue, internal_err};
use datafusion::functions::math;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::preimage::PreimageResult;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Documentation, Expr, ExprSchemable, LogicalPlan, Operator,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::physical_expr_common::datum::apply;
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::rewrite;
use super::wrapped::as_the_engine_says;

/// Plans `/` with a decimal on one side, and a decimal or whole number on the other.
#[derive(Debug)]
pub(super) struct DivideDecimals;

impl ExprPlanner for DivideDecimals {
    fn plan_binary_op(
        &self,
        expression: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let is_division = matches!(expression.op, BinaryOperator::Divide);
        if !is_division || !are_ours(&expression.left, &expression.right, schema) {
            return Ok(PlannerResult::Original(expression));
        }
        let RawBinaryExpr { left, right, .. } = expression;
        Ok(PlannerResult::Planned(divided(left, right)))
    }
}

/// The rule for divisions by or of parameters, whose types the planner does not know.
#[derive(Debug)]
pub(super) struct DivideParameters;

impl AnalyzerRule for DivideParameters {
    fn name(&self) -> &'static str {
        "divide_parameters"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite::some_expressions(plan, divides, &|expression, schema| match expression {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Divide, right })
                if are_ours(&left, &right, schema) =>
            {
                Ok(Transformed::yes(divided(*left, *right)))
            }
            other => Ok(Transformed::no(other)),
        })
    }
}

fn divides(part: &Expr) -> bool {
    matches!(part, Expr::BinaryExpr(BinaryExpr { op: Operator::Divide, .. }))
}

/// Whether one of two numbers is a decimal, and neither is a double.
fn are_ours(left: &Expr, right: &Expr, schema: &DFSchema) -> bool {
    match (left.get_type(schema), right.get_type(schema)) {
        (Ok(left), Ok(right)) => {
            left.is_decimal() && (right.is_decimal() || right.is_integer())
                || left.is_integer() && right.is_decimal()
        }
        _ => false,
    }
}

fn divided(left: Expr, right: Expr) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(division()), vec![left, right]))
}

/// The function that stands for `/`. Plans that were made elsewhere name it; statements
/// cannot.
pub(super) fn division() -> ScalarUDF {
    ScalarUDF::from(Division { signature: Signature::any(2, Volatility::Immutable) })
}

/// Whether `call` is one of it.
pub(super) fn is_division(call: &ScalarFunction) -> bool {
    call.func.inner().downcast_ref::<Division>().is_some()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Division {
    signature: Signature,
}

impl ScalarUDFImpl for Division {
    fn name(&self) -> &'static str {
        "decimal_division"
    }

    fn schema_name(&self, arguments: &[Expr]) -> Result<String> {
        let names = arguments.iter().map(|argument| argument.schema_name().to_string());
        Ok(names.collect::<Vec<_>>().join(" / "))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [left, right] = args.args.as_slice() else {
            return internal_err!("one number is divided by one");
        };
        apply(left, right, quotient)
    }
}

/// `left / right`, each a decimal or a whole number, as doubles.
pub(super) fn quotient(left: &dyn Datum, right: &dyn Datum) -> Result<ArrayRef, ArrowError> {
    let ((left, is_one_left), (right, is_one_right)) = (left.get(), right.get());
    let ((left, left_scale), (right, right_scale)) = (digits(left)?, digits(right)?);
    // Both are multiplied, so that neither loses digits to a fraction of ten.
    let left = times_ten(left, right_scale - left_scale);
    let right = times_ten(right, left_scale - right_scale);
    let quotients =
        numeric::div(datum(left, is_one_left).as_ref(), datum(right, is_one_right).as_ref())?;
    let doubles = quotients.as_primitive::<Float64Type>();
    // The numbers are finite, and too small for anything but a zero to bring this about.
    let is_by_zero = match doubles.null_count() {
        0 => !doubles.values().iter().fold(true, |all, one| all & one.is_finite()),
        _ => doubles.iter().flatten().any(|one| !one.is_finite()),
    };
    if is_by_zero {
        return Err(ArrowError::DivideByZero);
    }
    Ok(quotients)
}

/// The numbers without their points, and how many digits stand behind these.
fn digits(numbers: &dyn Array) -> Result<(Float64Array, i32), ArrowError> {
    if let Some(decimals) = numbers.as_primitive_opt::<Decimal128Type>() {
        // Most are few. Either way the double is the one next to them.
        let digits = decimals.unary::<_, Float64Type>(|digits| match i64::try_from(digits) {
            Ok(digits) => digits as f64,
            Err(_) => digits as f64,
        });
        return Ok((digits, i32::from(decimals.scale())));
    }
    Ok((cast(numbers, &DataType::Float64)?.as_primitive::<Float64Type>().clone(), 0))
}

fn times_ten(numbers: Float64Array, times: i32) -> Float64Array {
    if times <= 0 {
        return numbers;
    }
    let factor = 10_f64.powi(times);
    numbers.unary(|number| number * factor)
}

fn datum(numbers: Float64Array, is_one: bool) -> Box<dyn Datum> {
    if is_one { Box::new(Scalar::new(numbers)) } else { Box::new(numbers) }
}

/// `ceil` and `floor`: of 128-bit decimals ours, of other numbers the engine's own.
pub(super) fn functions() -> impl Iterator<Item = ScalarUDF> {
    [math::ceil(), math::floor()].into_iter().map(|engine| ScalarUDF::from(ToWhole { engine }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ToWhole {
    engine: Arc<ScalarUDF>,
}

impl ToWhole {
    fn whole(&self, decimals: &Decimal128Array) -> Result<ArrayRef> {
        let one = 10_i128.pow(u32::from(decimals.scale().unsigned_abs()));
        let whole: Decimal128Array = if self.engine.name() == "ceil" {
            decimals.unary(|digits| digits.wrapping_neg().div_euclid(one).wrapping_neg())
        } else {
            decimals.unary(|digits| digits.div_euclid(one))
        };
        Ok(Arc::new(whole.with_precision_and_scale(decimals.precision(), 0)?))
    }
}

impl ScalarUDFImpl for ToWhole {
    as_the_engine_says! {
        fn name(&self) -> &str;
        fn aliases(&self) -> &[String];
        fn signature(&self) -> &Signature;
        fn is_strict(&self) -> bool;
        fn output_ordering(&self, input: &[ExprProperties]) -> Result<SortProperties>;
        fn documentation(&self) -> Option<&Documentation>;
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [DataType::Decimal128(digits, scale)] if *scale > 0 => {
                Ok(DataType::Decimal128(*digits, 0))
            }
            _ => self.engine.return_type(arguments),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_ours =
            |kind: &DataType| matches!(kind, DataType::Decimal128(_, scale) if *scale > 0);
        match args.args.as_slice() {
            [ColumnarValue::Array(numbers)] if is_ours(numbers.data_type()) => {
                Ok(ColumnarValue::Array(self.whole(numbers.as_primitive())?))
            }
            [ColumnarValue::Scalar(number)] if is_ours(&number.data_type()) => {
                let whole = self.whole(number.to_array()?.as_primitive())?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&whole, 0)?))
            }
            _ => self.engine.invoke_with_args(args),
        }
    }

    fn evaluate_bounds(&self, input: &[&Interval]) -> Result<Interval> {
        match input {
            [one] => Interval::make_unbounded(&self.return_type(&[one.data_type()])?),
            _ => self.engine.evaluate_bounds(input),
        }
    }

    fn preimage(
        &self,
        args: &[Expr],
        literal: &Expr,
        context: &SimplifyContext,
    ) -> Result<PreimageResult> {
        match literal {
            // Its bounds would have the type of the whole number.
            Expr::Literal(whole, _) if whole.data_type().is_decimal() => Ok(PreimageResult::None),
            _ => self.engine.preimage(args, literal, context),
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Array, Decimal128Array};
    use datafusion::arrow::util::display::array_value_to_string;
    use datafusion::common::ScalarValue;

    use super::digits;
    use crate::engine::answers::answer;
    use crate::engine::{Params, Session, Settings, script};

    /// Beside each power of two, and halfway between two doubles.
    #[test]
    fn digits_become_the_doubles_next_to_them() {
        let mut numbers = vec![i128::MIN, i128::MAX, 0];
        for power in 0..127 {
            let (one, half) = (1_i128 << power, 1_i128 << power >> 53);
            let near =
                [one - half - 1, one - half, one - 1, one, one + 1, one + half, one + half + 1];
            numbers.extend(near.into_iter().chain(near.map(|number| -number)));
        }
        let (found, scale) = digits(&Decimal128Array::from(numbers.clone())).unwrap();
        let wanted: Vec<f64> = numbers.iter().map(|number| *number as f64).collect();
        assert_eq!((found.values().to_vec(), scale), (wanted, 10));
        assert_eq!(found.null_count(), 0);
    }

    #[tokio::test]
    async fn quotients_of_decimals_have_the_digits_of_a_double() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (expression, wanted) in [
            ("d / 3::decimal(10, 2)", "0.6666666666666666"),
            ("d / 3", "0.6666666666666666"),
            ("1 / d", "0.5"),
            ("n / d", "3.5"),
            ("-d / n", "-0.2857142857142857"),
            ("0.3::decimal(2, 1) / 0.1::decimal(2, 1)", "3.0"),
            ("0.3::decimal(2, 1) / 0.100::decimal(4, 3)", "3.0"),
            ("0.300::decimal(4, 3) / 0.1::decimal(2, 1)", "3.0"),
            ("1::decimal(20, 0) / 3::decimal(20, 10)", "0.3333333333333333"),
            ("d / nothing", ""),
            ("nothing / 0", ""),
            ("d / 4.0", "0.5"),
            ("sum(d) / count(*)", "2.0"),
            ("d / 4 * 2", "1.0"),
            ("d / 3 / 2", "0.3333333333333333"),
            // As before.
            ("d * 2", "4.00"),
            ("d + 0.05::decimal(3, 2)", "2.05"),
            ("d % 3", "2.00"),
            ("n / 2", "3"),
        ] {
            let sql = format!(
                "SELECT {expression} AS made FROM (SELECT 2::decimal(10, 2) AS d, 7 AS n,
                   NULL::decimal(5, 1) AS nothing) GROUP BY d, n, nothing"
            );
            let found = answer(&session, &sql).await.remove(1);
            assert_eq!(found, wanted, "{expression}");
        }
        let rows = "(SELECT i, x::decimal(4, 2) AS d
                     FROM (VALUES (1, 0.5), (2, 1.5), (3, NULL)) AS t(i, x))";
        let sql = format!("SELECT i, d / i FROM {rows} WHERE coalesce(d / i, 0) < 0.7 ORDER BY i");
        assert_eq!(answer(&session, &sql).await, ["i|d / i", "1|0.5", "3|"]);
        let sql = format!("SELECT d / 2, count(*) AS n FROM {rows} GROUP BY d / 2 ORDER BY d / 2");
        assert_eq!(answer(&session, &sql).await, ["d / 2|n", "0.25|1", "0.75|1", "|1"]);
    }

    #[tokio::test]
    async fn quotients_of_parameters_have_all_digits() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (expression, wanted) in
            [("1.0 / $n", "0.3333333333333333"), ("$n / 8.0", "0.375"), ("10 / $n", "3")]
        {
            let statements = script::parse(&format!("SELECT {expression}"), None).unwrap();
            let params = Params::from([("n".to_owned(), ScalarValue::Int64(Some(3)))]);
            let answer = session.run(&statements[0], &params).await.unwrap();
            let batches = answer.collect().await.unwrap();
            let found = array_value_to_string(batches[0].column(0), 0).unwrap();
            assert_eq!(found, wanted, "{expression}");
        }
    }

    #[tokio::test]
    async fn nothing_is_divided_by_a_decimal_zero() {
        let session = Session::new(None, Settings::default()).unwrap();
        for expression in ["d / 0", "1 / (d - d)", "0 / (d - d)"] {
            let sql = format!("SELECT {expression} FROM (VALUES (1::decimal(10, 2))) AS t(d)");
            let error = session.collect(&sql).await.unwrap_err();
            assert!(error.to_string().contains("division by zero"), "{expression}: {error}");
        }
        let sql = "SELECT d / nullif(d - d, 0) AS made FROM (VALUES (1::decimal(10, 2))) AS t(d)";
        assert_eq!(answer(&session, sql).await[1], "");
    }

    #[tokio::test]
    async fn decimals_are_rounded_up_and_down_without_overflow() {
        let session = Session::new(None, Settings::default()).unwrap();
        let rows = "(SELECT i, x::decimal(2, 1) AS d
                     FROM (VALUES (1, 9.5), (2, -9.5), (3, 9.0), (4, NULL)) AS t(i, x))";
        for (expression, wanted) in [
            ("ceil(d)", ["10", "-9", "9", ""]),
            ("floor(d)", ["9", "-10", "9", ""]),
            ("round(d)", ["10", "-10", "9", ""]),
            ("ceil(d::decimal(3, 2))", ["10", "-9", "9", ""]),
            ("ceil(d::double)", ["10.0", "-9.0", "9.0", ""]),
            ("floor(d) = -10", ["false", "true", "false", ""]),
            ("ceil(d) + 0.5::decimal(2, 1)", ["10.5", "-8.5", "9.5", ""]),
        ] {
            let sql = format!("SELECT {expression} AS made FROM {rows} ORDER BY i");
            assert_eq!(answer(&session, &sql).await[1..], wanted, "{expression}");
        }
        for (condition, wanted) in
            [("floor(d) = 9", "2"), ("ceil(d) > 9", "1"), ("floor(d) IN (-10, 9)", "3")]
        {
            let sql = format!("SELECT count(*) AS n FROM {rows} WHERE {condition}");
            assert_eq!(answer(&session, &sql).await[1], wanted, "{condition}");
        }
        let literal = "SELECT ceil(9.5::decimal(2, 1)) AS up, floor(-9.5::decimal(2, 1)) AS down";
        assert_eq!(answer(&session, literal).await[1], "10|-10");
    }
}
