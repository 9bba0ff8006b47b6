//! Reads rows of data files back, in the shape of their table.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, new_null_array};
use datafusion::arrow::compute::{cast, filter_record_batch};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection,
};
use datafusion::parquet::file::metadata::{PageIndexPolicy, RowGroupMetaData};

use super::DataFile;
use super::errors::{arrow, parquet};
use super::keys::{Keys, key_hashes};
use crate::error::{Error, Result};
use crate::model::Table;

/// Rows that are read at a time, at most.
const BATCH_ROWS: usize = 8 * 1024;

/// Bytes of rows that are read at a time, about.
const BATCH_BYTES: i64 = 32 << 20;

/// The rows of a data file, or some of them.
pub(super) struct Rows<'a> {
    table: &'static Table,
    file: &'a DataFile,
    schema: SchemaRef,
    reader: ParquetRecordBatchReader,
}

impl<'a> Rows<'a> {
    /// All rows of `file`.
    pub(super) fn all(table: &'static Table, file: &'a DataFile) -> Result<Self> {
        Self::open(table, file, None)
    }

    /// The rows of `file` with the given numbers, which are in order.
    pub(super) fn some(table: &'static Table, file: &'a DataFile, numbers: &[u32]) -> Result<Self> {
        let ranges = numbers.chunk_by(|a, b| a + 1 == *b).map(|run| {
            let first = run[0] as usize;
            first..first + run.len()
        });
        let rows = usize::try_from(file.rows).unwrap_or(usize::MAX);
        let selection = RowSelection::from_consecutive_ranges(ranges, rows);
        Self::open(table, file, Some(selection))
    }

    /// The selected rows of `file`, or all of them.
    fn open(
        table: &'static Table,
        file: &'a DataFile,
        selection: Option<RowSelection>,
    ) -> Result<Self> {
        let failed = |error| parquet("read", &file.path, error);
        let mut builder = builder(file)?;
        if let Some(selection) = selection {
            builder = builder.with_row_selection(selection);
        }
        let batch_rows = batch_rows(&builder);
        let reader = builder.with_batch_size(batch_rows).build().map_err(failed)?;
        Ok(Self { table, file, schema: table.schema(), reader })
    }
}

/// How many rows are read at a time: fewer where they are long.
fn batch_rows(builder: &ParquetRecordBatchReaderBuilder<File>) -> usize {
    let groups = builder.metadata().row_groups();
    let bytes: i64 = groups.iter().map(RowGroupMetaData::total_byte_size).sum();
    let rows: i64 = groups.iter().map(RowGroupMetaData::num_rows).sum();
    let average = bytes.checked_div(rows).unwrap_or(0).max(1);
    usize::try_from(BATCH_BYTES / average).unwrap_or(1).clamp(1, BATCH_ROWS)
}

impl Iterator for Rows<'_> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next()?;
        let path = &self.file.path;
        Some(match batch {
            Ok(batch) => conform(self.table, &self.schema, path, &batch),
            Err(error) => Err(Error::store(format!("cannot read {}: {error}", path.display()))),
        })
    }
}

/// Opens a data file.
fn builder(file: &DataFile) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let opened = file.open()?;
    // The types are those of Parquet itself: plain strings, whose values are
    // copied, so that a few rows do not hold whole pages in memory.
    let options = ArrowReaderOptions::new()
        .with_skip_arrow_metadata(true)
        .with_page_index_policy(PageIndexPolicy::Optional);
    ParquetRecordBatchReaderBuilder::try_new_with_options(opened, options)
        .map_err(|error| parquet("read", &file.path, error))
}

/// The batch in the shape of its table.
fn conform(
    table: &'static Table,
    schema: &SchemaRef,
    path: &Path,
    batch: &RecordBatch,
) -> Result<RecordBatch> {
    let wrong = || Error::store(format!("{} has other columns than its table", path.display()));
    let columns: Result<Vec<ArrayRef>> = table
        .columns
        .iter()
        .map(|column| {
            match batch.column_by_name(column.name) {
                Some(values) => cast(values, &column.kind.data_type()).map_err(arrow),
                // A file of an earlier version, which did not have the column.
                None if column.nullable => {
                    Ok(new_null_array(&column.kind.data_type(), batch.num_rows()))
                }
                None => Err(wrong()),
            }
        })
        .collect();
    RecordBatch::try_new(SchemaRef::clone(schema), columns?).map_err(|_| wrong())
}

/// The hashes of the keys of a data file, row by row, as they are read.
pub(super) fn hashes(
    table: &'static Table,
    file: &DataFile,
) -> Result<impl Iterator<Item = Result<Vec<u64>>>> {
    let builder = builder(file)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), table.key.iter().copied());
    let reader = builder
        .with_projection(mask)
        .with_batch_size(BATCH_ROWS)
        .build()
        .map_err(|error| parquet("read", &file.path, error))?;
    Ok(reader.map(|batch| {
        let batch = batch.map_err(arrow)?;
        let columns: Result<Vec<ArrayRef>> = table
            .key
            .iter()
            .filter_map(|name| Some((batch.column_by_name(name)?, table.column(name)?)))
            .map(|(values, column)| cast(values, &column.kind.data_type()).map_err(arrow))
            .collect();
        key_hashes(&columns?)
    }))
}

/// The keys of a data file.
pub(super) fn keys(table: &'static Table, file: &DataFile) -> Result<Keys> {
    let mut all = Vec::with_capacity(usize::try_from(file.rows).unwrap_or(0));
    for part in hashes(table, file)? {
        all.extend(part?);
    }
    Keys::new(all)
}

/// How many rows a data file says it has.
pub(super) fn count(file: &DataFile) -> Result<u64> {
    let rows = builder(file)?.metadata().file_metadata().num_rows();
    u64::try_from(rows).map_err(|_| Error::store(format!("{} is damaged", file.path.display())))
}

/// The rows of `batch` that `keep` marks.
pub(super) fn keep_rows(batch: &RecordBatch, keep: &BooleanArray) -> Result<RecordBatch> {
    filter_record_batch(batch, keep).map_err(arrow)
}

/// The batch with texts of its own, not views into larger buffers.
pub(super) fn compact(batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch.columns().iter().map(own_texts).collect();
    RecordBatch::try_new(batch.schema(), columns).map_err(arrow)
}

/// The column with texts of its own, without those of other rows that its buffers hold: a
/// few rows of many would else keep, and write, all of their texts.
pub(crate) fn own_texts(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Utf8View => Arc::new(column.as_string_view().gc()),
        DataType::BinaryView => Arc::new(column.as_binary_view().gc()),
        _ => Arc::clone(column),
    }
}
