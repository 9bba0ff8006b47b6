//! What people type who come from another database, and what stands for it
//! here.

/// A function known elsewhere, and a call that does the same here.
const FUNCTIONS: &[(&str, &str)] = &[
    ("approx_count_distinct", "approx_distinct(text)"),
    ("arg_max", "first_value(text ORDER BY likes DESC)"),
    ("arg_min", "first_value(text ORDER BY likes)"),
    ("count_if", "count(*) FILTER (WHERE likes > 9)"),
    ("countif", "count(*) FILTER (WHERE likes > 9)"),
    ("curdate", "current_date()"),
    ("date_add", "posted_at + INTERVAL '1 day'"),
    ("date_diff", "posted_at - observed_at"),
    ("date_sub", "posted_at - INTERVAL '1 day'"),
    ("datediff", "posted_at - observed_at"),
    ("day", "date_part('day', posted_at)"),
    ("dayname", "to_char(posted_at, '%A')"),
    ("dayofmonth", "date_part('day', posted_at)"),
    ("dayofweek", "date_part('dow', posted_at)"),
    ("dayofyear", "date_part('doy', posted_at)"),
    ("epoch", "to_unixtime(posted_at)"),
    ("group_concat", "string_agg(text, ', ')"),
    ("hour", "date_part('hour', posted_at)"),
    ("if", "CASE WHEN likes > 9 THEN 'many' ELSE 'few' END"),
    ("iif", "CASE WHEN likes > 9 THEN 'many' ELSE 'few' END"),
    ("isodow", "date_part('isodow', posted_at)"),
    ("isnull", "likes IS NULL"),
    ("lcase", "lower(text)"),
    ("len", "length(text)"),
    ("list", "array_agg(text)"),
    ("list_value", "make_array(1, 2)"),
    ("listagg", "string_agg(text, ', ')"),
    ("max_by", "first_value(text ORDER BY likes DESC)"),
    ("min_by", "first_value(text ORDER BY likes)"),
    ("minute", "date_part('minute', posted_at)"),
    ("month", "date_part('month', posted_at)"),
    ("monthname", "to_char(posted_at, '%B')"),
    ("parse_date", "to_date('2012-08-27', '%Y-%m-%d')"),
    ("percentile", "approx_percentile_cont(likes, 0.9)"),
    ("quantile", "approx_percentile_cont(likes, 0.9)"),
    ("quarter", "date_part('quarter', posted_at)"),
    ("regexp_extract", "regexp_match(text, '#(.+?)#')[1]"),
    ("regexp_full_match", "regexp_like(text, '^#.*#$')"),
    ("regexp_matches", "regexp_like(text, '微博')"),
    ("second", "date_part('second', posted_at)"),
    ("str_split", "string_to_array(text, ' ')"),
    ("strftime", "to_char(posted_at, '%Y-%m-%d')"),
    ("string_split", "string_to_array(text, ' ')"),
    ("strptime", "to_timestamp('2012-08-27 10:00:00', '%Y-%m-%d %H:%M:%S')"),
    ("struct_pack", "named_struct('a', 1)"),
    ("time_bucket", "date_bin(INTERVAL '15 minutes', posted_at)"),
    ("ucase", "upper(text)"),
    ("unix_timestamp", "to_unixtime(posted_at)"),
    ("week", "date_part('week', posted_at)"),
    ("weekday", "date_part('dow', posted_at)"),
    ("weekofyear", "date_part('week', posted_at)"),
    ("year", "date_part('year', posted_at)"),
];

/// A word that begins statements elsewhere, and what to do here.
const STATEMENTS: &[(&str, &str)] = &[
    ("attach", "start weiku with the other folder, as in `weiku DB`"),
    ("call", "the dot-commands of the shell take its place: .help"),
    ("checkpoint", "nothing has to be done: each import is committed when it ends"),
    ("detach", "leave the shell with .quit"),
    ("export", "COPY posts TO 'posts.parquet', or the flag -o FILE"),
    ("import", "`weiku import DB FILE...` on the command line"),
    ("install", "weiku has no extensions: all formats and functions are built in"),
    ("load", "weiku has no extensions: all formats and functions are built in"),
    ("pivot", "an aggregate for each column: count(*) FILTER (WHERE platform = 'weibo') AS weibo"),
    ("pragma", ".set lists the settings, .tables and .describe the tables"),
    ("summarise", ".summarize TABLE in the shell"),
    ("summarize", ".summarize TABLE in the shell"),
    ("unpivot", "SELECT one column each and join them by UNION ALL"),
    ("use", "a session has one database: start weiku with the other folder"),
    ("vacuum", "`weiku optimize DB` on the command line"),
];

/// What stands here for the function `name` of other databases.
pub(super) fn function(name: &str) -> Option<&'static str> {
    look_up(FUNCTIONS, name)
}

/// What to do here instead of a statement that begins with `word`.
pub(super) fn statement(word: &str) -> Option<&'static str> {
    look_up(STATEMENTS, word)
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

    #[test]
    fn names_are_found_in_any_case() {
        assert_eq!(function("Hour"), Some("date_part('hour', posted_at)"));
        assert!(statement("SUMMARIZE").is_some() && statement("select").is_none());
    }
}
