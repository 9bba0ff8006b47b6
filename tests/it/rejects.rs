//! Rejected rows are kept, and taken after a fix.

use std::path::Path;
use std::sync::Arc;

use weiku::database::{ImportOptions, Progress, Refused, Silent};
use weiku::engine::Settings;
use weiku::{Database, ingest};

/// Posts whose times only a mapping can read.
const POSTS: &str = "platform,post_id,posted_at,likes\n\
    weibo,1,2012-08-27,1\nweibo,2,27.08.2012,2\n\"weibo\",3,\"28.08.2012\",3\nweibo,4,29.08.2012,many\n";

const MAPPING: &str = "platform = \"weibo\"\ntime_format = \"%d.%m.%Y\"\n[columns]\n\
    post_id = \"post_id\"\nposted_at = \"posted_at\"\nlikes = \"likes\"\n";

async fn database(folder: &Path) -> (Database, Arc<dyn Progress>) {
    let database = Database::create(&folder.join("db")).await.unwrap();
    let progress: Arc<dyn Progress> = Arc::new(Silent);
    std::fs::write(folder.join("posts.csv"), POSTS).unwrap();
    let options = ImportOptions { observed_at: Some(7), ..ImportOptions::default() };
    let reports = database.import(&[folder.join("posts.csv")], &options, &progress).await.unwrap();
    assert_eq!(reports[0].as_ref().unwrap().rejected, 3);
    (database, progress)
}

async fn rows(database: &Database, sql: &str) -> Vec<String> {
    let session = database.session(Settings::default()).unwrap();
    let batches = session.collect(sql).await.unwrap();
    let table = datafusion::arrow::util::pretty::pretty_format_batches(&batches).unwrap();
    table
        .to_string()
        .lines()
        .skip(3)
        .filter(|line| line.starts_with('|'))
        .map(str::to_owned)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_again_stays_and_what_is_taken_is_marked_and_dated_as_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let (database, progress) = database(folder.path()).await;
    let same = database.import_rejects(&ImportOptions::default(), &progress).await.unwrap();
    assert_eq!(same[0].as_ref().unwrap().rejected, 3);
    assert_eq!(rows(&database, "SELECT 1 FROM imports").await.len(), 1, "nothing was taken");

    std::fs::write(folder.path().join("map.toml"), MAPPING).unwrap();
    let format = Some(folder.path().join("map.toml").display().to_string());
    let reading = ingest::Options { format, ..ingest::Options::default() };
    let options = ImportOptions { reading, ..ImportOptions::default() };
    let reports = database.import_rejects(&options, &progress).await.unwrap();
    let report = reports[0].as_ref().unwrap();
    assert_eq!((report.rows_read(), report.records.added, report.rejected), (3, 2, 1));
    let reason = "likes: `many` is not a count".to_owned();
    assert_eq!(report.refusals, [Refused { row: 5, line: None, reason }]);
    let sql = "SELECT row, taken_by IS NULL, raw IS NOT NULL FROM rejects ORDER BY row";
    assert_eq!(
        rows(&database, sql).await.iter().map(|row| row.replace(' ', "")).collect::<Vec<_>>(),
        ["|3|false|true|", "|4|false|true|", "|5|true|true|"]
    );
    let sql = "SELECT 1 FROM posts JOIN imports USING (observed_at) WHERE likes > 1";
    assert_eq!(rows(&database, sql).await.len(), 4, "two posts, as of the file's own time");
    let rest = database.import_rejects(&options, &progress).await.unwrap();
    assert_eq!(rest[0].as_ref().unwrap().rows_read(), 1);
}
