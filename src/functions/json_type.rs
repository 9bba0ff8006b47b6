//! `json_type(text[, path])`.

use std::sync::Arc;

use datafusion::arrow::array::StringViewArray;

use super::json::values;
use super::scalar::{Scalar, text_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "json_type",
    signature: "json_type(text[, path]) -> text",
    summary: "What a text that is JSON holds: OBJECT, ARRAY, VARCHAR, BOOLEAN, NULL, UBIGINT \
              and BIGINT for whole numbers, which have a minus in the second, or DOUBLE for \
              other ones. With a path as in json_extract, what is there.",
    source: Some("As in DuckDB."),
    example: Example {
        sql: "SELECT json_type('{\"id\": 4412345678901234567}', '$.id')",
        result: "UBIGINT",
    },
    arguments: &[Argument::Text, Argument::OptionalPath],
    body: Body::Scalar(Scalar {
        returns: text_type,
        compute: |columns, _| {
            let kinds = values(columns)?.map(|json| json.map(kind));
            Ok(Arc::new(kinds.collect::<StringViewArray>()))
        },
    }),
};

/// What `json`, a value without blanks around it, is.
fn kind(json: &str) -> &'static str {
    match json.as_bytes().first() {
        Some(b'{') => "OBJECT",
        Some(b'[') => "ARRAY",
        Some(b'"') => "VARCHAR",
        Some(b't' | b'f') => "BOOLEAN",
        Some(b'n') => "NULL",
        _ if json.parse::<u64>().is_ok() => "UBIGINT",
        _ if json.parse::<i64>().is_ok() => "BIGINT",
        _ => "DOUBLE",
    }
}
