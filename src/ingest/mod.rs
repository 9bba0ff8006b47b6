//! Foreign files to rows: one file per format, which knows nothing of the store.
//!
//! [`read`] opens a [`Source`], undoes its container and encoding, asks every
//! [`Format`] of [`FORMATS`] whether it knows the content, and lets the one that
//! does push rows into a [`Sink`].

mod ahead;
mod binary;
mod column;
mod describe;
mod draft;
mod encoding;
mod expand;
mod fields;
mod formats;
mod fresh;
mod head;
mod input;
mod json;
mod line_ends;
mod mapping;
mod packing;
mod recognise;
mod record;
mod records;
mod source;
mod table;
mod walk;

use std::io;

use crate::error::{Error, Result};
use ahead::Ahead;
pub(crate) use column::own_name;
pub use column::{Column, Field, Part};
pub use describe::{Described, describe};
pub(crate) use encoding::Decoded;
pub use expand::{Expanded, expand};
pub use formats::{FORMATS, Format};
pub use head::Head;
pub use input::Input;
pub(crate) use json::{Records, elements_only, is_lines};
pub(crate) use packing::Packing;
use recognise::Choice;
pub use record::{Account, AccountCounts, Instant, Post, PostCounts, Row, Text};
pub use source::{Position, Source};
pub(crate) use walk::{Named, named};

/// What a Parquet file begins with.
const PARQUET: &[u8] = b"PAR1";

/// The most bytes that one record of a file may have.
pub const MAX_RECORD: usize = 64 * 1024 * 1024;

/// How a person wants files to be read; everything may be left open.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The name of the format, or the path of a mapping file that ends in
    /// `.toml`, instead of recognising the format.
    pub format: Option<String>,
    /// The account of posts in files that do not name it.
    pub account_id: Option<String>,
    /// The service, instead of the one that the format is of.
    pub platform: Option<String>,
    /// When the source looked, which `10分钟前` counts from; otherwise the time
    /// at which the file was last changed.
    pub observed_at: Option<Instant>,
    /// Whether to take posts that were not public.
    pub private: bool,
}

/// What is known of a file when all of it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The name of the format it was read as.
    pub format: &'static str,
    /// The SHA-256 of its bytes as they lie there, in lowercase hexadecimal
    /// digits.
    pub sha256: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// The columns, or keys of flat JSON, that the format does not know, so that
    /// nothing was taken from them.
    pub left_out: Vec<String>,
    /// Whether it is a table whose last row has no line end. Many programs write
    /// none; but a row that was cut within its last number looks the same.
    pub is_unended: bool,
}

/// Receives what a format reads, in the order of the file.
///
/// Every record of a file ends in exactly one call of `record`, `skip` or
/// `reject`; their sum is the number of rows read. The first record of a file
/// is row 1; in a CSV file that is its header, which is in no call.
pub trait Sink {
    /// Takes all rows that one record of the file gave; the first is the record
    /// itself, the others are nested in it (a reposted original, its account).
    ///
    /// # Errors
    /// When the rows cannot be written; the format stops and passes it on.
    fn record(&mut self, row: u64, rows: Vec<Row<'_>>) -> Result<()>;

    /// Takes note of the header that names the columns of the records to come.
    ///
    /// # Errors
    /// As for [`Sink::record`].
    fn header(&mut self, _raw: &[u8]) -> Result<()> {
        Ok(())
    }

    /// Takes note of a record that carries nothing: a blank row or a repeated
    /// header.
    ///
    /// # Errors
    /// As for [`Sink::record`].
    fn skip(&mut self, row: u64) -> Result<()>;

    /// Keeps a record that cannot be taken.
    ///
    /// # Errors
    /// As for [`Sink::record`].
    fn reject(&mut self, refusal: Refusal<'_>) -> Result<()>;
}

/// A record that cannot be taken.
#[derive(Debug)]
pub struct Refusal<'a> {
    /// Its number in the file.
    pub row: u64,
    /// The line on which it begins, from 1, in a file that has lines.
    pub line: Option<u64>,
    /// Why it is not taken.
    pub reason: String,
    /// Its bytes as they lie in the file.
    pub raw: &'a [u8],
}

/// Reads all of a source into a sink.
///
/// # Errors
/// When the source cannot be read to its end, its content is of no known format
/// ([`Kind::Format`](crate::Kind::Format)), or the sink fails. A record that
/// makes no sense is no error.
pub fn read(source: Source, options: &Options, sink: &mut dyn Sink) -> Result<Reading> {
    let name = source.name().to_owned();
    let position = source.position();
    let now = options.observed_at.or(source.modified_at());
    let beside = source.beside();
    let raw = source.into_raw()?;
    let sum = raw.sum();
    let failed =
        |error: io::Error| Error::input(format!("cannot read: {error}")).in_file(name.clone());
    let content = raw.unpacked().and_then(Ahead::new).map_err(failed)?;
    let (magic, content) = source::peek(content, binary::LENGTH).map_err(failed)?;
    let is_parquet = magic.starts_with(PARQUET);
    let decode = if is_parquet { Decoded::verbatim } else { Decoded::new };
    let content = decode(content);
    let encoding = content.encoding();
    let (start, mut content) = source::peek(content, head::LENGTH).map_err(failed)?;
    let head = Head::new(&start);
    drop(start);
    let choice = recognise::choose(&head, binary::kind(&magic), options, &name)?;
    let (mut left_out, mut is_unended) = (Vec::new(), false);
    let input = Input {
        name: &name,
        content: &mut content,
        head: &head,
        encoding,
        options,
        now,
        beside: &beside,
        left_out: &mut left_out,
        is_unended: &mut is_unended,
    };
    let sink = &mut fresh::Fresh::new(sink);
    let format = match choice {
        Choice::Format(format) => {
            (format.read)(input, sink)?;
            format.name
        }
        Choice::Mapping(mapping) => {
            mapping.read(input, sink)?;
            // What a mapping leaves out it does on purpose.
            left_out.clear();
            "mapping"
        }
    };
    // What no record needed still belongs to the checksum.
    io::copy(&mut content, &mut io::sink()).map_err(failed)?;
    Ok(Reading { format, sha256: sum.hex(), bytes: position.bytes(), left_out, is_unended })
}
