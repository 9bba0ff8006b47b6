//! What people type who come from another database, and what stands for it
//! here.

mod time_patterns;
mod written;

use datafusion::sql::sqlparser::tokenizer::Token;

use super::script::tokenize;
pub(super) use time_patterns::check_patterns;
pub(super) use written::pointed;

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

/// What people call tables in Chinese.
const IN_CHINESE: &[(&str, &str)] = &[
    ("帖子", "posts"),
    ("微博", "posts"),
    ("推文", "posts"),
    ("文章", "posts"),
    ("内容", "posts"),
    ("账号", "accounts"),
    ("帐号", "accounts"),
    ("账户", "accounts"),
    ("用户", "accounts"),
    ("博主", "accounts"),
    ("作者", "accounts"),
    ("话题", "hashtag_daily"),
    ("转发", "repost_edges"),
];

/// Settings of other databases, and what sets the same here.
const OF_WEIKU: &[(&str, &str)] = &[
    ("max_memory", "--memory-limit at the start"),
    ("memory_limit", "--memory-limit at the start"),
    ("statement_timeout", "--timeout at the start"),
    ("temp_directory", "--spill-dir at the start"),
    ("threads", ".set threads 2 at the prompt, or --threads at the start"),
    ("timeout", "--timeout at the start"),
    ("worker_threads", ".set threads 2 at the prompt, or --threads at the start"),
];

/// What the names of the tables begin with in which other databases list what they have.
const CATALOGS: [&str; 4] = ["pg_", "sqlite_", "duckdb_", "mysql."];

/// Functions that give rows in other databases, and what tells the same here.
const ROWS_ELSEWHERE: &[(&str, &str)] = &[
    ("duckdb_columns", "FROM information_schema.columns"),
    ("duckdb_functions", "SHOW FUNCTIONS"),
    ("duckdb_settings", "SHOW ALL"),
    ("duckdb_tables", "SHOW TABLES"),
    ("duckdb_views", "SHOW VIEWS"),
    ("glob", "FROM 'posts/*.csv', which reads all files of a pattern"),
    ("parquet_schema", "DESCRIBE 'posts.parquet'"),
    ("pragma_table_info", "DESCRIBE posts"),
];

/// What stands here for the function `name` of other databases.
pub(super) fn function(name: &str) -> Option<&'static str> {
    look_up(FUNCTIONS, name).or_else(|| look_up(OTHERWISE, name))
}

/// What to do here instead of `sql`, a statement that is none here.
pub(super) fn statement(sql: &str) -> Option<&'static str> {
    look_up(STATEMENTS, sql.split_whitespace().next()?).or_else(|| phrase(sql))
}

/// What tells the same here as the function `name` of other databases, which gives rows.
pub(super) fn rows(name: &str) -> Option<&'static str> {
    ROWS_ELSEWHERE.iter().find(|(other, _)| *other == name).map(|(_, here)| *here)
}

/// What sets the same here as the setting `name` of other databases.
pub(super) fn setting(name: &str) -> Option<&'static str> {
    look_up(OF_WEIKU, name)
}

/// The table that is called `name` in Chinese.
pub(super) fn table(name: &str) -> Option<&'static str> {
    look_up(IN_CHINESE, name)
}

/// Whether `name` is that of a table in which other databases list what they have.
pub(super) fn lists_tables(name: &str) -> bool {
    CATALOGS.iter().any(|other| name.starts_with(other))
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
