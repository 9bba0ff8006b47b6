//! What a statement names in FROM and WITH, for hints.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    ObjectNamePart, Query, Select, Statement, TableFactor, Visit, Visitor,
};
use datafusion::sql::sqlparser::parser::Parser;

use super::dialect::Ours;
use super::from_first;
use super::names::plain;
use super::script::tokenize;
use super::versions;
use crate::catalog::VIEWS;
use crate::model::TABLES;

/// The tables, queries and their names that a statement has.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Each table in FROM: its name, and what it is called there.
    tables: Vec<(String, String)>,
    /// The names that WITH gives.
    pub(super) queries: Vec<String>,
    /// A name that stands twice in one FROM.
    pub(super) twice: Option<String>,
}

impl Asked {
    /// What is asked by `sql`; nothing if it cannot be read.
    pub(super) fn of(sql: &str) -> Self {
        let mut asked = Self::default();
        // It never breaks off.
        let _ = statements(sql).unwrap_or_default().visit(&mut asked);
        asked
    }

    /// What the first table with a column `name` is called in FROM, as far as its columns
    /// are known; else the first table.
    pub(super) fn called_with(&self, name: &str) -> Option<&str> {
        let has = |table: &str| {
            TABLES.iter().any(|known| known.name == table && known.index(name).is_some())
                || VIEWS.iter().any(|view| {
                    view.name == table && view.columns.iter().any(|(column, _)| *column == name)
                })
        };
        let known = self.tables.iter().find(|(table, _)| has(table));
        known.or_else(|| self.tables.first()).map(|(_, called)| called.as_str())
    }
}

impl Visitor for Asked {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let given = query.with.iter().flat_map(|with| &with.cte_tables);
        self.queries.extend(given.map(|one| plain(&one.alias.name)));
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        let joined = select.from.iter().flat_map(|first| {
            std::iter::once(&first.relation).chain(first.joins.iter().map(|join| &join.relation))
        });
        let mut seen = HashSet::new();
        for (_, called) in joined.filter_map(named) {
            if !seen.insert(called.clone()) && self.twice.is_none() {
                self.twice = Some(called);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, table: &TableFactor) -> ControlFlow<()> {
        self.tables.extend(named(table));
        ControlFlow::Continue(())
    }
}

/// The name of a table or subquery in FROM, empty for a subquery, and what it is called.
fn named(table: &TableFactor) -> Option<(String, String)> {
    match table {
        TableFactor::Table { name, alias, .. } => {
            let name = plain(name.0.last().and_then(ObjectNamePart::as_ident)?);
            let called = alias.as_ref().map(|alias| plain(&alias.name));
            Some((name.clone(), called.unwrap_or(name)))
        }
        TableFactor::Derived { alias: Some(alias), .. } => {
            Some((String::new(), plain(&alias.name)))
        }
        _ => None,
    }
}

/// The statements that `sql` is, if it can be read.
pub(super) fn statements(sql: &str) -> Option<Vec<Statement>> {
    let (sql, _) = versions::hide(sql);
    let tokens = from_first::complete(tokenize(&sql).ok()?);
    Parser::new(&Ours).with_tokens_with_locations(tokens).parse_statements().ok()
}

#[cfg(test)]
mod tests {
    use super::Asked;
    use crate::engine::{Session, Settings};

    #[test]
    fn the_table_that_has_the_column_is_named_as_it_is_called() {
        let asked = Asked::of("SELECT account_id FROM posts p JOIN account_snapshots a ON true");
        assert_eq!(asked.called_with("account_id"), Some("p"));
        assert_eq!(asked.called_with("followers"), Some("a"));
        assert_eq!(asked.twice, None);
        assert_eq!(Asked::of("SELECT 1 FROM posts A, posts a").twice.as_deref(), Some("a"));
        let apart = Asked::of("SELECT (SELECT max(likes) FROM posts) FROM posts");
        assert_eq!(apart.twice, None);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn names_that_the_statement_gives_are_in_its_hints() {
        let session = Session::new(None, Settings::default()).unwrap();
        session.collect("CREATE TABLE t AS SELECT 1 AS n, 2 AS m").await.unwrap();
        for (sql, said, hint) in [
            ("WITH totals AS (SELECT 1) SELECT * FROM total", "no table", "\"totals\"?"),
            ("WITH many AS (SELECT 1) SELECT * FROM nothing", "no table", "there are many, t"),
            ("SELECT n FROM t AS one JOIN t AS two ON one.n = two.n", "more than one", "one.n"),
            ("SELECT * FROM t a, t a", "a stands twice in FROM", "t AS a2"),
        ] {
            let error = session.collect(sql).await.unwrap_err();
            assert!(error.message().contains(said), "{sql}: {error}");
            assert!(error.advice().is_some_and(|told| told.contains(hint)), "{sql}: {error}");
        }
    }
}
