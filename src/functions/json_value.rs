//! `json_value(text, path)`.

use std::sync::Arc;

use datafusion::arrow::array::StringViewArray;

use super::json::{plain, values};
use super::scalar::{Scalar, text_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "json_value",
    signature: "json_value(text, path) -> text",
    summary: "The text, number or truth at a path of a text that is JSON, as \
              json_extract_string gives it; NULL for an object or an array.",
    source: Some("JSON_VALUE of the SQL standard."),
    example: Example {
        sql: "SELECT json_value('{\"user\": {\"name\": \"小明\"}}', '$.user.name')",
        result: "小明",
    },
    arguments: &[Argument::Text, Argument::Path],
    body: Body::Scalar(Scalar {
        returns: text_type,
        compute: |columns, _| {
            let single = |json: &&str| !json.starts_with(['{', '[']);
            let texts = values(columns)?.map(|json| plain(json.filter(single)?));
            Ok(Arc::new(texts.collect::<StringViewArray>()))
        },
    }),
};
