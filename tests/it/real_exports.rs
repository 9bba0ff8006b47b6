//! Real exports give the posts and sums that were counted independently of
//! weiku. They lie outside the project; `WEIKU_REAL_DATA` names their folder.

use std::path::PathBuf;

use weiku::ingest::Options;

use crate::last::Last;

/// The folder of real exports, or a printed reason why there is none.
fn real_data() -> Option<PathBuf> {
    let folder = std::env::var_os("WEIKU_REAL_DATA").map(PathBuf::from);
    match folder {
        Some(folder) if folder.is_dir() => Some(folder),
        _ => {
            say_skipped();
            None
        }
    }
}

#[expect(clippy::print_stderr, reason = "a skipped test must say so")]
fn say_skipped() {
    eprintln!("skipped: WEIKU_REAL_DATA names no folder of real exports");
}

#[test]
fn eleven_files_of_a_scraper_give_the_known_sums() {
    let Some(data) = real_data() else { return };
    let pattern = data.join("cctv-2020-scrape/sina_cctv_list_*.csv");
    let options = Options { account_id: Some("2656274875".to_owned()), ..Options::default() };
    let (last, readings) = Last::read(&[pattern], &options);
    assert_eq!(last.rejected, Vec::<String>::new());
    assert_eq!(readings.len(), 11);
    assert!(readings.iter().all(|reading| reading.format == "weibo-scrape-csv"));
    assert_eq!((last.records, last.skipped), (8_632, 1_012));
    assert_eq!(last.sums(), (7_951, 78_175_549, 26_673_983, 413_535_096));
    for post in last.posts.values() {
        let day = chrono::DateTime::from_timestamp_micros(post.posted_at.unwrap()).unwrap();
        let day = day.with_timezone(&chrono_tz::Asia::Shanghai).format("%F").to_string();
        assert!(("2020-01-01"..="2020-05-31").contains(&day.as_str()), "{} {day}", post.post_id);
        assert_eq!(post.account_id.as_deref(), Some("2656274875"));
    }
}

#[test]
fn a_weibospider_file_gives_the_known_sums_and_repeats() {
    let Some(data) = real_data() else { return };
    let last = Last::file(&data.join("people-daily-2021-weibospider/2803301701.csv"));
    assert_eq!(last.rejected, Vec::<String>::new());
    assert_eq!((last.records, last.skipped), (2_197, 2));
    assert_eq!(last.sums(), (2_130, 69_162_991, 3_944_356, 68_770_981));
    assert!(last.posts.values().all(|post| post.account_id.as_deref() == Some("2803301701")));
}

#[test]
fn the_same_file_in_gb18030_with_crlf_gives_the_same_rows() {
    let Some(data) = real_data() else { return };
    let utf8 = Last::file(&data.join("people-daily-2021-weibospider/2803301701.csv"));
    let gb = Last::file(&data.join("gb18030/2803301701__gb18030_crlf.csv"));
    assert_eq!(gb.records, utf8.records);
    assert_eq!(gb.posts, utf8.posts);
}

#[test]
fn answers_of_the_open_api_give_posts_originals_and_accounts() {
    let Some(data) = real_data() else { return };
    let folder = data.join("weibo-open-api-2012");
    for (file, records, posts, accounts) in [
        ("statuses.json", 20, 27, 21),
        ("statuses_including_deleted.json", 20, 31, 27),
        ("timeline.json", 20, 20, 20),
        ("user_list.json", 20, 29, 28),
        ("users.json", 1, 2, 2),
        ("user2.json", 1, 1, 1),
        ("timeline_ids.json", 3, 3, 0),
        ("empty_repost_timeline.json", 0, 0, 0),
    ] {
        let last = Last::file(&folder.join(file));
        assert_eq!(last.rejected, Vec::<String>::new(), "{file}");
        let counted = (last.records, last.posts.len(), last.accounts.len());
        assert_eq!(counted, (records, posts, accounts), "{file}");
        assert!(last.posts.values().all(|post| post.posted_at.is_some()), "{file}");
    }
}

#[test]
fn the_text_of_a_deleted_original_is_unknown() {
    let Some(data) = real_data() else { return };
    let last = Last::file(&data.join("weibo-open-api-2012/statuses_including_deleted.json"));
    let deleted = &last.posts["3342625899674471"];
    assert_eq!((&deleted.text, &deleted.hashtags), (&None, &None));
    assert_eq!(deleted.account_id.as_deref(), Some("2283962461"));
    assert_eq!(deleted.client.as_deref(), Some("FaWave"));
}

#[test]
fn fixtures_of_mastodon_are_read_whole() {
    let Some(data) = real_data() else { return };
    for (file, records, posts, accounts) in [
        ("Account.json", 1, 0, 1),
        ("Accounts.json", 2, 0, 2),
        ("Context.json", 2, 1, 1),
        ("StatusWithNull.json", 1, 1, 1),
        ("StatusWithoutNull.json", 1, 1, 1),
        ("Timeline.json", 2, 1, 1),
    ] {
        let last = Last::file(&data.join("mastodon-api").join(file));
        assert_eq!(last.rejected, Vec::<String>::new(), "{file}");
        let counted = (last.records, last.posts.len(), last.accounts.len());
        assert_eq!(counted, (records, posts, accounts), "{file}");
    }
}

#[test]
fn the_processed_table_of_the_scrape_agrees_with_the_raw_one() {
    let Some(data) = real_data() else { return };
    let folder = data.join("cctv-2020-scrape");
    let raw = Last::file(&folder.join("sina_cctv_list_11.csv"));
    let processed = Last::file(&folder.join("processed_list_11.csv"));
    assert_eq!(processed.rejected, Vec::<String>::new());
    for (id, post) in &processed.posts {
        assert_eq!(
            (post.posted_at, &post.counts),
            (raw.posts[id].posted_at, &raw.posts[id].counts)
        );
    }
}
