//! `SELECT likes + reposts AS both, both * 2 AS twice FROM posts WHERE both > 9`: a name
//! that a SELECT gives with AS, and asks for further on in its list or in WHERE.
//!
//! The name becomes what it was given to, as long as the tables have no column of that
//! name, which only the planner can tell. Left alone, so that the planner refuses them, are
//! names of what has another value each time it is computed, and in WHERE those of
//! aggregates and windows, which are computed later.

use std::cell::Cell;
use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, Ident, Select, SelectItem, VisitMut, VisitorMut, visit_expressions,
};

use super::familiar::VOLATILE;
use super::level_names;
use super::order_by_input::column_else;
use crate::engine::group_names::IsAggregate;
use crate::engine::names::plain;
use crate::engine::parsed;

/// Most bytes of what a name stands for. Names that are made of names twice each double
/// the statement each time.
const MOST_BYTES: usize = 16 << 10;

/// Has each such name stand for what it was given to.
pub(in crate::engine) fn fill_in(parsed: &mut Parsed, is_aggregate: IsAggregate<'_>) {
    // It never breaks off.
    let _ = parsed::visit(parsed, &mut FillIn { is_aggregate });
}

struct FillIn<'a> {
    is_aggregate: IsAggregate<'a>,
}

impl VisitorMut for FillIn<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let mut given = Given::default();
        for item in &mut select.projection {
            match item {
                SelectItem::ExprWithAlias { expr, alias } => {
                    given.put_into(expr);
                    given.add(alias, expr);
                }
                SelectItem::UnnamedExpr(expression) if !given.0.is_empty() => {
                    let alias = Ident::with_quote('"', typed(expression));
                    if given.put_into(expression) {
                        *item = SelectItem::ExprWithAlias { expr: expression.clone(), alias };
                    }
                }
                _ => {}
            }
        }
        given.0.retain(|(_, value)| is_of_one_row(value, self.is_aggregate));
        if !given.0.is_empty() {
            given.put_into(&mut select.selection);
        }
        ControlFlow::Continue(())
    }
}

/// What an expression is called without a name of its own.
fn typed(expression: &Expr) -> String {
    match expression {
        Expr::Identifier(name) => plain(name),
        _ => expression.to_string(),
    }
}

/// The names that were given so far, and to what.
#[derive(Default)]
struct Given(Vec<(String, Expr)>);

impl Given {
    /// Takes a name; of two alike the first one counts.
    fn add(&mut self, alias: &Ident, value: &Expr) {
        let name = plain(alias);
        let is_new = self.find(&name).is_none() && !is_made_of(value, &name);
        if is_new && may_be_repeated(value) {
            self.0.push((name, value.clone()));
        }
    }

    fn find(&self, name: &str) -> Option<&Expr> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value)
    }

    /// Has the names in `part` stand for their values; says whether there was any.
    fn put_into(&self, part: &mut impl VisitMut) -> bool {
        let is_changed = Cell::new(false);
        level_names::replace(part, &|name| {
            let value = self.find(&plain(name))?;
            is_changed.set(true);
            let value = Expr::Nested(Box::new(value.clone()));
            // Brackets, so that the statement as a text means the same.
            Some(Expr::Nested(Box::new(column_else(name.clone(), value))))
        });
        is_changed.get()
    }
}

/// Whether `value` is made of a column `name`, as in `upper(text) AS text`: then the tables
/// have one.
fn is_made_of(value: &Expr, name: &str) -> bool {
    let is_column = |part: &Expr| match part {
        Expr::Identifier(column) if plain(column) == name => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    parsed::look_outside_queries(value, is_column).is_break()
}

/// Whether an expression is short enough, and has the same value each time.
fn may_be_repeated(value: &Expr) -> bool {
    let is_volatile = |part: &Expr| match part {
        Expr::Function(call) if VOLATILE.contains(&name(call).as_str()) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    visit_expressions(value, is_volatile).is_continue() && value.to_string().len() <= MOST_BYTES
}

/// Whether the value of an expression is known from one row that is no group.
fn is_of_one_row(value: &Expr, is_aggregate: IsAggregate<'_>) -> bool {
    let is_later = |part: &Expr| match part {
        Expr::Function(call) if call.over.is_some() || is_aggregate(&name(call)) => {
            ControlFlow::Break(())
        }
        // A list gives a row for each of its items.
        Expr::Function(call) if name(call) == "unnest" => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    parsed::look_outside_queries(value, is_later).is_continue()
}

fn name(call: &Function) -> String {
    call.name.to_string().to_lowercase()
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    const FROM: &str = "FROM (VALUES (1, 2), (3, 4)) AS t(a, b)";

    #[tokio::test(flavor = "multi_thread")]
    async fn a_name_given_before_may_be_used_further_on() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (list, rest, wanted) in [
            ("a + 1 AS x, x * 2 AS y", "WHERE x > 3", &["x|y", "4|8"][..]),
            ("a + 1 AS x, X * 2, x AS y", "WHERE a = 3", &["x|X * 2|y", "4|8|4"]),
            ("sum(a) AS s, s / count(*) AS r", "", &["s|r", "4|2"]),
            ("a + 1 AS x, x + x AS y, (y + x) * 2", "LIMIT 1", &["x|y|(y + x) * 2", "2|4|12"]),
            (
                "a % 3 AS g, count(*) AS n, n * 10 + g AS m",
                "GROUP BY g ORDER BY m",
                &["g|n|m", "0|1|10", "1|1|11"],
            ),
            (
                "a, sum(a) OVER (ORDER BY a) AS r, r - a AS gain",
                "QUALIFY gain > 0 ORDER BY a",
                &["a|r|gain", "3|4|1"],
            ),
            ("[a, b] AS l, l[2] AS second", "LIMIT 1", &["l|second", "[1, 2]|2"]),
        ] {
            let sql = format!("SELECT {list} {FROM} {rest}");
            assert_eq!(answer(&session, &sql).await, wanted, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_column_of_the_tables_comes_before_a_name() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (list, rest, wanted) in [
            ("a + 1 AS b, b * 2 AS c", "WHERE b > 2", &["b|c", "4|8"][..]),
            ("-a AS a, a * 2 AS c", "WHERE a > 2", &["a|c", "-3|6"]),
            ("sum(a) AS b, min(b) AS c", "", &["b|c", "4|2"]),
            ("a * 10 AS x, list_transform([1], x -> x + 1)[1] AS y", "LIMIT 1", &["x|y", "10|2"]),
        ] {
            let sql = format!("SELECT {list} {FROM} {rest}");
            assert_eq!(answer(&session, &sql).await, wanted, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn names_of_what_differs_or_comes_later_are_refused() {
        let session = Session::new(None, Settings::default()).unwrap();
        for sql in [
            format!("SELECT random() AS x, x * 2 AS y {FROM}"),
            format!("SELECT x * 2 AS y, a + 1 AS x {FROM}"),
            format!("SELECT sum(a) AS x {FROM} WHERE x > 3"),
            format!("SELECT row_number() OVER () AS x {FROM} WHERE x > 3"),
        ] {
            let error = session.collect(&sql).await.unwrap_err();
            assert!(error.message().starts_with("no column \"x\""), "{sql}: {error}");
            assert!(error.advice().is_some_and(|told| told.contains("SELECT x FROM (")), "{sql}");
        }
    }
}
