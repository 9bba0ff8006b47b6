//! `split_text(text, delimiter)`.

use super::patterns::split;
use super::scalar::{Scalar, list_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "split_text",
    signature: "split_text(text, delimiter) -> list of text",
    summary: "A text in the pieces between a delimiter; an empty one gives each character, and an \
              empty text is one empty piece.",
    source: Some("As string_split in DuckDB."),
    example: Example {
        sql: "SELECT split_text('地震、台风、洪水', '、')",
        result: "[地震, 台风, 洪水]",
    },
    arguments: &[Argument::Text, Argument::Text],
    body: Body::Scalar(Scalar {
        returns: list_type,
        compute: |columns, _| {
            split(&columns[0], &columns[1], |text, from, delimiter| {
                Ok(text[from..].find(delimiter).map(|start| (from + start, delimiter.len())))
            })
        },
    }),
};
