//! The import formats, one file each.

mod scrape;
mod weibospider_csv;
mod weiku_csv;
mod weiku_jsonl;

use super::Sink;
use super::column::Column;
use super::head::Head;
use super::input::Input;
use crate::error::Result;

/// One kind of foreign file.
#[derive(Debug)]
pub struct Format {
    /// The name for `--format`.
    pub name: &'static str,
    /// Where such files come from, in a sentence.
    pub summary: &'static str,
    /// The columns, or for JSON the keys, and where their values go.
    pub columns: &'static [Column],
    /// Whether a file that begins so is of this format.
    pub recognise: fn(&Head) -> bool,
    /// Reads a file of this format to its end.
    pub read: fn(Input<'_>, &mut dyn Sink) -> Result<()>,
}

/// All formats, in the order in which they are asked whether they know a file.
pub const FORMATS: &[Format] =
    &[weibospider_csv::FORMAT, scrape::FORMAT, weiku_csv::FORMAT, weiku_jsonl::FORMAT];

/// Whether a table has all columns by which a format is recognised.
fn has_required(head: &Head, columns: &[Column]) -> bool {
    columns.iter().filter(|column| column.required).all(|column| head.has_columns(&[column.name]))
}
