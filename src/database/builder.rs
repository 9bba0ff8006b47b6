//! Records that a format reads to batches that the store merges.

use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use tokio::sync::mpsc;

use super::import::{Progress, Refused, Seen};
use super::rows::{self, Pending, Rows};
use super::strangers::Authors;
use crate::error::{Error, Result};
use crate::ingest::{self, Account, Instant, Position, Post, Reading, Refusal, Row, Sink, Source};
use crate::model::{ACCOUNTS, POSTS, REJECTS};
use crate::store::Standing;

/// Rows of a table that are handed over at once: as many as are merged at a time, so
/// that they need not be put together first.
const BATCH_ROWS: usize = 32 * 1024;

/// Bytes of text after which a batch is handed over early.
const BATCH_BYTES: usize = 16 << 20;

/// Rows between two words on progress.
const PROGRESS_ROWS: u64 = 4_096;

/// Rows that a dry run shows, and refusals that are told.
const SAMPLES: usize = 5;

/// Reads all of a source and hands batches of it over.
pub(super) fn read(
    source: Source,
    options: &ingest::Options,
    mut sink: BatchSink,
) -> Result<(Reading, Tally)> {
    let reading = ingest::read(source, options, &mut sink)?;
    sink.hand_over_all()?;
    sink.tell_progress();
    Ok((reading, sink.tally))
}

/// What a file held beyond its rows.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Blank records and repeated headers.
    pub(super) skipped: u64,
    /// Records that could not be taken.
    pub(super) rejected: u64,
    /// The first few of them.
    pub(super) refusals: Vec<Refused>,
    /// The first time of observation that a record named.
    pub(super) observed: Option<Instant>,
    /// A few of the rows.
    pub(super) samples: Option<RecordBatch>,
    /// Whether a header stands before the rows, and is counted as one.
    pub(super) has_header: bool,
    /// Who wrote the posts, and whether anything else is said of an account.
    pub(super) authors: Authors,
}

/// Collects rows into batches and hands them over to be merged.
pub(super) struct BatchSink {
    sender: mpsc::Sender<Pending>,
    import_id: String,
    file: String,
    seen: Seen,
    posts: Rows,
    accounts: Rows,
    rejects: Rows,
    /// The header of the records that come.
    header: Option<Vec<u8>>,
    /// Whether refused records are kept, or only told: those that were kept
    /// before.
    keeps_rejects: bool,
    /// The greatest number of a record that was refused and kept.
    rejected: u64,
    tally: Tally,
    /// Rows so far, and who hears of them.
    rows: u64,
    progress: Option<(Arc<dyn Progress>, Position)>,
}

impl BatchSink {
    /// Hands batches of the file called `file` to `sender`.
    pub(super) fn new(
        sender: mpsc::Sender<Pending>,
        import_id: String,
        file: String,
        seen: Seen,
    ) -> Self {
        Self {
            sender,
            import_id,
            file,
            seen,
            posts: Rows::new(&POSTS),
            accounts: Rows::new(&ACCOUNTS),
            rejects: Rows::new(&REJECTS),
            header: None,
            keeps_rejects: true,
            rejected: 0,
            tally: Tally::default(),
            rows: 0,
            progress: None,
        }
    }

    /// Keeps no refused records, and tells all of them.
    pub(super) fn keep_no_rejects(&mut self) {
        self.keeps_rejects = false;
    }

    /// Has `progress` told how far reading has come.
    pub(super) fn heard_by(&mut self, progress: Arc<dyn Progress>, position: Position) {
        self.progress = Some((progress, position));
    }

    fn post(&mut self, post: &Post<'_>, is_record: bool) -> Result<()> {
        self.tally.authors.wrote(&post.platform, post.account_id.as_deref());
        rows::push_post(&mut self.posts, post, self.seen.at(post.observed_at), is_record)
    }

    fn account(&mut self, account: &Account<'_>, is_record: bool) -> Result<()> {
        self.tally.authors.are_named();
        let seen = self.seen.at(account.observed_at);
        rows::push_account(&mut self.accounts, account, seen, is_record)
    }

    fn hand_over_full(&mut self) -> Result<()> {
        self.rows += 1;
        if self.rows.is_multiple_of(PROGRESS_ROWS) {
            self.tell_progress();
        }
        let full = |rows: &Rows| rows.len() >= BATCH_ROWS || rows.bytes() >= BATCH_BYTES;
        if [&self.posts, &self.accounts, &self.rejects].into_iter().any(full) {
            self.hand_over_all()
        } else {
            Ok(())
        }
    }

    fn tell_progress(&self) {
        if let Some((progress, position)) = &self.progress {
            progress.advance(position.bytes(), self.rows);
        }
    }

    fn hand_over_all(&mut self) -> Result<()> {
        for rows in [&mut self.accounts, &mut self.posts, &mut self.rejects] {
            if rows.len() == 0 {
                continue;
            }
            let pending = rows.take()?;
            let sample = pending.table.name == POSTS.name || pending.table.name == ACCOUNTS.name;
            if sample && self.tally.samples.is_none() {
                let most = pending.batch.num_rows().min(SAMPLES);
                let columns: Vec<usize> = (0..pending.table.columns.len()).collect();
                let rows = pending.batch.slice(0, most).project(&columns);
                self.tally.samples =
                    Some(rows.map_err(|error| Error::internal(format!("samples: {error}")))?);
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
    fn record(&mut self, _row: u64, rows: Vec<Row<'_>>) -> Result<()> {
        for (index, row) in rows.iter().enumerate() {
            let is_record = index == 0;
            match row {
                Row::Post(post) => {
                    self.tally.observed = self.tally.observed.or(post.observed_at);
                    self.post(post, is_record)?;
                }
                Row::Account(account) => {
                    self.tally.observed = self.tally.observed.or(account.observed_at);
                    self.account(account, is_record)?;
                }
            }
        }
        self.hand_over_full()
    }

    fn header(&mut self, raw: &[u8]) -> Result<()> {
        self.header = Some(raw.to_vec());
        self.tally.has_header = true;
        Ok(())
    }

    fn skip(&mut self, _row: u64) -> Result<()> {
        self.tally.skipped += 1;
        Ok(())
    }

    fn reject(&mut self, refusal: Refusal<'_>) -> Result<()> {
        let Refusal { row, line, reason, raw } = refusal;
        if self.keeps_rejects {
            let place = (self.import_id.as_str(), self.file.as_str(), row);
            let header = self.header.as_deref();
            let standing = Standing { is_record: true, is_first: row > self.rejected };
            rows::push_reject(
                &mut self.rejects,
                place,
                &reason,
                Some(raw),
                header,
                None,
                standing,
            )?;
            self.rejected = self.rejected.max(row);
        }
        self.tally.rejected += 1;
        if self.tally.refusals.len() < SAMPLES || !self.keeps_rejects {
            self.tally.refusals.push(Refused { row, line, reason });
        }
        self.hand_over_full()
    }
}
