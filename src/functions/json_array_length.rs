//! `json_array_length(text[, path])`.

use std::sync::Arc;

use datafusion::arrow::array::Int64Array;

use super::json::{items, values};
use super::scalar::{Scalar, integer_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "json_array_length",
    signature: "json_array_length(text[, path]) -> integer",
    summary: "How many items a JSON array has; NULL for what is no array. With a path as in \
              json_extract, those of the array there.",
    source: None,
    example: Example {
        sql: "SELECT json_array_length('{\"pics\": [\"a.jpg\", \"b.jpg\"]}', '$.pics')",
        result: "2",
    },
    arguments: &[Argument::Text, Argument::OptionalPath],
    body: Body::Scalar(Scalar {
        returns: integer_type,
        compute: |columns, _| {
            let lengths = values(columns)?.map(|json| i64::try_from(items(json?)?.count()).ok());
            Ok(Arc::new(lengths.collect::<Int64Array>()))
        },
    }),
};
