//! That one pass gives what the engine gives.

use std::time::{Duration, Instant};

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::array_value_to_string;

use crate::engine::answers::answer;
use crate::engine::{Session, Settings};
use crate::error::Kind;

/// What functions look at, beside the whole partition and the default frame.
pub(super) const FRAMES: [&str; 17] = [
    "ROWS UNBOUNDED PRECEDING",
    "ROWS 3 PRECEDING",
    "ROWS CURRENT ROW",
    "ROWS BETWEEN 9 PRECEDING AND 4 PRECEDING",
    "ROWS BETWEEN 2 PRECEDING AND 2 FOLLOWING",
    "ROWS BETWEEN 3 FOLLOWING AND 12 FOLLOWING",
    "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
    "ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING",
    "ROWS BETWEEN UNBOUNDED PRECEDING AND 5 FOLLOWING",
    "ROWS BETWEEN 30 PRECEDING AND UNBOUNDED FOLLOWING",
    "RANGE UNBOUNDED PRECEDING",
    "RANGE CURRENT ROW",
    "RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
    "RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
    "RANGE BETWEEN {n} PRECEDING AND CURRENT ROW",
    "RANGE BETWEEN {n} PRECEDING AND {n} FOLLOWING",
    UP_TO_BEFORE,
];

pub(super) const UP_TO_BEFORE: &str = "RANGE BETWEEN UNBOUNDED PRECEDING AND {n} PRECEDING";

/// Orders by one column, and what is near in it.
const ORDERS: [(&str, &str); 6] = [
    ("t", "11"),
    ("t DESC", "3"),
    ("t NULLS FIRST", "0"),
    ("at", "INTERVAL '1 hour'"),
    ("at DESC NULLS LAST", "INTERVAL '1 day'"),
    ("day", "INTERVAL '1 month'"),
];

const FUNCTIONS: [&str; 8] =
    ["sum(v)", "count(*)", "count(f)", "avg(v)", "min(v)", "max(at)", "min(day)", "avg(f)"];

pub(super) const ROWS: usize = 400;

pub(super) async fn session(settings: Settings, batch_size: usize) -> Session {
    let session = Session::new(None, settings).unwrap();
    let table = format!(
        "CREATE TABLE w AS SELECT value AS id, nullif(value * 37 % 5, 3) AS g,
           nullif(value * 37 % 101, 17) AS t, nullif(value * 53 % 97 - 40, 7) AS v,
           nullif(value * 29 % 64, 9) / 8.0 AS f, 's' || (value * 7 % 23) AS s,
           to_timestamp(nullif(value * 53 % 211, 11) * 1700) AS at,
           DATE '2012-01-31' + nullif(value * 31 % 90, 8)::int AS day
         FROM range(0, {ROWS}) AS r (value)"
    );
    session.collect(&table).await.unwrap();
    session.collect("CREATE TABLE none AS SELECT * FROM w WHERE id < 0").await.unwrap();
    let size = format!("SET datafusion.execution.batch_size = {batch_size}");
    session.collect(&size).await.unwrap();
    session
}

/// The answer in one pass, and the engine's own.
pub(super) async fn both(session: &Session, sql: &str) -> (Vec<String>, Vec<String>) {
    let in_one_pass = answer(session, sql).await;
    session.collect("SET weiku.window_pass = false").await.unwrap();
    let without = answer(session, sql).await;
    session.collect("SET weiku.window_pass = true").await.unwrap();
    (in_one_pass, without)
}

pub(super) async fn is_in_one_pass(session: &Session, sql: &str) -> bool {
    answer(session, &format!("EXPLAIN {sql}")).await.join("\n").contains("WindowPassExec")
}

/// Questions for all functions, in an order of rows that does not depend on peers.
fn questions() -> Vec<String> {
    let mut questions = Vec::new();
    for partition in ["", "PARTITION BY g", "PARTITION BY g, s", "PARTITION BY id"] {
        for (order, near) in ORDERS {
            for frame in FRAMES {
                // The engine leaves the row itself out where its key is NULL.
                let rows = match frame == UP_TO_BEFORE {
                    true => format!(
                        "(SELECT * FROM w WHERE {} IS NOT NULL)",
                        order.split(' ').next().unwrap()
                    ),
                    false => "w".to_owned(),
                };
                let frame = frame.replace("{n}", near);
                // Peers come in whatever order: by rows they must not be there.
                let last = if frame.starts_with("ROWS") { ", id" } else { "" };
                let window = format!("{partition} ORDER BY {order}{last} {frame}");
                let column = |function: &str| format!("{function} OVER ({window})");
                let columns = FUNCTIONS.map(column).join(", ");
                questions.push(format!("SELECT id, {columns} FROM {rows} ORDER BY id"));
            }
        }
    }
    questions
}

#[tokio::test(flavor = "multi_thread")]
async fn one_pass_gives_what_the_engine_gives() {
    // Not all of them, which takes its time.
    for (threads, batch_size, step) in [(1, 8192, 5), (2, 7, 3), (1, 1, 13)] {
        let session = session(Settings { threads, ..Settings::default() }, batch_size).await;
        for sql in questions().iter().step_by(step) {
            assert!(is_in_one_pass(&session, sql).await, "{sql}");
            let (in_one_pass, without) = both(&session, sql).await;
            assert!(in_one_pass == without, "{batch_size}: {sql}");
            assert!(in_one_pass.len() > ROWS * 9 / 10, "{sql}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_without_a_key_are_near_their_peers_only() {
    let session = session(Settings::default(), 8192).await;
    let rows = "(VALUES (1), (5), (NULL), (9), (NULL)) AS v (t)";
    for (order, wanted) in [
        ("t NULLS LAST", ["|5", "|5", "1|0", "5|1", "9|2"]),
        ("t NULLS FIRST", ["|2", "|2", "1|2", "5|3", "9|4"]),
        ("t DESC NULLS LAST", ["|5", "|5", "1|2", "5|1", "9|0"]),
        ("t DESC NULLS FIRST", ["|2", "|2", "1|4", "5|3", "9|2"]),
    ] {
        let frame = "RANGE BETWEEN UNBOUNDED PRECEDING AND 3 PRECEDING";
        let sql = format!(
            "SELECT t, count(*) OVER (ORDER BY {order} {frame}) FROM {rows}
             ORDER BY t NULLS FIRST"
        );
        assert_eq!(answer(&session, &sql).await[1..], wanted, "{order}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_of_months_may_end_before_that_of_the_row_before() {
    let session = session(Settings::default(), 8192).await;
    let sql = "SELECT t, count(*) OVER (ORDER BY t RANGE BETWEEN CURRENT ROW
                                        AND INTERVAL '1 month' FOLLOWING) AS n
               FROM (VALUES (TIMESTAMPTZ '2012-01-30 06:00:00+08'),
                 (TIMESTAMPTZ '2012-01-30 12:00:00+08'), (TIMESTAMPTZ '2012-01-31 02:00:00+08'),
                 (TIMESTAMPTZ '2012-02-29 01:00:00+08'), (TIMESTAMPTZ '2012-02-29 05:00:00+08'),
                 (TIMESTAMPTZ '2012-02-29 07:00:00+08'), (TIMESTAMPTZ '2012-02-29 12:30:00+08'))
               AS v (t)";
    assert!(is_in_one_pass(&session, sql).await);
    let found = answer(&session, &format!("SELECT n FROM ({sql}) ORDER BY t")).await;
    assert_eq!(found[1..], ["5", "5", "2", "4", "3", "2", "1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_of_months_hold_the_rows_that_a_join_finds() {
    const FRAMES: [(&str, &str, &str); 8] = [
        ("t", "CURRENT ROW AND {m} FOLLOWING", "b.t BETWEEN a.t AND a.t + {m}"),
        ("t", "{m} PRECEDING AND CURRENT ROW", "b.t BETWEEN a.t - {m} AND a.t"),
        ("t", "UNBOUNDED PRECEDING AND {m} FOLLOWING", "b.t <= a.t + {m}"),
        ("t", "UNBOUNDED PRECEDING AND {m} PRECEDING", "b.t <= a.t - {m}"),
        ("t", "{m} PRECEDING AND UNBOUNDED FOLLOWING", "b.t >= a.t - {m}"),
        ("t", "{m} PRECEDING AND {m} FOLLOWING", "b.t BETWEEN a.t - {m} AND a.t + {m}"),
        ("t DESC", "CURRENT ROW AND {m} FOLLOWING", "b.t BETWEEN a.t - {m} AND a.t"),
        ("t DESC", "{m} PRECEDING AND CURRENT ROW", "b.t BETWEEN a.t AND a.t + {m}"),
    ];
    for (batch_size, kind) in [(5, "timestamptz"), (5, "timestamp"), (8192, "timestamptz")] {
        let session = session(Settings { threads: 1, ..Settings::default() }, batch_size).await;
        let table = format!(
            "CREATE TABLE m AS SELECT value AS id, value % 2 AS g,
               (TIMESTAMPTZ '2012-01-25 00:00:00' + INTERVAL '7 hours' * value)::{kind} AS t
             FROM range(0, 240) AS r (value)"
        );
        session.collect(&table).await.unwrap();
        for (order, frame, near) in FRAMES {
            let month = |text: &str| text.replace("{m}", "INTERVAL '1 month'");
            let (frame, near) = (month(frame), month(near));
            let over = format!("OVER (PARTITION BY g ORDER BY {order} RANGE BETWEEN {frame})");
            let sql = format!(
                "SELECT id, count(*) {over} AS n, sum(id) {over} AS s, min(id) {over} AS l,
                   max(id) {over} AS m, avg(id::double) {over} AS a FROM m ORDER BY id"
            );
            assert!(is_in_one_pass(&session, &sql).await, "{sql}");
            let joined = format!(
                "SELECT a.id, count(b.id) AS n, sum(b.id) AS s, min(b.id) AS l, max(b.id) AS m,
                   avg(b.id::double) AS a
                 FROM m AS a LEFT JOIN m AS b ON b.g = a.g AND {near} GROUP BY a.id ORDER BY a.id"
            );
            let (found, wanted) = (answer(&session, &sql).await, answer(&session, &joined).await);
            assert_eq!(found[1..], wanted[1..], "{batch_size} {kind}: {order} {frame}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_at_a_time_of_day_that_is_there_twice_does_not_open_the_frame() {
    let session = session(Settings::default(), 8192).await;
    session.collect("SET TIME ZONE 'America/New_York'").await.unwrap();
    let sql = "SELECT count(*) OVER (ORDER BY at RANGE BETWEEN CURRENT ROW
                                     AND INTERVAL '1 day' FOLLOWING) AS n
               FROM (SELECT TIMESTAMPTZ '2012-11-03 00:30:00' + INTERVAL '1 hour' * value AS at
                     FROM range(0, 60))";
    let error = session.collect(sql).await.unwrap_err();
    assert!(error.to_string().to_lowercase().contains("out of range"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_of_months_between_times_are_not_left_to_the_engine() {
    let session = session(Settings::default(), 8192).await;
    let sql = |function: &str, key: &str| {
        format!("SELECT {function} OVER (ORDER BY {key} RANGE INTERVAL '1 month' PRECEDING) FROM w")
    };
    let error = session.collect(&sql("string_agg(s, ',')", "at")).await.unwrap_err();
    assert!(error.message().contains("RANGE of months"), "{error}");
    assert!(error.advice().unwrap_or_default().contains("::date"), "{error}");
    for (function, key) in [("string_agg(s, ',')", "at::date"), ("lag(s)", "at"), ("sum(v)", "at")]
    {
        session.collect(&sql(function, key)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_numbered_as_the_engine_numbers_them() {
    let session = session(Settings { threads: 2, ..Settings::default() }, 7).await;
    for window in ["ORDER BY id", "PARTITION BY g ORDER BY id", "PARTITION BY s ORDER BY id DESC"] {
        let ranks = window.replace("id", "t, s");
        let sql = format!(
            "SELECT id, row_number() OVER ({window}), sum(v) OVER ({window}),
               rank() OVER ({ranks}), dense_rank() OVER ({ranks}), count(v) OVER ({ranks})
             FROM w ORDER BY id"
        );
        assert!(is_in_one_pass(&session, &sql).await, "{sql}");
        let (in_one_pass, without) = both(&session, &sql).await;
        assert_eq!(in_one_pass, without, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_without_an_order_are_summed_up() {
    let session = session(Settings { threads: 2, ..Settings::default() }, 7).await;
    for window in ["", "PARTITION BY g", "PARTITION BY s, day", "PARTITION BY f"] {
        let column = |function: &str| format!("{function} OVER ({window})");
        let columns = FUNCTIONS.map(column).join(", ");
        let sql = format!("SELECT id, {columns}, rank() OVER ({window}) FROM w ORDER BY id");
        assert!(is_in_one_pass(&session, &sql).await, "{sql}");
        let (in_one_pass, without) = both(&session, &sql).await;
        assert_eq!(in_one_pass, without, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_rows_gives_none() {
    let session = session(Settings::default(), 8192).await;
    let sql = "SELECT sum(v) OVER (PARTITION BY g), rank() OVER (ORDER BY t) FROM none";
    assert!(session.collect(sql).await.unwrap().iter().all(|batch| batch.num_rows() == 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn doubles_of_all_kinds_agree() {
    let session = session(Settings { threads: 1, ..Settings::default() }, 3).await;
    let rows = "(VALUES (1, 'nan'::double), (2, 1e20), (3, 1.0), (4, NULL), (5, '-inf'::double),
                        (6, -0.0), (7, 0.0), (8, 0.1), (9, 0.2)) AS d (i, x)";
    for frame in ["", "ROWS 1 PRECEDING", "ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING"] {
        let over = format!("OVER (ORDER BY i {frame})");
        let sql = format!("SELECT i, sum(x) {over}, avg(x) {over}, count(x) {over} FROM {rows}");
        assert!(is_in_one_pass(&session, &sql).await, "{sql}");
        let (in_one_pass, without) = both(&session, &format!("{sql} ORDER BY i")).await;
        assert_eq!(in_one_pass, without, "{sql}");
    }
}

/// The difference is larger than any number, so the frame has no end on this side.
#[tokio::test(flavor = "multi_thread")]
async fn a_bound_beyond_all_values_leaves_a_frame_open() {
    let session = session(Settings::default(), 8192).await;
    let rows = "(VALUES (-9223372036854775807, 1), (0, 2), (9223372036854775807, 3)) AS t (k, x)";
    let sql = format!(
        "SELECT count(*) OVER (ORDER BY k RANGE BETWEEN 9223372036854775807 PRECEDING
                               AND 9223372036854775807 FOLLOWING) AS n FROM {rows} ORDER BY k"
    );
    assert!(is_in_one_pass(&session, &sql).await);
    assert_eq!(answer(&session, &sql).await[1..], ["2", "3", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sum_that_does_not_fit_is_an_error_only_if_a_frame_has_it() {
    let session = session(Settings::default(), 8192).await;
    let rows = "(VALUES (1, 9223372036854775807), (2, 0), (3, 2)) AS t (i, x)";
    let sql = |frame: &str| format!("SELECT sum(x) OVER (ORDER BY i {frame}) AS s FROM {rows}");
    assert!(is_in_one_pass(&session, &sql("")).await);
    let error = session.collect(&sql("")).await.unwrap_err().to_string();
    assert!(error.contains("does not fit"), "{error}");
    let fits = answer(&session, &sql("ROWS 1 PRECEDING")).await;
    assert_eq!(fits[1..], ["9223372036854775807", "9223372036854775807", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_ours_is_left_to_the_engine() {
    let session = session(Settings::default(), 8192).await;
    for column in [
        "count(*) FILTER (WHERE v > 0) OVER (ORDER BY id)",
        "count(DISTINCT v) OVER (PARTITION BY g)",
        "max(s) OVER (ORDER BY id)",
        "sum(v) OVER (ORDER BY f RANGE 1.5 PRECEDING)",
        "sum(v) OVER (ORDER BY id GROUPS 2 PRECEDING)",
        "sum(v::decimal(9, 2)) OVER (ORDER BY id)",
    ] {
        let sql = format!("SELECT {column} FROM w");
        assert!(!is_in_one_pass(&session, &sql).await, "{sql}");
    }
    session.collect("SET weiku.window_pass = false").await.unwrap();
    assert!(!is_in_one_pass(&session, "SELECT sum(v) OVER (ORDER BY id) FROM w").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_keep_their_order_and_batches_their_size() {
    let session = session(Settings { threads: 1, ..Settings::default() }, 10).await;
    let sql = "SELECT id, sum(v) OVER (ORDER BY id) AS n,
                 count(*) OVER (ORDER BY id ROWS 3 PRECEDING) AS near FROM w ORDER BY id";
    let batches = session.collect(sql).await.unwrap();
    assert!(batches.iter().all(|batch| batch.num_rows() <= 10));
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), ROWS);
    let ids = batches.iter().flat_map(|batch| {
        let ids = batch.column(0);
        (0..batch.num_rows()).map(move |row| array_value_to_string(ids, row).unwrap())
    });
    let ids: Vec<usize> = ids.map(|id| id.parse().unwrap()).collect();
    assert!(ids.is_sorted());
    let plan = answer(&session, &format!("EXPLAIN {sql}")).await.join("\n");
    assert_eq!(plan.matches("SortExec").count(), 1, "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_do_not_hold_the_texts_of_those_before_them() {
    let session = session(Settings { threads: 1, ..Settings::default() }, 10).await;
    let table = "CREATE TABLE texts AS
                 SELECT value AS v, arrow_cast('the text of row ' || value, 'Utf8View') AS s
                 FROM range(0, 2000) AS r (value)";
    session.collect(table).await.unwrap();
    let sql = "SELECT s, sum(v) OVER (ROWS 9 PRECEDING) AS n FROM texts";
    assert!(is_in_one_pass(&session, sql).await);
    assert!(session.collect("SELECT s FROM texts").await.unwrap().len() > 50);
    let batches = session.collect(sql).await.unwrap();
    let last = batches.last().unwrap().column(0).as_string_view();
    assert_eq!(last.value(last.len() - 1), "the text of row 1999");
    assert!(last.data_buffers().len() < 10, "{} buffers", last.data_buffers().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_does_not_fit_into_memory_is_told_of() {
    let settings = Settings { memory_limit: Some(4 << 20), ..Settings::default() };
    let session = Session::new(None, settings).unwrap();
    let rows = "(SELECT value AS v FROM range(0, 2000000) AS r (value))";
    let sql = format!("SELECT max(v - m) FROM (SELECT v, min(v) OVER () AS m FROM {rows})");
    let error = session.collect(&sql).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Limit, "{error}");
    // What is in lists is copied.
    let lists = "(SELECT array_resize(make_array(value), 200, 7) AS v
                  FROM range(0, 20000) AS r (value))";
    let sql = format!("SELECT max(v[200] - m) FROM (SELECT v, count(*) OVER () AS m FROM {lists})");
    let error = session.collect(&sql).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Limit, "{error}");
    // Of a frame of a few rows only these are kept.
    let sql =
        format!("SELECT max(m) FROM (SELECT sum(v) OVER (ROWS 9 PRECEDING) AS m FROM {rows})");
    assert_eq!(answer(&session, &sql).await[1], "19999945");
}

#[tokio::test]
async fn a_long_pass_can_be_stopped() {
    let timeout = Some(Duration::from_millis(300));
    let settings = Settings { threads: 1, timeout, ..Settings::default() };
    let session = Session::new(None, settings).unwrap();
    let sql = "SELECT max(m) FROM (SELECT sum(v % 7) OVER (ROWS 9 PRECEDING) AS m
               FROM range(0, 3000000000) AS r (v))";
    let since = Instant::now();
    let error = session.collect(sql).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout, "{error}");
    assert!(since.elapsed() < Duration::from_secs(10));
}
