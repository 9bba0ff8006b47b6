//! `FETCH FIRST 10 ROWS ONLY`: the standard's name for LIMIT, which the planner refuses.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{Expr, LimitClause, Query, Value, VisitorMut};

use crate::engine::parsed;

/// Makes LIMIT of FETCH, unless there is a LIMIT as well.
pub(super) fn limit(parsed: &mut Parsed) {
    // It never breaks off.
    let _ = parsed::visit(parsed, &mut Limit);
}

struct Limit;

impl VisitorMut for Limit {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let is_counted =
            query.fetch.as_ref().is_some_and(|fetch| !fetch.with_ties && !fetch.percent);
        let offset = match &query.limit_clause {
            None => None,
            Some(LimitClause::LimitOffset { limit: None, offset, limit_by })
                if limit_by.is_empty() =>
            {
                offset.clone()
            }
            Some(_) => return ControlFlow::Continue(()),
        };
        if is_counted && let Some(fetch) = query.fetch.take() {
            let one = || Expr::value(Value::Number("1".to_owned(), false));
            let limit = Some(fetch.quantity.unwrap_or_else(one));
            query.limit_clause =
                Some(LimitClause::LimitOffset { limit, offset, limit_by: Vec::new() });
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn fetch_takes_so_many_rows() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (VALUES (1), (2), (3), (4)) AS t(n) ORDER BY n";
        for (end, rows) in [
            ("FETCH FIRST 2 ROWS ONLY", &["n", "1", "2"][..]),
            ("FETCH NEXT ROW ONLY", &["n", "1"]),
            ("OFFSET 1 ROWS FETCH NEXT 2 ROWS ONLY", &["n", "2", "3"]),
            ("OFFSET 3", &["n", "4"]),
        ] {
            let sql = format!("SELECT n {from} {end}");
            assert_eq!(answer(&session, &sql).await, rows, "{end}");
            let inside = format!("SELECT max(n) AS n FROM ({sql})");
            assert_eq!(answer(&session, &inside).await, ["n", rows[rows.len() - 1]], "{end}");
        }
        let both = format!("SELECT n {from} LIMIT 1 FETCH FIRST 2 ROWS ONLY");
        assert!(session.collect(&both).await.is_err());
    }
}
