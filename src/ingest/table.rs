//! CSV files to rows, by a table of their columns.

use std::io::{self, Read};

use csv::ByteRecord;

use super::column::{Column, Common, Field, Part};
use super::draft::Draft;
use super::encoding::raw;
use super::fields;
use super::input::Input;
use super::record::Row;
use super::{MAX_RECORD, Sink};
use crate::error::{Error, Result, nearest};

/// Bytes of past records that are kept before they are let go at once.
const SLACK: usize = 1024 * 1024;

/// Reads a CSV file whose columns are known: blank rows and repeated headers are
/// skipped, and a header with other known columns is followed from there on. A
/// row that is shorter than the header was cut and is refused, unless it ends
/// just where the columns of a reposted original begin.
pub(super) fn read(
    input: Input<'_>,
    columns: &[Column],
    common: &Common,
    sink: &mut dyn Sink,
) -> Result<()> {
    let Input { left_out, encoding, .. } = input;
    let mut records = Records::new(input.content, input.head.delimiter(), input.name);
    if !records.next()? {
        return Ok(());
    }
    let mut layout = match records.fields() {
        Some(first) if common.headless => Layout::numbered(first.len(), columns),
        Some(header) => Layout::new(&header, columns, input.name)?,
        None => return Err(Error::input("the header is no text").in_file(input.name)),
    };
    left_out.extend(layout.left_out());
    if !common.headless {
        sink.header(&raw(encoding.get(), records.raw()))?;
    }
    // Without a header the first record is one like all others.
    let mut is_read = common.headless;
    while std::mem::take(&mut is_read) || records.next()? {
        let taken = match records.fields() {
            Some(fields) => layout.read(&fields, columns, common),
            None => Taken::Refused("bytes that are no text in the file's encoding".to_owned()),
        };
        match taken {
            Taken::Rows(rows) => sink.record(records.row, rows)?,
            Taken::Nothing => sink.skip(records.row)?,
            Taken::Header(other) => {
                layout = other;
                sink.header(&raw(encoding.get(), records.raw()))?;
                sink.skip(records.row)?;
            }
            Taken::Refused(reason) => {
                sink.reject(records.row, reason, &raw(encoding.get(), records.raw()))?;
            }
        }
    }
    records.check_end()
}

/// A header's cell without what spreadsheets put around it.
pub(super) fn column_name(cell: &[u8]) -> String {
    fields::bare(&String::from_utf8_lossy(cell)).to_owned()
}

/// Which column each field of a record is.
struct Layout<'a> {
    header: Vec<String>,
    columns: Vec<Option<&'a Column<'a>>>,
    /// The fewest fields of a row: all from which something is taken.
    full: usize,
    /// The fields of a row that passes on no other post.
    own: Option<usize>,
}

/// What became of a record.
enum Taken<'a, 'r> {
    Rows(Vec<Row<'r>>),
    Nothing,
    Header(Layout<'a>),
    Refused(String),
}

impl<'a> Layout<'a> {
    fn new(header: &[&str], columns: &'a [Column<'a>], file: &str) -> Result<Self> {
        let layout = Self::of(header, columns);
        for needed in columns.iter().filter(|column| column.required) {
            if !layout.columns.iter().flatten().any(|column| column.name == needed.name) {
                return Err(missing(needed.name, header).in_file(file).at_line(1));
            }
        }
        Ok(layout)
    }

    fn of(header: &[&str], columns: &'a [Column<'a>]) -> Self {
        let find = |cell: &&str| columns.iter().find(|column| column.name == fields::bare(cell));
        let columns: Vec<Option<&Column>> = header.iter().map(find).collect();
        let is_taken =
            |column: &Option<&Column>| column.is_some_and(|column| column.field != Field::Ignored);
        let full = columns.iter().rposition(is_taken).map_or(0, |last| last + 1);
        let is_origin =
            |column: &Option<&Column>| column.is_some_and(|column| column.part == Part::Origin);
        let own = columns.iter().position(is_origin);
        let header = header.iter().map(|&cell| cell.to_owned()).collect();
        Self { header, columns, full, own }
    }

    /// Columns whose names are their numbers, from 1.
    fn numbered(fields: usize, columns: &'a [Column<'a>]) -> Self {
        let names: Vec<String> = (1..=fields).map(|number| number.to_string()).collect();
        Self::of(&names.iter().map(String::as_str).collect::<Vec<_>>(), columns)
    }

    /// The names of the columns from which nothing is taken.
    fn left_out(&self) -> impl Iterator<Item = String> {
        let named = self.header.iter().map(|cell| fields::bare(cell)).zip(&self.columns);
        named
            .filter(|(name, column)| !name.is_empty() && column.is_none())
            .map(|(name, _)| name.to_owned())
    }

    fn read<'r>(
        &self,
        record: &[&'r str],
        columns: &'a [Column<'a>],
        common: &'r Common,
    ) -> Taken<'a, 'r> {
        if record.iter().all(|field| fields::spoken(field).is_none()) {
            return Taken::Nothing;
        }
        if !common.headless
            && let Some(other) = self.other(record, columns)
        {
            return Taken::Header(other);
        }
        match self.rows(record, common) {
            Ok(rows) => Taken::Rows(rows),
            Err(reason) => Taken::Refused(reason),
        }
    }

    /// The record as a header, if it is one: crawlers write theirs again each
    /// time they append.
    fn other(&self, record: &[&str], columns: &'a [Column<'a>]) -> Option<Self> {
        let first = fields::bare(record.first()?);
        let first_of_header = self.header.first().map(|cell| fields::bare(cell));
        if first_of_header != Some(first) && !columns.iter().any(|column| column.name == first) {
            return None;
        }
        let is_header = self.header == record || {
            let other = Self::of(record, columns);
            let needed = columns.iter().filter(|column| column.required);
            other.columns.iter().all(Option::is_some)
                && needed
                    .clone()
                    .all(|column| record.iter().any(|cell| fields::bare(cell) == column.name))
        };
        is_header.then(|| Self::of(record, columns))
    }

    fn rows<'r>(&self, record: &[&'r str], common: &'r Common) -> Result<Vec<Row<'r>>, String> {
        let mut beyond = record.iter().skip(self.columns.len());
        let is_cut = record.len() < self.full && Some(record.len()) != self.own;
        if is_cut || beyond.any(|field| fields::spoken(field).is_some()) {
            let (found, named) = (record.len(), self.columns.len());
            return Err(format!("{found} fields, and the header has {named}"));
        }
        let mut draft = Draft::new(common);
        for (field, column) in record.iter().zip(&self.columns) {
            if let Some(column) = column {
                draft.set(column, *field)?;
            }
        }
        draft.finish()
    }
}

fn missing(needed: &str, header: &[&str]) -> Error {
    let error = Error::input(format!("no column `{needed}`"));
    match nearest(needed, header.iter().map(|cell| fields::bare(cell))) {
        Some(name) => error.hint(format!("is it the column `{name}`?")),
        None => {
            let columns: Vec<&str> = header.iter().map(|cell| fields::bare(cell)).collect();
            let columns = columns.join(", ");
            error.hint(format!(
                "the columns are {columns}; for a file without a header, write a mapping file with header = false"
            ))
        }
    }
}

/// The records of a CSV file, each with the bytes it was read from.
struct Records<R> {
    reader: csv::Reader<Tail<R>>,
    file: String,
    delimiter: u8,
    record: ByteRecord,
    /// The number of the current record; the header is 1.
    row: u64,
    start: u64,
    end: u64,
}

impl<R: Read> Records<R> {
    fn new(content: R, delimiter: u8, file: &str) -> Self {
        let tail = Tail { inner: content, bytes: Vec::new(), from: 0, needed: 0 };
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .buffer_capacity(64 * 1024)
            .from_reader(tail);
        let record = ByteRecord::new();
        Self { reader, file: file.to_owned(), delimiter, record, row: 0, start: 0, end: 0 }
    }

    /// Reads the next record, if there is one.
    fn next(&mut self) -> Result<bool> {
        self.reader.get_mut().needed = self.end;
        let is_there = match self.reader.read_byte_record(&mut self.record) {
            Ok(is_there) => is_there,
            Err(error) => match error.into_kind() {
                csv::ErrorKind::Io(error) => return Err(self.failed(&error)),
                other => return Err(self.failed(&io::Error::other(format!("{other:?}")))),
            },
        };
        if !is_there {
            return Ok(false);
        }
        self.start = self.end;
        self.end = self.reader.position().byte();
        self.row += 1;
        Ok(true)
    }

    /// The fields of the current record; none if they are not all text.
    fn fields(&self) -> Option<Vec<&str>> {
        self.record.iter().map(|field| simdutf8::basic::from_utf8(field).ok()).collect()
    }

    /// The bytes of the current record, decoded, without its line ends.
    fn raw(&self) -> &[u8] {
        let bytes = self.reader.get_ref().slice(self.start, self.end);
        let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let first = bytes.iter().position(|byte| !is_end(byte)).unwrap_or(0);
        let last = bytes.iter().rposition(|byte| !is_end(byte)).map_or(first, |last| last + 1);
        &bytes[first..last]
    }

    /// Refuses a file that ends inside quotes.
    fn check_end(&self) -> Result<()> {
        if !ends_in_quotes(self.raw(), self.delimiter) {
            return Ok(());
        }
        Err(Error::input("the file ends inside a quoted field that opened in this row")
            .in_file(self.file.clone())
            .at_line(self.row)
            .hint("the file is cut short, or a quote is missing; get the whole file"))
    }

    fn failed(&self, error: &io::Error) -> Error {
        Error::input(format!("cannot read on: {error}"))
            .in_file(self.file.clone())
            .at_line(self.row + 1)
    }
}

/// Whether the bytes of a record end within a quoted field. A quote opens a
/// field only at its start, as for the `csv` crate.
fn ends_in_quotes(record: &[u8], delimiter: u8) -> bool {
    let (mut at_start, mut quoted) = (true, false);
    let mut bytes = record.iter().peekable();
    while let Some(&byte) = bytes.next() {
        if quoted {
            quoted = byte != b'"' || bytes.next_if(|&&next| next == b'"').is_some();
        } else {
            quoted = at_start && byte == b'"';
            at_start = byte == delimiter;
        }
    }
    quoted
}

/// A reader that keeps what it read until the record is done with.
struct Tail<R> {
    inner: R,
    bytes: Vec<u8>,
    /// The position of the first byte kept.
    from: u64,
    /// The position of the first byte still needed.
    needed: u64,
}

impl<R> Tail<R> {
    fn slice(&self, start: u64, end: u64) -> &[u8] {
        let index = |position: u64| {
            usize::try_from(position.saturating_sub(self.from)).unwrap_or(usize::MAX)
        };
        self.bytes.get(index(start)..index(end)).unwrap_or_default()
    }

    fn let_go(&mut self) {
        let past = usize::try_from(self.needed - self.from).unwrap_or(0).min(self.bytes.len());
        if past >= SLACK {
            self.bytes.drain(..past);
            self.from = self.needed;
        }
    }
}

impl<R: Read> Read for Tail<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(target)?;
        self.let_go();
        self.bytes.extend_from_slice(&target[..length]);
        if self.bytes.len() > MAX_RECORD + SLACK {
            let limit = MAX_RECORD / 1024 / 1024;
            return Err(io::Error::other(format!(
                "a record is longer than {limit} MiB; a quote may be missing"
            )));
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::ends_in_quotes;

    #[test]
    fn a_quote_that_opens_a_field_must_close() {
        for (record, open) in [
            (r#"a,"b"#, true),
            (r#"a,"b"""#, true),
            (r#""#, false),
            (r#"a,"b""#, false),
            (r#"a,b"c"#, false),
            (r#"a,"b""c""#, false),
            (r#"a,"b"x"#, false),
            ("a,\"b\nc", true),
        ] {
            assert_eq!(ends_in_quotes(record.as_bytes(), b','), open, "{record}");
        }
    }
}
