//! `SHOW DATABASES` and `SHOW SCHEMAS`: the database of the session and those that are
//! attached, each of which is a schema beside it.

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan, Tokenizer};

/// What is asked instead.
const DATABASES: &str = "SELECT schema_name AS database_name FROM information_schema.schemata \
                         ORDER BY schema_name";

/// Makes a query of such a statement.
pub(super) fn spell(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let Some(span) = asked(&tokens) else { return tokens };
    match Tokenizer::new(&GenericDialect {}, DATABASES).tokenize() {
        Ok(query) => query.into_iter().map(|token| TokenWithSpan::new(token, span)).collect(),
        // The parser then refuses what was asked.
        Err(_) => tokens,
    }
}

/// Where the statement stands, if it is one.
fn asked(tokens: &[TokenWithSpan]) -> Option<Span> {
    let is_shown = |token: &&TokenWithSpan| {
        !matches!(token.token, Token::Whitespace(_) | Token::SemiColon | Token::EOF)
    };
    let shown: Vec<&TokenWithSpan> = tokens.iter().filter(is_shown).take(3).collect();
    let [show, what] = shown.as_slice() else { return None };
    let is_asked = is(show, "show") && (is(what, "databases") || is(what, "schemas"));
    is_asked.then_some(show.span)
}

fn is(token: &TokenWithSpan, name: &str) -> bool {
    matches!(&token.token, Token::Word(word)
        if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn databases_are_listed_under_both_names() {
        let session = Session::new(None, Settings::default()).unwrap();
        for sql in ["SHOW DATABASES", "show schemas;", " SHOW\n DATABASES "] {
            assert_eq!(answer(&session, sql).await, ["database_name", "main"], "{sql}");
        }
        assert!(session.collect("SHOW DATABASES LIKE 'm%'").await.is_err());
    }
}
