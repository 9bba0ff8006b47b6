//! Structures and maps as texts: `{'a': 1, 'b': 'x'}::text` is `{'a': 1, 'b': x}`, and
//! `map {'a': 1}::text` is `{a=1}`, as in DuckDB. The engine has no such cast, and leaves the
//! quotes out where a list holds structures.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, ListArray, MapArray, StringViewArray, StructArray,
};
use datafusion::arrow::compute::{CastOptions, cast, cast_with_options};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

use super::hidden::Hidden;
use super::spaced_times::SPACED;

/// What a text has in quotes if it stands in another one.
const SIGNS: [char; 12] = ['(', ')', '[', ']', '{', '}', '"', '\'', '=', ':', ',', '\\'];

/// Whether values of `kind` are structures or maps, or lists of such.
pub(super) fn has_parts(kind: &DataType) -> bool {
    match kind {
        DataType::Struct(_) | DataType::Map(..) => true,
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            has_parts(item.data_type())
        }
        _ => false,
    }
}

/// The text of such a value.
pub(super) static AS_TEXT: Hidden =
    Hidden { name: "parts_as_text", returns: |_| Ok(DataType::Utf8View), compute: as_texts };

fn as_texts(values: &ArrayRef) -> Result<ArrayRef> {
    let parts = Texts::of(values)?;
    let texts = (0..values.len()).map(|row| {
        values.is_valid(row).then(|| {
            let mut text = String::new();
            parts.write(row, &mut text);
            text
        })
    });
    Ok(Arc::new(texts.collect::<StringViewArray>()))
}

/// The texts of values, and of their parts.
enum Texts {
    Plain(StringViewArray),
    Lists(ListArray, Box<Texts>),
    Structs(StructArray, Vec<(String, Texts)>),
    /// With the texts of keys and values.
    Maps(MapArray, Box<[Texts; 2]>),
}

impl Texts {
    fn of(values: &ArrayRef) -> Result<Self> {
        Ok(match values.data_type() {
            DataType::List(_) => {
                let lists = values.as_list::<i32>().clone();
                let items = Self::of(lists.values())?;
                Self::Lists(lists, Box::new(items))
            }
            DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                return Self::of(&cast(values, &DataType::List(Arc::clone(item)))?);
            }
            DataType::Struct(fields) => {
                let structs = values.as_struct().clone();
                let parts = fields.iter().zip(structs.columns());
                let parts = parts.map(|(field, part)| Ok((quoted(field.name()), Self::of(part)?)));
                let parts = parts.collect::<Result<Vec<_>>>()?;
                Self::Structs(structs, parts)
            }
            DataType::Map(..) => {
                let maps = values.as_map().clone();
                let parts = [Self::of(maps.keys())?, Self::of(maps.values())?];
                Self::Maps(maps, Box::new(parts))
            }
            DataType::Timestamp(..) => {
                Self::Plain((SPACED.compute)(values)?.as_string_view().clone())
            }
            _ => {
                let options = CastOptions { safe: false, ..CastOptions::default() };
                let texts = cast_with_options(values, &DataType::Utf8View, &options)?;
                Self::Plain(texts.as_string_view().clone())
            }
        })
    }

    fn is_known(&self, row: usize) -> bool {
        match self {
            Self::Plain(texts) => texts.is_valid(row),
            Self::Lists(lists, _) => lists.is_valid(row),
            Self::Structs(structs, _) => structs.is_valid(row),
            Self::Maps(maps, _) => maps.is_valid(row),
        }
    }

    /// Puts the text of a row at the end of `text`.
    fn write(&self, row: usize, text: &mut String) {
        if !self.is_known(row) {
            text.push_str("NULL");
            return;
        }
        match self {
            Self::Plain(texts) => match texts.value(row) {
                plain if needs_quotes(plain) => text.push_str(&quoted(plain)),
                plain => text.push_str(plain),
            },
            Self::Lists(lists, items) => {
                let rows = place(lists.value_offsets(), row);
                enclose(text, ['[', ']'], rows, |item, text| items.write(item, text));
            }
            Self::Structs(_, parts) => {
                enclose(text, ['{', '}'], parts.iter(), |(name, part), text| {
                    text.push_str(name);
                    text.push_str(": ");
                    part.write(row, text);
                });
            }
            Self::Maps(maps, parts) => {
                let rows = place(maps.value_offsets(), row);
                enclose(text, ['{', '}'], rows, |entry, text| {
                    parts[0].write(entry, text);
                    text.push('=');
                    parts[1].write(entry, text);
                });
            }
        }
    }
}

/// Where the items of the row `row` are among all items.
fn place(offsets: &[i32], row: usize) -> std::ops::Range<usize> {
    offsets[row] as usize..offsets[row + 1] as usize
}

/// Writes `all` with commas between them.
fn enclose<T>(
    text: &mut String,
    [first, last]: [char; 2],
    all: impl Iterator<Item = T>,
    write: impl Fn(T, &mut String),
) {
    text.push(first);
    for (number, one) in all.enumerate() {
        if number > 0 {
            text.push_str(", ");
        }
        write(one, text);
    }
    text.push(last);
}

/// Whether `text` could be taken for something else.
fn needs_quotes(text: &str) -> bool {
    text.is_empty()
        || text.trim().len() < text.len()
        || text.eq_ignore_ascii_case("null")
        || text.contains(SIGNS)
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::{answer, value};
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn structures_and_maps_are_written_as_they_are_typed() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (asked, wanted) in [
            ("{'a': 1, 'b': 'x y', 'c': NULL}::text", "{'a': 1, 'b': x y, 'c': NULL}"),
            (
                "CAST({'a': [1, NULL], 'b': {'c': 'd, e'}} AS VARCHAR)",
                "{'a': [1, NULL], 'b': {'c': 'd, e'}}",
            ),
            (
                "{'it''s': 'it''s', 'e': '', 'n': 'null'}::text",
                r"{'it\'s': 'it\'s', 'e': '', 'n': 'null'}",
            ),
            (
                "{'t': TIMESTAMP '2012-01-01 10:00:00', 'd': DATE '2012-01-01'}::text",
                "{'t': '2012-01-01 10:00:00', 'd': 2012-01-01}",
            ),
            ("TRY_CAST({'x': 1.50} AS TEXT)", "{'x': 1.50}"),
            ("map(['a', 'b c'], [1, NULL])::text", "{a=1, b c=NULL}"),
            ("map(['a:b'], [{'x': 1}])::text", "{'a:b'={'x': 1}}"),
            ("[{'a': 1}, NULL]::text", "[{'a': 1}, NULL]"),
            ("length({'a': 1}::text)", "8"),
        ] {
            assert_eq!(value(&session, &format!("SELECT {asked} AS x")).await, wanted, "{asked}");
        }
        let sql = "SELECT s::text AS x FROM (VALUES (1, {'n': 1}), (2, NULL), (3, {'n': NULL}))
                   AS t(i, s) ORDER BY i";
        assert_eq!(answer(&session, sql).await, ["x", "{'n': 1}", "", "{'n': NULL}"]);
    }
}
