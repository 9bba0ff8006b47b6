//! `SELECT *, row_number() OVER (ORDER BY likes) AS place FROM posts QUALIFY account_id = 5`:
//! rows that are left out behind the windows by what their tables say of them. So it is too
//! where a window has the name of a column, which comes first here.
//!
//! The planner wants a window in QUALIFY. It is given one of those that are listed, in a
//! condition that is always true; but not where a name of the list stands for one already.

use std::ops::ControlFlow;

use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::lit;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Select, Visit, VisitorMut};

use crate::engine::parsed;

/// The sign between a condition and a window beside it.
pub(super) const BESIDE: &str = "beside window";

/// Puts a window beside each QUALIFY that has none.
pub(super) fn mark(parsed: &mut Parsed) {
    // It never breaks off.
    let _ = parsed::visit(parsed, &mut EachSelect);
}

struct EachSelect;

impl VisitorMut for EachSelect {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        if let Some(condition) = &mut select.qualify
            && window(&*condition).is_none()
            && let Some(window) = window(&select.projection)
        {
            *condition = Expr::BinaryOp {
                left: Box::new(Expr::Nested(Box::new(condition.clone()))),
                op: BinaryOperator::Custom(BESIDE.to_owned()),
                right: Box::new(window),
            };
        }
        ControlFlow::Continue(())
    }
}

/// The first call in `part` that looks at a window.
fn window(part: &impl Visit) -> Option<Expr> {
    let mut found = None;
    // What was found is handed on.
    let _ = parsed::look_outside_queries(part, |expression| match expression {
        Expr::Function(call) if call.over.is_some() => {
            found = Some(expression.clone());
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    });
    found
}

/// Plans such a sign.
#[derive(Debug)]
pub(super) struct BesideWindow;

impl ExprPlanner for BesideWindow {
    fn plan_binary_op(
        &self,
        expression: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        match &expression.op {
            BinaryOperator::Custom(sign) if sign == BESIDE => {}
            _ => return Ok(PlannerResult::Original(expression)),
        }
        let RawBinaryExpr { left, right, .. } = expression;
        let is_of_tables = left.column_refs().into_iter().all(|column| schema.has_column(column));
        Ok(PlannerResult::Planned(match is_of_tables {
            true => left.and(right.is_null().or(lit(true))),
            false => left,
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn qualify_asks_for_columns_of_the_tables() {
        let session = Session::new(None, Settings::default()).unwrap();
        let made =
            "CREATE TABLE t AS SELECT * FROM (VALUES (1, 'c', 10), (2, 'a', 10), (3, 'b', 2))
                    AS t(id, k, v)";
        session.collect(made).await.unwrap();
        for (asked, wanted) in [
            ("id, row_number() OVER (ORDER BY id DESC) AS r FROM t QUALIFY id < 3", "1|3 2|2"),
            ("id, row_number() OVER (ORDER BY id DESC) AS v FROM t QUALIFY v = 2", "3|1"),
            (
                "id, row_number() OVER (ORDER BY id DESC) AS v FROM t QUALIFY t.v = 2 OR id = 1",
                "1|3 3|1",
            ),
            (
                "id, 1 + rank() OVER w AS r FROM t QUALIFY k > 'a' WINDOW w AS (ORDER BY id)",
                "1|2 3|4",
            ),
            // A name of the list.
            ("id, row_number() OVER (ORDER BY id DESC) AS r FROM t QUALIFY r = 2", "2|2"),
            (
                "id, row_number() OVER (ORDER BY id DESC) AS r FROM t QUALIFY r > 1 AND id = 1",
                "1|3",
            ),
            ("v, max(count(*)) OVER () AS m FROM t GROUP BY v QUALIFY v = 2", "2|2"),
            ("id, sum(z.v) OVER () AS s FROM t JOIN t AS z USING (id) QUALIFY id = 2", "2|22"),
        ] {
            let sql = format!("SELECT {asked} ORDER BY 1");
            assert_eq!(answer(&session, &sql).await[1..].join(" "), wanted, "{sql}");
        }
        let without = session.collect("SELECT id FROM t QUALIFY id = 1").await.unwrap_err();
        assert!(without.message().contains("QUALIFY"), "{without}");
        let view = "CREATE VIEW v AS SELECT id, row_number() OVER () AS r FROM t QUALIFY id = 1";
        session.collect(view).await.unwrap();
        let view = session.context().table_provider("v").await.unwrap();
        let said = view.get_table_definition().unwrap_or_default().to_owned();
        assert!(said.contains("QUALIFY") && !said.contains(super::BESIDE), "{said}");
    }
}
