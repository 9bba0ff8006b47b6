//! `place ISNULL` and `place NOTNULL`, which the parser takes for a column with a name.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// Words behind which a value begins, so that what follows is a name.
const BEFORE_VALUES: &[Keyword] = &[
    Keyword::ALL,
    Keyword::AND,
    Keyword::ANY,
    Keyword::AS,
    Keyword::BETWEEN,
    Keyword::BY,
    Keyword::CASE,
    Keyword::COLUMN,
    Keyword::DESCRIBE,
    Keyword::DISTINCT,
    Keyword::ELSE,
    Keyword::ESCAPE,
    Keyword::EXISTS,
    Keyword::FROM,
    Keyword::HAVING,
    Keyword::ILIKE,
    Keyword::IN,
    Keyword::INTO,
    Keyword::IS,
    Keyword::JOIN,
    Keyword::LATERAL,
    Keyword::LIKE,
    Keyword::LIMIT,
    Keyword::NOT,
    Keyword::OFFSET,
    Keyword::ON,
    Keyword::OR,
    Keyword::QUALIFY,
    Keyword::SELECT,
    Keyword::SET,
    Keyword::TABLE,
    Keyword::THEN,
    Keyword::TO,
    Keyword::VIEW,
    Keyword::WHEN,
    Keyword::WHERE,
    Keyword::WITH,
    Keyword::XOR,
];

/// Makes IS NULL and IS NOT NULL of these words, where they stand behind a value.
pub(super) fn spell(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    if !tokens.iter().any(|token| meant(&token.token).is_some()) {
        return tokens;
    }
    let mut spelt = Vec::with_capacity(tokens.len() + 4);
    let mut is_behind_value = false;
    for TokenWithSpan { token, span } in tokens {
        let words = meant(&token).filter(|_| is_behind_value);
        if !matches!(token, Token::Whitespace(_)) {
            is_behind_value = words.is_some() || ends_value(&token);
        }
        let Some(words) = words else {
            spelt.push(TokenWithSpan::new(token, span));
            continue;
        };
        let words = words.iter().map(|word| Token::make_keyword(word));
        spelt.extend(words.map(|word| TokenWithSpan::new(word, span)));
    }
    spelt
}

/// What a word means behind a value.
fn meant(token: &Token) -> Option<&'static [&'static str]> {
    match token {
        Token::Word(word) if word.quote_style.is_some() => None,
        Token::Word(word) if word.value.eq_ignore_ascii_case("isnull") => Some(&["IS", "NULL"]),
        Token::Word(word) if word.value.eq_ignore_ascii_case("notnull") => {
            Some(&["IS", "NOT", "NULL"])
        }
        _ => None,
    }
}

fn ends_value(token: &Token) -> bool {
    match token {
        Token::Word(word) => word.quote_style.is_some() || !BEFORE_VALUES.contains(&word.keyword),
        Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::DoubleQuotedString(_)
        | Token::Placeholder(_)
        | Token::RParen
        | Token::RBracket => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn isnull_and_notnull_ask_whether_a_value_is_known() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (VALUES (1, 'a'), (2, NULL)) AS t(n, text)";
        for (list, rest, wanted) in [
            ("text ISNULL AS is_so", "", &["is_so", "false", "true"][..]),
            ("text notnull", "", &["text IS NOT NULL", "true", "false"]),
            ("n", "WHERE text ISNULL", &["n", "2"]),
            ("n", "WHERE (text) NOTNULL AND n ISNULL IS FALSE", &["n", "1"]),
            ("n", "WHERE nullif(n, 1) IsNull", &["n", "1"]),
        ] {
            let sql = format!("SELECT {list} {from} {rest} ORDER BY n");
            assert_eq!(answer(&session, &sql).await, wanted, "{sql}");
        }
    }

    #[tokio::test]
    async fn the_words_are_names_elsewhere() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (sql, wanted) in [
            ("SELECT 1 AS isnull, 2 AS notnull", &["isnull|notnull", "1|2"][..]),
            ("SELECT isnull FROM (SELECT 3 AS isnull) WHERE isnull = 3", &["isnull", "3"]),
            ("SELECT t.isnull, \"isnull\" AS n FROM (SELECT 3 AS isnull) t", &["isnull|n", "3|3"]),
        ] {
            assert_eq!(answer(&session, sql).await, wanted, "{sql}");
        }
    }
}
