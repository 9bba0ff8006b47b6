//! `regexp_split(text, pattern)`.

use super::patterns::{Last, split};
use super::scalar::{Scalar, list_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "regexp_split",
    signature: "regexp_split(text, pattern) -> list of text",
    summary: "A text in the pieces between what a regular expression matches; one that matches \
              the empty text gives each character.",
    source: Some("As regexp_split_to_array in DuckDB."),
    example: Example {
        sql: "SELECT regexp_split('地震，台风,洪水', '[，,]')",
        result: "[地震, 台风, 洪水]",
    },
    arguments: &[Argument::Text, Argument::Text],
    body: Body::Scalar(Scalar {
        returns: list_type,
        compute: |columns, _| {
            let mut last = Last::default();
            split(&columns[0], &columns[1], |text, from, pattern| {
                let found = last.regex(pattern)?.find_at(text, from);
                Ok(found.map(|found| (found.start(), found.len())))
            })
        },
    }),
};
