//! `SELECT 'a' 'b'`: to the parser the second text is the name of a column that holds
//! the first. In the standard both are one text if a line break is between them, and
//! wrong else, which is how it is here.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::engine::script::Statement;
use crate::error::{Error, Result};

/// Joins the texts that stand one below the other.
///
/// # Errors
/// When there is one beside another.
pub(in crate::engine) fn join(
    tokens: Vec<TokenWithSpan>,
    statement: &Statement,
) -> Result<Vec<TokenWithSpan>> {
    let mut joined: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    // Where the last token stands that is no blank, and of which brackets are open
    // whether options are in them: those are named by texts.
    let mut last: Option<usize> = None;
    let mut options = Vec::new();
    for token in tokens {
        match &token.token {
            Token::Whitespace(_) => {
                joined.push(token);
                continue;
            }
            Token::LParen => {
                let before = last.map(|last| &joined[last].token);
                options.push(before.is_some_and(is_options));
            }
            Token::RParen => {
                options.pop();
            }
            Token::SingleQuotedString(text) if options.last() != Some(&true) => {
                if let Some(last) = last
                    && let Token::SingleQuotedString(begun) = &joined[last].token
                {
                    let (before, at) = (joined[last].span, token.span.start);
                    if before.end.line == at.line {
                        let length = text.chars().count() as u64 + 2;
                        let place = statement.place(at.line, at.column, Some(length));
                        return Err(beside(begun).at(place));
                    }
                    let whole = Token::SingleQuotedString(format!("{begun}{text}"));
                    joined.truncate(last);
                    joined.push(TokenWithSpan::new(whole, before.union(&token.span)));
                    continue;
                }
            }
            _ => {}
        }
        last = Some(joined.len());
        joined.push(token);
    }
    Ok(joined)
}

fn is_options(token: &Token) -> bool {
    matches!(token, Token::Word(word) if word.keyword == Keyword::OPTIONS)
}

fn beside(begun: &str) -> Error {
    let first = begun.chars().take(20).collect::<String>();
    Error::query("a text stands behind a text").hint(format!(
        "|| joins them: '{first}' || '...'; a name stands behind AS: '{first}' AS name"
    ))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn a_text_beside_a_text_is_refused() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (sql, column) in [
            ("SELECT 'a' 'b'", 12),
            ("SELECT 1 WHERE 'ab' = 'a'   'b'", 29),
            ("SELECT 'a' /* and */ 'b'", 22),
        ] {
            let error = session.collect(sql).await.unwrap_err();
            assert_eq!(error.message(), "a text stands behind a text", "{sql}");
            assert_eq!(error.place().column, Some(column), "{sql}");
            assert!(error.advice().unwrap_or_default().contains("||"), "{sql}: {error}");
        }
    }

    #[tokio::test]
    async fn texts_one_below_the_other_are_one() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (sql, wanted) in [
            ("SELECT 'a'\n  'b' AS joined", ["joined", "ab"]),
            ("SELECT 'a' -- begun\n 'b'\n\n'c' AS joined", ["joined", "abc"]),
            ("SELECT concat('a', 'b') AS joined", ["joined", "ab"]),
            ("SELECT 'a' AS 'b'", ["b", "a"]),
        ] {
            assert_eq!(answer(&session, sql).await, wanted, "{sql}");
        }
    }

    #[tokio::test]
    async fn options_are_texts_in_a_row() {
        let session = Session::new(None, Settings::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("made.csv");
        let sql = format!(
            "COPY (SELECT 1 AS a, 2 AS b) TO '{}' STORED AS CSV OPTIONS ('format.delimiter' ';')",
            place.display()
        );
        session.collect(&sql).await.unwrap();
        assert!(std::fs::read_to_string(place).unwrap().contains("1;2"));
    }
}
