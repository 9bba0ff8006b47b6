//! Writes data files: plain Parquet, sorted, checksummed, synced.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::{SortOptions, interleave_record_batch};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::row::{Row, RowConverter, Rows, SortField};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_writer::ArrowWriterOptions;
use datafusion::parquet::basic::{Compression, Encoding, ZstdLevel};
use datafusion::parquet::file::metadata::SortingColumn;
use datafusion::parquet::file::properties::{
    EnabledStatistics, WriterProperties, WriterPropertiesBuilder,
};
use datafusion::parquet::schema::types::ColumnPath;
use sha2::{Digest, Sha256};

use super::DataFile;
use super::errors::{arrow, parquet};
use super::files;
use super::indexing::Indexing;
use super::statistics::{self, Collector, ColumnRange};
use crate::error::{Error, Result};
use crate::index;
use crate::model::{ColumnKind, Table};

/// Rows of a row group: small enough that a look at few rows reads little.
const ROW_GROUP_ROWS: usize = 128 * 1024;

/// Bytes of a row group, at most: long rows must not fill the memory.
const ROW_GROUP_BYTES: usize = 128 << 20;

/// Rows of a data page. Longer pages are smaller, as each is compressed by itself, but
/// whoever wants one row reads a page.
const PAGE_ROWS: usize = 8 * 1024;

/// How hard the writer of a data file works to make it small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// As far as those who wait for an import do not wait for long.
    Fast,
    /// As far as it pays for what is written once and read for long. It takes
    /// several times as long to write, and no longer to read.
    Tight,
}

impl Packing {
    /// The level of ZSTD.
    const fn level(self) -> i32 {
        match self {
            Self::Fast => 3,
            Self::Tight => 12,
        }
    }
}

/// Rows that are put in order at a time.
const CHUNK_ROWS: usize = 32 * 1024;

/// A data file that is written and synced, but that no log names yet.
#[derive(Debug, Clone)]
pub(super) struct Written {
    /// The file as readers see it.
    pub(super) file: DataFile,
    /// Its name in the table's folder.
    pub(super) name: String,
    /// What is known of each column.
    pub(super) columns: Vec<ColumnRange>,
}

/// Columns with few distinct values, which a dictionary makes small.
const DICTIONARY: &[&str] = &[
    "platform",
    "client",
    "place",
    "account_id",
    "origin_account_id",
    "verified_type",
    "location",
    "organization",
    "level",
    "system",
    "region",
    "style",
    "import_id",
    "file",
    "format",
    "reason",
    "header",
    "taken_by",
];

/// Columns of `posts` in which one value is looked for, in no order.
const BLOOM: &[&str] = &["account_id", "post_id"];

/// How often a bloom filter says that a value may be there which is not: eight
/// bits a value. Filters are as large as a power of two, so the next better ones
/// are twice as large.
const BLOOM_FPP: f64 = 0.025_6;

/// Puts the rows of `batches` in the table's order and writes them to a new
/// data file in `folder`.
pub(super) fn write_sorted(
    table: &'static Table,
    folder: &Path,
    batches: Vec<RecordBatch>,
) -> Result<Written> {
    let mut writer = DataFileWriter::create(table, folder, Packing::Fast)?;
    let order = sorted_order(table, &batches)?;
    let rows: Vec<&RecordBatch> = batches.iter().collect();
    for chunk in order.chunks(CHUNK_ROWS) {
        writer.write(&interleave_record_batch(&rows, chunk).map_err(arrow)?)?;
    }
    // The index takes memory, too, when all rows are there.
    drop((order, batches));
    writer.finish()
}

/// The places of all rows of `batches`, as batch and row, in the table's order.
pub(super) fn sorted_order(
    table: &'static Table,
    batches: &[RecordBatch],
) -> Result<Vec<(usize, usize)>> {
    let converter = sort_converter(table)?;
    let mut keys = converter.empty_rows(batches.iter().map(RecordBatch::num_rows).sum(), 0);
    let mut places = Vec::with_capacity(keys.num_rows());
    for (number, batch) in batches.iter().enumerate() {
        converter.append(&mut keys, &sort_columns(table, batch)).map_err(arrow)?;
        places.extend((0..batch.num_rows()).map(|row| (number, row)));
    }
    if (0..places.len()).is_sorted_by_key(|place| keys.row(place)) {
        return Ok(places);
    }
    let order = order_of(&keys);
    Ok(order.into_iter().map(|(_, place)| places[place]).collect())
}

/// The numbers of all keys in their order; the same ones as they came. Beside
/// each stands the part of the key that tells most of them apart, for looking at
/// the keys themselves means looking all over the memory.
fn order_of(keys: &Rows) -> Vec<(u64, usize)> {
    let first = keys.row(0);
    let shared =
        |key: Row<'_>| first.as_ref().iter().zip(key.as_ref()).take_while(|(a, b)| a == b).count();
    let shared = keys.iter().map(shared).min().unwrap_or(0);
    let telling = |key: Row<'_>| {
        let mut bytes = [0; 8];
        let rest = key.as_ref().get(shared..).unwrap_or_default();
        let length = rest.len().min(bytes.len());
        bytes[..length].copy_from_slice(&rest[..length]);
        u64::from_be_bytes(bytes)
    };
    let mut order: Vec<(u64, usize)> = keys.iter().map(telling).zip(0..).collect();
    order.sort_unstable_by(|(part_a, a), (part_b, b)| {
        part_a.cmp(part_b).then_with(|| keys.row(*a).cmp(&keys.row(*b))).then(a.cmp(b))
    });
    order
}

/// Turns the sort columns of a table into keys that compare as bytes.
pub(super) fn sort_converter(table: &'static Table) -> Result<RowConverter> {
    let fields = table
        .sort
        .iter()
        .filter_map(|sort| {
            let kind = table.column(sort.name)?.kind;
            let options = SortOptions { descending: sort.descending, nulls_first: false };
            Some(SortField::new_with_options(kind.data_type(), options))
        })
        .collect();
    RowConverter::new(fields).map_err(arrow)
}

/// The sort columns of a batch of `table`.
pub(super) fn sort_columns(table: &'static Table, batch: &RecordBatch) -> Vec<ArrayRef> {
    let position = |name| table.index(name);
    let positions = table.sort.iter().filter_map(|sort| position(sort.name));
    positions.map(|position| Arc::clone(batch.column(position))).collect()
}

/// A data file that is being written. Dropping it unfinished removes it.
pub(super) struct DataFileWriter {
    table: &'static Table,
    path: PathBuf,
    name: String,
    packing: Packing,
    writer: Option<ArrowWriter<HashingFile>>,
    collector: Collector,
    index: Option<Indexing>,
}

impl DataFileWriter {
    /// Begins a new data file of `table` in `folder`.
    pub(super) fn create(table: &'static Table, folder: &Path, packing: Packing) -> Result<Self> {
        let index = index::Builder::of(table).map(Indexing::start).transpose()?;
        let name = format!("part-{}.parquet", uuid::Uuid::new_v4());
        let path = folder.join(&name);
        let file = File::create_new(&path).map_err(|error| Error::io("create", &path, &error))?;
        let file = HashingFile {
            inner: BufWriter::with_capacity(1 << 20, file),
            hasher: Sha256::new(),
            size: 0,
        };
        let options = ArrowWriterOptions::new()
            .with_properties(properties(table, packing)?)
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(file, table.schema(), options)
            .map_err(|error| parquet("write", &path, error))?;
        let collector = Collector::new(table);
        Ok(Self { table, path, name, packing, writer: Some(writer), collector, index })
    }

    /// Adds rows, which come after all rows before in the table's order.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if let Some(index) = &self.index {
            index.observe(batch)?;
        }
        self.collector.observe(batch);
        match &mut self.writer {
            Some(writer) => {
                writer.write(batch).map_err(|error| parquet("write", &self.path, error))
            }
            None => Err(Error::internal("a data file is written after its end")),
        }
    }

    /// Rows written so far.
    pub(super) fn rows(&self) -> u64 {
        self.collector.rows()
    }

    /// Ends the file and syncs it.
    pub(super) fn finish(mut self) -> Result<Written> {
        let Some(writer) = self.writer.take() else {
            return Err(Error::internal("a data file is ended twice"));
        };
        if let Some(index) = &mut self.index {
            index.end();
        }
        let finished = writer
            .into_inner()
            .map_err(|error| parquet("write", &self.path, error))
            .and_then(|file| file.finish().map_err(|error| Error::io("write", &self.path, &error)));
        let indexed = finished.and_then(|(size, sha256)| {
            if let Some(index) = self.index.take() {
                write_index(&self.path, &index.finish()?.encode(&sha256))?;
            }
            Ok((size, sha256))
        });
        let (size, sha256) = match indexed {
            Ok(finished) => finished,
            Err(error) => {
                // The write's own failure is what the caller must hear of.
                let _ = discard(&self.path);
                return Err(error);
            }
        };
        let collector = std::mem::replace(&mut self.collector, Collector::new(self.table));
        let (rows, columns) = collector.finish();
        let statistics = Arc::new(statistics::statistics(self.table, rows, size, &columns));
        let path = self.path.clone();
        let is_tight = self.packing == Packing::Tight;
        let sha256 = Some(sha256);
        let file = DataFile { path, size, rows, statistics, sha256, is_tight, bucket: None };
        Ok(Written { file, name: self.name.clone(), columns })
    }
}

impl Drop for DataFileWriter {
    fn drop(&mut self) {
        if self.writer.is_some() {
            // Nothing names the file; the next writer looks for leftovers too.
            let _ = discard(&self.path);
        }
    }
}

/// How the columns of `table` are encoded.
fn properties(table: &Table, packing: Packing) -> Result<WriterProperties> {
    let zstd = Compression::ZSTD(
        ZstdLevel::try_new(packing.level()).map_err(|error| Error::internal(error.to_string()))?,
    );
    let mut builder = WriterProperties::builder()
        .set_created_by(concat!("weiku ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(zstd)
        .set_dictionary_enabled(false)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_sorting_columns(Some(sorting_columns(table)));
    for column in table.columns {
        builder = column_properties(builder, table, column.name, column.kind, packing);
    }
    Ok(builder.build())
}

/// How one column is encoded.
fn column_properties(
    builder: WriterPropertiesBuilder,
    table: &Table,
    name: &str,
    kind: ColumnKind,
    packing: Packing,
) -> WriterPropertiesBuilder {
    let path = match kind {
        ColumnKind::TextList => {
            ColumnPath::from(vec![name.to_owned(), "list".to_owned(), "element".to_owned()])
        }
        _ => ColumnPath::from(name),
    };
    let builder = match kind {
        // Most counts are small and come again and again, but looking each up takes time.
        ColumnKind::Integer if packing == Packing::Tight => {
            builder.set_column_dictionary_enabled(path.clone(), true)
        }
        ColumnKind::Integer | ColumnKind::Instant => {
            builder.set_column_encoding(path.clone(), Encoding::DELTA_BINARY_PACKED)
        }
        ColumnKind::TextList => builder.set_column_dictionary_enabled(path.clone(), true),
        ColumnKind::Text | ColumnKind::Bytes if DICTIONARY.contains(&name) => {
            builder.set_column_dictionary_enabled(path.clone(), true)
        }
        ColumnKind::Text if table.key.contains(&name) || name.ends_with("_id") => {
            builder.set_column_encoding(path.clone(), Encoding::DELTA_BYTE_ARRAY)
        }
        // Long text is read fastest when it lies there plainly, and no page of it is
        // passed over for its first and last text.
        ColumnKind::Text | ColumnKind::Bytes => {
            builder.set_column_statistics_enabled(path.clone(), EnabledStatistics::None)
        }
        ColumnKind::Boolean => builder,
    };
    if table.name == "posts" && BLOOM.contains(&name) {
        builder
            .set_column_bloom_filter_enabled(path.clone(), true)
            .set_column_bloom_filter_fpp(path.clone(), BLOOM_FPP)
            .set_column_bloom_filter_max_ndv(path, ROW_GROUP_ROWS as u64)
    } else {
        builder
    }
}

/// The table's order, as the file's footer states it.
fn sorting_columns(table: &Table) -> Vec<SortingColumn> {
    let leaf = |name| {
        // Lists have one leaf too, so leaves are counted as columns are.
        let position = table.index(name)?;
        i32::try_from(position).ok()
    };
    table
        .sort
        .iter()
        .filter_map(|sort| {
            let column_idx = leaf(sort.name)?;
            Some(SortingColumn { column_idx, descending: sort.descending, nulls_first: false })
        })
        .collect()
}

/// A file that computes the checksum of what is written to it.
struct HashingFile {
    inner: BufWriter<File>,
    hasher: Sha256,
    size: u64,
}

impl HashingFile {
    /// Syncs the file; gives its size and checksum.
    fn finish(self) -> std::io::Result<(u64, String)> {
        let file = self.inner.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok((self.size, hex::encode(self.hasher.finalize())))
    }
}

impl Write for HashingFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

/// Puts the index of the data file at `path` beside it, synced.
pub(super) fn write_index(path: &Path, bytes: &[u8]) -> Result<()> {
    let index = index::path(path);
    files::replace(&index, bytes).map_err(|error| Error::io("write", &index, &error))
}

/// Removes a data file that nothing names, and what lies beside it.
pub(super) fn discard(path: &Path) -> std::io::Result<()> {
    files::remove(&index::path(path))?;
    files::discard(path)
}

/// Makes the names of new data files in `folder` durable.
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    files::sync_folder(folder).map_err(|error| Error::io("sync", folder, &error))
}
