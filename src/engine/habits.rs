//! What people type who come from another database, and what stands for it
//! here.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Value, VisitorMut,
};
use datafusion::sql::sqlparser::tokenizer::{Location, Token};

use super::parsed;
use super::script::{Statement, tokenize};
use crate::error::{Error, Result};

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
    (&["regexp", "'"], "a pattern stands behind ~ : text ~ '微博[0-9]+'"),
    (&["rlike", "'"], "a pattern stands behind ~ : text ~ '微博[0-9]+'"),
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

    #[test]
    fn names_are_found_in_any_case() {
        assert_eq!(function("Explode"), Some("unnest(hashtags)"));
        assert!(statement("SUMMARISE posts").is_some() && statement("select 1").is_none());
    }
}
