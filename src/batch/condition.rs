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
    Ok(checked(session, condition).await?.1)
}

/// Whether `condition` gives a row.
///
/// # Errors
/// When it is no query, or fails.
pub(super) async fn is_met(session: &Session, condition: &Condition) -> Result<bool> {
    let (statement, _) = checked(session, condition).await?;
    let answer = session.run(&statement, &Params::new()).await?;
    Ok(answer.collect().await?.iter().any(|batch| batch.num_rows() > 0))
}

/// The statement of `condition`, which only reads, and its plan.
async fn checked(session: &Session, condition: &Condition) -> Result<(Statement, LogicalPlan)> {
    let wrong = |error: Error| {
        let message = format!("the condition cannot be asked: {}", error.message());
        let told = Error::query(message).at(condition.place.clone());
        match error.advice() {
            Some(advice) => told.hint(advice),
            None => told,
        }
    };
    let statements = script::parse(&condition.sql, None).map_err(wrong)?;
    let Ok([statement]) = <[Statement; 1]>::try_from(statements) else {
        return Err(wrong(Error::query("it is not one statement")));
    };
    let plan = session.plan(&statement, &Params::new()).await.map_err(wrong)?;
    let options =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    match options.verify_plan(&plan) {
        Ok(()) => Ok((statement, plan)),
        Err(_) => Err(wrong(Error::query("it is no SELECT"))),
    }
}
