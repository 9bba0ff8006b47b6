//! What people type who come from another database, and what stands for it
//! here.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Value, VisitorMut,
};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use super::parsed;
use super::script::{Statement, tokenize};
use crate::error::{Error, Place, Result};

/// A function known elsewhere that cannot be brought here as it is called (those that
/// can are in [`familiar`](super::forms::familiar)), and what does the same here.
const FUNCTIONS: &[(&str, &str)] = &[
    ("array", "(SELECT array_agg(n ORDER BY n DESC) FROM unnest([1, 2]) AS t(n))"),
    ("convert", "CAST(likes AS VARCHAR)"),
    ("date_parse", "to_timestamp('2012-08-27 10:00:00', '%Y-%m-%d %H:%M:%S')"),
    ("explode", "unnest(hashtags)"),
    ("hash", "md5(text)"),
    ("json_array_elements", "unnest(json_items(text, '$.tags'))"),
    ("json_array_elements_text", "unnest(json_items(text, '$.tags'))"),
    ("json_contains", "json_exists(text, '$.user.name')"),
    ("json_each", "unnest(json_items(text, '$.tags'))"),
    ("json_transform", "json_extract_string(text, '$.user.name')"),
    ("parse_date", "to_date('2012-08-27', '%Y-%m-%d')"),
    ("regexp_split_to_table", "unnest(regexp_split(text, '[，,]'))"),
    ("string_to_table", "unnest(string_to_array(text, ' '))"),
    ("to_number", "TRY_CAST(text AS DOUBLE)"),
];

/// What is no call of a function here, and what to write.
const OTHERWISE: &[(&str, &str)] =
    &[("columns", "the names of the columns; * EXCEPT (text) leaves some out")];

const NO_TRANSACTIONS: &str =
    "each statement stands by itself, and an import is taken as a whole or not at all";
const PATTERN: &str = "a pattern stands behind ~ : text ~ '微博[0-9]+', or it is asked for by \
                       regexp_like(text, '微博[0-9]+')";
const PIVOT: &str = "FROM (SELECT account_id, platform FROM posts) PIVOT (count(*) FOR platform IN \
                     ('weibo', 'x')), or an aggregate for each column: count(*) FILTER (WHERE \
                     platform = 'weibo') AS weibo";
const UNPIVOT: &str = "FROM (SELECT post_id, reposts, likes FROM posts) UNPIVOT (number FOR kind IN \
                       (reposts, likes))";

/// A word that begins statements elsewhere, and what to do here.
const STATEMENTS: &[(&str, &str)] = &[
    ("alter", "a table of your own is made anew: CREATE OR REPLACE TABLE t AS SELECT ..."),
    ("attach", "ATTACH 'DB' AS other, and its tables are other.posts and so on"),
    ("begin", NO_TRANSACTIONS),
    ("call", "the dot-commands of the shell take its place: .help"),
    ("checkpoint", "nothing has to be done: each import is committed when it ends"),
    ("commit", NO_TRANSACTIONS),
    ("detach", "DETACH other, as it was called by ATTACH"),
    ("export", "COPY posts TO 'posts.parquet', or the flag -o FILE"),
    ("grant", "files have owners, weiku has no users"),
    ("import", "`weiku import DB FILE...` on the command line"),
    ("install", "weiku has no extensions: all formats and functions are built in"),
    ("load", "weiku has no extensions: all formats and functions are built in"),
    ("pivot", PIVOT),
    ("pragma", ".set lists the settings, .tables and .describe the tables"),
    ("revoke", "files have owners, weiku has no users"),
    ("rollback", NO_TRANSACTIONS),
    ("summarise", "SUMMARIZE posts"),
    ("unpivot", UNPIVOT),
    ("use", "a session has one database: start weiku with the other folder"),
    ("vacuum", "`weiku optimize DB` on the command line"),
];

/// Words and signs in a row that stand in statements elsewhere, in small letters, and
/// what to write here.
const PHRASES: &[(&[&str], &str)] = &[
    (&["select", "top"], "LIMIT 5 at the end of the statement"),
    (&["using", "sample"], "ORDER BY random() LIMIT 100 takes rows by chance"),
    (&["contains", "'"], "look for words by text LIKE '%微博%'"),
    (&["match", "'"], "look for words by text LIKE '%微博%'"),
    (&["match", "("], "look for words by text LIKE '%微博%'"),
    (&["glob", "'"], "look for words by text LIKE '%微博%'"),
    (&["regexp", "'"], PATTERN),
    (&["rlike", "'"], PATTERN),
    (&["pivot", "("], PIVOT),
    (&["unpivot", "("], UNPIVOT),
    (&["like", "%"], "the pattern is a text: LIKE '%微博%'"),
    (&["ilike", "%"], "the pattern is a text: ILIKE '%微博%'"),
    (&["create", "index"], "posts are indexed by the words of their text, without being told"),
    (&["create", "macro"], "CREATE VIEW gives a query a name; an expression is written out"),
    (&["set", "variable"], "keep the value in a table: CREATE TABLE kept AS SELECT 5 AS n"),
];

/// How `PostgreSQL` and others write the parts of a time, longest first, and how
/// `to_char` and its like write them here.
const TIME_PARTS: &[(&str, &str)] = &[
    ("YYYY", "%Y"),
    ("HH24", "%H"),
    ("HH12", "%I"),
    ("MONTH", "%B"),
    ("MON", "%b"),
    ("DAY", "%A"),
    ("YY", "%y"),
    ("MM", "%m"),
    ("DD", "%d"),
    ("DY", "%a"),
    ("HH", "%H"),
    ("MI", "%M"),
    ("SS", "%S"),
    ("MS", "%3f"),
];

/// Functions whose second argument says how a time is written.
const TIME_FUNCTIONS: [&str; 8] = [
    "to_char",
    "date_format",
    "to_date",
    "to_timestamp",
    "to_time",
    "strftime",
    "strptime",
    "try_strptime",
];

/// Refuses a pattern for times of another database: here it would stand for
/// itself, and every time would be written alike.
pub(super) fn check_patterns(parsed: &mut Parsed, statement: &Statement) -> Result<()> {
    let found = parsed::visit(parsed, &mut Patterns);
    let ControlFlow::Break((text, at)) = found else { return Ok(()) };
    let (mut here, mut rest) = (String::new(), text.as_str());
    while let Some(first) = rest.chars().next() {
        let known = TIME_PARTS.iter().find(|(part, _)| {
            rest.get(..part.len()).is_some_and(|start| start.eq_ignore_ascii_case(part))
        });
        let length = known.map_or(first.len_utf8(), |(part, _)| part.len());
        here.push_str(known.map_or(&rest[..length], |(_, ours)| ours));
        rest = &rest[length..];
    }
    let error = Error::query(format!("the pattern '{text}' names no part of a time"))
        .at(statement.place(at.line, at.column, Some(text.chars().count() as u64 + 2)));
    let is_of_numbers = text.chars().all(|sign| matches!(sign, '0' | '9' | ',' | '.' | ' '));
    Err(match here == text {
        true if is_of_numbers => error.hint("a number is written out by format('{:,}', n)"),
        true => error,
        false => error.hint(format!("here it is '{here}'")),
    })
}

/// Finds the first such pattern.
struct Patterns;

impl VisitorMut for Patterns {
    type Break = (String, Location);

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<Self::Break> {
        pattern(expression).map_or(ControlFlow::Continue(()), ControlFlow::Break)
    }
}

/// The pattern of a call that writes or reads a time, if it has no `%`.
fn pattern(expression: &Expr) -> Option<(String, Location)> {
    let Expr::Function(call) = expression else { return None };
    let name = call.name.to_string();
    if !TIME_FUNCTIONS.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
        return None;
    }
    let FunctionArguments::List(arguments) = &call.args else { return None };
    let [first, FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value))), ..] =
        arguments.args.as_slice()
    else {
        return None;
    };
    let Value::SingleQuotedString(text) = &value.value else { return None };
    // `strftime('%Y', '2012-08-27')` has the pattern in front.
    if name.eq_ignore_ascii_case("strftime") && first.to_string().contains('%') {
        return None;
    }
    (!text.contains('%')).then(|| (text.clone(), value.span.start))
}

/// What stands here for the function `name` of other databases.
pub(super) fn function(name: &str) -> Option<&'static str> {
    look_up(FUNCTIONS, name).or_else(|| look_up(OTHERWISE, name))
}

/// What to do here instead of `sql`, a statement that is none here.
pub(super) fn statement(sql: &str) -> Option<&'static str> {
    look_up(STATEMENTS, sql.split_whitespace().next()?).or_else(|| phrase(sql))
}

/// `error` with the place in its `statement`, and with advice in the words that stand
/// there, where the engine tells neither.
pub(super) fn pointed(error: Error, statement: &Statement) -> Error {
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

fn phrase(sql: &str) -> Option<&'static str> {
    let tokens = tokenize(sql).ok()?;
    let tokens = tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_)));
    let words: Vec<String> = tokens.map(|token| token.token.to_string().to_lowercase()).collect();
    let fits = |(word, part): (&String, &&str)| match *part {
        // Of a text only its quote is looked at.
        "'" => word.starts_with('\''),
        part => word == part,
    };
    let stands = |phrase: &[&str]| {
        words.windows(phrase.len()).any(|words| words.iter().zip(phrase).all(fits))
    };
    PHRASES.iter().find(|(phrase, _)| stands(phrase)).map(|(_, here)| *here)
}

fn look_up(known: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    known.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, here)| *here)
}

#[cfg(test)]
mod tests {
    use super::{FUNCTIONS, function, statement};
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn each_advice_runs_and_is_needed() {
        let session = Session::new(None, Settings::default()).unwrap();
        let post = "SELECT '微博' AS text, 12 AS likes, make_array('a') AS hashtags, \
                    now() AS posted_at, now() AS observed_at";
        let mut wrong = Vec::new();
        for (name, here) in FUNCTIONS {
            let asked = session.collect(&format!("SELECT {here} FROM ({post}) AS posts")).await;
            wrong.extend(asked.err().map(|error| format!("{name}: {here}: {error}")));
            let state = session.context().state();
            let is_known = state.scalar_functions().contains_key(*name)
                || state.aggregate_functions().contains_key(*name)
                || state.window_functions().contains_key(*name);
            wrong.extend(is_known.then(|| format!("{name} is there by now")));
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_pattern_of_another_database_is_refused_with_ours() {
        let session = Session::new(None, Settings::default()).unwrap();
        let error = session.collect("SELECT to_char(now(), 'YYYY年MM月DD日 HH24:MI')").await;
        let error = error.unwrap_err();
        assert_eq!(error.advice(), Some("here it is '%Y年%m月%d日 %H:%M'"), "{error}");
        assert_eq!(error.place().column, Some(23));
        let error = session.collect("SELECT strptime('2012', 'YYYY')").await.unwrap_err();
        assert_eq!(error.advice(), Some("here it is '%Y'"), "{error}");
        for inside in ["EXPLAIN SELECT", "COPY (SELECT"] {
            let end = if inside.starts_with("COPY") { ") TO '/nonexistent/x.csv'" } else { "" };
            let sql = format!("{inside} to_char(now(), 'YYYY') AS year{end}");
            let error = session.collect(&sql).await.unwrap_err();
            assert_eq!(error.advice(), Some("here it is '%Y'"), "{sql}: {error}");
        }
        for fine in [
            "to_char(now(), '%Y-%m')",
            "to_date('2012-08-27', '%Y-%m-%d')",
            "strftime('%Y', '2012-08-27'::date)",
        ] {
            session.collect(&format!("SELECT {fine}")).await.unwrap();
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn clauses_of_another_database_are_told_with_ours() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (sql, advice) in [
            ("SELECT TOP 5 * FROM t", "LIMIT 5"),
            ("SELECT * FROM t, u USING SAMPLE 10", "random()"),
            ("SELECT * FROM t WHERE text CONTAINS '微博'", "LIKE '%微博%'"),
            ("SELECT * FROM t WHERE text LIKE %微博%", "the pattern is a text"),
            ("ROLLBACK", "stands by itself"),
            ("SELECT * FROM t WHERE text MATCH '微博'", "LIKE '%微博%'"),
            ("SELECT * FROM (SELECT 1 AS t) WHERE MATCH (t) AGAINST ('微博')", "LIKE '%微博%'"),
            ("SELECT * FROM (SELECT 'a' AS t) WHERE t REGEXP '微博'", "text ~ "),
        ] {
            let error = session.collect(sql).await.unwrap_err();
            assert!(error.advice().is_some_and(|told| told.contains(advice)), "{sql}: {error}");
        }
    }

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

    #[test]
    fn names_are_found_in_any_case() {
        assert_eq!(function("Explode"), Some("unnest(hashtags)"));
        assert!(statement("SUMMARISE posts").is_some() && statement("select 1").is_none());
    }
}
