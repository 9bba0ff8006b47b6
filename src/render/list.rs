//! One row a line with bars between the values, nothing aligned.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

use super::output::Output;
use super::plain::plain_cell;
use super::safe_text::visible;
use super::value::columns;
use super::{BatchWriter, Format, Options, Sink};
use crate::error::Result;

/// Values between bars.
pub(crate) const LIST: Format = Format {
    name: "list",
    aliases: &[],
    suffixes: &[],
    summary: "one row a line, values between bars, for a quick look",
    for_people: true,
    open,
};

struct Writer {
    output: Output,
    null: String,
}

fn open(to: Sink, schema: &SchemaRef, options: &Options) -> Result<Box<dyn BatchWriter>> {
    let mut output = Output::new(to);
    if options.header {
        let names = schema.fields().iter().map(|field| visible(field.name()));
        push_line(&mut output.text, names);
    }
    Ok(Box::new(Writer { output, null: options.null.clone() }))
}

impl BatchWriter for Writer {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = columns(batch)?;
        for row in 0..batch.num_rows() {
            let cells = columns.iter().map(|column| plain_cell(column, row));
            let null = &self.null;
            push_line(
                &mut self.output.text,
                cells.map(|cell| visible(cell.as_deref().unwrap_or(null)).into_owned()),
            );
            self.output.spill()?;
        }
        self.output.flush()
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.output.flush()
    }
}

fn push_line(out: &mut String, cells: impl Iterator<Item = impl AsRef<str>>) {
    for (index, cell) in cells.enumerate() {
        out.push_str(if index == 0 { "" } else { "|" });
        out.push_str(cell.as_ref());
    }
    out.push('\n');
}
