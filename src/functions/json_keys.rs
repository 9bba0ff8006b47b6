//! `json_keys(text[, path])`.

use super::json::{decoded, fields, text_lists, values};
use super::scalar::{Scalar, list_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "json_keys",
    signature: "json_keys(text[, path]) -> list of text",
    summary: "The names of the fields of a JSON object, in their order; NULL for what is no \
              object. With a path as in json_extract, those of the object there.",
    source: Some("As in DuckDB, where what is no object has no names."),
    example: Example {
        sql: "SELECT json_keys('{\"id\": 1, \"user\": {\"name\": \"小明\"}}')",
        result: "[id, user]",
    },
    arguments: &[Argument::Text, Argument::OptionalPath],
    body: Body::Scalar(Scalar {
        returns: list_type,
        compute: |columns, _| {
            let lists =
                values(columns)?.map(|json| Some(fields(json?)?.map(|(name, _)| decoded(name))));
            Ok(text_lists(lists))
        },
    }),
};
