//! The functions of other databases that work here: one list for what runs, for help
//! and for completion.

use datafusion::sql::sqlparser::ast::Expr;

use super::{computed, json};

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
        "epoch_us",
        "x",
        "CAST(round(date_part('epoch', x) * 1000000) AS BIGINT)",
        "Microseconds since 1970 in UTC.",
    ),
    (
        "epoch_ns",
        "x",
        "CAST(round(date_part('epoch', x) * 1000000) AS BIGINT) * 1000",
        "Nanoseconds since 1970 in UTC, of whole microseconds.",
    ),
    ("decade", "x", "date_part('year', x) / 10", "The decade, such as 201 for 2012."),
    (
        "century",
        "x",
        "CAST(ceil(date_part('year', x) / 100.0) AS BIGINT)",
        "The century, 21 from 2001 to 2100.",
    ),
    (
        "millennium",
        "x",
        "CAST(ceil(date_part('year', x) / 1000.0) AS BIGINT)",
        "The millennium, 3 from 2001.",
    ),
    (
        "days_in_month",
        "x",
        "date_part('day', date_trunc('month', x) + INTERVAL '1 month' - INTERVAL '1 day')",
        "How many days the month has.",
    ),
    (
        "age",
        "x",
        "calendar_difference(current_date, x)",
        "The time from another to the beginning of today, in months, days and time of day.",
    ),
    (
        "age",
        "x, y",
        "calendar_difference(x, y)",
        "With two times, that from the second to the first.",
    ),
    ("unix_timestamp", "x", "to_unixtime(x)", "Whole seconds since 1970 in UTC."),
    ("unix_timestamp", "", "to_unixtime(now())", "Without an argument, those until now."),
    ("from_epoch", "x", "to_timestamp_seconds(x)", "The time so many seconds after 1970 in UTC."),
    ("date", "x", "CAST(x AS DATE)", "The day of a time."),
    ("curdate", "", "current_date", "Today."),
    ("current_schema", "", "'main'", "The schema of tables that are named without one."),
    (
        "getdate sysdate get_current_timestamp transaction_timestamp",
        "",
        "now()",
        "The time when the statement began.",
    ),
    (
        "localtimestamp current_localtimestamp",
        "",
        "to_local_time(now())",
        "The date and time of day in the session's time zone.",
    ),
    ("localtime", "", "current_time", "The time of day in the session's time zone."),
    ("to_decades", "n", "INTERVAL '10 years' * n", "An interval of so many decades."),
    ("to_quarters", "n", "INTERVAL '3 months' * n", "An interval of so many quarters."),
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
    // NaN is beyond all numbers.
    (
        "isfinite",
        "x",
        "abs(CAST(x AS DOUBLE)) < CAST('Infinity' AS DOUBLE)",
        "Whether a number is neither infinite nor NaN.",
    ),
    (
        "isinf",
        "x",
        "abs(CAST(x AS DOUBLE)) = CAST('Infinity' AS DOUBLE)",
        "Whether a number is infinite.",
    ),
    ("charindex locate", "sub, x", "strpos(x, sub)", "Where a text begins in another, from 1."),
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
        "generate_subscripts",
        "l, d",
        "unnest(generate_series(1, array_length(l, d)))",
        "The places of a list's items, from 1, each in a row: beside unnest(l).",
    ),
    ("list_last array_last", "l", "array_element(l, -1)", "The last item of a list."),
    ("list_count", "l", "cardinality(array_compact(l))", "How many items of a list are known."),
    (
        "list_reverse_sort array_reverse_sort",
        "l",
        "array_sort(l, 'DESC', 'NULLS LAST')",
        "The items of a list in order, the greatest first.",
    ),
    ("list_string_agg", "l", "array_to_string(l, ',')", "The items of a list with commas between."),
    ("to_base64 base64", "x", "encode(x, 'base64pad')", "Bytes, or those of a text, as base 64."),
    ("from_base64", "x", "decode(x, 'base64pad')", "The bytes that a text writes as base 64."),
    ("unhex from_hex", "x", "decode(x, 'hex')", "The bytes that a text writes as base 16."),
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
    (
        "approx_quantile",
        "x, p",
        "approx_percentile_cont(x, p)",
        "About the value that a share of all lies below.",
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
    (
        "get_json_object",
        "json_extract_string",
        "The value at a path of a text that is JSON, as text.",
    ),
    (
        "json_extract_scalar",
        "json_value",
        "The text, number or truth at a path of a text that is JSON, as text.",
    ),
    ("json_object_keys", "json_keys", "The names of the fields of a JSON object."),
    ("regexp_group", "regexp_extract", "What a group of a pattern matches first."),
    ("regexp_groups", "regexp_extract_all", "What a group of a pattern matches, each time."),
    ("pg_typeof", "typeof", "The type of a value, as .schema shows it."),
    ("struct_extract", "get_field", "A part of a structure, by its name."),
    ("ord unicode", "ascii", "The number of the first character in Unicode."),
    ("array_zip", "arrays_zip", "A list of pairs of the items of several lists."),
    (
        "apply array_apply list_apply",
        "array_transform",
        "A list of what a function makes of each item of another.",
    ),
    ("greatest_common_divisor", "gcd", "The greatest number that divides two numbers."),
    ("least_common_multiple", "lcm", "The least number that two numbers divide."),
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
    ("variance", "var_samp", "How far values are spread, as the variance of a sample."),
    ("geometric_mean", "geomean", "The geometric mean of the values."),
    ("grouping_id", "grouping", "Which columns of grouping sets a row is summed up over."),
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
        "How many whole years, quarters, months, weeks, days, hours, minutes, seconds or parts of \
         a second lie between x and y; or the time that is an interval earlier.",
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
        &["('2012-08-27', '%Y-%m-%d')", "('2012-08-27', ['%Y年%m月%d日', '%Y-%m-%d'])"],
        "A time read by a pattern, or by the first of several that fits, in the session's time \
         zone, the same as to_timestamp.",
        computed::read,
    ),
    (
        "regexp_matches",
        &["(x, p)", "(x, p, 'i')"],
        "Whether a pattern matches part of a text, the same as regexp_like(x, p); with 'i' small \
         and capital letters are alike.",
        computed::is_matched,
    ),
    (
        "list_aggregate list_aggr array_aggregate",
        &["(l, 'sum')"],
        "The sum, avg, product, min, max, first, last, any_value or count of a list's items.",
        computed::of_items,
    ),
    (
        "make_timestamp",
        &["(2012, 8, 27, 10, 11, 12.5)", "(n)"],
        "The date and time of these parts; of one number, the time so many microseconds after \
         1970.",
        computed::timestamp,
    ),
    (
        "try",
        &["(CAST(x AS BIGINT))"],
        "What a cast gives, and NULL where it fails, the same as TRY_CAST.",
        computed::tried,
    ),
    (
        "parse_filename",
        &["(x)", "(x, true)"],
        "The name of a file without the folders before it; with true also without its suffix.",
        computed::file_name,
    ),
    (
        "json_extract_path_text",
        &["(x, 'user', 'name')"],
        "The value at the end of fields and items of a JSON text, as json_extract_string gives it.",
        computed::text_at_keys,
    ),
    (
        "json_extract_path",
        &["(x, 'user', 'name')"],
        "The JSON at the end of fields and items of a JSON text, as json_extract gives it.",
        computed::json_at_keys,
    ),
    (
        "to_json row_to_json array_to_json",
        &["(x)"],
        "A value as JSON; a structure becomes an object, a list an array, and a time a text.",
        json::value,
    ),
    (
        "json_object json_build_object",
        &["('name', x)"],
        "A JSON object of names and values in turn. What is JSON by itself, as json_array(x) or \
         json(x), is not put into quotes.",
        json::object,
    ),
    (
        "json_array json_build_array",
        &["(x, y)"],
        "A JSON array of the values. What is JSON by itself, as json_object('name', x) or json(x), \
         is not put into quotes.",
        json::array,
    ),
    (
        json::GROUP_ARRAY,
        &["(x)"],
        "A JSON array of the values of all rows, in an ORDER BY inside.",
        |_| None,
    ),
    (
        json::GROUP_OBJECT,
        &["('name', x)"],
        "A JSON object of the names and values of all rows; rows without a name are left out.",
        |_| None,
    ),
    (
        computed::STRUCTURE,
        &["(a := 1, b := 'x')"],
        "A structure of named values, the same as named_struct('a', 1, 'b', 'x').",
        |_| None,
    ),
];
