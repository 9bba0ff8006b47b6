//! `WITH a AS (WITH a AS (...) SELECT ...)`: a query by name within another one that is
//! called like one around it, which it hides there.
//!
//! The planner refuses two of one name. So the inner one gets a name that no other has; the
//! columns of tables that mean it are still called after the name that was typed.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Ident, ObjectName, Query, TableAlias, TableFactor, VisitMut, VisitorMut, With,
};

use crate::engine::names::plain;
use crate::engine::parsed;

/// Gives queries that hide others names of their own.
pub(super) fn tell_apart(parsed: &mut Parsed) {
    // It never breaks off.
    let _ = parsed::visit(parsed, &mut TellApart::default());
}

#[derive(Default)]
struct TellApart {
    /// The queries around, outer ones first.
    levels: Vec<Level>,
    /// How many names were given.
    given: usize,
}

/// What a query has by name.
#[derive(Default)]
struct Level {
    /// The clause, while the rest of the query is gone over.
    with: Option<With>,
    /// The names that were typed, each with the one that was given instead.
    names: Vec<(String, Option<Ident>)>,
}

impl VisitorMut for TellApart {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.levels.push(Level::default());
        let Some(mut with) = query.with.take() else { return ControlFlow::Continue(()) };
        for table in &mut with.cte_tables {
            // Only a recursive one means itself by its name.
            if with.recursive {
                self.name(&mut table.alias.name);
                table.query.visit(self)?;
            } else {
                table.query.visit(self)?;
                self.name(&mut table.alias.name);
            }
        }
        if let Some(level) = self.levels.last_mut() {
            level.with = Some(with);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        query.with = self.levels.pop().and_then(|level| level.with);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, alias, args: None, .. } = table
            && let [part] = name.0.as_slice()
            && let Some(typed) = part.as_ident().cloned()
            && let Some(given) = self.given(&typed)
        {
            *name = ObjectName::from(vec![Ident { span: typed.span, ..given }]);
            alias.get_or_insert_with(|| TableAlias {
                explicit: true,
                name: typed,
                columns: Vec::new(),
                at: None,
            });
        }
        ControlFlow::Continue(())
    }
}

impl TellApart {
    /// Has a query be known by `name`, or by another one if it hides one around.
    fn name(&mut self, name: &mut Ident) {
        let typed = plain(name);
        let Some((level, around)) = self.levels.split_last_mut() else { return };
        let hides = around.iter().flat_map(|outer| &outer.names).any(|(known, _)| *known == typed);
        let given = hides.then(|| {
            self.given += 1;
            let given = Ident::with_quote('"', format!("{typed} {}", self.given));
            Ident { span: name.span, ..given }
        });
        if let Some(given) = &given {
            *name = given.clone();
        }
        level.names.push((typed, given));
    }

    /// The name that was given to the query that `typed` means.
    fn given(&self, typed: &Ident) -> Option<Ident> {
        let typed = plain(typed);
        let mut names = self.levels.iter().rev().flat_map(|level| &level.names);
        names.find(|(known, _)| *known == typed)?.1.clone()
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn an_inner_query_by_name_hides_an_outer_one() {
        let session = Session::new(None, Settings::default()).unwrap();
        session.collect("CREATE TABLE t AS SELECT 7 AS n UNION ALL SELECT 8").await.unwrap();
        for (sql, rows) in [
            (
                "WITH p AS (SELECT 1 AS n), q AS (WITH p AS (SELECT 2 AS n) SELECT * FROM p)
                 SELECT p.n, q.n AS m FROM p, q",
                &["n|m", "1|2"][..],
            ),
            (
                "WITH p AS (SELECT 1 AS n)
                 SELECT * FROM (WITH P AS (SELECT p.n + 1 AS n FROM p) SELECT p.n FROM p) AS q",
                &["n", "2"],
            ),
            (
                "WITH p AS (SELECT 1 AS n)
                 SELECT q.n, p.n AS m FROM (WITH p AS (SELECT 5 AS n) SELECT * FROM p) AS q, p",
                &["n|m", "5|1"],
            ),
            (
                "WITH p AS (SELECT 1 AS n)
                 SELECT * FROM (WITH p(k) AS (SELECT 2) SELECT * FROM
                   (WITH p AS (SELECT k + 1 AS l FROM p) SELECT l FROM p AS r) AS a, p) AS b, p",
                &["l|k|n", "3|2|1"],
            ),
            (
                "WITH p AS (SELECT 1 AS n) SELECT (WITH p AS (SELECT n + 1 AS m FROM p)
                 SELECT m FROM p) AS v FROM p",
                &["v", "2"],
            ),
            (
                "WITH p AS (SELECT 1 AS n) SELECT n FROM p UNION ALL
                 (WITH RECURSIVE p AS (SELECT 5 AS n UNION ALL SELECT p.n + 1 FROM p WHERE n < 6)
                  SELECT n FROM p) ORDER BY n",
                &["n", "1", "5", "6"],
            ),
            (
                "(WITH p AS (SELECT 1 AS n) SELECT * FROM p) UNION ALL
                 (WITH p AS (SELECT 3 AS n) SELECT * FROM p) ORDER BY 1",
                &["n", "1", "3"],
            ),
            ("WITH t AS (SELECT * FROM t WHERE n > 7) SELECT t.n FROM t", &["n", "8"]),
            (
                "WITH t AS (SELECT * FROM t WHERE n > 7), u AS (SELECT n FROM t)
                 SELECT count(*) AS c FROM t, u",
                &["c", "1"],
            ),
            (
                "WITH p AS (WITH t AS (SELECT 9 AS n) SELECT * FROM t)
                 SELECT p.n, t.n AS m FROM p, t ORDER BY m",
                &["n|m", "9|7", "9|8"],
            ),
        ] {
            assert_eq!(answer(&session, sql).await, rows, "{sql}");
        }
        let twice = "WITH p AS (SELECT 1 AS n), p AS (SELECT 2 AS n) SELECT * FROM p";
        let error = session.collect(twice).await.unwrap_err();
        assert!(error.message().contains("specified more than once"), "{error}");
    }
}
