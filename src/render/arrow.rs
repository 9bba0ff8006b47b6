//! An Arrow IPC file (Feather), as other programs map it into memory.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::writer::FileWriter;
use datafusion::arrow::record_batch::RecordBatch;

use super::value::arrow_error;
use super::{BatchWriter, Format, Options, Sink, renamed, unique_schema, write_error};
use crate::error::{Error, Result};

/// An Arrow IPC file.
pub(crate) const ARROW: Format = Format {
    name: "arrow",
    aliases: &[],
    suffixes: &["arrow", "feather", "ipc"],
    summary: "an Arrow IPC (Feather) file, all types kept",
    for_people: false,
    open,
};

struct Writer {
    inner: FileWriter<Sink>,
    schema: SchemaRef,
}

fn open(to: Sink, schema: &SchemaRef, _: &Options) -> Result<Box<dyn BatchWriter>> {
    let schema = unique_schema(schema);
    let inner = FileWriter::try_new(to, &schema).map_err(|error| translate(&error))?;
    Ok(Box::new(Writer { inner, schema }))
}

impl BatchWriter for Writer {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let batch = renamed(batch, &self.schema)?;
        self.inner.write(&batch).map_err(|error| translate(&error))
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.inner.finish().map_err(|error| translate(&error))?;
        self.inner.get_mut().flush().map_err(|error| write_error(&error))
    }
}

fn translate(error: &ArrowError) -> Error {
    match error {
        ArrowError::IoError(_, io) => write_error(io),
        other => arrow_error(other),
    }
}
