//! The registry as a whole, and the functions as SQL calls them.

use datafusion::arrow::util::display::array_value_to_string;

use super::*;

/// The first value that `sql` gives, as text; NULL is empty.
async fn value(context: &SessionContext, sql: &str) -> String {
    let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
    array_value_to_string(batches[0].column(0), 0).unwrap()
}

/// A session that knows the functions.
fn session() -> SessionContext {
    let context = SessionContext::new();
    register(&context, Arc::new(Dictionaries::built_in()));
    context
}

#[test]
fn the_list_is_in_order_and_its_words_are_whole() {
    assert!(ALL.is_sorted_by_key(|function| function.name));
    for function in ALL {
        assert!(function.signature.starts_with(&format!("{}(", function.name)), "{function:?}");
        assert!(function.summary.ends_with(['.', ')']), "{function:?}");
    }
}

#[tokio::test]
async fn every_example_gives_what_it_says() {
    let context = session();
    for function in ALL {
        let result = value(&context, function.example.sql).await;
        assert_eq!(result, function.example.result, "{}", function.example.sql);
    }
}

#[tokio::test]
async fn unknown_in_unknown_out() {
    let context = session();
    // What asks for a type has an answer for the one of NULL.
    let by_value = |function: &&&Function| !function.arguments.contains(&Argument::Typed);
    for function in ALL.iter().filter(by_value) {
        let nulls = vec!["NULL"; function.arguments.len()].join(", ");
        let sql = format!("SELECT {}({nulls}) IS NULL", function.name);
        assert_eq!(value(&context, &sql).await, "true", "{sql}");
    }
}

#[tokio::test]
async fn text_may_have_any_layout_and_ids_any_type() {
    let context = session();
    for layout in ["Utf8", "LargeUtf8", "Utf8View"] {
        let sql = format!(
            "SELECT hashtags(arrow_cast(text, '{layout}')) FROM (VALUES ('#a#'), (NULL)) AS p (text)"
        );
        assert_eq!(value(&context, &sql).await, "[a]", "{sql}");
    }
    for id in ["'3501756485200075'", "3501756485200075", "arrow_cast(3501756485200075, 'UInt64')"] {
        assert_eq!(value(&context, &format!("SELECT bid({id})")).await, "z0JH2lOMb");
    }
}

#[tokio::test]
async fn odd_ids_and_texts_are_unknown_and_no_error() {
    let context = session();
    for sql in [
        "mid('no bid')",
        "bid('x')",
        "bid(-1)",
        "weibo_time(5)",
        "formality('  ')",
        "post_style('')",
        "post_url('mastodon', '1', '2')",
    ] {
        assert_eq!(value(&context, &format!("SELECT {sql}")).await, "", "{sql}");
    }
    let long = "SELECT cardinality(hashtags(repeat('#长#//@a:[泪]', 10000)))";
    assert_eq!(value(&context, long).await, "1");
}

#[tokio::test]
async fn bytes_and_numbers_are_written_in_other_bases() {
    let context = session();
    for (call, is) in [
        ("hex(-1)", "FFFFFFFFFFFFFFFF"),
        ("hex(0)", "0"),
        ("hex(X'0aff')", "0AFF"),
        ("hex(arrow_cast(18446744073709551615, 'UInt64'))", "FFFFFFFFFFFFFFFF"),
        ("bin(0)", "0"),
        ("length(bin(-1))", "64"),
        ("to_base(0, 2)", "0"),
        ("to_base(-1, 2)", ""),
        ("to_base(5, NULL)", ""),
        ("json('{\"a\": ')", ""),
    ] {
        assert_eq!(value(&context, &format!("SELECT {call}")).await, is, "{call}");
    }
    for refused in ["hex(true)", "hex(1.5)", "to_base(1, 37)", "to_base(1, 1)", "to_base(1, -2)"] {
        let asked = context.sql(&format!("SELECT {refused}")).await;
        let is_refused = match asked {
            Ok(asked) => asked.collect().await.is_err(),
            Err(_) => true,
        };
        assert!(is_refused, "{refused}");
    }
}

#[tokio::test]
async fn whole_months_and_days_are_those_of_duckdb() {
    let context = session();
    for (call, is) in [
        ("whole_months(DATE '2012-02-29', DATE '2012-01-31')", "-1"),
        ("whole_months(DATE '2012-03-31', DATE '2012-02-29')", "-1"),
        ("whole_months('2012-01-31 10:00:00', TIMESTAMP '2012-02-29 09:00:00')", "0"),
        ("whole_months(TIMESTAMP '2012-01-31 10:00:00', TIMESTAMP '2012-02-29 11:00:00')", "1"),
        ("whole_months(DATE '2012-02-29', DATE '2013-02-28')", "12"),
        ("whole_months(DATE '2012-02-28', NULL)", ""),
        ("whole_days(DATE '2012-02-29', DATE '2012-02-01')", "-28"),
        ("whole_days(TIMESTAMP '2012-02-01 10:00:00', TIMESTAMP '2012-01-31 11:00:00')", "0"),
    ] {
        assert_eq!(value(&context, &format!("SELECT {call}")).await, is, "{call}");
    }
}

#[tokio::test]
async fn a_wrong_type_is_refused_with_the_signature() {
    let context = session();
    for sql in ["SELECT hashtags(1)", "SELECT gini('a')", "SELECT bci(1)"] {
        let error = context.sql(sql).await.err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("->")), "{sql}");
    }
}

#[tokio::test]
async fn a_wrong_number_of_arguments_is_refused_with_the_right_one() {
    let context = session();
    for (call, told) in [
        ("json_exists('{}')", "takes 2 arguments"),
        ("json_keys('{}', 'a', 'b')", "takes 1 or 2 arguments"),
        ("arg_max(1)", "takes 2 arguments"),
        ("regexp_extract('a')", "takes 2 or 3 arguments"),
    ] {
        let error =
            context.sql(&format!("SELECT {call}")).await.err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains(told)), "{call}");
    }
}

#[tokio::test]
async fn distinct_values_count_once_or_are_refused() {
    let context = session();
    let values = "FROM (VALUES (1, 1), (1, 2), (3, 3)) AS t (x, y)";
    let one = format!("SELECT gini(DISTINCT x) {values}");
    assert_eq!(value(&context, &one).await, "0.25");
    let two = format!("SELECT gini(DISTINCT x), gini(y) {values}");
    assert!(context.sql(&two).await.unwrap().collect().await.is_err());
}

#[tokio::test]
async fn groups_on_many_threads_and_one_group_agree() {
    let context = session();
    // 50,000 rows are several batches, so that states are merged.
    context
        .sql(
            "CREATE TABLE t AS SELECT value % 7 AS k, (value * 7919) % 1000 AS x
             FROM generate_series(1, 50000) AS s (value)",
        )
        .await
        .unwrap();
    for call in
        ["gini(x)", "h_index(x)", "g_index(x)", "bci(x, x, x)", "engagement_rate(x, 0, 0, 10)"]
    {
        let sql = format!(
            "SELECT abs(a.y - b.y) < 0.000001 FROM
             (SELECT {call} AS y FROM t WHERE k = 3) AS a,
             (SELECT k, {call} AS y FROM t GROUP BY k) AS b WHERE b.k = 3"
        );
        assert_eq!(value(&context, &sql).await, "true", "{call}");
    }
}

#[tokio::test]
async fn a_filter_leaves_rows_out_and_an_empty_group_is_unknown() {
    let context = session();
    let values = "FROM (VALUES (false, 1), (true, 2)) AS p (r, x)";
    let sql = format!("SELECT originality(r) FILTER (WHERE x = 1) {values}");
    assert_eq!(value(&context, &sql).await, "1.0");
    let sql = format!("SELECT h_index(x) {values} WHERE x > 5");
    assert_eq!(value(&context, &sql).await, "");
}

#[tokio::test]
async fn times_are_shown_in_the_zone_of_the_session() {
    let context = session();
    context.sql("SET datafusion.execution.time_zone = 'Asia/Shanghai'").await.unwrap();
    let sql = "SELECT weibo_time(3501756485200075)";
    assert_eq!(value(&context, sql).await, "2012-10-16T14:01:08+08:00");
}

#[tokio::test]
async fn a_date_means_midnight_in_the_zone_of_the_posts() {
    let context = session();
    let posted = "arrow_cast(TIMESTAMP '2012-08-26 12:00:00', 'Timestamp(us, \"Asia/Shanghai\")')";
    for as_of in ["DATE '2012-08-27'", "'2012-08-27'", "TIMESTAMP '2012-08-27 00:00:00'"] {
        let sql = format!("SELECT dormancy(t, {as_of}) FROM (SELECT {posted} AS t) AS posts");
        assert_eq!(value(&context, &sql).await, "0.5", "{sql}");
    }
}

#[tokio::test]
async fn a_dictionary_of_the_users_own_decides() {
    let context = SessionContext::new();
    register(&context, Arc::new(Dictionaries::of(["", "", "喵", ""])));
    assert_eq!(value(&context, "SELECT post_style('喵')").await, "emergency");
}

#[tokio::test]
async fn functions_that_judge_the_same_posts_agree_with_each_alone() {
    let context = session();
    let texts = "(VALUES ('根据规定，现发布暴雨预警'), ('早安，亲们！'), ('您好'), (NULL), ('')) AS p (text)";
    let both = format!("SELECT string_agg(post_style(text) || formality(text), ' ') FROM {texts}");
    let other = format!(
        "SELECT string_agg(a, ' ') FROM (SELECT kind || f AS a FROM
         (SELECT post_style(text || '') AS kind, formality(text) AS f FROM {texts}) AS q) AS r"
    );
    let together = value(&context, &both).await;
    assert_eq!(together, value(&context, &other).await);
    assert!(together.starts_with("emergency0.8"), "{together}");
}
