//! `ORDER BY ALL`: rows in the order of all columns of the answer, from left to right.
//!
//! To the parser `ALL` is the name of a column. Which columns there are is known
//! once the query is planned, so the name is replaced by a mark first, and the
//! mark by the columns then.

use std::ops::ControlFlow;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result, ScalarValue};
use datafusion::logical_expr::{Expr as Planned, LogicalPlan, Sort, SortExpr};
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, OrderByExpr, OrderByKind, Query, SelectItem, SetExpr, Value, VisitorMut,
};

use crate::engine::parsed;

/// What stands for the columns until they are known. Nobody orders by a text
/// that is the same in all rows.
const MARK: &str = "ORDER BY ALL";

/// Puts the mark in the place of `ALL`.
pub(super) fn mark(parsed: &mut Parsed) {
    // It never breaks off.
    let _ = parsed::visit(parsed, &mut Mark);
}

struct Mark;

impl VisitorMut for Mark {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let Some(order) = &mut query.order_by
            && let OrderByKind::Expressions(expressions) = &mut order.kind
            && let [one] = expressions.as_mut_slice()
            && is_all(&one.expr)
        {
            match listed(&query.body) {
                Some(count) => {
                    let one = one.clone();
                    let number =
                        |place: usize| Expr::value(Value::Number(place.to_string(), false));
                    let columns = (1..=count).map(number);
                    *expressions =
                        columns.map(|expr| OrderByExpr { expr, ..one.clone() }).collect();
                }
                None => one.expr = Expr::value(Value::SingleQuotedString(MARK.to_owned())),
            }
        }
        ControlFlow::Continue(())
    }
}

/// How many columns a SELECT DISTINCT ON lists, if that can be seen: its order also
/// says which rows are kept, and so is asked for while it is planned.
fn listed(body: &SetExpr) -> Option<usize> {
    let SetExpr::Select(select) = body else { return None };
    let is_one = |item: &SelectItem| {
        matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. })
    };
    let is_on = matches!(select.distinct, Some(Distinct::On(_)));
    (is_on && select.projection.iter().all(is_one)).then_some(select.projection.len())
}

fn is_all(expression: &Expr) -> bool {
    let Expr::Identifier(name) = expression else { return false };
    name.quote_style.is_none() && name.value.eq_ignore_ascii_case("all")
}

/// `plan` with the columns of each answer in the place of its mark.
pub(super) fn by_columns(plan: LogicalPlan) -> Result<LogicalPlan> {
    let planned = plan.transform_up_with_subqueries(|node| {
        Ok(match node {
            LogicalPlan::Sort(sort) => sorted(sort),
            other => Transformed::no(other),
        })
    });
    planned.map(|planned| planned.data)
}

fn sorted(sort: Sort) -> Transformed<LogicalPlan> {
    let [one] = sort.expr.as_slice() else { return Transformed::no(LogicalPlan::Sort(sort)) };
    if !is_mark(&one.expr) {
        return Transformed::no(LogicalPlan::Sort(sort));
    }
    let columns = sort.input.schema().iter().map(Column::from).map(Planned::Column);
    let expr = columns.map(|column| SortExpr::new(column, one.asc, one.nulls_first)).collect();
    Transformed::yes(LogicalPlan::Sort(Sort { expr, ..sort }))
}

fn is_mark(expression: &Planned) -> bool {
    matches!(expression, Planned::Literal(ScalarValue::Utf8(Some(text)), _) if text == MARK)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;

    use crate::engine::{Session, Settings};

    /// The rows of an answer, each `a b c`.
    async fn rows(session: &Session, sql: &str) -> Vec<String> {
        let batches = session.collect(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let table = pretty_format_batches(&batches).unwrap().to_string();
        let lines = table.lines().filter(|line| line.starts_with('|')).skip(1);
        lines
            .map(|line| line.replace('|', " ").split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn all_columns_decide_from_left_to_right() {
        let session = Session::new(None, Settings::default()).unwrap();
        session
            .collect(
                "CREATE TABLE t AS SELECT * FROM
                 (VALUES (2, 'a'), (1, 'c'), (NULL, 'b'), (1, 'b')) AS t(n, name)",
            )
            .await
            .unwrap();
        for (sql, wanted) in [
            ("SELECT n, name FROM t ORDER BY ALL", &["1 b", "1 c", "2 a", "b"][..]),
            ("SELECT name, n FROM t ORDER BY all", &["a 2", "b 1", "b", "c 1"]),
            ("FROM t ORDER BY ALL DESC", &["2 a", "1 c", "1 b", "b"]),
            ("FROM t ORDER BY ALL DESC NULLS FIRST", &["b", "2 a", "1 c", "1 b"]),
            ("FROM t ORDER BY ALL ASC NULLS FIRST LIMIT 2", &["b", "1 b"]),
            ("SELECT n + 1, name || '!' FROM t ORDER BY ALL LIMIT 1", &["2 b!"]),
            ("SELECT n, count(*) FROM t GROUP BY ALL ORDER BY ALL", &["1 2", "2 1", "1"]),
            ("SELECT DISTINCT length(name) AS l FROM t ORDER BY ALL", &["1"]),
            ("SELECT max(n) AS n FROM t GROUP BY name ORDER BY ALL DESC", &["2", "1", "1"]),
            ("SELECT 3 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 ORDER BY ALL", &["1", "2", "3"]),
            ("WITH one AS (FROM t ORDER BY ALL LIMIT 1) SELECT name FROM one", &["b"]),
            ("SELECT (SELECT n FROM t ORDER BY ALL DESC LIMIT 1) AS most", &["2"]),
            ("SELECT unnest(make_array(3, 1)) AS n ORDER BY ALL", &["1", "3"]),
            ("SELECT DISTINCT ON (n) n, name FROM t ORDER BY ALL", &["1 b", "2 a", "b"]),
            ("SELECT make_array(n) AS l, name FROM t ORDER BY ALL LIMIT 1", &["[1] b"]),
        ] {
            assert_eq!(rows(&session, sql).await, wanted, "{sql}");
        }
        session
            .collect("CREATE VIEW v AS SELECT n, name FROM t ORDER BY ALL LIMIT 3")
            .await
            .unwrap();
        assert_eq!(rows(&session, "SELECT name FROM v WHERE n = 2").await, ["a"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn other_uses_of_the_word_are_left_alone() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (VALUES (2, 'a'), (1, 'b')) AS t(\"all\", name)";
        let sql = format!("SELECT name, \"all\" {from} ORDER BY \"all\"");
        assert_eq!(rows(&session, &sql).await, ["b 1", "a 2"]);
        for sql in [
            "SELECT row_number() OVER (ORDER BY ALL) FROM (SELECT 1 AS n)",
            "SELECT n FROM (SELECT 1 AS n) ORDER BY ALL, n",
        ] {
            let error = session.collect(sql).await.unwrap_err();
            let advice = error.advice().unwrap_or_default();
            assert!(advice.contains("stands alone"), "{sql}: {error}");
        }
    }
}
