//! Generated worlds, written through the store.

use weiku::generate::{Scale, generate};
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
