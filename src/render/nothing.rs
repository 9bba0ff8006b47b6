//! No output: a query runs to its end, and its rows are only counted.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

use super::{BatchWriter, Format, Options, Sink};
use crate::error::Result;

/// No output.
pub(crate) const NULL: Format = Format {
    name: "null",
    aliases: &["trash"],
    suffixes: &[],
    summary: "nothing: the query runs to its end, which is what to time",
    for_people: false,
    open,
};

struct Writer;

fn open(_to: Sink, _schema: &SchemaRef, _options: &Options) -> Result<Box<dyn BatchWriter>> {
    Ok(Box::new(Writer))
}

impl BatchWriter for Writer {
    fn write(&mut self, _batch: &RecordBatch) -> Result<()> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
