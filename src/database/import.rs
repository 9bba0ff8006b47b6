//! Import: what a format reads, merged into the store as one transaction a file.
//!
//! The format runs on a thread of its own, which builds batches and hands them
//! over by a short queue, so that reading, merging and writing overlap and memory
//! stays bounded.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use datafusion::arrow::record_batch::RecordBatch;
use tokio::sync::mpsc;

use super::Database;
use super::builder::{self, BatchSink, Tally};
use super::rows::{self, Pending, Rows};
use crate::engine::Settings;
use crate::error::{Error, Kind, Result};
use crate::ingest::{self, Instant, Source};
use crate::model::{ACCOUNTS, IMPORTS, POSTS};
use crate::store::{MergeCounts, Store, Transaction};

/// How often a file is merged before the import gives way to other writers.
const TRIES: usize = 8;

/// How long it waits before the second time, at most; later longer.
const PAUSE: Duration = Duration::from_millis(100);

/// Batches that may wait to be merged.
const QUEUE: usize = 4;

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

    /// Whether a row was new or changed something.
    fn has_news(&self) -> bool {
        let MergeCounts { added, changed, .. } = self.records + self.nested;
        added + changed > 0
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
            let sources = match Source::open(file) {
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

    /// Takes a source in. When another writer, on another machine, has committed
    /// meanwhile, it is merged again into what there is then.
    async fn import_source(
        &self,
        store: &Arc<Store>,
        mut source: Source,
        seen: Seen,
        options: &ImportOptions,
        progress: &Arc<dyn Progress>,
    ) -> Result<ImportReport> {
        for attempt in 1..TRIES {
            let Some(again) = source.again() else { break };
            match self.import_once(store, source, seen, options, progress).await {
                Err(error) if error.kind() == Kind::Overtaken => source = again,
                report => return report,
            }
            // Writers that take different times do not meet again so soon.
            let pause = rand::random_range(0..PAUSE.as_millis() as u64 * attempt as u64);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        self.import_once(store, source, seen, options, progress).await
    }

    async fn import_once(
        &self,
        store: &Arc<Store>,
        source: Source,
        seen: Seen,
        options: &ImportOptions,
        progress: &Arc<dyn Progress>,
    ) -> Result<ImportReport> {
        let started = Utc::now();
        let mut transaction = store.begin_for("import").await?;
        let id = import_id(started);
        let (mut report, tally) =
            take_in(&mut transaction, source, &id, seen, options, progress, Rejects::Kept).await?;
        if options.dry_run {
            report.import_id.clear();
            report.samples = tally.samples;
            return Ok(report);
        }
        if !report.has_news() {
            report.repeats = self.earlier_import(&report.sha256).await?;
        }
        if report.repeats.is_none() {
            let observed = seen.fixed.or(tally.observed).unwrap_or(seen.modified);
            finish(transaction, &report, observed, started).await?;
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

/// What becomes of refused records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rejects {
    /// They are kept.
    Kept,
    /// They were kept before, and all are told.
    Told,
}

/// Merges all of a source into a transaction and gives the account of it.
pub(super) async fn take_in(
    transaction: &mut Transaction,
    source: Source,
    import_id: &str,
    seen: Seen,
    options: &ImportOptions,
    progress: &Arc<dyn Progress>,
    rejects: Rejects,
) -> Result<(ImportReport, Tally)> {
    let name = source.name().to_owned();
    progress.begin(&name, source.size());
    let (sender, mut batches) = mpsc::channel(QUEUE);
    let reader = tokio::task::spawn_blocking({
        let mut sink = BatchSink::new(sender, import_id.to_owned(), name.clone(), seen);
        sink.heard_by(Arc::clone(progress), source.position());
        if rejects == Rejects::Told {
            sink.keep_no_rejects();
        }
        let reading = ingest::Options { observed_at: seen.fixed, ..options.reading.clone() };
        move || builder::read(source, &reading, sink)
    });
    while let Some(Pending { table, batch, primary }) = batches.recv().await {
        transaction.upsert(table, batch, &primary).await?;
    }
    let (read, mut tally) =
        reader.await.map_err(|error| Error::internal(format!("the reader stopped: {error}")))??;
    let [posts, nested_posts] = transaction.flush(&POSTS).await?;
    let [accounts, nested_accounts] = transaction.flush(&ACCOUNTS).await?;
    let report = ImportReport {
        file: name,
        import_id: import_id.to_owned(),
        sha256: read.sha256,
        format: read.format.to_owned(),
        records: posts + accounts,
        nested: nested_posts + nested_accounts,
        skipped: tally.skipped,
        rejected: tally.rejected,
        refusals: std::mem::take(&mut tally.refusals),
        left_out: read.left_out,
        repeats: None,
        samples: None,
    };
    Ok((report, tally))
}

/// Adds the account of an import to `imports` and commits.
pub(super) async fn finish(
    mut transaction: Transaction,
    report: &ImportReport,
    observed: Instant,
    started: DateTime<Utc>,
) -> Result<()> {
    let times = [observed, started.timestamp_micros(), Utc::now().timestamp_micros()];
    let mut imports = Rows::new(&IMPORTS);
    rows::push_import(&mut imports, report, times)?;
    transaction.append(&IMPORTS, imports.take()?.batch).await?;
    transaction.commit().await
}

/// Names an import by its start, with enough chance behind it to be unique.
pub(super) fn import_id(started: DateTime<Utc>) -> String {
    let chance = uuid::Uuid::new_v4().simple().to_string();
    format!("{}-{}", started.format("%Y%m%dT%H%M%SZ"), &chance[..6])
}

/// Whether an error would meet every other file as well.
pub(super) fn ends_the_import(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::Busy | Kind::Overtaken | Kind::Limit | Kind::Store | Kind::Cancelled
    )
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
pub(super) struct Seen {
    pub(super) fixed: Option<Instant>,
    pub(super) modified: Instant,
}

impl Seen {
    /// What the person said, else what the record says, else the file's time.
    pub(super) fn at(self, record: Option<Instant>) -> Instant {
        self.fixed.or(record).unwrap_or(self.modified)
    }
}
