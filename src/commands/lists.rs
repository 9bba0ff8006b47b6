//! Lists of what there is, as tables: formats, functions, history, settings.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};
use datafusion::arrow::record_batch::RecordBatch;

use super::answers::Answers;
use super::prompt::INIT_FILE;
use super::{DONE, Exit, Program, say};
use crate::cli::{Common, ConfigAction, Output};
use crate::config::{self, Config};
use crate::database::Database;
use crate::error::{Error, Result, nearest};
use crate::{functions, ingest, model};

/// `weiku formats`.
pub(super) fn formats(output: &Output, program: &Program) -> Result<Exit> {
    let mut rows: [Vec<String>; 4] = Default::default();
    for format in ingest::FORMATS {
        let columns = format.columns.iter().map(|column| column.name).collect::<Vec<_>>();
        rows[0].push(format.name.to_owned());
        rows[1].push(format.summary.to_owned());
        rows[2].push(columns.len().to_string());
        rows[3].push(columns.join(", "));
    }
    texts(&["format", "summary", "fields", "columns"], rows.into(), output, program)
}

/// `weiku functions`.
pub(super) fn functions(output: &Output, program: &Program) -> Result<Exit> {
    let mut rows: [Vec<String>; 5] = Default::default();
    for function in functions::ALL {
        rows[0].push(function.signature.to_owned());
        rows[1].push(function.summary.to_owned());
        rows[2].push(function.example.sql.to_owned());
        rows[3].push(function.example.result.to_owned());
        rows[4].push(function.source.unwrap_or_default().to_owned());
    }
    texts(&["function", "summary", "example", "result", "source"], rows.into(), output, program)
}

/// `weiku history DB [TABLE]`.
pub(super) async fn history(
    database: &std::path::Path,
    table: Option<&str>,
    output: &Output,
    program: &Program,
) -> Result<Exit> {
    let database = Database::open(database).await?;
    let Some(store) = database.store() else { return Ok(DONE) };
    let tables = match table {
        None => model::TABLES.to_vec(),
        Some(name) => vec![model::table(name).ok_or_else(|| no_table(name))?],
    };
    let (mut names, mut versions, mut times) = (Vec::new(), Vec::new(), Vec::new());
    let (mut operations, mut rows, mut files) = (Vec::new(), Vec::new(), Vec::new());
    for table in tables {
        for version in store.history(table).await? {
            names.push(table.name);
            versions.push(version.version);
            times.push(version.at);
            operations.push(version.operation);
            rows.push(i64::try_from(version.rows).unwrap_or(i64::MAX));
            files.push(i64::try_from(version.files).unwrap_or(i64::MAX));
        }
    }
    let config = program.resolve(&Common::default())?;
    let times =
        TimestampMicrosecondArray::from(times).with_timezone(config.settings.timezone.as_str());
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("table", Arc::new(StringArray::from(names))),
        ("version", Arc::new(Int64Array::from(versions))),
        ("committed_at", Arc::new(times)),
        ("operation", Arc::new(StringArray::from(operations))),
        ("rows", Arc::new(Int64Array::from(rows))),
        ("files", Arc::new(Int64Array::from(files))),
    ];
    table_of(columns, output, program)
}

fn no_table(name: &str) -> Error {
    let error = Error::usage(format!("no table `{name}`"));
    match nearest(name, model::TABLES.iter().map(|table| table.name)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error,
    }
}

/// `weiku config show|check`.
pub(super) fn config(action: ConfigAction, common: &Common, program: &Program) -> Result<Exit> {
    let resolved = program.resolve(common)?;
    let path = program.environment.config_dir.as_ref().map(|dir| dir.join("config.toml"));
    if matches!(action, ConfigAction::Check) {
        let text = match path.filter(|path| path.exists()) {
            Some(path) => {
                config::read_file(&path)?;
                format!("{}: no fault found\n", path.display())
            }
            None => "there is no configuration file\n".to_owned(),
        };
        say(&mut program.stderr(), &text)?;
        return Ok(DONE);
    }
    let Config { origins, .. } = resolved;
    let mut rows: [Vec<String>; 3] = Default::default();
    for (name, value, origin) in origins {
        rows[0].push(name.to_owned());
        rows[1].push(value);
        rows[2].push(origin.word().to_owned());
    }
    let files = [("configuration file", "config.toml"), ("init file", INIT_FILE)];
    for (what, name) in files {
        let Some(path) = program.environment.config_dir.as_ref().map(|dir| dir.join(name)) else {
            continue;
        };
        rows[0].push(what.to_owned());
        rows[1].push(path.display().to_string());
        rows[2].push(if path.exists() { "there" } else { "not there" }.to_owned());
    }
    texts(&["setting", "value", "origin"], rows.into(), &Output::default(), program)
}

fn texts(
    names: &[&'static str],
    rows: Vec<Vec<String>>,
    output: &Output,
    program: &Program,
) -> Result<Exit> {
    let columns = names.iter().zip(rows);
    let columns =
        columns.map(|(name, rows)| (*name, Arc::new(StringArray::from(rows)) as ArrayRef));
    table_of(columns.collect(), output, program)
}

fn table_of(columns: Vec<(&str, ArrayRef)>, output: &Output, program: &Program) -> Result<Exit> {
    let batch =
        RecordBatch::try_from_iter(columns).map_err(|error| Error::internal(error.to_string()))?;
    table(&batch, output, program)
}

/// Writes a table in the format that was asked for.
pub(super) fn table(batch: &RecordBatch, output: &Output, program: &Program) -> Result<Exit> {
    let config = program.resolve(&Common::default())?;
    let mut answers = Answers::new(output, &config, program)?;
    answers.write_batch(batch, program)?;
    answers.finish()?;
    Ok(DONE)
}
