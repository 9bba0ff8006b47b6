//! What lies beside data files is never needed for an answer and never changes
//! one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray, new_null_array,
};
use datafusion::arrow::util::pretty::pretty_format_batches;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::Digest;
use weiku::engine::{Session, Settings};
use weiku::model::POSTS;
use weiku::store::{Limits, Repair, Store};

/// Pieces of texts: words in Chinese, emoji, both cases, wildcards and escapes,
/// letters that other letters turn into when case is ignored.
const PIECES: &[&str] = &[
    "地震",
    "地",
    "震",
    "公安部",
    "外交部",
    "微博",
    "😊",
    "👨‍👩‍👧",
    "%",
    "_",
    "\\",
    "'",
    "\n",
    "#高温#",
    "http://t.cn/zW3f",
    "Weibo",
    "WEIBO",
    "weibo",
    "K",
    "\u{212A}",
    "ſ",
    "s",
    "İ",
    "i",
    "É",
    "é",
    "ＡＢ",
    "12",
    "2012年",
    " ",
    "。",
    "ß",
];

/// Pieces that hardly any text has.
const RARE: &[&str] = &["量子计算", "龘", "Zyxwv", "🦄", "q%q", "É量"];

/// A post to be: its number, its text, and the version of its values.
type Post = (u32, Option<String>, i64);

/// A text of some pieces, or none.
fn text(dice: &mut ChaCha8Rng) -> Option<String> {
    if dice.random_bool(0.05) {
        return None;
    }
    let mut text = String::new();
    for _ in 0..dice.random_range(0..7) {
        text.push_str(PIECES[dice.random_range(0..PIECES.len())]);
    }
    if dice.random_bool(0.002) {
        text.push_str(RARE[dice.random_range(0..RARE.len())]);
    }
    Some(text)
}

/// Rows of `posts`.
fn rows(posts: &[Post]) -> RecordBatch {
    let instant = |value: fn(&Post) -> i64| -> ArrayRef {
        let values = posts.iter().map(value);
        Arc::new(TimestampMicrosecondArray::from_iter_values(values).with_timezone("UTC"))
    };
    let columns = POSTS.columns.iter().map(|column| -> ArrayRef {
        match column.name {
            "platform" => {
                Arc::new(StringViewArray::from_iter_values(posts.iter().map(|_| "weibo")))
            }
            "post_id" => Arc::new(StringViewArray::from_iter_values(
                posts.iter().map(|post| format!("{:08}", post.0)),
            )),
            "text" => {
                posts.iter().map(|post| post.1.clone()).collect::<StringViewArray>().into_array()
            }
            "posted_at" => instant(|post| 1_300_000_000_000_000 + i64::from(post.0) * 60_000_000),
            "observed_at" => instant(|post| 1_400_000_000_000_000 + post.2),
            "reposts" => Arc::new(posts.iter().map(|post| Some(post.2)).collect::<Int64Array>()),
            _ => new_null_array(&column.kind.data_type(), posts.len()),
        }
    });
    RecordBatch::try_new(POSTS.schema(), columns.collect()).unwrap()
}

trait IntoArray {
    fn into_array(self) -> ArrayRef;
}

impl IntoArray for StringViewArray {
    fn into_array(self) -> ArrayRef {
        Arc::new(self)
    }
}

/// Two files of some blocks each.
const LIMITS: Limits = Limits {
    file_rows: 2_000,
    file_bytes: 64 << 20,
    merged_file_bytes: 64 << 20,
    merge_rows: 1_000,
    merge_bytes: 64 << 20,
};

async fn append(store: &Store, posts: &[Post]) {
    let mut transaction = store.begin().await.unwrap();
    for posts in posts.chunks(1_000) {
        transaction.append(&POSTS, rows(posts)).await.unwrap();
    }
    transaction.commit().await.unwrap();
}

async fn merge(store: &Store, posts: &[Post]) {
    let mut transaction = store.begin().await.unwrap();
    transaction.upsert(&POSTS, rows(posts), &vec![true; posts.len()]).await.unwrap();
    transaction.commit().await.unwrap();
}

/// A new database with posts of generated texts, and its posts.
async fn database(root: &Path, count: u32, dice: &mut ChaCha8Rng) -> (Store, Vec<Post>) {
    let store = Store::create(root).await.unwrap().with_limits(LIMITS);
    let posts: Vec<Post> = (0..count).map(|number| (number, text(dice), 0)).collect();
    append(&store, &posts).await;
    (store, posts)
}

fn session(store: &Store) -> Session {
    Session::new(Some(Arc::new(store.clone())), Settings { threads: 2, ..Settings::default() })
        .unwrap()
}

/// The answer as a table of text, or the error.
async fn answer(session: &Session, sql: &str) -> String {
    match session.collect(sql).await {
        Ok(batches) => pretty_format_batches(&batches).unwrap().to_string(),
        Err(error) => format!("error: {error}"),
    }
}

/// The answer with the setting on, which must be the one with it off.
async fn same(session: &Session, setting: &str, sql: &str) -> String {
    let mut answers = Vec::new();
    for value in ["false", "true"] {
        session.collect(&format!("SET weiku.{setting} = {value}")).await.unwrap();
        answers.push(answer(session, sql).await);
    }
    assert_eq!(answers[0], answers[1], "{setting} changes the answer of {sql}");
    answers.remove(1)
}

/// A string in SQL.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A condition on texts, of the kinds that the index understands and does not.
fn condition(dice: &mut ChaCha8Rng) -> String {
    let mut piece = || {
        let pieces = if dice.random_bool(0.5) { RARE } else { PIECES };
        let first = pieces[dice.random_range(0..pieces.len())];
        if dice.random_bool(0.3) {
            format!("{first}{}", PIECES[dice.random_range(0..PIECES.len())])
        } else {
            first.to_owned()
        }
    };
    let (one, two) = (piece(), piece());
    let escaped = |word: &str| word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let regex = |word: &str| {
        word.chars().fold(String::new(), |word, c| {
            if c.is_ascii_punctuation() { format!("{word}\\{c}") } else { format!("{word}{c}") }
        })
    };
    match dice.random_range(0..16) {
        0 => format!("text LIKE {}", quoted(&format!("%{one}%"))),
        1 => format!("text LIKE {}", quoted(&format!("%{}%", escaped(&one)))),
        2 => format!("text ILIKE {}", quoted(&format!("%{one}%{two}%"))),
        3 => format!("text ILIKE {}", quoted(&format!("{}_", one.to_lowercase()))),
        4 => format!("text NOT LIKE {}", quoted(&format!("%{one}%"))),
        5 => format!("strpos(text, {}) > 0", quoted(&one)),
        6 => format!("position({} IN text) >= 1", quoted(&one)),
        7 => format!("contains(text, {})", quoted(&one)),
        8 => format!("text = {}", quoted(&one)),
        9 => format!("text IN ({}, {})", quoted(&one), quoted(&two)),
        10 => {
            format!("regexp_like(text, {})", quoted(&format!("{}.*{}", regex(&one), regex(&two))))
        }
        11 => format!("regexp_like(text, {}, 'i')", quoted(&regex(&one))),
        12 => format!("text ~ {}", quoted(&format!("({}|{})", regex(&one), regex(&two)))),
        13 => format!("lower(text) LIKE {}", quoted(&format!("%{}%", one.to_lowercase()))),
        14 => format!(
            "(text LIKE {} OR starts_with(text, {}))",
            quoted(&format!("%{one}%")),
            quoted(&two)
        ),
        _ => format!(
            "(contains(text, {}) AND text LIKE {})",
            quoted(&one),
            quoted(&format!("%{two}%"))
        ),
    }
}

/// Asks `count` generated questions with the index and without.
async fn ask(store: &Store, dice: &mut ChaCha8Rng, count: usize) {
    let session = session(store);
    for _ in 0..count {
        let condition = condition(dice);
        let sql = format!(
            "SELECT count(*), count(text), min(post_id), max(post_id), sum(reposts) FROM posts WHERE {condition}"
        );
        same(&session, "text_index", &sql).await;
    }
    let sql =
        "SELECT post_id, text FROM posts WHERE text LIKE '%量子%' ORDER BY posted_at DESC LIMIT 3";
    same(&session, "text_index", sql).await;
}

/// The files beside data files of posts.
fn indexes(root: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(root.join("posts")).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|suffix| suffix == "index")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_index_changes_no_answer_whatever_happens_to_the_posts() {
    let folder = tempfile::tempdir().unwrap();
    let mut dice = ChaCha8Rng::seed_from_u64(7);
    let root = folder.path().join("db");
    let (store, mut posts) = database(&root, 5_000, &mut dice).await;
    ask(&store, &mut dice, 60).await;

    // Some texts change, some posts are new: files are written anew.
    for post in &mut posts {
        if dice.random_bool(0.1) {
            *post = (post.0, text(&mut dice), post.2 + 1);
        }
    }
    posts.extend((5_000..5_500).map(|number| (number, text(&mut dice), 1)));
    merge(&store, &posts).await;
    ask(&store, &mut dice, 30).await;

    store.optimize(&|_, _| {}).await.unwrap();
    assert_eq!(store.verify(Repair::Plan).await.unwrap(), []);
    let files = store.snapshot(&POSTS, None).await.unwrap().files.len();
    assert!(indexes(&root).len() >= files, "a file lacks its index");
    ask(&store, &mut dice, 30).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rare_word_is_looked_for_in_few_rows_and_explain_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut dice = ChaCha8Rng::seed_from_u64(8);
    let (store, mut posts) = database(&folder.path().join("db"), 4_000, &mut dice).await;
    posts.truncate(1);
    posts[0] = (9_999, Some("论量子纠缠与地震".to_owned()), 0);
    append(&store, &posts).await;
    let session = session(&store);
    let sql = "SELECT count(*) FROM posts WHERE text LIKE '%子纠%'";
    assert!(same(&session, "text_index", sql).await.contains("| 1 "));
    let plan = answer(&session, &format!("EXPLAIN {sql}")).await;
    assert!(plan.contains("1 of 4001 rows in 1 of 3 files"), "{plan}");
    session.collect("SET weiku.text_index = false").await.unwrap();
    let plan = answer(&session, &format!("EXPLAIN {sql}")).await;
    assert!(!plan.contains("text_index"), "{plan}");
    // What is everywhere is read as ever.
    session.collect("SET weiku.text_index = true").await.unwrap();
    let plan =
        answer(&session, "EXPLAIN SELECT count(*) FROM posts WHERE text LIKE '%地震%'").await;
    assert!(!plan.contains("text_index"), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_or_with_a_damaged_index_queries_read_the_data_and_optimize_makes_it_anew() {
    let folder = tempfile::tempdir().unwrap();
    let mut dice = ChaCha8Rng::seed_from_u64(9);
    let root = folder.path().join("db");
    let (store, _) = database(&root, 3_000, &mut dice).await;
    let paths = indexes(&root);
    assert_eq!(paths.len(), 2);
    let whole: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    std::fs::remove_file(&paths[0]).unwrap();
    for _ in 0..20 {
        let mut bytes = whole[1].clone();
        let at = dice.random_range(0..bytes.len());
        bytes[at] ^= 1 << dice.random_range(0..8);
        std::fs::write(&paths[1], &bytes).unwrap();
        ask(&store, &mut dice, 2).await;
    }
    let found = store.verify(Repair::Plan).await.unwrap();
    let problems: Vec<&str> = found.iter().map(|finding| finding.problem.as_str()).collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems.iter().any(|problem| problem.ends_with("is missing")), "{problems:?}");
    assert!(problems.iter().any(|problem| problem.ends_with("is damaged")), "{problems:?}");

    store.verify(Repair::Execute).await.unwrap();
    assert_eq!(store.verify(Repair::Plan).await.unwrap(), []);
    for (path, whole) in paths.iter().zip(&whole) {
        assert_eq!(&std::fs::read(path).unwrap(), whole, "what is made anew is the same");
        std::fs::remove_file(path).unwrap();
    }
    store.optimize(&|_, _| {}).await.unwrap();
    assert_eq!(store.verify(Repair::Plan).await.unwrap(), []);
    ask(&store, &mut dice, 10).await;
}

/// Posts of few accounts over some months, with counts that are known for all,
/// for some, or for none, in one of the given zones' days.
fn counted(dice: &mut ChaCha8Rng, count: u32, first_day: i64) -> RecordBatch {
    let rows = 0..count;
    let mut texts = |values: &[Option<&str>]| -> ArrayRef {
        let values = rows.clone().map(|_| values[dice.random_range(0..values.len())]);
        Arc::new(values.collect::<StringViewArray>())
    };
    let accounts = texts(&[Some("a"), Some("b"), Some("c"), None]);
    let clients = texts(&[Some("web"), Some("手机"), None]);
    let platforms = texts(&[Some("weibo"), Some("mastodon")]);
    let mut instants = |known: f64| -> ArrayRef {
        let values = rows.clone().map(|_| {
            let hours = dice.random_range(0..24 * 70);
            // Often to the microsecond where days and months begin.
            let shift = [0, 0, -1, 1, 123_456_789][dice.random_range(0..5)];
            dice.random_bool(known).then(|| (first_day * 24 + hours) * 3_600_000_000 + shift)
        });
        Arc::new(values.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
    };
    let posted = instants(0.97);
    let observed = instants(1.0);
    let mut counts = |known: f64, greatest: i64| -> ArrayRef {
        let values = rows.clone().map(|_| {
            let value = dice.random_range(-3..=greatest);
            dice.random_bool(known).then_some(value)
        });
        Arc::new(values.collect::<Int64Array>())
    };
    let (reposts, comments, media) = (counts(1.0, 1_000), counts(0.7, 50), counts(0.9, 3));
    let reposted: ArrayRef = Arc::new(
        rows.clone()
            .map(|_| [Some(true), Some(false), None][dice.random_range(0..3)])
            .collect::<datafusion::arrow::array::BooleanArray>(),
    );
    let columns = POSTS.columns.iter().map(|column| -> ArrayRef {
        match column.name {
            "platform" => Arc::clone(&platforms),
            "post_id" => Arc::new(StringViewArray::from_iter_values(
                rows.clone().map(|number| format!("{first_day}-{number:06}")),
            )),
            "account_id" => Arc::clone(&accounts),
            "client" => Arc::clone(&clients),
            "posted_at" => Arc::clone(&posted),
            "observed_at" => Arc::clone(&observed),
            "is_repost" => Arc::clone(&reposted),
            "reposts" => Arc::clone(&reposts),
            "comments" => Arc::clone(&comments),
            "media_count" => Arc::clone(&media),
            _ => new_null_array(&column.kind.data_type(), count as usize),
        }
    });
    RecordBatch::try_new(POSTS.schema(), columns.collect()).unwrap()
}

/// A question that adds posts up, in many forms.
fn question(dice: &mut ChaCha8Rng) -> String {
    let mut some = |from: &[&str], most: usize| -> Vec<String> {
        let count = dice.random_range(0..=most);
        (0..count).map(|_| from[dice.random_range(0..from.len())].to_owned()).collect()
    };
    let groups = some(
        &[
            "platform",
            "account_id",
            "client",
            "is_repost",
            "date_trunc('day', posted_at)",
            "date_trunc('month', posted_at)",
            "date_trunc('hour', posted_at)",
            "date_trunc('week', posted_at)",
            "CAST(posted_at AS DATE)",
            "CAST(date_trunc('day', posted_at) AS DATE)",
            "date_part('dow', posted_at)",
            "date_part('year', posted_at)",
            "coalesce(client, 'none')",
            "date_trunc('quarter', posted_at)",
            "date_part('hour', posted_at)",
            "account_id IS NULL",
            "upper(platform)",
        ],
        2,
    );
    let mut aggregates = some(
        &[
            "count(*)",
            "count(1)",
            "count(reposts)",
            "count(comments)",
            "count(likes)",
            "count(posted_at)",
            "count(account_id)",
            "count(is_repost)",
            "sum(reposts)",
            "sum(comments)",
            "sum(likes)",
            "avg(reposts)",
            "avg(comments)",
            "avg(likes)",
            "min(reposts)",
            "max(comments)",
            "min(likes)",
            "min(posted_at)",
            "max(posted_at)",
            "min(account_id)",
            "max(client)",
            "sum(reposts + 1)",
            "sum(reposts + comments)",
            "sum(reposts - coalesce(likes, 2) + 3)",
            "avg(reposts + coalesce(likes, 0))",
            "sum(reposts + likes)",
            "count(*) FILTER (WHERE is_repost)",
            "sum(reposts) FILTER (WHERE NOT is_repost)",
            "count(*) FILTER (WHERE reposts > 5)",
            "count(DISTINCT account_id)",
            "count(DISTINCT client)",
            "avg(CASE WHEN is_repost THEN 1.0 ELSE 0.0 END)",
            "avg(CASE WHEN is_repost THEN 1.0 END)",
            "max(media_count)",
            "median(reposts)",
            "sum(DISTINCT media_count)",
        ],
        4,
    );
    aggregates.push("count(*) AS n".to_owned());
    let filters = some(
        &[
            "account_id = 'a'",
            "platform <> 'weibo'",
            "is_repost",
            "client IS NULL",
            "posted_at IS NOT NULL",
            "posted_at >= TIMESTAMP '2012-02-01 00:00:00'",
            "posted_at < TIMESTAMP '2012-02-01 00:00:00'",
            "posted_at >= TIMESTAMP '2012-01-20 00:00:00'",
            "posted_at < TIMESTAMP '2012-02-10 12:34:56'",
            "posted_at > TIMESTAMP '2012-01-10 03:04:05'",
            "posted_at >= TIMESTAMP '2012-01-31 17:00:00'",
            "CAST(date_trunc('day', posted_at) AS DATE) <= DATE '2012-02-20'",
            "DATE '2012-02-12' > CAST(posted_at AS DATE)",
            "posted_at BETWEEN TIMESTAMP '2012-01-15 00:00:00' AND TIMESTAMP '2012-01-31 23:59:59.999999'",
            "date_trunc('month', posted_at) = TIMESTAMP '2012-02-01 00:00:00'",
            "reposts > 10",
            "CAST(date_trunc('day', posted_at) AS DATE) > DATE '2012-01-20'",
            "posted_at <= TIMESTAMP '2012-03-01 00:00:00'",
        ],
        2,
    );
    let from = [
        "posts",
        "posts",
        "posts AS p",
        "(SELECT *, account_id AS who FROM posts) AS p",
        "posts JOIN (VALUES ('a', 1), ('a', 2), ('b', 3)) AS v (who, part) ON account_id = who",
        "posts LEFT JOIN (SELECT DISTINCT origin_account_id AS who FROM posts) AS v ON account_id = who",
    ][dice.random_range(0..6)];
    let mut columns: Vec<String> =
        groups.iter().enumerate().map(|(number, group)| format!("{group} AS g{number}")).collect();
    columns.extend(aggregates.iter().enumerate().map(|(number, aggregate)| {
        match aggregate.contains(" AS ") {
            true if !aggregate.contains("CASE") => aggregate.clone(),
            _ => format!("{aggregate} AS a{number}"),
        }
    }));
    let mut sql = format!("SELECT {} FROM {from}", columns.join(", "));
    if !filters.is_empty() {
        sql += &format!(" WHERE {}", filters.join(" AND "));
    }
    if !groups.is_empty() {
        let names: Vec<String> = (1..=groups.len()).map(|number| number.to_string()).collect();
        sql += &format!(" GROUP BY {0} ORDER BY {0}", names.join(", "));
    }
    sql
}

/// Asks generated questions in `zone`; gives how many a roll-up answered.
async fn ask_sums(store: &Store, dice: &mut ChaCha8Rng, zone: &str, count: usize) -> usize {
    let settings = Settings { threads: 2, timezone: zone.to_owned(), ..Settings::default() };
    let session = Session::new(Some(Arc::new(store.clone())), settings).unwrap();
    let (mut answered, mut failed) = (0, 0);
    for _ in 0..count {
        let sql = question(dice);
        let found = same(&session, "rollups", &sql).await;
        failed += usize::from(found.starts_with("error"));
        let plan = answer(&session, &format!("EXPLAIN {sql}")).await;
        answered += usize::from(plan.contains("rollup(Utf8("));
    }
    // Two groups of one name are refused, for one.
    assert!(failed <= count / 5, "{failed} of {count} questions are no questions");
    answered
}

#[tokio::test(flavor = "multi_thread")]
async fn rollups_change_no_answer_in_any_zone_whatever_happens_to_the_posts() {
    let folder = tempfile::tempdir().unwrap();
    let mut dice = ChaCha8Rng::seed_from_u64(11);
    let store = Store::create(&folder.path().join("db")).await.unwrap().with_limits(LIMITS);
    for first_day in [15_340, 15_390] {
        let mut transaction = store.begin().await.unwrap();
        transaction.append(&POSTS, counted(&mut dice, 3_000, first_day)).await.unwrap();
        transaction.commit().await.unwrap();
    }
    for zone in ["UTC", "Asia/Shanghai", "+08:00"] {
        let answered = ask_sums(&store, &mut dice, zone, 100).await;
        assert!(answered >= 10, "{answered} questions of 100 were answered by a roll-up in {zone}");
    }
    let shares = session(&store);
    for whole in ["1.0 ELSE 0.0", "1.00", "1 ELSE 0.0"] {
        let sql = format!("SELECT avg(CASE WHEN is_repost THEN {whole} END) FROM posts");
        let plan = answer(&shares, &format!("EXPLAIN {sql}")).await;
        assert!(plan.contains("rollup(Utf8("), "{sql}: {plan}");
        same(&shares, "rollups", &sql).await;
    }
    ask_sums(&store, &mut dice, "America/New_York", 30).await;
    ask_sums(&store, &mut dice, "Asia/Kolkata", 30).await;
    // Counts change, and some posts move to other accounts and days.
    let changed = counted(&mut dice, 1_000, 15_340);
    let mut transaction = store.begin().await.unwrap();
    transaction.upsert(&POSTS, changed, &[true; 1_000]).await.unwrap();
    transaction.commit().await.unwrap();
    ask_sums(&store, &mut dice, "Asia/Shanghai", 30).await;
    store.optimize(&|_, _| {}).await.unwrap();
    assert_eq!(store.verify(Repair::Plan).await.unwrap(), []);
    assert!(ask_sums(&store, &mut dice, "UTC", 50).await > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_that_might_round_or_overflow_are_taken_from_the_posts() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(&folder.path().join("db")).await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    let posts: Vec<Post> = (0..100).map(|number| (number, None, i64::MAX / 50)).collect();
    let batch = rows(&posts);
    let without_times = batch.schema().index_of("observed_at").unwrap();
    let mut columns = batch.columns().to_vec();
    columns[without_times] = Arc::new(
        TimestampMicrosecondArray::from_iter_values((0..100).map(i64::from)).with_timezone("UTC"),
    );
    let batch = RecordBatch::try_new(batch.schema(), columns).unwrap();
    transaction.append(&POSTS, batch).await.unwrap();
    transaction.commit().await.unwrap();
    let session = session(&store);
    let answer =
        same(&session, "rollups", "SELECT sum(reposts), count(*) FROM posts GROUP BY platform")
            .await;
    assert!(answer.contains("does not fit"), "{answer}");
    same(&session, "rollups", "SELECT avg(reposts), max(reposts) FROM posts GROUP BY platform")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_posts_has_the_same_sums_with_rollups_and_without() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(&folder.path().join("db")).await.unwrap();
    let session = session(&store);
    for sql in [
        "SELECT count(*), sum(reposts), avg(reposts) FROM posts",
        "SELECT platform, count(*), sum(reposts) FROM posts GROUP BY platform",
    ] {
        same(&session, "rollups", sql).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_whole_index_sums_are_taken_from_the_posts() {
    let folder = tempfile::tempdir().unwrap();
    let mut dice = ChaCha8Rng::seed_from_u64(12);
    let root = folder.path().join("db");
    let store = Store::create(&root).await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    transaction.append(&POSTS, counted(&mut dice, 3_000, 15_340)).await.unwrap();
    transaction.commit().await.unwrap();
    let path = indexes(&root).remove(0);
    let whole = std::fs::read(&path).unwrap();
    for _ in 0..10 {
        let mut bytes = whole.clone();
        let at = dice.random_range(0..bytes.len());
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let store = Store::open(&root).await.unwrap();
        ask_sums(&store, &mut dice, "Asia/Shanghai", 3).await;
    }
    std::fs::remove_file(&path).unwrap();
    let store = Store::open(&root).await.unwrap();
    assert_eq!(ask_sums(&store, &mut dice, "Asia/Shanghai", 5).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn any_part_of_the_clock_and_the_calendar_is_a_sum_of_hours() {
    let folder = tempfile::tempdir().unwrap();
    let mut dice = ChaCha8Rng::seed_from_u64(14);
    let root = folder.path().join("db");
    let store = Store::create(&root).await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    transaction.append(&POSTS, counted(&mut dice, 40_000, 15_340)).await.unwrap();
    transaction.commit().await.unwrap();
    let by_hours = async |store: &Store, zone: &str| {
        let settings = Settings { timezone: zone.to_owned(), ..Settings::default() };
        let session = Session::new(Some(Arc::new(store.clone())), settings).unwrap();
        let mut by_hours = 0;
        for (groups, filter) in [
            ("date_part('dow', posted_at), date_part('hour', posted_at)", "true"),
            ("date_part('day', posted_at), date_part('hour', posted_at)", "is_repost"),
            ("date_trunc('hour', posted_at)", "posted_at >= TIMESTAMP '2012-02-03 04:05:06'"),
            ("CAST(posted_at AS DATE), date_part('hour', posted_at)", "platform = 'weibo'"),
            (
                "platform, date_trunc('hour', posted_at)",
                "posted_at >= TIMESTAMP '2012-02-03 04:05:06' AND posted_at < TIMESTAMP '2012-02-07 08:00:00'",
            ),
        ] {
            let sql = format!(
                "SELECT {groups}, count(*), sum(reposts), avg(comments), min(likes), max(posted_at)
                FROM posts WHERE {filter} GROUP BY {groups} ORDER BY {groups}"
            );
            same(&session, "rollups", &sql).await;
            let plan = answer(&session, &format!("EXPLAIN {sql}")).await;
            by_hours += usize::from(plan.contains("by hour"));
        }
        by_hours
    };
    assert_eq!(by_hours(&store, "Asia/Shanghai").await, 5);
    assert_eq!(by_hours(&store, "UTC").await, 5);
    assert_eq!(by_hours(&store, "Asia/Kolkata").await, 0);

    // An index made before there were sums by hour, which `weiku optimize` adds.
    let [path] = &indexes(&root)[..] else { panic!("one data file has one index") };
    forget_hours(path);
    assert_eq!(by_hours(&Store::open(&root).await.unwrap(), "UTC").await, 0);
    let store = Store::open(&root).await.unwrap();
    assert_eq!(store.verify(Repair::Plan).await.unwrap(), []);
    store.optimize(&|_, _| {}).await.unwrap();
    assert_eq!(by_hours(&Store::open(&root).await.unwrap(), "UTC").await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_there_is_a_post_can_be_seen_from_sums() {
    let folder = tempfile::tempdir().unwrap();
    let mut dice = ChaCha8Rng::seed_from_u64(15);
    let store = Store::create(&folder.path().join("db")).await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    transaction.append(&POSTS, counted(&mut dice, 5_000, 15_340)).await.unwrap();
    transaction.commit().await.unwrap();
    let session = session(&store);
    let accounts = "(VALUES ('a', 1), ('b', 2), ('x', 3), (NULL, 4)) AS v (who, n)";
    for (condition, from_sums) in [
        ("account_id = who", true),
        (
            "account_id = who AND NOT is_repost AND posted_at >= TIMESTAMP '2012-02-01 00:00:00'",
            true,
        ),
        ("account_id = who AND posted_at < TIMESTAMP '2012-01-02 03:04:05'", true),
        ("account_id = who AND posted_at > TIMESTAMP '2012-03-10 11:12:13'", true),
        ("account_id = who AND platform > 'mas' || n", true),
        ("account_id = who AND reposts > 990", false),
        ("reposts = n", false),
    ] {
        for not in ["", "NOT "] {
            let sql = format!(
                "SELECT who, n FROM {accounts}
                WHERE {not}EXISTS (SELECT 1 FROM posts AS p WHERE {condition}) ORDER BY n"
            );
            same(&session, "rollups", &sql).await;
            let plan = answer(&session, &format!("EXPLAIN {sql}")).await;
            assert_eq!(plan.contains("rollup(Utf8("), from_sums, "{sql}\n{plan}");
        }
    }
    for sql in [
        format!("SELECT n FROM {accounts} WHERE who IN (SELECT account_id FROM posts) ORDER BY n"),
        // Of an unknown account nobody knows whether it is among them.
        format!(
            "SELECT n FROM {accounts} WHERE who NOT IN (SELECT account_id FROM posts) ORDER BY n"
        ),
    ] {
        same(&session, "rollups", &sql).await;
    }
}

/// Makes the section with the sums by hour one that nobody knows.
fn forget_hours(path: &Path) {
    /// The number of its kind, and of one that there is none of.
    const KINDS: [u32; 2] = [6, 600];
    /// Bytes of a line of the directory, and of what follows it.
    const LINE: usize = 28;
    const TRAILER: usize = 52;
    let mut bytes = std::fs::read(path).unwrap();
    let end = bytes.len() - TRAILER;
    let length = u64::from_le_bytes(bytes[end + 32..end + 40].try_into().unwrap()) as usize;
    let directory = &mut bytes[end - length..end];
    let [hours, unknown] = KINDS.map(u32::to_le_bytes);
    // It begins with the checksum of the data file, in hexadecimal.
    let line = directory[64..].chunks_mut(LINE).find(|line| line.starts_with(&hours)).unwrap();
    line[..4].copy_from_slice(&unknown);
    let sum = sha2::Sha256::digest(&bytes[end - length..end]);
    bytes[end..end + 32].copy_from_slice(&sum);
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_range_that_cuts_months_the_ends_are_taken_from_the_posts() {
    let folder = tempfile::tempdir().unwrap();
    let mut dice = ChaCha8Rng::seed_from_u64(13);
    let store = Store::create(&folder.path().join("db")).await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    transaction.append(&POSTS, counted(&mut dice, 5_000, 15_340)).await.unwrap();
    transaction.commit().await.unwrap();
    let session = session(&store);
    for range in [
        "posted_at >= TIMESTAMP '2012-01-10 03:04:05'",
        "posted_at > TIMESTAMP '2012-01-15 00:00:00' AND posted_at < TIMESTAMP '2012-03-05 06:07:08'",
        "CAST(date_trunc('day', posted_at) AS DATE) BETWEEN DATE '2012-01-12' AND DATE '2012-03-02'",
        "CAST(posted_at AS DATE) > DATE '2012-01-12'",
    ] {
        let sql = format!(
            "SELECT account_id, count(*), sum(reposts), avg(comments), count(likes), min(media_count), max(posted_at)
            FROM posts AS p WHERE {range} GROUP BY account_id ORDER BY account_id"
        );
        same(&session, "rollups", &sql).await;
        let plan = answer(&session, &format!("EXPLAIN {sql}")).await;
        assert!(plan.contains("Union") && plan.contains("rollup(Utf8("), "{plan}");
    }
    let within_a_month = "SELECT account_id, count(*) FROM posts
        WHERE posted_at >= TIMESTAMP '2012-01-10 03:04:05' AND posted_at < TIMESTAMP '2012-01-20 00:00:00' GROUP BY account_id";
    let plan = answer(&session, &format!("EXPLAIN {within_a_month}")).await;
    assert!(!plan.contains("rollup("), "{plan}");
}
