//! What is said of CSV files: what is wrong with them, and what a person should know.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ::csv::ErrorKind;

use super::lines::Lines;
use super::values::{At, Odd, is_code};
use super::{Asked, Column, Same};
use crate::catalog::notices::OfColumns;
use crate::error::Error;

/// Columns that one notice names.
const NAMED: usize = 3;

/// Characters of a value that a notice shows.
const VALUE: usize = 30;

/// What to say of the file at `path`, one of those that were `asked`, whose first line may be a
/// header or not.
pub(super) fn about_header(path: &Path, asked: &Asked<'_>, has_header: bool) -> String {
    let path = path.display();
    let told = match has_header {
        true => format!("the first line of {path} is taken for the names of its columns"),
        false => format!(
            "{path} has no header, as its first line is like the others: its columns are column0, \
             column1 and so on"
        ),
    };
    let (name, other) = (asked.name.replace('\'', "''"), !has_header);
    let by_name = if asked.same == Same::Name { ", union_by_name = true" } else { "" };
    format!("{told}; to have it otherwise: FROM read_csv('{name}', header = {other}{by_name})")
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

/// The error for the file at `path`, of these `lines`, that cannot be read to where it was
/// looked at.
pub(super) fn unread(path: &Path, error: &::csv::Error, lines: Lines<'_>) -> Error {
    let line = lines.line(error.position());
    let told = match error.kind() {
        ErrorKind::Io(error) => return Error::io("read", path, error),
        ErrorKind::Utf8 { .. } => no_text(&format!("line {line} of a file")),
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            let s = if *len == 1 { "" } else { "s" };
            let error = Error::query(format!(
                "line {line} has {len} value{s}, and the header {expected_len}"
            ));
            match expected_len {
                1 => error.hint(format!(
                    "if what stands above the names of the columns is a title, take it off: tail -n +{line} '{}' > table.csv",
                    path.display()
                )),
                _ => error.hint(REJECTED),
            }
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

/// The error for a row that is no text, if the engine's `message` tells of one. What that calls
/// a line is a row: those with line breaks are one as well.
pub(crate) fn not_text(message: &str) -> Option<Error> {
    let (_, place) = message.split_once("invalid UTF-8")?.1.split_once("line ")?;
    let line: String = place.chars().take_while(char::is_ascii_digit).collect();
    Some(no_text(&format!("row {line} of a file, counted with its header,")))
}

fn no_text(place: &str) -> Error {
    Error::query(format!("{place} is not text in its encoding")).hint(REJECTED)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use ::csv::ReaderBuilder;

    use super::{Lines, not_text, unread};

    #[test]
    fn rows_of_another_length_are_told_with_their_line_and_a_title_is_thought_of() {
        for (text, line, hint) in [
            ("a,b\r\n1,2\r\n3,4,5\r\n", "line 3 has 3 values", "weiku import"),
            ("a report\n\nid,n\n1,2\n", "line 3 has 2 values", "tail -n +3 'x.csv'"),
        ] {
            let mut rows = ReaderBuilder::new().from_reader(text.as_bytes());
            let error = rows.records().find_map(Result::err).unwrap();
            let told = unread(Path::new("x.csv"), &error, Lines::of(text.as_bytes()));
            assert!(told.message().starts_with(line), "{told}");
            assert!(told.advice().unwrap().contains(hint), "{told}");
        }
    }

    #[test]
    fn a_row_of_several_lines_is_not_told_as_a_line() {
        let told = not_text("Encountered invalid UTF-8 data for line 7 and field 2").unwrap();
        assert!(told.message().starts_with("row 7 of a file"), "{told}");
        assert!(not_text("something else").is_none());
    }
}
