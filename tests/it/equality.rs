//! What makes queries fast changes no answer: generated questions, asked with all
//! levers off, with all on, with each one off, and under other settings.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::compute::cast;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::ScalarValue;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use weiku::engine::{KeepAnswers, Params, Session, Settings, script};
use weiku::model::{ACCOUNT_SNAPSHOTS, ACCOUNTS, POSTS, Table};
use weiku::store::Store;

/// When posts were posted.
#[derive(Clone, Copy)]
enum Times {
    /// Some at a time that is unknown.
    SomeUnknown,
    /// Those of a file before, among and after those of the others.
    Mixed,
    /// Those of a file after those of the one before, or with its last.
    FileByFile,
}

/// Posts of one data file: instants and counts that repeat, unknown values in
/// every column that may have them, texts with and without what is searched for.
fn posts(first: usize, count: usize, times: Times) -> String {
    let (unknown, hour) = match times {
        Times::SomeUnknown => ("value % 53 = 0", "value * 7907 % 4000"),
        Times::Mixed => ("false", "value * 7907 % 4000"),
        Times::FileByFile => ("false", "value / 3"),
    };
    format!(
        "SELECT 'weibo' AS platform, CAST(100000 + value AS VARCHAR) AS post_id,
           CASE WHEN value % 41 = 0 THEN NULL ELSE 'a' || (value * 7919 % 37) END AS account_id,
           CASE WHEN {unknown} THEN NULL ELSE arrow_cast(
             1325347200000000 + ({hour}) * 3601000000,
             'Timestamp(Microsecond, Some(\"UTC\"))') END AS posted_at,
           CASE WHEN value % 29 = 0 THEN NULL ELSE concat('今日', CASE value % 7
             WHEN 0 THEN '地震应急' WHEN 1 THEN '#公安#通报' WHEN 2 THEN 'Weather ÀÉ K'
             WHEN 3 THEN '应急演练%地_' WHEN 4 THEN '' ELSE '天气' END, value % 90,
             CASE WHEN value % 700 < 9 THEN '罕见' ELSE '' END) END AS text,
           CASE value % 5 WHEN 0 THEN NULL WHEN 1 THEN '网页' ELSE 'c' || (value % 4) END AS client,
           CAST(NULL AS VARCHAR) AS place,
           CASE WHEN value % 31 = 0 THEN NULL ELSE value % 3 = 0 END AS is_repost,
           CAST(NULL AS VARCHAR) AS origin_post_id, CAST(NULL AS VARCHAR) AS origin_account_id,
           value % 17 AS reposts,
           CASE WHEN value % 3 = 0 THEN NULL ELSE value * 31 % 101 END AS comments,
           CASE WHEN value % 4 = 0 THEN NULL ELSE value % 1009 END AS likes,
           CASE WHEN value % 6 = 0 THEN make_array('应急', 't' || (value % 8)) END AS hashtags,
           CAST(NULL AS VARCHAR[]) AS mentions, CAST(NULL AS VARCHAR[]) AS urls,
           CAST(NULL AS BIGINT) AS media_count,
           arrow_cast(1356969600000000, 'Timestamp(Microsecond, Some(\"UTC\"))') AS observed_at
         FROM generate_series({first}, {first} + {count} - 1)"
    )
}

fn accounts() -> String {
    // Some accounts have no posts, and some posts no account.
    "SELECT 'weibo' AS platform, 'a' || value AS account_id, '号' || value AS screen_name,
       CAST(NULL AS VARCHAR) AS description, value % 3 > 0 AS verified,
       CAST(NULL AS VARCHAR) AS verified_type, CAST(NULL AS VARCHAR) AS verified_reason,
       CAST(NULL AS VARCHAR) AS location,
       arrow_cast(NULL, 'Timestamp(Microsecond, Some(\"UTC\"))') AS registered_at,
       CAST(NULL AS VARCHAR) AS organization,
       CASE value % 4 WHEN 0 THEN NULL WHEN 1 THEN 'county' ELSE 'central' END AS level,
       's' || (value % 5) AS system, 'r' || (value % 7) AS region,
       CAST(NULL AS VARCHAR) AS style,
       arrow_cast(1356969600000000, 'Timestamp(Microsecond, Some(\"UTC\"))') AS observed_at
     FROM generate_series(3, 44)"
        .to_owned()
}

fn account_snapshots() -> String {
    "SELECT 'weibo' AS platform, 'a' || (value % 45) AS account_id,
       arrow_cast(1325347200000000 + value * 86400000000,
         'Timestamp(Microsecond, Some(\"UTC\"))') AS observed_at,
       value * 97 % 5003 AS followers, value % 100 AS following, value AS posts, 1 AS precision
     FROM generate_series(1, 90)"
        .to_owned()
}

/// A store whose posts lie in four files, of which two share a span of time.
async fn store(folder: &Path, times: Times) -> Arc<Store> {
    let tables = [
        (&ACCOUNTS, accounts()),
        (&ACCOUNT_SNAPSHOTS, account_snapshots()),
        (&POSTS, posts(1, 900, times)),
        (&POSTS, posts(901, 700, times)),
        (&POSTS, posts(1601, 500, times)),
        (&POSTS, posts(2101, 1, times)),
    ];
    store_of(folder, tables).await
}

/// A store whose posts have their texts on several pages.
async fn store_with_pages(folder: &Path) -> Arc<Store> {
    let files = [posts(1, 40_000, Times::FileByFile), posts(40_001, 25_000, Times::FileByFile)];
    store_of(folder, files.map(|sql| (&POSTS, sql))).await
}

/// A store with what these questions give, a data file for each.
async fn store_of<const FILES: usize>(
    folder: &Path,
    tables: [(&'static Table, String); FILES],
) -> Arc<Store> {
    let store = Store::create(folder).await.unwrap();
    let maker = Session::new(None, Settings::default()).unwrap();
    for (table, sql) in tables {
        let mut transaction = store.begin().await.unwrap();
        for batch in maker.collect(&sql).await.unwrap() {
            transaction.append(table, in_types_of(table, &batch)).await.unwrap();
        }
        transaction.commit().await.unwrap();
    }
    Arc::new(Store::open(folder).await.unwrap())
}

fn in_types_of(table: &Table, batch: &RecordBatch) -> RecordBatch {
    let schema = table.schema();
    let columns = schema.fields().iter().map(|field| {
        let column = batch.column_by_name(field.name());
        assert!(column.is_some(), "no {} in {}", field.name(), table.name);
        cast(column.unwrap(), field.data_type()).unwrap()
    });
    let columns = columns.collect();
    RecordBatch::try_new(schema, columns).unwrap()
}

/// Conditions on posts, called `p`.
const CONDITIONS: [&str; 26] = [
    "p.text LIKE '%应急%'",
    "p.text NOT LIKE '%应急%'",
    "p.text LIKE '%地%' AND p.text LIKE '%应急%'",
    "p.text LIKE '%今%1%'",
    "p.text LIKE '今日%9'",
    "p.text LIKE '%\\%地\\_%'",
    "p.text ILIKE '%应急%'",
    "p.text ILIKE '%weather%'",
    "p.text ILIKE '%à%k%'",
    "p.text NOT ILIKE '%天气%'",
    "regexp_like(p.text, '#[^#]*公[^#]*#')",
    "regexp_like(p.text, '(地震|天气)[0-9]+$')",
    "regexp_like(p.text, 'weather', 'i')",
    "p.text ~ '应急.*5'",
    "p.text LIKE '%罕见%'",
    "p.text LIKE '%罕见%' AND p.text LIKE '%天气%'",
    "p.text = ''",
    "p.account_id = 'a5'",
    "p.account_id IN ('a1', 'a2', 'none')",
    "p.post_id = '100777'",
    "p.reposts > 8",
    "p.likes IS NULL",
    "p.is_repost",
    "NOT p.is_repost AND p.comments < 50",
    "p.posted_at >= TIMESTAMP '2012-02-01 00:00:00' AND p.posted_at < TIMESTAMP '2012-03-01 00:00:00'",
    "p.posted_at IS NULL OR p.client = '网页'",
];

/// Orders that the files have, and others.
const ORDERS: [&str; 7] = [
    "p.posted_at DESC, p.post_id DESC",
    "p.posted_at DESC NULLS LAST, p.post_id DESC",
    "p.posted_at, p.post_id",
    "p.posted_at NULLS FIRST, p.post_id",
    "p.posted_at DESC, p.post_id",
    "p.posted_at DESC NULLS LAST, p.likes, p.post_id",
    "abs(p.likes - p.reposts) DESC, p.post_id",
];

const GROUPS: [&str; 10] = [
    "p.account_id",
    "p.client",
    "date_trunc('day', p.posted_at)",
    "date_trunc('month', p.posted_at), p.client",
    "extract(hour FROM p.posted_at)",
    "extract(isodow FROM p.posted_at), extract(year FROM p.posted_at)",
    "p.account_id, date_trunc('month', p.posted_at)",
    "p.is_repost",
    "CAST(p.posted_at AS DATE)",
    "p.text",
];

const AGGREGATES: [&str; 13] = [
    "count(*)",
    "count(p.likes)",
    "sum(p.reposts)",
    "sum(p.likes + p.reposts)",
    "min(p.posted_at)",
    "max(p.likes)",
    "avg(p.comments)",
    "count(DISTINCT p.account_id)",
    "count(DISTINCT p.text)",
    "median(p.reposts)",
    "count(*) FILTER (WHERE p.is_repost)",
    "avg(CASE WHEN p.is_repost THEN 1.0 ELSE 0.0 END)",
    "arg_max(p.text, p.likes)",
];

/// What is joined to posts, and what it can be grouped and counted by.
const JOINS: [(&str, &str); 7] = [
    ("JOIN accounts a ON p.account_id = a.account_id", "a.level, a.system"),
    (
        "JOIN accounts a ON p.platform = a.platform AND p.account_id = a.account_id",
        "a.region, p.account_id",
    ),
    ("LEFT JOIN accounts a ON p.account_id = a.account_id", "a.system"),
    ("JOIN accounts a ON p.account_id = a.account_id AND a.verified", "a.level"),
    (
        "JOIN accounts a ON p.account_id = a.account_id JOIN account_snapshots s
         ON s.account_id = a.account_id",
        "a.region",
    ),
    ("RIGHT JOIN accounts a ON p.account_id = a.account_id", "a.region"),
    (
        "JOIN accounts a ON p.account_id = a.account_id, unnest(p.hashtags) AS t(tag)",
        "tag, a.level",
    ),
];

const JOINED_AGGREGATES: [&str; 6] = [
    "sum(a.posts_due)",
    "count(a.level)",
    "min(a.screen_name)",
    "max(p.likes)",
    "sum(p.reposts)",
    "count(*)",
];

/// Questions about posts, drawn at random.
fn questions(count: usize) -> Vec<String> {
    let mut dice = ChaCha8Rng::seed_from_u64(2012);
    let mut questions: Vec<String> =
        CONDITIONS.iter().map(|one| format!("SELECT count(*) FROM posts p WHERE {one}")).collect();
    while questions.len() < count {
        let condition = CONDITIONS.choose(&mut dice).unwrap();
        let filter =
            if dice.random_bool(0.6) { format!("WHERE {condition}") } else { String::new() };
        let one = AGGREGATES.choose(&mut dice).unwrap();
        let other = AGGREGATES.choose(&mut dice).unwrap();
        let limit = dice.random_range(1..40);
        questions.push(match dice.random_range(0..7) {
            0 => format!("SELECT {one} AS x, {other} AS y FROM posts p {filter}"),
            1 | 2 => {
                let group = GROUPS.choose(&mut dice).unwrap();
                format!("SELECT {group}, {one} AS x, {other} AS y FROM posts p {filter} GROUP BY {group}")
            }
            3 => {
                let (join, group) = JOINS.choose(&mut dice).unwrap();
                let joined = JOINED_AGGREGATES.choose(&mut dice).unwrap();
                let joined = joined.replace("a.posts_due", "octet_length(a.account_id)");
                format!(
                    "SELECT {group}, {one} AS x, {joined} AS y FROM posts p {join} {filter} GROUP BY {group}"
                )
            }
            4 => {
                let order = ORDERS.choose(&mut dice).unwrap();
                format!(
                    "SELECT p.post_id, p.posted_at, p.text FROM posts p {filter}
                     ORDER BY {order} LIMIT {limit}"
                )
            }
            5 => format!(
                "SELECT p.post_id, p.likes, p.text FROM posts p {filter}
                 ORDER BY p.likes DESC NULLS LAST, p.post_id LIMIT {limit}"
            ),
            _ => format!(
                "SELECT account_id, post_id, likes FROM (SELECT p.*, row_number() OVER (
                   PARTITION BY p.account_id ORDER BY p.likes DESC NULLS LAST, p.post_id DESC) AS nth
                 FROM posts p {filter}) ranked WHERE nth <= {}",
                limit % 4 + 1
            ),
        });
    }
    questions
}

/// The rows of an answer as text, in order.
async fn answer(session: &Session, sql: &str) -> Vec<String> {
    let batches = session.collect(sql).await;
    assert!(batches.is_ok(), "{sql}: {}", batches.unwrap_err());
    let batches = batches.unwrap();
    let options = FormatOptions::new().with_null("∅");
    let mut rows = Vec::new();
    for batch in &batches {
        let columns: Vec<ArrayFormatter<'_>> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            let cells: Vec<String> = columns.iter().map(|c| c.value(row).to_string()).collect();
            rows.push(cells.join("|"));
        }
    }
    if !sql.contains("ORDER BY p.") || sql.contains("OVER") {
        rows.sort_unstable();
    }
    rows
}

async fn set(session: &Session, name: &str, value: &str) {
    session.collect(&format!("SET {name} = {value}")).await.unwrap();
}

/// The switches, from the session's own list.
async fn levers(session: &Session) -> Vec<String> {
    let sql = "SELECT name FROM information_schema.df_settings
               WHERE name LIKE 'weiku.%' AND value IN ('true', 'false')";
    answer(session, sql).await
}

/// The session with all levers off.
async fn without_levers(session: Session) -> Session {
    let levers = levers(&session).await;
    assert!(levers.len() > 1, "{levers:?}");
    for lever in levers {
        set(&session, &lever, "false").await;
    }
    session
}

/// Asks all questions with all levers off, and then in sessions of all kinds.
async fn compare(times: Times, questions: &[String]) {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path().join("db").as_path(), times).await;
    let plain = Settings { threads: 1, pushdown: false, ..Settings::default() };
    let plain = without_levers(Session::new(Some(Arc::clone(&store)), plain).unwrap()).await;
    let levers = levers(&plain).await;
    let mut expected = Vec::new();
    for question in questions {
        expected.push(answer(&plain, question).await);
    }

    let session = |threads, pushdown, memory_limit| {
        let settings = Settings { threads, pushdown, memory_limit, ..Settings::default() };
        Session::new(Some(Arc::clone(&store)), settings).unwrap()
    };
    let mut others = vec![
        ("one thread".to_owned(), session(1, true, None)),
        ("two threads, no push-down".to_owned(), session(2, false, None)),
        ("eight threads, little memory".to_owned(), session(8, true, Some(64 << 20))),
        ("hardly any memory for columns".to_owned(), session(2, true, Some(1 << 20))),
    ];
    let kept = folder.path().join("kept");
    for (name, folder) in [("answers in memory", None), ("answers in a folder", Some(kept))] {
        let keep_answers = Some(keeping_all(folder));
        let settings = Settings { keep_answers, ..Settings::default() };
        let session = Session::new(Some(Arc::clone(&store)), settings).unwrap();
        others.push((name.to_owned(), session));
    }
    let small_batches = session(2, true, None);
    set(&small_batches, "datafusion.execution.batch_size", "7").await;
    others.push(("small batches".to_owned(), small_batches));
    for lever in &levers {
        let without = session(2, true, None);
        set(&without, lever, "false").await;
        others.push((format!("without {lever}"), without));
    }
    // Again and again, since some levers work from the second time on.
    for time in 1..=2 {
        for (name, session) in &others {
            for (question, expected) in questions.iter().zip(&expected) {
                let answer = answer(session, question).await;
                assert!(
                    &answer == expected,
                    "{name}, time {time}: {question}\n{} rows, expected {}:\n{}\nexpected\n{}",
                    answer.len(),
                    expected.len(),
                    answer.join("\n"),
                    expected.join("\n"),
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_lever_and_no_setting_changes_an_answer() {
    compare(Times::SomeUnknown, &questions(110)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_the_order_of_the_files() {
    let mut questions = Vec::new();
    let conditions = CONDITIONS.iter().step_by(3);
    for condition in conditions.chain(&["true", "p.text LIKE '%罕见%'"]) {
        questions.extend(ORDERS.map(|order| {
            format!(
                "SELECT p.post_id, p.posted_at, p.text FROM posts p WHERE {condition}
                 ORDER BY {order} LIMIT 9"
            )
        }));
    }
    compare(Times::Mixed, &questions).await;
    compare(Times::FileByFile, &questions).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_reading_parts_of_columns() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_with_pages(folder.path().join("db").as_path()).await;
    let session = |threads| {
        let settings = Settings { threads, ..Settings::default() };
        Session::new(Some(Arc::clone(&store)), settings).unwrap()
    };
    let plain = without_levers(session(1)).await;
    let conditions = [
        "p.account_id = 'a5'",
        "p.account_id = 'a5' AND p.text LIKE '%应急%'",
        "p.account_id = 'a5' AND p.text LIKE '%罕见%'",
        "p.likes = 77 AND p.reposts < 5",
        "p.reposts > 15",
        "p.post_id IN ('101777', '142017')",
        "p.account_id = 'a5' AND p.account_id = 'a6'",
    ];
    let sessions = [session(1), session(2), session(5)];
    set(&sessions[2], "datafusion.execution.batch_size", "100").await;
    for condition in conditions {
        for (order, limit) in
            ORDERS.iter().flat_map(|order| [(order, "LIMIT 30"), (order, "LIMIT 9"), (order, "")])
        {
            let question = format!(
                "SELECT p.post_id, p.posted_at, p.text, p.hashtags FROM posts p
                 WHERE {condition} ORDER BY {order} {limit}"
            );
            let expected = answer(&plain, &question).await;
            for session in &sessions {
                assert_eq!(answer(session, &question).await, expected, "{question}");
            }
        }
    }
    // Found in columns that were read before, and read from few pages.
    let session = session(2);
    let question = "SELECT p.text FROM posts p WHERE p.account_id = 'a7'
                    ORDER BY p.posted_at DESC LIMIT 9";
    answer(&session, question).await;
    let plan = answer(&session, &format!("EXPLAIN ANALYZE {question}")).await.join("\n");
    assert!(plan.contains("columns_read_in_part=1"), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_remembering_which_rows_pass_a_condition() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_with_pages(folder.path().join("db").as_path()).await;
    let session = |threads| {
        let settings = Settings { threads, ..Settings::default() };
        Session::new(Some(Arc::clone(&store)), settings).unwrap()
    };
    let plain = without_levers(session(1)).await;
    // There is room for all columns, or for all but the texts.
    let sessions = [session(2), session(1), session(2)];
    set(&sessions[1], "weiku.column_cache_mb", "1").await;
    set(&sessions[2], "weiku.column_cache_mb", "1").await;
    set(&sessions[2], "datafusion.execution.batch_size", "100").await;
    let conditions = [
        "p.text LIKE '%应急%'",
        "p.text NOT LIKE '%应急%'",
        "p.text LIKE '%应急%' AND p.text LIKE '%地%'",
        "p.text ILIKE '%WEATHER%'",
        "regexp_like(p.text, '#[^#]+#.*[357]')",
        "p.text = '今日天气5'",
        "p.text IS NULL",
        "length(p.text) > 7 AND p.likes > 100",
        "p.likes = 77 AND p.text LIKE '%天%'",
        "p.text LIKE '%地%' OR p.client = '网页'",
        "p.posted_at > TIMESTAMPTZ '2012-06-01 00:00:00Z' AND p.text LIKE '%公安%'",
        "p.text LIKE '%应急%' AND random() >= 0",
        "p.text < p.posted_at::text",
        "p.text LIKE '%' || (p.posted_at AT TIME ZONE 'UTC')::text || '%'",
    ];
    let shown = [
        "SELECT count(*), sum(p.likes) FROM posts p WHERE {}",
        "SELECT p.account_id, count(*) FROM posts p WHERE {} GROUP BY 1 ORDER BY 1",
        "SELECT p.text, p.post_id FROM posts p WHERE {} ORDER BY p.post_id",
        "SELECT p.text, p.post_id FROM posts p WHERE {} ORDER BY p.posted_at DESC, p.post_id LIMIT 9",
    ];
    for (zone, conditions) in [("+08:00", &conditions[..]), ("-03:30", &conditions[12..])] {
        for session in sessions.iter().chain([&plain]) {
            session.collect(&format!("SET TIME ZONE '{zone}'")).await.unwrap();
        }
        for condition in conditions {
            for question in shown.map(|question| question.replace("{}", condition)) {
                let expected = answer(&plain, &question).await;
                for session in &sessions {
                    for _ in 0..3 {
                        assert_eq!(answer(session, &question).await, expected, "{question}");
                    }
                }
            }
        }
    }
    // Texts that do not fit are read as they pass by, and once for each condition.
    for word in ["今日", "日天"] {
        let question = format!(
            "EXPLAIN ANALYZE SELECT client, count(*) FROM posts
             WHERE text LIKE '%{word}%' GROUP BY client"
        );
        let first = answer(&sessions[1], &question).await.join("\n");
        assert!(first.contains("columns_read_piecewise=2"), "{first}");
        let again = answer(&sessions[1], &question).await.join("\n");
        assert!(again.contains("conditions_remembered=2"), "{again}");
        assert!(!again.contains("columns_read_piecewise=2"), "{again}");
        assert!(again.contains("rows_looked_at=65.00 K"), "{again}");
    }
}

/// Keeps each answer, however fast it was computed.
fn keeping_all(folder: Option<std::path::PathBuf>) -> KeepAnswers {
    let (bytes, bytes_per_second) = (1 << 30, u64::MAX);
    let least_time = Duration::ZERO;
    KeepAnswers { folder, bytes, least_time, bytes_per_second, ..KeepAnswers::default() }
}

/// Sessions of one person, one that keeps answers and one that computes them.
struct Two {
    keeps: Session,
    computes: Session,
}

impl Two {
    fn of(folder: &Path, store: &Arc<Store>) -> Self {
        let keep_answers = Some(keeping_all(Some(folder.to_owned())));
        let settings = Settings { keep_answers, ..Settings::default() };
        let new = |settings| Session::new(Some(Arc::clone(store)), settings).unwrap();
        Self { keeps: new(settings), computes: new(Settings::default()) }
    }

    async fn tell(&self, sql: &str) {
        for session in [&self.keeps, &self.computes] {
            session.collect(sql).await.unwrap();
        }
    }

    /// Asks both twice, and says whether the first and the second answer were kept
    /// ones.
    async fn ask(&self, sql: &str, params: &Params) -> [bool; 2] {
        let statement = script::parse(sql, None).unwrap().remove(0);
        let answer = async |session: &Session| {
            let answer = session.run(&statement, params).await.unwrap();
            let (kept, schema) = (answer.from_cache.is_some(), Arc::clone(&answer.schema));
            (kept, schema, answer.collect().await.unwrap())
        };
        let rows = |batches: &[RecordBatch]| {
            datafusion::arrow::util::pretty::pretty_format_batches(batches).unwrap().to_string()
        };
        let mut kept = [false; 2];
        for kept in &mut kept {
            let (found, schema, batches) = answer(&self.keeps).await;
            let (computed, expected_schema, expected) = answer(&self.computes).await;
            assert!(!computed, "{sql}");
            assert_eq!(schema, expected_schema, "{sql}");
            assert_eq!(rows(&batches), rows(&expected), "{sql}");
            *kept = found;
        }
        kept
    }
}

/// Of one answer each that depends on something, and its kind of value.
const SUMMARY: &str = "SELECT client, count(*) AS n, sum(likes) AS likes, min(posted_at) AS first,
      max(text) AS last, CAST(max(posted_at) AS DATE) AS day FROM posts
    GROUP BY client ORDER BY client";

const NEW: [bool; 2] = [false, true];
const KEPT: [bool; 2] = [true, true];
const NEVER: [bool; 2] = [false, false];

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_given_again_only_as_long_as_nothing_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (database, kept) = (folder.path().join("db"), folder.path().join("kept"));
    let store = store(&database, Times::SomeUnknown).await;
    let two = Two::of(&kept, &store);
    let none = Params::new();
    assert_eq!(two.ask(SUMMARY, &none).await, NEW);
    let later = Two::of(&kept, &store);
    assert_eq!(later.ask(SUMMARY, &none).await, KEPT, "another session has them too");
    assert_eq!(two.ask(&SUMMARY.replace("GROUP", "/* as before */ group"), &none).await, KEPT);

    two.tell("SET datafusion.execution.time_zone = 'America/New_York'").await;
    assert_eq!(two.ask(SUMMARY, &none).await, NEW, "another time zone");
    two.tell("SET datafusion.execution.time_zone = 'Asia/Shanghai'").await;
    two.tell("SET weiku.rollups = false").await;
    assert_eq!(two.ask(SUMMARY, &none).await, KEPT, "a lever changes no answer");

    let mut transaction = store.begin().await.unwrap();
    let maker = Session::new(None, Settings::default()).unwrap();
    for batch in maker.collect(&posts(9_000, 30, Times::SomeUnknown)).await.unwrap() {
        transaction.append(&POSTS, in_types_of(&POSTS, &batch)).await.unwrap();
    }
    transaction.commit().await.unwrap();
    assert_eq!(two.ask(SUMMARY, &none).await, NEW, "after an import");
    let earlier = SUMMARY.replace("FROM posts", "FROM posts FOR VERSION AS OF 4");
    assert_eq!(two.ask(&earlier, &none).await, NEW);
    let before = SUMMARY.replace("FROM posts", "FROM posts FOR VERSION AS OF 3");
    assert_eq!(two.ask(&before, &none).await, NEW);
    assert_eq!(two.ask(SUMMARY, &none).await, KEPT);

    let asked = "SELECT count(*) AS n FROM posts WHERE likes > $n";
    for (n, expected) in [(1, NEW), (900, NEW), (1, KEPT)] {
        let params = Params::from([("n".to_owned(), ScalarValue::Int64(Some(n)))]);
        assert_eq!(two.ask(asked, &params).await, expected, "{n}");
    }
    let text = Params::from([("n".to_owned(), ScalarValue::from("1"))]);
    assert_eq!(two.ask(asked, &text).await, NEW, "a text is no number");

    two.tell("SET weiku.result_cache = false").await;
    assert_eq!(two.ask(SUMMARY, &none).await, NEVER);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_depends_on_more_than_stored_tables_is_computed_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder.path().join("db"), Times::SomeUnknown).await;
    let two = Two::of(&folder.path().join("kept"), &store);
    let file = folder.path().join("some.csv");
    let none = Params::new();
    for likes in [500, 900] {
        std::fs::write(&file, format!("likes\n{likes}\n")).unwrap();
        two.tell(&format!(
            "CREATE OR REPLACE VIEW few AS SELECT * FROM posts WHERE likes > {likes}"
        ))
        .await;
        two.tell(&format!("CREATE OR REPLACE TABLE bound AS SELECT {likes} AS likes")).await;
        two.tell("CREATE SCHEMA IF NOT EXISTS own").await;
        two.tell(&format!(
            "CREATE OR REPLACE VIEW own.few AS SELECT * FROM posts WHERE likes > {likes}"
        ))
        .await;
        for sql in [
            "SELECT count(*) FROM few",
            "SELECT count(*) FROM own.few",
            "SELECT count(*) FROM posts WHERE likes > (SELECT likes FROM bound)",
            "SELECT count(*) FROM posts WHERE EXISTS (SELECT 1 FROM few WHERE few.likes = posts.likes)",
            &format!("SELECT count(*) FROM posts JOIN '{}' USING (likes)", file.display()),
            "SELECT count(*) FROM posts WHERE posted_at < now()",
            "SELECT count(*) FROM posts WHERE CAST(posted_at AS DATE) < current_date",
            "SELECT count(*) FROM posts WHERE random() < 2",
            "SELECT count(*) FROM posts JOIN generate_series(1, 3) AS s(v) ON likes = v",
            "SELECT count(*) FROM (SELECT uuid() IS NULL FROM posts)",
            "SELECT count(*) FROM information_schema.tables, posts",
            "SELECT 1 AS one",
        ] {
            assert_eq!(two.ask(sql, &none).await, NEVER, "{sql}");
        }
        // A name of a query's own is nobody's view.
        let own = "WITH few AS (SELECT 1 AS a) SELECT count(*) AS n FROM few, posts";
        let kept = two.ask(own, &none).await;
        assert_eq!(kept, if likes == 500 { NEW } else { KEPT });
    }
    assert_eq!(two.ask("SELECT count(*) FROM account_daily", &none).await, NEW);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_database_in_the_same_place_has_answers_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let (database, kept) = (folder.path().join("db"), folder.path().join("kept"));
    for word in ["formal", "lively"] {
        let store = store(&database, Times::SomeUnknown).await;
        let two = Two::of(&kept, &store);
        assert_eq!(two.ask(SUMMARY, &Params::new()).await, NEW);
        let tone = "SELECT sum(formality(text)) AS tone FROM posts";
        assert_eq!(two.ask(tone, &Params::new()).await, NEW);
        // Its own lists of words, too.
        let lists = database.join("dictionaries");
        std::fs::create_dir_all(&lists).unwrap();
        std::fs::write(lists.join(format!("{word}.txt")), "今日\n").unwrap();
        let two = Two::of(&kept, &store);
        assert_eq!(two.ask(SUMMARY, &Params::new()).await, NEW);
        assert_eq!(two.ask(tone, &Params::new()).await, NEW);
        std::fs::remove_dir_all(&database).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_says_that_an_answer_is_kept_and_runs_what_it_is_told_to_run() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder.path().join("db"), Times::SomeUnknown).await;
    let two = Two::of(&folder.path().join("kept"), &store);
    let says = async |sql: &str| {
        let text = answer(&two.keeps, sql).await.join("\n");
        (text.contains("result_cache|the answer is kept"), text.contains("output_rows"))
    };
    assert_eq!(says(&format!("EXPLAIN {SUMMARY}")).await, (false, false));
    assert_eq!(says(&format!("EXPLAIN ANALYZE {SUMMARY}")).await, (false, true));
    two.ask(SUMMARY, &Params::new()).await;
    assert_eq!(says(&format!("EXPLAIN {SUMMARY}")).await, (true, false));
    assert_eq!(says(&format!("EXPLAIN ANALYZE {SUMMARY}")).await, (true, true));
}

/// The plan of a question, with what it shows of the levers.
async fn plan(session: &Session, sql: &str) -> String {
    answer(session, &format!("EXPLAIN {sql}")).await.join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_shows_which_levers_are_at_work_and_none_that_is_off() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path().join("db").as_path(), Times::SomeUnknown).await;
    let session = Session::new(Some(store), Settings::default()).unwrap();
    let best = "SELECT post_id FROM (SELECT post_id, row_number() OVER (
        PARTITION BY account_id ORDER BY reposts DESC) AS nth FROM posts) WHERE nth = 1";
    let levels = "SELECT a.level, count(*) AS n FROM posts p
        JOIN accounts a ON p.account_id = a.account_id GROUP BY a.level";
    let likes = "SELECT sum(likes) AS n FROM posts";
    for question in [best, levels, likes] {
        answer(&session, question).await;
    }
    let liked = "SELECT p.text FROM posts p ORDER BY p.likes DESC, p.post_id LIMIT 3";
    let shown = [
        ("weiku.late_columns", liked, "FetchColumns"),
        ("weiku.first_of_group", best, "FewPerGroup"),
        ("weiku.sum_before_join", levels, "__early_0"),
        ("weiku.column_cache", likes, "HeldScan"),
    ];
    for (lever, question, sign) in shown {
        let on = plan(&session, question).await;
        assert!(on.contains(sign), "{lever}: {on}");
        set(&session, lever, "false").await;
        let off = plan(&session, question).await;
        assert!(!off.contains(sign), "{lever}: {off}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_behind_many_others_are_found_without_the_columns_that_only_come_out() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path().join("db").as_path(), Times::SomeUnknown).await;
    let session = Session::new(Some(store), Settings::default()).unwrap();
    for order in ["likes DESC, post_id", "text, post_id"] {
        let sql = format!("SELECT * FROM posts ORDER BY {order} LIMIT 3 OFFSET 1500");
        let late = plan(&session, &sql).await;
        assert!(late.contains("FetchColumns") && late.contains("skip=1500"), "{late}");
        let found = answer(&session, &sql).await;
        set(&session, "weiku.late_columns", "false").await;
        assert!(!plan(&session, &sql).await.contains("FetchColumns"));
        assert_eq!(answer(&session, &sql).await, found, "{order}");
        assert_eq!(found.len(), 3);
        set(&session, "weiku.late_columns", "true").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_that_filters_from_memory_counts_all_rows_that_it_looks_at() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path().join("db").as_path(), Times::SomeUnknown).await;
    let session = Session::new(Some(store), Settings::default()).unwrap();
    answer(&session, "SELECT sum(length(text) + likes) FROM posts").await;
    for condition in ["length(text) % 7 = 9", "likes % 7 = 3 AND length(text) % 5 = 4"] {
        let sql = format!("EXPLAIN ANALYZE SELECT count(*) FROM posts WHERE {condition}");
        let ran = answer(&session, &sql).await.join("\n");
        assert!(ran.contains("HeldScan") && ran.contains("predicate="), "{ran}");
        assert!(ran.contains("rows_looked_at=2.10 K"), "{ran}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_and_the_oldest_posts_are_found_without_a_sort() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path().join("db").as_path(), Times::FileByFile).await;
    let settings = Settings { threads: 2, ..Settings::default() };
    let session = Session::new(Some(store), settings).unwrap();
    let question = |order| {
        format!(
            "SELECT p.post_id FROM posts p WHERE p.likes > 5 ORDER BY p.posted_at {order} LIMIT 3"
        )
    };
    for order in ["DESC", "DESC, p.post_id DESC"] {
        let sql = question(order);
        for (scan, cached) in [("DataSourceExec", "false"), ("HeldScan", "true")] {
            set(&session, "weiku.column_cache", cached).await;
            let plan = plan(&session, &sql).await;
            assert!(plan.contains(scan) && !plan.contains("SortExec"), "{order}: {plan}");
            answer(&session, &sql).await;
        }
    }
    for order in ["ASC", "ASC, p.post_id"] {
        let plan = plan(&session, &question(order)).await;
        assert!(plan.contains("backwards") && !plan.contains("SortExec"), "{order}: {plan}");
    }
}

/// A store with posts in order, and a session that reads them as the files have them
/// and leaves every limit and every sort where a question has it.
async fn in_order(folder: &Path) -> (Arc<Store>, Session) {
    let store = store(&folder.join("db"), Times::FileByFile).await;
    let settings = Settings { threads: 1, ..Settings::default() };
    let plain = Session::new(Some(Arc::clone(&store)), settings).unwrap();
    set(&plain, "weiku.column_cache", "false").await;
    set(&plain, "datafusion.optimizer.enable_sort_pushdown", "false").await;
    set(&plain, "datafusion.optimizer.enable_dynamic_filter_pushdown", "false").await;
    (store, plain)
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_read_in_order_whatever_is_shown_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let (store, plain) = in_order(folder.path()).await;
    // An order has to outlast a projection, which depends on what comes before what.
    let shown = [
        "p.reposts",
        "p.posted_at",
        "p.posted_at, p.reposts",
        "p.posted_at, p.post_id, p.reposts",
        "p.post_id, p.posted_at, p.reposts",
        "p.posted_at AS instant, p.post_id, p.reposts",
        "p.reposts + 1 AS more",
        "p.text",
        "p.posted_at, p.text",
    ];
    let orders = [
        ("p.posted_at, p.post_id", true),
        ("p.posted_at NULLS FIRST, p.post_id NULLS FIRST", true),
        ("p.posted_at DESC, p.post_id DESC", false),
        ("p.posted_at DESC NULLS FIRST, p.post_id DESC NULLS FIRST", false),
    ];
    for (threads, cached) in [(1, "true"), (2, "true"), (1, "false"), (2, "false")] {
        let settings = Settings { threads, ..Settings::default() };
        let session = Session::new(Some(Arc::clone(&store)), settings).unwrap();
        set(&session, "weiku.column_cache", cached).await;
        for (order, backwards) in orders {
            let inner = format!(
                "SELECT sum(f.likes) AS n FROM (
                   SELECT p.likes FROM posts p ORDER BY {order} LIMIT 100) f"
            );
            let mut questions = vec![inner];
            for columns in shown {
                let all = format!("SELECT {columns} FROM posts p ORDER BY {order}");
                questions.extend([format!("{all} LIMIT 5"), all]);
            }
            for question in questions {
                let expected = answer(&plain, &question).await;
                // A sort that is left out is not to take its limit along.
                assert_eq!(expected.len() == 5, question.ends_with("LIMIT 5"), "{question}");
                // From the second time on, columns are held.
                for time in 1..=2 {
                    let found = answer(&session, &question).await;
                    assert_eq!(found, expected, "{threads}, {cached}, {time}: {question}");
                }
                if cached == "true" && question.contains("LIMIT") {
                    let plan = plan(&session, &question).await;
                    let sorts = plan.contains("SortExec") || !plan.contains("HeldScan");
                    assert!(!sorts, "{question}: {plan}");
                    assert_eq!(plan.contains("backwards"), backwards, "{question}: {plan}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_rows_stay_the_same_when_they_are_filtered_or_sorted_again() {
    let folder = tempfile::tempdir().unwrap();
    let (store, plain) = in_order(folder.path()).await;
    for threads in [1, 2] {
        let settings = Settings { threads, ..Settings::default() };
        let session = Session::new(Some(Arc::clone(&store)), settings).unwrap();
        // What operators learn while they run, they learn between batches.
        set(&session, "datafusion.execution.batch_size", "7").await;
        for (order, other) in [
            ("posted_at DESC, post_id DESC", "p.posted_at, p.post_id"),
            ("posted_at, post_id", "p.posted_at DESC, p.post_id DESC"),
        ] {
            let first = format!(
                "(SELECT post_id, account_id, posted_at, likes FROM posts ORDER BY {order} LIMIT 90)"
            );
            for question in [
                format!("SELECT p.post_id, p.likes FROM {first} p ORDER BY {other}"),
                format!("SELECT p.post_id, p.likes FROM {first} p ORDER BY {other} LIMIT 5"),
                format!(
                    "SELECT p.post_id, p.likes FROM {first} p
                     ORDER BY p.likes DESC NULLS LAST, p.post_id LIMIT 3"
                ),
                format!("SELECT p.post_id FROM {first} p WHERE p.likes < 500"),
                format!(
                    "SELECT p.post_id, a.region FROM {first} p
                     JOIN accounts a ON a.account_id = p.account_id WHERE a.level = 'county'"
                ),
                format!("SELECT max(p.likes) FROM {first} p"),
            ] {
                let expected = answer(&plain, &question).await;
                for time in 1..=2 {
                    let found = answer(&session, &question).await;
                    assert_eq!(found, expected, "{threads}, {time}: {question}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn extremes_of_columns_and_of_expressions_are_those_of_all_rows() {
    let folder = tempfile::tempdir().unwrap();
    let (store, plain) = in_order(folder.path()).await;
    let question = "SELECT max(p.reposts) AS a, max(-p.likes) AS b,
                      max(character_length(p.text)) AS c, max(p.post_id) AS d,
                      min(CAST(p.reposts AS VARCHAR)) AS e FROM posts p WHERE p.likes > 0";
    let expected = answer(&plain, question).await;
    for threads in [1, 2] {
        let settings = Settings { threads, ..Settings::default() };
        let session = Session::new(Some(Arc::clone(&store)), settings).unwrap();
        set(&session, "datafusion.execution.batch_size", "7").await;
        for time in 1..=3 {
            assert_eq!(answer(&session, question).await, expected, "{threads}, {time}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sets_of_groups_are_asked_for_one_by_one_where_sums_of_them_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let tables = [(&ACCOUNTS, accounts()), (&POSTS, posts(1, 3_000, Times::FileByFile))];
    let store = store_of(folder.path().join("db").as_path(), tables).await;
    let session = Session::new(Some(store), Settings::default()).unwrap();
    let sums = "count(*) AS n, sum(p.reposts) AS r, avg(p.reposts) AS m, max(p.likes) AS l,
                count(p.comments) AS c";
    let joined = "posts p JOIN accounts a ON p.account_id = a.account_id";
    let told_apart = "p.client, p.account_id, grouping(p.client) AS x, grouping(p.account_id) AS y,
                      grouping(p.client, p.account_id) AS z";
    let of_posts = "(p.client), (p.account_id), ()";
    for (keys, from, sets, are_apart) in [
        ("p.client, p.account_id", "posts p", of_posts, true),
        (told_apart, "posts p", of_posts, true),
        (told_apart, "posts p", "(p.account_id), (p.client)", true),
        (told_apart, "posts p WHERE p.is_repost", "(), (p.client), (p.account_id)", true),
        (told_apart, "posts p WHERE p.platform = 'none'", of_posts, true),
        ("p.client, p.account_id, p.text", "posts p", "(p.client), (p.account_id), (p.text)", true),
        ("a.system, p.client", joined, "(a.system), (p.client), ()", true),
        (
            "a.account_id AS one, p.account_id AS other",
            joined,
            "(a.account_id), (p.account_id)",
            true,
        ),
        ("p.client, p.text, p.place", "posts p", "(p.client), (p.text), (p.place)", false),
        ("p.client, p.account_id", "posts p", "(p.client), (p.account_id), (p.client)", false),
        ("p.client, p.account_id", "(SELECT * FROM posts LIMIT 900) p", of_posts, false),
    ] {
        let sql = format!("SELECT {keys}, {sums} FROM {from} GROUP BY GROUPING SETS ({sets})");
        let shown = plan(&session, &sql).await;
        assert_eq!(shown.contains("rollup(Utf8("), are_apart, "{sql}: {shown}");
        let from_set = format!("SELECT * FROM ({sql}) q WHERE n > 30 AND client IS NULL");
        let is_named = keys.contains("p.client");
        for question in [Some(&sql), is_named.then_some(&from_set)].into_iter().flatten() {
            if question.contains("LIMIT") {
                continue;
            }
            let apart = answer(&session, question).await;
            for lever in ["weiku.sum_before_join", "weiku.rollups"] {
                set(&session, lever, "false").await;
                assert_eq!(answer(&session, question).await, apart, "{lever}: {question}");
                set(&session, lever, "true").await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_post_of_each_is_found_by_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path().join("db").as_path(), Times::SomeUnknown).await;
    let session = Session::new(Some(store), Settings::default()).unwrap();
    for (keys, order) in [
        ("p.account_id", "p.account_id, p.posted_at DESC, p.post_id"),
        ("p.client", "p.client DESC NULLS FIRST, p.posted_at DESC NULLS FIRST, p.post_id"),
        ("p.client, p.is_repost", "p.client, p.is_repost, p.likes DESC NULLS FIRST, p.post_id"),
    ] {
        let sql = format!(
            "SELECT DISTINCT ON ({keys}) {keys}, p.post_id, p.text, p.hashtags, p.likes + 1 AS more
             FROM posts p ORDER BY {order}"
        );
        let shown = plan(&session, &sql).await;
        assert!(shown.contains("FewPerGroup"), "{sql}: {shown}");
        let numbered = answer(&session, &sql).await;
        set(&session, "weiku.first_of_group", "false").await;
        assert_eq!(answer(&session, &sql).await, numbered, "{sql}");
        set(&session, "weiku.first_of_group", "true").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_of_whole_partitions_are_the_same_as_groups() {
    let windows = [
        "avg(p.reposts) OVER (PARTITION BY p.account_id)",
        "count(*) OVER (PARTITION BY p.client)",
        "sum(p.likes) FILTER (WHERE p.comments > 50) OVER (PARTITION BY p.account_id)",
        "max(p.posted_at) OVER (PARTITION BY p.is_repost)",
        "count(DISTINCT p.likes) OVER (PARTITION BY p.account_id)",
        "min(p.likes) OVER ()",
    ];
    let mut questions = Vec::new();
    for (window, condition) in windows.iter().zip(CONDITIONS.into_iter().skip(20)) {
        for condition in ["p.likes > 100", condition] {
            let rows = format!(
                "SELECT p.post_id, p.account_id, p.likes, {window} AS x,
                   sum(p.reposts) OVER (PARTITION BY p.is_repost) AS y
                 FROM posts p WHERE {condition}"
            );
            questions.extend([
                format!("SELECT * FROM ({rows}) w ORDER BY post_id"),
                format!(
                    "SELECT w.account_id, count(*) AS n, max(w.x) AS x FROM ({rows}) w
                     LEFT JOIN accounts a ON a.account_id = w.account_id
                     WHERE w.y > w.likes GROUP BY w.account_id"
                ),
            ]);
        }
    }
    compare(Times::SomeUnknown, &questions).await;

    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path().join("db").as_path(), Times::SomeUnknown).await;
    let session = Session::new(Some(store), Settings::default()).unwrap();
    let on = plan(&session, &questions[0]).await;
    assert!(on.contains("__whole") && !on.contains("WindowAggr"), "{on}");
    set(&session, "weiku.whole_windows", "false").await;
    let off = plan(&session, &questions[0]).await;
    assert!(!off.contains("__whole") && off.contains("WindowAggr"), "{off}");
}
