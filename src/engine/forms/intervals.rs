//! Intervals times numbers: `INTERVAL '1 day' * n`, `INTERVAL '1 day' / 2` and
//! `INTERVAL n DAY`. The engine adds intervals, and has no other arithmetic of them.
//! Where it awaits one that is written out, as in RANGE, it knows texts only, and none
//! with a clock in them: `INTERVAL 6 DAYS`, `INTERVAL '1 day 02:30:00'`.
//! Of a date and some hours it makes a date again, and forgets the hours: here it is
//! the time that it is elsewhere.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, IntervalMonthDayNanoArray};
use datafusion::arrow::compute::try_binary;
use datafusion::arrow::datatypes::{
    DataType, Float64Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit,
    TimeUnit,
};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{DFSchema, Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility, cast,
};
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr as Typed, UnaryOperator, Value};

const NANOS_OF_A_DAY: f64 = 86_400e9;

/// A part of a month becomes days as in PostgreSQL, where a month has thirty.
const DAYS_OF_A_MONTH: f64 = 30.0;

/// Writes `INTERVAL n DAY` as a product, and what is written out as a text that the engine
/// knows.
pub(super) fn spell(expression: &mut Typed) -> bool {
    let Typed::Interval(interval) = expression else { return false };
    let has_unit = interval.leading_field.is_some();
    if let Typed::Value(written) = interval.value.as_mut()
        && let Some(text) = as_text(&written.value, has_unit)
    {
        written.value = Value::SingleQuotedString(text);
        return true;
    }
    if interval.leading_field.is_none() || is_written_out(&interval.value) {
        return false;
    }
    let one = Box::new(Typed::value(Value::SingleQuotedString("1".to_owned())));
    let count = std::mem::replace(&mut interval.value, one);
    let product = Typed::BinaryOp {
        left: Box::new(Typed::Interval(interval.clone())),
        op: BinaryOperator::Multiply,
        right: Box::new(Typed::Nested(count)),
    };
    *expression = Typed::Nested(Box::new(product));
    true
}

/// The text for what is written of an interval, if that is another one.
fn as_text(written: &Value, has_unit: bool) -> Option<String> {
    match written {
        Value::Number(number, _) if has_unit => Some(number.clone()),
        Value::SingleQuotedString(text) if !has_unit && text.contains(':') => {
            let words: Option<Vec<String>> = text.split_whitespace().map(clock_in_words).collect();
            Some(words?.join(" "))
        }
        _ => None,
    }
}

/// `-02:30` as `-02 hours -30 minutes`; a word without colons as it is.
fn clock_in_words(word: &str) -> Option<String> {
    if !word.contains(':') {
        return Some(word.to_owned());
    }
    let (sign, clock) = match word.strip_prefix('-') {
        Some(clock) => ("-", clock),
        None => ("", word.strip_prefix('+').unwrap_or(word)),
    };
    let parts: Vec<&str> = clock.split(':').collect();
    let is_digit = |sign: char| sign.is_ascii_digit() || sign == '.';
    let is_number = |part: &&str| part.parse::<f64>().is_ok() && part.chars().all(is_digit);
    if parts.len() > 3 || !parts.iter().all(is_number) {
        return None;
    }
    let units = ["hours", "minutes", "seconds"];
    let words = parts.iter().zip(units).map(|(part, unit)| format!("{sign}{part} {unit}"));
    Some(words.collect::<Vec<_>>().join(" "))
}

/// Whether the planner takes `count` as what an interval is made of.
fn is_written_out(count: &Typed) -> bool {
    match count {
        Typed::Value(value) => !matches!(value.value, Value::Placeholder(_)),
        Typed::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => {
            is_written_out(expr)
        }
        Typed::BinaryOp { .. } => true,
        _ => false,
    }
}

/// Plans intervals times numbers.
#[derive(Debug)]
pub(super) struct ScaleIntervals;

impl ExprPlanner for ScaleIntervals {
    fn plan_binary_op(
        &self,
        expression: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let RawBinaryExpr { op, left, right } = expression;
        let (operation, interval, number) = match op {
            BinaryOperator::Multiply if is_interval(&right, schema) => {
                (Operation::Times, right, left)
            }
            BinaryOperator::Multiply if is_interval(&left, schema) => {
                (Operation::Times, left, right)
            }
            BinaryOperator::Divide if is_interval(&left, schema) => (Operation::Over, left, right),
            BinaryOperator::Plus | BinaryOperator::Minus
                if has_hours(&right, schema) && is_date(&left, schema) =>
            {
                let left = midnight(left);
                return Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }));
            }
            BinaryOperator::Plus if has_hours(&left, schema) && is_date(&right, schema) => {
                let right = midnight(right);
                return Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }));
            }
            _ => return Ok(PlannerResult::Original(RawBinaryExpr { op, left, right })),
        };
        let function = Arc::new(ScalarUDF::from(Scale::new(operation)));
        let call = ScalarFunction::new_udf(function, vec![interval, number]);
        Ok(PlannerResult::Planned(Expr::ScalarFunction(call)))
    }
}

/// Whether `expression` is an interval that may not be whole days.
fn has_hours(expression: &Expr, schema: &DFSchema) -> bool {
    match expression {
        Expr::Literal(ScalarValue::IntervalMonthDayNano(interval), _) => {
            interval.is_some_and(|interval| interval.nanoseconds % NANOS_OF_A_DAY as i64 != 0)
        }
        Expr::Negative(inner) => has_hours(inner, schema),
        Expr::ScalarFunction(call) => match call.func.inner().downcast_ref::<Scale>() {
            Some(scale) => {
                let whole = scale.operation == Operation::Times
                    && matches!(call.args[1].get_type(schema), Ok(kind) if kind.is_integer());
                !whole || has_hours(&call.args[0], schema)
            }
            None => is_interval(expression, schema),
        },
        _ => is_interval(expression, schema),
    }
}

fn is_date(expression: &Expr, schema: &DFSchema) -> bool {
    matches!(expression.get_type(schema), Ok(DataType::Date32 | DataType::Date64))
}

/// The time at which a date begins.
fn midnight(date: Expr) -> Expr {
    cast(date, DataType::Timestamp(TimeUnit::Microsecond, None))
}

/// Whether `expression` is an interval. Long chains of operators are none, and are not
/// asked for their type, which they would find by asking each of their parts.
fn is_interval(expression: &Expr, schema: &DFSchema) -> bool {
    !matches!(expression, Expr::BinaryExpr(_))
        && matches!(expression.get_type(schema), Ok(DataType::Interval(_)))
}

/// The functions that stand for the operators. Plans that were made elsewhere name
/// them; statements cannot.
pub(in crate::engine) fn functions() -> impl Iterator<Item = ScalarUDF> {
    [Operation::Times, Operation::Over].into_iter().map(|one| ScalarUDF::from(Scale::new(one)))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Operation {
    Times,
    Over,
}

/// An interval times or over a number.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Scale {
    operation: Operation,
    signature: Signature,
}

impl Scale {
    fn new(operation: Operation) -> Self {
        Self { operation, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Scale {
    fn name(&self) -> &'static str {
        match self.operation {
            Operation::Times => "interval_times",
            Operation::Over => "interval_over",
        }
    }

    fn schema_name(&self, arguments: &[Expr]) -> Result<String> {
        let [interval, number] = arguments else {
            return internal_err!("an interval is scaled by one number");
        };
        let sign = match self.operation {
            Operation::Times => '*',
            Operation::Over => '/',
        };
        Ok(format!("{} {sign} {}", interval.schema_name(), number.schema_name()))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let number = match (self.operation, &given[1]) {
            (Operation::Times, kind) if kind.is_integer() || kind.is_null() => DataType::Int64,
            (_, kind) if kind.is_numeric() || kind.is_null() => DataType::Float64,
            (_, kind) => return plan_err!("an interval is scaled by a number, not by {kind}"),
        };
        Ok(vec![DataType::Interval(IntervalUnit::MonthDayNano), number])
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Interval(IntervalUnit::MonthDayNano))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let [intervals, numbers] = arrays.as_slice() else {
            return internal_err!("an interval is scaled by one number");
        };
        let intervals = intervals.as_primitive::<IntervalMonthDayNanoType>();
        let scaled = if let Some(numbers) = numbers.as_primitive_opt::<Int64Type>() {
            try_binary(intervals, numbers, |interval, number| {
                times(interval, number).ok_or_else(too_long)
            })
        } else {
            let operation = self.operation;
            try_binary(intervals, numbers.as_primitive::<Float64Type>(), |interval, number| {
                match operation {
                    Operation::Times => scaled(interval, |part| part * number),
                    Operation::Over if number == 0.0 => Err(ArrowError::DivideByZero),
                    Operation::Over => scaled(interval, |part| part / number),
                }
            })
        };
        let scaled: IntervalMonthDayNanoArray = scaled?;
        Ok(ColumnarValue::Array(Arc::new(scaled)))
    }
}

/// Each part of `interval` that often; none if it is beyond what an interval can be.
fn times(interval: IntervalMonthDayNano, count: i64) -> Option<IntervalMonthDayNano> {
    let small = i32::try_from(count).ok();
    let part = |part: i32| if part == 0 { Some(0) } else { part.checked_mul(small?) };
    Some(IntervalMonthDayNano::new(
        part(interval.months)?,
        part(interval.days)?,
        interval.nanoseconds.checked_mul(count)?,
    ))
}

/// `interval` with each part scaled; what is left of a month becomes days, and what is
/// left of a day becomes time.
fn scaled(
    interval: IntervalMonthDayNano,
    scale: impl Fn(f64) -> f64,
) -> Result<IntervalMonthDayNano, ArrowError> {
    let months = scale(f64::from(interval.months));
    let days = scale(f64::from(interval.days)).trunc();
    // A double makes 2.9999999999999996 of a tenth of thirty.
    let of_days = scale(f64::from(interval.days)).fract() + months.fract() * DAYS_OF_A_MONTH;
    let of_days = (of_days * 1e9).round() / 1e9;
    let days = days + of_days.trunc();
    let nanos = scale(interval.nanoseconds as f64) + of_days.fract() * NANOS_OF_A_DAY;
    let fits = |part: f64, most: f64| part.is_finite() && part.abs() < most;
    if fits(months, f64::from(i32::MAX))
        && fits(days, f64::from(i32::MAX))
        && fits(nanos, i64::MAX as f64)
    {
        let (months, days, nanos) = (months.trunc() as i32, days as i32, nanos.round() as i64);
        Ok(IntervalMonthDayNano::new(months, days, nanos))
    } else {
        Err(too_long())
    }
}

fn too_long() -> ArrowError {
    ArrowError::ComputeError("the interval is too long".to_owned())
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn intervals_are_scaled_by_numbers() {
        let session = Session::new(None, Settings::default()).unwrap();
        let of = async |expression: &str| {
            let sql = format!(
                "SELECT (TIMESTAMP '2012-08-27 00:00:00' + {expression})::varchar AS at
                 FROM (VALUES (3, 1.5, NULL::int)) AS t (n, x, nothing)"
            );
            answer(&session, &sql).await.remove(1)
        };
        for (expression, at) in [
            ("INTERVAL '1 day' * n", "2012-08-30 00:00:00"),
            ("n * INTERVAL '1 hour'", "2012-08-27 03:00:00"),
            ("INTERVAL '1 day' * -n", "2012-08-24 00:00:00"),
            ("INTERVAL '1 day' * x", "2012-08-28 12:00:00"),
            ("INTERVAL '1 day' / 2", "2012-08-27 12:00:00"),
            ("INTERVAL '1 month' / 10", "2012-08-30 00:00:00"),
            ("INTERVAL '1 month 2 days' * n", "2012-12-03 00:00:00"),
            ("INTERVAL n DAY", "2012-08-30 00:00:00"),
            ("INTERVAL (n + 1) HOUR", "2012-08-27 04:00:00"),
            ("INTERVAL (2) HOUR", "2012-08-27 02:00:00"),
            ("INTERVAL (n) DAY", "2012-08-30 00:00:00"),
            ("2 * INTERVAL (2) MINUTE", "2012-08-27 00:04:00"),
            ("INTERVAL '1 day' * n * 2", "2012-09-02 00:00:00"),
            ("INTERVAL '1 day' * nothing", ""),
        ] {
            assert_eq!(of(expression).await, at, "{expression}");
        }
        // The name is what was written.
        assert_eq!(
            answer(&session, "SELECT INTERVAL (1 + 1) HOUR").await[0],
            "INTERVAL (1 + 1) HOUR"
        );
        assert!(answer(&session, "SELECT INTERVAL '1 day' * 2").await[0].contains(" * "));
    }

    #[tokio::test]
    async fn intervals_are_written_in_several_ways() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (interval, at) in [
            ("INTERVAL '1 day 01:00:00'", "2012-08-28 01:00:00"),
            ("INTERVAL '02:30'", "2012-08-27 02:30:00"),
            ("INTERVAL '1 day -01:00:30'", "2012-08-27 22:59:30"),
            ("INTERVAL 6 DAYS", "2012-09-02 00:00:00"),
            ("INTERVAL 90 MINUTE", "2012-08-27 01:30:00"),
        ] {
            let sql = format!("SELECT (TIMESTAMP '2012-08-27' + {interval})::varchar AS at");
            assert_eq!(answer(&session, &sql).await[1], at, "{interval}");
        }
        let error = session.collect("SELECT INTERVAL '1:x' AS a").await.unwrap_err();
        assert!(error.message().contains("1:x"), "{error}");
        let rows = "(VALUES (1, DATE '2012-08-01'), (2, DATE '2012-08-06'), (4, DATE '2012-08-09'))
                    AS t(n, day)";
        for frame in ["INTERVAL 6 DAYS", "INTERVAL 6 DAY", "INTERVAL '6 days'", "INTERVAL '144:00'"]
        {
            let window = format!("ORDER BY day RANGE BETWEEN {frame} PRECEDING AND CURRENT ROW");
            let sql = format!("SELECT sum(n) OVER ({window}) AS s FROM {rows} ORDER BY day");
            assert_eq!(answer(&session, &sql).await, ["s", "1", "3", "6"], "{sql}");
            let named = format!("SELECT sum(n) OVER w AS s FROM {rows} WINDOW w AS ({window})");
            let sql = format!("{named} ORDER BY day");
            assert_eq!(answer(&session, &sql).await, ["s", "1", "3", "6"], "{sql}");
        }
    }

    #[tokio::test]
    async fn a_date_and_hours_are_a_time() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (expression, is) in [
            ("DATE '2012-08-27' + INTERVAL '8 hours'", "2012-08-27 08:00:00"),
            ("DATE '2012-08-27' - INTERVAL '1 hour'", "2012-08-26 23:00:00"),
            ("INTERVAL '30 minutes' + DATE '2012-08-27'", "2012-08-27 00:30:00"),
            ("DATE '2012-08-27' + INTERVAL '1 hour' * 5", "2012-08-27 05:00:00"),
            ("DATE '2012-08-27' + INTERVAL '1 day'", "2012-08-28"),
            ("DATE '2012-08-27' + INTERVAL '1 day' * 5", "2012-09-01"),
            ("DATE '2012-08-27' + 1", "2012-08-28"),
        ] {
            let rows = answer(&session, &format!("SELECT ({expression})::varchar AS at")).await;
            assert_eq!(rows[1], is, "{expression}");
        }
    }

    #[tokio::test]
    async fn what_no_interval_can_be_is_an_error() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (expression, told) in [
            ("INTERVAL '1 day' * 3000000000", "too long"),
            ("INTERVAL '1 day' * 1e300", "too long"),
            ("INTERVAL '1 day' / 0", "zero"),
            ("INTERVAL '1 day' * 'x'", "number"),
        ] {
            let error = session.collect(&format!("SELECT {expression}")).await.unwrap_err();
            assert!(error.to_string().contains(told), "{expression}: {error}");
        }
    }
}
