//! The same rows in the same order, however many threads read them, and from where.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::engine::answers::answer;
use crate::engine::{Session, Settings, made_posts};
use crate::store::Store;

fn session(store: Option<&Arc<Store>>, threads: usize) -> Session {
    Session::new(store.cloned(), Settings { threads, ..Settings::default() }).unwrap()
}

/// The rows that `sql` gives, without the names of the columns.
async fn rows(session: &Session, sql: &str) -> Vec<String> {
    answer(session, sql).await.split_off(1)
}

/// Asks for `sql` several times, with one thread and with many.
async fn always_gives(sql: &str, wanted: &[i64]) {
    let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    for threads in [1, 2, 8] {
        let session = session(None, threads);
        for time in 0..3 {
            let given = rows(&session, sql).await;
            assert!(given == wanted, "{sql}: time {time} of {threads} threads: {given:?}");
        }
    }
}

/// Files 10 to 21 of each kind with 2000 numbers each, those of one after those of the
/// other, and one file of each kind with all of them.
async fn write_files(folder: &Path) {
    let maker = session(None, 2);
    let (folder, many) = (folder.display(), 0..12);
    for kind in ["parquet", "csv", "jsonl"] {
        let parts = many.clone().map(|n| (format!("many/{}", n + 10), n * 2000..(n + 1) * 2000));
        for (name, range) in parts.chain([("one".to_owned(), 0..24_000)]) {
            let sql = format!(
                "COPY (SELECT value AS i, repeat('微博', 9) AS x FROM range({}, {}))
                 TO '{folder}/{name}.{kind}'",
                range.start, range.end
            );
            maker.collect(&sql).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_come_in_the_order_of_the_files_however_many_threads_read_them() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("many")).unwrap();
    write_files(folder.path()).await;
    let folder = folder.path().display();
    let some: Vec<i64> = (0..24_000).filter(|i| i % 7 != 3).collect();
    for files in ["many/*.parquet", "many/*.csv", "many/*.jsonl", "one.parquet", "one.csv"] {
        let sql = format!("SELECT i FROM '{folder}/{files}' WHERE i % 7 <> 3 AND length(x) > 1");
        always_gives(&sql, &some).await;
        always_gives(&format!("{sql} LIMIT 40"), &some[..40]).await;
        always_gives(&format!("{sql} LIMIT 50 OFFSET 15000"), &some[15_000..15_050]).await;
        let above = format!("SELECT i FROM ({sql}) WHERE i > (SELECT 20000 + avg(1)) LIMIT 9");
        let wanted: Vec<i64> = some.iter().copied().filter(|i| *i > 20_001).take(9).collect();
        always_gives(&above, &wanted).await;
    }
    let two = format!(
        "SELECT i FROM '{folder}/many/*.jsonl' WHERE i % 7 <> 3
         UNION ALL SELECT -i FROM '{folder}/one.csv' WHERE i % 7 <> 3"
    );
    let negative = some.iter().map(|i| -i);
    always_gives(&two, &some.iter().copied().chain(negative).collect::<Vec<_>>()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_takes_the_first_rows_wherever_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("many")).unwrap();
    write_files(folder.path()).await;
    let folder = folder.path().display();
    let groups = format!(
        "COPY (SELECT value AS i FROM range(0, 20000)) TO '{folder}/groups.parquet'
         (ROW_GROUP_SIZE 3000)"
    );
    session(None, 2).collect(&groups).await.unwrap();
    // All rows of the second row group would do, and only some of the first.
    for files in ["groups.parquet", "one.csv", "many/*.parquet", "many/*.jsonl"] {
        let first = format!("SELECT i FROM '{folder}/{files}' WHERE i >= 2990 LIMIT 20");
        always_gives(&first, &(2990..3010).collect::<Vec<_>>()).await;
        let summed = format!("SELECT min(i) + max(i) + count(*) FROM ({first})");
        always_gives(&summed, &[2990 + 3009 + 20]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_in_memory_keeps_the_order_in_which_it_was_made() {
    // Of the first batches more rows are left than of the others.
    let kept = |i: &i64| i % 7 != 3 || *i < 9000;
    let wanted: Vec<i64> = (0..60_000).filter(kept).filter(|i| i % 2 == 0).collect();
    let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    for threads in [1, 2, 8] {
        let session = session(None, threads);
        let made = "CREATE TABLE t AS SELECT value AS i FROM range(0, 60000)
                    WHERE value % 7 <> 3 OR value < 9000";
        session.collect(made).await.unwrap();
        let given = rows(&session, "SELECT i FROM t WHERE i % 2 = 0").await;
        assert!(given == wanted, "{threads}: {given:?}");
        let most = rows(&session, "SELECT max(i) FROM (SELECT i FROM t LIMIT 20000)").await;
        assert_eq!(most, ["21832"], "{threads}");
    }
}

/// A store with a data file for each of `files`, of posts that differ in their time, their
/// number and their text.
async fn store(folder: &Path, files: &[Range<i64>]) -> Arc<Store> {
    made_posts::store(folder, files.iter().map(|file| made_posts::posts(file.clone(), &[]))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_come_in_the_same_order_from_files_and_from_memory() {
    let one_after_the_other = [3000..4500, 0..1000, 1000..3000, 4500..4600];
    let overlapping = [0..2000, 1000..2600, 2600..2700, 500..900];
    for (files, newest_first) in [(one_after_the_other, true), (overlapping, false)] {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path(), &files).await;
        for sql in [
            "SELECT likes FROM posts",
            "SELECT likes, text FROM posts WHERE likes % 3 = 1",
            "SELECT likes, text FROM posts WHERE text LIKE '%77%'",
            "SELECT likes FROM posts WHERE likes % 5 = 0 LIMIT 30",
            "SELECT post_id, likes FROM posts LIMIT 1200 OFFSET 900",
        ] {
            let first = rows(&session(Some(&store), 1), sql).await;
            if newest_first && sql.ends_with("posts") {
                let all: Vec<String> = (0..4600).rev().map(|n: i64| n.to_string()).collect();
                assert_eq!(first, all);
            }
            for threads in [1, 2, 8] {
                for cached in [true, false] {
                    let session = session(Some(&store), threads);
                    session.collect(&format!("SET weiku.column_cache = {cached}")).await.unwrap();
                    // What was read before is held in memory.
                    for time in 0..4 {
                        let given = rows(&session, sql).await;
                        assert!(given == first, "{sql}: time {time} of {threads} threads");
                    }
                }
            }
        }
    }
}
