//! `COPY accounts (account_id, screen_name) TO 'accounts.csv'`, as `PostgreSQL` has it: the
//! query for these columns is what the parser knows.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// Has a COPY of some columns of a table be one of a query.
pub(super) fn spell(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    spelled(&tokens).unwrap_or(tokens)
}

fn spelled(tokens: &[TokenWithSpan]) -> Option<Vec<TokenWithSpan>> {
    let mut written = tokens
        .iter()
        .enumerate()
        .filter(|(_, token)| !matches!(token.token, Token::Whitespace(_)))
        .peekable();
    while written.next_if(|(_, token)| explains(&token.token)).is_some() {}
    let (copy, _) = written.next().filter(|(_, token)| is(&token.token, Keyword::COPY))?;
    let is_name = |token: &Token| matches!(token, Token::Word(_) | Token::Period);
    let is_list = |token: &Token| matches!(token, Token::Word(_) | Token::Comma);
    while written.next_if(|(_, token)| is_name(&token.token)).is_some() {}
    let (opens, _) = written.next().filter(|(_, token)| token.token == Token::LParen)?;
    while written.next_if(|(_, token)| is_list(&token.token)).is_some() {}
    let (closes, _) = written.next().filter(|(_, token)| token.token == Token::RParen)?;
    let is_written = written.next().is_some_and(|(_, token)| is(&token.token, Keyword::TO));
    let name = &tokens[copy + 1..opens];
    let is_named = name.iter().any(|token| matches!(token.token, Token::Word(_)));
    if !is_written || !is_named {
        return None;
    }
    let span = tokens[opens].span;
    let word = |word: &str| TokenWithSpan::new(Token::make_keyword(word), span);
    let mut query = tokens[..=copy].to_vec();
    query.extend([tokens[opens].clone(), word("SELECT")]);
    query.extend_from_slice(&tokens[opens + 1..closes]);
    query.push(word("FROM"));
    query.extend_from_slice(name);
    query.extend_from_slice(&tokens[closes..]);
    Some(query)
}

/// Whether `token` may stand before COPY.
fn explains(token: &Token) -> bool {
    [Keyword::EXPLAIN, Keyword::ANALYZE, Keyword::VERBOSE].iter().any(|word| is(token, *word))
}

fn is(token: &Token, keyword: Keyword) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none() && word.keyword == keyword)
}

#[cfg(test)]
mod tests {
    use super::spell;
    use crate::engine::script::tokenize;

    #[test]
    fn columns_of_a_copy_are_those_of_a_query() {
        for (typed, meant) in [
            ("COPY t (a, \"B\") TO 'x.csv'", "COPY(SELECTa, \"B\"FROM t ) TO 'x.csv'"),
            ("explain copy m.t(a) to 'x'", "explain copy(SELECTaFROM m.t) to 'x'"),
            ("COPY t TO 'x.csv' (HEADER)", "COPY t TO 'x.csv' (HEADER)"),
            ("COPY (SELECT a FROM t) TO 'x'", "COPY (SELECT a FROM t) TO 'x'"),
            ("COPY t (a + 1) TO 'x'", "COPY t (a + 1) TO 'x'"),
            ("COPY t (a) FROM 'x'", "COPY t (a) FROM 'x'"),
        ] {
            let tokens = spell(tokenize(typed).unwrap());
            let found: String = tokens.iter().map(|token| token.token.to_string()).collect();
            assert_eq!(found, meant);
        }
    }
}
