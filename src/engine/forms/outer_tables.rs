//! `FROM posts WHERE EXISTS (SELECT 1 FROM account_snapshots AS s WHERE s.account_id =
//! posts.account_id)`: the table of the query around it, though `account_snapshots` has a
//! column `posts`. A name in two parts is the column of a table first, and only then the
//! field of a column.
//!
//! The planner looks for a field in the tables of the inner query before it looks around
//! them. Behind the name of a database it takes the name for that of a table.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, Select, SetExpr, TableFactor, VisitMut, VisitorMut,
};

use crate::engine::names::{Tables, plain};
use crate::engine::parsed;

/// What stands for a database where a table was named without one.
const DATABASE: &str = "main";

/// Has names in queries mean the tables of the queries around them.
pub(super) fn reach(parsed: &mut Parsed) {
    // It never breaks off.
    let _ = parsed::visit(parsed, &mut Reach::default());
}

#[derive(Default)]
struct Reach {
    /// What is around, outer ones first.
    scopes: Vec<Scope>,
}

/// The tables of one SELECT.
struct Scope {
    tables: Tables,
    /// Within how many queries of its FROM, which do not see its tables.
    hidden: usize,
}

impl Scope {
    fn of(select: &Select) -> Self {
        Self { tables: Tables::of(&select.from), hidden: 0 }
    }
}

impl VisitorMut for Reach {
    type Break = ();

    // What a query is ordered by stands behind its SELECT.
    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let (SetExpr::Select(select), Some(order_by)) =
            (query.body.as_ref(), &mut query.order_by)
        {
            self.scopes.push(Scope::of(select));
            let _ = order_by.visit(self);
            self.scopes.pop();
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.scopes.push(Scope::of(select));
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _select: &mut Select) -> ControlFlow<()> {
        self.scopes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<()> {
        if let (TableFactor::Derived { lateral: false, .. }, Some(scope)) =
            (table, self.scopes.last_mut())
        {
            scope.hidden += 1;
        }
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<()> {
        if let (TableFactor::Derived { lateral: false, .. }, Some(scope)) =
            (table, self.scopes.last_mut())
        {
            scope.hidden -= 1;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(parts) = expression
            && let [table, column] = parts.as_slice()
            && let Some(path) = self.outer(table)
        {
            *parts = path.into_iter().chain([column.clone()]).collect();
        }
        ControlFlow::Continue(())
    }
}

impl Reach {
    /// `name` with its database, if it is that of a table around the innermost query only.
    fn outer(&self, name: &Ident) -> Option<Vec<Ident>> {
        let called = plain(name);
        let mut seen = self.scopes.iter().rev().filter(|scope| scope.hidden == 0);
        if seen.next()?.tables.called(&called).is_some() {
            return None;
        }
        let table = seen.find_map(|scope| scope.tables.called(&called))?;
        let placed = |part: Ident| Ident { span: name.span, ..part };
        Some(match table {
            [_] => vec![placed(Ident::new(DATABASE)), name.clone()],
            parts => parts.iter().map(|part| placed(Ident::with_quote('"', part))).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    /// Each column `posts` is called like a table.
    async fn session() -> Session {
        let session = Session::new(None, Settings::default()).unwrap();
        for sql in [
            "CREATE TABLE posts AS SELECT * FROM (VALUES (1, 5), (2, 6), (3, 7)) AS t(id, n)",
            "CREATE TABLE s AS SELECT * FROM (VALUES (1, 50), (2, 60)) AS t(id, posts)",
            "CREATE TABLE deep AS SELECT * FROM (VALUES (2, {'x': 8})) AS t(id, author)",
        ] {
            session.collect(sql).await.unwrap();
        }
        session
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_table_around_a_query_comes_before_the_field_of_a_column() {
        let session = session().await;
        for (sql, wanted) in [
            ("SELECT id FROM posts WHERE EXISTS (SELECT 1 FROM s WHERE s.id = posts.id)", "1 2"),
            ("SELECT id FROM Posts WHERE NOT EXISTS (SELECT 1 FROM s WHERE s.id = POSTS.id)", "3"),
            ("SELECT id FROM posts WHERE 60 IN (SELECT s.posts FROM s WHERE s.id = posts.id)", "2"),
            ("SELECT (SELECT s.posts + posts.n FROM s WHERE s.id = posts.id) FROM posts", "55 66 "),
            (
                "SELECT x.y FROM posts, LATERAL (SELECT s.posts AS y FROM s WHERE s.id = posts.id) x",
                "50 60",
            ),
            (
                "SELECT id FROM posts WHERE EXISTS (SELECT 1 FROM s WHERE s.id = posts.id AND EXISTS
                 (SELECT 1 FROM s AS z WHERE z.posts = 10 * posts.n))",
                "1 2",
            ),
            (
                "SELECT id FROM main.posts WHERE EXISTS (SELECT 1 FROM s WHERE s.id = posts.id)",
                "1 2",
            ),
            (
                "WITH posts AS (SELECT 2 AS id) SELECT id FROM posts
                 WHERE EXISTS (SELECT 1 FROM s WHERE s.id = posts.id)",
                "2",
            ),
            (
                "SELECT id FROM posts JOIN s USING (id)
                 WHERE EXISTS (SELECT 1 FROM s AS z WHERE z.id = posts.id AND z.posts = 60)",
                "2",
            ),
        ] {
            let found = answer(&session, &format!("{sql} ORDER BY 1")).await;
            assert_eq!(found[1..].join(" "), wanted, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn other_names_mean_what_they_did() {
        let session = session().await;
        for (sql, wanted) in [
            // The inner table of a name comes first.
            (
                "SELECT id FROM posts WHERE 5 IN (SELECT posts.n FROM s JOIN posts USING (id))",
                "1 2 3",
            ),
            ("SELECT id FROM posts WHERE 60 IN (SELECT posts.posts FROM s AS posts)", "1 2 3"),
            // No other name is one of a table.
            ("SELECT id FROM posts WHERE 8 IN (SELECT author.x FROM deep)", "1 2 3"),
            // Queries of FROM do not see the tables beside them.
            ("SELECT d.x FROM posts AS author, (SELECT author.x FROM deep) AS d LIMIT 1", "8"),
        ] {
            assert_eq!(answer(&session, sql).await[1..].join(" "), wanted, "{sql}");
        }
        let missing = "SELECT id FROM posts WHERE EXISTS (SELECT 1 FROM s WHERE s.id = posts.nope)";
        let error = session.collect(missing).await.unwrap_err();
        assert!(error.message().contains("posts"), "{error}");
    }
}
