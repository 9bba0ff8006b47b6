//! A crash at every step of a transaction leaves the old rows or the new ones.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, RecordBatch, StringViewArray, TimestampMicrosecondArray, new_null_array,
};

use super::files::crash;
use super::{Limits, Repair, Store, lock};
use crate::model::{ACCOUNTS, ColumnKind, POSTS, TABLES, Table};

/// So small that an import writes files before its commit.
const LIMITS: Limits = Limits {
    file_rows: 6,
    file_bytes: 1 << 20,
    merged_file_bytes: 1 << 20,
    merge_rows: 4,
    merge_bytes: 1 << 20,
};

/// Rows of `table` with the given ids and screen name or text.
fn rows(table: &'static Table, ids: std::ops::Range<u32>, words: &str) -> RecordBatch {
    let count = ids.len();
    let texts = |text: &str| StringViewArray::from_iter_values((0..count).map(|_| text));
    let columns = table.columns.iter().map(|column| -> ArrayRef {
        match (column.name, column.kind) {
            ("post_id" | "account_id", _) if table.key.contains(&column.name) => {
                let names = ids.clone().map(|id| format!("{id:06}"));
                Arc::new(StringViewArray::from_iter_values(names))
            }
            ("text" | "screen_name" | "platform", _) => {
                Arc::new(texts(words.get(..2).unwrap_or(words)))
            }
            ("observed_at", _) => {
                Arc::new(TimestampMicrosecondArray::from(vec![1; count]).with_timezone("UTC"))
            }
            (_, ColumnKind::Text) => Arc::new(texts(words)),
            (_, kind) => new_null_array(&kind.data_type(), count),
        }
    });
    RecordBatch::try_new(table.schema(), columns.collect()).unwrap()
}

/// Rows per table, and the files that lie in its folder.
async fn contents(store: &Store) -> Vec<(u64, usize)> {
    let mut contents = Vec::new();
    for table in TABLES {
        let rows = store.snapshot(table, None).await.unwrap().rows();
        let files = std::fs::read_dir(store.layout.table(table)).unwrap().count();
        contents.push((rows, files));
    }
    contents
}

/// A transaction that merges into two tables, with files written on the way.
async fn import(store: &Store) -> crate::Result<()> {
    let mut transaction = store.begin_for("import").await?;
    for from in [5, 8, 5] {
        for table in [&POSTS, &ACCOUNTS] {
            let words = format!("words of {from}");
            let batch = rows(table, from..from + 10, &words);
            transaction.upsert(table, batch, &[true; 10]).await?;
        }
    }
    transaction.commit().await
}

/// Makes a database with some posts.
async fn database(root: &Path) {
    let store = Store::create(root).await.unwrap().with_limits(LIMITS);
    let mut transaction = store.begin().await.unwrap();
    transaction.upsert(&POSTS, rows(&POSTS, 0..10, "words"), &[true; 10]).await.unwrap();
    transaction.commit().await.unwrap();
}

/// Copies a folder.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_step_leaves_the_old_rows_or_the_new_ones() {
    let folder = tempfile::tempdir().unwrap();
    let template = folder.path().join("template");
    database(&template).await;
    let (mut old, mut new) = (0, 0);
    for steps in 0.. {
        let root = folder.path().join(steps.to_string());
        copy(&template, &root);
        let store = Store::open(&root).await.unwrap().with_limits(LIMITS);
        crash::after(&root, steps);
        let result = import(&store).await;
        // Threads that still write hold the lock.
        drop(lock::WriterLock::take(&store.layout.lock(), lock::PATIENCE).await.unwrap());
        let steps_left = crash::never(&root);

        let store = Store::open(&root).await.unwrap();
        let seen: Vec<u64> = contents(&store).await.iter().map(|(rows, _)| *rows).collect();
        let before = seen == [0, 0, 10, 0, 0, 0];
        let after = seen == [13, 0, 18, 0, 0, 0];
        assert!(before || after, "after {steps} steps: {seen:?}");
        assert!(after || result.is_err(), "a commit that was acknowledged is lost");

        // The next writer finishes or clears away.
        drop(store.begin().await.unwrap());
        assert_eq!(store.verify(Repair::Plan).await.unwrap(), [], "after {steps} steps");
        let contents = contents(&store).await;
        let rows: Vec<u64> = contents.iter().map(|(rows, _)| *rows).collect();
        assert!(rows == seen || rows == [13, 0, 18, 0, 0, 0], "after {steps} steps: {rows:?}");
        for (table, (_, files)) in TABLES.iter().zip(contents) {
            let version = store.versions().await.unwrap()[table.name];
            let named = super::log::named_files(&store.layout, table, version).unwrap().len();
            let named = if crate::index::covers(table) { 2 * named } else { named };
            assert_eq!(files, named + 1, "leftovers in `{}` after {steps} steps", table.name);
        }
        import(&store).await.unwrap();
        assert_eq!(store.snapshot(&ACCOUNTS, None).await.unwrap().rows(), 13);
        old += u32::from(before);
        new += u32::from(after);
        if steps_left > 0 {
            result.unwrap();
            break;
        }
        std::fs::remove_dir_all(&root).unwrap();
    }
    assert!(old > 10 && new > 2, "{old} crashes left the old rows, {new} the new ones");
}
