//! Which format a file is of.

use super::Options;
use super::column::Column;
use super::formats::{FORMATS, Format};
use super::head::Head;
use super::mapping::Mapping;
use crate::error::{Error, Kind, Result, nearest};

/// How many columns or keys an error lists.
const SHOWN: usize = 12;

/// How to read a file.
pub(super) enum Choice {
    /// As one of [`FORMATS`].
    Format(&'static Format),
    /// As a mapping file says.
    Mapping(Mapping),
}

/// The format or mapping file that the person named, else the first format that
/// knows the content; `binary` is what the file is if it is no text.
pub(super) fn choose(
    head: &Head,
    binary: Option<&'static str>,
    options: &Options,
    file: &str,
) -> Result<Choice> {
    if let Some(name) = &options.format {
        return if is_mapping(name) {
            Mapping::load(name.as_ref()).map(Choice::Mapping)
        } else {
            named(name).map(Choice::Format)
        };
    }
    if let Some(format) = FORMATS.iter().find(|format| (format.recognise)(head)) {
        return Ok(Choice::Format(format));
    }
    Err(unknown(head, binary).in_file(file))
}

/// Whether the name of a format is the path of a mapping file.
fn is_mapping(name: &str) -> bool {
    std::path::Path::new(name).extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("toml"))
}

fn named(name: &str) -> Result<&'static Format> {
    if let Some(format) = FORMATS.iter().find(|format| format.name == name) {
        return Ok(format);
    }
    let error = Error::usage(format!("no import format `{name}`"));
    Err(match nearest(name, FORMATS.iter().map(|format| format.name)) {
        Some(meant) => error.hint(format!("did you mean `{meant}`?")),
        None => error.hint("`weiku formats` lists them"),
    })
}

/// What to say about a file that no format knows.
fn unknown(head: &Head, binary: Option<&'static str>) -> Error {
    let unknown = |message: &str| Error::new(Kind::Format, message);
    if head.is_empty() {
        return unknown("the file is empty");
    }
    match binary {
        Some("no text") => return unknown("the file is no text"),
        Some(kind) if !head.is_parquet() => return unknown(&format!("the file is {kind}")),
        _ => {}
    }
    if let Some(error) = misspelt(head) {
        return error;
    }
    let advice = "see `weiku formats`, name one with --format, or give a mapping file with --format FILE.toml";
    unknown(&format!("no import format knows {}", seen(head))).hint(advice)
}

fn seen(head: &Head) -> String {
    let names: Vec<&str> = head.names().take(SHOWN).collect();
    // Bytes that are no text became replacement or control characters.
    let odd = |letter: char| letter == '\u{fffd}' || letter.is_control();
    if names.iter().any(|name| name.contains(odd)) {
        return "this file, which is no text".to_owned();
    }
    let kind = match (head.is_parquet(), head.is_json()) {
        (true, _) => return "the columns of this Parquet file".to_owned(),
        (_, true) => "JSON with the keys",
        _ => "a table with the columns",
    };
    format!("{kind} {}", names.join(", "))
}

/// The error for a table in which one column only is not called as a format
/// needs it.
fn misspelt(head: &Head) -> Option<Error> {
    for format in FORMATS {
        let needed: Vec<&Column> = format.columns.iter().filter(|column| column.required).collect();
        let lacks: Vec<&&Column> =
            needed.iter().filter(|column| !head.has_columns(&[column.name])).collect();
        let [lacking] = lacks[..] else { continue };
        if needed.len() < 3 {
            continue;
        }
        let unknown = head.columns().iter().map(String::as_str);
        let unknown =
            unknown.filter(|name| !format.columns.iter().any(|column| column.name == *name));
        let error = Error::input(format!(
            "this looks like {} and has no column `{}`",
            format.name, lacking.name
        ));
        return Some(match nearest(lacking.name, unknown) {
            Some(name) => error.hint(format!("rename the column `{name}` to `{}`", lacking.name)),
            None => error.hint("see `weiku formats` for the columns"),
        });
    }
    None
}
