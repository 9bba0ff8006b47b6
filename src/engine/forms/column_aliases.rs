//! `FROM (VALUES (1, 'a')) AS t(id)`: names for the first columns only; the others keep
//! theirs. The planner wants a name for each.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, SelectItem, SetExpr, TableAlias, TableAliasColumnDef, TableFactor,
    VisitorMut,
};

use crate::engine::parsed;

/// Names the others where it can be seen what they are called. What is listed has its
/// names by now.
pub(in crate::engine) fn complete(parsed: &mut Parsed) {
    // It never breaks off.
    let _ = parsed::visit(parsed, &mut Complete);
}

struct Complete;

impl VisitorMut for Complete {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        for table in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            add(&mut table.alias, &table.query);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Derived { subquery, alias: Some(alias), .. } = table {
            add(alias, subquery);
        }
        ControlFlow::Continue(())
    }
}

fn add(alias: &mut TableAlias, query: &Query) {
    let given = alias.columns.len();
    if given == 0 || !query.pipe_operators.is_empty() {
        return;
    }
    let others = names(&query.body).into_iter().flatten().skip(given);
    alias.columns.extend(others.map(|name| TableAliasColumnDef { name, data_type: None }));
}

/// What the columns are called, if it can be seen.
fn names(body: &SetExpr) -> Option<Vec<Ident>> {
    match body {
        SetExpr::Select(select) => select.projection.iter().map(name).collect(),
        SetExpr::Query(inner) if inner.pipe_operators.is_empty() => names(&inner.body),
        SetExpr::SetOperation { left, .. } => names(left),
        SetExpr::Values(values) => {
            let count = values.rows.first()?.len();
            let name = |place: usize| Ident::with_quote('"', format!("column{place}"));
            Some((1..=count).map(name).collect())
        }
        _ => None,
    }
}

fn name(item: &SelectItem) -> Option<Ident> {
    match item {
        SelectItem::ExprWithAlias { alias: name, .. }
        | SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(name.clone()),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last().cloned(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn columns_without_a_new_name_keep_theirs() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (sql, rows) in [
            ("SELECT * FROM (VALUES (1, 'a')) AS t(id)", ["id|column2", "1|a"]),
            ("SELECT id, column2 FROM (VALUES (1, 'a')) AS t(id)", ["id|column2", "1|a"]),
            ("SELECT * FROM (SELECT 1 AS a, 2 AS B, 1 + 2) AS t(x)", ["x|b|1 + 2", "1|2|3"]),
            ("WITH t(x) AS (SELECT 1 AS a, 2 AS b) SELECT b, x FROM t", ["b|x", "2|1"]),
            ("SELECT * FROM (SELECT 1 AS a, 2 AS b) AS t(x, y)", ["x|y", "1|2"]),
            (
                "SELECT b FROM (SELECT t.a, t.b FROM (SELECT 1 AS a, 2 AS b) AS t) AS u(x)",
                ["b", "2"],
            ),
        ] {
            assert_eq!(answer(&session, sql).await, rows, "{sql}");
        }
        let too_many = "SELECT * FROM (VALUES (1, 'a')) AS t(x, y, z)";
        assert!(session.collect(too_many).await.is_err());
    }
}
