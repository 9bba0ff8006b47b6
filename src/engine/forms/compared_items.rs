//! `id NOT IN (SELECT x.likes FROM posts AS x WHERE x.likes < t.id)`: a query that asks for
//! columns from around it, and lists what its own condition or its groups are made of.
//!
//! The planner takes such a condition out of the query and hands on the columns that it is
//! made of, where what is listed may already have their name. Here it gets another one.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, Ident, Query, Select, SelectItem, SetExpr,
};

use crate::engine::names::{Tables, plain};
use crate::engine::parsed;

/// What the listed value is called.
const LISTED: &str = "listed value";

/// Names what the query of an IN, ANY, or ALL lists, if it needs that.
pub(super) fn name(expression: &mut Expr) -> bool {
    let query: &mut Query = match expression {
        Expr::InSubquery { subquery, .. } => subquery,
        Expr::AnyOp { right, .. } | Expr::AllOp { right, .. } => match right.as_mut() {
            Expr::Subquery(subquery) => subquery,
            _ => return false,
        },
        _ => return false,
    };
    let SetExpr::Select(select) = query.body.as_mut() else { return false };
    let [SelectItem::UnnamedExpr(listed)] = select.projection.as_slice() else { return false };
    let is_met_again = is_beside_groups(listed, select)
        || (is_in_condition(listed, select) && looks_around(select));
    if query.order_by.is_some() || !is_met_again {
        return false;
    }
    let (expr, alias) = (listed.clone(), Ident::with_quote('"', LISTED));
    select.projection = vec![SelectItem::ExprWithAlias { expr, alias }];
    true
}

/// Whether what is computed of groups is listed, whose columns are handed on.
fn is_beside_groups(listed: &Expr, select: &Select) -> bool {
    let is_grouped =
        matches!(&select.group_by, GroupByExpr::Expressions(groups, _) if !groups.is_empty());
    is_grouped && column(listed).is_none()
}

/// Whether WHERE hands on a column that may be called like `listed`.
fn is_in_condition(listed: &Expr, select: &Select) -> bool {
    let name = column(listed);
    let is_same = |part: &Expr| {
        let is_alike = part == listed || (name.is_some() && column(part) == name);
        if is_alike { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    parsed::look_outside_queries(&select.selection, is_same).is_break()
}

/// The name of a column without that of its table.
fn column(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Identifier(name) => Some(plain(name)),
        Expr::CompoundIdentifier(parts) => parts.last().map(plain),
        _ => None,
    }
}

/// Whether the condition names a table that is none of its own query.
fn looks_around(select: &Select) -> bool {
    let tables = Tables::of(&select.from);
    let is_outer = |part: &Expr| match part {
        Expr::CompoundIdentifier(parts) => {
            let table: Vec<_> = parts[..parts.len() - 1].iter().map(plain).collect();
            if tables.has(&table) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        }
        _ => ControlFlow::Continue(()),
    };
    parsed::look_outside_queries(&select.selection, is_outer).is_break()
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_listed_may_stand_in_the_condition_and_beside_groups() {
        let session = Session::new(None, Settings::default()).unwrap();
        for sql in [
            "CREATE TABLE t AS SELECT * FROM (VALUES (1, 'a', 1.5::DECIMAL(10, 2)), (2, 'b', 2),
             (4, 'c', 4)) AS t(id, k, d)",
            "CREATE TABLE u AS SELECT * FROM (VALUES (1::BIGINT, 'a'), (2, 'x')) AS u(v, k)",
        ] {
            session.collect(sql).await.unwrap();
        }
        for (asked, wanted) in [
            ("id FROM t WHERE id NOT IN (SELECT x.d FROM t AS x WHERE x.d < t.id)", "1 2 4"),
            ("id FROM t WHERE id IN (SELECT x.d FROM t AS x WHERE x.d <= t.id)", "2 4"),
            ("v FROM u WHERE v <= ANY (SELECT t.id FROM t WHERE t.id = u.v)", "1 2"),
            ("v FROM u WHERE k NOT IN (SELECT min(t.k) FROM t WHERE t.id = u.v GROUP BY t.k)", "2"),
            ("v FROM u WHERE k IN (SELECT min(t.k) FROM t WHERE t.id = u.v GROUP BY t.k)", "1"),
            ("v FROM u WHERE v > 1 OR k IN (SELECT min(t.k) FROM t GROUP BY t.k)", "1 2"),
        ] {
            let sql = format!("SELECT {asked} ORDER BY 1");
            assert_eq!(answer(&session, &sql).await[1..].join(" "), wanted, "{sql}");
        }
        let unnamed = "SELECT id IN (SELECT x.d FROM t AS x WHERE x.d <= t.id) FROM t LIMIT 1";
        let name = answer(&session, unnamed).await.remove(0);
        assert_eq!(name, "id IN (SELECT x.d FROM t AS x WHERE x.d <= t.id)");
    }
}
