//! Batches to bytes: one file per format, synchronous.
//!
//! Every format is an entry of [`FORMATS`]; help, completion and the suffixes of
//! `-o` are read from there.

use std::io::Write;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

use crate::error::Result;

/// One output format.
#[derive(Debug)]
pub struct Format {
    /// The name for `--format` and `.mode`.
    pub name: &'static str,
    /// The file suffixes that choose it, without the dot.
    pub suffixes: &'static [&'static str],
    /// What it is for, in a sentence.
    pub summary: &'static str,
    /// Whether it is for people on a terminal: it may elide rows and columns,
    /// and always names what it left out.
    pub for_people: bool,
    /// Starts an output of batches of the schema.
    pub open: fn(Box<dyn Write + Send>, &SchemaRef, &Options) -> Result<Box<dyn BatchWriter>>,
}

/// Takes batches one after another and writes them out.
pub trait BatchWriter: Send {
    /// Writes one batch.
    ///
    /// # Errors
    /// When the output cannot be written.
    fn write(&mut self, batch: &RecordBatch) -> Result<()>;

    /// Writes what is left: footers, closing brackets, buffered rows.
    ///
    /// # Errors
    /// As for [`BatchWriter::write`].
    fn finish(self: Box<Self>) -> Result<()>;
}

/// How values are shown.
#[derive(Debug, Clone)]
pub struct Options {
    /// Cells across the terminal; `None` when there is no terminal to fit.
    pub width: Option<usize>,
    /// Most rows that a format for people shows; the true count is always said.
    pub max_rows: usize,
    /// Whether to use colour.
    pub color: bool,
    /// How NULL is shown by formats for people.
    pub null: String,
    /// Whether machine formats write a header.
    pub header: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { width: None, max_rows: 40, color: false, null: "NULL".to_owned(), header: true }
    }
}

/// All output formats.
pub const FORMATS: &[&Format] = &[];

/// The format called `name`.
///
/// # Errors
/// When there is none; the error names the nearest.
pub fn format(name: &str) -> Result<&'static Format> {
    FORMATS.iter().copied().find(|format| format.name == name).ok_or_else(|| {
        let error = crate::Error::usage(format!("no output format `{name}`"));
        match crate::error::nearest(name, FORMATS.iter().map(|format| format.name)) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("`weiku --help` lists the formats"),
        }
    })
}
