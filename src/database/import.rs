//! Import: what a format reads, merged into the store as one transaction a file.
//!
//! The format runs on a thread of its own, which builds batches and hands them
//! over by a short queue, so that reading, merging and writing overlap and memory
//! stays bounded.

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use datafusion::arrow::record_batch::RecordBatch;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::builder::{self, BatchSink, Tally};
use super::looks;
use super::repeats::Repeats;
use super::rows::{self, Pending, Rows};
use super::strangers::Authors;
use super::{Cancel, Database};
use crate::engine::Settings;
use crate::error::{Error, Kind, Result};
use crate::ingest::{self, Instant, Reading, Source};
use crate::model::{ACCOUNTS, IMPORTS, POSTS};
use crate::store::{MergeCounts, Store, Transaction};

/// How often a file is merged before the import gives way to other writers.
pub(super) const TRIES: usize = 8;

/// How long it waits before the second time, at most; later longer.
const PAUSE: Duration = Duration::from_millis(100);

/// Batches that may wait to be merged.
const QUEUE: usize = 2;

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
    /// Stops the import: of the file that is being read nothing is taken.
    pub cancel: Cancel,
}

/// Hears of an import while it runs.
pub trait Progress: Send + Sync {
    /// So many files are going to be read, of so many bytes if that is known.
    fn start(&self, files: usize, bytes: Option<u64>);

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
    fn start(&self, _: usize, _: Option<u64>) {}
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
    /// The first few refusals.
    pub refusals: Vec<Refused>,
    /// Whether a header stands before the rows, and is counted as one.
    pub has_header: bool,
    /// Whether it is a table whose last row has no line end, so that nobody can
    /// tell whether it was cut.
    pub is_unended: bool,
    /// The columns that the format does not know, of which nothing was taken.
    pub left_out: Vec<String>,
    /// The earlier import of the same bytes, when this one said nothing new; it
    /// has the rejected rows.
    pub repeats: Option<String>,
    /// A few of the rows, for a dry run.
    pub samples: Option<RecordBatch>,
}

/// A record that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its number in the file, as `rejects` has it.
    pub row: u64,
    /// The line of the file on which it begins, as editors count; not known of
    /// files without lines, and of records that were read from `rejects`.
    pub line: Option<u64>,
    /// Why it could not be taken.
    pub reason: String,
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
        let mut importing = self.importing(files, options, progress)?;
        let mut reports = Vec::with_capacity(files.len());
        while let Some(report) = importing.next().await? {
            reports.push(report);
        }
        Ok(reports)
    }

    /// The same import, a file at a time.
    ///
    /// # Errors
    /// When there is no database.
    pub fn importing<'a>(
        &'a self,
        files: &[PathBuf],
        options: &'a ImportOptions,
        progress: &'a Arc<dyn Progress>,
    ) -> Result<Importing<'a>> {
        let Some(store) = self.store() else {
            return Err(Error::usage("an import needs a database")
                .hint("give its folder: weiku import DB FILE..."));
        };
        let mut sources = VecDeque::with_capacity(files.len());
        for file in files {
            match Source::open(file) {
                Ok(all) => sources.extend(all.into_iter().map(Ok)),
                Err(error) => sources.push_back(Err(error)),
            }
        }
        let sizes = sources.iter().flatten().map(Source::size);
        progress.start(sizes.clone().count(), sizes.sum());
        let (series, authors) = (Series::default(), Authors::default());
        let overlap = Overlap::default();
        Ok(Importing {
            database: self,
            store,
            sources,
            options,
            progress,
            series,
            authors,
            overlap,
        })
    }
}

/// An import that is under way.
pub struct Importing<'a> {
    database: &'a Database,
    store: &'a Arc<Store>,
    /// What is still to be read; what could not be opened stands in its place.
    sources: VecDeque<Result<Source>>,
    options: &'a ImportOptions,
    progress: &'a Arc<dyn Progress>,
    series: Series,
    authors: Authors,
    overlap: Overlap,
}

impl fmt::Debug for Importing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Importing").field("sources", &self.sources).finish_non_exhaustive()
    }
}

impl Importing<'_> {
    /// Takes the next file in and gives the account of it, or why nothing of it
    /// was taken; none when all are done.
    ///
    /// # Errors
    /// What would meet every other file as well: a writer elsewhere, a full disk,
    /// Ctrl-C. Those that came before are in.
    pub async fn next(&mut self) -> Result<Option<Result<ImportReport>>> {
        let source = match self.sources.pop_front() {
            Some(Ok(source)) => source,
            Some(Err(error)) => return Ok(Some(Err(error))),
            None => return Ok(None),
        };
        let seen = Seen { fixed: self.options.observed_at, modified: self.series.time(&source) };
        let taken = self.take(source, seen).await;
        self.progress.end();
        match taken {
            Ok((report, tally)) => {
                self.overlap.add(&report, tally.observed);
                self.authors.add(tally.authors);
                Ok(Some(Ok(report)))
            }
            Err(error) if ends_the_import(&error) => Err(error),
            Err(error) => Ok(Some(Err(error))),
        }
    }

    /// How many files are still to be taken in, members of archives one by one.
    #[must_use]
    pub fn files(&self) -> usize {
        self.sources.len()
    }

    /// What decides which file has the latest look at a post or an account, if one
    /// of them told again of some that were known when it was read.
    #[must_use]
    pub fn latest(&self) -> Option<Latest> {
        let by_time = || {
            if self.overlap.records_tell {
                Latest::Records
            } else if self.series.is_apart {
                Latest::Files
            } else {
                Latest::Order
            }
        };
        let latest = || self.options.observed_at.map_or_else(by_time, |_| Latest::Order);
        self.overlap.is_met.then(latest)
    }

    /// Whether the files so far say nothing of accounts but who wrote a post, and
    /// the database knows none of these either.
    ///
    /// # Errors
    /// When its accounts cannot be read.
    pub async fn is_by_strangers(&self) -> Result<bool> {
        self.authors.are_strangers(self.database).await
    }

    /// Takes a source in. When another writer, on another machine, has committed
    /// meanwhile, it is merged again into what there is then.
    async fn take(&self, mut source: Source, seen: Seen) -> Result<(ImportReport, Tally)> {
        for attempt in 1..TRIES {
            let Some(again) = source.again() else { break };
            match self.take_once(source, seen).await {
                Err(error) if error.kind() == Kind::Overtaken => source = again,
                report => return report,
            }
            give_way(attempt).await;
        }
        self.take_once(source, seen).await
    }

    async fn take_once(&self, source: Source, seen: Seen) -> Result<(ImportReport, Tally)> {
        let Self { store, options, progress, .. } = self;
        let started = Utc::now();
        let mut transaction = store.begin_for("import").await?;
        let id = import_id(started);
        let (mut report, mut tally) =
            take_in(&mut transaction, source, &id, seen, options, progress, Rejects::Kept).await?;
        if options.dry_run {
            report.import_id.clear();
            report.samples = tally.samples.take();
            return Ok((report, tally));
        }
        if !report.has_news() {
            report.repeats = self.earlier_import(&report).await?;
        }
        if report.repeats.is_none() {
            let observed = seen.fixed.or(tally.observed).unwrap_or(seen.modified);
            finish(transaction, &report, observed, started).await?;
        }
        Ok((report, tally))
    }

    /// The import that took the same bytes before, and that refused what this one
    /// refuses: another reading of them may refuse other rows, which must be kept.
    async fn earlier_import(&self, report: &ImportReport) -> Result<Option<String>> {
        let session = self.database.session(Settings::default())?;
        let ImportReport { sha256, format, rejected, .. } = report;
        let sql = format!(
            "SELECT import_id FROM imports WHERE sha256 = '{sha256}'
             AND (rejected = {rejected} AND format = '{format}' OR {rejected} = 0)
             ORDER BY started_at LIMIT 1"
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

/// Waits before something is merged again: writers that take different times do
/// not meet again so soon.
pub(super) async fn give_way(attempt: usize) {
    let pause = rand::random_range(0..PAUSE.as_millis() as u64 * attempt as u64);
    tokio::time::sleep(Duration::from_millis(pause)).await;
}

/// What becomes of refused records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rejects {
    /// They are kept.
    Kept,
    /// They were kept before, and all are told.
    Told,
}

/// Merges all of a source into a transaction and gives the account of it, unless
/// it is cancelled meanwhile.
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
    let (sender, batches) = mpsc::channel(QUEUE);
    let mut sink = BatchSink::new(sender, import_id.to_owned(), name.clone(), seen);
    sink.heard_by(Arc::clone(progress), source.position());
    if rejects == Rejects::Told {
        sink.keep_no_rejects();
    }
    let reading = ingest::Options { observed_at: seen.fixed, ..options.reading.clone() };
    let reader = tokio::task::spawn_blocking(move || builder::read(source, &reading, sink));
    let (read, mut tally, [records, nested]) = tokio::select! {
        biased;
        () = options.cancel.cancelled() => {
            return Err(Error::new(Kind::Cancelled, "interrupted").in_file(name));
        }
        merged = merge(transaction, batches, reader) => merged?,
    };
    let report = ImportReport {
        file: name,
        import_id: import_id.to_owned(),
        sha256: read.sha256,
        format: read.format.to_owned(),
        records,
        nested,
        skipped: tally.skipped,
        rejected: tally.rejected,
        refusals: std::mem::take(&mut tally.refusals),
        has_header: tally.has_header,
        is_unended: read.is_unended,
        left_out: read.left_out,
        repeats: None,
        samples: None,
    };
    Ok((report, tally))
}

/// Merges the batches as they come from `reader`, and tells what became of the
/// records, and of the rows nested in them.
async fn merge(
    transaction: &mut Transaction,
    mut batches: mpsc::Receiver<Pending>,
    reader: JoinHandle<Result<(Reading, Tally)>>,
) -> Result<(Reading, Tally, [MergeCounts; 2])> {
    let mut repeats = Repeats::default();
    while let Some(looks) = batches.recv().await {
        for Pending { table, batch, standings } in looks::sort_out(looks, &mut repeats)? {
            transaction.upsert(table, batch, &standings).await?;
        }
    }
    let (read, tally) =
        reader.await.map_err(|error| Error::internal(format!("the reader stopped: {error}")))??;
    let [posts, nested_posts] = transaction.flush(&POSTS).await?;
    let [accounts, nested_accounts] = transaction.flush(&ACCOUNTS).await?;
    Ok((read, tally, [posts + accounts, nested_posts + nested_accounts]))
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

/// What decides which of several files has the latest look at what all of them
/// tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latest {
    /// The times of observation that records carry.
    Records,
    /// The times at which the files were changed.
    Files,
    /// The order in which they were read, as they all have one time.
    Order,
}

/// Whether files of one import tell of the same posts and accounts.
#[derive(Debug, Default)]
struct Overlap {
    files: usize,
    /// Whether one behind the first told of what was known then.
    is_met: bool,
    /// Whether records say when they were observed.
    records_tell: bool,
}

impl Overlap {
    /// Takes note of a file that is in.
    fn add(&mut self, report: &ImportReport, observed: Option<Instant>) {
        let known = report.records.changed + report.records.unchanged;
        self.is_met |= self.files > 0 && known > 0 && report.repeats.is_none();
        self.records_tell |= observed.is_some();
        self.files += 1;
    }
}

/// The times of files that are imported together.
///
/// The parts of one crawl (`list_1` to `list_11`) carry times of modification
/// that lie closely together and say how they were copied, not which part is the
/// later look. Among such files the order of the import decides.
#[derive(Debug, Default)]
struct Series {
    previous: Option<Instant>,
    /// Whether two files that came one after the other are no parts of one crawl.
    is_apart: bool,
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
            previous => {
                self.is_apart |= previous.is_some();
                modified
            }
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
