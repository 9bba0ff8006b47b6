//! Functions that are computed row by row, a batch of rows at a time.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, ListBuilder, StringBuilder, StringViewBuilder,
};
use datafusion::arrow::datatypes::{DataType, Field, Float64Type, Int64Type, UInt64Type};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::arguments::{coerce, documentation};
use super::{Dictionaries, Function};
use crate::model::ColumnKind;

/// How a row-by-row function is computed.
#[derive(Debug)]
pub(super) struct Scalar {
    /// The type of the result.
    pub(super) returns: fn(&Environment) -> DataType,
    /// The results for whole columns of arguments, which are as long as each
    /// other.
    pub(super) compute: fn(&[ArrayRef], &Environment) -> Result<ArrayRef>,
}

/// What functions may look at besides their arguments.
#[derive(Debug, Clone)]
pub(super) struct Environment {
    /// The session's time zone, if it has one.
    pub(super) time_zone: Option<Arc<str>>,
    /// The lists of words.
    pub(super) dictionaries: Arc<Dictionaries>,
}

/// A [`Scalar`] as DataFusion calls it.
#[derive(Debug)]
pub(super) struct ScalarCall {
    function: &'static Function,
    body: &'static Scalar,
    environment: Environment,
    signature: Signature,
    documentation: Documentation,
}

impl ScalarCall {
    /// The `function` with its `body`, which sees `environment`.
    pub(super) fn new(
        function: &'static Function,
        body: &'static Scalar,
        environment: Environment,
    ) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        Self { function, body, environment, signature, documentation: documentation(function) }
    }

    /// What makes one call differ from another.
    fn identity(&self) -> (&'static str, Option<&str>, *const Dictionaries) {
        let zone = self.environment.time_zone.as_deref();
        (self.function.name, zone, Arc::as_ptr(&self.environment.dictionaries))
    }
}

impl PartialEq for ScalarCall {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for ScalarCall {}

impl Hash for ScalarCall {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl ScalarUDFImpl for ScalarCall {
    fn name(&self) -> &str {
        self.function.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        coerce(self.function, given)
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok((self.body.returns)(&self.environment))
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let time_zone = config.execution.time_zone.as_deref().map(Arc::from);
        let environment = Environment { time_zone, ..self.environment.clone() };
        Some(ScalarUDF::new_from_impl(Self::new(self.function, self.body, environment)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant =
            arguments.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let columns = ColumnarValue::values_to_arrays(&arguments.args)?;
        let results = (self.body.compute)(&columns, &self.environment)?;
        if constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&results, 0)?));
        }
        Ok(ColumnarValue::Array(results))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

/// The values of a column of text.
pub(super) fn texts(column: &ArrayRef) -> Result<Box<dyn Iterator<Item = Option<&str>> + '_>> {
    Ok(match column.data_type() {
        DataType::Utf8View => Box::new(column.as_string_view().iter()),
        DataType::Utf8 => Box::new(column.as_string::<i32>().iter()),
        DataType::LargeUtf8 => Box::new(column.as_string::<i64>().iter()),
        other => return internal_err!("a column of text arrived as {other}"),
    })
}

/// The values of a column of numeric ids; what is no such id is unknown.
pub(super) fn ids(column: &ArrayRef) -> Result<Box<dyn Iterator<Item = Option<u64>> + '_>> {
    Ok(match column.data_type() {
        DataType::UInt64 => Box::new(column.as_primitive::<UInt64Type>().iter()),
        DataType::Int64 => {
            let ids = column.as_primitive::<Int64Type>().iter();
            Box::new(ids.map(|id| u64::try_from(id?).ok()))
        }
        _ => Box::new(texts(column)?.map(|id| id?.trim().parse().ok())),
    })
}

/// The values of a column of numbers.
pub(super) fn numbers(column: &ArrayRef) -> &Float64Array {
    column.as_primitive::<Float64Type>()
}

/// The type of a result that is a list of texts.
pub(super) fn list_type(_: &Environment) -> DataType {
    ColumnKind::TextList.data_type()
}

/// The type of a result that is text.
pub(super) fn text_type(_: &Environment) -> DataType {
    ColumnKind::Text.data_type()
}

/// The type of a result that is a count.
pub(super) fn integer_type(_: &Environment) -> DataType {
    ColumnKind::Integer.data_type()
}

/// The type of a result that is a number.
pub(super) fn number_type(_: &Environment) -> DataType {
    DataType::Float64
}

/// The pieces that `find` sees in each text of `column`.
pub(super) fn lists(
    column: &ArrayRef,
    find: impl for<'a> Fn(&'a str) -> Vec<&'a str>,
) -> Result<ArrayRef> {
    let element = Field::new("element", DataType::Utf8, true);
    let mut lists = ListBuilder::new(StringBuilder::new()).with_field(element);
    for text in texts(column)? {
        let Some(text) = text else {
            lists.append_null();
            continue;
        };
        for piece in find(text) {
            lists.values().append_value(piece);
        }
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

/// What `convert` makes of each text of `column`; `None` is unknown.
pub(super) fn converted(
    column: &ArrayRef,
    convert: impl for<'a> Fn(&'a str) -> Option<Cow<'a, str>>,
) -> Result<ArrayRef> {
    let mut results = StringViewBuilder::with_capacity(column.len());
    for text in texts(column)? {
        results.append_option(text.and_then(&convert));
    }
    Ok(Arc::new(results.finish()))
}
