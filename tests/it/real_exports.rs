//! Real exports give the posts and sums that were counted independently of
//! weiku. They lie outside the project; `WEIKU_REAL_DATA` names their folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use weiku::Result;
use weiku::ingest::{self, Account, Options, Post, Reading, Row, Sink, Source};

/// The folder of real exports, or a printed reason why there is none.
fn real_data() -> Option<PathBuf> {
    let folder = std::env::var_os("WEIKU_REAL_DATA").map(PathBuf::from);
    match folder {
        Some(folder) if folder.is_dir() => Some(folder),
        _ => {
            println!("skipped: WEIKU_REAL_DATA names no folder of real exports");
            None
        }
    }
}

/// Keeps the last row of each post and account.
#[derive(Default)]
struct Last {
    posts: BTreeMap<String, Post>,
    accounts: BTreeMap<String, Account>,
    records: u64,
    skipped: u64,
    rejected: Vec<String>,
}

impl Sink for Last {
    fn record(&mut self, _row: u64, rows: Vec<Row>) -> Result<()> {
        self.records += 1;
        for row in rows {
            match row {
                Row::Post(post) => drop(self.posts.insert(post.post_id.clone(), post)),
                Row::Account(account) => {
                    self.accounts.insert(account.account_id.clone(), account);
                }
            }
        }
        Ok(())
    }

    fn skip(&mut self, _row: u64) -> Result<()> {
        self.skipped += 1;
        Ok(())
    }

    fn reject(&mut self, row: u64, reason: String, _raw: &[u8]) -> Result<()> {
        self.rejected.push(format!("{row}: {reason}"));
        Ok(())
    }
}

impl Last {
    fn read(paths: &[PathBuf], options: &Options) -> (Self, Vec<Reading>) {
        let mut last = Self::default();
        let mut readings = Vec::new();
        for path in ingest::expand(paths).unwrap() {
            for source in Source::open(&path).unwrap() {
                readings.push(ingest::read(source, options, &mut last).unwrap());
            }
        }
        (last, readings)
    }

    fn file(path: &Path) -> Self {
        Self::read(&[path.to_owned()], &Options::default()).0
    }

    /// Posts, then the sums of reposts, comments and likes.
    fn sums(&self) -> (usize, i64, i64, i64) {
        let sum = |count: fn(&Post) -> Option<i64>| self.posts.values().filter_map(count).sum();
        (
            self.posts.len(),
            sum(|post| post.counts.reposts),
            sum(|post| post.counts.comments),
            sum(|post| post.counts.likes),
        )
    }
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
    let without_line_ends = |post: &Post| Post {
        text: post.text.as_ref().map(|text| text.replace("\r\n", "\n")),
        ..post.clone()
    };
    for (id, post) in &utf8.posts {
        assert_eq!(without_line_ends(&gb.posts[id]), without_line_ends(post));
    }
}
