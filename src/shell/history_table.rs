//! `weiku_history()`: what was typed before, as a table.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::plan_err;
use datafusion::datasource::MemTable;
use datafusion::error::Result;

use super::history;
use crate::engine::Session;

/// The name of the table function.
const NAME: &str = "weiku_history";

/// Makes the history a table of `session`.
pub(crate) fn register(session: &Session, path: Option<&Path>) {
    let function = HistoryTable { path: path.map(Path::to_owned) };
    session.context().register_udtf(NAME, Arc::new(function));
}

#[derive(Debug)]
struct HistoryTable {
    path: Option<PathBuf>,
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("at", DataType::Utf8, true),
        Field::new("sql", DataType::Utf8, false),
        Field::new("ms", DataType::Int64, true),
        Field::new("rows", DataType::Int64, true),
        Field::new("ok", DataType::Boolean, true),
    ]))
}

impl TableFunctionImpl for HistoryTable {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        if !args.exprs().is_empty() {
            return plan_err!("{NAME} takes no arguments");
        }
        let entries = self.path.as_deref().map(history::read).unwrap_or_default();
        let number = |number: Option<u64>| number.and_then(|number| i64::try_from(number).ok());
        let columns: Vec<ArrayRef> = vec![
            Arc::new(entries.iter().map(|entry| Some(&entry.at)).collect::<StringArray>()),
            Arc::new(entries.iter().map(|entry| Some(&entry.text)).collect::<StringArray>()),
            Arc::new(entries.iter().map(|entry| number(entry.ms)).collect::<Int64Array>()),
            Arc::new(entries.iter().map(|entry| number(entry.rows)).collect::<Int64Array>()),
            Arc::new(entries.iter().map(|entry| entry.ok).collect::<BooleanArray>()),
        ];
        let batch = RecordBatch::try_new(schema(), columns)?;
        Ok(Arc::new(MemTable::try_new(schema(), vec![vec![batch]])?))
    }
}
