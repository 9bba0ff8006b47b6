//! A Markdown table, for notes and issue trackers.
//!
//! Line ends become `<br>`; signs that would be markup or hide something are
//! escaped or shown.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

use super::output::Output;
use super::plain::{is_number, plain_cell};
use super::safe_text::visible;
use super::value::columns;
use super::{BatchWriter, Format, Options, Sink};
use crate::error::Result;

/// A Markdown table.
pub(crate) const MARKDOWN: Format = Format {
    name: "markdown",
    aliases: &["md"],
    suffixes: &["md"],
    summary: "a Markdown table",
    for_people: false,
    open,
};

struct Writer {
    output: Output,
    null: String,
}

fn open(to: Sink, schema: &SchemaRef, options: &Options) -> Result<Box<dyn BatchWriter>> {
    let mut output = Output::new(to);
    for field in schema.fields() {
        push_cell(&mut output.text, field.name());
    }
    output.text.push_str("|\n");
    for field in schema.fields() {
        output.text.push_str(if is_number(field.data_type()) { "| ---: " } else { "| --- " });
    }
    output.text.push_str("|\n");
    Ok(Box::new(Writer { output, null: options.null.clone() }))
}

impl BatchWriter for Writer {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = columns(batch)?;
        for row in 0..batch.num_rows() {
            for column in &columns {
                let cell = plain_cell(column, row);
                push_cell(&mut self.output.text, cell.as_ref().unwrap_or(&self.null));
            }
            self.output.text.push_str("|\n");
            self.output.spill()?;
        }
        self.output.flush()
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.output.flush()
    }
}

fn push_cell(out: &mut String, text: &str) {
    out.push_str("| ");
    for (index, line) in text.lines().enumerate() {
        out.push_str(if index == 0 { "" } else { "<br>" });
        for c in visible(line).chars() {
            match c {
                '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' => out.extend(['\\', c]),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '&' => out.push_str("&amp;"),
                _ => out.push(c),
            }
        }
    }
    out.push(' ');
}
