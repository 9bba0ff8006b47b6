//! `FROM posts, unnest(hashtags) AS t(tag) LEFT JOIN topics ON topics.tag = t.tag`: the list
//! is one of a table before the comma, which the engine does not find from within a join
//! that stands behind it.
//!
//! All rows beside all others are a CROSS JOIN as well, which goes on with the joins behind
//! the comma: the same rows, as long as these keep or drop rows of their left side only.
//! Behind USING and NATURAL a column may then be that of another table, and all stays as it
//! is.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Expr, Join, JoinConstraint, JoinOperator, Select, TableFactor, TableWithJoins, VisitorMut,
    visit_expressions,
};

use crate::engine::names::{Tables, plain};
use crate::engine::parsed;

/// Makes one chain of tables behind commas where a join has lists of one before it.
pub(super) fn chain(parsed: &mut Parsed) {
    // It never breaks off.
    let _ = parsed::visit(parsed, &mut EachSelect);
}

struct EachSelect;

impl VisitorMut for EachSelect {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let from = &mut select.from;
        let last = (1..from.len()).rev().find(|&place| asks_before(&from[place], &from[..place]));
        if let Some(last) = last
            && from[1..=last].iter().all(|tables| tables.joins.iter().all(may_go_on))
        {
            let others: Vec<TableWithJoins> = from.drain(1..=last).collect();
            for TableWithJoins { relation, joins } in others {
                let join_operator = JoinOperator::CrossJoin(JoinConstraint::None);
                from[0].joins.push(Join { relation, global: false, join_operator });
                from[0].joins.extend(joins);
            }
        }
        ControlFlow::Continue(())
    }
}

/// Whether a join has lists of the tables `before` it. Those of its own tables it finds, and
/// names without a table may be theirs.
fn asks_before(tables: &TableWithJoins, before: &[TableWithJoins]) -> bool {
    if tables.joins.is_empty() {
        return false;
    }
    let (own, before) = (Tables::of(std::slice::from_ref(tables)), Tables::of(before));
    let asks = |table: &TableFactor| {
        let found = visit_expressions(table, |part| match part {
            Expr::CompoundIdentifier(parts) => {
                let name: Vec<_> = parts[..parts.len() - 1].iter().map(plain).collect();
                let is_before = before.has(&name) && !own.has(&name);
                if is_before { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }
            _ => ControlFlow::Continue(()),
        });
        found.is_break()
    };
    // Nothing of its own stands before the first one.
    let begins_so = is_lateral(&tables.relation) && has_names(&tables.relation);
    begins_so
        || tables.joins.iter().map(|join| &join.relation).any(|one| is_lateral(one) && asks(one))
}

fn is_lateral(table: &TableFactor) -> bool {
    matches!(
        table,
        TableFactor::UNNEST { .. }
            | TableFactor::Derived { lateral: true, .. }
            | TableFactor::Function { lateral: true, .. }
    )
}

fn has_names(table: &TableFactor) -> bool {
    let found = visit_expressions(table, |part| match part {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

/// Whether a join gives the same rows if its left side stands beside others first.
fn may_go_on(join: &Join) -> bool {
    match &join.join_operator {
        JoinOperator::Join(by)
        | JoinOperator::Inner(by)
        | JoinOperator::Left(by)
        | JoinOperator::LeftOuter(by)
        | JoinOperator::CrossJoin(by)
        | JoinOperator::AsOf { constraint: by, .. } => {
            matches!(by, JoinConstraint::On(_) | JoinConstraint::None)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn lists_of_a_table_before_a_comma_are_joined() {
        let session = Session::new(None, Settings::default()).unwrap();
        for sql in [
            "CREATE TABLE t AS SELECT * FROM (VALUES (1, ['a', 'b']), (2, ['c']), (3, NULL))
             AS t(id, tags)",
            "CREATE TABLE w AS SELECT * FROM (VALUES ('a', 'x'), ('c', 'y'), ('d', 'z'))
             AS w(k, region)",
            "CREATE TABLE u AS SELECT * FROM (VALUES (7), (8)) AS u(n)",
        ] {
            session.collect(sql).await.unwrap();
        }
        for (from, wanted) in [
            ("t, unnest(t.tags) AS x(tag) LEFT JOIN w ON w.k = tag", "1|a|x 1|b| 2|c|y"),
            ("t, unnest(tags) AS x(tag) JOIN w ON w.k = x.tag", "1|a|x 2|c|y"),
            ("u, t, unnest(tags) AS x(tag) JOIN w ON w.k = x.tag AND w.k > 'a'", "2|c|y 2|c|y"),
            (
                "t, u LEFT JOIN unnest(t.tags) AS x(tag) ON true LEFT JOIN w ON w.k = tag
                 WHERE n = 7",
                "1|a|x 1|b| 2|c|y 3||",
            ),
            (
                "t, unnest(tags) AS x(tag) LEFT JOIN w ON w.k = tag, u WHERE n = 7",
                "1|a|x 1|b| 2|c|y",
            ),
        ] {
            let sql = format!("SELECT id, tag, region FROM {from} ORDER BY ALL");
            assert_eq!(answer(&session, &sql).await[1..].join(" "), wanted, "{sql}");
        }
    }
}
