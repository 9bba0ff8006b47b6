//! The store: nothing lost, nothing twice, nothing torn.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use weiku::model::POST_SNAPSHOTS;
use weiku::store::{Snapshot, Store};

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
    let earlier = store.snapshot(&POST_SNAPSHOTS, Some(13)).await.unwrap();
    assert_eq!(earlier.rows(), 13);
    let log = store.root().join("post_snapshots/_delta_log");
    assert!(log.join("00000000000000000020.checkpoint.parquet").exists());
}
