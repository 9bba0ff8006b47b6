//! A Parquet file with the types of the result, packed with Zstandard.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::WriterProperties;

use super::{BatchWriter, Format, Options, Sink, renamed, unique_schema, write_error};
use crate::error::{Error, Result};

/// A Parquet file.
pub(crate) const PARQUET: Format = Format {
    name: "parquet",
    aliases: &[],
    suffixes: &["parquet", "pq"],
    summary: "a Parquet file, all types kept",
    for_people: false,
    open,
};

/// The most bytes that a row group may take, since it is held in memory until
/// it is whole.
const ROW_GROUP: usize = 128 << 20;

struct Writer {
    inner: ArrowWriter<Sink>,
    schema: SchemaRef,
}

fn open(to: Sink, schema: &SchemaRef, _: &Options) -> Result<Box<dyn BatchWriter>> {
    let schema = unique_schema(schema);
    let properties = WriterProperties::builder()
        .set_max_row_group_bytes(Some(ROW_GROUP))
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by(concat!("weiku ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    let inner = ArrowWriter::try_new(to, SchemaRef::clone(&schema), Some(properties));
    Ok(Box::new(Writer { inner: inner.map_err(|error| translate(&error))?, schema }))
}

impl BatchWriter for Writer {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let batch = renamed(batch, &self.schema)?;
        self.inner.write(&batch).map_err(|error| translate(&error))
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.inner.finish().map_err(|error| translate(&error))?;
        Ok(())
    }
}

fn translate(error: &ParquetError) -> Error {
    match error {
        ParquetError::External(inner) => match inner.downcast_ref::<std::io::Error>() {
            Some(io) => write_error(io),
            None => Error::internal(format!("cannot write Parquet: {inner}")),
        },
        other => Error::query(format!("cannot write the result as Parquet: {other}"))
            .hint("another format may take it, for example jsonl"),
    }
}
