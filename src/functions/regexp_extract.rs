//! `regexp_extract(text, pattern[, group])`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, StringViewBuilder};
use datafusion::common::Result;

use super::patterns::{Last, groups};
use super::scalar::{Scalar, text_type, texts};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "regexp_extract",
    signature: "regexp_extract(text, pattern[, group]) -> text",
    summary: "What a regular expression matches first in a text, or with a number what that \
              group of it does; an empty text if there is no match, or the group takes no part \
              in it. With a list of names, ['year', 'month'], a structure of the first groups.",
    source: Some("As in DuckDB."),
    example: Example {
        sql: "SELECT regexp_extract('#成都地震#', '#(.+?)#', 1)",
        result: "成都地震",
    },
    arguments: &[Argument::Text, Argument::Text, Argument::OptionalNumber],
    body: Body::Scalar(Scalar { returns: text_type, compute: |columns, _| matched(columns) }),
};

/// What the group of each row matches.
fn matched(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let rows = columns[0].len();
    let mut found = StringViewBuilder::with_capacity(rows);
    let mut last = Last::default();
    let asked = texts(&columns[0])?.zip(texts(&columns[1])?).zip(groups(columns, rows));
    for ((text, pattern), group) in asked {
        let (Some(text), Some(pattern), Some(group)) = (text, pattern, group) else {
            found.append_null();
            continue;
        };
        let (regex, group) = last.group(pattern, group)?;
        let part = regex.captures(text).and_then(|captures| captures.get(group));
        found.append_value(part.map_or("", |part| part.as_str()));
    }
    Ok(Arc::new(found.finish()))
}
