//! What a statement asks, if its answer may be kept.

use datafusion::error::Result;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast;

use super::key::{Depends, Key};
use crate::catalog::{CATALOG, DatabaseSchema, Levers, SCHEMA};
use crate::engine::Params;
use crate::engine::reads::Reads;

/// A query, to be answered or explained.
#[derive(Debug)]
pub(in crate::engine) struct Question(ast::Statement);

impl Question {
    /// What `parsed` asks; none if answers are not to be kept, it is no query, or it
    /// names something that the session made, whose name may mean something else
    /// next time.
    pub(in crate::engine) fn of(parsed: &Parsed, state: &SessionState) -> Result<Option<Self>> {
        if !Levers::of(state.config_options()).result_cache {
            return Ok(None);
        }
        let Some(query) = query(parsed) else { return Ok(None) };
        let all_known = names_only_what_is_known(parsed, state)?;
        Ok(all_known.then(|| Self(query.clone())))
    }

    /// The key of the answer of `program`, when the question is planned as `plan`;
    /// none if that reads more than stored tables, or is different each time.
    pub(in crate::engine) fn key(
        &self,
        program: &str,
        params: &Params,
        plan: &LogicalPlan,
        state: &SessionState,
        dictionaries: Option<&str>,
    ) -> Option<Key> {
        let reads = Reads::of(explained(plan).unwrap_or(plan));
        // What reads no table is computed in no time.
        if !reads.repeatable || reads.tables.is_empty() {
            return None;
        }
        let options = state.config_options();
        Key::of(
            program,
            &Depends { statement: &self.0, params, reads: &reads, options, dictionaries },
        )
    }
}

/// Whether all tables and views that `parsed` names are those of the database, or
/// files, and none was made by the session: in our schema, or in one of its own.
fn names_only_what_is_known(parsed: &Parsed, state: &SessionState) -> Result<bool> {
    let names = &state.config_options().catalog;
    let (catalog, schema) = (names.default_catalog.as_str(), names.default_schema.as_str());
    let ours = state.catalog_list().catalog(CATALOG).and_then(|all| all.schema(SCHEMA));
    let ours = ours.as_ref().and_then(|schema| schema.downcast_ref::<DatabaseSchema>());
    let Some(ours) = ours.filter(|_| (catalog, schema) == (CATALOG, SCHEMA)) else {
        return Ok(false);
    };
    let named = state.resolve_table_references(parsed)?;
    Ok(named.into_iter().all(|name| {
        let name = name.resolve(catalog, schema);
        (name.catalog.as_ref(), name.schema.as_ref()) == (CATALOG, SCHEMA)
            && !ours.is_made(&name.table)
    }))
}

/// The query that a statement asks, or wants explained.
fn query(parsed: &Parsed) -> Option<&ast::Statement> {
    match parsed {
        Parsed::Statement(statement) => {
            Some(statement.as_ref()).filter(|one| matches!(one, ast::Statement::Query(_)))
        }
        Parsed::Explain(explain) => query(&explain.statement),
        _ => None,
    }
}

/// The plan that `plan` only explains, if it does.
pub(in crate::engine) fn explained(plan: &LogicalPlan) -> Option<&LogicalPlan> {
    match plan {
        LogicalPlan::Explain(explain) => Some(&explain.plan),
        LogicalPlan::Analyze(analyze) => Some(&analyze.input),
        _ => None,
    }
}
