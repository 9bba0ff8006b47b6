//! What the engine's messages mean that say ANY or ALL is given a single value: they name
//! the functions that look into a list, which nobody called.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::conditions::a_value;
use super::script::{Statement, tokenize};
use super::wording::between;
use crate::error::Error;

/// The functions of which the engine makes ANY and ALL, and their other names.
const FUNCTIONS: [&str; 14] = [
    "array_position",
    "array_has",
    "array_min",
    "array_max",
    "cardinality",
    "list_position",
    "array_indexof",
    "list_indexof",
    "list_has",
    "array_contains",
    "list_contains",
    "list_min",
    "list_max",
    "len",
];

/// What `message` of the engine means for `statement`, if it is that ANY or ALL is given no
/// list.
pub(super) fn told(message: &str, statement: &Statement) -> Option<Error> {
    let kind = given(message)?;
    if ["List", "LargeList", "FixedSizeList"].iter().any(|list| kind.starts_with(list)) {
        return None;
    }
    let tokens = tokenize(&statement.sql).ok()?;
    let shown: Vec<&TokenWithSpan> =
        tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).collect();
    let is_call =
        |pair: &[&TokenWithSpan]| is_function(&pair[0].token) && pair[1].token == Token::LParen;
    // It may be that one which is given something else.
    if shown.windows(2).any(is_call) {
        return None;
    }
    let is_asked = |row: &&[&TokenWithSpan]| {
        compares(&row[0].token) && looks(&row[1].token) && row[2].token == Token::LParen
    };
    let asked: Vec<_> = shown.windows(3).filter(is_asked).map(|row| row[1]).collect();
    let word = asked.first()?;
    let name = word.token.to_string().to_uppercase();
    let message =
        format!("{name} looks into a list or the rows of a query, and is given {}", a_value(kind));
    let error = Error::query(message).hint(format!(
        "a single value stands without {name}; a list is written {name}([1, 2]), rows are \
         {name}(SELECT likes FROM posts), and string_to_array makes a list of a text"
    ));
    Some(match asked.as_slice() {
        [_] => {
            let (start, length) = (word.span.start, name.chars().count() as u64);
            error.at(statement.place(start.line, start.column, Some(length)))
        }
        // Which of them it is cannot be told.
        _ => error,
    })
}

/// The type of what one of the functions is given as a list.
fn given(message: &str) -> Option<&str> {
    if let Some((_, call)) = message.split_once("argument types '") {
        let (function, types) = call.split_once('(')?;
        return FUNCTIONS.contains(&function).then(|| first(types));
    }
    let is_counted = message.contains("call to 'cardinality' function");
    between(message, "coercion from ", " to the signature").filter(|_| is_counted)
}

/// The first of several types, behind the last of which a bracket is closed.
fn first(types: &str) -> &str {
    let mut depth = 0_i32;
    let end = types.find(|sign: char| {
        match sign {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth < 0 || depth == 0 && sign == ','
    });
    end.map_or(types, |end| &types[..end])
}

fn is_function(token: &Token) -> bool {
    matches!(token, Token::Word(word)
        if FUNCTIONS.iter().any(|name| name.eq_ignore_ascii_case(&word.value)))
}

fn compares(token: &Token) -> bool {
    matches!(token, Token::Eq | Token::Neq | Token::Lt | Token::LtEq | Token::Gt | Token::GtEq)
}

/// Whether a word looks into what stands in brackets behind it.
fn looks(token: &Token) -> bool {
    let words = [Keyword::ANY, Keyword::ALL, Keyword::SOME];
    matches!(token, Token::Word(word)
        if word.quote_style.is_none() && words.contains(&word.keyword))
}

#[cfg(test)]
mod tests {
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn any_of_a_single_value_is_told_as_such() {
        let session = Session::new(None, Settings::default()).unwrap();
        let made = "CREATE TABLE t AS SELECT * FROM (VALUES (1, 'a', ['b'])) AS t(k, g, l)";
        session.collect(made).await.unwrap();
        for (condition, message) in [
            ("'1' = ANY(k::text)", "ANY looks into a list or the rows of a query, and is given a"),
            ("'a' = any (g)", "and is given a text"),
            ("1 = ANY(k)", "and is given a whole number"),
            ("1 < ANY(k)", "ANY looks into a list"),
            ("1 <> ALL(k)", "ALL looks into a list"),
            ("1 = ALL(k)", "ALL looks into a list"),
            ("k = ANY((1, 2))", "and is given a value of type struct("),
        ] {
            for sql in
                [format!("SELECT {condition} FROM t"), format!("SELECT 1 FROM t WHERE {condition}")]
            {
                let error = session.collect(&sql).await.unwrap_err();
                assert!(error.message().contains(message), "{sql}: {error}");
                assert!(error.advice().is_some() && error.place().column.is_some(), "{error}");
            }
        }
        for (other, message) in [
            ("array_position(k, NULL, 1)", "array_position does not take"),
            ("cardinality(k) = 1 OR 'b' = ANY(l)", "cardinality does not take"),
        ] {
            let error = session.collect(&format!("SELECT {other} FROM t")).await.unwrap_err();
            assert!(error.message().contains(message), "{other}: {error}");
        }
        session.collect("SELECT 'b' = ANY(l), 1 = ANY(SELECT k FROM t) FROM t").await.unwrap();
    }
}
