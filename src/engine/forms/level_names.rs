//! Names of columns in the clauses of one SELECT that stand for something else there.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, Ident, Query, VisitMut, VisitorMut, visit_expressions,
};

use super::subqueries;
use crate::engine::names::plain;

/// Puts what `instead` gives in the place of names within `part`.
///
/// Left alone are names in queries that are in an expression, where they may be columns of
/// other tables, parameters of lambdas, and the parts of longer names such as `t.tags[1]`;
/// and in a lambda names whose value has a name that is a parameter there.
pub(super) fn replace(part: &mut impl VisitMut, instead: &dyn Fn(&Ident) -> Option<Expr>) {
    replace_within(part, instead, false);
}

/// As [`replace`], and so in the values of a row that is looked for in a query: `(a, b) IN
/// (SELECT ...)`. There a name is looked for around what asks, so that a choice which the
/// planner makes by the tables of the SELECT has no place in it.
pub(super) fn replace_with_rows(
    part: &mut impl VisitMut,
    instead: &dyn Fn(&Ident) -> Option<Expr>,
) {
    replace_within(part, instead, true);
}

fn replace_within(
    part: &mut impl VisitMut,
    instead: &dyn Fn(&Ident) -> Option<Expr>,
    with_rows: bool,
) {
    // It never breaks off.
    let _ = part.visit(&mut Replace { instead, with_rows, queries: 0, parameters: Vec::new() });
}

struct Replace<'a> {
    instead: &'a dyn Fn(&Ident) -> Option<Expr>,
    /// Whether a query that looks for the values of a row is none of those left alone.
    with_rows: bool,
    /// Within how many queries.
    queries: usize,
    /// Those of the lambdas around.
    parameters: Vec<String>,
}

impl VisitorMut for Replace<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.queries += usize::from(self.leaves(query));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.queries -= usize::from(self.leaves(query));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        match expression {
            Expr::Lambda(lambda) => {
                self.parameters.extend(lambda.params.iter().map(|one| plain(&one.name)));
            }
            Expr::CompoundFieldAccess { root, access_chain } => {
                parts(root, access_chain).for_each(set_apart);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        match expression {
            Expr::Lambda(lambda) => {
                let outer = self.parameters.len() - lambda.params.len();
                self.parameters.truncate(outer);
            }
            Expr::CompoundFieldAccess { root, access_chain } => {
                parts(root, access_chain).for_each(put_back);
            }
            Expr::Identifier(name)
                if self.queries == 0 && !self.parameters.contains(&plain(name)) =>
            {
                let value = (self.instead)(name);
                if let Some(value) = value.filter(|value| !self.is_caught(value)) {
                    *expression = value;
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Replace<'_> {
    fn leaves(&self, query: &Query) -> bool {
        !(self.with_rows && subqueries::is_of_rows(query))
    }

    /// Whether a name of `value` would mean a parameter.
    fn is_caught(&self, value: &Expr) -> bool {
        let is_parameter = |part: &Expr| match part {
            Expr::Identifier(name) if self.parameters.contains(&plain(name)) => {
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        };
        !self.parameters.is_empty() && visit_expressions(value, is_parameter).is_break()
    }
}

/// The parts of the name in `t.tags[1]`.
fn parts<'a>(
    root: &'a mut Expr,
    chain: &'a mut [AccessExpr],
) -> impl Iterator<Item = &'a mut Expr> {
    let is_part = matches!(chain.first(), Some(AccessExpr::Dot(_)));
    let others = chain.iter_mut().filter_map(|access| match access {
        AccessExpr::Dot(part) => Some(part),
        AccessExpr::Subscript(_) => None,
    });
    is_part.then_some(root).into_iter().chain(others)
}

/// Has a name be none, until it is put back.
fn set_apart(part: &mut Expr) {
    if let Expr::Identifier(name) = part {
        *part = Expr::CompoundIdentifier(vec![name.clone()]);
    }
}

fn put_back(part: &mut Expr) {
    if let Expr::CompoundIdentifier(names) = part
        && let [name] = names.as_slice()
    {
        *part = Expr::Identifier(name.clone());
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::ast::{Expr, Ident, Value};
    use datafusion::sql::sqlparser::parser::Parser;

    use super::replace;
    use crate::engine::dialect::Ours;
    use crate::engine::names::plain;

    #[test]
    fn only_names_of_columns_are_replaced() {
        let nine = |name: &Ident| {
            (plain(name) == "a").then(|| Expr::value(Value::Number("9".to_owned(), false)))
        };
        for (typed, is) in [
            ("a + A", "9 + 9"),
            ("\"A\" + t.a", "\"A\" + t.a"),
            ("a[a]", "9[9]"),
            ("t.a[a]", "t.a[9]"),
            ("a.b[1]", "a.b[1]"),
            ("list_filter(a, a -> a > 1)", "list_filter(9, a -> a > 1)"),
            ("list_filter(b, b -> b > a)", "list_filter(b, b -> b > 9)"),
            ("a IN (SELECT a FROM t WHERE a > 1)", "9 IN (SELECT a FROM t WHERE a > 1)"),
        ] {
            let mut parser = Parser::new(&Ours).try_with_sql(typed).unwrap();
            let mut expression = parser.parse_expr().unwrap();
            replace(&mut expression, &nine);
            assert_eq!(expression.to_string(), is, "{typed}");
        }
    }

    #[test]
    fn a_value_does_not_come_to_mean_a_parameter() {
        let of_b = |name: &Ident| (plain(name) == "a").then(|| Expr::Identifier(Ident::new("b")));
        for (typed, is) in [
            ("list_filter(c, b -> b > a)", "list_filter(c, b -> b > a)"),
            ("list_filter(c, d -> d > a)", "list_filter(c, d -> d > b)"),
        ] {
            let mut parser = Parser::new(&Ours).try_with_sql(typed).unwrap();
            let mut expression = parser.parse_expr().unwrap();
            replace(&mut expression, &of_b);
            assert_eq!(expression.to_string(), is, "{typed}");
        }
    }
}
