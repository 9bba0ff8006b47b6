//! `SELECT -id AS id FROM t ORDER BY abs(id)`: behind ORDER BY a name alone is that of a
//! listed column, and within an expression that of a column of the tables.
//!
//! The planner takes a listed column for both. So where a listed name stands within such
//! an expression, the column has another name until the rows are in order, and a sign
//! that no one types lets the planner choose: the column of the tables if there is one,
//! else the listed one. DISTINCT leaves no columns of the tables but those that are listed,
//! so that the planner refuses others there.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::Expr as Planned;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Distinct, ExcludeSelectItem, Expr, GroupByExpr, Ident, ObjectName, OrderBy,
    OrderByExpr, OrderByKind, PipeOperator, Query, SelectItem, SetExpr, Statement, TableFactor,
    TableWithJoins, WildcardAdditionalOptions, visit_expressions_mut,
};

use super::{json_casts, level_names, qualified_columns};
use crate::engine::names::plain;
use crate::engine::parsed;
use crate::engine::wording::Meaning;
use crate::error::Error;

/// What the engine says of rows that are asked for in an order which they have not.
pub(in crate::engine) const MEANINGS: &[Meaning] =
    &[("SELECT DISTINCT, ORDER BY expressions", |_| {
        let error = Error::query("SELECT DISTINCT has only what it lists to be ordered by");
        Some(error.hint(
            "list what the rows are ordered by too, or name a listed column alone: ORDER BY text",
        ))
    })];

/// The sign between a name and the listed column that it may mean.
const ELSE: &str = "else listed";

/// Tells the listed columns of `query` from those of its tables where ORDER BY asks for
/// either by the same name.
pub(in crate::engine) fn tell_apart(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    let is_plain = !matches!(select.distinct, Some(Distinct::On(_))) && select.into.is_none();
    let Some(OrderBy { kind: OrderByKind::Expressions(orders), .. }) = &mut query.order_by else {
        return;
    };
    let asked = asked(orders);
    if !is_plain || asked.is_empty() {
        return;
    }
    // There a `*` once the rows are in order would have fewer columns than one of a table.
    let is_table = |item: &SelectItem| matches!(item, SelectItem::QualifiedWildcard(..));
    if select.from.iter().any(is_joined) && select.projection.iter().any(is_table) {
        return;
    }
    let Some((hidden, shown)) = hide(&mut select.projection, &asked) else { return };
    let choose = |name: &Ident| {
        let one = hidden.iter().find(|one| one.is_called(name))?;
        Some(column_else(name.clone(), Expr::Identifier(one.by.clone())))
    };
    for order in orders {
        match name(&order.expr).map(|name| hidden.iter().find(|one| one.is_called(name))) {
            Some(Some(one)) => order.expr = Expr::Identifier(one.by.clone()),
            // A name that is not listed.
            Some(None) => {}
            None => level_names::replace(&mut order.expr, &choose),
        }
    }
    if let GroupByExpr::Expressions(groups, _) = &mut select.group_by {
        level_names::replace(groups, &choose);
    }
    level_names::replace(&mut select.having, &choose);
    level_names::replace(&mut select.qualify, &choose);
    query.pipe_operators.insert(0, PipeOperator::Select { exprs: shown });
}

/// The column `name` of the tables if they have one, else `listed`.
pub(super) fn column_else(name: Ident, listed: Expr) -> Expr {
    Expr::BinaryOp {
        left: Box::new(Expr::Identifier(name)),
        op: BinaryOperator::Custom(ELSE.to_owned()),
        right: Box::new(listed),
    }
}

/// `statement` without such choices, as it is shown to people.
pub(super) fn as_typed(mut statement: Statement) -> Statement {
    // It never breaks off.
    let _ = visit_expressions_mut(&mut statement, |expression| {
        if let Some(column) = chosen(expression) {
            *expression = column;
        }
        ControlFlow::<()>::Continue(())
    });
    statement
}

/// What stands before the sign.
fn chosen(expression: &Expr) -> Option<Expr> {
    let bare = match expression {
        Expr::Nested(inner) => inner.as_ref(),
        other => other,
    };
    match bare {
        Expr::BinaryOp { left, op: BinaryOperator::Custom(sign), .. }
            if [ELSE, qualified_columns::BESIDE, json_casts::AS].contains(&sign.as_str()) =>
        {
            Some(left.as_ref().clone())
        }
        _ => None,
    }
}

/// The names within the expressions that rows are ordered by, not in queries that are in
/// an expression.
fn asked(orders: &[OrderByExpr]) -> HashSet<String> {
    let mut names = HashSet::new();
    for order in orders.iter().filter(|order| name(&order.expr).is_none()) {
        // It never breaks off.
        let _ = parsed::look_outside_queries(&order.expr, |expression| {
            let asked = match expression {
                Expr::Identifier(name) => Some(name),
                Expr::CompoundIdentifier(parts) => parts.last(),
                _ => None,
            };
            names.extend(asked.map(plain));
            ControlFlow::Continue(())
        });
    }
    names
}

/// The name that an expression is, if it is nothing else.
fn name(expression: &Expr) -> Option<&Ident> {
    match expression {
        Expr::Identifier(name) => Some(name),
        Expr::Nested(inner) => name(inner),
        _ => None,
    }
}

/// A listed column that has another name for a while.
struct Hidden {
    name: String,
    by: Ident,
}

impl Hidden {
    fn is_called(&self, name: &Ident) -> bool {
        self.name == plain(name)
    }
}

/// Gives the listed columns that are `asked` for other names; says which, and what to
/// list once the rows are in order. None if there is nothing to hide, or no way to list
/// the same columns again.
fn hide(
    items: &mut [SelectItem],
    asked: &HashSet<String>,
) -> Option<(Vec<Hidden>, Vec<SelectItem>)> {
    let is_hidden = |item: &SelectItem| match item {
        SelectItem::ExprWithAlias { expr, alias } => {
            asked.contains(&plain(alias)) && !is_column(expr, alias)
        }
        _ => false,
    };
    if !items.iter().any(is_hidden) {
        return None;
    }
    // One `*` then stands for all that is not hidden, so all else is, and has a name.
    let rest = items.iter().position(is_all);
    if let Some(first) = rest {
        let is_twice = items[first..].iter().skip_while(|item| is_all(item)).any(is_all);
        let is_unnamed = |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(_));
        if is_twice || items.iter().any(is_unnamed) {
            return None;
        }
    }
    let mut hidden = Vec::new();
    let mut shown = Vec::new();
    for item in items {
        let hides = rest.is_some() || is_hidden(item);
        match item {
            SelectItem::ExprWithAlias { alias, .. } if hides => {
                let name = plain(alias);
                let by = Ident::with_quote('"', format!("{name} as listed"));
                let given = std::mem::replace(alias, by.clone());
                let expr = Expr::Identifier(by.clone());
                hidden.push(Hidden { name, by });
                shown.push(SelectItem::ExprWithAlias { expr, alias: given });
            }
            SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => {}
            other => shown.push(SelectItem::UnnamedExpr(listed(other)?)),
        }
    }
    if let Some(rest) = rest {
        let names = hidden.iter().map(|one| ObjectName::from(vec![one.by.clone()])).collect();
        let opt_exclude = Some(ExcludeSelectItem::Multiple(names));
        let all = WildcardAdditionalOptions { opt_exclude, ..Default::default() };
        shown.insert(rest, SelectItem::Wildcard(all));
    }
    Some((hidden, shown))
}

fn is_joined(from: &TableWithJoins) -> bool {
    !from.joins.is_empty() || matches!(from.relation, TableFactor::NestedJoin { .. })
}

fn is_all(item: &SelectItem) -> bool {
    matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
}

/// What a listed column is asked for by.
fn listed(item: &SelectItem) -> Option<Expr> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(Expr::Identifier(alias.clone())),
        SelectItem::UnnamedExpr(column) => Some(column.clone()),
        _ => None,
    }
}

/// Whether `expression` is the column that it is called after.
fn is_column(expression: &Expr, alias: &Ident) -> bool {
    let column = match expression {
        Expr::Identifier(name) => Some(name),
        Expr::CompoundIdentifier(parts) => parts.last(),
        _ => None,
    };
    column.is_some_and(|name| plain(name) == plain(alias))
}

/// Plans the sign.
#[derive(Debug)]
pub(super) struct InputFirst;

impl ExprPlanner for InputFirst {
    fn plan_binary_op(
        &self,
        expression: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        match &expression.op {
            BinaryOperator::Custom(sign) if sign == ELSE => {}
            _ => return Ok(PlannerResult::Original(expression)),
        }
        let RawBinaryExpr { left, right, .. } = expression;
        // What a join makes of the name need not be a column.
        let is_known = match &left {
            Planned::Column(column) => schema.has_column(column),
            Planned::OuterReferenceColumn(..) => false,
            _ => true,
        };
        Ok(PlannerResult::Planned(if is_known { left } else { right }))
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    async fn session() -> Session {
        let session = Session::new(None, Settings::default()).unwrap();
        for sql in [
            "CREATE TABLE t AS SELECT * FROM (VALUES (1, 'a', 10, 'b'), (2, 'B', 25, NULL),
             (3, 'a', 7, 'ccc')) AS t(id, g, x, s)",
            "CREATE TABLE u AS SELECT * FROM (VALUES (1, 9), (2, 7), (3, 8)) AS u(id, w)",
        ] {
            session.collect(sql).await.unwrap();
        }
        session
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn within_an_expression_of_order_by_a_name_is_a_column_of_the_tables() {
        let session = session().await;
        for (sql, wanted) in [
            ("SELECT -id AS id FROM t ORDER BY -id LIMIT 1", &["id", "-3"][..]),
            ("SELECT -id AS id FROM t ORDER BY id * 1 LIMIT 1", &["id", "-1"]),
            ("SELECT -id AS id FROM t ORDER BY (id) LIMIT 1", &["id", "-3"]),
            ("SELECT -id AS id FROM t ORDER BY id LIMIT 1", &["id", "-3"]),
            ("SELECT -id AS id FROM t ORDER BY 1 LIMIT 1", &["id", "-3"]),
            ("SELECT -id AS id FROM t ORDER BY t.id LIMIT 1", &["id", "-1"]),
            ("SELECT -id AS ID FROM t ORDER BY abs(Id - 2), iD LIMIT 2", &["id", "-2", "-3"]),
            (
                "SELECT coalesce(s, '?') AS s, id FROM t ORDER BY s IS NULL DESC, id LIMIT 2",
                &["s|id", "?|2", "b|1"],
            ),
            ("SELECT x / 10 AS x, id FROM t ORDER BY x % 10 DESC", &["x|id", "0|3", "2|2", "1|1"]),
            ("SELECT length(s) AS s FROM t ORDER BY upper(s) LIMIT 2", &["s", "1", "3"]),
            ("SELECT -id AS id FROM (SELECT id FROM t) ORDER BY -id + 0 LIMIT 1", &["id", "-3"]),
            ("SELECT -id AS id, x FROM t AS a ORDER BY -a.id LIMIT 1", &["id|x", "-3|7"]),
            (
                "SELECT cardinality(l) AS l FROM (VALUES ([1, 2]), ([0])) AS v(l) ORDER BY v.l[1]",
                &["l", "1", "2"],
            ),
            (
                "SELECT cardinality(l) AS l FROM (VALUES ([1, 2]), ([0])) AS v(l) ORDER BY l[1]",
                &["l", "1", "2"],
            ),
            (
                "SELECT t.x, u.w AS x FROM t JOIN u ON t.id = u.id ORDER BY t.id LIMIT 1",
                &["x_1|x", "10|9"],
            ),
            (
                "SELECT t.id, -u.w AS w FROM t JOIN u ON t.id = u.id ORDER BY w + 0",
                &["id|w", "2|-7", "3|-8", "1|-9"],
            ),
            (
                "SELECT * EXCLUDE (id, g, s), -id AS id FROM t ORDER BY -id + 0 LIMIT 1",
                &["x|id", "7|-3"],
            ),
            (
                "SELECT t.* EXCLUDE (id, g, s), -id AS id, upper(g) AS g FROM t ORDER BY id * 1",
                &["x|id|g", "10|-1|A", "25|-2|B", "7|-3|A"],
            ),
            (
                "SELECT -t.id AS id, u.* EXCLUDE (id), t.* EXCLUDE (id, s), x % 2 AS odd
                 FROM t, u WHERE t.id = u.id ORDER BY t.id * 1",
                &["id|w|g|x|odd", "-1|9|a|10|0", "-2|7|B|25|1", "-3|8|a|7|1"],
            ),
        ] {
            assert_eq!(answer(&session, sql).await, wanted, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn groups_are_ordered_by_columns_of_the_tables_too() {
        let session = session().await;
        for (sql, wanted) in [
            (
                "SELECT g, -sum(x) AS x FROM t GROUP BY g ORDER BY sum(x)",
                &["g|x", "a|-17", "B|-25"][..],
            ),
            (
                "SELECT lower(g) AS g, min(x) AS x FROM t GROUP BY t.g ORDER BY max(x), 1",
                &["g|x", "a|7", "b|25"],
            ),
            (
                "SELECT id % 2 AS id, count(*) AS n FROM t GROUP BY id HAVING id > 1
                 ORDER BY id * 1",
                &["id|n", "0|1", "1|1"],
            ),
            (
                "SELECT x % 2 AS odd, count(*) AS n FROM t GROUP BY odd HAVING odd < 2
                 ORDER BY odd * -1",
                &["odd|n", "1|2", "0|1"],
            ),
            (
                "SELECT -id AS id, row_number() OVER (ORDER BY x) AS r FROM t
                 QUALIFY r > 0 AND id > 1 ORDER BY id * 1",
                &["id|r", "-2|3", "-3|1"],
            ),
        ] {
            assert_eq!(answer(&session, sql).await, wanted, "{sql}");
        }
        // The groups have no x, whatever the list has.
        let sql = "SELECT g, sum(x) AS x FROM t GROUP BY g ORDER BY -x";
        let error = session.collect(sql).await.unwrap_err();
        assert!(error.message().contains("\"x\" is neither in GROUP BY"), "{error}");
        assert!(error.advice().unwrap_or_default().contains("ORDER BY x DESC"), "{error}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_listed_name_that_no_table_has_may_stand_within_an_expression() {
        let session = session().await;
        for (sql, wanted) in [
            ("SELECT id * 2 AS twice FROM t ORDER BY -twice LIMIT 1", &["twice", "6"][..]),
            ("SELECT g, count(*) AS n FROM t GROUP BY g ORDER BY n * -1", &["g|n", "a|2", "B|1"]),
            (
                "SELECT id * 2 AS twice, -id AS id FROM t ORDER BY id % 2 DESC, twice % 4, id",
                &["twice|id", "6|-3", "2|-1", "4|-2"],
            ),
            ("SELECT [3, 1] AS l ORDER BY list_filter(l, l -> l > 1)[1]", &["l", "[3, 1]"]),
            ("SELECT DISTINCT -id AS id FROM t ORDER BY -id", &["id", "-3", "-2", "-1"]),
            ("SELECT DISTINCT -id AS id FROM t ORDER BY id", &["id", "-3", "-2", "-1"]),
            ("SELECT DISTINCT -id AS twice FROM t ORDER BY -twice", &["twice", "-1", "-2", "-3"]),
            ("SELECT DISTINCT id, g FROM t ORDER BY -id LIMIT 1", &["id|g", "3|a"]),
            ("SELECT -id AS id FROM t UNION ALL SELECT 0 ORDER BY id + 0 LIMIT 1", &["id", "-3"]),
        ] {
            assert_eq!(answer(&session, sql).await, wanted, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn distinct_rows_are_not_ordered_by_columns_that_they_have_not() {
        let session = session().await;
        for sql in [
            "SELECT DISTINCT 10 - id AS id FROM t ORDER BY id * 1",
            "SELECT DISTINCT upper(g) AS g FROM t ORDER BY g || 'x'",
        ] {
            let error = session.collect(sql).await.unwrap_err();
            assert!(error.message().contains("only what it lists"), "{sql}: {error}");
            assert!(error.advice().is_some(), "{sql}: {error}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn subqueries_views_and_tables_are_ordered_alike() {
        let session = session().await;
        for (sql, wanted) in [
            (
                "SELECT s.id FROM (SELECT -id AS id FROM t ORDER BY id * 1 LIMIT 1) AS s",
                &["id", "-1"][..],
            ),
            (
                "WITH a AS (SELECT -id AS id FROM t ORDER BY id * 1 LIMIT 1)
                 SELECT id + 1 AS n FROM a",
                &["n", "0"],
            ),
            ("SELECT (SELECT -id AS id FROM t ORDER BY id * 1 LIMIT 1) AS least", &["least", "-1"]),
            (
                "(SELECT -id AS id FROM t ORDER BY id * 1 LIMIT 1) UNION ALL SELECT 5 ORDER BY 1",
                &["id", "-1", "5"],
            ),
            (
                "SELECT id FROM u WHERE -id IN (SELECT -id AS id FROM t ORDER BY id * 1 LIMIT 1)",
                &["id", "1"],
            ),
        ] {
            assert_eq!(answer(&session, sql).await, wanted, "{sql}");
        }
        for made in ["VIEW", "TABLE"] {
            let sql =
                format!("CREATE {made} m{made} AS SELECT -id AS id FROM t ORDER BY id * 1 LIMIT 1");
            session.collect(&sql).await.unwrap();
            let asked = format!("SELECT id FROM m{made}");
            assert_eq!(answer(&session, &asked).await, ["id", "-1"], "{sql}");
        }
    }
}
