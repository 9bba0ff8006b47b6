//! Batches to bytes: one file per format, synchronous.
//!
//! Every format is an entry of [`FORMATS`]; help, completion and the suffixes of
//! `-o` are read from there. Formats for people make foreign text harmless with
//! [`visible`]; formats for programs are exact to the byte.

mod arrow;
mod boxed;
mod columns;
mod csv;
mod file;
mod fit;
mod harmless;
mod html;
mod insert;
mod json;
mod latex;
mod list;
mod markdown;
mod nothing;
mod output;
mod packing;
mod parquet;
mod plain;
mod quote;
mod readable;
mod safe_text;
mod time;
pub mod value;
mod vertical;
mod window;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;

pub use crate::model::type_name;
pub use file::OutputFile;
pub(crate) use fit::around;
pub use fit::{truncate, wrap};
pub use harmless::harmless;
pub use html::push_escaped;
pub use json::push_json;
pub use output::{is_broken_pipe, write_error};
pub(crate) use packing::{Packer, Packing};
pub use plain::{is_number, plain};
pub use readable::{Readable, group_digits, readable};
pub use safe_text::{visible, visible_lines};
pub use time::Moment;
pub(crate) use time::{civil, date_text, days_from_civil, time_text};

use crate::error::{Error, Result, nearest};
use crate::model;

/// Where a format writes to.
pub type Sink = Box<dyn Write + Send>;

/// One output format.
#[derive(Debug)]
pub struct Format {
    /// The name for `--format` and `.mode`.
    pub name: &'static str,
    /// Other names that people know it by from elsewhere.
    pub aliases: &'static [&'static str],
    /// The file suffixes that choose it, without the dot.
    pub suffixes: &'static [&'static str],
    /// What it is for, in a sentence.
    pub summary: &'static str,
    /// Whether it is for people on a terminal: it may elide rows and columns,
    /// and always names what it left out.
    pub for_people: bool,
    /// Starts an output of batches of the schema.
    pub open: fn(Sink, &SchemaRef, &Options) -> Result<Box<dyn BatchWriter>>,
}

/// Takes batches one after another and writes them out.
pub trait BatchWriter: Send {
    /// Writes one batch.
    ///
    /// # Errors
    /// When the output cannot be written; [`is_broken_pipe`] tells when its
    /// reader has gone, which is a reason to stop and none to complain.
    fn write(&mut self, batch: &RecordBatch) -> Result<()>;

    /// Takes back what [`Options::more`] says: what is left out cannot be seen that
    /// way.
    fn without_more(&mut self) {}

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
    /// Rows that a table shows if they are all, though it would show fewer of more.
    pub whole_rows: usize,
    /// Whether to use colour.
    pub color: bool,
    /// How NULL is shown by formats for people.
    pub null: String,
    /// Whether a table names the types of its columns.
    pub types: bool,
    /// Whether rows of several lines are set off by rules.
    pub rules: bool,
    /// Most lines that one cell of a table takes.
    pub cell_lines: usize,
    /// Lines that all rows of a table share, when their texts have as many.
    pub shared_lines: usize,
    /// How to see what a format for people has left out.
    pub more: Option<String>,
    /// Words that were looked for: a table shows the part of a long text that
    /// holds one, and marks them on colour.
    pub searched: Vec<String>,
    /// The names of the columns that the rows are ordered by: a table too wide for
    /// the terminal keeps them.
    pub ordered: Vec<String>,
    /// Whether the columns were asked for one by one, and not as `*`: of a table too wide
    /// for the terminal the first ones stay, whatever they hold.
    pub listed: bool,
    /// Whether machine formats write a header.
    pub header: bool,
    /// What stands between the columns of CSV and TSV, if not what usually does.
    pub delimiter: Option<char>,
    /// How CSV and TSV write NULL, if not as an empty field.
    pub null_field: Option<String>,
    /// Whether CSV and TSV begin with a byte-order mark, by which Excel knows UTF-8.
    pub mark: bool,
    /// How big numbers are put into words under a result of one row.
    pub readable: Readable,
    /// Whether tables show whole numbers as `10,081`, because they are counts.
    pub grouped: bool,
    /// The table that INSERT statements name.
    pub table: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            width: None,
            max_rows: 40,
            whole_rows: 0,
            color: false,
            null: "NULL".to_owned(),
            types: true,
            rules: true,
            cell_lines: 40,
            shared_lines: 40,
            more: None,
            searched: Vec::new(),
            ordered: Vec::new(),
            listed: false,
            header: true,
            delimiter: None,
            null_field: None,
            mark: false,
            readable: Readable::Off,
            grouped: false,
            table: "result".to_owned(),
        }
    }
}

/// All output formats.
pub const FORMATS: &[&Format] = &[
    &boxed::BOX,
    &boxed::ASCII,
    &vertical::VERTICAL,
    &list::LIST,
    &csv::CSV,
    &csv::TSV,
    &json::JSON,
    &json::JSONL,
    &markdown::MARKDOWN,
    &html::HTML,
    &latex::LATEX,
    &insert::INSERT,
    &quote::QUOTE,
    &nothing::NULL,
    &parquet::PARQUET,
    &arrow::ARROW,
];

/// The format called `name`.
///
/// # Errors
/// When there is none; the error names the nearest.
pub fn format(name: &str) -> Result<&'static Format> {
    let is_called = |format: &&Format| format.name == name || format.aliases.contains(&name);
    FORMATS.iter().copied().find(is_called).ok_or_else(|| {
        let error = Error::usage(format!("no output format `{}`", visible(name)));
        match nearest(name, FORMATS.iter().map(|format| format.name)) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("the formats are {}", names())),
        }
    })
}

/// The format that the suffix of `path` stands for; of a packed file, as `x.csv.gz`,
/// that before the last.
///
/// # Errors
/// When the suffix stands for none, or the name for standard output.
pub fn format_for_suffix(path: &Path) -> Result<&'static Format> {
    file::check_file(path)?;
    let (packing, unpacked) = Packing::of(path);
    let suffix = unpacked.extension().map(|suffix| suffix.to_string_lossy().to_lowercase());
    let known = |suffix: &String| {
        FORMATS.iter().copied().find(|format| format.suffixes.contains(&suffix.as_str()))
    };
    let format = suffix.as_ref().and_then(known).ok_or_else(|| {
        let name = path.display().to_string();
        let suffixes: Vec<&str> =
            FORMATS.iter().flat_map(|format| format.suffixes).copied().collect();
        let error = Error::usage(format!("no output format for the name {}", visible(&name)));
        error.hint(format!(
            "the suffixes are {}; --format or .mode chooses one for any name",
            suffixes.join(", ")
        ))
    })?;
    if packing != Packing::Not && matches!(format.name, "parquet" | "arrow") {
        let name = visible(&unpacked.display().to_string()).into_owned();
        return Err(Error::usage(format!("a file of the format {} is packed inside", format.name))
            .hint(format!("call it {name}")));
    }
    Ok(format)
}

fn names() -> String {
    FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ")
}

/// The names of the columns, told apart: the second `id` is `id_2`. A join
/// gives such columns, and most programs would keep only one of them.
pub(crate) fn unique_names(schema: &Schema) -> Vec<String> {
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    model::unique_names(&names)
}

/// `schema` with its columns told apart, as [`unique_names`] does.
fn unique_schema(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().zip(unique_names(schema));
    let renamed = fields.map(|(field, name)| field.as_ref().clone().with_name(name));
    Arc::new(Schema::new_with_metadata(renamed.collect::<Vec<_>>(), schema.metadata().clone()))
}

/// `batch` under `schema`, which differs in names only.
fn renamed(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let rows = datafusion::arrow::record_batch::RecordBatchOptions::new()
        .with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(SchemaRef::clone(schema), batch.columns().to_vec(), &rows)
        .map_err(|error| value::arrow_error(&error))
}

#[cfg(test)]
mod tests;
