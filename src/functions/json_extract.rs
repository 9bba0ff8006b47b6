//! `json_extract(text, path)`.

use std::sync::Arc;

use datafusion::arrow::array::StringViewArray;

use super::json::values;
use super::scalar::{Scalar, text_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "json_extract",
    signature: "json_extract(text, path) -> text",
    summary: "The JSON at a path of a text that is JSON, as it is written there: a text within \
              has its quotes, and json_extract_string gives it without. A path is \
              '$.user.name', '$.tags[0]', '/user/name', the name of a field, or the number of \
              an item from 0; -1 is the last. Of fields of the same name the first counts. What \
              is not there is NULL, and so is all of a text that is no JSON or was cut off: \
              json_valid finds those. As a sign it is text -> path.",
    source: Some("As in DuckDB, where malformed JSON is an error."),
    example: Example {
        sql: "SELECT json_extract('{\"user\": {\"name\": \"小明\"}}', '$.user')",
        result: "{\"name\": \"小明\"}",
    },
    arguments: &[Argument::Text, Argument::Path],
    body: Body::Scalar(Scalar {
        returns: text_type,
        compute: |columns, _| Ok(Arc::new(values(columns)?.collect::<StringViewArray>())),
    }),
};
