//! What is compared with a value of another kind, and what to write instead.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::script::{Statement, tokenize};
use crate::error::{Error, Place};
use crate::model::{ColumnKind, TABLES};

/// How the engine begins to say that two kinds are not compared.
const COMPARED: &str = "common argument type for comparison operation";

/// What it says of LIKE and its kin.
const LIKE: &str = "in LIKE expression";

/// A column beside a value, and what stands between them.
struct Pair {
    column: String,
    /// The operator in capitals, as if the column stood first.
    operator: String,
    value: TokenWithSpan,
}

/// What `message` of the engine means for `statement`, if it is that two kinds do
/// not go together.
pub(super) fn told(message: &str, statement: &Statement) -> Option<Error> {
    if !message.contains(COMPARED) && !message.contains(LIKE) {
        return None;
    }
    let pairs = pairs(&statement.sql);
    if message.contains("List(") {
        let pair = pick(pairs, ColumnKind::TextList, |value| {
            matches!(value, Token::SingleQuotedString(_))
        });
        return Some(pair.map_or_else(list, |pair| list_beside(&pair, statement)));
    }
    let is_time = message.contains("Timestamp(") || message.contains("Date32");
    if is_time && (message.contains("Int") || message.contains("Float")) {
        let is_number = |value: &Token| matches!(value, Token::Number(..));
        let pair = pick(pairs, ColumnKind::Instant, is_number);
        return Some(pair.map_or_else(time, |pair| time_beside(&pair, statement)));
    }
    None
}

fn list() -> Error {
    Error::query("a list is compared with a value")
        .hint("'人民日报' = ANY(mentions) asks whether a list holds it")
}

fn list_beside(pair: &Pair, statement: &Statement) -> Error {
    let Pair { column, operator, value } = pair;
    let error = Error::query(format!("{column} is a list, and {} is a text", value.token));
    let error = error.at(place(value, statement));
    error.hint(match operator.as_str() {
        "LIKE" | "ILIKE" => {
            format!("write it as array_to_string({column}, ' ') {operator} {}", value.token)
        }
        "<>" => format!("write it as NOT ({} = ANY({column}))", value.token),
        _ => format!("write it as {} = ANY({column})", value.token),
    })
}

fn time() -> Error {
    Error::query("a time is compared with a number")
        .hint("write the time as '2012-08-27' or '2012-08-27 18:00:00'")
}

fn time_beside(pair: &Pair, statement: &Statement) -> Error {
    let Pair { column, operator, value } = pair;
    let error = Error::query(format!("{column} is a time, and {} is a number", value.token));
    let error = error.at(place(value, statement));
    let number = value.token.to_string();
    error.hint(match number.len() {
        4 => format!(
            "write it as {column} {operator} '{number}-01-01', or compare the year: \
             date_part('year', {column}) {operator} {number}"
        ),
        _ => "write the time as '2012-08-27' or '2012-08-27 18:00:00'".to_owned(),
    })
}

fn place(value: &TokenWithSpan, statement: &Statement) -> Place {
    let (start, end) = (value.span.start, value.span.end);
    let length = (start.line == end.line).then(|| end.column.saturating_sub(start.column));
    statement.place(start.line, start.column, length)
}

/// The pair whose value `fits` and whose column is of the kind in a table of a
/// database, or else the only one whose value does.
fn pick(pairs: Vec<Pair>, kind: ColumnKind, fits: fn(&Token) -> bool) -> Option<Pair> {
    let is_of_kind = |pair: &Pair| {
        let name = pair.column.rsplit('.').next().unwrap_or_default();
        TABLES
            .iter()
            .flat_map(|table| table.columns)
            .any(|column| column.kind == kind && column.name.eq_ignore_ascii_case(name))
    };
    let mut pairs: Vec<Pair> = pairs.into_iter().filter(|pair| fits(&pair.value.token)).collect();
    match pairs.iter().position(is_of_kind) {
        Some(known) => Some(pairs.swap_remove(known)),
        None if pairs.len() == 1 => pairs.pop(),
        None => None,
    }
}

/// All columns that stand beside a value, with an operator between.
fn pairs(sql: &str) -> Vec<Pair> {
    let mut tokens = tokenize(sql).unwrap_or_default();
    tokens.retain(|token| {
        let is_not = matches!(&token.token, Token::Word(word) if word.keyword == Keyword::NOT);
        !is_not && !matches!(token.token, Token::Whitespace(_))
    });
    let mut pairs = Vec::new();
    for at in 0..tokens.len().saturating_sub(2) {
        let Some((operator, turned)) = operator(&tokens[at + 1].token) else { continue };
        let (left, right) = (&tokens[at], &tokens[at + 2]);
        if let Some(column) = column_before(&tokens[..=at]) {
            pairs.push(Pair { column, operator: operator.to_owned(), value: right.clone() });
        } else if let Token::Word(word) = &right.token {
            let column = word.to_string();
            pairs.push(Pair { column, operator: turned.to_owned(), value: left.clone() });
        }
    }
    pairs
}

/// The column whose name ends the tokens: `mentions` or `p.mentions`.
fn column_before(tokens: &[TokenWithSpan]) -> Option<String> {
    let tokens: Vec<&Token> = tokens.iter().map(|token| &token.token).collect();
    match tokens.as_slice() {
        [.., Token::Word(table), Token::Period, Token::Word(column)] => {
            Some(format!("{table}.{column}"))
        }
        [.., Token::Word(column)] => Some(column.to_string()),
        _ => None,
    }
}

/// An operator that compares, and the one that says the same with its sides
/// exchanged.
fn operator(token: &Token) -> Option<(&'static str, &'static str)> {
    Some(match token {
        Token::Eq | Token::DoubleEq => ("=", "="),
        Token::Neq => ("<>", "<>"),
        Token::Lt => ("<", ">"),
        Token::Gt => (">", "<"),
        Token::LtEq => ("<=", ">="),
        Token::GtEq => (">=", "<="),
        Token::Word(word) if word.keyword == Keyword::LIKE => ("LIKE", "LIKE"),
        Token::Word(word) if word.keyword == Keyword::ILIKE => ("ILIKE", "ILIKE"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_value_of_another_kind_is_told_with_its_place_and_what_to_write() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (SELECT make_array('a') AS mentions, 'b' AS text, 3 AS likes, \
                    now() AS posted_at) AS p";
        for (condition, said, advice) in [
            ("mentions = '人民日报'", "mentions is a list", "'人民日报' = ANY(mentions)"),
            ("text = 'b' AND p.mentions = 'x'", "p.mentions is a list", "'x' = ANY(p.mentions)"),
            ("'x' <> mentions", "mentions is a list", "NOT ('x' = ANY(mentions))"),
            ("mentions LIKE '%x%'", "is a text", "array_to_string(mentions, ' ') LIKE '%x%'"),
            ("likes > 2 AND posted_at > 2021", "and 2021 is a number", "posted_at > '2021-01-01'"),
            ("2021 > posted_at", "posted_at is a time", "posted_at < '2021-01-01'"),
        ] {
            let sql = format!("SELECT 1 {from} WHERE {condition}");
            let error = session.collect(&sql).await.unwrap_err();
            assert!(error.message().contains(said), "{sql}: {error}");
            assert!(error.advice().is_some_and(|told| told.contains(advice)), "{sql}: {error}");
            assert!(error.place().column.is_some_and(|column| column > 90), "{sql}: {error}");
            // What is advised runs.
            let advised = format!("SELECT 1 {from} WHERE {advice}");
            session.collect(&advised).await.unwrap();
        }
        let unknown = format!("SELECT 1 {from} WHERE mentions = text");
        let error = session.collect(&unknown).await.unwrap_err();
        assert!(error.advice().is_some_and(|told| told.contains("ANY")), "{error}");
    }
}
