//! What is written otherwise here, told with its place and in the words that stand there.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::PATTERN;
use crate::engine::script::{Statement, tokenize};
use crate::error::{Error, Place};

/// `error` with the place in its `statement`, and with advice in the words that stand
/// there, where the engine tells neither.
pub(in crate::engine) fn pointed(error: Error, statement: &Statement) -> Error {
    let Some(written) = Written::of(statement) else { return error };
    let message = error.message();
    let found = if message == "not supported: RLike" {
        written.pattern()
    } else if message.starts_with("a point stands behind ") {
        written.point()
    } else if message.starts_with("string_agg does not take (") && !message.contains(", ") {
        written.separator().map(|advice| (None, None, advice))
    } else if let Some((operator, "a text")) =
        message.split_once(" stands with conditions, and is given ")
    {
        written.text_beside(operator)
    } else {
        None
    };
    let Some((message, place, advice)) = found else { return error };
    let error = match message {
        Some(message) => error.reworded(|_| message.clone()),
        None => error,
    };
    match place {
        Some(place) => error.at(place).hint(advice),
        None => error.hint(advice),
    }
}

/// What an error is to say, where that is not what it says; its place, and the advice.
type Pointed = (Option<String>, Option<Place>, String);

/// Words that give a value by themselves, so that they are no name behind a point.
const VALUES: [&str; 8] = [
    "current_catalog",
    "current_date",
    "current_role",
    "current_time",
    "current_timestamp",
    "current_user",
    "session_user",
    "user",
];

/// A statement and its tokens, but for blanks.
struct Written<'a> {
    statement: &'a Statement,
    tokens: Vec<TokenWithSpan>,
}

impl<'a> Written<'a> {
    fn of(statement: &'a Statement) -> Option<Self> {
        let mut tokens = tokenize(&statement.sql).ok()?;
        tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
        Some(Self { statement, tokens })
    }

    fn token(&self, index: usize) -> Option<&Token> {
        self.tokens.get(index).map(|one| &one.token)
    }

    /// The word at `index`, in small letters, if it is not in quotes.
    fn word(&self, index: usize) -> Option<String> {
        match self.token(index)? {
            Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_lowercase()),
            _ => None,
        }
    }

    fn is_one_of(&self, index: usize, words: &[&str]) -> bool {
        self.word(index).is_some_and(|word| words.contains(&word.as_str()))
    }

    /// The place of the tokens from one to another.
    fn place(&self, from: usize, to: usize) -> Option<Place> {
        let (first, last) = (self.tokens.get(from)?.span, self.tokens.get(to)?.span);
        let length = (first.start.line == last.end.line)
            .then(|| last.end.column.saturating_sub(first.start.column));
        Some(self.statement.place(first.start.line, first.start.column, length))
    }

    /// `REGEXP` and `RLIKE`.
    fn pattern(&self) -> Option<Pointed> {
        let at = (0..self.tokens.len()).find(|at| self.is_one_of(*at, &["regexp", "rlike"]))?;
        let message = format!("not supported: {}", self.word(at)?.to_uppercase());
        Some((Some(message), self.place(at, at), PATTERN.to_owned()))
    }

    /// `s.user.name`, where `user` has a meaning of its own.
    fn point(&self) -> Option<Pointed> {
        let is_name = |index: usize| matches!(self.token(index), Some(Token::Word(_)));
        let is_point = |index: usize| self.token(index) == Some(&Token::Period);
        let at = (2..self.tokens.len()).find(|at| {
            let goes_on = is_point(at + 1) || self.token(at + 1) == Some(&Token::LBracket);
            self.is_one_of(*at, &VALUES) && is_point(at - 1) && is_name(at - 2) && goes_on
        })?;
        let mut first = at - 2;
        while first >= 2 && is_point(first - 1) && is_name(first - 2) {
            first -= 2;
        }
        let mut last = at;
        while is_point(last + 1) && is_name(last + 2) {
            last += 2;
        }
        let value = |index: usize| match self.token(index) {
            Some(Token::Word(word)) if word.quote_style.is_some() => word.value.clone(),
            Some(Token::Word(word)) => word.value.to_lowercase(),
            _ => String::new(),
        };
        let name = |index: usize| self.token(index).map(Token::to_string).unwrap_or_default();
        let before: Vec<String> = (first..at).step_by(2).map(name).collect();
        let part = |index: usize| format!("['{}']", value(index).replace('\'', "''"));
        let parts: String = (at..=last).step_by(2).map(part).collect();
        let rest: String =
            (at + 2..=last).step_by(2).map(|index| format!(".{}", name(index))).collect();
        let (before, word) = (before.join("."), value(at));
        let advice = format!(
            "{} is a word of SQL: here it is {before}{parts}, or {before}.\"{word}\"{rest}",
            word.to_uppercase()
        );
        Some((None, self.place(first, last), advice))
    }

    /// `string_agg` with what is joined, and nothing to stand between.
    fn separator(&self) -> Option<String> {
        let at = (0..self.tokens.len()).find(|at| {
            self.is_one_of(*at, &["string_agg"]) && self.token(at + 1) == Some(&Token::LParen)
        })?;
        let (mut depth, mut end, mut order) = (0_usize, None, None);
        for index in at + 1..self.tokens.len() {
            match self.token(index)? {
                Token::LParen => depth += 1,
                Token::RParen => depth = depth.checked_sub(1)?,
                _ if depth == 1 && self.is_one_of(index, &["order"]) => order = Some(index),
                _ => {}
            }
            if depth == 0 {
                end = Some(index);
                break;
            }
        }
        let end = end?;
        let value = self.text(at + 2, order.unwrap_or(end))?;
        let order = match order {
            Some(order) => format!(" {}", self.text(order, end)?),
            None => String::new(),
        };
        Some(format!(
            "what is to stand between the texts is missing: string_agg({value}, ','{order})"
        ))
    }

    /// What stands from one token to before another, if it is on one line.
    fn text(&self, from: usize, to: usize) -> Option<String> {
        let (first, last) =
            (self.tokens.get(from)?.span, self.tokens.get(to.checked_sub(1)?)?.span);
        let line = usize::try_from(first.start.line).ok()?.checked_sub(1)?;
        let column = |at: u64| usize::try_from(at).ok()?.checked_sub(1);
        let (start, end) = (column(first.start.column)?, column(last.end.column)?);
        let line =
            self.statement.sql.lines().nth(line).filter(|_| first.start.line == last.end.line)?;
        let length = end.checked_sub(start).filter(|length| *length > 0)?;
        Some(line.chars().skip(start).take(length).collect())
    }

    /// A text that stands by itself where a condition should: `text LIKE '%a%' OR 'b'`.
    fn text_beside(&self, operator: &str) -> Option<Pointed> {
        let operator = operator.to_lowercase();
        let operator = [operator.as_str()];
        let stands_alone = |at: &usize| {
            let Some(before) = at.checked_sub(1) else { return false };
            let is_text = matches!(self.token(*at), Some(Token::SingleQuotedString(_)));
            let is_beside = self.is_one_of(before, &operator)
                || operator != ["not"] && self.is_one_of(at + 1, &operator);
            let begins = match self.token(before) {
                Some(Token::LParen) => true,
                _ if self.is_one_of(before, &["and"]) => !self.is_of_between(before),
                _ => self
                    .is_one_of(before, &["or", "not", "where", "having", "qualify", "on", "when"]),
            };
            let ends = match self.token(at + 1) {
                None | Some(Token::RParen | Token::SemiColon | Token::EOF) => true,
                Some(Token::Word(word)) => matches!(
                    word.keyword,
                    Keyword::AND
                        | Keyword::OR
                        | Keyword::GROUP
                        | Keyword::HAVING
                        | Keyword::QUALIFY
                        | Keyword::ORDER
                        | Keyword::LIMIT
                        | Keyword::UNION
                        | Keyword::THEN
                ),
                _ => false,
            };
            is_text && is_beside && begins && ends
        };
        let mut alone = (0..self.tokens.len()).filter(stands_alone);
        let at = alone.next().filter(|_| alone.next().is_none())?;
        let Some(Token::SingleQuotedString(text)) = self.token(at) else { return None };
        let is_like = |index: &usize| self.is_one_of(*index, &["like", "ilike"]);
        let like = (1..at).rev().find(is_like);
        let sign = like.and_then(|like| self.word(like)).unwrap_or_else(|| "like".to_owned());
        let column = like.and_then(|like| match self.token(like - 1)? {
            Token::Word(word) if word.keyword != Keyword::NOT => Some(word.to_string()),
            _ => None,
        });
        let column = column.unwrap_or_else(|| "text".to_owned());
        let pattern = if text.contains('%') { text.clone() } else { format!("%{text}%") };
        let sign = sign.to_uppercase();
        let advice = format!("a condition says what it looks at: {column} {sign} '{pattern}'");
        Some((None, self.place(at, at), advice))
    }

    /// Whether the AND at `index` is that of BETWEEN.
    fn is_of_between(&self, index: usize) -> bool {
        let begins = |at: &usize| self.is_one_of(*at, &["between", "and", "or", "where", "on"]);
        let before = (0..index).rev().find(begins);
        before.is_some_and(|at| self.is_one_of(at, &["between"]))
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_written_otherwise_is_shown_where_it_stands_and_in_its_own_words() {
        let session = Session::new(None, Settings::default()).unwrap();
        session
            .collect("CREATE TABLE t AS SELECT 'a' AS a, {'user': {'name': 'b'}} AS s")
            .await
            .unwrap();
        for (sql, at, message, advice) in [
            (
                "SELECT a FROM t WHERE a regexp '武汉'",
                "regexp",
                "supported: REGEXP",
                "regexp_like(",
            ),
            ("SELECT a FROM t WHERE a RLIKE s", "RLIKE", "supported: RLIKE", "text ~ '"),
            (
                "SELECT s.user.name FROM t",
                "s.user",
                "a point stands",
                "s['user']['name'], or s.\"user\".name",
            ),
            ("SELECT t.s.user['name'] FROM t", "t.s.user", "a point stands", "t.s['user'], or"),
            (
                "SELECT a FROM t WHERE a LIKE '%x%' OR '武汉'",
                "'武汉'",
                "OR stands",
                "a LIKE '%武汉%'",
            ),
            (
                "SELECT a FROM t WHERE a NOT ILIKE 'x' AND '%b' OR a = 'c'",
                "'%b'",
                "AND stands",
                "text ILIKE '%b'",
            ),
            (
                "SELECT a FROM t WHERE a BETWEEN 'a' AND 'b' OR 'c' LIMIT 1",
                "'c'",
                "OR stands",
                "text LIKE '%c%'",
            ),
            ("SELECT a FROM t WHERE NOT 'c'", "'c'", "NOT stands", "text LIKE '%c%'"),
            (
                "SELECT string_agg(a) FROM t",
                "string_agg",
                "does not take (text)",
                "string_agg(a, ',')",
            ),
            (
                "SELECT string_agg(DISTINCT lower(a) ORDER BY a) FROM t",
                "string_agg",
                "does not take (text)",
                "string_agg(DISTINCT lower(a), ',' ORDER BY a)",
            ),
        ] {
            let error = session.collect(sql).await.unwrap_err();
            assert!(error.message().contains(message), "{sql}: {error}");
            assert!(error.advice().is_some_and(|told| told.contains(advice)), "{sql}: {error}");
            let column = sql[..sql.find(at).unwrap()].chars().count() as u64 + 1;
            assert_eq!(error.place().column, Some(column), "{sql}: {error}");
        }
    }
}
