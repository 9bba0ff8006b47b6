//! The same columns by groups that are joined and by windows.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::compute::cast;
use datafusion::arrow::record_batch::RecordBatch;

use crate::engine::answers::answer;
use crate::engine::{Session, Settings};
use crate::model::{ACCOUNTS, POSTS, Table};
use crate::store::Store;

/// Posts of accounts and clients that are unknown at times.
const SOME_POSTS: &str = "SELECT 'weibo' AS platform, CAST(100000 + value AS VARCHAR) AS post_id,
       CASE WHEN value % 41 > 0 THEN 'a' || (value * 7919 % 23) END AS account_id,
       CASE WHEN value % 53 > 0 THEN arrow_cast(
         1325347200000000 + (value * 7907 % 4000) * 3601000000,
         'Timestamp(Microsecond, Some(\"UTC\"))') END AS posted_at,
       'text ' || (value % 90) AS text,
       CASE value % 5 WHEN 0 THEN NULL ELSE 'c' || (value % 4) END AS client,
       CAST(NULL AS VARCHAR) AS place,
       CASE WHEN value % 31 > 0 THEN value % 3 = 0 END AS is_repost,
       CAST(NULL AS VARCHAR) AS origin_post_id, CAST(NULL AS VARCHAR) AS origin_account_id,
       value % 17 AS reposts, value * 31 % 101 AS comments,
       CASE WHEN value % 4 > 0 THEN value % 1009 END AS likes,
       CAST(NULL AS VARCHAR[]) AS hashtags, CAST(NULL AS VARCHAR[]) AS mentions,
       CAST(NULL AS VARCHAR[]) AS urls, CAST(NULL AS BIGINT) AS media_count,
       arrow_cast(1356969600000000, 'Timestamp(Microsecond, Some(\"UTC\"))') AS observed_at
     FROM generate_series(1, 3000)";

const SOME_ACCOUNTS: &str =
    "SELECT 'weibo' AS platform, 'a' || value AS account_id, 'n' || value AS screen_name,
       CAST(NULL AS VARCHAR) AS description, value % 3 > 0 AS verified,
       CAST(NULL AS VARCHAR) AS verified_type, CAST(NULL AS VARCHAR) AS verified_reason,
       CAST(NULL AS VARCHAR) AS location,
       arrow_cast(NULL, 'Timestamp(Microsecond, Some(\"UTC\"))') AS registered_at,
       CAST(NULL AS VARCHAR) AS organization,
       CASE value % 4 WHEN 0 THEN NULL WHEN 1 THEN 'county' ELSE 'central' END AS level,
       's' || (value % 5) AS system, 'r' || (value % 7) AS region,
       CAST(NULL AS VARCHAR) AS style,
       arrow_cast(1356969600000000, 'Timestamp(Microsecond, Some(\"UTC\"))') AS observed_at
     FROM generate_series(3, 30)";

fn in_types_of(table: &Table, batch: &RecordBatch) -> RecordBatch {
    let schema = table.schema();
    let column = |name: &str| batch.column_by_name(name).unwrap();
    let fields = schema.fields().iter();
    let columns = fields.map(|field| cast(column(field.name()), field.data_type()).unwrap());
    let columns = columns.collect();
    RecordBatch::try_new(schema, columns).unwrap()
}

async fn session(folder: &Path) -> Session {
    let store = Store::create(folder).await.unwrap();
    let maker = Session::new(None, Settings::default()).unwrap();
    for (table, sql) in [(&ACCOUNTS, SOME_ACCOUNTS), (&POSTS, SOME_POSTS)] {
        let mut transaction = store.begin().await.unwrap();
        for batch in maker.collect(sql).await.unwrap() {
            transaction.append(table, in_types_of(table, &batch)).await.unwrap();
        }
        transaction.commit().await.unwrap();
    }
    let store = Arc::new(Store::open(folder).await.unwrap());
    Session::new(Some(store), Settings { threads: 2, ..Settings::default() }).unwrap()
}

/// The rows with the rule and without, each in an order of their own, and the plan with it.
async fn both(session: &Session, sql: &str) -> (Vec<String>, Vec<String>, String) {
    let plan = answer(session, &format!("EXPLAIN {sql}")).await.join("\n");
    let mut answers = Vec::new();
    for lever in ["true", "false"] {
        session.collect(&format!("SET weiku.whole_windows = {lever}")).await.unwrap();
        let mut rows = answer(session, sql).await;
        rows.sort();
        answers.push(rows);
    }
    let off = answer(session, &format!("EXPLAIN {sql}")).await.join("\n");
    assert!(!off.contains("__whole"), "{off}");
    session.collect("SET weiku.whole_windows = true").await.unwrap();
    let without = answers.pop().unwrap();
    (answers.pop().unwrap(), without, plan)
}

/// Asks for `columns` of `rows` in an order.
fn sorted(columns: &str, rows: &str) -> String {
    format!("SELECT * FROM (SELECT p.post_id, {columns} FROM {rows}) q ORDER BY post_id")
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_give_each_row_what_its_partition_gives() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(folder.path()).await;
    let with_accounts = "posts p JOIN accounts a ON p.account_id = a.account_id";
    let with_unknown = "posts p LEFT JOIN accounts a ON p.account_id = a.account_id";
    for (columns, rows) in [
        ("p.reposts, avg(p.reposts) OVER (PARTITION BY p.account_id) AS a", "posts p"),
        ("p.client, sum(p.likes) OVER (PARTITION BY p.client) AS s", "posts p"),
        ("count(*) OVER () AS n, min(p.likes) OVER () AS least", "posts p"),
        (
            "count(p.likes) OVER w AS n, min(p.posted_at) OVER w AS earliest,
             bool_or(p.is_repost) OVER w AS some, max(p.client) OVER w AS client,
             round(stddev(p.reposts) OVER w, 6) AS apart, round(var_pop(p.likes) OVER w, 3) AS v",
            "posts p WINDOW w AS (PARTITION BY p.account_id)",
        ),
        (
            "count(*) FILTER (WHERE p.is_repost) OVER (PARTITION BY p.account_id) AS n,
             sum(p.likes) FILTER (WHERE p.likes > 5000) OVER (PARTITION BY p.account_id) AS none",
            "posts p",
        ),
        (
            "sum(p.reposts) OVER (PARTITION BY p.is_repost ROWS BETWEEN UNBOUNDED PRECEDING
             AND UNBOUNDED FOLLOWING) AS s, sum(p.reposts) OVER (PARTITION BY p.is_repost) AS t",
            "posts p",
        ),
        ("max(p.likes) OVER (PARTITION BY date_trunc('month', p.posted_at)) AS m", "posts p"),
        ("sum(p.likes + p.reposts) OVER (PARTITION BY p.account_id) AS m", "posts p"),
        (
            "p.reposts * 1.0 / nullif(sum(p.reposts) OVER (PARTITION BY p.account_id), 0) AS share,
             count(*) OVER (PARTITION BY p.client) AS n",
            "posts p WHERE p.likes > 20 AND NOT p.is_repost",
        ),
        ("p.text, count(*) OVER (PARTITION BY p.account_id) AS n", "posts p WHERE p.likes < 0"),
        ("a.level, avg(p.reposts) OVER (PARTITION BY a.level) AS n", with_accounts),
        ("a.level, avg(p.reposts) OVER (PARTITION BY a.level) AS n", with_unknown),
        (
            "q.n, count(*) OVER (PARTITION BY q.key) AS of_them, q.key",
            "(SELECT post_id, account_id AS key, reposts + 1 AS n FROM posts) q
             JOIN posts p ON p.post_id = q.post_id",
        ),
    ] {
        let sql = sorted(columns, rows);
        let (with, without, plan) = both(&session, &sql).await;
        assert_eq!(with, without, "{sql}");
        // Posts are not joined with posts once more.
        let is_at_work = !rows.contains("q.post_id");
        assert_eq!(plan.contains("__whole"), is_at_work, "{sql}: {plan}");
        assert_eq!(plan.contains("WindowAggr"), !is_at_work, "{sql}: {plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_of_the_columns_of_windows_is_asked_of_all_rows() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(folder.path()).await;
    let means = "SELECT p.post_id, p.reposts, p.account_id,
                   avg(reposts) OVER (PARTITION BY account_id) AS a,
                   count(*) OVER (PARTITION BY account_id) AS n FROM posts p";
    for sql in [
        format!("SELECT count(*) FROM ({means}) t WHERE reposts > a"),
        format!("SELECT count(*), sum(reposts) FROM ({means}) t WHERE n >= 100 AND reposts < 3"),
        format!("SELECT account_id, max(a) FROM ({means}) t WHERE n = 74 GROUP BY account_id"),
        format!("SELECT DISTINCT account_id, n FROM ({means}) t"),
        format!("SELECT post_id FROM ({means}) t WHERE reposts > 2 * a ORDER BY post_id LIMIT 7"),
        format!("SELECT count(*) FROM ({means}) t JOIN accounts c ON c.account_id = t.account_id"),
        "SELECT count(*) FROM (SELECT likes, max(likes) OVER () AS m FROM posts) t
         WHERE likes * 2 > m"
            .to_owned(),
    ] {
        let (with, without, plan) = both(&session, &sql).await;
        assert_eq!(with, without, "{sql}");
        assert!(plan.contains("__whole") || !plan.contains("WindowAggr"), "{sql}: {plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_the_posts_of_an_account_is_of_a_roll_up() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(folder.path()).await;
    let sql = sorted("sum(p.reposts) OVER (PARTITION BY p.is_repost) AS s", "posts p");
    let plan = answer(&session, &format!("EXPLAIN {sql}")).await.join("\n");
    assert!(plan.contains("rollup"), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_that_groups_cannot_stand_for_stay() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(folder.path()).await;
    let shown = "count(*) OVER (PARTITION BY p.account_id) AS n";
    let mut questions: Vec<String> = [
        // What is given in the order of the rows, or of each row.
        ("row_number() OVER (PARTITION BY p.account_id ORDER BY p.post_id) AS n", "posts p"),
        ("sum(p.likes) OVER (PARTITION BY p.account_id ORDER BY p.post_id) AS n", "posts p"),
        (
            "sum(p.likes) OVER (PARTITION BY p.account_id ORDER BY p.post_id
             ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS n",
            "posts p",
        ),
        // Doubles that may differ by the order of the rows, or of which some equal ones do.
        ("sum(p.likes / 3.0e0) OVER (PARTITION BY p.is_repost) AS n", "posts p WHERE p.likes < 0"),
        ("count(*) OVER (PARTITION BY p.likes / 3.0e0) AS n", "posts p"),
        // About as many groups as rows, and columns that are wide.
        ("count(*) OVER (PARTITION BY p.post_id) AS n", "posts p"),
        ("count(*) OVER (PARTITION BY p.account_id, p.text) AS n", "posts p"),
        ("max(p.text) OVER (PARTITION BY p.account_id) AS n", "posts p"),
        // Few rows, or such as are found at a cost, or not twice.
        (shown, "posts p WHERE p.account_id = 'a3'"),
        (shown, "posts p WHERE p.text LIKE '%7%'"),
        (shown, "posts p WHERE random() < 2"),
        (shown, "(SELECT * FROM posts ORDER BY post_id LIMIT 2000) p"),
        (shown, "(SELECT account_id, max(post_id) AS post_id FROM posts GROUP BY 1) p"),
    ]
    .into_iter()
    .map(|(columns, rows)| sorted(columns, rows))
    .collect();
    questions.extend([
        // An order that may be seen.
        format!("SELECT p.post_id, {shown} FROM posts p"),
        format!("SELECT sum(n) FROM (SELECT {shown} FROM posts p LIMIT 3000) q"),
        // Keys that are equal only where they are known.
        "SELECT post_id FROM (SELECT post_id, likes, max(likes) OVER (PARTITION BY account_id) AS m
         FROM posts) q WHERE likes = m ORDER BY post_id"
            .to_owned(),
        "SELECT * FROM (SELECT a.account_id, count(*) OVER (PARTITION BY a.level) AS n
         FROM accounts a) q ORDER BY 1"
            .to_owned(),
    ]);
    for sql in questions {
        let (with, without, plan) = both(&session, &sql).await;
        assert!(!plan.contains("__whole"), "{sql}: {plan}");
        assert_eq!(with, without, "{sql}");
    }
}
