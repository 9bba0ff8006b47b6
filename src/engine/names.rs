//! What a person would call the columns of an answer: `min(posted_at)` where the
//! engine says `min(posts.posted_at)`, and `1` where it says `Int64(1)`.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::parser::{CopyToSource, CopyToStatement, Statement as Parsed};
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, Select, SelectItem, SetExpr, Statement, VisitorMut, visit_expressions_mut,
};

use super::group_names::{self, IsAggregate};
use super::parsed;

/// For each column of a query the expression as it was typed, if it has no name
/// of its own; empty when the columns cannot be told from the text.
pub(super) fn of_columns(parsed: &Parsed) -> Vec<Option<String>> {
    let Parsed::Statement(statement) = parsed else { return Vec::new() };
    let Statement::Query(query) = statement.as_ref() else { return Vec::new() };
    of_query(query)
}

/// The same for the query that a COPY writes, or would write.
pub(super) fn of_copied(parsed: &Parsed) -> Vec<Option<String>> {
    match parsed {
        Parsed::Explain(explain) => of_copied(&explain.statement),
        Parsed::CopyTo(CopyToStatement { source: CopyToSource::Query(query), .. }) => {
            of_query(query)
        }
        _ => Vec::new(),
    }
}

fn of_query(query: &Query) -> Vec<Option<String>> {
    let Some(items) = items(query) else { return Vec::new() };
    items.iter().map(name).collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// Gives a name of its own to each listed expression that the engine would call
/// like one before it: to the engine `posted_at::date` is `posted_at`.
pub(super) fn distinguish(parsed: &mut Parsed, is_aggregate: IsAggregate<'_>) {
    // It never breaks off.
    let _ = parsed::visit(parsed, &mut Distinguish { is_aggregate });
}

struct Distinguish<'a> {
    is_aggregate: IsAggregate<'a>,
}

impl VisitorMut for Distinguish<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        group_names::tell_apart(query, self.is_aggregate);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let items = &mut select.projection;
        let all_columns = items.iter().any(|item| matches!(item, SelectItem::Wildcard(_)));
        let mut names = Names { all_columns, ..Names::default() };
        for item in items.iter_mut() {
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                names.give(alias);
            }
        }
        // A column keeps its name; what is made of it gives way.
        for columns in [true, false] {
            for item in items.iter_mut() {
                let SelectItem::UnnamedExpr(expression) = item else { continue };
                if is_column(expression) != columns {
                    continue;
                }
                if let Some(name) = names.needed(expression) {
                    let alias = Ident::with_quote('"', name);
                    *item = SelectItem::ExprWithAlias { expr: expression.clone(), alias };
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// The names in a list of expressions.
#[derive(Default)]
struct Names {
    /// Those that people see.
    shown: HashSet<String>,
    /// Those that the engine gives.
    of_engine: HashSet<String>,
    /// Whether there was a `*`.
    all_columns: bool,
}

impl Names {
    /// Takes a name that was given, or another one if it was given before.
    fn give(&mut self, alias: &mut Ident) {
        let plain = match alias.quote_style {
            Some(_) => alias.value.clone(),
            None => alias.value.to_lowercase(),
        };
        if !self.shown.insert(plain.clone()) {
            let numbered = (1..).map(|number| format!("{plain}_{number}"));
            if let Some(name) = numbered.into_iter().find(|name| self.shown.insert(name.clone())) {
                *alias = Ident { span: alias.span, ..Ident::with_quote('"', name) };
            }
        }
        self.of_engine.insert(alias.value.to_lowercase());
    }

    /// The name that an expression needs because the engine's is taken.
    fn needed(&mut self, expression: &Expr) -> Option<String> {
        let (typed, bare) = (expression.to_string(), without_casts(expression));
        let is_free = self.of_engine.insert(bare.to_string().to_lowercase());
        if is_free && !(self.all_columns && is_column(&bare)) {
            self.shown.insert(typed);
            return None;
        }
        let numbered = (1..).map(|number| format!("{typed}_{number}"));
        let mut names = (bare != *expression).then(|| typed.clone()).into_iter().chain(numbered);
        names.find(|name| self.shown.insert(name.clone()))
    }
}

fn is_column(expression: &Expr) -> bool {
    matches!(expression, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
}

/// An expression as the engine names it: without its casts.
pub(super) fn without_casts(expression: &Expr) -> Expr {
    let mut bare = expression.clone();
    let _ = visit_expressions_mut(&mut bare, |part| {
        while let Expr::Cast { expr, .. } = part {
            *part = expr.as_ref().clone();
        }
        ControlFlow::<()>::Continue(())
    });
    bare
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

#[cfg(test)]
mod tests {
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn what_the_engine_would_call_alike_has_names_of_its_own() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (SELECT 7 AS a, '8' AS b)";
        for (list, names) in [
            ("a, a::text", "a|a::TEXT"),
            ("a::text, a", "a::TEXT|a"),
            ("a, a, a", "a|a_1|a_2"),
            ("count(*), count(*)", "count(*)|count(*)_1"),
            ("a + 1, CAST(a AS INT) + 1", "a + 1|CAST(a AS INT) + 1"),
            ("*, a", "a|b|a_1"),
            ("b AS a, a", "a|a_1"),
        ] {
            let sql = format!("SELECT {list} {from}");
            let batches = session.collect(&sql).await.unwrap();
            let fields = batches[0].schema();
            let found: Vec<_> = fields.fields().iter().map(|field| field.name().as_str()).collect();
            assert_eq!(found.join("|"), names, "{sql}");
        }
        let nested = "SELECT count(*) AS n FROM (SELECT a, a::text FROM (SELECT 7 AS a))";
        assert_eq!(session.collect(nested).await.unwrap()[0].num_rows(), 1);
    }
}
