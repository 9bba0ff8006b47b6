//! What a person would call the columns of an answer: `min(posted_at)` where the
//! engine says `min(posts.posted_at)`, and `1` where it says `Int64(1)`.

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{Expr, Query, SelectItem, SetExpr, Statement};

/// For each column of a query the expression as it was typed, if it has no name
/// of its own; empty when the columns cannot be told from the text.
pub(super) fn of_columns(parsed: &Parsed) -> Vec<Option<String>> {
    let Parsed::Statement(statement) = parsed else { return Vec::new() };
    let Statement::Query(query) = statement.as_ref() else { return Vec::new() };
    let Some(items) = items(query) else { return Vec::new() };
    items.iter().map(name).collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// What the first SELECT of a query lists.
fn items(query: &Query) -> Option<&[SelectItem]> {
    let mut body = query.body.as_ref();
    loop {
        match body {
            SetExpr::Select(select) => return Some(&select.projection),
            SetExpr::Query(inner) => return items(inner),
            SetExpr::SetOperation { left, .. } => body = left,
            _ => return None,
        }
    }
}

/// `Some(None)` for an item with a name of its own, `None` for one that stands
/// for any number of columns.
fn name(item: &SelectItem) -> Option<Option<String>> {
    match item {
        SelectItem::UnnamedExpr(Expr::Identifier(_) | Expr::CompoundIdentifier(_)) => Some(None),
        SelectItem::UnnamedExpr(expression) => Some(Some(expression.to_string())),
        SelectItem::ExprWithAlias { .. } => Some(None),
        _ => None,
    }
}
