//! What the beginning of a CSV file tells of its columns and its encoding.
//!
//! The engine looks ahead in chunks that it ends at a line break, also at one
//! inside quotes (`newline_delimited_stream` of `object_store` 0.13 searches them
//! from behind), and then takes posts with line breaks for broken rows. Here rows
//! are read as the scan will read them.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::csv::ReaderBuilder;
use datafusion::arrow::csv::reader::Format;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;

use crate::error::{Error, Result};
use crate::ingest::Decoded;

/// Rows that are looked at, of all files together.
const ROWS: usize = 20_000;

/// Bytes of a file whose encoding is looked at.
const BEGINNING: u64 = 4 << 20;

/// Bytes in which the header must end for its delimiter to be found.
const HEADER: u64 = 64 << 10;

/// What the beginning of some files tells.
#[derive(Debug)]
pub(super) struct Seen {
    /// What stands between their columns.
    pub(super) delimiter: u8,
    pub(super) columns: SchemaRef,
    /// Whether they have to be decoded: one is in another encoding than UTF-8.
    pub(super) is_decoded: bool,
}

/// Looks at the files at `paths`, whose delimiter may be `known`; instants in them
/// become those of the time zone `zone`.
pub(super) fn look(
    paths: &[PathBuf],
    known: Option<u8>,
    compression: FileCompressionType,
    zone: &str,
) -> Result<Seen> {
    let first = || paths.first().map_or(b',', |path| delimiter(path, compression));
    let delimiter = known.unwrap_or_else(first);
    let (columns, encoding) = columns(paths, delimiter, compression, zone)?;
    if let Some((path, encoding)) = encoding
        && compression != FileCompressionType::UNCOMPRESSED
    {
        return Err(other_encoding(path, encoding, "unpack it first, or take it in:"));
    }
    Ok(Seen { delimiter, columns, is_decoded: encoding.is_some() })
}

/// A file, and its encoding that is not UTF-8.
type Foreign<'a> = Option<(&'a Path, &'static str)>;

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

/// The error for a row that is no text, if the engine's `message` tells of one.
pub(crate) fn not_text(message: &str) -> Option<Error> {
    let (_, place) = message.split_once("invalid UTF-8")?.1.split_once("line ")?;
    let line: String = place.chars().take_while(char::is_ascii_digit).collect();
    let error = Error::query(format!("line {line} of a file is not text in its encoding"));
    Some(
        error.hint(
            "`weiku import DB FILE` takes the other rows, and keeps this one among the rejects",
        ),
    )
}

/// The columns of the files at `paths`, from their first rows, and the first file
/// that is not in UTF-8.
fn columns<'a>(
    paths: &'a [PathBuf],
    delimiter: u8,
    compression: FileCompressionType,
    zone: &str,
) -> Result<(SchemaRef, Foreign<'a>)> {
    let format = Format::default().with_header(true).with_delimiter(delimiter);
    let mut left = ROWS;
    let mut schemas = Vec::new();
    let mut instants = HashSet::new();
    let mut foreign = None;
    for path in paths {
        let unread = |error: &dyn std::fmt::Display| {
            let told =
                not_text(&error.to_string()).unwrap_or_else(|| Error::query(error.to_string()));
            told.in_file(path.display().to_string())
        };
        let read = Decoded::new(open(path, compression)?);
        let encoding = read.encoding();
        let (schema, rows) =
            format.infer_schema(read, Some(left)).map_err(|error| unread(&error))?;
        instants.extend(self::instants(path, &schema, &format, compression)?);
        foreign = foreign.or(encoding.other().map(|encoding| (path.as_path(), encoding)));
        schemas.push(schema);
        left = left.saturating_sub(rows);
        if left == 0 {
            break;
        }
    }
    let merged = Schema::try_merge(schemas).map_err(|error| Error::query(error.to_string()))?;
    // Where all values are empty so far, there may be any later on.
    let known = |field: &Arc<Field>| match field.data_type() {
        DataType::Null => Field::new(field.name(), DataType::Utf8, true),
        DataType::Timestamp(unit, None) if instants.contains(field.name()) => {
            let data_type = DataType::Timestamp(*unit, Some(zone.into()));
            field.as_ref().clone().with_data_type(data_type)
        }
        _ => field.as_ref().clone(),
    };
    let fields = merged.fields().iter().map(known).collect::<Vec<_>>();
    Ok((Arc::new(Schema::new(fields)), foreign))
}

/// The names of the columns of times in which one says of which zone it is. The
/// engine would take such a column for times without a zone, and shift them to UTC.
fn instants(
    path: &Path,
    schema: &Schema,
    format: &Format,
    compression: FileCompressionType,
) -> Result<HashSet<String>> {
    let is_time = |field: &Arc<Field>| matches!(field.data_type(), DataType::Timestamp(_, None));
    let fields = schema.fields().iter().enumerate();
    let times: Vec<usize> =
        fields.filter(|(_, field)| is_time(field)).map(|(index, _)| index).collect();
    let mut found = HashSet::new();
    if times.is_empty() {
        return Ok(found);
    }
    let text = |field: &Arc<Field>| Field::new(field.name(), DataType::Utf8, true);
    let texts = Schema::new(schema.fields().iter().map(text).collect::<Vec<_>>());
    let rows = ReaderBuilder::new(Arc::new(texts))
        .with_format(format.clone())
        .with_projection(times)
        .with_bounds(0, ROWS)
        .build(Decoded::new(open(path, compression)?))
        .map_err(|error| Error::query(error.to_string()))?;
    // What is no row is complained of when the file is read.
    for batch in rows.map_while(std::result::Result::ok) {
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            let mut values = column.as_string::<i32>().iter().flatten();
            if values.any(names_zone) {
                found.insert(field.name().clone());
            }
        }
    }
    Ok(found)
}

/// Whether something follows the seconds of a time: `2012-08-27T10:00:00.5+08:00`.
fn names_zone(time: &str) -> bool {
    let behind = time.get("2012-08-27T10:00:00".len()..).unwrap_or_default();
    !behind.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit()).trim().is_empty()
}

/// What stands between the columns of the file at `path`: of the usual ones that
/// which its header has most; a comma if it has none, or cannot be read.
fn delimiter(path: &Path, compression: FileCompressionType) -> u8 {
    let mut header = Vec::new();
    let read = open(path, compression).map(|read| {
        let _ = BufReader::new(Decoded::new(read).take(HEADER)).read_until(b'\n', &mut header);
    });
    let mut quoted = false;
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0), (b'|', 0)];
    for byte in header {
        quoted ^= byte == b'"';
        if let Some((_, count)) = counts.iter_mut().find(|(usual, _)| *usual == byte && !quoted) {
            *count += 1;
        }
    }
    let most = counts.iter().rev().max_by_key(|(_, count)| *count);
    most.filter(|(_, count)| *count > 0 && read.is_ok()).map_or(b',', |(delimiter, _)| *delimiter)
}

fn open(path: &Path, compression: FileCompressionType) -> Result<Box<dyn Read + Send>> {
    let file = File::open(path).map_err(|error| Error::io("read", path, &error))?;
    compression.convert_read(file).map_err(|error| Error::query(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

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
