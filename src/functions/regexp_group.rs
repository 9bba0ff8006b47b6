//! `regexp_group(text, pattern, group)`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, StringViewBuilder};
use datafusion::common::Result;

use super::patterns::Last;
use super::scalar::{Scalar, numbers, text_type, texts};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "regexp_group",
    signature: "regexp_group(text, pattern, group) -> text",
    summary: "What a group of a regular expression matches first in a text, or all of it for \
              group 0; an empty text if there is no match, or the group takes no part in it.",
    source: Some("As regexp_extract in DuckDB."),
    example: Example {
        sql: "SELECT regexp_group('#成都地震#', '#(.+?)#', 1)", result: "成都地震"
    },
    arguments: &[Argument::Text, Argument::Text, Argument::Number],
    body: Body::Scalar(Scalar {
        returns: text_type,
        compute: |columns, _| matched(&columns[0], &columns[1], &columns[2]),
    }),
};

/// What the group of each row matches.
fn matched(whole: &ArrayRef, patterns: &ArrayRef, groups: &ArrayRef) -> Result<ArrayRef> {
    let mut found = StringViewBuilder::with_capacity(whole.len());
    let mut last = Last::default();
    for ((text, pattern), group) in texts(whole)?.zip(texts(patterns)?).zip(numbers(groups)) {
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
