//! That the values of rows of a frame are those that the engine finds.

use datafusion::arrow::array::{Array, AsArray};

use super::tests::{FRAMES, ROWS, UP_TO_BEFORE, both, is_in_one_pass, session};
use crate::engine::answers::answer;
use crate::engine::{Session, Settings};
use crate::error::Kind;

/// Orders by one column, and what is near in it.
const ORDERS: [(&str, &str); 5] = [
    ("t", "11"),
    ("t DESC", "3"),
    ("t NULLS FIRST", "0"),
    ("at DESC NULLS LAST", "INTERVAL '1 hour'"),
    ("day", "INTERVAL '1 month'"),
];

const PARTITIONS: [&str; 4] = ["", "PARTITION BY g", "PARTITION BY g, v > 0, s", "PARTITION BY id"];

/// Values of the row of a frame.
const IN_FRAMES: [&str; 9] = [
    "first_value(v)",
    "last_value(f)",
    "nth_value(at, 3)",
    "nth_value(day, -2)",
    "first_value(name)",
    "last_value(name)",
    "nth_value(v > 0, 2)",
    "nth_value(id, 60)",
    "nth_value(name, -9)",
];

/// Values of rows before and after this one.
const SHIFTED: [&str; 15] = [
    "lag(v)",
    "lead(v)",
    "lag(v, 0)",
    "lead(f, 3)",
    "lag(at, -2)",
    "lead(day, -5)",
    "lag(id, 7, -1)",
    "lead(v, 2, 2.5)",
    "lag(name, 1, 'there is none before this one')",
    "lead(name, 4, NULL)",
    "lag(v, 1000, 4)",
    "lead(v > 0, 1, true)",
    "lag(day, 1, '2012-01-01')",
    "lead(at, 399)",
    "lag(v::decimal(9, 2), 2, 4)",
];

/// The rows of `w`, with texts that are not kept in their views.
const NAMED: &str =
    "(SELECT *, arrow_cast('the row with the number ' || id, 'Utf8View') AS name FROM w)";

/// Asks for what `columns` are over `window`.
fn asked(columns: &[&str], window: &str, rows: &str) -> String {
    let columns: Vec<String> =
        columns.iter().map(|column| format!("{column} OVER ({window})")).collect();
    format!("SELECT id, {} FROM {rows} ORDER BY id", columns.join(", "))
}

/// Questions for values in frames, each with whether its rows have one order only.
fn in_frames() -> Vec<(String, bool)> {
    let mut questions = Vec::new();
    for partition in PARTITIONS {
        for (order, near) in ORDERS {
            for frame in FRAMES {
                // The engine leaves the row itself out where its key is NULL.
                let key = order.split(' ').next().unwrap();
                let rows = match frame == UP_TO_BEFORE {
                    true => format!("(SELECT * FROM {NAMED} WHERE {key} IS NOT NULL)"),
                    false => NAMED.to_owned(),
                };
                let has_one_order = frame.starts_with("ROWS");
                let last = if has_one_order { ", id" } else { "" };
                let frame = frame.replace("{n}", near);
                let window = format!("{partition} ORDER BY {order}{last} {frame}");
                questions.push((asked(&IN_FRAMES, &window, &rows), has_one_order));
            }
        }
    }
    questions
}

/// Whether the engine computes no window function of `sql`.
async fn is_all_in_one_pass(session: &Session, sql: &str) -> bool {
    let plan = answer(session, &format!("EXPLAIN {sql}")).await.join("\n");
    plan.contains("WindowPassExec") && !plan.contains("WindowAggExec")
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_a_frame_are_those_that_the_engine_gives() {
    // Not all of them, which takes its time.
    for (threads, batch_size, step) in [(1, 8192, 7), (2, 7, 5), (1, 2, 6), (1, 1, 13)] {
        let session = session(Settings { threads, ..Settings::default() }, batch_size).await;
        for (sql, has_one_order) in in_frames().iter().step_by(step) {
            // Threads bring peers in whatever order.
            if threads > 1 && !has_one_order {
                continue;
            }
            assert!(is_all_in_one_pass(&session, sql).await, "{sql}");
            let (in_one_pass, without) = both(&session, sql).await;
            assert!(in_one_pass == without, "{batch_size}: {sql}");
            assert!(in_one_pass.len() > ROWS * 9 / 10, "{sql}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_before_and_after_are_those_that_the_engine_finds() {
    for (threads, batch_size) in [(1, 8192), (2, 7), (1, 2), (1, 1)] {
        let session = session(Settings { threads, ..Settings::default() }, batch_size).await;
        for partition in PARTITIONS {
            // Whatever the frame is.
            for frame in ["", "ROWS CURRENT ROW", "GROUPS 2 PRECEDING"] {
                let window = format!("{partition} ORDER BY t DESC, id {frame}");
                let sql = asked(&SHIFTED, &window, NAMED);
                assert!(is_all_in_one_pass(&session, &sql).await, "{sql}");
                let (in_one_pass, without) = both(&session, &sql).await;
                assert!(in_one_pass == without, "{batch_size}: {sql}");
                assert_eq!(in_one_pass.len(), ROWS + 1, "{sql}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_stand_beside_sums_and_numbers() {
    let session = session(Settings { threads: 2, ..Settings::default() }, 7).await;
    let columns = ["sum(v)", "lead(v, 2)", "row_number()", "first_value(name)", "last_value(t)"];
    for window in ["PARTITION BY g ORDER BY t, id", "ORDER BY id ROWS 20 PRECEDING"] {
        let sql = asked(&columns, window, NAMED);
        assert!(is_all_in_one_pass(&session, &sql).await, "{sql}");
        let (in_one_pass, without) = both(&session, &sql).await;
        assert_eq!(in_one_pass, without, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_the_engine_goes_over_from_behind_are_counted_from_there() {
    let session = session(Settings { threads: 1, ..Settings::default() }, 7).await;
    let over = |columns: &[&str], order: &str, frame: &str| {
        let columns =
            columns.iter().map(|column| format!("{column} OVER (ORDER BY {order} {frame})"));
        columns.collect::<Vec<String>>().join(", ")
    };
    let values = [
        "first_value(v)",
        "last_value(v)",
        "nth_value(v, 2)",
        "nth_value(v, -3)",
        "lag(v, 2, -1)",
        "lead(v)",
        "lead(v, 0)",
    ];
    for frame in ["ROWS BETWEEN 2 PRECEDING AND 3 FOLLOWING", "ROWS UNBOUNDED PRECEDING", ""] {
        let counted = over(&["count(v)"], "id DESC NULLS FIRST", "ROWS 3 PRECEDING");
        let sql = format!(
            "SELECT id, {counted}, {} FROM w ORDER BY id",
            over(&values, "id NULLS LAST", frame)
        );
        let plan = answer(&session, &format!("EXPLAIN {sql}")).await.join("\n");
        assert!(plan.contains("WindowPassExec") && !plan.contains("WindowAggExec"), "{plan}");
        let (in_one_pass, without) = both(&session, &sql).await;
        assert_eq!(in_one_pass, without, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_without_an_order_or_by_doubles_are_found() {
    let session = session(Settings { threads: 1, ..Settings::default() }, 7).await;
    for window in ["", "PARTITION BY g", "ORDER BY f", "PARTITION BY g ORDER BY f DESC, s"] {
        let sql = asked(&["first_value(v)", "first_value(id)", "lag(id)"], window, "w");
        assert!(is_all_in_one_pass(&session, &sql).await, "{sql}");
        let (in_one_pass, without) = both(&session, &sql).await;
        assert_eq!(in_one_pass, without, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_are_not_ours_are_left_to_the_engine() {
    let session = session(Settings::default(), 8192).await;
    for column in [
        "lag(v) IGNORE NULLS OVER (ORDER BY id)",
        "first_value(v) IGNORE NULLS OVER (ORDER BY id)",
        "lag(v, NULL) OVER (ORDER BY id)",
        "lag(v, -9223372036854775808) OVER (ORDER BY id)",
        "nth_value(v, 0) OVER (ORDER BY id)",
        "nth_value(v, NULL) OVER (ORDER BY id)",
        // Of these texts and lists all bytes would be copied.
        "lag([v]) OVER (ORDER BY id)",
        "lag(arrow_cast(s, 'Utf8')) OVER (ORDER BY id)",
        "lag(arrow_cast(s, 'Dictionary(Int32, Utf8)')) OVER (ORDER BY id)",
        "lag(random()) OVER (ORDER BY id)",
        "last_value(v) OVER (ORDER BY f)",
        "first_value(v) OVER (ORDER BY id GROUPS 2 PRECEDING)",
        // Where clocks are put back, such a frame may end before that of the row before.
        "last_value(v) OVER (ORDER BY at::timestamptz RANGE INTERVAL '1 day' PRECEDING)",
    ] {
        let sql = format!("SELECT {column} FROM w");
        assert!(!is_in_one_pass(&session, &sql).await, "{sql}");
    }
    for column in ["lag(v, id)", "nth_value(v, id)"] {
        let sql = format!("SELECT {column} OVER (ORDER BY id) FROM w");
        assert!(session.collect(&sql).await.is_err(), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_rows_has_no_values() {
    let session = session(Settings::default(), 8192).await;
    let sql = "SELECT first_value(v) OVER (PARTITION BY g), lag(s, 1, 'x') OVER (ORDER BY t),
                 lead(v, 1, 7) OVER (ORDER BY t) FROM none";
    assert!(session.collect(sql).await.unwrap().iter().all(|batch| batch.num_rows() == 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_does_not_hold_the_rows_of_its_partition() {
    let settings = Settings { threads: 1, memory_limit: Some(4 << 20), ..Settings::default() };
    let session = Session::new(None, settings).unwrap();
    let count = |column: &str| {
        format!(
            "SELECT count(m) FROM (SELECT {column} AS m
                                   FROM (SELECT value AS v FROM range(0, 1000000) AS r (value)))"
        )
    };
    for (column, known) in [
        ("first_value(v) OVER ()", "1000000"),
        ("lag(v) OVER ()", "999999"),
        ("lead(v, 3) OVER ()", "999997"),
        ("nth_value(v, 5) OVER (ROWS UNBOUNDED PRECEDING)", "999996"),
        ("last_value(v) OVER (ROWS UNBOUNDED PRECEDING)", "1000000"),
        ("nth_value(v, -3) OVER (ROWS UNBOUNDED PRECEDING)", "999998"),
    ] {
        let sql = count(column);
        assert!(is_all_in_one_pass(&session, &sql).await, "{sql}");
        assert_eq!(answer(&session, &sql).await[1], known, "{sql}");
    }
    // The last one comes at the end.
    let error = session.collect(&count("last_value(v) OVER ()")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Limit, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn values_do_not_hold_the_texts_of_rows_that_are_gone() {
    let session = session(Settings { threads: 1, ..Settings::default() }, 10).await;
    let table = "CREATE TABLE texts AS
                 SELECT value AS v, arrow_cast('the text of row ' || value, 'Utf8View') AS s
                 FROM range(0, 2000) AS r (value)";
    session.collect(table).await.unwrap();
    for (column, wanted) in [
        ("lag(s) OVER ()", "the text of row 1998"),
        ("lag(s, 1, 'a text that is none of a row') OVER ()", "the text of row 1998"),
        ("first_value(s) OVER ()", "the text of row 0"),
    ] {
        let sql = format!("SELECT s, {column} AS n FROM texts");
        assert!(is_all_in_one_pass(&session, &sql).await, "{sql}");
        let batches = session.collect(&sql).await.unwrap();
        let last = batches.last().unwrap();
        for (column, wanted) in [(0, "the text of row 1999"), (1, wanted)] {
            let texts = last.column(column).as_string_view();
            assert_eq!(texts.value(texts.len() - 1), wanted, "{sql}");
            let buffers = texts.data_buffers().len();
            assert!(buffers < 10, "{sql}: {buffers} buffers");
        }
    }
}
