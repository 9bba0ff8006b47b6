//! The store: nothing lost, nothing twice, nothing torn.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Int64Array, ListBuilder, RecordBatch, StringBuilder, StringViewArray,
    TimestampMicrosecondArray, new_null_array,
};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use weiku::model::{POST_SNAPSHOTS, POSTS};
use weiku::store::{Limits, MergeCounts, Repair, Snapshot, Store};

/// A look at a post: id, instant, likes.
type Look = (u64, i64, Option<i64>);

/// Rows of `post_snapshots`.
fn looks(rows: &[Look]) -> RecordBatch {
    let platforms = StringViewArray::from_iter_values(rows.iter().map(|_| "weibo"));
    let ids = StringViewArray::from_iter_values(rows.iter().map(|row| format!("{:05}", row.0)));
    let instants = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| row.1))
        .with_timezone("UTC");
    let likes: Int64Array = rows.iter().map(|row| row.2).collect();
    let unknown = Int64Array::from(vec![None; rows.len()]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(platforms),
        Arc::new(ids),
        Arc::new(instants),
        Arc::new(unknown.clone()),
        Arc::new(unknown.clone()),
        Arc::new(likes),
        Arc::new(unknown),
    ];
    RecordBatch::try_new(POST_SNAPSHOTS.schema(), columns).unwrap()
}

/// The ids in a snapshot of `post_snapshots`, file by file.
fn ids(snapshot: &Snapshot) -> Vec<Vec<String>> {
    let file_ids = |path: &Path| {
        let file = std::fs::File::open(path).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        reader
            .flat_map(|batch| {
                let column = batch.unwrap().column(1).clone();
                let column: &datafusion::arrow::array::StringArray =
                    column.as_any().downcast_ref().unwrap();
                column.iter().map(|id| id.unwrap().to_owned()).collect::<Vec<_>>()
            })
            .collect()
    };
    snapshot.files.iter().map(|file| file_ids(&file.path)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_is_read_back_in_order_and_what_is_dropped_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("db");
    let store = Store::create(&root).await.unwrap();

    let mut dropped = store.begin().await.unwrap();
    dropped.append(&POST_SNAPSHOTS, looks(&[(9, 9, None)])).await.unwrap();
    drop(dropped);

    let mut transaction = store.begin().await.unwrap();
    transaction.append(&POST_SNAPSHOTS, looks(&[(1, 10, Some(1)), (2, 30, None)])).await.unwrap();
    transaction.append(&POST_SNAPSHOTS, looks(&[(3, 20, Some(5))])).await.unwrap();
    transaction.commit().await.unwrap();

    let store = Store::open(&root).await.unwrap();
    let snapshot = store.snapshot(&POST_SNAPSHOTS, None).await.unwrap();
    assert_eq!(snapshot.version, 1);
    assert_eq!(snapshot.rows(), 3);
    assert_eq!(ids(&snapshot), [["00002", "00003", "00001"]], "newest first");
    let statistics = &snapshot.files[0].statistics;
    assert_eq!(format!("{}", statistics.column_statistics[5].null_count), "Exact(1)");
    assert!(format!("{:?}", statistics.column_statistics[2].max_value).contains("30"));
    let before = store.snapshot(&POST_SNAPSHOTS, Some(0)).await.unwrap();
    assert_eq!(before.rows(), 0);
    assert!(store.snapshot(&POST_SNAPSHOTS, Some(2)).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_commits_are_read_through_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(&folder.path().join("db")).await.unwrap();
    for number in 0..25 {
        let mut transaction = store.begin().await.unwrap();
        let row = (number, 1_000_001 * number as i64, None);
        transaction.append(&POST_SNAPSHOTS, looks(&[row])).await.unwrap();
        transaction.commit().await.unwrap();
    }
    let store = Store::open(store.root()).await.unwrap();
    let snapshot = store.snapshot(&POST_SNAPSHOTS, None).await.unwrap();
    assert_eq!(snapshot.rows(), 25);
    assert!(snapshot.files.iter().all(|file| file.sha256.is_some()));
    let instants: Vec<String> = snapshot
        .files
        .iter()
        .map(|file| format!("{:?}", file.statistics.column_statistics[2].min_value))
        .collect();
    assert!(instants.iter().any(|instant| instant.contains("24000024")), "{instants:?}");
    let earlier = store.snapshot(&POST_SNAPSHOTS, Some(11)).await.unwrap();
    assert_eq!(earlier.rows(), 11);
    let log = store.root().join("post_snapshots/_delta_log");
    assert!(log.join("00000000000000000020.checkpoint.parquet").exists());
}

/// The rows of a batch, value by value.
fn formatted(batch: &RecordBatch) -> Vec<Vec<String>> {
    let options = FormatOptions::default().with_null("-");
    let columns: Vec<ArrayFormatter<'_>> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
        .collect();
    (0..batch.num_rows())
        .map(|row| columns.iter().map(|column| column.value(row).to_string()).collect())
        .collect()
}

/// The rows of a table, value by value, file by file.
fn all_rows(snapshot: &Snapshot) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for file in &snapshot.files {
        let reader = std::fs::File::open(&file.path).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(reader).unwrap().build().unwrap();
        reader.for_each(|batch| rows.extend(formatted(&batch.unwrap())));
    }
    rows
}

/// A post as the tests know it: id, observed, text, likes, hashtags.
#[derive(Debug, Clone, PartialEq)]
struct KnownPost {
    id: u64,
    observed_at: i64,
    text: Option<String>,
    likes: Option<i64>,
    hashtags: Option<Vec<String>>,
}

/// Rows of `posts`.
fn posts(rows: &[KnownPost]) -> RecordBatch {
    let columns = POSTS.columns.iter().map(|column| -> ArrayRef {
        match column.name {
            "platform" => Arc::new(StringViewArray::from_iter_values(rows.iter().map(|_| "weibo"))),
            "post_id" => Arc::new(StringViewArray::from_iter_values(
                rows.iter().map(|row| format!("{:05}", row.id)),
            )),
            "text" => {
                Arc::new(rows.iter().map(|row| row.text.clone()).collect::<StringViewArray>())
            }
            "likes" => Arc::new(rows.iter().map(|row| row.likes).collect::<Int64Array>()),
            "hashtags" => {
                let mut lists = ListBuilder::new(StringBuilder::new()).with_field(Field::new(
                    "element",
                    DataType::Utf8,
                    true,
                ));
                for row in rows {
                    let list = row.hashtags.as_ref();
                    lists.append_option(list.map(|list| list.iter().map(Some)));
                }
                Arc::new(lists.finish())
            }
            "observed_at" => Arc::new(
                TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| row.observed_at))
                    .with_timezone("UTC"),
            ),
            _ => new_null_array(&column.kind.data_type(), rows.len()),
        }
    });
    RecordBatch::try_new(POSTS.schema(), columns.collect()).unwrap()
}

/// What merging must do, row by row.
fn model(known: &mut BTreeMap<u64, KnownPost>, row: &KnownPost, counts: &mut MergeCounts) {
    let Some(there) = known.get_mut(&row.id) else {
        known.insert(row.id, row.clone());
        counts.added += 1;
        return;
    };
    let newer = row.observed_at >= there.observed_at;
    let before = there.clone();
    fn merge<T: Clone>(newer: bool, there: &mut Option<T>, row: &Option<T>) {
        if row.is_some() && (newer || there.is_none()) {
            there.clone_from(row);
        }
    }
    merge(newer, &mut there.text, &row.text);
    merge(newer, &mut there.likes, &row.likes);
    merge(newer, &mut there.hashtags, &row.hashtags);
    if *there == before {
        counts.unchanged += 1;
    } else {
        counts.changed += 1;
        if newer {
            there.observed_at = row.observed_at;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn merging_gives_what_merging_row_by_row_gives() {
    for seed in 0..12 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let folder = tempfile::tempdir().unwrap();
        // Small limits, so that rows are met in memory, in files that are being
        // written, and in committed files.
        let limits = match seed % 3 {
            0 => Limits::default(),
            1 => Limits { merge_rows: 10, ..Limits::default() },
            _ => Limits { merge_rows: 10, file_rows: 25, ..Limits::default() },
        };
        let store = Store::create(&folder.path().join("db")).await.unwrap().with_limits(limits);
        let mut known = BTreeMap::new();
        for _ in 0..6 {
            let mut transaction = store.begin().await.unwrap();
            let mut expected = [MergeCounts::default(); 2];
            for _ in 0..random.random_range(1..6) {
                let rows: Vec<KnownPost> = (0..random.random_range(0..60))
                    .map(|_| KnownPost {
                        id: random.random_range(0..120),
                        observed_at: random.random_range(0..5) * 1_000_001,
                        text: random.random_bool(0.7).then(|| {
                            format!(
                                "a text that is longer than a view {}",
                                random.random_range(0..2)
                            )
                        }),
                        likes: random.random_bool(0.7).then(|| random.random_range(0..2)),
                        hashtags: random.random_bool(0.5).then(|| {
                            (0..random.random_range(0..3)).map(|n| format!("tag{n}")).collect()
                        }),
                    })
                    .collect();
                let primary: Vec<bool> = rows.iter().map(|_| random.random_bool(0.5)).collect();
                for (row, primary) in rows.iter().zip(&primary) {
                    model(&mut known, row, &mut expected[usize::from(!primary)]);
                }
                transaction.upsert(&POSTS, posts(&rows), &primary).await.unwrap();
                if random.random_bool(0.5) {
                    transaction.flush(&POSTS).await.unwrap();
                }
            }
            assert_eq!(transaction.flush(&POSTS).await.unwrap(), expected, "seed {seed}");
            transaction.commit().await.unwrap();
            let snapshot = store.snapshot(&POSTS, None).await.unwrap();
            let expected: Vec<KnownPost> = known.values().cloned().collect();
            let mut stored = all_rows(&snapshot);
            let mut wanted = formatted(&posts(&expected));
            stored.sort();
            wanted.sort();
            assert_eq!(stored, wanted, "seed {seed}");
        }
    }
}

/// A database with three commits of one row each.
async fn small_database(folder: &Path) -> Store {
    let store = Store::create(&folder.join("db")).await.unwrap();
    for number in 0..3 {
        let mut transaction = store.begin_for("import").await.unwrap();
        transaction.append(&POST_SNAPSHOTS, looks(&[(number, 5, Some(1))])).await.unwrap();
        transaction.commit().await.unwrap();
    }
    store
}

/// Every plain file below `folder`.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_finds_every_flipped_bit_and_every_cut() {
    let folder = tempfile::tempdir().unwrap();
    let store = small_database(folder.path()).await;
    for number in 10..20 {
        let mut transaction = store.begin().await.unwrap();
        transaction.append(&POST_SNAPSHOTS, looks(&[(number, 5, None)])).await.unwrap();
        transaction.commit().await.unwrap();
    }
    assert_eq!(store.verify(Repair::Plan).await.unwrap(), []);
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut names = files_below(store.root());
    assert!(names.iter().any(|path| path.to_string_lossy().contains("checkpoint.parquet")));
    names.retain(|path| std::fs::metadata(path).unwrap().len() > 0);
    for path in &names {
        let whole = std::fs::read(path).unwrap();
        for _ in 0..3 {
            let mut flipped = whole.clone();
            let bit = random.random_range(0..whole.len() * 8);
            flipped[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(path, &flipped).unwrap();
            let findings = Store::at(store.root()).unwrap().verify(Repair::Plan).await.unwrap();
            assert!(!findings.is_empty(), "bit {bit} of {}", path.display());
            std::fs::write(path, &whole[..random.random_range(0..whole.len())]).unwrap();
            let findings = Store::at(store.root()).unwrap().verify(Repair::Plan).await.unwrap();
            assert!(!findings.is_empty(), "a cut of {}", path.display());
        }
        std::fs::write(path, &whole).unwrap();
    }
    assert_eq!(store.verify(Repair::Plan).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_or_torn_log_entry_is_named_and_only_a_repair_does_without_it() {
    for damage in [None, Some(0), Some(40)] {
        let folder = tempfile::tempdir().unwrap();
        let store = small_database(folder.path()).await;
        let entry = store.root().join("post_snapshots/_delta_log/00000000000000000002.json");
        match damage {
            None => std::fs::remove_file(&entry).unwrap(),
            Some(length) => {
                let whole = std::fs::read(&entry).unwrap();
                std::fs::write(&entry, &whole[..length]).unwrap();
            }
        }
        let store = Store::open(store.root()).await.unwrap();
        let error = store.snapshot(&POST_SNAPSHOTS, None).await.unwrap_err();
        assert!(error.message().contains("00000000000000000002.json"), "{error}");
        assert!(error.advice().unwrap().contains("verify"), "{error}");
        assert_eq!(store.snapshot(&POSTS, None).await.unwrap().rows(), 0, "other tables open");

        let plan = store.verify(Repair::Plan).await.unwrap();
        assert_eq!(plan.len(), 1, "{plan:?}");
        assert!(plan[0].remedy.contains("back to version 1 with its 1 rows"), "{plan:?}");
        assert!(store.snapshot(&POST_SNAPSHOTS, None).await.is_err(), "a plan changes nothing");

        store.verify(Repair::Execute).await.unwrap();
        assert_eq!(store.verify(Repair::Plan).await.unwrap(), []);
        assert_eq!(store.snapshot(&POST_SNAPSHOTS, None).await.unwrap().rows(), 1);
        let mut transaction = store.begin().await.unwrap();
        transaction.append(&POST_SNAPSHOTS, looks(&[(7, 7, None)])).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(store.snapshot(&POST_SNAPSHOTS, None).await.unwrap().rows(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_data_file_is_taken_out_by_a_repair_and_kept_aside() {
    let folder = tempfile::tempdir().unwrap();
    let store = small_database(folder.path()).await;
    let path = store.snapshot(&POST_SNAPSHOTS, None).await.unwrap().files[1].path.clone();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[10] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let findings = store.verify(Repair::Execute).await.unwrap();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].path, path);
    assert_eq!(store.snapshot(&POST_SNAPSHOTS, None).await.unwrap().rows(), 2);
    assert!(store.root().join("damaged/post_snapshots").join(path.file_name().unwrap()).exists());
    let versions = store.history(&POST_SNAPSHOTS).await.unwrap();
    let last = versions.last().unwrap();
    assert_eq!((last.operation.as_str(), last.rows, last.files), ("repair", 2, 2));
    assert_eq!((versions[1].operation.as_str(), versions[1].rows), ("import", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_head_is_written_anew_by_a_repair() {
    let folder = tempfile::tempdir().unwrap();
    let store = small_database(folder.path()).await;
    std::fs::remove_file(store.root().join("weiku.json")).unwrap();
    assert!(Store::open(store.root()).await.is_err());
    Store::at(store.root()).unwrap().verify(Repair::Execute).await.unwrap();
    let store = Store::open(store.root()).await.unwrap();
    assert_eq!(store.snapshot(&POST_SNAPSHOTS, None).await.unwrap().rows(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn small_files_are_merged_in_order_and_old_readers_keep_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(&folder.path().join("db")).await.unwrap();
    let mut reader = None;
    for number in 0..15 {
        let mut transaction = store.begin().await.unwrap();
        let rows = [(number, 100 - number as i64, None), (100 + number, number as i64, None)];
        transaction.append(&POST_SNAPSHOTS, looks(&rows)).await.unwrap();
        transaction.commit().await.unwrap();
        if number == 5 {
            reader = Some(store.snapshot(&POST_SNAPSHOTS, None).await.unwrap());
        }
    }
    let snapshot = store.snapshot(&POST_SNAPSHOTS, None).await.unwrap();
    assert!(snapshot.files.len() < 12, "the writer merges many small files itself");
    let told = std::sync::Mutex::new(Vec::new());
    let progress = |done, total| told.lock().unwrap().push((done, total));
    let report = store.optimize(&progress).await.unwrap();
    assert!(report.iter().any(|table| table.table == "post_snapshots" && table.files_after == 1));
    assert_eq!(told.lock().unwrap().last(), Some(&(30, 30)));
    let snapshot = store.snapshot(&POST_SNAPSHOTS, None).await.unwrap();
    let sorted = ids(&snapshot);
    let expected: Vec<String> =
        (0..15).chain((100..115).rev()).map(|id| format!("{id:05}")).collect();
    assert_eq!(sorted, [expected]);
    assert_eq!(ids(&reader.unwrap()).concat().len(), 12, "a reader keeps its snapshot");
    assert_eq!(store.snapshot(&POST_SNAPSHOTS, Some(3)).await.unwrap().rows(), 6);
    assert_eq!(store.verify(Repair::Plan).await.unwrap(), []);
    let history = store.history(&POST_SNAPSHOTS).await.unwrap();
    assert_eq!(history.last().unwrap().operation, "optimize");
    assert_eq!(history.last().unwrap().rows, 30);
}

/// What the killed process of the test below does: transactions over two
/// tables, each acknowledged by a line after its commit.
#[tokio::test(flavor = "multi_thread")]
async fn writer_to_be_killed() {
    let Some(root) = std::env::var_os("WEIKU_TEST_WRITER") else { return };
    let store = Store::open(Path::new(&root)).await.unwrap();
    let first = store.snapshot(&POSTS, None).await.unwrap().rows() / 50;
    for number in first.. {
        let ids = number * 50..(number + 1) * 50;
        let rows: Vec<KnownPost> = ids
            .map(|id| KnownPost { id, observed_at: 1, text: None, likes: Some(1), hashtags: None })
            .collect();
        let mut transaction = store.begin().await.unwrap();
        transaction.upsert(&POSTS, posts(&rows), &[true; 50]).await.unwrap();
        let snapshot = looks(&[(number, number as i64, None)]);
        transaction.append(&POST_SNAPSHOTS, snapshot).await.unwrap();
        transaction.commit().await.unwrap();
        println!("done {}", number + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_killed_at_any_moment_loses_nothing_acknowledged_and_shows_nothing_partial() {
    let rounds: u64 =
        std::env::var("WEIKU_TEST_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(8);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(&folder.path().join("db")).await.unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let mut acknowledged = 0;
    for round in 0..rounds {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["store::writer_to_be_killed", "--exact", "--nocapture", "--test-threads=1"])
            .env("WEIKU_TEST_WRITER", store.root())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let wait = std::time::Duration::from_millis(random.random_range(100..700));
        std::thread::sleep(wait);
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            // The test harness may have begun the line.
            let number = line.rsplit_once("done ").and_then(|(_, number)| number.parse().ok());
            acknowledged = number.unwrap_or(acknowledged);
        }
        for _ in 0..2 {
            let reader = Store::open(store.root()).await.unwrap();
            let transactions = reader.snapshot(&POST_SNAPSHOTS, None).await.unwrap().rows();
            let posts = reader.snapshot(&POSTS, None).await.unwrap().rows();
            assert!(transactions >= acknowledged, "round {round}: an acknowledged commit is lost");
            assert!(transactions <= acknowledged + 1, "round {round}");
            assert_eq!(posts, transactions * 50, "round {round}: half of a commit is seen");
            // The second look is after the next writer cleared up.
            drop(reader.begin().await.unwrap());
        }
        let rows = store.snapshot(&POST_SNAPSHOTS, None).await.unwrap().rows();
        acknowledged = acknowledged.max(rows);
        assert_eq!(store.verify(Repair::Plan).await.unwrap(), [], "round {round}");
    }
    println!("{rounds} writers killed, {acknowledged} commits made, none lost or seen in part");
}

/// Posts with a text of their own each, in the order of a crawler's file: by
/// account, newest first.
fn crawled_posts(from: u64, count: u64) -> RecordBatch {
    let ids = from..from + count;
    let columns =
        POSTS.columns.iter().map(|column| -> ArrayRef {
            let text = |of: &dyn Fn(u64) -> String| -> ArrayRef {
                Arc::new(StringViewArray::from_iter_values(ids.clone().map(of)))
            };
            let mixed = |id: u64| id.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
            match column.name {
                "platform" => text(&|_| "weibo".to_owned()),
                "post_id" => text(&|id| format!("{}", 4_000_000_000_000_000 + mixed(id))),
                "account_id" => text(&|id| format!("{}", 1_000_000_000 + id / 500)),
                "text" => text(&|id| {
                    format!(
                        "今天是个好日子，外交部发言人答记者问 {} #话题{}# {}",
                        mixed(id),
                        id % 97,
                        "字".repeat((mixed(id) % 60) as usize)
                    )
                }),
                "client" => text(&|id| format!("客户端 {}", id % 7)),
                "posted_at" | "observed_at" => Arc::new(
                    TimestampMicrosecondArray::from_iter_values(ids.clone().map(|id| {
                        1_300_000_000_000_000 + (mixed(id) % 40_000_000_000) as i64 * 1000
                    }))
                    .with_timezone("UTC"),
                ),
                "reposts" | "comments" | "likes" => Arc::new(Int64Array::from_iter_values(
                    ids.clone().map(|id| (mixed(id) % 900) as i64),
                )),
                _ => new_null_array(&column.kind.data_type(), ids.clone().count()),
            }
        });
    RecordBatch::try_new(POSTS.schema(), columns.collect()).unwrap()
}

/// Prints rows per second; `WEIKU_TEST_SPEED` gives the millions of rows.
#[tokio::test(flavor = "multi_thread")]
async fn speed_of_adding_and_merging() {
    let Some(rows) = std::env::var("WEIKU_TEST_SPEED").ok().and_then(|rows| rows.parse().ok())
    else {
        println!("skipped: WEIKU_TEST_SPEED is not set");
        return;
    };
    let rows: u64 = rows;
    let batches: Vec<RecordBatch> =
        (0..rows * 1_000_000 / 8192).map(|number| crawled_posts(number * 8192, 8192)).collect();
    let count: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let folder = tempfile::tempdir().unwrap();
    let added = Store::create(&folder.path().join("added")).await.unwrap();
    let merged = Store::create(&folder.path().join("merged")).await.unwrap();
    let rate = |what: &str, since: std::time::Instant| {
        println!("{what}: {:.0} rows/s", count as f64 / since.elapsed().as_secs_f64());
    };

    let since = std::time::Instant::now();
    let mut transaction = added.begin().await.unwrap();
    for batch in &batches {
        transaction.append(&POSTS, batch.clone()).await.unwrap();
    }
    transaction.commit().await.unwrap();
    rate("append", since);
    for what in ["merge new rows", "merge known rows"] {
        let since = std::time::Instant::now();
        let mut transaction = merged.begin().await.unwrap();
        for batch in &batches {
            transaction.upsert(&POSTS, batch.clone(), &vec![true; batch.num_rows()]).await.unwrap();
        }
        println!("{:?}", transaction.flush(&POSTS).await.unwrap()[0]);
        transaction.commit().await.unwrap();
        rate(what, since);
    }
    let snapshot = merged.snapshot(&POSTS, None).await.unwrap();
    let bytes: u64 = snapshot.files.iter().map(|file| file.size).sum();
    println!("{} files, {:.1} bytes/row", snapshot.files.len(), bytes as f64 / count as f64);
    let since = std::time::Instant::now();
    merged.verify(Repair::Plan).await.unwrap();
    rate("verify", since);
}

/// Reads a table with other programs; prints what each one finds in one form.
const OTHER_READERS: &str = r#"
import sys, duckdb, polars
from deltalake import DeltaTable
table = DeltaTable(sys.argv[1])
rows = table.to_pyarrow_table().to_pylist()
expected = sorted((r["post_id"], r["text"], r["likes"], r["hashtags"], r["observed_at"].isoformat()) for r in rows)
frame = polars.scan_delta(sys.argv[1]).collect().to_dicts()
found = sorted((r["post_id"], r["text"], r["likes"], r["hashtags"], r["observed_at"].isoformat()) for r in frame)
assert found == expected, (found, expected)
files = table.file_uris()
duck = duckdb.sql(f"SELECT post_id, text, likes, hashtags, epoch_us(observed_at) FROM read_parquet({files!r})").fetchall()
micros = sorted((r["post_id"], r["text"], r["likes"], r["hashtags"], int(r["observed_at"].timestamp() * 1000000)) for r in rows)
assert sorted(duck) == micros, (duck, micros)
print(len(rows), sum(r["likes"] or 0 for r in rows), table.version(), sep=",")
"#;

#[tokio::test(flavor = "multi_thread")]
async fn other_programs_read_the_same_rows() {
    let Some(python) = std::env::var_os("WEIKU_TEST_PYTHON") else {
        println!("skipped: WEIKU_TEST_PYTHON names no Python with deltalake, duckdb and polars");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(&folder.path().join("db")).await.unwrap();
    let mut likes = 0;
    for version in 0..23 {
        let rows: Vec<KnownPost> = (version..version + 40)
            .map(|id| KnownPost {
                id: id % 50,
                observed_at: version as i64 * 1_000_003,
                text: (id % 3 > 0).then(|| format!("微博 \u{1F600} {id}")),
                likes: (id % 5 > 0).then_some((id * version) as i64),
                hashtags: Some(vec!["话题".to_owned(); (id % 3) as usize]),
            })
            .collect();
        let mut transaction = store.begin().await.unwrap();
        transaction.upsert(&POSTS, posts(&rows), &[true; 40]).await.unwrap();
        transaction.commit().await.unwrap();
        let position = POSTS.index("likes").unwrap();
        let stored = all_rows(&store.snapshot(&POSTS, None).await.unwrap());
        likes = stored.iter().filter_map(|row| row[position].parse::<i64>().ok()).sum();
    }
    let version = store.versions().unwrap()["posts"];
    let output = std::process::Command::new(python)
        .args(["-c", OTHER_READERS])
        .arg(store.root().join("posts"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(told.trim(), format!("50,{likes},{version}"));
}
