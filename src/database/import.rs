//! Import: what a format reads, merged into the store as one transaction a file.
//!
//! The format runs on a thread of its own and hands batches over a short queue,
//! so that reading, merging and writing overlap and memory stays bounded.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::arrow::record_batch::RecordBatch;
use tokio::sync::mpsc;

use super::Database;
use super::rows::{self, Pending, Rows};
use crate::engine::Settings;
use crate::error::{Error, Kind, Result};
use crate::ingest::{self, Account, Instant, Position, Post, Row, Sink, Source};
use crate::model::{ACCOUNT_SNAPSHOTS, ACCOUNTS, IMPORTS, POST_SNAPSHOTS, POSTS, REJECTS};
use crate::store::{MergeCounts, Store};

/// Rows of a table that are handed over at once.
const BATCH_ROWS: usize = 8_192;

/// Bytes of text after which a batch is handed over early.
const BATCH_BYTES: usize = 16 << 20;

/// Batches that may wait to be merged.
const QUEUE: usize = 4;

/// Rows between two words on progress.
const PROGRESS_ROWS: u64 = 4_096;

/// Rows that a dry run shows.
const SAMPLES: usize = 5;

/// How files are imported.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// What the formats need to know.
    pub reading: ingest::Options,
    /// When the content was captured; else what the file says, else the file's
    /// modification time.
    pub observed_at: Option<Instant>,
    /// Whether everything is read and accounted for, and nothing written.
    pub dry_run: bool,
}

/// Hears of an import while it runs.
pub trait Progress: Send + Sync {
    /// A file is about to be read.
    fn begin(&self, file: &str, bytes: Option<u64>);

    /// So much of it has been read so far.
    fn advance(&self, bytes: u64, rows: u64);

    /// The file is done.
    fn end(&self);
}

/// Progress that nobody hears.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: u64, _: u64) {}
    fn end(&self) {}
}

/// The account of one imported file.
#[derive(Debug, Clone, Default)]
pub struct ImportReport {
    /// The file as it was named.
    pub file: String,
    /// Names the import in `imports` and `rejects`; empty for a dry run.
    pub import_id: String,
    /// The checksum of the file's bytes.
    pub sha256: String,
    /// The format it was read as.
    pub format: String,
    /// What became of its records.
    pub records: MergeCounts,
    /// What became of the posts and accounts nested in them.
    pub nested: MergeCounts,
    /// Blank records and repeated headers.
    pub skipped: u64,
    /// Records that could not be taken.
    pub rejected: u64,
    /// The first few refusals: row and reason.
    pub refusals: Vec<(u64, String)>,
    /// The columns that the format does not know, of which nothing was taken.
    pub left_out: Vec<String>,
    /// The earlier import of the same bytes, when this one said nothing new.
    pub repeats: Option<String>,
    /// A few of the rows, for a dry run.
    pub samples: Option<RecordBatch>,
}

impl ImportReport {
    /// Records in the file.
    #[must_use]
    pub fn rows_read(&self) -> u64 {
        let MergeCounts { added, changed, unchanged } = self.records;
        added + changed + unchanged + self.skipped + self.rejected
    }
}

impl Database {
    /// Imports `files` in order, each as one transaction, and gives an account
    /// of each. A file that cannot be read does not keep the others out: its
    /// error stands in its place.
    ///
    /// # Errors
    /// When there is no database, or another process holds it.
    pub async fn import(
        &self,
        files: &[PathBuf],
        options: &ImportOptions,
        progress: &Arc<dyn Progress>,
    ) -> Result<Vec<Result<ImportReport>>> {
        let Some(store) = self.store() else {
            return Err(Error::usage("an import needs a database")
                .hint("give its folder: weiku import DB FILE..."));
        };
        let mut reports = Vec::with_capacity(files.len());
        let mut series = Series::default();
        for file in files {
            let sources = match sources(file) {
                Ok(sources) => sources,
                Err(error) => {
                    reports.push(Err(error));
                    continue;
                }
            };
            for source in sources {
                let seen = Seen { fixed: options.observed_at, modified: series.time(&source) };
                let report = self.import_source(store, source, seen, options, progress).await;
                progress.end();
                match report {
                    Err(error) if ends_the_import(&error) => return Err(error),
                    report => reports.push(report),
                }
            }
        }
        Ok(reports)
    }

    async fn import_source(
        &self,
        store: &Arc<Store>,
        source: Source,
        seen: Seen,
        options: &ImportOptions,
        progress: &Arc<dyn Progress>,
    ) -> Result<ImportReport> {
        let started = Utc::now();
        let name = source.name().to_owned();
        progress.begin(&name, source.size());
        let import_id = import_id(started);
        let mut transaction = store.begin_for("import").await?;

        let (sender, mut batches) = mpsc::channel(QUEUE);
        let reader = tokio::task::spawn_blocking({
            let mut sink = BatchSink::new(sender, import_id.clone(), name.clone(), seen);
            sink.heard_by(Arc::clone(progress), source.position());
            let reading = ingest::Options { observed_at: seen.fixed, ..options.reading.clone() };
            move || -> Result<_> {
                let read = ingest::read(source, &reading, &mut sink)?;
                sink.hand_over_all()?;
                Ok((read, sink.tally))
            }
        });
        while let Some(Pending { table, batch, primary }) = batches.recv().await {
            transaction.upsert(table, batch, &primary).await?;
        }
        let (read, tally) = reader
            .await
            .map_err(|error| Error::internal(format!("the reader stopped: {error}")))??;

        let [posts, nested_posts] = transaction.flush(&POSTS).await?;
        let [accounts, nested_accounts] = transaction.flush(&ACCOUNTS).await?;
        let mut report = ImportReport {
            file: name,
            import_id,
            sha256: read.sha256,
            format: read.format.to_owned(),
            records: posts + accounts,
            nested: nested_posts + nested_accounts,
            skipped: tally.skipped,
            rejected: tally.rejected,
            refusals: tally.refusals,
            left_out: read.left_out,
            repeats: None,
            samples: None,
        };
        if options.dry_run {
            report.import_id.clear();
            report.samples = tally.samples;
            return Ok(report);
        }
        let news = report.records.added
            + report.records.changed
            + report.nested.added
            + report.nested.changed;
        if news == 0 {
            report.repeats = self.earlier_import(&report.sha256).await?;
        }
        if report.repeats.is_none() {
            let observed = seen.fixed.or(tally.observed).unwrap_or(seen.modified);
            let times = [observed, started.timestamp_micros(), Utc::now().timestamp_micros()];
            let mut imports = Rows::new(&IMPORTS);
            rows::push_import(&mut imports, &report, times)?;
            transaction.append(&IMPORTS, imports.take()?.batch).await?;
            transaction.commit().await?;
        }
        Ok(report)
    }

    /// The import that took the same bytes before.
    async fn earlier_import(&self, sha256: &str) -> Result<Option<String>> {
        let session = self.session(Settings::default())?;
        let sql = format!(
            "SELECT import_id FROM imports WHERE sha256 = '{sha256}' ORDER BY started_at LIMIT 1"
        );
        let batches = session.collect(&sql).await?;
        let first = batches.first().map(|batch| Arc::clone(batch.column(0)));
        Ok(first.and_then(|column| {
            datafusion::common::ScalarValue::try_from_array(&column, 0)
                .ok()
                .map(|id| id.to_string())
        }))
    }
}

/// Names an import by its start, with enough chance behind it to be unique.
fn import_id(started: DateTime<Utc>) -> String {
    let chance = uuid::Uuid::new_v4().simple().to_string();
    format!("{}-{}", started.format("%Y%m%dT%H%M%SZ"), &chance[..6])
}

/// What there is to read in `file`; `-` is standard input.
fn sources(file: &Path) -> Result<Vec<Source>> {
    if file == Path::new("-") {
        return Ok(vec![Source::stream("-", std::io::stdin())]);
    }
    Source::open(file)
}

/// Whether an error would meet every other file as well.
fn ends_the_import(error: &Error) -> bool {
    matches!(error.kind(), Kind::Busy | Kind::Limit | Kind::Store | Kind::Cancelled)
}

/// The times of files that are imported together.
///
/// The parts of one crawl (`list_1` to `list_11`) carry times of modification
/// that lie closely together and say how they were copied, not which part is the
/// later look. Among such files the order of the import decides.
#[derive(Debug, Default)]
struct Series {
    previous: Option<Instant>,
}

impl Series {
    /// Files whose times lie this close together are parts of one crawl.
    const TOGETHER: Instant = 60 * 1_000_000;

    /// What separates two parts; more than the looks within one file need.
    const STEP: Instant = 1_000_000;

    /// When the content of `source` was captured, as far as its file says.
    fn time(&mut self, source: &Source) -> Instant {
        let modified = source.modified_at().unwrap_or_else(|| Utc::now().timestamp_micros());
        let time = match self.previous {
            Some(previous) if (modified - previous).abs() < Self::TOGETHER => {
                modified.max(previous + Self::STEP)
            }
            _ => modified,
        };
        self.previous = Some(time);
        time
    }
}

/// When rows were observed.
#[derive(Debug, Clone, Copy)]
struct Seen {
    fixed: Option<Instant>,
    modified: Instant,
}

impl Seen {
    /// What the person said, else what the record says, else the file's time.
    fn at(self, record: Option<Instant>) -> Instant {
        self.fixed.or(record).unwrap_or(self.modified)
    }
}

/// What a file held beyond its rows.
#[derive(Debug, Default)]
struct Tally {
    skipped: u64,
    rejected: u64,
    refusals: Vec<(u64, String)>,
    /// The first time of observation that a record named.
    observed: Option<Instant>,
    samples: Option<RecordBatch>,
}

/// Collects rows into batches and hands them over to be merged.
struct BatchSink {
    sender: mpsc::Sender<Pending>,
    import_id: String,
    file: String,
    seen: Seen,
    posts: Rows,
    post_snapshots: Rows,
    accounts: Rows,
    account_snapshots: Rows,
    rejects: Rows,
    repeats: Repeats,
    tally: Tally,
    /// Rows so far, and who hears of them.
    rows: u64,
    progress: Option<(Arc<dyn Progress>, Position)>,
}

impl BatchSink {
    fn new(sender: mpsc::Sender<Pending>, import_id: String, file: String, seen: Seen) -> Self {
        Self {
            sender,
            import_id,
            file,
            seen,
            posts: Rows::new(&POSTS),
            post_snapshots: Rows::new(&POST_SNAPSHOTS),
            accounts: Rows::new(&ACCOUNTS),
            account_snapshots: Rows::new(&ACCOUNT_SNAPSHOTS),
            rejects: Rows::new(&REJECTS),
            repeats: Repeats::default(),
            tally: Tally::default(),
            rows: 0,
            progress: None,
        }
    }

    /// Has `progress` told how far reading has come.
    fn heard_by(&mut self, progress: Arc<dyn Progress>, position: Position) {
        self.progress = Some((progress, position));
    }

    fn post(&mut self, post: &Post, primary: bool) -> Result<()> {
        let counts = [post.counts.reposts, post.counts.comments, post.counts.likes];
        let seen = self.seen.at(post.observed_at);
        let look = self.repeats.look(&(&post.platform, &post.post_id, seen), &counts);
        rows::push_post(&mut self.posts, post, seen + look.later, primary)?;
        if look.is_news {
            rows::push_post_counts(&mut self.post_snapshots, post, seen + look.later)?;
        }
        Ok(())
    }

    fn account(&mut self, account: &Account, primary: bool) -> Result<()> {
        let counts = account.counts.clone().unwrap_or_default();
        let counts = [counts.followers, counts.following, counts.posts];
        let seen = self.seen.at(account.observed_at);
        let look = self.repeats.look(&(&account.platform, &account.account_id, seen), &counts);
        rows::push_account(&mut self.accounts, account, seen + look.later, primary)?;
        if look.is_news {
            rows::push_account_counts(&mut self.account_snapshots, account, seen + look.later)?;
        }
        Ok(())
    }

    fn hand_over_full(&mut self) -> Result<()> {
        self.rows += 1;
        if let Some((progress, position)) = &self.progress
            && self.rows.is_multiple_of(PROGRESS_ROWS)
        {
            progress.advance(position.bytes(), self.rows);
        }
        let full = |rows: &Rows| rows.len() >= BATCH_ROWS || rows.bytes() >= BATCH_BYTES;
        let tables = [&self.posts, &self.post_snapshots, &self.accounts, &self.account_snapshots];
        if tables.into_iter().any(full) || full(&self.rejects) {
            self.hand_over_all()
        } else {
            Ok(())
        }
    }

    fn hand_over_all(&mut self) -> Result<()> {
        for rows in [
            &mut self.accounts,
            &mut self.account_snapshots,
            &mut self.posts,
            &mut self.post_snapshots,
            &mut self.rejects,
        ] {
            if rows.len() == 0 {
                continue;
            }
            let pending = rows.take()?;
            let sample = pending.table.name == POSTS.name || pending.table.name == ACCOUNTS.name;
            if sample && self.tally.samples.is_none() {
                let most = pending.batch.num_rows().min(SAMPLES);
                self.tally.samples = Some(pending.batch.slice(0, most));
            }
            // Nobody listens any more once merging has failed, and the reason
            // is reported from there.
            let gone = |_| Error::internal("the import was given up");
            self.sender.blocking_send(pending).map_err(gone)?;
        }
        Ok(())
    }
}

impl Sink for BatchSink {
    fn record(&mut self, _row: u64, rows: Vec<Row>) -> Result<()> {
        for (index, row) in rows.iter().enumerate() {
            let primary = index == 0;
            match row {
                Row::Post(post) => {
                    self.tally.observed = self.tally.observed.or(post.observed_at);
                    self.post(post, primary)?;
                }
                Row::Account(account) => {
                    self.tally.observed = self.tally.observed.or(account.observed_at);
                    self.account(account, primary)?;
                }
            }
        }
        self.hand_over_full()
    }

    fn skip(&mut self, _row: u64) -> Result<()> {
        self.tally.skipped += 1;
        Ok(())
    }

    fn reject(&mut self, row: u64, reason: String, raw: &[u8]) -> Result<()> {
        rows::push_reject(&mut self.rejects, &self.import_id, &self.file, row, &reason, raw)?;
        self.tally.rejected += 1;
        if self.tally.refusals.len() < SAMPLES {
            self.tally.refusals.push((row, reason));
        }
        self.hand_over_full()
    }
}

/// Tells apart the several looks at one post that a file appended to over
/// several crawls holds. They have one time of observation, the file's; each
/// later look is placed a microsecond after the one before, so that the order of
/// the file decides which is the latest, however often it is imported.
#[derive(Debug, Default)]
struct Repeats {
    hasher: RandomState,
    /// By hash of the key: how many looks so far, and the hash of the counts of
    /// the latest.
    looks: HashMap<u64, (u32, u64)>,
}

/// One look at a post or an account.
struct Look {
    /// Microseconds after the first look of the file.
    later: i64,
    /// Whether it saw counts, and other ones than the look before.
    is_news: bool,
}

impl Repeats {
    fn look(&mut self, key: &(&String, &String, Instant), counts: &[Option<i64>; 3]) -> Look {
        let known = counts.iter().any(Option::is_some);
        let counts = self.hasher.hash_one(counts);
        match self.looks.entry(self.hasher.hash_one(key)) {
            Entry::Vacant(entry) => {
                entry.insert((0, counts));
                Look { later: 0, is_news: known }
            }
            Entry::Occupied(mut entry) => {
                let (looks, latest) = entry.get_mut();
                *looks += 1;
                let is_news = known && *latest != counts;
                *latest = counts;
                Look { later: i64::from(*looks), is_news }
            }
        }
    }
}
