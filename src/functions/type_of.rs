//! `typeof(value)`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, StringViewArray};

use super::scalar::{Scalar, text_type};
use super::{Argument, Body, Example, Function};
use crate::model::type_name;

pub(super) static FUNCTION: Function = Function {
    name: "typeof",
    signature: "typeof(value) -> text",
    summary: "The type of a value, as .schema shows it.",
    source: Some("As in DuckDB, with the names of types here."),
    example: Example { sql: "SELECT typeof(now() > '2012-08-27')", result: "boolean" },
    arguments: &[Argument::Typed],
    body: Body::Scalar(Scalar {
        returns: text_type,
        compute: |columns, _| {
            let name = type_name(columns[0].data_type());
            Ok(Arc::new(StringViewArray::from_iter_values(vec![name; columns[0].len()])))
        },
    }),
};
