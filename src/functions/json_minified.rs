//! `json(text)`.

use super::json::{is_json, without_blanks};
use super::scalar::{Scalar, converted, text_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "json",
    signature: "json(text) -> text",
    summary: "A text that is JSON, without the blanks between its parts; NULL for what is no \
              JSON. Where json_object, json_array and to_json take it, it is no text in quotes, \
              but stands there as JSON.",
    source: Some("As in DuckDB, where malformed JSON is an error."),
    example: Example {
        sql: "SELECT json('{ \"name\" : \"小 明\", \"tags\" : [ ] }')",
        result: "{\"name\":\"小 明\",\"tags\":[]}",
    },
    arguments: &[Argument::Text],
    body: Body::Scalar(Scalar {
        returns: text_type,
        compute: |columns, _| {
            converted(&columns[0], |text| is_json(text).then(|| without_blanks(text)))
        },
    }),
};
