//! The functions of other databases that work here: one list for what runs, for help
//! and for completion.

use datafusion::sql::sqlparser::ast::Expr;

use super::computed;

/// Names, parameters, the expression they stand in, and what it gives.
pub(super) type Text = (&'static str, &'static str, &'static str, &'static str);

/// Names, the name here, and what it gives.
pub(super) type Renamed = (&'static str, &'static str, &'static str);

/// Names, lists of arguments that show them, what it gives, and how it is brought here.
pub(super) type Computed =
    (&'static str, &'static [&'static str], &'static str, fn(&[Expr]) -> Option<Expr>);

/// Functions of one row.
pub(super) const EXPRESSIONS: &[Text] = &[
    ("year", "x", "date_part('year', x)", "The year of a time."),
    ("quarter", "x", "date_part('quarter', x)", "The quarter of the year, 1 to 4."),
    ("month", "x", "date_part('month', x)", "The month of the year, 1 to 12."),
    ("week weekofyear", "x", "date_part('week', x)", "The week of the year by ISO 8601."),
    ("isoyear", "x", "date_part('isoyear', x)", "The year to which the week belongs."),
    (
        "yearweek",
        "x",
        "CAST(to_char(x, '%G%V') AS BIGINT)",
        "The year and the week by ISO 8601 as one number, such as 201235.",
    ),
    ("day dayofmonth", "x", "date_part('day', x)", "The day of the month, 1 to 31."),
    ("dayofyear", "x", "date_part('doy', x)", "The day of the year, 1 to 366."),
    ("dayofweek weekday", "x", "date_part('dow', x)", "The day of the week; Sunday is 0."),
    ("isodow", "x", "date_part('isodow', x)", "The day of the week; Monday is 1, Sunday 7."),
    ("dayname", "x", "to_char(x, '%A')", "The name of the day in English, such as Monday."),
    ("monthname", "x", "to_char(x, '%B')", "The name of the month in English, such as August."),
    ("hour", "x", "date_part('hour', x)", "The hour of the day, 0 to 23."),
    ("minute", "x", "date_part('minute', x)", "The minute of the hour."),
    ("second", "x", "date_part('second', x)", "The second of the minute, without its parts."),
    (
        "millisecond",
        "x",
        "date_part('millisecond', x)",
        "The milliseconds of the minute, whole seconds among them.",
    ),
    (
        "microsecond",
        "x",
        "date_part('microsecond', x)",
        "The microseconds of the minute, whole seconds among them.",
    ),
    (
        "last_day",
        "x",
        "CAST(date_trunc('month', x) + INTERVAL '1 month' - INTERVAL '1 day' AS DATE)",
        "The last day of the month.",
    ),
    ("epoch", "x", "date_part('epoch', x)", "Seconds since 1970 in UTC, with their parts."),
    (
        "epoch_ms",
        "x",
        "CAST(round(date_part('epoch', x) * 1000) AS BIGINT)",
        "Milliseconds since 1970 in UTC.",
    ),
    ("unix_timestamp", "x", "to_unixtime(x)", "Whole seconds since 1970 in UTC."),
    ("unix_timestamp", "", "to_unixtime(now())", "Without an argument, those until now."),
    ("from_epoch", "x", "to_timestamp_seconds(x)", "The time so many seconds after 1970 in UTC."),
    ("date", "x", "CAST(x AS DATE)", "The day of a time."),
    ("curdate", "", "current_date", "Today."),
    ("getdate sysdate get_current_timestamp", "", "now()", "The time when the statement began."),
    (
        "localtimestamp current_localtimestamp",
        "",
        "to_local_time(now())",
        "The date and time of day in the session's time zone.",
    ),
    ("localtime", "", "current_time", "The time of day in the session's time zone."),
    ("to_years", "n", "INTERVAL '1 year' * n", "An interval of so many years."),
    ("to_months", "n", "INTERVAL '1 month' * n", "An interval of so many months."),
    ("to_weeks", "n", "INTERVAL '1 week' * n", "An interval of so many weeks."),
    ("to_days", "n", "INTERVAL '1 day' * n", "An interval of so many days."),
    ("to_hours", "n", "INTERVAL '1 hour' * n", "An interval of so many hours."),
    ("to_minutes", "n", "INTERVAL '1 minute' * n", "An interval of so many minutes."),
    ("to_seconds", "n", "INTERVAL '1 second' * n", "An interval of so many seconds."),
    (
        "to_milliseconds",
        "n",
        "INTERVAL '1 millisecond' * n",
        "An interval of so many milliseconds.",
    ),
    (
        "to_microseconds",
        "n",
        "INTERVAL '1 microsecond' * n",
        "An interval of so many microseconds.",
    ),
    (
        "if iif",
        "c, x, y",
        "CASE WHEN c THEN x ELSE y END",
        "The second value where the condition is true, else the third.",
    ),
    ("isnull", "x", "x IS NULL", "Whether a value is unknown."),
    ("isnull", "x, y", "coalesce(x, y)", "With two values, the first that is known."),
    ("mod", "x, y", "x % y", "What is left of a division."),
    ("charindex locate", "sub, x", "strpos(x, sub)", "Where a text begins in another, from 1."),
    ("regexp_matches", "x, p", "regexp_like(x, p)", "Whether a pattern matches part of a text."),
    (
        "regexp_full_match",
        "x, p",
        "regexp_like(x, '^(?:' || p || ')$')",
        "Whether a pattern matches all of a text.",
    ),
    (
        "regexp_substr",
        "x, p",
        "regexp_match(x, '(' || p || ')')[1]",
        "What a pattern matches first, NULL if nothing.",
    ),
    (
        "regexp_extract",
        "x, p",
        "regexp_group(x, p, 0)",
        "What a pattern matches first; an empty text if nothing.",
    ),
    ("regexp_extract", "x, p, g", "regexp_group(x, p, g)", "With a number, what that group does."),
    (
        "list_unique array_unique",
        "l",
        "cardinality(array_distinct(array_compact(l)))",
        "How many values of a list are different; NULL is none.",
    ),
];

/// Functions of many rows.
pub(super) const AGGREGATES: &[Text] = &[
    (
        "count_if countif",
        "c",
        "count(*) FILTER (WHERE c)",
        "How many rows a condition is true for.",
    ),
    (
        "percentile",
        "x, p",
        "percentile_cont(x, p)",
        "The value that a share of all lies below, between two where none is there.",
    ),
    ("count_distinct", "x", "count(DISTINCT x)", "How many values are different."),
    (
        "group_concat listagg",
        "x",
        "string_agg(x, ',')",
        "The texts of all rows, with commas between.",
    ),
    ("group_concat listagg", "x, y", "string_agg(x, y)", "The texts of all rows, joined."),
];

/// Functions of one row that have another name here.
pub(super) const NAMES: &[Renamed] = &[
    ("len", "length", "The characters of a text, or the items of a list."),
    ("ucase", "upper", "A text in capital letters."),
    ("lcase", "lower", "A text in small letters."),
    ("prefix", "starts_with", "Whether a text begins with another."),
    ("suffix", "ends_with", "Whether a text ends with another."),
    ("strlen", "octet_length", "The bytes of a text."),
    ("editdist3", "levenshtein", "How many letters differ between two texts."),
    ("string_split str_split split", "split_text", "A text in the pieces between a delimiter."),
    (
        "regexp_split_to_array string_split_regex str_split_regex",
        "regexp_split",
        "A text in the pieces between what a pattern matches.",
    ),
    ("list_value list_pack", "make_array", "A list of the arguments."),
    ("list_min", "array_min", "The least value of a list."),
    ("array_size", "cardinality", "The items of a list."),
    ("ceiling", "ceil", "The next whole number above."),
    ("sign", "signum", "Whether a number is below 0 (-1), 0 or above (1)."),
    ("truncate", "trunc", "A number cut to so many digits."),
    ("gen_random_uuid", "uuid", "An identifier by chance."),
];

/// Functions of many rows that have another name here.
pub(super) const AGGREGATE_NAMES: &[Renamed] = &[
    ("list", "array_agg", "The values of all rows as a list."),
    ("first arbitrary", "first_value", "The value of the first row, in an ORDER BY inside."),
    ("last", "last_value", "The value of the last row, in an ORDER BY inside."),
    ("approx_count_distinct", "approx_distinct", "About how many values are different."),
];

/// Functions that look at how their arguments are written.
pub(super) const COMPUTED: &[Computed] = &[
    (
        "date_diff datediff",
        &["('day', x, y)"],
        "How often a part of a time changes from x to y: year, isoyear, quarter, month, day, \
         hour, minute, second, millisecond or microsecond; a week is seven days.",
        computed::boundaries,
    ),
    (
        "date_sub datesub timestampdiff",
        &["('hour', x, y)", "(x, INTERVAL '1 day')"],
        "How many whole hours, minutes, seconds or parts of a second lie between x and y; or \
         the time that is an interval earlier.",
        computed::whole_or_before,
    ),
    (
        "date_add dateadd",
        &["(x, INTERVAL '1 day')", "('day', 1, x)"],
        "The time that is an interval later.",
        computed::after,
    ),
    (
        "time_bucket",
        &["(INTERVAL '15 minutes', x)"],
        "The beginning of the stretch of time in which x lies. Days are those of UTC, and \
         counted from Monday 2000-01-03; date_trunc knows the session's time zone.",
        computed::bucket,
    ),
    (
        "strftime",
        &["(x, '%Y-%m-%d')"],
        "A time written out by a pattern, the same as to_char.",
        computed::written,
    ),
    (
        "strptime",
        &["('2012-08-27', '%Y-%m-%d')"],
        "A time read by a pattern, in the session's time zone, the same as to_timestamp.",
        computed::read,
    ),
    (
        "list_aggregate list_aggr array_aggregate",
        &["(l, 'sum')"],
        "The sum, avg, min, max or count of a list's items.",
        computed::of_items,
    ),
    (
        computed::STRUCTURE,
        &["(a := 1, b := 'x')"],
        "A structure of named values, the same as named_struct('a', 1, 'b', 'x').",
        |_| None,
    ),
];
