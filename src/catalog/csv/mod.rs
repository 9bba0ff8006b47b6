//! What the beginning of a CSV file tells of its columns and its encoding.
//!
//! The engine looks ahead in chunks that it ends at a line break, also at one
//! inside quotes (`newline_delimited_stream` of `object_store` 0.13 searches them
//! from behind), and then takes posts with line breaks for broken rows. Here rows
//! are read as the scan will read them.

mod values;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::csv::{ErrorKind, Reader, ReaderBuilder, StringRecord};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;

use crate::error::{Error, Result};
use crate::ingest::Decoded;
use crate::model::unique_names;
use values::{At, Odd, Values};

/// Rows that are looked at, of all files together.
const ROWS: usize = 20_000;

/// Bytes of a file whose encoding is looked at.
const BEGINNING: u64 = 4 << 20;

/// Bytes in which the header must end for its delimiter to be found.
const HEADER: u64 = 64 << 10;

/// Columns that one notice names.
const NAMED: usize = 3;

/// Characters of a value that a notice shows.
const VALUE: usize = 30;

/// What the beginning of some files tells.
#[derive(Debug)]
pub(super) struct Seen {
    /// What stands between their columns.
    pub(super) delimiter: u8,
    pub(super) columns: SchemaRef,
    /// Whether they have to be decoded: one is in another encoding than UTF-8.
    pub(super) is_decoded: bool,
    /// What to say of columns that few values make texts of.
    pub(super) notices: Vec<String>,
}

/// Looks at the files at `paths`, whose delimiter may be `known`; instants in them
/// become those of the time zone `zone`.
pub(super) fn look(
    paths: &[PathBuf],
    known: Option<u8>,
    compression: FileCompressionType,
    zone: &str,
) -> Result<Seen> {
    let mut look = Look { delimiter: known, compression, first: None, left: ROWS, foreign: None };
    let mut columns = Vec::new();
    for (file, path) in paths.iter().enumerate() {
        look.at(file, path, &mut columns)?;
    }
    if let Some((path, encoding)) = look.foreign
        && compression != FileCompressionType::UNCOMPRESSED
    {
        return Err(other_encoding(path, encoding, "unpack it first, or take it in:"));
    }
    let field = |column: &Column| Field::new(&column.name, column.values.data_type(zone), true);
    let fields = columns.iter().map(field).collect::<Vec<_>>();
    Ok(Seen {
        delimiter: look.delimiter.unwrap_or(b','),
        columns: Arc::new(Schema::new(fields)),
        is_decoded: look.foreign.is_some(),
        notices: notices(&columns, paths),
    })
}

/// A look at some files, one after another.
struct Look<'a> {
    /// What stands between the columns, once that is known.
    delimiter: Option<u8>,
    compression: FileCompressionType,
    /// The file whose header names the columns, and that header.
    first: Option<(&'a Path, StringRecord)>,
    /// How many rows are to be looked at yet.
    left: usize,
    /// The first file that is not in UTF-8, and its encoding.
    foreign: Option<(&'a Path, &'static str)>,
}

/// A column, and what its values were so far.
struct Column {
    name: String,
    values: Values,
}

impl<'a> Look<'a> {
    /// Looks at the file at `path`, which has the number `file`; `columns` are those
    /// of the files before.
    fn at(&mut self, file: usize, path: &'a Path, columns: &mut Vec<Column>) -> Result<()> {
        let mut read = Decoded::new(open(path, self.compression)?);
        let encoding = read.encoding();
        let mut head = Vec::new();
        let begun = read.by_ref().take(HEADER).read_to_end(&mut head);
        begun.map_err(|error| Error::io("read", path, &error))?;
        let delimiter = *self.delimiter.get_or_insert_with(|| delimiter(&head));
        let text = head.as_slice().chain(read);
        let mut rows = ReaderBuilder::new().delimiter(delimiter).from_reader(text);
        self.header(path, &mut rows, columns)?;
        let mut row = StringRecord::new();
        while self.left > 0 && rows.read_record(&mut row).map_err(|error| unread(path, &error))? {
            self.left -= 1;
            let at = At { file, line: row.position().map_or(0, ::csv::Position::line) };
            for (column, value) in columns.iter_mut().zip(&row) {
                column.values.see(value, at);
            }
        }
        self.foreign = self.foreign.or(encoding.other().map(|encoding| (path, encoding)));
        Ok(())
    }

    /// Takes the names of the columns from the first file. The scan goes by the
    /// places of columns, so those of the others must have the same order.
    fn header(
        &mut self,
        path: &'a Path,
        rows: &mut Reader<impl Read>,
        columns: &mut Vec<Column>,
    ) -> Result<()> {
        let header = rows.headers().map_err(|error| unread(path, &error))?;
        if header.is_empty() {
            return Ok(());
        }
        match &self.first {
            None => {
                let column = |name| Column { name, values: Values::default() };
                columns.extend(column_names(header).into_iter().map(column));
                self.first = Some((path, header.clone()));
                Ok(())
            }
            Some((_, first)) if first == header => Ok(()),
            Some((first, names)) => Err(other_columns((path, header), (*first, names))),
        }
    }
}

/// The names of the columns under `header`, told apart; of a column that has none,
/// as those of row numbers often do, it is `column1`, by its place.
fn column_names(header: &StringRecord) -> Vec<String> {
    let name = |(at, name): (usize, &str)| match name.is_empty() {
        true => format!("column{}", at + 1),
        false => name.to_owned(),
    };
    let names: Vec<String> = header.iter().enumerate().map(name).collect();
    unique_names(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The error for a file with its header whose columns are not those of the `first`.
fn other_columns(
    (path, header): (&Path, &StringRecord),
    (first, names): (&Path, &StringRecord),
) -> Error {
    let list = |header: &StringRecord| header.iter().collect::<Vec<_>>().join(", ");
    let (path, first) = (path.display(), first.display());
    let message = format!(
        "{path} has the columns {}, and {first} {}: files that are asked together have the same in the \
         same order",
        list(header),
        list(names)
    );
    Error::query(message)
        .hint(format!("SELECT * FROM '{first}' UNION ALL BY NAME SELECT * FROM '{path}'"))
}

/// The error for the file at `path` that cannot be read to where it was looked at.
fn unread(path: &Path, error: &::csv::Error) -> Error {
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
fn notices(columns: &[Column], paths: &[PathBuf]) -> Vec<String> {
    let mut rows: BTreeMap<At, Vec<(&Column, &Odd, &str)>> = BTreeMap::new();
    for column in columns {
        if let Some((odd, better)) = column.values.odd() {
            rows.entry(odd.at).or_default().push((column, odd, better));
        }
    }
    let path =
        |at: &At| paths.get(at.file).map_or(String::new(), |path| path.display().to_string());
    rows.iter().map(|(at, columns)| notice(&path(at), at.line, columns)).collect()
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
    format!(
        "{} of {path} {is} text, because {why}: TRY_CAST({first} AS {better}) reads the others and gives NULL \
         there; or take the file in: `weiku import DB FILE`",
        names.join(", ")
    )
}

/// `name` as SQL has it.
fn quoted(name: &str) -> String {
    let is_plain =
        |c: char| c.is_ascii_lowercase() || c == '_' || (!c.is_ascii() && c.is_alphabetic());
    let mut chars = name.chars();
    let plain =
        chars.next().is_some_and(is_plain) && chars.all(|c| is_plain(c) || c.is_ascii_digit());
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Refuses files in another encoding than UTF-8, as far as their beginnings tell.
pub(super) fn check_encoding(paths: &[PathBuf], compression: FileCompressionType) -> Result<()> {
    for path in paths.iter().filter(|path| path.is_file()) {
        let mut read = Decoded::new(open(path, compression)?.take(BEGINNING));
        let encoding = read.encoding();
        // What cannot be read is complained of when all of it is.
        let _ = std::io::copy(&mut read, &mut std::io::sink());
        if let Some(encoding) = encoding.other() {
            let command = "iconv converts it; or take it in:";
            return Err(other_encoding(path, encoding, command));
        }
    }
    Ok(())
}

fn other_encoding(path: &Path, encoding: &str, first: &str) -> Error {
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

/// What stands between the columns of a file that begins with `head`: of the usual
/// ones that which its header has most; a comma if it has none.
fn delimiter(head: &[u8]) -> u8 {
    let mut quoted = false;
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0), (b'|', 0)];
    for byte in head {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            _ => {}
        }
        if let Some((_, count)) = counts.iter_mut().find(|(usual, _)| usual == byte && !quoted) {
            *count += 1;
        }
    }
    let most = counts.iter().rev().max_by_key(|(_, count)| *count);
    most.filter(|(_, count)| *count > 0).map_or(b',', |(delimiter, _)| *delimiter)
}

fn open(path: &Path, compression: FileCompressionType) -> Result<Box<dyn Read + Send>> {
    let file = File::open(path).map_err(|error| Error::io("read", path, &error))?;
    compression.convert_read(file).map_err(|error| Error::query(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use datafusion::arrow::datatypes::DataType;

    use super::*;

    fn of(text: &str) -> (u8, SchemaRef) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let plain = FileCompressionType::UNCOMPRESSED;
        let seen = look(&[file.path().to_owned()], None, plain, "Asia/Shanghai").unwrap();
        (seen.delimiter, seen.columns)
    }

    #[test]
    fn line_breaks_in_quotes_end_no_row_wherever_a_chunk_ends() {
        let rows: String = (0..5000).map(|row| format!("{row},\"第{row}条\n, \\\"\n")).collect();
        let (delimiter, schema) = of(&format!("id,text\n{rows}"));
        assert_eq!(delimiter, b',');
        assert_eq!(schema.field(0).data_type(), &DataType::Int64);
        assert_eq!(schema.field(1).data_type(), &DataType::Utf8);
    }

    #[test]
    fn a_column_that_is_empty_so_far_is_text() {
        let (_, schema) = of("a,b,c\n1,,1\n2,,2.5\n");
        let types: Vec<_> = schema.fields().iter().map(|field| field.data_type().clone()).collect();
        assert_eq!(types, [DataType::Int64, DataType::Utf8, DataType::Float64]);
    }

    #[test]
    fn columns_of_one_name_and_of_none_are_told_apart() {
        let (_, schema) = of(",a,a,\n1,2,3,4\n");
        let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["column1", "a", "a_2", "column4"]);
    }

    #[test]
    fn times_with_a_zone_are_instants() {
        let (_, schema) = of("a,b,c\n2012-08-27T10:00:00.5,,2012-08-27 10:00:00\n\
                              2012-08-27T10:00:00,2012-08-27T10:00:00+08:00,2012-08-27T10:00:00Z\n");
        let zone = |index: usize| match schema.field(index).data_type() {
            DataType::Timestamp(_, zone) => zone.clone(),
            other => Some(other.to_string().into()),
        };
        assert_eq!(zone(0), None);
        assert_eq!(zone(1).as_deref(), Some("Asia/Shanghai"));
        assert_eq!(zone(2).as_deref(), Some("Asia/Shanghai"));
    }

    #[test]
    fn the_header_tells_the_delimiter() {
        for (header, expected) in [
            ("a;b;c", b';'),
            ("a\tb", b'\t'),
            ("a|b|c,d", b'|'),
            ("a", b','),
            ("\"a;b;c\",d", b','),
        ] {
            assert_eq!(of(&format!("{header}\n")).0, expected, "{header}");
        }
    }
}
