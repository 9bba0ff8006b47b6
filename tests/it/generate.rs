//! Generated worlds, written through the store.

use std::sync::Arc;

use weiku::database::{ImportOptions, Progress, Silent};
use weiku::engine::Settings;
use weiku::generate::{Scale, export, generate};
use weiku::model::{ACCOUNTS, POSTS};
use weiku::store::Store;
use weiku::{Database, Kind, Result};

#[tokio::test]
async fn a_generated_database_holds_what_the_summary_says() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(&folder.path().join("db")).await?;
    let mut reported = 0;
    let summary = generate(&store, Scale::Small, 1, &mut |posts| reported = posts).await?;
    assert_eq!(summary.accounts, 44);
    assert_eq!(summary.posts, reported);
    assert_eq!(store.snapshot(&ACCOUNTS, None).await?.rows(), 44);
    assert_eq!(store.snapshot(&POSTS, None).await?.rows(), summary.posts);
    Ok(())
}

#[tokio::test]
async fn a_database_with_rows_is_refused() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(&folder.path().join("db")).await?;
    generate(&store, Scale::Small, 1, &mut |_| {}).await?;
    let error = generate(&store, Scale::Small, 2, &mut |_| {}).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert!(error.to_string().contains("not empty"), "{error}");
    Ok(())
}

#[tokio::test]
async fn an_export_has_all_posts_and_is_refused_in_a_folder_that_is_there() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let summary = export(&out, "weibo-crawler-csv", Scale::Small, 1, &mut |_| {}).await?;
    let posts = csv::ReaderBuilder::new()
        .flexible(true)
        .from_path(out.join("posts.csv"))
        .unwrap()
        .into_records()
        .filter(std::result::Result::is_ok)
        .count();
    assert_eq!(posts as u64, summary.posts);
    let again = export(&out, "weibo-crawler-csv", Scale::Small, 1, &mut |_| {}).await;
    assert_eq!(again.unwrap_err().kind(), Kind::Store);
    Ok(())
}

/// Counts and sums over the accounts of `database` and their posts of 2010.
async fn sums(database: &Database) -> Result<String> {
    let sql = "SELECT count(*) AS posts, sum(reposts) AS reposts, sum(comments) AS comments,
        count(*) FILTER (WHERE is_repost) AS passed_on, count(DISTINCT origin_post_id) AS origins,
        sum(cardinality(hashtags)) AS hashtags, sum(cardinality(mentions)) AS mentions,
        sum(character_length(text)) AS characters, min(posted_at) AS first, max(posted_at) AS last,
        (SELECT sum(followers) FROM account_latest) AS followers
        FROM posts
        WHERE account_id IN (SELECT account_id FROM accounts)
        AND posted_at < TIMESTAMP '2011-01-01 08:00:00'";
    let batches = database.session(Settings::default())?.collect(sql).await?;
    Ok(datafusion::arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string())
}

/// The posts of 2010 in UTC among the lines of an export, which have an id that
/// says the second.
fn of_2010(lines: &str) -> String {
    let is_early = |line: &&str| {
        let status: serde_json::Value = serde_json::from_str(line).unwrap();
        let id = status["id"].as_u64().or_else(|| status["id"].as_str()?.parse().ok()).unwrap();
        (id >> 22) + 515_483_463 < 1_293_840_000
    };
    let early: Vec<&str> =
        lines.lines().filter(|line| line.contains("2010")).filter(is_early).collect();
    assert!(early.len() > 100, "{}", early.len());
    early.join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_the_same_world_when_it_is_imported() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(&folder.path().join("made")).await?;
    generate(&store, Scale::Small, 1, &mut |_| {}).await?;
    let made = sums(&Database::open(&folder.path().join("made")).await?).await?;
    for (format, accounts) in
        [("mastodon-json", "accounts.json"), ("weibo-api-jsonl", "users.json")]
    {
        let out = folder.path().join(format);
        export(&out, format, Scale::Small, 1, &mut |_| {}).await?;
        let files = [accounts, "statuses.jsonl"].map(|file| out.join(file));
        let statuses = std::fs::read_to_string(&files[1]).unwrap();
        std::fs::write(&files[1], of_2010(&statuses)).unwrap();

        let imported = Database::create(&folder.path().join(format!("{format}-imported"))).await?;
        let silent: Arc<dyn Progress> = Arc::new(Silent);
        for report in imported.import(&files, &ImportOptions::default(), &silent).await? {
            assert_eq!(report?.rejected, 0, "{format}");
        }
        assert_eq!(sums(&imported).await?, made, "{format}");
    }
    Ok(())
}

#[tokio::test]
async fn an_unknown_export_is_refused_before_a_folder_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let error = export(&out, "weibo-crawler", Scale::Small, 1, &mut |_| {}).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert!(!out.exists());
}
