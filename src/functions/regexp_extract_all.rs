//! `regexp_extract_all(text, pattern[, group])`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, ListBuilder, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::Result;

use super::patterns::{Last, groups};
use super::scalar::{Scalar, list_type, texts};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "regexp_extract_all",
    signature: "regexp_extract_all(text, pattern[, group]) -> list of text",
    summary: "What a regular expression matches at each place of a text, or with a number what \
              that group of it does; NULL where the group takes no part.",
    source: Some("As in DuckDB."),
    example: Example {
        sql: "SELECT regexp_extract_all('#台风# 和 #暴雨#', '#(.+?)#', 1)",
        result: "[台风, 暴雨]",
    },
    arguments: &[Argument::Text, Argument::Text, Argument::OptionalNumber],
    body: Body::Scalar(Scalar { returns: list_type, compute: |columns, _| matched(columns) }),
};

/// What the group of each row matches, everywhere.
fn matched(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let element = Field::new("element", DataType::Utf8, true);
    let mut found = ListBuilder::new(StringBuilder::new()).with_field(element);
    let mut last = Last::default();
    let groups = groups(columns, columns[0].len());
    for ((text, pattern), group) in texts(&columns[0])?.zip(texts(&columns[1])?).zip(groups) {
        let (Some(text), Some(pattern), Some(group)) = (text, pattern, group) else {
            found.append_null();
            continue;
        };
        let (regex, group) = last.group(pattern, group)?;
        for captures in regex.captures_iter(text) {
            found.values().append_option(captures.get(group).map(|part| part.as_str()));
        }
        found.append(true);
    }
    Ok(Arc::new(found.finish()))
}
