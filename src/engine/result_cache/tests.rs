//! What is kept is given back as it was, or not at all.

use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::key::Depends;
use super::{KeepAnswers, Kept, Key, Recorder, ResultCache};
use crate::engine::{Params, Reads};

fn key_of(sql: &str, params: &Params) -> Key {
    let statement = Parser::parse_sql(&GenericDialect {}, sql).unwrap().remove(0);
    let (reads, options) = (Reads::of(&LogicalPlan::default()), ConfigOptions::new());
    let depends = Depends {
        statement: &statement,
        params,
        reads: &reads,
        options: &options,
        dictionaries: None,
    };
    Key::of("weiku", &depends).unwrap()
}

fn key(number: usize) -> Key {
    key_of(&format!("SELECT {number}"), &Params::new())
}

fn batch(rows: usize) -> RecordBatch {
    let texts = (0..rows).map(|row| format!("第{row}条微博，有足够多的字"));
    let columns: [(&str, ArrayRef); 2] = [
        ("number", Arc::new(Int64Array::from_iter_values(0..rows as i64))),
        ("text", Arc::new(StringViewArray::from_iter_values(texts))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn in_folder(path: &std::path::Path, bytes: u64) -> Arc<ResultCache> {
    let folder = Some(path.to_owned());
    let keep = KeepAnswers { folder, bytes, least_time: Duration::ZERO, ..KeepAnswers::default() };
    Arc::new(ResultCache::new(&keep))
}

async fn keep(cache: &Arc<ResultCache>, key: Key, batches: &[RecordBatch], took: Duration) {
    let mut recorder = Recorder::new(Arc::clone(cache), key);
    for batch in batches {
        recorder.see(batch);
    }
    let schema: SchemaRef = batches[0].schema();
    recorder.keep(schema, took).await;
}

const LONG: Duration = Duration::from_secs(9);

#[tokio::test]
async fn an_answer_comes_back_as_it_was_in_a_file_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weiku/answers");
    let batches = [batch(3), batch(0), batch(5_000).slice(7, 2)];
    keep(&in_folder(&path, 1 << 20), key(1), &batches, LONG).await;
    let kept = in_folder(&path, 1 << 20).get(key(1)).await.unwrap();
    assert_eq!((kept.batches.as_slice(), kept.took), (batches.as_slice(), LONG));
    let files: Vec<_> = std::fs::read_dir(&path).unwrap().map(Result::unwrap).collect();
    assert_eq!(files.len(), 1);
    // Of the texts beside those of the slice nothing was written.
    assert!(files[0].metadata().unwrap().len() < 4_000);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&files[0].path())), (0o700, 0o600));
    }
}

#[tokio::test]
async fn a_damaged_answer_is_no_answer_and_goes() {
    let folder = tempfile::tempdir().unwrap();
    let cache = in_folder(folder.path(), 1 << 20);
    keep(&cache, key(1), &[batch(50)], LONG).await;
    let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&file).unwrap();
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let mut damaged: Vec<Vec<u8>> = (0..whole.len()).step_by(13).map(flipped).collect();
    damaged.extend([Vec::new(), whole[..7].to_vec(), whole[..whole.len() - 1].to_vec()]);
    for bytes in damaged {
        std::fs::write(&file, bytes).unwrap();
        assert!(cache.get(key(1)).await.is_none());
        assert!(!file.exists());
    }
    // Nor is the answer to another question.
    keep(&cache, key(2), &[batch(50)], LONG).await;
    let other = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    std::fs::rename(other, &file).unwrap();
    assert!(cache.get(key(1)).await.is_none());
}

#[tokio::test]
async fn what_was_used_longest_ago_goes_first() {
    let folder = tempfile::tempdir().unwrap();
    let one = Kept { schema: batch(20).schema(), batches: vec![batch(20)], took: LONG };
    let room = one.encode(&key(1)).unwrap().len() as u64 * 7 / 2;
    let least_time = Duration::ZERO;
    let memory = KeepAnswers { bytes: room, least_time, ..KeepAnswers::default() };
    for cache in [in_folder(folder.path(), 3 * 4096), Arc::new(ResultCache::new(&memory))] {
        for number in 1..=3 {
            keep(&cache, key(number), &[batch(20)], LONG).await;
            // The clock of a file system may tick slowly.
            std::thread::sleep(Duration::from_millis(15));
        }
        assert!(cache.get(key(1)).await.is_some(), "{cache:?}");
        std::thread::sleep(Duration::from_millis(15));
        keep(&cache, key(4), &[batch(20)], LONG).await;
        let mut there = Vec::new();
        for number in 1..=4 {
            there.push(cache.get(key(number)).await.is_some());
        }
        assert_eq!(there, [true, false, true, true], "{cache:?}");
    }
}

#[tokio::test]
async fn what_is_computed_as_fast_as_it_is_read_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let cache = in_folder(folder.path(), 1 << 30);
    let large = vec![batch(20_000); 40];
    keep(&cache, key(1), &large, LONG * 100).await;
    keep(&cache, key(2), &[batch(20_000)], Duration::from_millis(2)).await;
    let none = in_folder(folder.path(), 100);
    keep(&none, key(3), &[batch(20)], LONG).await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn many_at_once_keep_and_read_one_answer() {
    let folder = tempfile::tempdir().unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let cache = in_folder(folder.path(), 1 << 20);
            tokio::spawn(async move {
                for _ in 0..20 {
                    keep(&cache, key(1), &[batch(500)], LONG).await;
                    let kept: Option<Kept> = cache.get(key(1)).await;
                    assert_eq!(kept.unwrap().batches, [batch(500)]);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn the_key_minds_what_is_asked_and_no_blanks() {
    let none = Params::new();
    let same = key_of("SELECT  a FROM posts -- all of them", &none);
    assert_eq!(same, key_of("select a from posts", &none));
    for other in ["SELECT A FROM posts", "SELECT \"a\" FROM posts", "SELECT 'a' FROM posts"] {
        assert_ne!(same, key_of(other, &none), "{other}");
    }
    let list = |texts: &[&str]| {
        let texts: Vec<_> = texts.iter().map(|text| ScalarValue::from(*text)).collect();
        let element = datafusion::arrow::datatypes::DataType::Utf8;
        ScalarValue::List(ScalarValue::new_list_nullable(&texts, &element))
    };
    let values = [
        ScalarValue::Int64(Some(1)),
        ScalarValue::Int64(Some(2)),
        ScalarValue::Int64(None),
        ScalarValue::Float64(Some(1.0)),
        ScalarValue::from("1"),
        list(&["a", "b"]),
        list(&["a, b"]),
    ];
    let keys: std::collections::HashSet<Key> = values
        .iter()
        .map(|value| key_of("SELECT $x", &Params::from([("x".to_owned(), value.clone())])))
        .collect();
    assert_eq!(keys.len(), values.len());
}
