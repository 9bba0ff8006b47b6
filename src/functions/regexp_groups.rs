//! `regexp_groups(text, pattern, group)`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, ListBuilder, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::Result;

use super::patterns::Last;
use super::scalar::{Scalar, list_type, numbers, texts};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "regexp_groups",
    signature: "regexp_groups(text, pattern, group) -> list of text",
    summary: "What a group of a regular expression matches, or all of it for group 0, at each \
              place of a text where it matches; NULL where the group takes no part.",
    source: Some("As regexp_extract_all in DuckDB."),
    example: Example {
        sql: "SELECT regexp_groups('#台风# 和 #暴雨#', '#(.+?)#', 1)",
        result: "[台风, 暴雨]",
    },
    arguments: &[Argument::Text, Argument::Text, Argument::Number],
    body: Body::Scalar(Scalar {
        returns: list_type,
        compute: |columns, _| matched(&columns[0], &columns[1], &columns[2]),
    }),
};

/// What the group of each row matches, everywhere.
fn matched(whole: &ArrayRef, patterns: &ArrayRef, groups: &ArrayRef) -> Result<ArrayRef> {
    let element = Field::new("element", DataType::Utf8, true);
    let mut found = ListBuilder::new(StringBuilder::new()).with_field(element);
    let mut last = Last::default();
    for ((text, pattern), group) in texts(whole)?.zip(texts(patterns)?).zip(numbers(groups)) {
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
