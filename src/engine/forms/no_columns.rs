//! `SELECT FROM posts`, where a word was forgotten: rows without columns show nothing.

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{Select, SetExpr, Statement as Asked};

use super::created_columns;
use crate::engine::script::Statement;
use crate::error::{Error, Result};

/// Refuses a query whose answer has no columns, and a table that has one twice. Within
/// EXISTS there need not be any columns.
pub(in crate::engine) fn check(parsed: &Parsed, statement: &Statement) -> Result<()> {
    created_columns::check(parsed, statement)?;
    let Parsed::Statement(asked) = parsed else { return Ok(()) };
    let query = match asked.as_ref() {
        Asked::Query(query) => Some(query),
        Asked::CreateTable(table) => table.query.as_ref(),
        Asked::CreateView(view) => Some(&view.query),
        _ => None,
    };
    match query.and_then(|query| without_columns(&query.body)) {
        None => Ok(()),
        Some(select) => {
            let at = select.select_token.0.span.start;
            let error = Error::query("this SELECT lists no columns");
            let error = match at.line {
                0 => error,
                _ => error.at(statement.place(at.line, at.column, Some("SELECT".len() as u64))),
            };
            Err(error.hint("SELECT * lists all of them"))
        }
    }
}

fn without_columns(body: &SetExpr) -> Option<&Select> {
    match body {
        SetExpr::Select(select) => select.projection.is_empty().then_some(select),
        SetExpr::Query(query) => without_columns(&query.body),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_select_without_columns_is_refused() {
        let session = Session::new(None, Settings::default()).unwrap();
        for sql in ["SELECT FROM (SELECT 1 AS a)", "CREATE TABLE t AS SELECT FROM (SELECT 1 AS a)"]
        {
            let error = session.collect(sql).await.unwrap_err();
            assert!(error.message().contains("no columns"), "{sql}: {error}");
            assert!(error.place().column.is_some(), "{sql}: {error}");
        }
        let exists = "SELECT 1 AS n WHERE EXISTS (SELECT FROM (SELECT 1 AS a))";
        assert_eq!(answer(&session, exists).await, ["n", "1"]);
        assert_eq!(answer(&session, "FROM (SELECT 1 AS a)").await, ["a", "1"]);
    }
}
