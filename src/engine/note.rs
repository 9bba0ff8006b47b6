//! What our rules say of a scan in EXPLAIN: a filter that lets everything pass
//! and holds some words. No other part of the plan has room for them.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};
use datafusion::scalar::ScalarValue;

/// The note that the index of the texts was asked.
pub(super) const TEXT_INDEX: &str = "text_index";

/// The note that a roll-up is read.
pub(super) const ROLLUP: &str = "rollup";

/// A filter called `name` that says `words`.
pub(super) fn note(name: &'static str, words: &str) -> Expr {
    // Volatile, so that no rule puts its value in its place.
    let note = Note { name, signature: Signature::any(1, Volatility::Volatile) };
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::from(note)), vec![lit(words)]))
}

/// Whether `filter` is the note called `name`.
pub(super) fn is_note(filter: &Expr, name: &str) -> bool {
    matches!(filter, Expr::ScalarFunction(call) if call.name() == name)
}

/// True, whatever its argument.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Note {
    name: &'static str,
    signature: Signature,
}

impl ScalarUDFImpl for Note {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, _arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(ScalarValue::Boolean(Some(true))))
    }
}
