//! Comparing a run with an earlier one, query by query.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::difference::{TextTable, compare};
use super::plan::{Job, output_name};
use super::record::{ColumnRecord, QueryRecord, RunRecord};
use crate::error::{Error, Result};
use crate::queries::Rule;
use crate::render::{self, Sink, value};

/// Most bytes of a result that is compared row by row.
const MAX_COMPARED: usize = 64 << 20;

/// The run to compare with.
#[derive(Debug)]
pub(super) struct Against {
    folder: PathBuf,
    record: Option<RunRecord>,
}

impl Against {
    /// The run that wrote `folder`.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        if !folder.is_dir() {
            let message = format!("no folder {} to compare with", folder.display());
            return Err(
                Error::usage(message).hint("name the folder that -o named in an earlier run")
            );
        }
        Ok(Self { folder: folder.to_owned(), record: RunRecord::read(folder)? })
    }

    /// What changed in the result of `job` since, in lines for a reader.
    pub(super) fn changes(
        &self,
        job: &Job,
        record: &QueryRecord,
        copy: Copy,
    ) -> Result<Vec<String>> {
        let path = self.folder.join(output_name(&job.query.name, job.format)?);
        let old = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(vec!["new: there is no earlier result".to_owned()]);
            }
            Err(error) => return Err(Error::io("read", &path, &error)),
        };
        let mut lines = self.type_changes(record);
        let Some(new) = copy.take() else {
            lines.push(format!("too large to compare: more than {MAX_COMPARED} bytes"));
            return Ok(lines);
        };
        if old == new {
            return Ok(lines);
        }
        let tables = (read_table(job, old)?, read_table(job, new)?);
        let (Some(old), Some(new)) = tables else {
            lines.push(format!("changed; {} cannot be compared row by row", job.format.name));
            return Ok(lines);
        };
        lines.extend(compare(&old, &new, &key(job, &new)));
        Ok(lines)
    }

    /// Columns whose type is another than before.
    fn type_changes(&self, record: &QueryRecord) -> Vec<String> {
        let old = self.record.as_ref().and_then(|run| run.query(&record.name));
        let old: &[ColumnRecord] = old.map_or(&[], |query| &query.columns);
        let mut lines = Vec::new();
        for column in &record.columns {
            let before = old.iter().find(|before| before.name == column.name);
            if let Some(before) = before.filter(|before| before.kind != column.kind) {
                lines.push(format!("type of {}: {} -> {}", column.name, before.kind, column.kind));
            }
        }
        lines
    }
}

/// The columns that tell rows apart: those that the query promises to be unique,
/// else the first; of a single row none.
fn key(job: &Job, table: &TextTable) -> Vec<String> {
    let unique = job.query.expect.iter().find_map(|expectation| match &expectation.rule {
        Rule::Unique(columns) => Some(columns.clone()),
        _ => None,
    });
    let swept = &job.grid.swept;
    let first = usize::from(table.rows.len() > 1);
    let columns = unique
        .unwrap_or_else(|| table.columns.iter().skip(swept.len()).take(first).cloned().collect());
    table.columns.iter().take(swept.len()).cloned().chain(columns).collect()
}

/// A result read back as text; `None` if its format cannot be.
fn read_table(job: &Job, bytes: Vec<u8>) -> Result<Option<TextTable>> {
    match job.format.name {
        "parquet" => read_parquet(bytes).map(Some),
        name => TextTable::read(name, &bytes),
    }
}

fn read_parquet(bytes: Vec<u8>) -> Result<TextTable> {
    let unreadable =
        |error: &dyn std::fmt::Display| Error::usage(format!("the result cannot be read: {error}"));
    let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes))
        .map_err(|error| unreadable(&error))?;
    let columns = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
    let mut table = TextTable { columns, rows: Vec::new() };
    for batch in builder.build().map_err(|error| unreadable(&error))? {
        let batch = batch.map_err(|error| unreadable(&error))?;
        let columns = value::columns(&batch)?;
        for row in 0..batch.num_rows() {
            let cells = columns.iter().map(|column| match column.get(row) {
                value::Value::Null => String::new(),
                cell => render::plain(&cell),
            });
            table.rows.push(cells.collect());
        }
    }
    Ok(table)
}

/// The bytes of a result, kept while they are written, unless they are too many.
#[derive(Debug, Clone)]
pub(super) struct Copy(Arc<Mutex<Option<Vec<u8>>>>);

impl Default for Copy {
    fn default() -> Self {
        Self::of(Vec::new())
    }
}

impl Copy {
    /// A copy of these bytes.
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(Some(bytes))))
    }

    /// `sink`, with all that it gets kept here too.
    pub(super) fn watch(&self, sink: Sink) -> Sink {
        Box::new(Copied { sink, copy: self.clone() })
    }

    fn take(self) -> Option<Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn push(&self, bytes: &[u8]) {
        let mut copy = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if copy.as_ref().is_some_and(|kept| kept.len() + bytes.len() > MAX_COMPARED) {
            *copy = None;
        }
        if let Some(kept) = copy.as_mut() {
            kept.extend_from_slice(bytes);
        }
    }
}

struct Copied {
    sink: Sink,
    copy: Copy,
}

impl Write for Copied {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.sink.write(bytes)?;
        self.copy.push(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}
