//! `FROM posts FOR VERSION AS OF 3`: tables as they were, which the parser does
//! not know.
//!
//! The clause is hidden from the parser behind blanks, so that everything keeps
//! its place, and the table that stood before it is then named `posts@3`, which
//! the catalog understands.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{Ident, ObjectNamePart, TableAlias, TableFactor, VisitorMut};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use super::{parsed, script};
use crate::catalog::AS_OF;

/// Tables as of earlier versions, in one statement.
#[derive(Debug, Default)]
pub(super) struct Versions {
    /// Where the last word of the table's name begins, and the version or time.
    asked: Vec<(Location, String)>,
}

/// `sql` without the clauses that ask for versions, and what they ask for.
pub(super) fn hide(sql: &str) -> (String, Versions) {
    let mut versions = Versions::default();
    let mut shown = sql.to_owned();
    // Nearly no statement has one.
    if !sql.to_ascii_lowercase().contains("as of") {
        return (shown, versions);
    }
    let Ok(tokens) = script::tokenize(sql) else { return (shown, versions) };
    let is_blank = |token: &&TokenWithSpan| matches!(token.token, Token::Whitespace(_));
    let tokens: Vec<&TokenWithSpan> = tokens.iter().filter(|token| !is_blank(token)).collect();
    for end in (0..tokens.len()).rev() {
        let Some((table, first, value)) = clause(&tokens[..=end]) else { continue };
        versions.asked.push((table, value));
        blank(&mut shown, tokens[first].span.start, tokens[end].span.end);
    }
    (shown, versions)
}

/// The clause that the last of `tokens` ends: where its table's name begins, its
/// first token, and the version or time.
fn clause(tokens: &[&TokenWithSpan]) -> Option<(Location, usize, String)> {
    let is = |at: usize, word: &str| matches!(&tokens[at].token, Token::Word(found) if found.value.eq_ignore_ascii_case(word));
    let last = tokens.len().checked_sub(1)?;
    let first = last.checked_sub(3)?;
    let value = match &tokens[last].token {
        Token::Number(digits, false) if is(first, "version") => digits.clone(),
        Token::SingleQuotedString(time) if is(first, "timestamp") => time.clone(),
        _ => return None,
    };
    if !is(first + 1, "as") || !is(first + 2, "of") {
        return None;
    }
    let first = if first > 0 && is(first - 1, "for") { first - 1 } else { first };
    let table = tokens.get(first.checked_sub(1)?)?;
    matches!(table.token, Token::Word(_)).then(|| (table.span.start, first, value))
}

/// Puts blanks in the place of what stands from `start` up to `end`.
fn blank(sql: &mut String, start: Location, end: Location) {
    let mut at = Location { line: 1, column: 1 };
    *sql = sql
        .chars()
        .map(|letter| {
            let is_hidden = (start.line, start.column) <= (at.line, at.column)
                && (at.line, at.column) < (end.line, end.column);
            if letter == '\n' {
                at = Location { line: at.line + 1, column: 1 };
                return letter;
            }
            at.column += 1;
            if is_hidden { ' ' } else { letter }
        })
        .collect();
}

impl Versions {
    /// Names the tables in `parsed` as of their versions.
    pub(super) fn apply(&self, parsed: &mut Parsed) {
        if self.asked.is_empty() {
            return;
        }
        // It never breaks off.
        let _ = parsed::visit(parsed, &mut Rename(self));
    }
}

struct Rename<'a>(&'a Versions);

impl VisitorMut for Rename<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        let TableFactor::Table { name, alias, .. } = factor else {
            return ControlFlow::Continue(());
        };
        let Some(ObjectNamePart::Identifier(table)) = name.0.last_mut() else {
            return ControlFlow::Continue(());
        };
        let asked = self.0.asked.iter().find(|(at, _)| *at == table.span.start);
        if let Some((_, value)) = asked {
            let span = table.span;
            let named = Ident { quote_style: Some('"'), ..table.clone() };
            let lower = table.value.to_lowercase();
            let plain = if table.quote_style.is_some() { &table.value } else { &lower };
            let old =
                Ident { value: format!("{plain}{AS_OF}{value}"), quote_style: Some('"'), span };
            if alias.is_none() {
                let name = Ident { value: plain.clone(), ..named };
                *alias = Some(TableAlias { explicit: true, name, columns: Vec::new(), at: None });
            }
            *table = old;
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::hide;

    #[test]
    fn the_clause_is_hidden_and_everything_keeps_its_place() {
        for (sql, shown, asked) in [
            (
                "SELECT 1 FROM posts FOR VERSION AS OF 3 AS p",
                "SELECT 1 FROM posts                     AS p",
                "3",
            ),
            ("FROM posts version as of 12", "FROM posts                 ", "12"),
            (
                "FROM 微博\nTIMESTAMP AS OF '2012-08-27' x",
                "FROM 微博\n                             x",
                "2012-08-27",
            ),
        ] {
            let (hidden, versions) = hide(sql);
            assert_eq!(hidden, shown);
            assert_eq!(versions.asked[0].1, asked);
        }
    }

    #[test]
    fn what_only_looks_like_the_clause_stays() {
        for sql in [
            "SELECT 'a VERSION AS OF 3'",
            "SELECT version AS of",
            "VERSION AS OF 3",
            "FROM a VERSION AS OF x",
        ] {
            assert_eq!(hide(sql).0, sql);
        }
    }
}
