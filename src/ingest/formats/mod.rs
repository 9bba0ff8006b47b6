//! The import formats, one file each.

mod jetstream;
mod mastodon;
mod mastodon_outbox;
mod mediacrawler;
mod scrape;
mod weibo_api;
mod weibo_crawler_csv;
mod weibo_crawler_json;
mod weibo_crawler_users;
mod weibo_search;
mod weibospider_csv;
mod weibospider_json;
mod weibospider_txt;
mod weiku;
mod weiku_parquet;
mod x_archive;

use super::Sink;
use super::column::{Column, Common};
use super::head::Head;
use super::input::Input;
use super::{json, table};
use crate::error::Result;

/// One kind of foreign file.
#[derive(Debug)]
pub struct Format {
    /// The name for `--format`.
    pub name: &'static str,
    /// Where such files come from, in a sentence.
    pub summary: &'static str,
    /// The columns, or for JSON the keys, and where their values go.
    pub columns: &'static [Column<'static>],
    /// Columns of other kinds of record, or of objects within one; the name of
    /// each stands after the key that is given first, if any.
    pub more: &'static [(&'static str, &'static [Column<'static>])],
    /// Whether a file that begins so is of this format.
    pub recognise: fn(&Head) -> bool,
    /// Reads a file of this format to its end.
    pub read: fn(Input<'_>, &mut dyn Sink) -> Result<()>,
}

/// All formats, in the order in which they are asked whether they know a file.
pub const FORMATS: &[Format] = &[
    weibo_crawler_csv::FORMAT,
    weibo_crawler_json::FORMAT,
    weibo_crawler_users::FORMAT,
    weibospider_csv::FORMAT,
    weibospider_json::FORMAT,
    weibospider_txt::FORMAT,
    weibo_search::FORMAT,
    mediacrawler::FORMAT,
    weibo_api::FORMAT,
    scrape::FORMAT,
    mastodon::FORMAT,
    mastodon_outbox::FORMAT,
    x_archive::FORMAT,
    jetstream::FORMAT,
    weiku::FORMAT,
    weiku_parquet::FORMAT,
];

/// Whether a file has all columns by which a format is recognised.
fn has_required(head: &Head, columns: &[Column]) -> bool {
    columns.iter().filter(|column| column.required).all(|column| head.has(&[column.name]))
}

/// Reads records that are as flat as a table, in CSV or in JSON.
pub(super) fn read_flat(
    input: Input<'_>,
    columns: &[Column],
    common: &Common,
    sink: &mut dyn Sink,
) -> Result<()> {
    if input.head.is_json() {
        json::read_flat(input, json::elements_only, columns, common, sink)
    } else {
        table::read(input, columns, common, sink)
    }
}
