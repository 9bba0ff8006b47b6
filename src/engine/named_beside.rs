//! Names that a SELECT gives with AS and also asks for where it cannot know them.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Select, SelectItem, Visit, Visitor, visit_expressions,
};

use super::asked_tables;

/// Longest expression that is shown, in characters.
const SHOWN: usize = 40;

/// What to write instead, if a SELECT of `sql` gives the name `name` itself: see
/// [`reused_names`](super::forms::reused_names) for those that it knows further on.
pub(super) fn advice(sql: &str, name: &str) -> Option<String> {
    let statements = asked_tables::statements(sql)?;
    let ControlFlow::Break(found) = statements.visit(&mut Gives { name }) else { return None };
    let Found { expression, in_condition } = found;
    let short = Some(expression).filter(|text| text.chars().count() <= SHOWN);
    let made = short.as_deref().unwrap_or("...");
    let subquery = format!("SELECT {name} FROM (SELECT {made} AS {name} FROM ...)");
    Some(match in_condition {
        true => format!(
            "\"{name}\" is named in this SELECT and not known in its WHERE; HAVING knows it for \
             groups, a subquery for rows: {subquery} WHERE {name} ..."
        ),
        false => format!(
            "\"{name}\" is named in this SELECT, further on or with another value each time it is \
             computed; name it in a subquery: {subquery}"
        ),
    })
}

/// What is given the name, and where that is asked for.
struct Found {
    expression: String,
    in_condition: bool,
}

/// Finds the expression that is given the name by a SELECT that asks for it.
struct Gives<'a> {
    name: &'a str,
}

impl Visitor for Gives<'_> {
    type Break = Found;

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Found> {
        let given = select.projection.iter().find_map(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } if is_called(alias, self.name) => Some(expr),
            _ => None,
        });
        let Some(expression) = given.map(ToString::to_string) else {
            return ControlFlow::Continue(());
        };
        if self.is_asked(&select.projection) {
            return ControlFlow::Break(Found { expression, in_condition: false });
        }
        if self.is_asked(&select.selection) {
            return ControlFlow::Break(Found { expression, in_condition: true });
        }
        ControlFlow::Continue(())
    }
}

impl Gives<'_> {
    /// Whether the name stands in a part of a SELECT.
    fn is_asked(&self, part: &impl Visit) -> bool {
        let is_name = |expression: &Expr| match expression {
            Expr::Identifier(name) if is_called(name, self.name) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        visit_expressions(part, is_name).is_break()
    }
}

fn is_called(alias: &Ident, name: &str) -> bool {
    match alias.quote_style {
        Some(_) => alias.value == name,
        None => alias.value.to_lowercase() == name,
    }
}

#[cfg(test)]
mod tests {
    use super::advice;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_name_given_beside_is_told_with_what_to_write() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (VALUES (1), (2)) AS t(n)";
        for sql in [
            format!("SELECT random() AS aug, aug * 2 AS twice {from}"),
            format!("SELECT random() Aug, round(aUG) {from}"),
            format!("SELECT aug * 2 AS twice, count(*) AS aug {from}"),
            format!("SELECT count(*) AS aug {from} WHERE aug > 2"),
            "FROM (VALUES (1)) AS t(n) SELECT random() AS aug, aug + 1".to_owned(),
        ] {
            let error = session.collect(&sql).await.unwrap_err();
            assert!(error.message().starts_with("no column \"aug\""), "{sql}: {error}");
            let advice = error.advice().unwrap_or_default();
            assert_eq!(advice.contains("HAVING"), sql.contains("WHERE"), "{sql}: {error}");
            assert!(advice.contains("SELECT aug FROM (SELECT "), "{sql}: {error}");
        }
        let fine = format!(
            "SELECT aug * 2 AS twice FROM (SELECT n % 2 AS aug, count(*) AS c {from} GROUP BY aug \
             HAVING aug > 0 ORDER BY aug)"
        );
        session.collect(&fine).await.unwrap();
        let elsewhere = format!("WITH a AS (SELECT n AS aug {from}) SELECT aug {from}");
        let error = session.collect(&elsewhere).await.unwrap_err();
        assert!(!error.advice().unwrap_or_default().contains("subquery"), "{error}");
        let other = session.collect(&format!("SELECT n AS aug, augg {from}")).await.unwrap_err();
        assert!(!other.advice().unwrap_or_default().contains("subquery"), "{other}");
    }

    #[test]
    fn long_expressions_are_not_repeated() {
        let long = "sum(reposts) FILTER (WHERE posted_at >= '2012-08-01')";
        let said = advice(&format!("SELECT {long} AS aug, aug * 2 FROM posts"), "aug").unwrap();
        assert!(said.contains("(SELECT ... AS aug"));
        assert!(advice("SELECT 'aug' FROM posts AS aug", "aug").is_none());
    }
}
