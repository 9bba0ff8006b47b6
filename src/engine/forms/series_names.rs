//! `generate_series(1, 9) AS d`: its only column is called like the table, `d`, and
//! without a name of the table like the function.
//!
//! Here the column is `value`. A query that asks for that, or for neither, is left as it is.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, Query, SetExpr, TableAlias, TableAliasColumnDef, TableFactor,
    VisitorMut, visit_expressions,
};

use crate::engine::names::plain;
use crate::engine::parsed;

/// The functions, which give rows of one column.
const FUNCTIONS: [&str; 2] = ["generate_series", "range"];

/// What the planner calls their column.
const COLUMN: &str = "value";

/// Names the columns that queries ask for by the names of such tables.
pub(super) fn name(parsed: &mut Parsed) {
    // It never breaks off.
    let _ = parsed::visit(parsed, &mut Name);
}

struct Name;

impl VisitorMut for Name {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let mut found = false;
        each_table(query, |table| found |= unnamed(table).is_some());
        if found {
            let asked = asked(query);
            each_table(query, |table| name_column(table, &asked));
        }
        ControlFlow::Continue(())
    }
}

/// Shows `look` the tables in FROM of a query, but not of those in it.
fn each_table(query: &mut Query, mut look: impl FnMut(&mut TableFactor)) {
    let mut bodies = vec![query.body.as_mut()];
    while let Some(body) = bodies.pop() {
        match body {
            SetExpr::Select(select) => {
                for table in &mut select.from {
                    look(&mut table.relation);
                    table.joins.iter_mut().for_each(|join| look(&mut join.relation));
                }
            }
            SetExpr::SetOperation { left, right, .. } => {
                bodies.extend([left.as_mut(), right.as_mut()]);
            }
            _ => {}
        }
    }
}

/// The name of a function and of its table, if its column has none.
fn unnamed(table: &mut TableFactor) -> Option<(&ObjectName, &mut Option<TableAlias>)> {
    let (TableFactor::Table { name, args: Some(_), alias, .. }
    | TableFactor::Function { name, alias, .. }) = table
    else {
        return None;
    };
    let name: &ObjectName = name;
    let written = name.to_string();
    let is_one = FUNCTIONS.iter().any(|known| known.eq_ignore_ascii_case(&written));
    let has_columns = alias.as_ref().is_some_and(|alias| !alias.columns.is_empty());
    (is_one && !has_columns).then_some((name, alias))
}

fn name_column(table: &mut TableFactor, asked: &HashSet<Vec<String>>) {
    let Some((function, alias)) = unnamed(table) else { return };
    let name = match alias {
        Some(alias) => alias.name.clone(),
        None => Ident::new(function.to_string()),
    };
    let (table, column) = (plain(&name), COLUMN.to_owned());
    let has = |path: &[&String]| asked.iter().any(|one| one.iter().eq(path.iter().copied()));
    let is_asked = has(&[&table]) || has(&[&table, &table]);
    if !is_asked || has(&[&column]) || has(&[&table, &column]) {
        return;
    }
    let alias = alias.get_or_insert_with(|| TableAlias {
        explicit: true,
        name: name.clone(),
        columns: Vec::new(),
        at: None,
    });
    alias.columns.push(TableAliasColumnDef { name, data_type: None });
}

/// The columns that a query asks for, and those in it.
fn asked(query: &Query) -> HashSet<Vec<String>> {
    let mut asked = HashSet::new();
    let _ = visit_expressions(query, |expression| {
        match expression {
            Expr::Identifier(name) => {
                asked.insert(vec![plain(name)]);
            }
            Expr::CompoundIdentifier(path) => {
                asked.insert(path.iter().map(plain).collect());
            }
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    });
    asked
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn the_column_of_a_series_is_called_like_its_table() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (sql, wanted) in [
            ("SELECT d FROM generate_series(1, 2) AS d", &["d", "1", "2"][..]),
            ("SELECT d.d + 1 AS n FROM range(2) d ORDER BY D DESC", &["n", "2", "1"]),
            ("SELECT range FROM range(2)", &["range", "0", "1"]),
            (
                "SELECT d::date AS day FROM generate_series(DATE '2012-08-27', DATE '2012-08-28', \
                 INTERVAL '1 day') AS d",
                &["day", "2012-08-27", "2012-08-28"],
            ),
            (
                "SELECT d, n FROM range(3) AS d JOIN (SELECT 1 AS n) AS t ON t.n = d",
                &["d|n", "1|1"],
            ),
            ("SELECT 7 AS n UNION ALL SELECT d FROM range(1, 2) AS d ORDER BY n", &["n", "1", "7"]),
            ("SELECT n, g FROM (VALUES (2)) t(n), generate_series(1, n) g", &["n|g", "2|1", "2|2"]),
            // By the name that the planner gives, as before.
            ("SELECT value FROM range(1) AS d", &["value", "0"]),
            ("SELECT d.value FROM range(1) AS d", &["value", "0"]),
            ("SELECT * FROM range(1) AS d", &["value", "0"]),
            ("SELECT n FROM range(1) AS d(n)", &["n", "0"]),
        ] {
            assert_eq!(answer(&session, sql).await, wanted, "{sql}");
        }
    }
}
