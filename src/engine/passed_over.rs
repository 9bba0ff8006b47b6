//! Clauses of other databases that the parser takes and the planner passes over in
//! silence: an answer without them would be another one than was asked for.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    GroupByExpr, OrderByKind, Query, Select, TableFactor, VisitorMut,
};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::parsed;
use super::script::{Statement, tokenize};
use crate::error::{Error, Result};

/// The word by which such a clause is known, and what to write instead.
type Clause = (&'static str, &'static str);

const SAMPLE: Clause = ("TABLESAMPLE", "ORDER BY random() LIMIT 100 takes rows by chance");

/// Refuses a statement with such a clause.
pub(super) fn check(parsed: &mut Parsed, statement: &Statement) -> Result<()> {
    let found = parsed::visit(parsed, &mut PassedOver);
    let ControlFlow::Break((word, advice)) = found else { return Ok(()) };
    let error = Error::query(format!("not supported: {word}")).hint(advice);
    let first = word.split(' ').next().unwrap_or(word);
    let tokens = tokenize(&statement.sql).unwrap_or_default();
    // The last one, for WITH may begin the statement.
    let place = tokens.iter().rfind(|token| match &token.token {
        Token::Word(known) => {
            known.quote_style.is_none() && known.value.eq_ignore_ascii_case(first)
        }
        _ => false,
    });
    Err(match place.map(|token| token.span.start) {
        Some(at) => {
            error.at(statement.place(at.line, at.column, Some(first.chars().count() as u64)))
        }
        None => error,
    })
}

/// Finds the first such clause.
struct PassedOver;

impl VisitorMut for PassedOver {
    type Break = Clause;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Clause> {
        let fills = query.order_by.as_ref().is_some_and(|order| match &order.kind {
            OrderByKind::Expressions(all) => all.iter().any(|one| one.with_fill.is_some()),
            OrderByKind::All(_) => false,
        });
        found(
            fills.then_some((
                "WITH FILL",
                "join with generate_series, which has a row for each value",
            )),
        )
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Clause> {
        let (GroupByExpr::All(totals) | GroupByExpr::Expressions(_, totals)) = &select.group_by;
        found(if select.prewhere.is_some() {
            Some(("PREWHERE", "WHERE reads no more than it must"))
        } else if !select.connect_by.is_empty() {
            Some(("CONNECT BY", "WITH RECURSIVE follows rows from one to the next"))
        } else if !totals.is_empty() {
            Some(("WITH ROLLUP", "GROUP BY ROLLUP (platform), CUBE (...) or GROUPING SETS (...)"))
        } else {
            None
        })
    }

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<Clause> {
        found(match table {
            TableFactor::Table { sample: Some(_), .. }
            | TableFactor::Derived { sample: Some(_), .. } => Some(SAMPLE),
            TableFactor::Table { partitions, .. } if !partitions.is_empty() => {
                Some(("PARTITION", "a condition behind WHERE chooses rows"))
            }
            TableFactor::Table { with_ordinality: true, .. } => {
                Some(("WITH ORDINALITY", "row_number() OVER () numbers rows"))
            }
            TableFactor::UNNEST { with_ordinality: true, .. }
            | TableFactor::Function { with_ordinality: true, .. } => Some((
                "WITH ORDINALITY",
                "unnest the numbers beside the items: unnest(hashtags, generate_series(1, \
                 cardinality(hashtags)))",
            )),
            TableFactor::Table { version: Some(_), .. } => Some((
                "FOR SYSTEM_TIME",
                "FROM posts FOR TIMESTAMP AS OF '2012-08-27' asks a table as it was",
            )),
            _ => None,
        })
    }
}

fn found(clause: Option<Clause>) -> ControlFlow<Clause> {
    clause.map_or(ControlFlow::Continue(()), ControlFlow::Break)
}

#[cfg(test)]
mod tests {
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn no_clause_is_passed_over_in_silence() {
        let session = Session::new(None, Settings::default()).unwrap();
        session.collect("CREATE VIEW t AS SELECT * FROM (VALUES (1), (2)) AS t(n)").await.unwrap();
        for (sql, word) in [
            ("SELECT count(*) FROM t TABLESAMPLE (10 PERCENT)", "TABLESAMPLE"),
            ("SELECT count(*) FROM (SELECT * FROM t) AS s TABLESAMPLE (10 ROWS)", "TABLESAMPLE"),
            ("SELECT count(*) FROM t PREWHERE n > 1", "PREWHERE"),
            (
                "WITH a AS (SELECT n, count(*) FROM t GROUP BY n WITH ROLLUP) SELECT * FROM a",
                "WITH",
            ),
            ("SELECT n FROM t ORDER BY n WITH FILL", "WITH"),
            ("SELECT * FROM unnest([5, 6]) WITH ORDINALITY AS u(item, place)", "WITH ORDINALITY"),
        ] {
            for begin in ["", "EXPLAIN ", "CREATE TABLE made AS "] {
                let error = session.collect(&format!("{begin}{sql}")).await.unwrap_err();
                assert!(error.message().contains(word), "{begin}{sql}: {error}");
                assert!(error.advice().is_some() && error.place().column.is_some(), "{error}");
            }
        }
        for fine in [
            "SELECT n, count(*) FROM t GROUP BY ROLLUP (n) ORDER BY n",
            "SELECT n, count(*) FROM t GROUP BY ALL",
            "SELECT * FROM t ORDER BY random() LIMIT 100",
            "SELECT row_number() OVER (), n FROM t",
        ] {
            session.collect(fine).await.unwrap();
        }
    }
}
