//! `ARRAY(SELECT likes FROM posts ORDER BY likes)`: the rows of a query as a list, which is
//! empty where there are none.
//!
//! An order belongs to the function that makes the list: that of a query in FROM is
//! forgotten. So a query that orders its rows is listed only where nothing else is done with
//! them, such as LIMIT.

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArgumentClause, FunctionArguments, GroupByExpr, Ident, OrderByExpr,
    OrderByKind, Query, Select, SelectItem, SetExpr, TableFactor,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::engine::names::{call, plain};

/// The function that makes a list of rows.
const LIST: &str = "array_agg";

/// Around a query, which stands in the place of the inner one.
const LISTED: &str = "SELECT array_agg(item) FROM (SELECT 1) AS items (item)";

/// Makes a list of the rows of a query.
pub(super) fn list(expression: &mut Expr) -> bool {
    let Expr::Function(function) = &*expression else { return false };
    let Function { name, args: FunctionArguments::Subquery(query), .. } = function else {
        return false;
    };
    if !name.to_string().eq_ignore_ascii_case("array") {
        return false;
    }
    let listed = match query.order_by {
        Some(_) => in_order(query),
        None => listed(query),
    };
    let Some(listed) = listed else { return false };
    *expression = call("coalesce", [Expr::Subquery(listed), call("make_array", [])]);
    true
}

/// A query for the list of the rows of another one.
fn listed(rows: &Query) -> Option<Box<Query>> {
    let mut parser = Parser::new(&GenericDialect).try_with_sql(LISTED).ok()?;
    let mut query = parser.parse_query().ok()?;
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    let TableFactor::Derived { subquery, .. } = &mut select.from.first_mut()?.relation else {
        return None;
    };
    **subquery = rows.clone();
    Some(query)
}

/// `query` with a list of its rows in place of them, if it does no more than to order them.
fn in_order(query: &Query) -> Option<Box<Query>> {
    let mut query = Box::new(query.clone());
    let order_by = query.order_by.take()?;
    let OrderByKind::Expressions(mut order_by) = order_by.kind else { return None };
    let takes_some = query.limit_clause.is_some() || query.fetch.is_some();
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    if takes_some || !is_plain(select) {
        return None;
    }
    let [item] = select.projection.as_mut_slice() else { return None };
    let (value, name) = match item {
        SelectItem::UnnamedExpr(value) => (value.clone(), None),
        SelectItem::ExprWithAlias { expr, alias } => (expr.clone(), Some(alias.clone())),
        _ => return None,
    };
    for OrderByExpr { expr, .. } in &mut order_by {
        if means_item(expr, name.as_ref()) {
            *expr = value.clone();
        }
    }
    let mut made = call(LIST, [value]);
    if let Expr::Function(Function { args: FunctionArguments::List(list), .. }) = &mut made {
        list.clauses.push(FunctionArgumentClause::OrderBy(order_by));
    }
    *item = SelectItem::UnnamedExpr(made);
    Some(query)
}

/// Whether a query gives each of its rows, as they are.
fn is_plain(select: &Select) -> bool {
    let is_grouped = match &select.group_by {
        GroupByExpr::All(_) => true,
        GroupByExpr::Expressions(columns, _) => !columns.is_empty(),
    };
    !is_grouped
        && select.distinct.is_none()
        && select.having.is_none()
        && select.qualify.is_none()
        && select.top.is_none()
}

/// Whether rows are ordered by the only item of the list: `ORDER BY 1`, or by its name.
fn means_item(expression: &Expr, name: Option<&Ident>) -> bool {
    match expression {
        Expr::Value(value) => value.to_string() == "1",
        Expr::Identifier(by) => name.is_some_and(|name| plain(name) == plain(by)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn the_rows_of_a_query_are_a_list() {
        let session = Session::new(None, Settings::default()).unwrap();
        session
            .collect("CREATE TABLE t AS SELECT * FROM (VALUES (3), (1), (2)) AS v(n)")
            .await
            .unwrap();
        for (query, is) in [
            ("SELECT 7", "[7]"),
            ("SELECT n FROM t WHERE n > 9", "[]"),
            ("SELECT n FROM t ORDER BY n", "[1, 2, 3]"),
            ("SELECT n * 2 FROM t ORDER BY n DESC", "[6, 4, 2]"),
            ("SELECT -n AS m FROM t ORDER BY m", "[-3, -2, -1]"),
            ("SELECT n % 2 FROM t ORDER BY 1, n", "[0, 1, 1]"),
            ("SELECT count(*) FROM t GROUP BY n", "[1, 1, 1]"),
            ("SELECT 1 UNION ALL SELECT 1", "[1, 1]"),
        ] {
            let sql = format!("SELECT ARRAY({query}) AS a");
            assert_eq!(answer(&session, &sql).await, ["a", is], "{sql}");
        }
        let sql = "SELECT t.n, array(SELECT u.n FROM t AS u WHERE u.n < t.n ORDER BY u.n) AS less
                   FROM t ORDER BY n";
        assert_eq!(answer(&session, sql).await, ["n|less", "1|[]", "2|[1]", "3|[1, 2]"]);
        assert_eq!(answer(&session, "SELECT ARRAY(SELECT 1)").await[0], "ARRAY(SELECT 1)");
    }

    #[tokio::test]
    async fn an_order_that_would_be_forgotten_is_refused() {
        let session = Session::new(None, Settings::default()).unwrap();
        let sql = "SELECT ARRAY(SELECT n FROM range(9) AS t(n) ORDER BY n DESC LIMIT 2)";
        let error = session.collect(sql).await.unwrap_err();
        assert!(
            error.advice().is_some_and(|told| told.contains("array_agg(n ORDER BY")),
            "{error}"
        );
    }
}
