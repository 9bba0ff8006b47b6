//! The scan of JSON files: splits them into records, and these into columns.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::ReaderBuilder;
use datafusion::arrow::json::reader::Decoder;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{GetExt, Statistics, not_impl_err};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::listing::{FileRange, PartitionedFile};
use datafusion::datasource::physical_plan::{
    FileOpenFuture, FileOpener, FileScanConfig, FileScanConfigBuilder, FileSource,
};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::projection::ProjectionExprs;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr, apply_expression_roots};
use futures::{StreamExt, stream};
use object_store::{GetOptions, GetResultPayload, ObjectMeta, ObjectStore};

use super::texts::with_texts;
use crate::catalog::table::foreign;
use crate::error::Error;
use crate::ingest::{Decoded, Records, elements_only};

/// JSON files in one of their forms.
#[derive(Debug, Clone)]
pub(in crate::catalog) struct JsonFiles {
    pub(super) compression: FileCompressionType,
    /// Whether nothing stands around or between the records.
    pub(super) is_lines: bool,
    /// Whether a part of a file can be read by itself.
    pub(super) can_be_split: bool,
    /// Whether a column of texts has values with parts.
    pub(super) holds_json: bool,
}

#[async_trait]
impl FileFormat for JsonFiles {
    fn get_ext(&self) -> String {
        "json".to_owned()
    }

    fn get_ext_with_compression(&self, compression: &FileCompressionType) -> Result<String> {
        Ok(format!("json{}", compression.get_ext()))
    }

    fn compression_type(&self) -> Option<FileCompressionType> {
        Some(self.compression)
    }

    async fn infer_schema(
        &self,
        _state: &dyn Session,
        _store: &Arc<dyn ObjectStore>,
        _objects: &[ObjectMeta],
    ) -> Result<SchemaRef> {
        not_impl_err!("JSON whose columns are not known")
    }

    async fn infer_stats(
        &self,
        _state: &dyn Session,
        _store: &Arc<dyn ObjectStore>,
        table_schema: SchemaRef,
        _object: &ObjectMeta,
    ) -> Result<Statistics> {
        Ok(Statistics::new_unknown(&table_schema))
    }

    async fn create_physical_plan(
        &self,
        _state: &dyn Session,
        config: FileScanConfig,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let config =
            FileScanConfigBuilder::from(config).with_file_compression_type(self.compression);
        Ok(DataSourceExec::from_data_source(config.build()))
    }

    fn file_source(&self, columns: TableSchema) -> Arc<dyn FileSource> {
        Arc::new(JsonSource {
            files: self.clone(),
            projection: SplitProjection::unprojected(&columns),
            columns,
            batch_size: None,
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }
}

/// A scan of such files.
#[derive(Debug, Clone)]
struct JsonSource {
    files: JsonFiles,
    columns: TableSchema,
    projection: SplitProjection,
    batch_size: Option<usize>,
    metrics: ExecutionPlanMetricsSet,
}

impl FileSource for JsonSource {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        _partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let columns = self.columns.file_schema();
        let opener = Opener {
            files: self.files.clone(),
            columns: Arc::new(columns.project(&self.projection.file_indices)?),
            batch_size: self.batch_size.or(config.batch_size).unwrap_or(BATCH),
            store,
        };
        ProjectionOpener::try_new(self.projection.clone(), Arc::new(opener), columns)
    }

    fn table_schema(&self) -> &TableSchema {
        &self.columns
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(Self { batch_size: Some(batch_size), ..self.clone() })
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn try_pushdown_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> Result<Option<Arc<dyn FileSource>>> {
        let merged = self.projection.source.try_merge(projection)?;
        let projection = SplitProjection::new(self.columns.file_schema(), &merged);
        Ok(Some(Arc::new(Self { projection, ..self.clone() })))
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &str {
        "json"
    }

    fn supports_repartitioning(&self) -> bool {
        self.files.can_be_split
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        apply_expression_roots(self.projection.source.iter(), f)
    }
}

/// Rows of a batch, if the session does not say.
const BATCH: usize = 8192;

/// Opens one file after another.
#[derive(Clone)]
struct Opener {
    files: JsonFiles,
    /// The columns that are wanted of the files.
    columns: SchemaRef,
    batch_size: usize,
    store: Arc<dyn ObjectStore>,
}

/// The rows of a file.
type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

impl FileOpener for Opener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let opener = self.clone();
        Ok(Box::pin(async move {
            let location = &file.object_meta.location;
            let found = opener.store.get_opts(location, GetOptions::default()).await?;
            let GetResultPayload::File(content, path) = found.payload else {
                return not_impl_err!("JSON that is no file");
            };
            let batches = opener.batches(content, path, file.range.as_ref())?;
            Ok(stream::iter(batches).boxed())
        }))
    }
}

impl Opener {
    fn batches(&self, content: File, path: PathBuf, part: Option<&FileRange>) -> Result<Batches> {
        let builder = ReaderBuilder::new(Arc::clone(&self.columns))
            .with_batch_size(self.batch_size)
            .with_coerce_primitive(true);
        if let Some(part) = part {
            let lines = lines(content, part);
            let lines = lines.map_err(|error| foreign(Error::io("read", &path, &error)))?;
            return read_lines(builder, lines, path);
        }
        let text = Decoded::new(self.files.compression.convert_read(content)?);
        if self.files.is_lines {
            return read_lines(builder, BufReader::with_capacity(BUFFER, text), path);
        }
        Ok(Box::new(Split {
            records: Records::new(text, "", elements_only, false),
            decoder: builder.build_decoder()?,
            columns: Arc::clone(&self.columns),
            holds_json: self.files.holds_json,
            batch_size: self.batch_size,
            path,
            is_over: false,
        }))
    }
}

/// Bytes that are read at once.
const BUFFER: usize = 256 << 10;

fn read_lines(
    builder: ReaderBuilder,
    lines: impl BufRead + Send + 'static,
    path: PathBuf,
) -> Result<Batches> {
    let batches = builder.build(lines)?;
    Ok(Box::new(batches.map(move |batch| batch.map_err(|error| foreign(unread(&path, &error))))))
}

/// The lines that begin in a part of a file.
fn lines(mut file: File, part: &FileRange) -> io::Result<BufReader<io::Take<File>>> {
    let begin = line_from(&mut file, part.start)?;
    let end = line_from(&mut file, part.end)?;
    file.seek(SeekFrom::Start(begin))?;
    Ok(BufReader::with_capacity(BUFFER, file.take(end.saturating_sub(begin))))
}

/// Where the first line begins at `place` or behind it.
fn line_from(file: &mut File, place: i64) -> io::Result<u64> {
    let Some(before) = u64::try_from(place).unwrap_or(0).checked_sub(1) else { return Ok(0) };
    file.seek(SeekFrom::Start(before))?;
    let passed = BufReader::new(file).skip_until(b'\n')?;
    Ok(before + u64::try_from(passed).unwrap_or(u64::MAX - before))
}

/// Records that stand in an array, or over many lines, as batches.
struct Split<R> {
    records: Records<'static, R>,
    decoder: Decoder,
    columns: SchemaRef,
    holds_json: bool,
    batch_size: usize,
    path: PathBuf,
    is_over: bool,
}

impl<R: Read> Split<R> {
    fn batch(&mut self) -> crate::Result<Option<RecordBatch>> {
        let mut lines = None;
        let file = || self.path.display().to_string();
        while self.decoder.len() < self.batch_size {
            let found = self.records.next().map_err(|error| error.in_file(file()))?;
            let Some(found) = found else { break };
            let (first, _) = lines.unwrap_or((found.line, found.line));
            lines = Some((first, found.line));
            let at = |error: Error| error.in_file(file()).at_line(found.line);
            if !found.bytes.starts_with(b"{") {
                return Err(at(Error::query("a record that is no object has no columns")));
            }
            let made = self.holds_json.then(|| with_texts(found.bytes, self.columns.fields()));
            let made = made.flatten();
            let record = made.as_deref().unwrap_or(found.bytes);
            let taken = self.decoder.decode(record);
            let taken = taken.map_err(|error| at(unread(&self.path, &error)))?;
            if taken < record.len() || self.decoder.has_partial_record() {
                return Err(at(Error::query("this record is not JSON")));
            }
        }
        self.decoder.flush().map_err(|error| match lines {
            Some((first, last)) if first < last => {
                let error = unread(&self.path, &error);
                error.reworded(|text| text.replace("a record", &between(first, last)))
            }
            Some((line, _)) => unread(&self.path, &error).in_file(file()).at_line(line),
            None => unread(&self.path, &error),
        })
    }
}

fn between(first: u64, last: u64) -> String {
    format!("a record of the lines {first} to {last}")
}

impl<R: Read> Iterator for Split<R> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let batch = self.batch().transpose();
        self.is_over = !matches!(batch, Some(Ok(_)));
        batch.map(|batch| batch.map_err(foreign))
    }
}

/// The error for the file at `path` that does not fit its columns, or is broken.
fn unread(path: &Path, error: &ArrowError) -> Error {
    let path = path.display();
    let ArrowError::JsonError(reason) = error else {
        return Error::query(format!("{path} cannot be read: {error}"));
    };
    let reason = reason.replace("whilst decoding field ", "in ");
    let error = Error::query(format!("a record of {path} cannot be read: {reason}"));
    match reason.contains("expected") {
        true => error.hint(
            "columns have the types of the records at the beginning: with this one there, its \
             column is one of texts",
        ),
        false => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_file_have_each_line_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.jsonl");
        let text = "{\"a\": 1}\n\n{\"a\": 22}\n{\"a\": 333}";
        std::fs::write(&path, text).unwrap();
        let size = i64::try_from(text.len()).unwrap();
        for cut in 0..=size {
            let read = |start, end| {
                let mut part = String::new();
                let file = File::open(&path).unwrap();
                lines(file, &FileRange { start, end }).unwrap().read_to_string(&mut part).unwrap();
                assert!(part.is_empty() || part.ends_with(['\n', '}']), "{part}");
                part
            };
            assert_eq!([read(0, cut), read(cut, size)].concat(), text, "{cut}");
        }
    }
}
