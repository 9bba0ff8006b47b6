//! Whether a result is what its saved query promises.
//!
//! Most promises become a question over the table `result` whose answer are the
//! rows that break it.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{MemTable, MemoryCatalogProviderList};
use datafusion::common::Column;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::functions_aggregate::count::count_all_window;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{Expr, ExprFunctionExt, SortExpr};
use datafusion::prelude::{DataFrame, SessionContext, ident, lit};

use super::condition;
use super::difference::{TextTable, compare};
use super::offenders::{Offenders, shown};
use super::record::Verdict;
use super::sink::to_bytes;
use crate::engine::Session;
use crate::error::{Error, Result, nearest};
use crate::queries::{Entry, Expectation, Literal, Rule, by_condition};
use crate::render;
use crate::render::value::{self, Value};

/// The name of the result in a `none` query.
const RESULT: &str = "result";

/// The columns that say how many rows have a key and where a row stands. No result
/// has any of these names.
const TIMES: &str = "number of rows";
const POSITION: &str = "place of the row";

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

/// How an expectation came out.
pub(super) struct Outcome {
    /// For the record.
    pub(super) verdict: Verdict,
    /// The rows that break it: all, if it is about the result as a whole.
    pub(super) offenders: Option<Offenders>,
}

/// What breaks a promise.
struct Failure {
    /// In words.
    words: String,
    /// The rows to blame, if there are such.
    offenders: Option<Offenders>,
}

impl From<String> for Failure {
    fn from(words: String) -> Self {
        Self { words, offenders: None }
    }
}

impl Checked<'_> {
    /// How each of `expectations` came out, in order.
    pub(super) async fn outcomes(&self, expectations: &[Expectation]) -> Result<Vec<Outcome>> {
        let context = self.context()?;
        let mut outcomes = Vec::with_capacity(expectations.len());
        for group in by_condition(expectations) {
            let applies = match &group[0].when {
                Some(condition) => condition::is_met(self.session, condition).await?,
                None => true,
            };
            for Expectation { rule, place, .. } in group {
                let failure = if applies { self.failure(rule, &context).await? } else { None };
                let (failure, offenders) =
                    failure.map(|found| (found.words, found.offenders)).unzip();
                let offenders = offenders.flatten();
                let verdict = Verdict {
                    expected: rule.to_string(),
                    line: place.line,
                    applies,
                    failure,
                    rows: offenders.as_ref().map(|offenders| offenders.rows),
                    output: None,
                };
                outcomes.push(Outcome { verdict, offenders });
            }
        }
        Ok(outcomes)
    }

    /// A context that knows the session's functions and the table `result`, and
    /// no other table. In one partition its rows keep their order.
    fn context(&self) -> Result<SessionContext> {
        let state = self.session.context().state();
        let config = state.config().clone().with_create_default_catalog_and_schema(true);
        let config = config.with_target_partitions(1);
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
    async fn failure(&self, rule: &Rule, context: &SessionContext) -> Result<Option<Failure>> {
        if let Some(missing) = self.missing_column(rule) {
            return Ok(Some(missing.into()));
        }
        // A result may have two columns of one name, unless it is made a table.
        let table = async || context.table(RESULT).await.map_err(|error| fault(&error));
        let words = match rule {
            Rule::Rows(count) => {
                let rows: usize = self.batches.iter().map(RecordBatch::num_rows).sum();
                (!count.holds(rows as u64)).then(|| format!("there are {rows}"))
            }
            Rule::Baseline { file, key } => self.compare_with_baseline(file, key)?,
            Rule::Value { column, filter, value, within } => {
                let chosen = table().await?.filter(all_equal(filter));
                let chosen = chosen.and_then(|chosen| chosen.limit(0, Some(2)));
                let chosen = chosen.map_err(|error| fault(&error))?;
                let chosen = chosen.collect().await.map_err(|error| fault(&error))?;
                self.value_failure(column.as_deref(), value, *within, &chosen)?
            }
            Rule::None(sql) => {
                return match read_only(context, sql).await {
                    Ok(rows) => found(Offenders::of(rows).await, ""),
                    Err(error) => Ok(Some(format!("the query cannot run: {error}").into())),
                };
            }
            Rule::Unique(columns) => {
                return match repeated(table().await?, columns).await {
                    Ok(Some([keys, rows])) => {
                        let words = format!("found {}", keys.words()?);
                        Ok(Some(Failure { words, offenders: Some(rows) }))
                    }
                    Ok(None) => Ok(None),
                    Err(error) => Ok(Some(unchecked(&error))),
                };
            }
            Rule::NotNull(_) | Rule::Range { .. } | Rule::Accepted { .. } => {
                return found(breaking(table().await?, rule).await, "found ");
            }
        };
        // It is about the result as a whole, so that all of it is to blame.
        let all = || Offenders::all(self.schema, self.batches);
        Ok(words.map(|words| Failure { words, offenders: all() }))
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

/// The rows of `result` that break `rule`, each by itself.
async fn breaking(rows: DataFrame, rule: &Rule) -> Result<Option<Offenders>, DataFusionError> {
    let breaks = match rule {
        Rule::NotNull(columns) => {
            let nulls = columns.iter().map(|column| ident(column).is_null());
            nulls.reduce(Expr::or)
        }
        Rule::Range { column, min, max } => {
            let below = min.as_ref().map(|min| ident(column).lt(literal(min)));
            let above = max.as_ref().map(|max| ident(column).gt(literal(max)));
            [below, above].into_iter().flatten().reduce(Expr::or)
        }
        Rule::Accepted { column, values } => {
            Some(ident(column).in_list(values.iter().map(literal).collect(), true))
        }
        Rule::Rows(_)
        | Rule::Unique(_)
        | Rule::Value { .. }
        | Rule::None(_)
        | Rule::Baseline { .. } => None,
    };
    match breaks {
        Some(breaks) => Offenders::of(rows.filter(breaks)?).await,
        None => Ok(None),
    }
}

/// The keys that several rows have, and these rows, those of a key together.
async fn repeated(
    rows: DataFrame,
    key: &[String],
) -> Result<Option<[Offenders; 2]>, DataFusionError> {
    let key: Vec<Expr> = key.iter().map(ident).collect();
    let comes_again = ident(TIMES).gt(lit(1));
    // That there are none, as nearly always, is found fastest in this way.
    let keys = rows.clone().aggregate(key.clone(), vec![count(lit(1)).alias(TIMES)])?;
    let Some(keys) = Offenders::of(keys.filter(comes_again.clone())?).await? else {
        return Ok(None);
    };
    let rows = rows.window(vec![row_number().alias(POSITION)])?;
    let mut order: Vec<SortExpr> =
        key.iter().map(|column| column.clone().sort(true, false)).collect();
    order.push(ident(POSITION).sort(true, false));
    let times = count_all_window().partition_by(key).build()?.alias(TIMES);
    let rows = rows.window(vec![times])?.filter(comes_again)?.sort(order)?;
    let rows = rows.drop_columns(&[TIMES, POSITION].map(Column::new_unqualified))?;
    Ok(Offenders::of(rows).await?.map(|rows| [keys, rows]))
}

/// Runs the SQL of a `none` rule, which may only read.
async fn read_only(context: &SessionContext, sql: &str) -> Result<DataFrame, String> {
    let options =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    context.sql_with_options(sql, options).await.map_err(|error| one_line(&error))
}

/// The failure that these rows are; in words they stand behind `found`.
fn found(
    offenders: Result<Option<Offenders>, DataFusionError>,
    found: &str,
) -> Result<Option<Failure>> {
    match offenders {
        Ok(None) => Ok(None),
        Ok(Some(rows)) => {
            let words = format!("{found}{}", rows.words()?);
            Ok(Some(Failure { words, offenders: Some(rows) }))
        }
        Err(error) => Ok(Some(unchecked(&error))),
    }
}

/// That a promise cannot be checked.
fn unchecked(error: &DataFusionError) -> Failure {
    format!("it cannot be checked: {}", one_line(error)).into()
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
