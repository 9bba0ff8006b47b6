//! The store: nothing lost, nothing twice, nothing torn.

use std::collections::{BTreeMap, BTreeSet};
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
use weiku::store::{Limits, MergeCounts, Optimized, Repair, Snapshot, Standing, Store};

use crate::store_loops::number;

/// A look at a post: id, instant, likes.
pub(crate) type Look = (u64, i64, Option<i64>);

/// Rows of `post_snapshots`.
pub(crate) fn looks(rows: &[Look]) -> RecordBatch {
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
                let column = Arc::clone(batch.unwrap().column(1));
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
async fn looks_that_together_say_nothing_new_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(&folder.path().join("db")).await.unwrap();
    let post = |at: i64, likes: i64| KnownPost {
        id: 1,
        observed_at: at,
        likes: Some(likes),
        ..KnownPost::default()
    };
    let mut counts = Vec::new();
    // The file of a crawler that looked twice, read again at a later time.
    for looks in
        [[post(10, 1), post(11, 5)], [post(20, 1), post(21, 5)], [post(30, 1), post(31, 6)]]
    {
        let mut transaction = store.begin().await.unwrap();
        transaction.upsert(&POSTS, posts(&looks), &[true, true]).await.unwrap();
        let [done, _] = transaction.flush(&POSTS).await.unwrap();
        counts.push((done.added, done.changed, done.unchanged));
        transaction.commit().await.unwrap();
    }
    assert_eq!(counts, [(1, 1, 0), (0, 0, 2), (0, 2, 0)]);
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
pub(crate) fn all_rows(snapshot: &Snapshot) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for file in &snapshot.files {
        let reader = std::fs::File::open(&file.path).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(reader).unwrap().build().unwrap();
        reader.for_each(|batch| rows.extend(formatted(&batch.unwrap())));
    }
    rows
}

/// A post as the tests know it: id, observed, text, likes, hashtags.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct KnownPost {
    pub(crate) id: u64,
    pub(crate) observed_at: i64,
    pub(crate) text: Option<String>,
    pub(crate) likes: Option<i64>,
    pub(crate) hashtags: Option<Vec<String>>,
}

/// Rows of `posts`.
pub(crate) fn posts(rows: &[KnownPost]) -> RecordBatch {
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

/// What merging must do with the rows of a chunk: as row by row, but rows of one
/// post that together say nothing new change nothing.
fn model(
    known: &mut BTreeMap<u64, KnownPost>,
    chunk: &mut Vec<(KnownPost, bool)>,
    counts: &mut [MergeCounts; 2],
) {
    fn merge<T: Clone>(newer: bool, there: &mut Option<T>, row: &Option<T>) {
        if row.is_some() && (newer || there.is_none()) {
            there.clone_from(row);
        }
    }
    let mut groups: BTreeMap<u64, Vec<(KnownPost, bool)>> = BTreeMap::new();
    for (row, primary) in chunk.drain(..) {
        groups.entry(row.id).or_default().push((row, primary));
    }
    for (id, rows) in groups {
        let before = known.get(&id).cloned();
        let mut changed = Vec::new();
        for (row, primary) in &rows {
            let Some(there) = known.get_mut(&id) else {
                known.insert(id, row.clone());
                counts[usize::from(!primary)].added += 1;
                continue;
            };
            let newer = row.observed_at >= there.observed_at;
            let same = there.clone();
            merge(newer, &mut there.text, &row.text);
            merge(newer, &mut there.likes, &row.likes);
            merge(newer, &mut there.hashtags, &row.hashtags);
            if *there == same {
                counts[usize::from(!primary)].unchanged += 1;
            } else {
                changed.push(*primary);
                if newer {
                    there.observed_at = row.observed_at;
                }
            }
        }
        let after = known[&id].clone();
        let is_same = before.as_ref().is_some_and(|before| {
            KnownPost { observed_at: after.observed_at, ..before.clone() } == after
        });
        if let (true, Some(before)) = (is_same, before) {
            known.insert(id, before);
        }
        for primary in changed {
            let count = &mut counts[usize::from(!primary)];
            if is_same { count.unchanged += 1 } else { count.changed += 1 }
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
            let mut chunk = Vec::new();
            let mut told = BTreeSet::new();
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
                chunk.extend(rows.iter().cloned().zip(primary.iter().copied()));
                let standings: Vec<Standing> = rows
                    .iter()
                    .zip(&primary)
                    .map(|(row, is_record)| Standing {
                        is_record: *is_record,
                        is_first: told.insert(row.id) && seed % 2 == 0,
                    })
                    .collect();
                transaction.upsert(&POSTS, posts(&rows), &standings).await.unwrap();
                let is_flushed = random.random_bool(0.5);
                if is_flushed {
                    transaction.flush(&POSTS).await.unwrap();
                }
                if is_flushed || chunk.len() >= limits.merge_rows {
                    model(&mut known, &mut chunk, &mut expected);
                }
            }
            model(&mut known, &mut chunk, &mut expected);
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
    let files = names.len() as u64;
    let rounds = number("WEIKU_TEST_FLIPS").map_or(3, |flips| flips.div_ceil(files));
    for path in &names {
        let whole = std::fs::read(path).unwrap();
        for _ in 0..rounds {
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
    let flips = rounds * files;
    println!("{flips} flipped bits and {flips} cuts in {files} files, all found");
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

#[tokio::test(flavor = "multi_thread")]
async fn what_an_import_packs_fast_is_packed_tightly_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(&folder.path().join("db")).await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    let rows: Vec<_> = (0..40_000).map(|number| (number, number as i64 % 977, None)).collect();
    transaction.append(&POST_SNAPSHOTS, looks(&rows)).await.unwrap();
    transaction.commit().await.unwrap();
    let before = store.snapshot(&POST_SNAPSHOTS, None).await.unwrap();

    let packed =
        |report: Vec<Optimized>| report.iter().map(|table| table.files_packed).sum::<usize>();
    assert_eq!(packed(store.optimize(&|_, _| {}).await.unwrap()), 1);
    let after = store.snapshot(&POST_SNAPSHOTS, None).await.unwrap();
    assert_eq!(ids(&after), ids(&before));
    assert_eq!(store.verify(Repair::Plan).await.unwrap(), []);

    assert_eq!(packed(store.optimize(&|_, _| {}).await.unwrap()), 0);
    let again = store.snapshot(&POST_SNAPSHOTS, None).await.unwrap();
    assert_eq!(again.version, after.version, "what is tight is not written again");
}
