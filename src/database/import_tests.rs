//! The import of a file that is merged and written in many parts.

use std::collections::{HashMap, HashSet};
use std::io::Cursor;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::common::ScalarValue;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Database;
use super::import::{self, ImportOptions, Progress, Rejects, Seen, Silent};
use crate::engine::Settings;
use crate::ingest::{Instant, Source};
use crate::store::{Limits, Store};

/// When the file was changed.
const CHANGED: Instant = 1_346_032_900_000_000;

/// What a database with the file must have.
#[derive(Default)]
struct Expected {
    posts: HashSet<u32>,
    /// For each post and time of observation, how many looks there were and what
    /// the latest saw.
    looks: HashMap<(u32, Instant), (i64, u32)>,
    snapshots: HashSet<(u32, Instant)>,
}

impl Expected {
    /// Takes note of a row.
    fn look(&mut self, id: u32, seen: Instant, likes: u32) {
        self.posts.insert(id);
        let before = self.looks.get(&(id, seen)).copied();
        let later = before.map_or(0, |(later, _)| later + 1);
        self.looks.insert((id, seen), (later, likes));
        if before.is_none_or(|(_, before)| before != likes) {
            self.snapshots.insert((id, seen + later));
        }
    }
}

/// A file of many rows about fewer posts, in which `times` times of observation
/// stand, `step` microseconds apart; none stands for the first one.
fn file(times: i64, step: i64) -> (String, Expected) {
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let mut text = String::from("platform,post_id,account_id,likes,observed_at\n");
    let mut expected = Expected::default();
    for _ in 0..40_000 {
        let id = random.random_range(1..15_000);
        let likes = random.random_range(0..3);
        let seen = CHANGED + random.random_range(0..times) * step;
        let observed = DateTime::from_timestamp_micros(seen).unwrap().to_rfc3339();
        let observed = if seen == CHANGED { "" } else { observed.as_str() };
        text += &format!("weibo,{id},7,{likes},{observed}\n");
        expected.look(id, seen, likes);
    }
    (text, expected)
}

/// Imports `text` as a file.
async fn import(database: &Database, text: &str) {
    let source = Source::stream("posts.csv".to_owned(), Cursor::new(text.to_owned()));
    let mut transaction = database.store().unwrap().begin().await.unwrap();
    let seen = Seen { fixed: None, modified: CHANGED };
    let (options, started) = (ImportOptions::default(), Utc::now());
    let id = import::import_id(started);
    let progress: Arc<dyn Progress> = Arc::new(Silent);
    let (report, _) =
        import::take_in(&mut transaction, source, &id, seen, &options, &progress, Rejects::Kept)
            .await
            .unwrap();
    assert_eq!((report.rejected, report.skipped), (0, 0), "{:?}", report.refusals);
    import::finish(transaction, &report, CHANGED, started).await.unwrap();
}

/// The one number that `sql` asks for.
async fn ask(database: &Database, sql: &str) -> usize {
    let session = database.session(Settings::default()).unwrap();
    let batches = session.collect(sql).await.unwrap();
    let value = ScalarValue::try_from_array(batches[0].column(0), 0).unwrap();
    value.to_string().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_is_found_in_whatever_part_of_the_file_it_was_told_of_before() {
    for (times, step) in [(1, 0), (3, 1), (3, 2), (5, 60_000_000)] {
        let folder = tempfile::tempdir().unwrap();
        // Each part is merged by itself, and as good as each goes to a data file.
        let limits = Limits { merge_rows: 1, file_rows: 4_096, ..Limits::default() };
        let store = Store::create(&folder.path().join("db")).await.unwrap().with_limits(limits);
        let database = Database { store: Some(Arc::new(store)) };
        let (text, expected) = file(times, step);
        // The second time all of it lies in committed files.
        for _ in 0..2 {
            import(&database, &text).await;
            let ids = "SELECT count(DISTINCT post_id) FROM posts";
            assert_eq!(ask(&database, ids).await, expected.posts.len());
            assert_eq!(ask(&database, "SELECT count(*) FROM posts").await, expected.posts.len());
            let snapshots = "SELECT count(*) FROM
                (SELECT DISTINCT platform, post_id, observed_at FROM post_snapshots)";
            assert_eq!(ask(&database, snapshots).await, expected.snapshots.len());
            let snapshots = "SELECT count(*) FROM post_snapshots";
            assert_eq!(ask(&database, snapshots).await, expected.snapshots.len());
        }
    }
}
