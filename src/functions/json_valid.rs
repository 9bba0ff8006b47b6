//! `json_valid(text)`.

use std::sync::Arc;

use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::datatypes::DataType;

use super::json::is_json;
use super::scalar::{Scalar, texts};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "json_valid",
    signature: "json_valid(text) -> boolean",
    summary: "Whether a text is JSON from its beginning to its end; a text that was cut off is \
              not.",
    source: Some("RFC 8259; DuckDB takes a comma behind the last item and NaN as well."),
    example: Example { sql: "SELECT json_valid('{\"id\": 12')", result: "false" },
    arguments: &[Argument::Text],
    body: Body::Scalar(Scalar {
        returns: |_| DataType::Boolean,
        compute: |columns, _| {
            let valid = texts(&columns[0])?.map(|text| text.map(is_json));
            Ok(Arc::new(valid.collect::<BooleanArray>()))
        },
    }),
};
