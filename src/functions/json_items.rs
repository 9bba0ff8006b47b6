//! `json_items(text[, path])`.

use super::json::{items, plain, text_lists, values};
use super::scalar::{Scalar, list_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "json_items",
    signature: "json_items(text[, path]) -> list of text",
    summary: "The items of a JSON array as a list, each as json_extract_string gives it; NULL \
              for what is no array. unnest makes rows of it. With a path as in json_extract, \
              those of the array there.",
    source: None,
    example: Example {
        sql: "SELECT json_items('{\"tags\": [\"地震\", {\"id\": 1}]}', '$.tags')",
        result: "[地震, {\"id\": 1}]",
    },
    arguments: &[Argument::Text, Argument::OptionalPath],
    body: Body::Scalar(Scalar {
        returns: list_type,
        compute: |columns, _| {
            let lists = values(columns)?.map(|json| Some(items(json?)?.map(plain)));
            Ok(text_lists(lists))
        },
    }),
};
