//! `list_transform(likes, n -> [n, n + 1])` and `list_transform(authors, a -> a.name)`: in a
//! list in brackets, and before a point, the planner looks for columns only, and knows no
//! names of a function behind `->`.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{AccessExpr, Array, Expr, Ident, VisitMut, VisitorMut};

use super::slices::part;
use crate::engine::names::{call, plain};

/// Makes a call of such a list, and asks for such a part in brackets.
pub(super) fn spell(expression: &mut Expr) -> bool {
    if !matches!(expression, Expr::Lambda(_)) {
        return false;
    }
    let mut inside = Inside::default();
    // It never breaks off.
    let _ = expression.visit(&mut inside);
    inside.is_changed
}

#[derive(Default)]
struct Inside {
    /// The names before the `->` around.
    parameters: Vec<String>,
    is_changed: bool,
}

impl VisitorMut for Inside {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        let meaning = match expression {
            Expr::Lambda(lambda) => {
                self.parameters.extend(lambda.params.iter().map(|one| plain(&one.name)));
                None
            }
            Expr::Array(Array { elem, .. }) => Some(call("make_array", std::mem::take(elem))),
            Expr::CompoundIdentifier(names) => self.part_of(names),
            Expr::CompoundFieldAccess { root, access_chain } => {
                self.ask_in_brackets(root, access_chain);
                None
            }
            _ => None,
        };
        if let Some(meaning) = meaning {
            *expression = meaning;
            self.is_changed = true;
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if let Expr::Lambda(lambda) = expression {
            let outer = self.parameters.len() - lambda.params.len();
            self.parameters.truncate(outer);
        }
        ControlFlow::Continue(())
    }
}

impl Inside {
    fn knows(&self, name: &Ident) -> bool {
        self.parameters.contains(&plain(name))
    }

    /// What `a.name` means.
    fn part_of(&self, names: &[Ident]) -> Option<Expr> {
        let (parameter, parts) = names.split_first().filter(|(first, _)| self.knows(first))?;
        let root = Box::new(Expr::Identifier(parameter.clone()));
        Some(Expr::CompoundFieldAccess { root, access_chain: parts.iter().map(part).collect() })
    }

    /// The same of `a.names[1]`.
    fn ask_in_brackets(&mut self, root: &Expr, chain: &mut [AccessExpr]) {
        if !matches!(root, Expr::Identifier(name) if self.knows(name)) {
            return;
        }
        for access in chain {
            if let AccessExpr::Dot(Expr::Identifier(name)) = access {
                *access = part(name);
                self.is_changed = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn lists_and_parts_are_made_of_the_items_of_a_list() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (call, wanted) in [
            ("list_transform([1, 2], x -> [x, x + 1])", "[[1, 2], [2, 3]]"),
            ("list_transform([2, 1], x -> [5, 6][x])", "[6, 5]"),
            ("list_transform([1], x -> list_transform([x, 7], y -> [x, y]))", "[[[1, 1], [1, 7]]]"),
            ("list_transform([{'n': 3}], s -> s.n + 1)", "[4]"),
            ("list_transform([{'n': {'l': [8, 9]}}], s -> s.n.l[2])", "[9]"),
            ("list_filter([{'n': 3}, {'n': 4}], s -> s.n > 3)", "[{n: 4}]"),
            ("list_transform([t.s], x -> x.n + t.s.n)", "[6]"),
        ] {
            let sql = format!("SELECT {call} FROM (SELECT {{'n': 3}} AS s) AS t");
            assert_eq!(answer(&session, &sql).await, [call, wanted], "{sql}");
        }
        let sql = "SELECT [[y FOR y IN [x, 9]] FOR x IN [1, 2]] AS l";
        assert_eq!(answer(&session, sql).await, ["l", "[[1, 9], [2, 9]]"]);
    }
}
