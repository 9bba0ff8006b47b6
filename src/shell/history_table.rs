//! `weiku_history()`: what was typed before, as a table. `ms` is the time of statements;
//! commands have none.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
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
    let zone = session.settings().timezone.clone();
    let function = HistoryTable { path: path.map(Path::to_owned), zone };
    session.context().register_udtf(NAME, Arc::new(function));
}

#[derive(Debug)]
struct HistoryTable {
    path: Option<PathBuf>,
    /// The time zone in which instants are shown.
    zone: String,
}

fn schema(zone: &str) -> SchemaRef {
    let instant = DataType::Timestamp(TimeUnit::Millisecond, Some(zone.into()));
    Arc::new(Schema::new(vec![
        Field::new("at", instant, true),
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
        let mut entries = self.path.as_deref().map(history::read).unwrap_or_default();
        // The statement that asks has not ended, and is no answer.
        if entries.last().is_some_and(|last| last.ok.is_none()) {
            entries.pop();
        }
        let number = |number: Option<u64>| number.and_then(|number| i64::try_from(number).ok());
        let columns: Vec<ArrayRef> = vec![
            Arc::new(instants(&entries).with_timezone(self.zone.clone())),
            Arc::new(entries.iter().map(|entry| Some(&entry.text)).collect::<StringArray>()),
            Arc::new(entries.iter().map(|entry| number(entry.ms)).collect::<Int64Array>()),
            Arc::new(entries.iter().map(|entry| number(entry.rows)).collect::<Int64Array>()),
            Arc::new(entries.iter().map(|entry| entry.ok).collect::<BooleanArray>()),
        ];
        let schema = schema(&self.zone);
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns)?;
        Ok(Arc::new(MemTable::try_new(schema, vec![vec![batch]])?))
    }
}

/// When each input was entered.
fn instants(entries: &[history::Entry]) -> TimestampMillisecondArray {
    let at = |entry: &history::Entry| {
        chrono::DateTime::parse_from_rfc3339(&entry.at).ok().map(|at| at.timestamp_millis())
    };
    entries.iter().map(at).collect()
}
