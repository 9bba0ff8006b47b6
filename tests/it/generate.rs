//! Generated worlds, written through the store.

use weiku::generate::{Scale, export, generate};
use weiku::model::{ACCOUNTS, POSTS};
use weiku::store::Store;
use weiku::{Kind, Result};

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

#[tokio::test]
async fn an_unknown_export_is_refused_before_a_folder_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let error = export(&out, "weibo-crawler", Scale::Small, 1, &mut |_| {}).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert!(!out.exists());
}
