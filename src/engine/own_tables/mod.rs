//! Changes to the rows of tables that the session made.
//!
//! The engine takes what it finds of a condition in the optimised plan of a DELETE or UPDATE
//! for all of it: one that is always false, or has become a join, is none there, and all rows
//! are changed, while the statement is planned, even by EXPLAIN. So each of them is asked as a
//! query instead ([`statement`]): all rows of the table, what they are to become, and whether
//! they are meant. Its answer takes the place of the rows in one step ([`changing`]). A table is
//! made, or another put in its place, when its rows are there ([`creation`]).

mod changing;
mod creation;
mod statement;

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, SchemaError, TableReference, plan_err};
use datafusion::datasource::{MemTable, provider_as_source, source_as_provider};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::dml::{DmlStatement, InsertOp, WriteOp};
use datafusion::logical_expr::{
    Analyze, Explain, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Prepare,
    Statement as PlanStatement, Values, when,
};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::ObjectName;
use tokio::sync::OwnedMutexGuard;

use self::changing::Changing;
pub(super) use self::creation::made;
pub(super) use self::statement::rewrite;
use crate::catalog::{CATALOG, DatabaseSchema, OwnTable, SCHEMA};
use crate::error::Error;

/// What happens to the rows that a statement means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Deleted,
    Changed,
}

impl What {
    const ALL: [Self; 2] = [Self::Deleted, Self::Changed];

    fn word(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Changed => "changed",
        }
    }
}

/// A change that a statement asks for, whose query is planned by itself.
pub(super) struct Change {
    table: OwnTable,
    what: What,
    assigned: Vec<String>,
}

/// The change that `parsed` asks for; only the query is left there.
///
/// # Errors
/// When the table is no longer there.
pub(super) fn taken(parsed: &mut Parsed, context: &SessionContext) -> Result<Option<Change>> {
    let Some(taken) = statement::taken(parsed) else { return Ok(None) };
    let statement::Taken { table, what, assigned } = taken;
    match find(&table, context) {
        Some(table) => Ok(Some(Change { table, what, assigned })),
        None => Err(foreign(Error::query(format!("no table {table}")))),
    }
}

impl Change {
    /// `plan` of the query, or what explains or prepares it, with the change that it is for.
    pub(super) fn applied(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        Ok(match plan {
            LogicalPlan::Explain(explain) => {
                let plan = Arc::new(self.applied(Arc::unwrap_or_clone(explain.plan))?);
                LogicalPlan::Explain(Explain { plan, ..explain })
            }
            LogicalPlan::Analyze(analyze) => {
                let input = Arc::new(self.applied(Arc::unwrap_or_clone(analyze.input))?);
                LogicalPlan::Analyze(Analyze { input, ..analyze })
            }
            LogicalPlan::Statement(PlanStatement::Prepare(prepare)) => {
                let input = Arc::new(self.applied(Arc::unwrap_or_clone(prepare.input))?);
                LogicalPlan::Statement(PlanStatement::Prepare(Prepare { input, ..prepare }))
            }
            query => self.around(query)?,
        })
    }

    /// The statement that changes the rows to the answer of `query`.
    fn around(&self, query: LogicalPlan) -> Result<LogicalPlan> {
        let fields = self.table.columns().fields();
        let columns: Vec<_> = query.schema().columns().into_iter().map(Expr::Column).collect();
        // The columns of the table, whether the row is meant, and the new values.
        if columns.len() != fields.len() + 1 + self.assigned.len() {
            let columns = columns.len();
            let message = format!("{columns} columns for the rows of {}", self.table.name());
            return Err(foreign(Error::internal(message)));
        }
        let (old, others) = columns.split_at(fields.len());
        let (meant, new) = (condition(&others[0], query.schema())?, &others[1..]);
        let mut rows = Vec::with_capacity(fields.len() + 1);
        for (old, field) in old.iter().zip(fields) {
            let assigned = self.assigned.iter().position(|column| column == field.name());
            let value = match assigned {
                // Old values stay what they are, whatever the new ones look like.
                Some(at) => {
                    let new = new[at].clone().cast_to(field.data_type(), query.schema())?;
                    when(meant.clone(), new).otherwise(old.clone())?
                }
                None => old.clone(),
            };
            rows.push(value.alias(field.name()));
        }
        rows.push(meant);
        let input = LogicalPlanBuilder::from(query).project(rows)?.build()?;
        let name = TableReference::bare(self.table.name());
        let target = provider_as_source(Arc::new(Changing::new(self.table.clone(), self.what)));
        let op = WriteOp::Insert(InsertOp::Overwrite);
        Ok(LogicalPlan::Dml(DmlStatement::new(name, target, op, Arc::new(input))))
    }
}

/// What says whether a row is meant, which `column` does.
///
/// # Errors
/// As the engine has them for a condition that is none.
fn condition(column: &Expr, schema: &DFSchema) -> Result<Expr> {
    match column.get_type(schema)? {
        DataType::Boolean => Ok(column.clone()),
        DataType::Null => column.clone().cast_to(&DataType::Boolean, schema),
        other => plan_err!("Cannot create filter with non-boolean predicate '' returning {other}"),
    }
}

/// An `error` of planning the query, which names no column that nobody typed.
pub(super) fn plain(error: DataFusionError) -> DataFusionError {
    match error {
        DataFusionError::Diagnostic(told, inner) => {
            DataFusionError::Diagnostic(told, Box::new(plain(*inner)))
        }
        DataFusionError::Context(told, inner) => {
            DataFusionError::Context(told, Box::new(plain(*inner)))
        }
        DataFusionError::SchemaError(inner, trace) => {
            let inner = match *inner {
                SchemaError::FieldNotFound { field, mut valid_fields } => {
                    valid_fields.retain(|column| !statement::is_beside(&column.name));
                    SchemaError::FieldNotFound { field, valid_fields }
                }
                other => other,
            };
            DataFusionError::SchemaError(Box::new(inner), trace)
        }
        other => other,
    }
}

/// `plan`, in which an INSERT finds a missing value where it comes to the table, which knows
/// the name of its column; the engine finds it where VALUES are made.
///
/// # Errors
/// When it changes rows of tables of which only the engine knows, which does that wrongly.
pub(super) fn checked(plan: LogicalPlan) -> Result<LogicalPlan> {
    if !plan.exists(|node| Ok(matches!(node, LogicalPlan::Dml(_))))? {
        return Ok(plan);
    }
    plan.transform_down(|node| match node {
        LogicalPlan::Dml(dml) if !matches!(dml.op, WriteOp::Insert(_)) => {
            let provider = source_as_provider(&dml.target)?;
            if provider.is::<MemTable>() || provider.is::<OwnTable>() {
                return Err(foreign(not_changed(&dml.table_name)));
            }
            Ok(Transformed::no(LogicalPlan::Dml(dml)))
        }
        LogicalPlan::Dml(dml) => {
            if own(&dml).is_none() || !dml.input.exists(|node| Ok(is_strict(node)))? {
                return Ok(Transformed::no(LogicalPlan::Dml(dml)));
            }
            let input = Arc::unwrap_or_clone(dml.input).transform_up(loose)?.data;
            let dml = DmlStatement { input: Arc::new(input), ..dml };
            Ok(Transformed::yes(LogicalPlan::Dml(dml)))
        }
        node => Ok(Transformed::no(node)),
    })
    .map(|plan| plan.data)
}

/// Whether `node` are values of which some may not be missing.
fn is_strict(node: &LogicalPlan) -> bool {
    match node {
        LogicalPlan::Values(values) => {
            values.schema.fields().iter().any(|field| !field.is_nullable())
        }
        _ => false,
    }
}

/// `node`, with values that may be missing.
fn loose(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    Ok(Transformed::yes(match node {
        LogicalPlan::Values(Values { schema, values }) => {
            let fields = schema.iter().map(|(table, field)| {
                let field = field.as_ref().clone().with_nullable(true);
                (table.cloned(), Arc::new(field))
            });
            let schema = DFSchema::new_with_metadata(fields.collect(), schema.metadata().clone())?;
            LogicalPlan::Values(Values { schema: Arc::new(schema), values })
        }
        node => node.recompute_schema()?,
    }))
}

/// Keeps other statements from the table that `plan` changes, if it changes one of the
/// session's, until what this gives is dropped.
///
/// # Errors
/// When the table is no longer that of its name.
pub(super) async fn claim(
    plan: &LogicalPlan,
    context: &SessionContext,
) -> Result<Option<OwnedMutexGuard<()>>> {
    let Some(table) = changed(plan) else { return Ok(None) };
    let claim = table.claim().await;
    // A plan that was prepared keeps the table that was there then.
    let now = schema(context, |schema| schema.own_table(table.name()));
    match now {
        Some(now) if now.is(&table) => Ok(Some(claim)),
        _ => Err(foreign(made_anew(table.name()))),
    }
}

/// The table of the session that `plan` changes.
fn changed(plan: &LogicalPlan) -> Option<OwnTable> {
    match plan {
        LogicalPlan::Dml(dml) => own(dml),
        LogicalPlan::Analyze(analyze) => changed(&analyze.input),
        _ => None,
    }
}

/// The table of the session that is changed by `dml`.
fn own(dml: &DmlStatement) -> Option<OwnTable> {
    let provider = source_as_provider(&dml.target).ok()?;
    let changing = provider.downcast_ref::<Changing>().map(Changing::table);
    changing.or_else(|| provider.downcast_ref::<OwnTable>()).cloned()
}

/// What happens to the rows that `dml` tells the number of, if that is no INSERT.
pub(super) fn told(dml: &DmlStatement) -> Option<&'static str> {
    let provider = source_as_provider(&dml.target).ok()?;
    provider.downcast_ref::<Changing>().map(Changing::word)
}

/// The table of the session that a statement means by `name`.
fn find(name: &ObjectName, context: &SessionContext) -> Option<OwnTable> {
    let parts = name.0.iter().map(|part| part.as_ident().map(statement::folded));
    let parts = parts.collect::<Option<Vec<_>>>()?;
    let (table, before) = parts.split_last()?;
    let is_main = match before {
        [] => {
            let state = context.state_ref();
            let state = state.read();
            let catalog = &state.config_options().catalog;
            catalog.default_catalog == CATALOG && catalog.default_schema == SCHEMA
        }
        [schema] => schema == SCHEMA,
        [catalog, schema] => catalog == CATALOG && schema == SCHEMA,
        _ => false,
    };
    schema(context, |schema| schema.own_table(table)).filter(|_| is_main)
}

/// What `ask` finds in the schema of the session.
fn schema<T>(context: &SessionContext, ask: impl Fn(&DatabaseSchema) -> Option<T>) -> Option<T> {
    let schema = context.catalog(CATALOG)?.schema(SCHEMA)?;
    schema.downcast_ref::<DatabaseSchema>().and_then(ask)
}

fn not_changed(table: &TableReference) -> Error {
    Error::query(format!("the rows of {table} are not changed by SQL"))
        .hint(format!("make a table of them: CREATE TABLE mine AS SELECT * FROM {table}"))
}

fn made_anew(table: &str) -> Error {
    Error::query(format!("the table {table} that was prepared for is no longer there"))
        .hint("prepare the statement again")
}

fn foreign(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
