//! Checking saved queries without running them: each is read, its parameters
//! compared with its SQL, every statement planned, and what it depends on looked
//! up.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::datasource::empty::EmptyTable;
use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use super::condition;
use super::order::{Node, order};
use crate::engine::{Params, Session, Statement};
use crate::error::{Error, Place, Result, nearest};
use crate::queries::{Clock, Entry, Library, SavedQuery};
use crate::render;

/// What lint found in one saved query.
#[derive(Debug)]
pub struct Finding {
    /// The query's name.
    pub name: String,
    /// What is wrong with it, with its place.
    pub faults: Vec<Error>,
}

/// Checks `entries`, which are of `library`, one after another against what
/// `session` knows.
///
/// A database is needed for queries over its tables; nothing is run, and the
/// session is left as it was.
///
/// # Errors
/// When no session can be made, or the library cannot be read; faults of queries
/// are findings.
pub async fn lint(
    session: &Session,
    library: &Library,
    entries: &[Entry],
    clock: &Clock,
) -> Result<Vec<Finding>> {
    let queries: Vec<Result<SavedQuery>> = entries.iter().map(Entry::load).collect();
    let nodes = entries.iter().zip(&queries).map(|(entry, query)| Node {
        name: &entry.name,
        file: query.as_ref().map_or("", |query| query.file.as_str()),
        depends_on: query.as_ref().map_or(&[][..], |query| query.depends_on.as_slice()),
    });
    let links = order(&nodes.collect::<Vec<_>>(), library)?;
    let mut findings = Vec::with_capacity(entries.len());
    for ((entry, query), link) in entries.iter().zip(&queries).zip(links) {
        let mut faults = match query {
            Ok(query) => faults(session, query, clock).await?,
            Err(error) => vec![error.clone()],
        };
        faults.extend(link.err());
        findings.push(Finding { name: entry.name.clone(), faults });
    }
    Ok(findings)
}

/// All that is wrong with one query.
async fn faults(session: &Session, query: &SavedQuery, clock: &Clock) -> Result<Vec<Error>> {
    let statements = match query.statements() {
        Ok(statements) => statements,
        Err(error) => return Ok(vec![error]),
    };
    let mut faults = parameter_faults(query, &statements);
    if let Some(Err(error)) = query.format.as_deref().map(render::format) {
        faults.push(error.in_file(&query.file));
    }
    if faults.is_empty() {
        let session = session.sibling()?;
        match plan_all(&session, &statements, &samples(query, clock)?).await {
            Ok(plan) => faults.extend(order_fault(&statements, &plan)),
            Err(error) => faults.push(error),
        }
        for condition in query.conditions() {
            faults.extend(condition::plan(&session, condition).await.err());
        }
    }
    Ok(faults)
}

/// Parameters that the SQL has and the front matter has not, and the reverse.
fn parameter_faults(query: &SavedQuery, statements: &[Statement]) -> Vec<Error> {
    let mut faults = Vec::new();
    let mut used = BTreeSet::new();
    for statement in statements {
        for (name, place) in placeholders(statement) {
            let declared = query.params.iter().any(|param| param.name == name);
            if !declared && !used.contains(&name) {
                let error = Error::usage(format!("`${name}` is not declared")).at(place);
                let names = query.params.iter().map(|param| param.name.as_str());
                faults.push(match nearest(&name, names) {
                    Some(near) => error.hint(format!("did you mean `${near}`?")),
                    None => error.hint(format!("add params.{name} = {{ type = \"text\" }}")),
                });
            }
            used.insert(name);
        }
    }
    for param in query.params.iter().filter(|param| !used.contains(&param.name)) {
        let message = format!("parameter `{}` is declared and not used", param.name);
        faults.push(Error::usage(message).in_file(&query.file));
    }
    faults
}

/// The placeholders of a statement, with their places.
fn placeholders(statement: &Statement) -> Vec<(String, Place)> {
    let dialect = GenericDialect {};
    let tokens = Tokenizer::new(&dialect, &statement.sql).tokenize_with_location();
    let mut found = Vec::new();
    for token in tokens.unwrap_or_default() {
        if let Token::Placeholder(text) = &token.token
            && let Some(name) = text.strip_prefix('$')
        {
            let (start, length) = (token.span.start, text.chars().count() as u64);
            let place = statement.place(start.line, start.column, Some(length));
            found.push((name.to_owned(), place));
        }
    }
    found
}

/// A value of the right type for every parameter.
fn samples(query: &SavedQuery, clock: &Clock) -> Result<Params> {
    let mut values = Params::new();
    for param in &query.params {
        values.insert(param.name.clone(), param.sample(clock)?);
    }
    Ok(values)
}

/// The plan of the last statement. What the statements before it would make is
/// put into `session` as empty tables, so that it can be planned.
pub(super) async fn plan_all(
    session: &Session,
    statements: &[Statement],
    params: &Params,
) -> Result<LogicalPlan> {
    let mut last = LogicalPlan::default();
    for statement in statements {
        last = session.plan(statement, params).await?;
        let made = match &last {
            LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(made)) => {
                Some((&made.name, &made.input))
            }
            LogicalPlan::Ddl(DdlStatement::CreateView(made)) => Some((&made.name, &made.input)),
            _ => None,
        };
        if let Some((name, input)) = made {
            let schema = Arc::new(input.schema().as_arrow().clone());
            session
                .context()
                .register_table(name.clone(), Arc::new(EmptyTable::new(schema)))
                .map_err(|error| {
                    Error::query(error.strip_backtrace()).at(statement.place(1, 1, None))
                })?;
        }
    }
    Ok(last)
}

/// A LIMIT without an ORDER BY below it. Rows of plain tables come in the order in which they
/// lie in the files, which an import may change; those of joins and groups have no order.
fn order_fault(statements: &[Statement], plan: &LogicalPlan) -> Option<Error> {
    let LogicalPlan::Limit(limit) = plan else { return None };
    let mut below = limit.input.as_ref();
    while let LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) = below {
        below = below.inputs().first().copied()?;
    }
    let at_most_one_row = below.max_rows().is_some_and(|rows| rows <= 1);
    if matches!(below, LogicalPlan::Sort(_)) || at_most_one_row {
        return None;
    }
    let error = Error::usage("LIMIT without ORDER BY: nothing says which rows come");
    let place = statements.last().map(|statement| statement.place(1, 1, None)).unwrap_or_default();
    Some(error.at(place).hint(
        "add an ORDER BY that tells all rows apart; without it rows of a table come as they lie in \
         the files, and those of joins and groups in no order",
    ))
}
