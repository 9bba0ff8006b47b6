//! The place of what fails while a statement runs: the engine does not tell it, but where
//! a statement has a single division or cast, it is that one.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::script::{Statement, tokenize};
use crate::error::Place;

/// How it is told that a subquery has more rows than the one that is asked for.
pub(super) const SEVERAL_ROWS: &str = "a subquery between values gives more than one row";

/// What a text is not, and the types that it becomes otherwise.
const KINDS: &[(&str, &[&str])] = &[
    (
        "a whole number",
        &[
            "BIGINT",
            "HUGEINT",
            "INT",
            "INT2",
            "INT4",
            "INT8",
            "INTEGER",
            "SMALLINT",
            "TINYINT",
            "UBIGINT",
            "UINTEGER",
            "USMALLINT",
            "UTINYINT",
        ],
    ),
    ("a number", &["DEC", "DECIMAL", "DOUBLE", "FLOAT", "FLOAT4", "FLOAT8", "NUMERIC", "REAL"]),
    ("a date", &["DATE"]),
    ("a time", &["DATETIME", "TIME", "TIMESTAMP", "TIMESTAMPTZ"]),
    ("a truth", &["BOOL", "BOOLEAN"]),
];

/// The place of what `message` tells of, if `statement` has only one such thing.
pub(super) fn of(message: &str, statement: &Statement) -> Option<Place> {
    let mut tokens = tokenize(&statement.sql).ok()?;
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
    let found = if message.starts_with("division by zero") {
        divisions(&tokens)
    } else if message.starts_with(SEVERAL_ROWS) {
        values(&tokens)
    } else if message.starts_with("LIKE looks at texts") {
        words(&tokens, &[Keyword::LIKE, Keyword::ILIKE])
    } else if message.starts_with("a window function stands") {
        words(&tokens, &[Keyword::OVER])
    } else if message.starts_with("the sign ^@") {
        signs(&tokens, "^@")
    } else if let Some(types) = message.strip_prefix("there is no ") {
        signs(&tokens, types.split(' ').nth(1)?)
    } else if message.contains(" does not fit DECIMAL") {
        casts(&tokens, KINDS[1].1)
    } else if message.contains(" does not fit ") {
        casts(&tokens, KINDS[0].1)
    } else {
        let (_, wanted) = message.rsplit_once("\" is not ")?;
        casts(&tokens, KINDS.iter().find(|(kind, _)| *kind == wanted)?.1)
    };
    let [(from, to)] = found.as_slice() else { return None };
    let (first, last) = (tokens.get(*from)?.span, tokens.get(*to)?.span);
    let length = (first.start.line == last.end.line)
        .then(|| last.end.column.saturating_sub(first.start.column));
    Some(statement.place(first.start.line, first.start.column, length))
}

/// The first and last token of each of some pieces of a statement.
type Pieces = Vec<(usize, usize)>;

fn divisions(tokens: &[TokenWithSpan]) -> Pieces {
    let divides = |index: &usize| match &tokens[*index].token {
        Token::Div | Token::Mod | Token::DuckIntDiv => true,
        Token::Word(word) => {
            ["div", "mod"].iter().any(|known| known.eq_ignore_ascii_case(&word.value))
        }
        _ => false,
    };
    (0..tokens.len()).filter(divides).map(|index| (index, index)).collect()
}

fn words(tokens: &[TokenWithSpan], known: &[Keyword]) -> Pieces {
    let is_it = |index: &usize| keyword(tokens, *index).is_some_and(|word| known.contains(&word));
    (0..tokens.len()).filter(is_it).map(|index| (index, index)).collect()
}

/// The signs that are written as `sign`.
fn signs(tokens: &[TokenWithSpan], sign: &str) -> Pieces {
    let is_it = |index: &usize| match &tokens[*index].token {
        Token::Word(_) | Token::SingleQuotedString(_) => false,
        token => token.to_string() == sign,
    };
    (0..tokens.len()).filter(is_it).map(|index| (index, index)).collect()
}

/// The queries in brackets that stand for a value.
fn values(tokens: &[TokenWithSpan]) -> Pieces {
    let is_value = |index: &usize| {
        let begins = matches!(
            keyword(tokens, index + 1),
            Some(Keyword::SELECT | Keyword::WITH | Keyword::FROM)
        );
        let before = index.checked_sub(1).and_then(|before| keyword(tokens, before));
        let has_rows = matches!(
            before,
            Some(
                Keyword::FROM
                    | Keyword::JOIN
                    | Keyword::IN
                    | Keyword::EXISTS
                    | Keyword::ANY
                    | Keyword::ALL
                    | Keyword::SOME
                    | Keyword::LATERAL
                    | Keyword::AS
                    | Keyword::MATERIALIZED
                    | Keyword::UNION
                    | Keyword::EXCEPT
                    | Keyword::INTERSECT
            )
        );
        begins && !has_rows && tokens[*index].token == Token::LParen
    };
    (0..tokens.len()).filter(is_value).map(|index| (index, index + 1)).collect()
}

/// The casts to one of `types` that refuse what they cannot cast.
fn casts(tokens: &[TokenWithSpan], types: &[&str]) -> Pieces {
    let is_type = |index: usize| match tokens.get(index).map(|one| &one.token) {
        Some(Token::Word(word)) => types.iter().any(|one| one.eq_ignore_ascii_case(&word.value)),
        _ => false,
    };
    let mut found = Vec::new();
    for (index, one) in tokens.iter().enumerate() {
        if one.token == Token::DoubleColon && is_type(index + 1) {
            found.push((before_colons(tokens, index), index + 1));
        } else if keyword(tokens, index) == Some(Keyword::CAST)
            && let Some(end) = end_of_call(tokens, index + 1)
            && let Some(of) = (index..end).rfind(|at| keyword(tokens, *at) == Some(Keyword::AS))
            && is_type(of + 1)
        {
            found.push((index, end));
        }
    }
    found
}

/// Where the column or value before `::` begins; the colons themselves if it is computed.
fn before_colons(tokens: &[TokenWithSpan], colons: usize) -> usize {
    let is_plain = |index: usize| {
        matches!(
            tokens[index].token,
            Token::Word(_) | Token::SingleQuotedString(_) | Token::Number(..)
        )
    };
    match colons.checked_sub(1).filter(|before| is_plain(*before)) {
        Some(before) if before > 1 && tokens[before - 1].token == Token::Period => before - 2,
        Some(before) => before,
        None => colons,
    }
}

/// The bracket that closes the one at `opened`.
fn end_of_call(tokens: &[TokenWithSpan], opened: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, one) in tokens.iter().enumerate().skip(opened) {
        match one.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return (index > opened).then_some(index);
        }
    }
    None
}

fn keyword(tokens: &[TokenWithSpan], index: usize) -> Option<Keyword> {
    match &tokens.get(index)?.token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.keyword),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn what_fails_in_the_rows_has_a_place_if_it_can_only_be_one() {
        let session = Session::new(None, Settings::default()).unwrap();
        session
            .collect("CREATE TABLE t AS SELECT * FROM (VALUES ('a', 0), ('b', 2)) AS t(s, n)")
            .await
            .unwrap();
        for (sql, at) in [
            ("SELECT 7 / n FROM t", Some("/")),
            ("SELECT 7 % n FROM t", Some("%")),
            ("SELECT 7 / n, 1 / 2 FROM t", None),
            ("SELECT s::BIGINT FROM t", Some("s::")),
            ("SELECT t.s::BIGINT, n::VARCHAR FROM t", Some("t.s::")),
            ("SELECT max(CAST(s AS BIGINT)) FROM t", Some("CAST(s")),
            ("SELECT (s || s)::DATE FROM t", Some("::")),
            ("SELECT n LIKE 'a' FROM t", Some("LIKE")),
            ("SELECT '5' + 1", Some("+")),
            ("SELECT n, s - n FROM t", Some("s -")),
            ("SELECT '5' + 1, 1 + 1", None),
            ("SELECT s ^@ 'a' FROM t", Some("^@")),
            ("SELECT n FROM t WHERE row_number() OVER () = 1", Some("OVER")),
            ("SELECT (SELECT n FROM t) AS n", Some("(SELECT")),
            ("SELECT n FROM t WHERE n > (SELECT n FROM t)", Some("(SELECT")),
        ] {
            let error = session.collect(sql).await.unwrap_err();
            let column = at.map(|at| sql.find(at).unwrap() as u64 + 1);
            let shown = error.place().source.is_some().then_some(error.place().column).flatten();
            assert_eq!(shown, column, "{sql}: {error}");
            assert!(error.advice().is_some(), "{sql}: {error}");
        }
    }
}
