//! Going over a statement as it was parsed.

use std::ops::ControlFlow;

use datafusion::sql::parser::{CopyToSource, Statement as Parsed};
use datafusion::sql::sqlparser::ast::{Expr, Ident, Select, SelectItem, VisitMut, VisitorMut};

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

/// Changes what `select` gives by `change`, which says whether it did; a column without
/// a name of its own is still called as it was typed. Whether anything was changed.
pub(super) fn under_their_names(
    select: &mut Select,
    mut change: impl FnMut(&mut Expr) -> bool,
) -> bool {
    let mut changed = false;
    for item in &mut select.projection {
        let SelectItem::UnnamedExpr(expression) = item else { continue };
        let typed = expression.to_string();
        if change(expression) {
            let alias = Ident::with_quote('"', typed);
            *item = SelectItem::ExprWithAlias { expr: expression.clone(), alias };
            changed = true;
        }
    }
    changed
}
