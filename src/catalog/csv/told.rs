//! What is said of CSV files: what is wrong with them, and what a person should know.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ::csv::ErrorKind;

use super::Column;
use super::values::{At, Odd, is_code};
use crate::catalog::notices::OfColumns;
use crate::error::Error;

/// Columns that one notice names.
const NAMED: usize = 3;

/// Characters of a value that a notice shows.
const VALUE: usize = 30;

/// What to say of a file whose first line may be a header or not.
pub(super) fn about_header(path: &Path, has_header: bool) -> String {
    let path = path.display();
    let told = match has_header {
        true => format!("the first line of {path} is taken for the names of its columns"),
        false => format!(
            "{path} has no header, as its first line is like the others: its columns are column0, \
             column1 and so on"
        ),
    };
    let other = !has_header;
    format!(
        "{told}; to have it otherwise: CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{path}' OPTIONS \
         ('format.has_header' '{other}')"
    )
}

/// The error for the file at `path`, whose header has no name of those before: most
/// likely it is no header.
pub(super) fn no_common_column(path: &Path, first: &Path) -> Error {
    let (path, first) = (path.display(), first.display());
    let message = format!("{path} has no column in common with {first} and the others");
    Error::query(message).hint(format!(
        "is its first line a header? if so: SELECT * FROM '{first}' UNION ALL BY NAME SELECT * FROM '{path}'"
    ))
}

/// The error for the file at `path` that cannot be read to where it was looked at.
pub(super) fn unread(path: &Path, error: &::csv::Error) -> Error {
    let line = error.position().map_or(0, ::csv::Position::line);
    let told = match error.kind() {
        ErrorKind::Io(error) => return Error::io("read", path, error),
        ErrorKind::Utf8 { .. } => no_text(&line.to_string()),
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            let s = if *len == 1 { "" } else { "s" };
            Error::query(format!("line {line} has {len} value{s}, and the header {expected_len}"))
                .hint(REJECTED)
        }
        _ => Error::query(error.to_string()),
    };
    told.in_file(path.display().to_string())
}

/// What to say of `columns` that few values make texts of; those that one row makes
/// so are told of together.
pub(super) fn notices(columns: &[Column], paths: &[PathBuf]) -> Vec<OfColumns> {
    let mut rows: BTreeMap<At, Vec<(&Column, &Odd, &str)>> = BTreeMap::new();
    for column in columns {
        if let Some((odd, better)) = column.values.odd() {
            rows.entry(odd.at).or_default().push((column, odd, better));
        }
    }
    let path =
        |at: &At| paths.get(at.file).map_or(String::new(), |path| path.display().to_string());
    let notice = |(at, columns): (&At, &Vec<(&Column, &Odd, &str)>)| OfColumns {
        columns: columns.iter().map(|(column, ..)| column.name.clone()).collect(),
        notice: notice(&path(at), at.line, columns),
    };
    rows.iter().map(notice).collect()
}

fn notice(path: &str, line: u64, columns: &[(&Column, &Odd, &str)]) -> String {
    let mut names: Vec<String> =
        columns.iter().take(NAMED).map(|(column, ..)| quoted(&column.name)).collect();
    let first = names.first().cloned().unwrap_or_default();
    if let Some(more @ 1..) = columns.len().checked_sub(NAMED) {
        names.push(format!("{more} more"));
    }
    let is = if columns.len() == 1 { "is" } else { "are" };
    let repeats = columns.iter().all(|(column, odd, _)| odd.value.trim() == column.name);
    let why = match columns {
        [(_, odd, _), ..] if !repeats => {
            let value: String = odd.value.chars().take(VALUE).collect();
            let cut = if value == odd.value { "" } else { "…" };
            format!("line {line} has '{value}{cut}'")
        }
        _ => format!("line {line} repeats the header"),
    };
    let better = columns.first().map_or("BIGINT", |(.., better)| *better);
    let names = names.join(", ");
    let is_zero = |odd: &Odd| is_code(odd.value.trim_start_matches('-'));
    if columns.iter().all(|(_, odd, _)| is_zero(odd)) {
        return format!(
            "{names} of {path} {is} text, because {why}, whose zero a number would lose: \
             TRY_CAST({first} AS {better}) makes numbers of them"
        );
    }
    format!(
        "{names} of {path} {is} text, because {why}: TRY_CAST({first} AS {better}) reads the others and gives NULL \
         there; or take the file in: `weiku import DB FILE`"
    )
}

/// `name` as SQL has it.
pub(in crate::catalog) fn quoted(name: &str) -> String {
    let is_plain =
        |c: char| c.is_ascii_lowercase() || c == '_' || (!c.is_ascii() && c.is_alphabetic());
    let mut chars = name.chars();
    let plain =
        chars.next().is_some_and(is_plain) && chars.all(|c| is_plain(c) || c.is_ascii_digit());
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

pub(super) fn other_encoding(path: &Path, encoding: &str, first: &str) -> Error {
    let message = format!("{} is text in {encoding}, and not in UTF-8", path.display());
    Error::query(message).hint(format!("{first} `weiku import DB FILE` reads {encoding}"))
}

/// What becomes of a row that cannot be read.
const REJECTED: &str =
    "`weiku import DB FILE` takes the other rows, and keeps this one among the rejects";

/// The error for a row that is no text, if the engine's `message` tells of one.
pub(crate) fn not_text(message: &str) -> Option<Error> {
    let (_, place) = message.split_once("invalid UTF-8")?.1.split_once("line ")?;
    let line: String = place.chars().take_while(char::is_ascii_digit).collect();
    Some(no_text(&line))
}

fn no_text(line: &str) -> Error {
    Error::query(format!("line {line} of a file is not text in its encoding")).hint(REJECTED)
}
