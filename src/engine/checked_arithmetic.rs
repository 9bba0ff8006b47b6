//! `+`, `-` and `*` over integers that report an overflow where the engine's own
//! wrap around; so does `-x`, which is `0 - x`.
//!
//! A rule puts a function in place of each chain of such operators once types
//! are settled; columns keep the names they have without it.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Datum};
use datafusion::arrow::compute::kernels::numeric;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::arrow::error::ArrowError;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue, internal_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ReturnFieldArgs,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::physical_expr_common::datum::apply;

use super::rewrite;

/// The rule.
#[derive(Debug)]
pub(super) struct CheckArithmetic;

impl AnalyzerRule for CheckArithmetic {
    fn name(&self) -> &'static str {
        "check_arithmetic"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite::some_expressions(plan, may_overflow, &check)
    }
}

fn may_overflow(part: &Expr) -> bool {
    match part {
        Expr::BinaryExpr(BinaryExpr { op, .. }) => {
            matches!(op, Operator::Plus | Operator::Minus | Operator::Multiply)
        }
        Expr::Negative(_) => true,
        _ => false,
    }
}

fn check(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let (left, op, right) = match expression {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => (left, op, right),
        Expr::Negative(value) => return negative(value, schema),
        expression => return Ok(Transformed::no(expression)),
    };
    let sign = match op {
        Operator::Plus => Some(Checked::Plus),
        Operator::Minus => Some(Checked::Minus),
        Operator::Multiply => Some(Checked::Times),
        _ => None,
    };
    let integers = integer_type(&left, schema)
        .is_some_and(|left| integer_type(&right, schema).is_some_and(|right| left == right));
    match sign {
        Some(sign) if integers => Ok(Transformed::yes(join(*left, sign, *right))),
        _ => Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right }))),
    }
}

fn negative(value: Box<Expr>, schema: &DFSchema) -> Result<Transformed<Expr>> {
    // The engine reports it of constants, which other rules look for.
    let is_constant = matches!(*value, Expr::Literal(..));
    match integer_type(&value, schema).filter(|_| !is_constant) {
        Some(kind) => {
            let zero = lit(ScalarValue::new_zero(&kind)?);
            Ok(Transformed::yes(join(zero, Checked::Minus, *value)))
        }
        None => Ok(Transformed::no(Expr::Negative(value))),
    }
}

/// The type of `expression` if it is one of the integers. A type that cannot be
/// told, such as that of an outer column, is left to the engine.
fn integer_type(expression: &Expr, schema: &DFSchema) -> Option<DataType> {
    // All values of a chain have one type, and asking one of them is quick.
    let expression = match expression {
        Expr::ScalarFunction(call) if signs(call).is_some() => call.args.last()?,
        other => other,
    };
    expression.get_type(schema).ok().filter(DataType::is_integer)
}

/// The signs of a chain.
fn signs(call: &ScalarFunction) -> Option<&str> {
    call.func.inner().downcast_ref::<CheckedArithmetic>()?;
    match call.args.first() {
        Some(Expr::Literal(signs, _)) => signs.try_as_str().flatten(),
        _ => None,
    }
}

/// `left sign right` as one call. A chain on the left grows by one value
/// instead of being nested: the engine asks each nested call for its type over
/// and over, which takes minutes for a thousand of them.
fn join(left: Expr, sign: Checked, right: Expr) -> Expr {
    let (mut chain, mut values) = match left {
        Expr::ScalarFunction(call) if signs(&call).is_some() => {
            (signs(&call).unwrap_or_default().to_owned(), call.args)
        }
        left => (String::new(), vec![lit(""), left]),
    };
    chain.push(sign.symbol());
    values[0] = lit(chain);
    values.push(right);
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(function()), values))
}

/// The product of two integers, for rules that make expressions of their own.
pub(super) fn times(left: Expr, right: Expr) -> Expr {
    join(left, Checked::Times, right)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Checked {
    Plus,
    Minus,
    Times,
}

impl Checked {
    fn symbol(self) -> char {
        match self {
            Self::Plus => '+',
            Self::Minus => '-',
            Self::Times => '*',
        }
    }

    fn of(symbol: char) -> Option<Self> {
        [Self::Plus, Self::Minus, Self::Times].into_iter().find(|one| one.symbol() == symbol)
    }

    /// The kernel that reports an overflow.
    fn kernel(self) -> fn(&dyn Datum, &dyn Datum) -> Result<ArrayRef, ArrowError> {
        match self {
            Self::Plus => numeric::add,
            Self::Minus => numeric::sub,
            Self::Times => numeric::mul,
        }
    }
}

/// The function that stands for operators. Plans that were made elsewhere name
/// it; statements cannot.
pub(super) fn function() -> ScalarUDF {
    ScalarUDF::from(CheckedArithmetic { signature: Signature::variadic_any(Volatility::Immutable) })
}

/// A chain of operators, taken from left to right: the first argument holds their
/// signs, the others the values between which they stand.
#[derive(Debug, PartialEq, Eq, Hash)]
struct CheckedArithmetic {
    signature: Signature,
}

impl ScalarUDFImpl for CheckedArithmetic {
    fn name(&self) -> &'static str {
        "checked_arithmetic"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(arguments.last().cloned().unwrap_or(DataType::Int64))
    }

    /// As for operators, nothing is unknown where no value is: UNION and groups hold their
    /// columns to what was known of them when they were written.
    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let kinds: Vec<DataType> =
            args.arg_fields.iter().map(|value| value.data_type().clone()).collect();
        let is_nullable = args.arg_fields.iter().any(|value| value.is_nullable());
        Ok(Arc::new(Field::new(self.name(), self.return_type(&kinds)?, is_nullable)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let mut args = args.args.into_iter();
        let (Some(ColumnarValue::Scalar(signs)), Some(first)) = (args.next(), args.next()) else {
            return internal_err!("a chain of operators begins with its signs and a value");
        };
        let signs = signs.try_as_str().flatten().unwrap_or_default();
        signs.chars().zip(args).try_fold(first, |so_far, (sign, value)| match Checked::of(sign) {
            Some(sign) => apply(&so_far, &value, sign.kernel()),
            None => internal_err!("`{sign}` is no operator"),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn sums_of_what_is_known_are_known() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (rows, sum) in [
            ("SELECT count(*) AS n FROM range(3) UNION ALL SELECT -count(*) FROM range(2)", "1"),
            (
                "SELECT i AS n FROM range(3) AS r(i) UNION ALL SELECT i + 1 FROM range(3) AS r(i)",
                "9",
            ),
            ("SELECT 1 AS n UNION SELECT n + 1 FROM (VALUES (1), (NULL)) AS t(n)", "3"),
        ] {
            let sql = format!("SELECT sum(n) AS n FROM ({rows})");
            assert_eq!(answer(&session, &sql).await, ["n", sum], "{sql}");
        }
        let texts = "SELECT 'a' AS s UNION ALL SELECT 'b' || i FROM range(2) AS r(i)";
        let sql = format!("SELECT max(s) AS s FROM ({texts})");
        assert_eq!(answer(&session, &sql).await, ["s", "b1"]);
        let days = "SELECT DATE '2012-01-01' AS d
                    UNION ALL SELECT DATE '2012-01-01' + i::int FROM range(2) AS r(i)";
        let sql = format!("SELECT count(DISTINCT d) AS n FROM ({days})");
        assert_eq!(answer(&session, &sql).await, ["n", "2"]);
    }

    #[tokio::test]
    async fn the_least_integer_has_no_opposite() {
        let session = Session::new(None, Settings::default()).unwrap();
        let rows = "(VALUES (1, -9223372036854775807), (2, 5)) AS t(i, n)";
        let sql = format!("SELECT -n AS a, -(-n) + 1 AS b, -i * -i AS c FROM {rows} ORDER BY i");
        let wanted = ["a|b|c", "9223372036854775807|-9223372036854775806|1", "-5|6|4"];
        assert_eq!(answer(&session, &sql).await, wanted);
        for asked in ["-(n - 1)", "-(n - 1) + 1", "-((i - 2147483649)::int)", "-(-(n - 1))"] {
            let sql = format!("SELECT {asked} FROM {rows} WHERE i = 1");
            let text = session.collect(&sql).await.unwrap_err().to_string();
            assert!(text.contains("too large"), "{sql}: {text}");
        }
    }
}
