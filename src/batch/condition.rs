//! The condition of an expectation: a query over the database.

use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;

use crate::engine::script::{self, Statement};
use crate::engine::{Params, Session};
use crate::error::{Error, Result};
use crate::queries::Condition;

/// The plan of `condition`.
///
/// # Errors
/// When it is no query, at its place in the saved query.
pub(super) async fn plan(session: &Session, condition: &Condition) -> Result<LogicalPlan> {
    let wrong = |error: &Error| {
        let message = format!("the condition cannot be asked: {}", error.message());
        let told = Error::query(message).at(condition.place.clone());
        error.advice().map_or(told.clone(), |advice| told.hint(advice))
    };
    let statement = statement(condition).map_err(|error| wrong(&error))?;
    let plan = session.plan(&statement, &Params::new()).await.map_err(|error| wrong(&error))?;
    let options =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    if options.verify_plan(&plan).is_err() {
        return Err(wrong(&Error::query("it is no SELECT")));
    }
    Ok(plan)
}

/// Whether `condition` gives a row.
///
/// # Errors
/// When it is no query, or fails.
pub(super) async fn is_met(session: &Session, condition: &Condition) -> Result<bool> {
    plan(session, condition).await?;
    let answer = session.run(&statement(condition)?, &Params::new()).await?;
    Ok(answer.collect().await?.iter().any(|batch| batch.num_rows() > 0))
}

fn statement(condition: &Condition) -> Result<Statement> {
    match <[Statement; 1]>::try_from(script::parse(&condition.sql, None)?) {
        Ok([statement]) => Ok(statement),
        Err(_) => Err(Error::query("it is not one statement")),
    }
}
