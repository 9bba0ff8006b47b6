//! Whether a result is what its saved query promises.
//!
//! Every promise but the row count becomes a question over the table `result`
//! whose answer names the rows that break it.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{MemTable, MemoryCatalogProviderList};
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::Expr;
use datafusion::prelude::{DataFrame, SessionContext, ident, lit};

use super::condition;
use super::difference::{TextTable, compare};
use super::record::Verdict;
use super::sink::to_bytes;
use crate::engine::Session;
use crate::error::{Error, Result, nearest};
use crate::queries::{Entry, Expectation, Literal, Rule, by_condition};
use crate::render::value::{self, Value};
use crate::render::{self, visible};

/// How many rows that break a promise are shown.
const SHOWN: usize = 3;

/// The name of the result in a `none` query.
const RESULT: &str = "result";

/// Most bytes of a result that expectations are checked on: it is held in
/// memory for them.
pub(super) const MAX_CHECKED: usize = 1 << 30;

/// A whole result, to be checked.
pub(super) struct Checked<'a> {
    /// The query's file, beside which baselines lie.
    pub(super) entry: &'a Entry,
    /// The columns.
    pub(super) schema: &'a SchemaRef,
    /// The rows.
    pub(super) batches: &'a [RecordBatch],
    /// The session that ran the query: its tables, functions and limits apply.
    pub(super) session: &'a Session,
    /// Whether to make the result the baseline instead of comparing with it.
    pub(super) accept: bool,
}

impl Checked<'_> {
    /// How each of `expectations` came out, in order.
    pub(super) async fn verdicts(&self, expectations: &[Expectation]) -> Result<Vec<Verdict>> {
        let context = self.context()?;
        let mut verdicts = Vec::with_capacity(expectations.len());
        for group in by_condition(expectations) {
            let applies = match &group[0].when {
                Some(condition) => condition::is_met(self.session, condition).await?,
                None => true,
            };
            for Expectation { rule, place, .. } in group {
                let failure = if applies { self.failure(rule, &context).await? } else { None };
                let expected = rule.to_string();
                verdicts.push(Verdict { expected, line: place.line, applies, failure });
            }
        }
        Ok(verdicts)
    }

    /// A context that knows the session's functions and the table `result`, and
    /// no other table.
    fn context(&self) -> Result<SessionContext> {
        let state = self.session.context().state();
        let config = state.config().clone().with_create_default_catalog_and_schema(true);
        let state = SessionStateBuilder::new_from_existing(state)
            .with_catalog_list(Arc::new(MemoryCatalogProviderList::new()))
            .with_config(config)
            .build();
        let context = SessionContext::new_with_state(state);
        let table = MemTable::try_new(Arc::clone(self.schema), vec![self.batches.to_vec()])
            .map_err(|error| fault(&error))?;
        context.register_table(RESULT, Arc::new(table)).map_err(|error| fault(&error))?;
        Ok(context)
    }

    /// What breaks `rule`, if anything does.
    async fn failure(&self, rule: &Rule, context: &SessionContext) -> Result<Option<String>> {
        if let Some(missing) = self.missing_column(rule) {
            return Ok(Some(missing));
        }
        match rule {
            Rule::Rows(count) => {
                let rows: usize = self.batches.iter().map(RecordBatch::num_rows).sum();
                Ok((!count.holds(rows as u64)).then(|| format!("there are {rows}")))
            }
            Rule::Baseline { file, key } => self.compare_with_baseline(file, key),
            Rule::Value { column, filter, value, within } => {
                let rows = context.table(RESULT).await.map_err(|error| fault(&error))?;
                let rows = rows.filter(all_equal(filter)).map_err(|error| fault(&error))?;
                let rows = rows
                    .limit(0, Some(2))
                    .map_err(|error| fault(&error))?
                    .collect()
                    .await
                    .map_err(|error| fault(&error))?;
                self.value_failure(column.as_deref(), value, *within, &rows)
            }
            Rule::None(sql) => match read_only(context, sql).await {
                Ok(rows) => offenders(rows, "").await,
                Err(error) => Ok(Some(format!("the query cannot run: {error}"))),
            },
            Rule::Unique(_) | Rule::NotNull(_) | Rule::Range { .. } | Rule::Accepted { .. } => {
                let rows = context.table(RESULT).await.map_err(|error| fault(&error))?;
                match breaking(rows, rule) {
                    Ok(rows) => offenders(rows, "found ").await,
                    Err(error) => Ok(Some(format!("it cannot be checked: {}", one_line(&error)))),
                }
            }
        }
    }

    /// A column of `rule` that the result does not have.
    fn missing_column(&self, rule: &Rule) -> Option<String> {
        let named: Vec<&String> = match rule {
            Rule::Unique(columns) | Rule::NotNull(columns) => columns.iter().collect(),
            Rule::Baseline { key, .. } => key.iter().collect(),
            Rule::Range { column, .. } | Rule::Accepted { column, .. } => vec![column],
            Rule::Value { column, filter, .. } => {
                column.iter().chain(filter.iter().map(|(name, _)| name)).collect()
            }
            Rule::Rows(_) | Rule::None(_) => Vec::new(),
        };
        let missing = named.into_iter().find(|name| self.schema.index_of(name).is_err())?;
        let names = self.schema.fields().iter().map(|field| field.name().as_str());
        let hint = nearest(missing, names).map(|near| format!("; did you mean `{near}`?"));
        Some(format!("the result has no column `{missing}`{}", hint.unwrap_or_default()))
    }

    fn value_failure(
        &self,
        column: Option<&str>,
        expected: &Literal,
        within: Option<f64>,
        batches: &[RecordBatch],
    ) -> Result<Option<String>> {
        let found: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else {
            return Ok(Some("there is no such row".to_owned()));
        };
        if found > 1 {
            return Ok(Some("there is more than one such row; choose one with `where`".to_owned()));
        }
        let at = match column {
            Some(name) => self.schema.index_of(name).unwrap_or_default(),
            None if self.schema.fields().len() == 1 => 0,
            None => return Ok(Some("the result has several columns; name one".to_owned())),
        };
        let cells = value::Column::new(batch.column(at))?;
        let cell = cells.get(0);
        let holds = holds(&cell, expected, within);
        Ok((!holds).then(|| format!("it is {}", shown(&cell))))
    }

    fn compare_with_baseline(&self, file: &str, key: &[String]) -> Result<Option<String>> {
        let options = render::Options::default();
        let now = to_bytes(render::format("csv")?, self.schema, self.batches, &options)?;
        if self.accept {
            return self.write_baseline(file, &now);
        }
        let Some(stored) = self.entry.read_beside(file)? else {
            return Ok(Some("there is no such file yet; `--accept` writes it".to_owned()));
        };
        if stored.as_bytes() == now {
            return Ok(None);
        }
        let (old, new) =
            (TextTable::read("csv", stored.as_bytes())?, TextTable::read("csv", &now)?);
        let lines = compare(&old.unwrap_or_default(), &new.unwrap_or_default(), key);
        Ok((!lines.is_empty()).then(|| lines.join("\n")))
    }

    fn write_baseline(&self, file: &str, bytes: &[u8]) -> Result<Option<String>> {
        let Some(path) = self.entry.beside(file)? else {
            return Ok(Some("a built-in query cannot have its baseline changed".to_owned()));
        };
        super::sink::write_file(&path, bytes)?;
        Ok(None)
    }
}

/// The rows of `result` that break `rule`.
fn breaking(rows: DataFrame, rule: &Rule) -> Result<DataFrame, DataFusionError> {
    match rule {
        Rule::Unique(columns) => {
            let keys: Vec<Expr> = columns.iter().map(ident).collect();
            rows.aggregate(keys, vec![count(lit(1)).alias("times")])?
                .filter(ident("times").gt(lit(1)))
        }
        Rule::NotNull(columns) => {
            let nulls = columns.iter().map(|column| ident(column).is_null());
            rows.filter(nulls.reduce(Expr::or).unwrap_or_else(|| lit(false)))
        }
        Rule::Range { column, min, max } => {
            let below = min.as_ref().map(|min| ident(column).lt(literal(min)));
            let above = max.as_ref().map(|max| ident(column).gt(literal(max)));
            let outside = [below, above].into_iter().flatten().reduce(Expr::or);
            rows.filter(outside.unwrap_or_else(|| lit(false)))
        }
        Rule::Accepted { column, values } => {
            rows.filter(ident(column).in_list(values.iter().map(literal).collect(), true))
        }
        Rule::Rows(_) | Rule::Value { .. } | Rule::None(_) | Rule::Baseline { .. } => Ok(rows),
    }
}

/// Runs the SQL of a `none` rule, which may only read.
async fn read_only(context: &SessionContext, sql: &str) -> Result<DataFrame, String> {
    let options =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    context.sql_with_options(sql, options).await.map_err(|error| one_line(&error))
}

/// The first rows of `rows`, which break a promise, in words; `None` if there
/// are none.
async fn offenders(rows: DataFrame, found: &str) -> Result<Option<String>> {
    let batches = match rows.limit(0, Some(SHOWN + 1)) {
        Ok(rows) => rows.collect().await,
        Err(error) => Err(error),
    };
    let batches = match batches {
        Ok(batches) => batches,
        Err(error) => return Ok(Some(format!("it cannot be checked: {}", one_line(&error)))),
    };
    let mut lines = Vec::new();
    for batch in &batches {
        let columns = value::columns(batch)?;
        for row in 0..batch.num_rows() {
            let cells = batch
                .schema()
                .fields()
                .iter()
                .zip(&columns)
                .map(|(field, column)| {
                    format!("{} = {}", visible(field.name()), shown(&column.get(row)))
                })
                .collect::<Vec<_>>();
            lines.push(cells.join(", "));
        }
    }
    if lines.is_empty() {
        return Ok(None);
    }
    let more = if lines.len() > SHOWN { "; and more" } else { "" };
    lines.truncate(SHOWN);
    Ok(Some(format!("{found}{}{more}", lines.join("; "))))
}

/// That every column has its value.
fn all_equal(filter: &[(String, Literal)]) -> Expr {
    let equal = filter.iter().map(|(column, value)| ident(column).eq(literal(value)));
    equal.reduce(Expr::and).unwrap_or_else(|| lit(true))
}

fn literal(value: &Literal) -> Expr {
    match value {
        Literal::Int(number) => lit(*number),
        Literal::Float(number) => lit(*number),
        Literal::Text(text) => lit(text.as_str()),
        Literal::Bool(truth) => lit(*truth),
    }
}

/// Whether the cell holds the value.
fn holds(cell: &Value<'_>, expected: &Literal, within: Option<f64>) -> bool {
    let text = render::plain(cell);
    match expected {
        _ if matches!(cell, Value::Null) => false,
        Literal::Text(expected) => text == *expected,
        Literal::Bool(expected) => text == expected.to_string(),
        Literal::Int(expected) if within.is_none() => text
            .parse::<i64>()
            .map_or_else(|_| near(&text, &expected.to_string(), 0.0), |found| found == *expected),
        Literal::Int(_) | Literal::Float(_) => {
            near(&text, &expected.to_string(), within.unwrap_or(0.0))
        }
    }
}

/// Whether two numbers are no further apart than `within`.
fn near(found: &str, expected: &str, within: f64) -> bool {
    match (found.parse::<f64>(), expected.parse::<f64>()) {
        (Ok(found), Ok(expected)) => (found - expected).abs() <= within,
        _ => false,
    }
}

/// A cell in words: texts in quotes, so that blanks are seen.
fn shown(cell: &Value<'_>) -> String {
    match cell {
        Value::Null => "NULL".to_owned(),
        Value::Text(text) => format!("\"{}\"", visible(text)),
        other => visible(&render::plain(other)).into_owned(),
    }
}

fn one_line(error: &DataFusionError) -> String {
    error.strip_backtrace().lines().next().unwrap_or_default().to_owned()
}

/// A failure of the engine on a table that it was just given.
fn fault(error: &DataFusionError) -> Error {
    match error.find_root() {
        DataFusionError::ResourcesExhausted(_) => Error::new(
            crate::Kind::Limit,
            "the result is too large for its expectations to be checked in the memory limit",
        )
        .hint("raise --memory-limit"),
        _ => Error::query(format!("the expectations cannot be checked: {}", one_line(error))),
    }
}
