//! `json_extract_string(text, path)`.

use std::sync::Arc;

use datafusion::arrow::array::StringViewArray;

use super::json::{plain, values};
use super::scalar::{Scalar, text_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "json_extract_string",
    signature: "json_extract_string(text, path) -> text",
    summary: "The value at a path of a text that is JSON, as text: one within without its \
              quotes, a number with all its digits, and what is an object or an array as it is \
              written. null is NULL, and so is a text with half a character, such as \\ud83d \
              alone. Paths are those of json_extract, and so is what else is NULL. As a sign it \
              is text ->> path.",
    source: Some("As in DuckDB, where malformed JSON is an error."),
    example: Example {
        sql: "SELECT json_extract_string('{\"user\": {\"name\": \"小明\"}}', '$.user.name')",
        result: "小明",
    },
    arguments: &[Argument::Text, Argument::Path],
    body: Body::Scalar(Scalar {
        returns: text_type,
        compute: |columns, _| {
            let texts = values(columns)?.map(|json| plain(json?));
            Ok(Arc::new(texts.collect::<StringViewArray>()))
        },
    }),
};
