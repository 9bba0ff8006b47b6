//! JSON to rows: records one after another out of arrays, envelopes and lines,
//! each with the bytes it was read from.

pub(super) mod keys;
mod records;

use std::borrow::Cow;

use serde_json::Value;

use super::column::{Column, Common, Field, Part};
use super::draft::Draft;
use super::encoding::raw;
use super::input::Input;
use super::record::Row;
use super::{Refusal, Sink};
use crate::error::Result;
pub(super) use records::Route;
pub(crate) use records::{Found, Records, elements_only, is_lines};

/// What a value of a file turned out to be.
pub(super) enum Taken<'a> {
    /// A record, with its rows.
    Rows(Vec<Row<'a>>),
    /// A record that carries nothing.
    Nothing,
}

/// Lets `take` make rows of every value that `route` leads to, and tells the
/// sink what became of each. The rows are parts of the value and of `common`.
pub(super) fn each<C>(
    input: Input<'_>,
    route: fn(&str) -> Route,
    sink: &mut dyn Sink,
    common: &C,
    take: &mut dyn for<'a> FnMut(&'a C, &str, &'a Value) -> Result<Taken<'a>, String>,
) -> Result<()> {
    let Input { name, content, head, encoding, .. } = input;
    let mut records = Records::new(content, name, route, is_lines(head.text()));
    let mut row = 0;
    while let Some(Found { path, bytes, line }) = records.next()? {
        row += 1;
        let value = serde_json::from_slice::<Value>(bytes);
        let taken = match &value {
            Ok(value) => take(common, path, value),
            Err(error) => Err(no_json(error)),
        };
        match taken {
            Ok(Taken::Rows(rows)) => sink.record(row, rows)?,
            Ok(Taken::Nothing) => sink.skip(row)?,
            Err(reason) => {
                let raw = &raw(encoding.get(), bytes);
                sink.reject(Refusal { row, line: Some(line), reason, raw })?;
            }
        }
    }
    Ok(())
}

/// Why the bytes of a record are no JSON. Lines are those of the record, of which
/// most have one.
fn no_json(error: &serde_json::Error) -> String {
    let (text, line, column) = (error.to_string(), error.line(), error.column());
    let what = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text);
    let of_line = if line > 1 { format!(" of its line {line}") } else { String::new() };
    format!("not JSON: {what} at column {column}{of_line}")
}

/// Reads records that are flat: a key for each column.
pub(super) fn read_flat(
    input: Input<'_>,
    route: fn(&str) -> Route,
    columns: &[Column],
    common: &Common,
    sink: &mut dyn Sink,
) -> Result<()> {
    let is_known = |name: &&str| columns.iter().any(|column| column.name == *name);
    let left_out = input.head.names().filter(|name| !is_known(name));
    input.left_out.extend(left_out.map(str::to_owned));
    each(input, route, sink, common, &mut |common, _, value| {
        let mut draft = Draft::new(common);
        fill(&mut draft, Part::Record, columns.iter(), value)?;
        Ok(Taken::Rows(draft.finish()?))
    })
}

/// Puts the values of an object's keys where the columns say, in the given part
/// of the draft.
pub(super) fn fill<'a, 'c>(
    draft: &mut Draft<'a>,
    part: Part,
    columns: impl Iterator<Item = &'c Column<'c>>,
    value: &'a Value,
) -> Result<(), String> {
    if !value.is_object() {
        return Err("not an object".to_owned());
    }
    for column in columns {
        if let Some(value) = find(value, column.name) {
            put(draft, part, column, value)
                .map_err(|reason| format!("{}: {reason}", column.name))?;
        }
    }
    Ok(())
}

fn put<'a>(
    draft: &mut Draft<'a>,
    part: Part,
    column: &Column,
    value: &'a Value,
) -> Result<(), String> {
    match (column.field, value) {
        (Field::Ignored, _) => Ok(()),
        (Field::Media, Value::Array(items)) => {
            draft.put(part, Field::MediaCount, items.len().to_string())
        }
        (field, value) => match text(value) {
            Some(text) => draft.put(part, field, text),
            None => Ok(()),
        },
    }
}

/// The value under keys with dots between.
pub(super) fn find<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, key| value.get(key))
}

/// The string under keys with dots between, if there is one that is not empty.
pub(super) fn string<'a>(value: &'a Value, path: &str) -> Option<&'a str> {
    find(value, path)?.as_str().filter(|text| !text.is_empty())
}

/// The texts under `key` of each element of an array, such as the names of tags.
pub(super) fn texts(value: &Value, path: &str, key: &str) -> Option<Vec<String>> {
    let items = find(value, path)?.as_array()?;
    Some(items.iter().filter_map(|item| string(item, key)).map(str::to_owned).collect())
}

/// A value as a cell of a table would hold it; nothing for null. Whole numbers
/// keep all of their digits.
pub(super) fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(Cow::Borrowed(text)),
        other => Some(Cow::Owned(other.to_string())),
    }
}
