//! The record of a run while it runs.
//!
//! `run.json` is brought up to date as each query ends, so that after a kill it
//! says what was done and what was not, and the next run takes over the former.

use std::path::Path;
use std::time::Instant;

use chrono::{DateTime, Utc};

use super::plan::RunPlan;
use super::record::{QueryRecord, RunRecord, Status, peak_memory, stamp};
use crate::error::Result;

/// What is known of a run so far.
pub(super) struct Journal<'a> {
    record: RunRecord,
    /// The record of the run before it in the output folder.
    last: Option<&'a RunRecord>,
    /// The output folder, where the record is kept.
    folder: Option<&'a Path>,
    /// Whether this makes up for the run before it, and for those that it kept on record.
    is_rest: bool,
    began: Instant,
    now: DateTime<Utc>,
}

impl<'a> Journal<'a> {
    /// The journal of `plan`, which begins now: all its queries are pending.
    /// Nothing is written before the first of them ends, as until then the
    /// record of the last run is right.
    pub(super) fn begin(record: RunRecord, plan: &'a RunPlan, folder: Option<&'a Path>) -> Self {
        let (last, now) = (plan.last.as_ref(), plan.now);
        let is_rest = plan.options.rerun_failed;
        let mut journal = Self { record, last, folder, is_rest, began: Instant::now(), now };
        let mut pending: Vec<QueryRecord> =
            plan.jobs.iter().map(|planned| journal.pending(&planned.name, &planned.file)).collect();
        // Those that are not run again stay as they are.
        for old in last.filter(|_| plan.options.amends()).iter().flat_map(|last| &last.queries) {
            let again = pending.iter().position(|query| query.name == old.name);
            let query = again.map_or_else(|| old.clone(), |at| pending.remove(at));
            journal.record.queries.push(query);
        }
        journal.record.queries.extend(pending);
        journal.record.queries.extend(plan.kept.iter().cloned());
        journal
    }

    /// A query that has not ended: what the last run knew of its result still
    /// holds, but not how that came about.
    fn pending(&self, name: &str, file: &str) -> QueryRecord {
        let known = self.last.and_then(|last| last.query(name)).cloned();
        let known = known.unwrap_or_else(|| QueryRecord::new(name, name, file));
        let mut record = QueryRecord {
            status: Status::Pending,
            attempts: 0,
            changes: None,
            error: None,
            earlier: known.earlier.clone().filter(|_| self.is_rest),
            ..known
        };
        record.stale = record.output.is_some();
        record
    }

    /// Takes down how a query ended; of one without a new result also the old
    /// one, if the folder still has it.
    pub(super) fn ended(&mut self, query: &mut QueryRecord) {
        if query.status == Status::Skipped && self.folder.is_some() {
            self.keep_old_facts(query);
        }
        if !query.status.is_good() {
            self.keep_old_output(query);
        }
        if let Some(place) = self.record.queries.iter_mut().find(|other| other.name == query.name) {
            query.earlier.clone_from(&place.earlier);
            place.clone_from(query);
        }
        // What cannot be written now is tried again at the end, which tells.
        let _ = self.write();
    }

    /// Of a query that was passed over, what an earlier run knew of its result
    /// still holds, so that the next one can use it if nothing has changed.
    fn keep_old_facts(&self, query: &mut QueryRecord) {
        let known = self.pending(&query.name, &query.file);
        if known.result_sha256.is_some() {
            let QueryRecord { title, file, error, .. } = query.clone();
            *query = QueryRecord { title, file, status: Status::Skipped, error, ..known };
        }
    }

    fn keep_old_output(&self, query: &mut QueryRecord) {
        let old = self.last.and_then(|last| last.query(&query.name));
        let (Some(folder), Some(old)) = (self.folder, old) else { return };
        let is_there = |name: &&String| folder.join(name).is_file();
        query.output = old.output.as_ref().filter(is_there).cloned();
        query.chart = old.chart.as_ref().filter(is_there).cloned();
        query.stale = query.output.is_some();
    }

    /// The record of the whole run, which has ended.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn finish(mut self) -> Result<RunRecord> {
        self.record.finished_at = Some(stamp(self.now + self.began.elapsed()));
        self.write()?;
        Ok(self.record)
    }

    fn write(&mut self) -> Result<()> {
        self.record.seconds = self.began.elapsed().as_secs_f64();
        self.record.peak_memory = peak_memory();
        self.folder.map_or(Ok(()), |folder| self.record.write(folder))
    }
}
