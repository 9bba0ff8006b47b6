//! `FROM posts WHERE likes > 9`: a query that begins with FROM and has no SELECT means
//! all columns.
//!
//! The parser takes such queries only without further clauses, so `SELECT *` is put
//! before them as tokens; that leaves the places of errors as they are.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

/// Gives each query without SELECT in a statement its `SELECT *`.
pub(super) fn complete(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let starts = starts(&tokens);
    if starts.is_empty() {
        return tokens;
    }
    let mut completed = Vec::with_capacity(tokens.len() + 2 * starts.len());
    let mut starts = starts.into_iter().peekable();
    for (index, token) in tokens.into_iter().enumerate() {
        if starts.next_if_eq(&index).is_some() {
            let select = Token::make_keyword("SELECT");
            completed.extend([select, Token::Mul].map(|new| TokenWithSpan::new(new, token.span)));
        }
        completed.push(token);
    }
    completed
}

/// One level of brackets.
#[derive(Default)]
struct Level {
    /// Whether a common table expression comes before the query.
    with: bool,
    /// Whether the query of this level has begun, with SELECT or with FROM.
    begun: bool,
    /// Where the query began with FROM, until a SELECT follows.
    from: Option<usize>,
}

/// The indices of each FROM that begins a query without SELECT.
fn starts(tokens: &[TokenWithSpan]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut levels = vec![Level::default()];
    let (mut previous, mut before): (Option<&Token>, Option<&Token>) = (None, None);
    for (index, token) in tokens.iter().enumerate() {
        let Some(level) = levels.last_mut() else { break };
        match &token.token {
            Token::Whitespace(_) => continue,
            Token::LParen => levels.push(Level::default()),
            Token::RParen => {
                starts.extend(level.from);
                levels.pop();
            }
            Token::SemiColon => {
                starts.extend(level.from);
                *level = Level::default();
            }
            Token::Word(Word { keyword, .. }) => match keyword {
                Keyword::WITH => level.with = true,
                Keyword::UNION | Keyword::INTERSECT | Keyword::EXCEPT => {
                    starts.extend(level.from);
                    *level = Level { with: level.with, ..Level::default() };
                }
                Keyword::SELECT => {
                    level.begun = true;
                    level.from = None;
                }
                Keyword::FROM if !level.begun && may_begin(before, previous, level) => {
                    level.begun = true;
                    level.from = Some(index);
                }
                _ => {}
            },
            _ => {}
        }
        (before, previous) = (previous, Some(&token.token));
    }
    starts.extend(levels.into_iter().filter_map(|level| level.from));
    starts.sort_unstable();
    starts
}

/// Whether a query may begin after `previous`, and `before` that; `extract(year FROM t)` is
/// none, nor is `a IS DISTINCT FROM b`.
fn may_begin(before: Option<&Token>, previous: Option<&Token>, level: &Level) -> bool {
    use Keyword::{
        ALL, ANALYZE, AS, BY, DESCRIBE, DISTINCT, EXCEPT, EXPLAIN, INTERSECT, NAME, UNION, VERBOSE,
    };
    match previous {
        None | Some(Token::LParen | Token::SemiColon) => true,
        Some(Token::RParen) => level.with,
        Some(Token::Word(word)) if word.keyword == DISTINCT => {
            matches!(before, Some(Token::Word(word)) if [UNION, EXCEPT, INTERSECT].contains(&word.keyword))
        }
        Some(Token::Word(word)) => matches!(
            word.keyword,
            ALL | ANALYZE
                | AS
                | BY
                | DESCRIBE
                | EXCEPT
                | EXPLAIN
                | INTERSECT
                | NAME
                | UNION
                | VERBOSE
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::complete;
    use crate::engine::script::tokenize;

    fn completed(sql: &str) -> String {
        complete(tokenize(sql).unwrap()).iter().map(|token| token.token.to_string()).collect()
    }

    #[test]
    fn select_all_is_put_before_queries_that_begin_with_from() {
        for (typed, meant) in [
            ("FROM t", "SELECT*FROM t"),
            ("FROM t SELECT a", "FROM t SELECT a"),
            ("EXPLAIN FROM t LIMIT 1", "EXPLAIN SELECT*FROM t LIMIT 1"),
            ("DESCRIBE FROM t", "DESCRIBE SELECT*FROM t"),
            ("SELECT (FROM t LIMIT 1)", "SELECT (SELECT*FROM t LIMIT 1)"),
            ("WITH x AS (FROM t) FROM x", "WITH x AS (SELECT*FROM t) SELECT*FROM x"),
            (
                "FROM (SELECT 1) a UNION ALL FROM b",
                "SELECT*FROM (SELECT 1) a UNION ALL SELECT*FROM b",
            ),
            ("CREATE VIEW v AS FROM t", "CREATE VIEW v AS SELECT*FROM t"),
        ] {
            assert_eq!(completed(typed), meant);
        }
    }

    #[test]
    fn other_uses_of_from_are_left_alone() {
        for sql in [
            "SELECT a FROM t",
            "SELECT extract(year FROM t), trim(both chr(1) FROM x), substring(f(x) FROM 2)",
            "SELECT a IS DISTINCT FROM b FROM t",
            "SELECT count(*) FILTER (WHERE a IS NOT DISTINCT FROM b) FROM t",
            "SELECT DISTINCT ON (a) b FROM t",
            "DELETE FROM t",
        ] {
            assert_eq!(completed(sql), sql);
        }
    }
}
