//! Going over a statement as it was parsed.

use std::ops::ControlFlow;

use datafusion::sql::parser::{CopyToSource, Statement as Parsed};
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, Select, SelectItem, Value, Visit, VisitMut, Visitor, VisitorMut,
};

/// Shows `visitor` what `parsed` asks, has explained, or copies.
pub(super) fn visit<V: VisitorMut>(parsed: &mut Parsed, visitor: &mut V) -> ControlFlow<V::Break> {
    match parsed {
        Parsed::Statement(statement) => statement.visit(visitor),
        Parsed::Explain(explain) => visit(&mut explain.statement, visitor),
        Parsed::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => query.visit(visitor),
            CopyToSource::Relation(_) => ControlFlow::Continue(()),
        },
        Parsed::CreateExternalTable(_) | Parsed::Reset(_) => ControlFlow::Continue(()),
    }
}

/// A change to an expression, which says whether it made one.
pub(super) type Change = fn(&mut Expr) -> bool;

/// Makes `changes` to every expression of `parsed`, outer ones first. A column without
/// a name of its own is still called as it was typed.
pub(super) fn change(parsed: &mut Parsed, changes: &[Change]) {
    // It never breaks off.
    let _ = visit(parsed, &mut Changing { changes, changed: false });
}

struct Changing<'a> {
    changes: &'a [Change],
    changed: bool,
}

impl VisitorMut for Changing<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for item in &mut select.projection {
            let SelectItem::UnnamedExpr(expression) = item else { continue };
            let typed = expression.to_string();
            let mut inside = Self { changes: self.changes, changed: false };
            let _ = expression.visit(&mut inside);
            if inside.changed {
                let alias = Ident::with_quote('"', typed);
                *item = SelectItem::ExprWithAlias { expr: expression.clone(), alias };
                self.changed = true;
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        for change in self.changes {
            self.changed |= change(expression);
        }
        ControlFlow::Continue(())
    }
}

/// The text that an expression writes out.
pub(super) fn text(expression: &Expr) -> Option<&str> {
    let Expr::Value(value) = expression else { return None };
    match &value.value {
        Value::SingleQuotedString(text) => Some(text),
        _ => None,
    }
}

/// Shows `look` the expressions of `part` until it breaks off, but not those of queries
/// that are in an expression.
pub(super) fn look_outside_queries(
    part: &impl Visit,
    look: impl FnMut(&Expr) -> ControlFlow<()>,
) -> ControlFlow<()> {
    part.visit(&mut OutsideQueries { look, depth: 0 })
}

struct OutsideQueries<F> {
    look: F,
    depth: usize,
}

impl<F: FnMut(&Expr) -> ControlFlow<()>> Visitor for OutsideQueries<F> {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        if self.depth == 0 { (self.look)(expression) } else { ControlFlow::Continue(()) }
    }
}
