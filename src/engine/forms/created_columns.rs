//! `CREATE TABLE daily (day, posts) AS SELECT ...`: names for the columns of a query, for
//! which the parser wants types. They become those of the query in FROM. And a table whose
//! columns are typed with their types has no two of one name.

use std::collections::HashSet;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::Statement as Asked;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::engine::names::plain;
use crate::engine::script::Statement;
use crate::error::{Error, Result};

/// What the query is called to which the names are given.
const QUERY: &str = "query of the table";

/// Words before the name of a table that is made.
const BEFORE_NAME: [Keyword; 6] = [
    Keyword::OR,
    Keyword::REPLACE,
    Keyword::TEMP,
    Keyword::TEMPORARY,
    Keyword::GLOBAL,
    Keyword::LOCAL,
];

/// Gives the names to the query.
pub(super) fn spell(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    spelled(&tokens).unwrap_or(tokens)
}

fn spelled(tokens: &[TokenWithSpan]) -> Option<Vec<TokenWithSpan>> {
    let mut written = tokens
        .iter()
        .enumerate()
        .filter(|(_, token)| !matches!(token.token, Token::Whitespace(_)))
        .peekable();
    written.next().filter(|(_, token)| is(&token.token, Keyword::CREATE))?;
    while written.next_if(|(_, token)| is_one_of(&token.token, &BEFORE_NAME)).is_some() {}
    written.next().filter(|(_, token)| is(&token.token, Keyword::TABLE))?;
    // IF NOT EXISTS, and the name.
    let is_name =
        |token: &Token| matches!(token, Token::Word(_) | Token::Period) && !is(token, Keyword::AS);
    while written.next_if(|(_, token)| is_name(&token.token)).is_some() {}
    let (opens, _) = written.next().filter(|(_, token)| token.token == Token::LParen)?;
    let mut is_word = true;
    let (closes, _) = loop {
        let next = written.next()?;
        match &next.1.token {
            Token::Word(_) if is_word => is_word = false,
            Token::Comma if !is_word => is_word = true,
            Token::RParen if !is_word => break next,
            _ => return None,
        }
    };
    let (query, _) = written.next().filter(|(_, token)| is(&token.token, Keyword::AS))?;
    let is_end = |token: &TokenWithSpan| token.token == Token::SemiColon;
    let end = tokens[query..].iter().position(is_end).map_or(tokens.len(), |end| query + end);
    let span = tokens[opens].span;
    let sign = |token: Token| TokenWithSpan::new(token, span);
    let words = |words: &[&str]| {
        words.iter().map(|word| sign(Token::make_keyword(word))).collect::<Vec<_>>()
    };
    let mut made = tokens[..opens].to_vec();
    made.extend(words(&["AS", "SELECT"]));
    made.extend([sign(Token::Mul), sign(Token::make_keyword("FROM")), sign(Token::LParen)]);
    made.extend_from_slice(&tokens[query + 1..end]);
    made.extend([sign(Token::RParen), sign(Token::make_keyword("AS"))]);
    made.push(sign(Token::make_word(QUERY, Some('"'))));
    made.extend_from_slice(&tokens[opens..=closes]);
    made.extend_from_slice(&tokens[end..]);
    Some(made)
}

fn is(token: &Token, keyword: Keyword) -> bool {
    is_one_of(token, &[keyword])
}

fn is_one_of(token: &Token, keywords: &[Keyword]) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none() && keywords.contains(&word.keyword))
}

/// Refuses a table of which two columns are called alike.
///
/// # Errors
/// Says which name stands twice, and where.
pub(super) fn check(parsed: &Parsed, statement: &Statement) -> Result<()> {
    let Parsed::Statement(asked) = parsed else { return Ok(()) };
    let Asked::CreateTable(table) = asked.as_ref() else { return Ok(()) };
    let mut seen = HashSet::new();
    let Some(twice) = table.columns.iter().find(|column| !seen.insert(plain(&column.name))) else {
        return Ok(());
    };
    let name = &twice.name;
    let error = Error::query(format!("two columns of the table are called {name}"));
    let at = name.span.start;
    let error = match at.line {
        0 => error,
        _ => {
            let length = name.value.chars().count() as u64;
            error.at(statement.place(at.line, at.column, Some(length)))
        }
    };
    Err(error.hint("give each column a name of its own"))
}

#[cfg(test)]
mod tests {
    use super::spell;
    use crate::engine::answers::answer;
    use crate::engine::script::tokenize;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_table_is_made_of_a_query_and_names() {
        let session = Session::new(None, Settings::default()).unwrap();
        for sql in [
            "CREATE TABLE t (a, \"B\") AS SELECT 1 AS x, 'k' AS y",
            "CREATE OR REPLACE TABLE t(a, \"B\") AS WITH q AS (SELECT 1, 'k') SELECT * FROM q",
            "CREATE OR REPLACE TEMP TABLE t (a, \"B\") AS (FROM (VALUES (1, 'k')) AS v(x, y))",
        ] {
            session.collect(sql).await.unwrap();
            assert_eq!(answer(&session, "FROM t").await, ["a|B", "1|k"], "{sql}");
        }
    }

    #[test]
    fn other_tables_are_left_alone() {
        for sql in [
            "CREATE TABLE t AS SELECT (a, b) AS c",
            "CREATE TABLE t (a INT, b TEXT) AS SELECT 1, 'x'",
            "CREATE TABLE t (a, b)",
            "CREATE VIEW t (a, b) AS SELECT 1, 2",
        ] {
            let tokens = spell(tokenize(sql).unwrap());
            let found: String = tokens.iter().map(|token| token.token.to_string()).collect();
            assert_eq!(found, sql);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_name_that_stands_twice_is_told_with_its_place() {
        let session = Session::new(None, Settings::default()).unwrap();
        let error = session.collect("CREATE TABLE t (a INT, b INT, A TEXT)").await.unwrap_err();
        assert!(error.message().contains("called A"), "{error}");
        assert_eq!(error.place().column, Some(31), "{error}");
        assert!(error.advice().is_some_and(|told| told.contains("of its own")), "{error}");
    }
}
