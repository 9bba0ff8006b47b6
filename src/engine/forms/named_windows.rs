//! `OVER (w ORDER BY posted_at) ... WINDOW w AS (PARTITION BY account_id)`: a window that
//! is made of a named one.
//!
//! The planner passes over the name there, and knows one that stands alone in the list of
//! a SELECT only. Here each window says all that it means.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, NamedWindowDefinition, NamedWindowExpr, OrderBy, Query, Select, SetExpr, VisitMut,
    VisitorMut, WindowSpec, WindowType,
};

use crate::engine::names::plain;
use crate::engine::parsed;
use crate::engine::script::Statement;
use crate::error::{Error, Result, nearest};

/// Puts what named windows say in the places of their names.
///
/// # Errors
/// When there is no window of a name, or what is added to one contradicts it.
pub(in crate::engine) fn fill_in(parsed: &mut Parsed, statement: &Statement) -> Result<()> {
    match parsed::visit(parsed, &mut FillIn { statement }) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct FillIn<'a> {
    statement: &'a Statement,
}

impl VisitorMut for FillIn<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        let Query { body, order_by, .. } = query;
        match body.as_mut() {
            SetExpr::Select(select) => self.select(select, order_by.as_mut()),
            _ => ControlFlow::Continue(()),
        }
    }

    // The parts of a UNION come by here only.
    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        self.select(select, None)
    }
}

impl FillIn<'_> {
    fn select(&self, select: &mut Select, order_by: Option<&mut OrderBy>) -> ControlFlow<Error> {
        let mut known = Known { statement: self.statement, windows: Vec::new(), depth: 0 };
        for NamedWindowDefinition(name, window) in &mut select.named_window {
            let meant = match window {
                NamedWindowExpr::NamedWindow(other) => known.find(other).cloned(),
                NamedWindowExpr::WindowSpec(own) => known.whole(own),
            };
            let meant = match meant {
                Ok(meant) => meant,
                Err(error) => return ControlFlow::Break(error),
            };
            *window = NamedWindowExpr::WindowSpec(meant.clone());
            known.windows.push((plain(name), meant));
        }
        select.projection.visit(&mut known)?;
        select.qualify.visit(&mut known)?;
        select.distinct.visit(&mut known)?;
        order_by.map_or(ControlFlow::Continue(()), |order_by| order_by.visit(&mut known))
    }
}

/// The windows that a SELECT has named.
struct Known<'a> {
    statement: &'a Statement,
    windows: Vec<(String, WindowSpec)>,
    /// Within how many queries in expressions, which have windows of their own.
    depth: usize,
}

impl Known<'_> {
    fn find(&self, name: &Ident) -> Result<&WindowSpec> {
        let wanted = plain(name);
        if let Some((_, window)) = self.windows.iter().find(|(known, _)| *known == wanted) {
            return Ok(window);
        }
        let error = self.at(name, Error::query(format!("no window {name}")));
        let names = self.windows.iter().map(|(known, _)| known.as_str());
        Err(match nearest(&wanted, names) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error.hint(format!(
                "name it behind the tables and conditions, before it is used by another one: \
                 WINDOW {name} AS (PARTITION BY account_id)"
            )),
        })
    }

    /// `window` with what the one says that it is made of.
    fn whole(&self, window: &WindowSpec) -> Result<WindowSpec> {
        let Some(name) = &window.window_name else { return Ok(window.clone()) };
        let base = self.find(name)?;
        let adds = !window.order_by.is_empty() || window.window_frame.is_some();
        let contradicted = if !window.partition_by.is_empty() {
            Some("PARTITION BY")
        } else if !window.order_by.is_empty() && !base.order_by.is_empty() {
            Some("ORDER BY")
        } else if adds && base.window_frame.is_some() {
            Some("what is added")
        } else {
            None
        };
        if let Some(part) = contradicted {
            let error = Error::query(format!("{part} contradicts the window {name}"));
            return Err(self.at(name, error).hint(format!(
                "to {name} as it is can be added ORDER BY if it has none, and a frame (ROWS ...) \
                 if neither has one; else write the whole window: OVER (PARTITION BY ...)"
            )));
        }
        let order_by = match window.order_by.is_empty() {
            true => base.order_by.clone(),
            false => window.order_by.clone(),
        };
        Ok(WindowSpec {
            window_name: None,
            partition_by: base.partition_by.clone(),
            order_by,
            window_frame: window.window_frame.clone().or_else(|| base.window_frame.clone()),
        })
    }

    fn at(&self, name: &Ident, error: Error) -> Error {
        let start = name.span.start;
        match start.line {
            0 => error,
            line => {
                let length = name.value.chars().count() as u64;
                error.at(self.statement.place(line, start.column, Some(length)))
            }
        }
    }
}

impl VisitorMut for Known<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<Error> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<Error> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<Error> {
        if self.depth > 0 {
            return ControlFlow::Continue(());
        }
        if let Expr::Function(call) = expression
            && let Some(over) = &mut call.over
        {
            let meant = match over {
                WindowType::NamedWindow(name) => self.find(name).cloned(),
                WindowType::WindowSpec(window) => self.whole(window),
            };
            match meant {
                Ok(meant) => *over = WindowType::WindowSpec(meant),
                Err(error) => return ControlFlow::Break(error),
            }
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    const FROM: &str = "FROM (VALUES (1, 'a', 10), (2, 'a', 20), (3, 'b', 30)) AS t(id, g, n)";

    #[tokio::test(flavor = "multi_thread")]
    async fn a_window_made_of_a_named_one_has_its_partitions_and_order() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (over, windows, rows) in [
            ("w", "w AS (PARTITION BY g)", ["30", "30", "30"]),
            ("(w)", "w AS (PARTITION BY g)", ["30", "30", "30"]),
            ("(W ORDER BY id)", "w AS (PARTITION BY g)", ["10", "30", "30"]),
            ("(w ROWS 1 PRECEDING)", "w AS (ORDER BY id)", ["10", "30", "50"]),
            ("w2", "w1 AS (PARTITION BY g), w2 AS (w1 ORDER BY id)", ["10", "30", "30"]),
            ("(w2)", "w1 AS (ORDER BY id ROWS 1 PRECEDING), w2 AS (w1)", ["10", "30", "50"]),
            ("(w3)", "w1 AS (PARTITION BY g), w2 AS (w1), w3 AS (w2)", ["30", "30", "30"]),
        ] {
            let sql = format!(
                "SELECT s FROM (SELECT id, sum(n) OVER {over} AS s {FROM} WINDOW {windows})
                 ORDER BY id"
            );
            let wanted: Vec<_> = ["s"].into_iter().chain(rows).collect();
            assert_eq!(answer(&session, &sql).await, wanted, "{over} {windows}");
        }
        let named = format!(
            "SELECT id, rank() OVER w AS r {FROM} WINDOW w AS (PARTITION BY g ORDER BY id)
             QUALIFY row_number() OVER w = 1 ORDER BY sum(n) OVER (w), id"
        );
        assert_eq!(answer(&session, &named).await, ["id|r", "1|1", "3|1"]);
        let parts = format!(
            "SELECT sum(n) OVER (w) AS s {FROM} WHERE id < 3 WINDOW w AS (PARTITION BY g, id)
             UNION ALL SELECT sum(n) OVER (w) {FROM} WINDOW w AS (PARTITION BY g) ORDER BY s"
        );
        assert_eq!(answer(&session, &parts).await, ["s", "10", "20", "30", "30", "30"]);
        let nested = format!(
            "SELECT (SELECT max(s) FROM (SELECT sum(n) OVER (w) AS s {FROM} WINDOW w AS
             (PARTITION BY id)) AS q) AS m, count(*) OVER (w) AS c {FROM} WINDOW w AS ()
             ORDER BY 1 LIMIT 1"
        );
        assert_eq!(answer(&session, &nested).await, ["m|c", "30|3"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_contradicts_a_named_window_is_told() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (over, windows, said) in [
            ("(w PARTITION BY id)", "w AS (PARTITION BY g)", "PARTITION BY contradicts"),
            ("(w ORDER BY n)", "w AS (ORDER BY id)", "ORDER BY contradicts"),
            ("(w ROWS 2 PRECEDING)", "w AS (ORDER BY id ROWS 1 PRECEDING)", "what is added"),
            ("(wimdow)", "window1 AS (ORDER BY id)", "no window wimdow"),
            ("w", "v AS (ORDER BY id)", "no window w"),
            ("(v)", "v AS (w), w AS (ORDER BY id)", "no window w"),
        ] {
            let sql = format!("SELECT sum(n) OVER {over} {FROM} WINDOW {windows}");
            let error = session.collect(&sql).await.unwrap_err();
            assert!(error.message().contains(said), "{sql}: {error}");
            assert!(error.advice().is_some() && error.place().column.is_some(), "{sql}: {error}");
        }
    }
}
