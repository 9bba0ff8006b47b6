//! Words that may be left out elsewhere, and without which the parser reads something else
//! or nothing:
//!
//! - `count(*) FILTER (likes > 9)`, without WHERE
//! - `a SEMI JOIN b` and `a ANTI JOIN b`, which keep rows of the left side
//! - `TABLE accounts`, for SELECT * FROM accounts
//! - `SHOW accounts`, for DESCRIBE accounts

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// Words behind SHOW that are no tables.
const SHOWN: [&str; 3] = ["all", "time_zone", "timezone"];

/// Puts the words in.
pub(super) fn spell(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let shown: Vec<usize> = (0..tokens.len()).filter(|&at| is_shown(&tokens[at])).collect();
    let mut changes = begun(&tokens, &shown);
    changes.extend(shown.windows(3).filter_map(|window| {
        let [first, second, third] = [window[0], window[1], window[2]].map(|at| &tokens[at].token);
        let is_filter =
            *first == Token::RParen && is(second, Keyword::FILTER) && *third == Token::LParen;
        let is_half = (is(second, Keyword::SEMI) || is(second, Keyword::ANTI))
            && is(third, Keyword::JOIN)
            && ![Keyword::LEFT, Keyword::RIGHT, Keyword::AS].iter().any(|word| is(first, *word));
        if is_half {
            return Some(Change { at: window[1], replaces: false, words: &["LEFT"] });
        }
        if !is_filter {
            return None;
        }
        let at = *shown.get(shown.binary_search(&window[2]).ok()? + 1)?;
        let has_where = is(&tokens[at].token, Keyword::WHERE);
        (!has_where).then_some(Change { at, replaces: false, words: &["WHERE"] })
    }));
    let mut tokens = tokens;
    // The last ones first, so that the places of the others stay.
    for Change { at, replaces, words } in changes.into_iter().rev() {
        let span = tokens[at].span;
        let put = words.iter().map(|word| match *word {
            "*" => Token::Mul,
            word => Token::make_keyword(word),
        });
        let put: Vec<_> = put.map(|token| TokenWithSpan::new(token, span)).collect();
        tokens.splice(at..at + usize::from(replaces), put);
    }
    tokens
}

/// Words that stand before the token at a place, or instead of it.
struct Change {
    at: usize,
    replaces: bool,
    words: &'static [&'static str],
}

/// What is to be changed of the word that begins the statement.
fn begun(tokens: &[TokenWithSpan], shown: &[usize]) -> Vec<Change> {
    let token = |place: usize| shown.get(place).map(|&at| &tokens[at].token);
    let (Some(&at), Some(Token::Word(name))) = (shown.first(), token(1)) else {
        return Vec::new();
    };
    let is_plain = name.quote_style.is_some()
        || name.keyword == Keyword::NoKeyword
            && !SHOWN.iter().any(|word| word.eq_ignore_ascii_case(&name.value));
    let words: &[&str] = match &tokens[at].token {
        first if is(first, Keyword::TABLE) => &["SELECT", "*", "FROM"],
        first if is(first, Keyword::SHOW) && is_plain && token(2).is_none() => &["DESCRIBE"],
        _ => return Vec::new(),
    };
    vec![Change { at, replaces: true, words }]
}

fn is_shown(token: &TokenWithSpan) -> bool {
    !matches!(token.token, Token::Whitespace(_) | Token::SemiColon | Token::EOF)
}

fn is(token: &Token, keyword: Keyword) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none() && word.keyword == keyword)
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn words_may_be_left_out() {
        let session = Session::new(None, Settings::default()).unwrap();
        session.collect("CREATE TABLE t AS SELECT * FROM (VALUES (1), (2)) AS v(n)").await.unwrap();
        session.collect("CREATE TABLE u AS SELECT 2 AS n").await.unwrap();
        for (sql, wanted) in [
            ("SELECT count(*) FILTER (n > 1) AS a FROM t", &["a", "1"][..]),
            (
                "SELECT sum(n) filter ((n > 1)) AS a, max(n) FILTER (WHERE n < 2) AS b FROM t",
                &["a|b", "2|1"],
            ),
            ("SELECT * FROM t SEMI JOIN u ON t.n = u.n", &["n", "2"]),
            ("SELECT * FROM t anti join u USING (n)", &["n", "1"]),
            ("SELECT * FROM t LEFT ANTI JOIN u USING (n)", &["n", "1"]),
            ("SELECT * FROM u RIGHT SEMI JOIN t USING (n)", &["n", "2"]),
            ("TABLE t", &["n", "1", "2"]),
            ("TABLE t ORDER BY n DESC LIMIT 1", &["n", "2"]),
            // The words are names elsewhere.
            ("SELECT semi.n AS filter FROM u AS semi JOIN t ON t.n = semi.n", &["filter", "2"]),
        ] {
            assert_eq!(answer(&session, sql).await, wanted, "{sql}");
        }
        let described = answer(&session, "DESCRIBE u").await;
        assert_eq!(answer(&session, "SHOW u").await, described);
        assert_eq!(answer(&session, "SHOW \"u\"").await, described);
        assert!(answer(&session, "SHOW timezone").await[1].contains("time_zone"));
        assert!(answer(&session, "SHOW TABLES").await.iter().any(|row| row.contains("|u|")));
    }
}
