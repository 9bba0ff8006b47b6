//! Rows as SQL literals, to be put into VALUES or IN.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

use super::insert::push_literals;
use super::output::Output;
use super::value::columns;
use super::{BatchWriter, Format, Options, Sink};
use crate::error::Result;

/// SQL literals.
pub(crate) const QUOTE: Format = Format {
    name: "quote",
    aliases: &[],
    suffixes: &[],
    summary: "SQL literals, one row a line, to be put into VALUES or IN",
    for_people: false,
    open,
};

struct Writer {
    output: Output,
    is_first: bool,
}

fn open(to: Sink, _schema: &SchemaRef, _options: &Options) -> Result<Box<dyn BatchWriter>> {
    Ok(Box::new(Writer { output: Output::new(to), is_first: true }))
}

impl BatchWriter for Writer {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = columns(batch)?;
        // A single column is what IN takes, rows of several what VALUES takes.
        let (open, close) = if columns.len() == 1 { ("", "") } else { ("(", ")") };
        for row in 0..batch.num_rows() {
            let out = &mut self.output.text;
            out.push_str(if self.is_first { "" } else { ",\n" });
            self.is_first = false;
            out.push_str(open);
            push_literals(out, &columns, row);
            out.push_str(close);
            self.output.spill()?;
        }
        self.output.flush()
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        if !self.is_first {
            self.output.text.push('\n');
        }
        self.output.flush()
    }
}
