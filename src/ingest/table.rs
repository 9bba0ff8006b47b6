//! CSV files to rows, by a table of their columns.

use std::io::{self, Read};

use super::column::{Column, Common, Field, Part};
use super::draft::Draft;
use super::encoding::{ends_within_character, raw};
use super::fields;
use super::input::Input;
use super::record::Row;
use super::records::Records;
use super::{Refusal, Sink};
use crate::error::{Error, Result, nearest};

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
    let Input { left_out, encoding, is_unended, .. } = input;
    let mut content = Ending { content: input.content, last: None };
    let mut records = Records::new(&mut content, input.head.delimiter(), input.name);
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
        let reason = {
            let taken = match records.fields() {
                Some(fields) => layout.read(&fields, columns, common),
                None => Taken::Refused(no_text(records.raw()).to_owned()),
            };
            match taken {
                Taken::Refused(reason) => reason,
                Taken::Rows(rows) => {
                    sink.record(records.row, rows)?;
                    continue;
                }
                Taken::Nothing => {
                    sink.skip(records.row)?;
                    continue;
                }
                Taken::Header(other) => {
                    layout = other;
                    sink.header(&raw(encoding.get(), records.raw()))?;
                    sink.skip(records.row)?;
                    continue;
                }
            }
        };
        // Lines are counted only up to records that are refused.
        let (row, line) = (records.row, Some(records.line()));
        let raw = &raw(encoding.get(), records.raw());
        sink.reject(Refusal { row, line, reason, raw })?;
    }
    records.check_end()?;
    let has_rows = common.headless || records.row > 1;
    *is_unended = has_rows && !matches!(content.last, Some(b'\r' | b'\n'));
    Ok(())
}

/// Why a record is not taken whose bytes are no text.
fn no_text(record: &[u8]) -> &'static str {
    if ends_within_character(record) {
        "it ends in the middle of a character: the file seems to be cut"
    } else {
        "bytes that are no text in the file's encoding"
    }
}

/// A reader that remembers its last byte.
struct Ending<R> {
    content: R,
    last: Option<u8>,
}

impl<R: Read> Read for Ending<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let length = self.content.read(target)?;
        self.last = target[..length].last().copied().or(self.last);
        Ok(length)
    }
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
