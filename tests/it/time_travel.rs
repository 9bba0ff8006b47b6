//! Tables as they were at an earlier version.

use weiku::Database;
use weiku::engine::Settings;
use weiku::model::POST_SNAPSHOTS;

use crate::store::looks;

/// A database whose `post_snapshots` has one row more in each of three versions.
async fn three_versions(folder: &std::path::Path) -> Database {
    let database = Database::create(&folder.join("db")).await.unwrap();
    for id in 1..=3 {
        let mut transaction = database.store().unwrap().begin().await.unwrap();
        transaction.append(&POST_SNAPSHOTS, looks(&[(id, 10, Some(1))])).await.unwrap();
        transaction.commit().await.unwrap();
    }
    database
}

async fn answer(database: &Database, sql: &str) -> Result<String, String> {
    let session = database.session(Settings::default()).unwrap();
    let batches = session.collect(sql).await.map_err(|error| error.to_string())?;
    let table = datafusion::arrow::util::pretty::pretty_format_batches(&batches).unwrap();
    let cells = table.to_string();
    let words = cells.split_whitespace().filter(|word| word.chars().all(char::is_numeric));
    Ok(words.collect::<Vec<_>>().join(" "))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_read_as_of_a_version_or_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let database = three_versions(folder.path()).await;
    for (sql, expected) in [
        ("SELECT count(*) FROM post_snapshots FOR VERSION AS OF 2", "2"),
        ("SELECT count(*) FROM post_snapshots VERSION AS OF 0", "0"),
        ("SELECT max(old.post_id) FROM post_snapshots FOR VERSION AS OF 1 AS old", "00001"),
        ("SELECT count(post_snapshots.likes) FROM POST_SNAPSHOTS for version as of 2", "2"),
        (
            "SELECT count(*) FROM post_snapshots AS now LEFT JOIN post_snapshots FOR VERSION AS OF 2 AS old \
             ON now.post_id = old.post_id WHERE old.post_id IS NULL",
            "1",
        ),
        ("SELECT count(*) FROM post_snapshots FOR TIMESTAMP AS OF '2100-01-01'", "3"),
        (
            "SELECT (SELECT count(*) FROM post_snapshots FOR VERSION AS OF 1) AS before, count(*) FROM post_snapshots",
            "1 3",
        ),
    ] {
        assert_eq!(answer(&database, sql).await.as_deref(), Ok(expected), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_not_there_and_a_view_are_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let database = three_versions(folder.path()).await;
    for (sql, said) in [
        ("SELECT 1 FROM posts FOR VERSION AS OF 9", "no version 9; hint: its versions are 0 to 0"),
        ("SELECT 1 FROM posts FOR TIMESTAMP AS OF '2001-01-01'", "was made after that"),
        ("SELECT 1 FROM posts FOR TIMESTAMP AS OF 'x'", "is not a time"),
        (
            "SELECT 1 FROM account_daily FOR VERSION AS OF 1",
            "is a view, and only tables have versions",
        ),
    ] {
        let error = answer(&database, sql).await.unwrap_err();
        assert!(error.contains(said), "{sql}: {error}");
    }
    let old = database.store().unwrap().snapshot(&POST_SNAPSHOTS, Some(1)).await.unwrap();
    std::fs::rename(&old.files[0].path, folder.path().join("gone")).unwrap();
    let error = answer(&database, "SELECT 1 FROM post_snapshots FOR VERSION AS OF 1").await;
    assert!(error.unwrap_err().contains("version 1 of table `post_snapshots` is no longer kept"));
}
