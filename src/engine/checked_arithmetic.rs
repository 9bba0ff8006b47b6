//! `+`, `-` and `*` over integers that report an overflow where the engine's own
//! wrap around.
//!
//! A rule puts a function in place of each such operator once types are
//! settled; it prints like the operator, so plans and column names stay as they
//! are typed.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Datum};
use datafusion::arrow::compute::kernels::numeric;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility,
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
        rewrite::expressions(plan, check)
    }
}

fn check(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = expression else {
        return Ok(Transformed::no(expression));
    };
    let function = match op {
        Operator::Plus => Checked::Plus,
        Operator::Minus => Checked::Minus,
        Operator::Multiply => Checked::Times,
        _ => return Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right }))),
    };
    // A type that cannot be told, such as that of an outer column, is left to
    // the engine.
    let integers = matches!(
        (left.get_type(schema), right.get_type(schema)),
        (Ok(left), Ok(right)) if left.is_integer() && left == right
    );
    if !integers {
        return Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })));
    }
    let function = Arc::new(ScalarUDF::from(CheckedOperator::new(function)));
    let call = ScalarFunction::new_udf(function, vec![*left, *right]);
    Ok(Transformed::yes(Expr::ScalarFunction(call)))
}

/// The product of two integers, for rules that make expressions of their own.
pub(super) fn checked_product(left: Expr, right: Expr) -> Expr {
    let function = Arc::new(ScalarUDF::from(CheckedOperator::new(Checked::Times)));
    Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![left, right]))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Checked {
    Plus,
    Minus,
    Times,
}

impl Checked {
    fn sign(self) -> &'static str {
        match self {
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Times => "*",
        }
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

/// The product of two integers.
pub(super) fn times(left: Expr, right: Expr) -> Expr {
    let function = Arc::new(ScalarUDF::from(CheckedOperator::new(Checked::Times)));
    Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![left, right]))
}

/// The functions that stand for operators, which no statement can name, for
/// those who run plans that were made elsewhere.
pub(super) fn functions() -> impl Iterator<Item = ScalarUDF> {
    [Checked::Plus, Checked::Minus, Checked::Times]
        .into_iter()
        .map(|operator| ScalarUDF::from(CheckedOperator::new(operator)))
}

/// The function that stands for an operator.
#[derive(Debug, PartialEq, Eq, Hash)]
struct CheckedOperator {
    operator: Checked,
    signature: Signature,
}

impl CheckedOperator {
    fn new(operator: Checked) -> Self {
        Self { operator, signature: Signature::any(2, Volatility::Immutable) }
    }

    fn infix(&self, arguments: &[Expr]) -> Option<String> {
        let [left, right] = arguments else { return None };
        Some(format!("{left} {} {right}", self.operator.sign()))
    }
}

impl ScalarUDFImpl for CheckedOperator {
    fn name(&self) -> &str {
        match self.operator {
            Checked::Plus => "checked_add",
            Checked::Minus => "checked_subtract",
            Checked::Times => "checked_multiply",
        }
    }

    fn display_name(&self, arguments: &[Expr]) -> Result<String> {
        Ok(self.infix(arguments).unwrap_or_else(|| self.name().to_owned()))
    }

    fn schema_name(&self, arguments: &[Expr]) -> Result<String> {
        match arguments {
            [left, right] => Ok(format!(
                "{} {} {}",
                left.schema_name(),
                self.operator.sign(),
                right.schema_name()
            )),
            _ => Ok(self.name().to_owned()),
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(arguments.first().cloned().unwrap_or(DataType::Int64))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [left, right] = args.args.as_slice() else {
            return datafusion::common::internal_err!("an operator takes two values");
        };
        apply(left, right, self.operator.kernel())
    }
}
