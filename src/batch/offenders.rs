//! The rows that break a promise: told, and kept beside the result, as the result
//! itself is written nowhere then.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::prelude::DataFrame;
use futures::StreamExt;

use super::sink::{to_bytes, write_file};
use crate::error::{Error, Result};
use crate::render::value::{self, Value};
use crate::render::{self, Format, visible};

/// Most rows that are kept.
pub(super) const MOST: usize = 1000;

/// How many rows are told.
const TOLD: usize = 3;

/// How many characters of a text are told.
const TOLD_LENGTH: usize = 60;

/// What stands between the name of a result and the number of the promise, in the
/// name of the file for these rows.
const MARK: &str = "unexpected-";

/// Rows that break a promise: how many there are, and the first of them.
#[derive(Debug)]
pub(super) struct Offenders {
    /// How many there are.
    pub(super) rows: u64,
    schema: SchemaRef,
    /// The first [`MOST`] of them.
    pub(super) kept: Vec<RecordBatch>,
}

impl Offenders {
    /// All that `rows` gives; none if that is nothing.
    pub(super) async fn of(rows: DataFrame) -> Result<Option<Self>, DataFusionError> {
        let mut stream = rows.execute_stream().await?;
        let mut offenders = Self { rows: 0, schema: stream.schema(), kept: Vec::new() };
        while let Some(batch) = stream.next().await {
            offenders.push(&batch?);
        }
        Ok((offenders.rows > 0).then_some(offenders))
    }

    /// All of a result; none if it has no rows.
    pub(super) fn all(schema: &SchemaRef, batches: &[RecordBatch]) -> Option<Self> {
        let mut offenders = Self { rows: 0, schema: Arc::clone(schema), kept: Vec::new() };
        batches.iter().for_each(|batch| offenders.push(batch));
        (offenders.rows > 0).then_some(offenders)
    }

    fn push(&mut self, batch: &RecordBatch) {
        let kept: usize = self.kept.iter().map(RecordBatch::num_rows).sum();
        let kept = batch.num_rows().min(MOST - kept);
        if kept > 0 {
            self.kept.push(batch.slice(0, kept));
        }
        self.rows += batch.num_rows() as u64;
    }

    /// The first few of them in words, and how many more there are.
    pub(super) fn words(&self) -> Result<String> {
        let mut told = Vec::new();
        for batch in &self.kept {
            let schema = batch.schema();
            let columns = value::columns(batch)?;
            for row in 0..batch.num_rows().min(TOLD - told.len()) {
                let named = schema.fields().iter().zip(&columns);
                let cells = named.map(|(field, column)| {
                    format!("{} = {}", visible(field.name()), shown(&column.get(row)))
                });
                told.push(cells.collect::<Vec<_>>().join(", "));
            }
        }
        let more = self.rows - told.len() as u64;
        if more > 0 {
            told.push(format!("and {} more", render::group_digits(more)));
        }
        Ok(told.join("; "))
    }

    /// Writes those that are kept to `path`.
    pub(super) fn write(
        &self,
        path: &Path,
        format: &Format,
        display: &render::Options,
    ) -> Result<()> {
        write_file(path, &to_bytes(format, &self.schema, &self.kept, display)?)
    }
}

/// A cell in words: texts in quotes, so that blanks are seen.
pub(super) fn shown(cell: &Value<'_>) -> String {
    match cell {
        Value::Null => "NULL".to_owned(),
        Value::Text(text) => format!("\"{}\"", shortened(&visible(text))),
        other => shortened(&visible(&render::plain(other))),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(TOLD_LENGTH) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// The file, beside that of a result, for the rows that break its promise of this
/// number.
pub(super) fn beside(result: &Path, number: usize) -> PathBuf {
    let suffix = result.extension().unwrap_or_default().to_string_lossy();
    result.with_extension(format!("{MARK}{number}.{suffix}"))
}

/// The name, without its suffix, of the result beside which a file of this name
/// keeps such rows; none if it keeps others.
pub(super) fn result_of(file: &Path) -> Option<&str> {
    let (result, number) = file.file_stem()?.to_str()?.rsplit_once(MARK)?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    result.strip_suffix('.').filter(|_| is_number)
}

/// Removes the files that [`beside`] names, whatever their number and format.
pub(super) fn remove(result: &Path) -> Result<()> {
    let folder = result.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new("."));
    let failed = |error: io::Error| Error::io("read", folder, &error);
    for item in fs::read_dir(folder).map_err(failed)? {
        let path = item.map_err(failed)?.path();
        if result_of(&path).is_some_and(|name| Some(name.as_ref()) == result.file_stem()) {
            fs::remove_file(&path).map_err(|error| Error::io("remove", &path, &error))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{beside, result_of};

    #[test]
    fn the_rows_of_a_result_lie_beside_it_and_are_known_by_their_name() {
        let file = beside("out/a.b.csv".as_ref(), 12);
        assert_eq!(file, std::path::Path::new("out/a.b.unexpected-12.csv"));
        assert_eq!(result_of(&file), Some("a.b"));
        for other in ["a.b.csv", "a.unexpected-.csv", "a.unexpected-1x.csv", "unexpected-1.csv"] {
            assert_eq!(result_of(other.as_ref()), None, "{other}");
        }
    }
}
