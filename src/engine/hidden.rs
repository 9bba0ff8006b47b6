//! Functions that rules put into plans, and that statements cannot name.
//!
//! A session does not know them: a plan holds them itself. Only where plans are run that
//! were made elsewhere are they looked up by their names.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::{
    checked_arithmetic, compared_intervals, compared_lists, decimals, forms, list_texts,
    multiplied_keys, optimize, part_texts, read_lists, reordering_casts, rounding_casts,
    short_times, spaced_times, zoned_texts,
};

/// All of them that look at one row.
pub(super) fn all() -> Vec<ScalarUDF> {
    let of_one_value = [
        &compared_intervals::LENGTH,
        &forms::information::TYPE_NAME,
        &forms::json_casts::CHECKED,
        &forms::shifts::BITS,
        &forms::subqueries::ONLY_ITEM,
        &list_texts::WITH_NULLS,
        &multiplied_keys::SAME_KEY,
        &part_texts::AS_TEXT,
        &read_lists::ITEMS,
        &read_lists::ITEMS_OR_NULL,
        &reordering_casts::SAME,
        &rounding_casts::ROUNDED,
        &short_times::IN_FULL,
        &spaced_times::SPACED,
    ];
    let others = [
        checked_arithmetic::function(),
        compared_lists::function(),
        decimals::division(),
        optimize::not_constant(),
        zoned_texts::function(),
    ];
    of_one_value.map(Hidden::function).into_iter().chain(others).chain(forms::functions()).collect()
}

/// A function of one value. A column that it gives is called as if it were not there, but
/// see [`Hidden::named`].
#[derive(Debug)]
pub(super) struct Hidden {
    /// What plans call it.
    pub(super) name: &'static str,
    /// The type of what it gives, by that of what it is given.
    pub(super) returns: fn(&DataType) -> Result<DataType>,
    /// What it gives for a column.
    pub(super) compute: fn(&ArrayRef) -> Result<ArrayRef>,
}

impl Hidden {
    /// What it gives for `value`.
    pub(super) fn of(&'static self, value: Expr) -> Expr {
        self.call(Called::AsItsValue, value)
    }

    /// What it gives for `value`, for a place where both may be columns: what it gives is
    /// then called by the name of the function too.
    pub(super) fn named(&'static self, value: Expr) -> Expr {
        self.call(Called::ByName, value)
    }

    fn call(&'static self, called: Called, value: Expr) -> Expr {
        let function = Arc::new(self.called(called));
        Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![value]))
    }

    /// Whether `call` is one of it.
    pub(super) fn is_called(&self, call: &ScalarFunction) -> bool {
        let found = call.func.inner().downcast_ref::<HiddenCall>();
        found.is_some_and(|found| found.function.name == self.name)
    }

    fn function(&'static self) -> ScalarUDF {
        self.called(Called::AsItsValue)
    }

    fn called(&'static self, called: Called) -> ScalarUDF {
        let signature = Signature::any(1, Volatility::Immutable);
        ScalarUDF::from(HiddenCall { function: self, called, signature })
    }
}

/// What a column is called that a [`Hidden`] gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Called {
    AsItsValue,
    ByName,
}

/// A [`Hidden`] as DataFusion calls it.
#[derive(Debug)]
struct HiddenCall {
    function: &'static Hidden,
    called: Called,
    signature: Signature,
}

impl PartialEq for HiddenCall {
    fn eq(&self, other: &Self) -> bool {
        self.function.name == other.function.name && self.called == other.called
    }
}

impl Eq for HiddenCall {}

impl Hash for HiddenCall {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.name.hash(state);
        self.called.hash(state);
    }
}

impl ScalarUDFImpl for HiddenCall {
    fn name(&self) -> &str {
        self.function.name
    }

    fn schema_name(&self, arguments: &[Expr]) -> Result<String> {
        let values: String =
            arguments.iter().map(|argument| argument.schema_name().to_string()).collect();
        Ok(match self.called {
            Called::AsItsValue => values,
            Called::ByName => format!("{}({values})", self.function.name),
        })
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        (self.function.returns)(&arguments[0])
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let value = &args.arg_fields[0];
        let kind = self.return_type(&[value.data_type().clone()])?;
        // A key is known where it was before: above it, plans have been told so.
        let is_key = self.function.name == multiplied_keys::SAME_KEY.name;
        Ok(Arc::new(Field::new(self.name(), kind, !is_key || value.is_nullable())))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match arguments.args.as_slice() {
            [value] => computed(value, self.function.compute),
            _ => internal_err!("{} takes one value", self.function.name),
        }
    }
}

/// What `compute` makes of a column, or of a value, which is a column of one row.
pub(super) fn computed(
    value: &ColumnarValue,
    compute: impl Fn(&ArrayRef) -> Result<ArrayRef>,
) -> Result<ColumnarValue> {
    match value {
        ColumnarValue::Array(column) => Ok(ColumnarValue::Array(compute(column)?)),
        ColumnarValue::Scalar(value) => {
            let computed = compute(&value.to_array()?)?;
            Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&computed, 0)?))
        }
    }
}
