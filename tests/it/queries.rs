//! The built-in saved queries: what they say of the sample, and that they run on
//! anything else.
//!
//! With `WEIKU_ACCEPT=1` in the environment the answers on the sample are written
//! to `tests/golden/queries` instead of compared with what is there.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{TimeZone, Utc};
use weiku::Database;
use weiku::batch::{self, Lines, Options, RunPlan, Status, Summary};
use weiku::database::{ImportOptions, Progress, Silent};
use weiku::generate::{Scale, generate};
use weiku::queries::{Clock, Library};

/// Runs all built-in queries on `database`, with their results in `folder`.
async fn run_all(database: &Database, folder: &Path) -> Summary {
    let library = Library::of_folders(vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("queries")]);
    let names: Vec<String> =
        library.entries().unwrap().into_iter().map(|entry| entry.name).collect();
    assert!(names.len() > 40, "{names:?}");
    let options =
        Options { folder: Some(folder.to_owned()), keep_going: true, ..Options::default() };
    let now = Utc.with_ymd_and_hms(2012, 8, 28, 0, 0, 0).unwrap();
    let clock = Clock::new(now, "Asia/Shanghai").unwrap();
    let plan = RunPlan::new(&library, &names, options, &clock).unwrap();
    let mut talk = Vec::new();
    batch::run(database, &plan, &mut Lines::new(&mut talk, Box::new(std::io::sink())))
        .await
        .unwrap()
}

/// Fails if a query did not run. What a query expects of the data is not
/// looked at: an import need not be the ministries of 2012.
fn assert_all_ran(summary: &Summary) {
    let errors: Vec<String> =
        summary.errors.iter().map(|(name, error)| format!("{name}: {error}")).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_answers_every_query_as_it_promises_and_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::create(&folder.path().join("sample")).await.unwrap();
    generate(database.store().unwrap(), Scale::Small, 1, &mut |_| {}).await.unwrap();
    let results = folder.path().join("results");
    let summary = run_all(&database, &results).await;
    assert_all_ran(&summary);
    for query in &summary.record.queries {
        assert_eq!(query.status, Status::Ok, "{}: {:?}", query.name, query.expectations);
        // When it was generated is not the same twice.
        if query.name != "quality/imports" {
            compare(&query.name, &results);
        }
    }
}

/// Compares the result of a query with the one that was accepted.
fn compare(name: &str, results: &Path) {
    let file = format!("{name}.csv");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/queries").join(&file);
    let result = fs::read_to_string(results.join(&file)).unwrap();
    if std::env::var_os("WEIKU_ACCEPT").is_some() {
        fs::create_dir_all(golden.parent().unwrap()).unwrap();
        fs::write(&golden, result).unwrap();
        return;
    }
    let accepted = fs::read_to_string(&golden).unwrap_or_default();
    assert!(accepted == result, "{name} differs from {}:\n{result}", golden.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_runs_on_an_empty_database() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::create(&folder.path().join("empty")).await.unwrap();
    assert_all_ran(&run_all(&database, &folder.path().join("results")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_runs_on_real_exports() {
    let Ok(data) = std::env::var("WEIKU_REAL_DATA") else {
        println!("skipped: WEIKU_REAL_DATA is not set");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let database = Database::create(&folder.path().join("real")).await.unwrap();
    let people: PathBuf =
        [&data, "people-daily-2021-weibospider", "2803301701.csv"].iter().collect();
    let silent: Arc<dyn Progress> = Arc::new(Silent);
    let reports = database.import(&[people], &ImportOptions::default(), &silent).await.unwrap();
    assert_eq!(reports[0].as_ref().unwrap().rejected, 0);
    assert_all_ran(&run_all(&database, &folder.path().join("results")).await);
}
