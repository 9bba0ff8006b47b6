//! Batch runs: many saved queries, side by side, each to a file of its own.
//!
//! A [`RunPlan`] is made first, so that a wrong parameter or a cycle is told
//! before anything runs; [`run`] carries it out. A result appears under its name
//! only when it is whole and all that its query promises holds; otherwise the
//! file of the run before stays. `run.json` beside the results says what
//! happened, and is what later runs reuse, repeat and compare with.

mod check;
mod compare;
mod condition;
mod difference;
mod folder;
mod job;
mod journal;
mod lint;
mod live;
mod offenders;
mod order;
mod output;
mod plan;
mod points;
mod record;
pub(crate) mod sink;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::Utc;
use tokio::sync::Semaphore;
use tokio::task::{Id, JoinSet};

pub use crate::database::Cancel;
pub use difference::{TextTable, compare};
pub use job::QueryResult;
pub use lint::{Finding, lint};
pub use live::Live;
pub use output::{Lines, Output, lines};
pub use plan::{Options, RunPlan};
pub use record::{
    ColumnRecord, EarlierRun, ErrorRecord, QueryRecord, RUN_FILE, RUN_SCHEMA, RunRecord, Status,
    Verdict,
};

use crate::Database;
use crate::error::{Error, Kind, Result};
use compare::Against;
use folder::OutputFolder;
use job::{Done, Shared};
use journal::Journal;
use plan::Planned;

/// How a run went.
#[derive(Debug)]
pub struct Summary {
    /// What is known of the run and each query; with an output folder, what its
    /// `run.json` says.
    pub record: RunRecord,
    /// The errors of the queries that failed, by name, in the run's order.
    pub errors: Vec<(String, Error)>,
    /// The results by name, if they were to be handed over.
    pub results: BTreeMap<String, QueryResult>,
    /// The names of the queries that are on record only because an earlier run in the
    /// folder did not do them well.
    pub kept: BTreeSet<String>,
}

impl Summary {
    /// What became of the queries of this run.
    pub(crate) fn queries(&self) -> impl Iterator<Item = &QueryRecord> {
        self.record.queries.iter().filter(|query| !self.kept.contains(&query.name))
    }

    /// The exit code: that of the first failure, else 3 when an expectation
    /// does not hold, else 0.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let code = |(_, error): &(String, Error)| match error.kind() {
            // Others did run, so it is not the "nothing ran" of a usage error.
            Kind::Usage if self.queries().count() > 1 => Kind::Query.exit_code(),
            kind => kind.exit_code(),
        };
        let cancelled = self.errors.iter().find(|(_, error)| error.kind() == Kind::Cancelled);
        if let Some(first) = cancelled.or(self.errors.first()) {
            return code(first);
        }
        let unexpected = |query: &QueryRecord| query.status == Status::Unexpected;
        if self.queries().any(unexpected) {
            return Kind::Expectation.exit_code();
        }
        0
    }
}

/// Carries out `plan` on `database`, and tells `out` how it goes.
///
/// Failures of queries are part of the summary. With an output folder the
/// record is written there in any case.
///
/// # Errors
/// When nothing could run: the database, the output folder or the run to
/// compare with is out of reach; and when the one query that prints its result
/// fails.
pub async fn run(database: &Database, plan: &RunPlan, out: &mut dyn Output) -> Result<Summary> {
    let options = &plan.options;
    let mut record = RunRecord::begin(plan.clock.now(), plan.clock.zone());
    if let Some(store) = database.store() {
        record.database = Some(store.name());
        record.tables = store.versions().await?;
    }
    record.given.clone_from(&options.given);
    record.format.clone_from(&options.format);
    record.charts = options.charts.map(|picture| picture.suffix().to_owned());
    let folder = options.folder.as_deref().filter(|_| !options.dry_run);
    let _locked = folder.map(OutputFolder::open).transpose()?;
    let session = database.session(options.settings.clone())?;
    record.dictionaries = session.dictionaries().map(str::to_owned);
    let shared = Shared {
        options: options.clone(),
        room: Arc::new(Semaphore::new(options.jobs.max(1))),
        session,
        versions: record.tables.clone(),
        last: plan.last.clone().filter(|last| !options.fresh && is_comparable(last, &record)),
        against: options.against.as_deref().map(Against::read).transpose()?,
    };
    let mut journal = Journal::begin(record, plan, folder);
    let done = Scheduler::new(&plan.jobs, shared, &mut journal).run(out).await?;
    let record = journal.finish()?;
    let mut errors = Vec::new();
    let mut results = BTreeMap::new();
    for done in done {
        if let Some(result) = done.result {
            results.insert(done.record.name.clone(), result);
        }
        if let Some(error) = done.error {
            errors.push((done.record.name, error));
        }
    }
    let is_chosen = |name: &str| plan.jobs.iter().any(|planned| planned.name == name);
    let of_earlier = record.queries.iter().filter(|query| query.earlier.is_some());
    let names = of_earlier.map(|query| query.name.clone()).filter(|name| !is_chosen(name));
    let kept = names.collect();
    Ok(Summary { record, errors, results, kept })
}

/// The current time, for the clock of a run.
#[must_use]
pub fn now() -> chrono::DateTime<Utc> {
    Utc::now()
}

/// Whether results of the `last` run mean the same in this one.
fn is_comparable(last: &RunRecord, this: &RunRecord) -> bool {
    last.weiku == this.weiku
        && last.timezone == this.timezone
        && last.database == this.database
        && last.dictionaries == this.dictionaries
}

/// Starts jobs when those before them have ended, and tells of their ends in
/// order.
struct Scheduler<'a, 'j> {
    planned: &'a [Planned],
    shared: Arc<Shared>,
    journal: &'a mut Journal<'j>,
    /// What became of each query; `None` while it waits or runs.
    done: Vec<Option<Done>>,
    started: Vec<bool>,
    running: JoinSet<Done>,
    /// Which query each running task is.
    tasks: HashMap<Id, usize>,
    /// How many queries `out` has been told of.
    told: usize,
    /// The query whose failure keeps the rest from running.
    stopped_by: Option<String>,
    /// The queries that it keeps from running.
    passed_over: BTreeSet<usize>,
}

impl<'a, 'j> Scheduler<'a, 'j> {
    fn new(planned: &'a [Planned], shared: Shared, journal: &'a mut Journal<'j>) -> Self {
        Self {
            planned,
            shared: Arc::new(shared),
            journal,
            done: planned.iter().map(|_| None).collect(),
            started: vec![false; planned.len()],
            running: JoinSet::new(),
            tasks: HashMap::new(),
            told: 0,
            stopped_by: None,
            passed_over: BTreeSet::new(),
        }
    }

    async fn run(mut self, out: &mut dyn Output) -> Result<Vec<Done>> {
        loop {
            self.start_ready(out);
            self.tell(out)?;
            let Some(ended) = self.running.join_next_with_id().await else { break };
            let (id, outcome) = match ended {
                Ok((id, done)) => (id, Ok(done)),
                Err(error) => (error.id(), Err(error)),
            };
            let Some(at) = self.tasks.remove(&id) else { continue };
            let done = outcome.unwrap_or_else(|error| {
                self.failed(at, Error::internal(format!("the query stopped on a fault: {error}")))
            });
            out.ended(&done.record);
            self.end(at, done);
        }
        if !self.passed_over.is_empty() {
            let queries = self.passed_over.iter().filter_map(|at| self.done[*at].as_ref());
            let queries: Vec<&QueryRecord> = queries.map(|done| &done.record).collect();
            out.passed_over(&queries, &self.reason())?;
        }
        Ok(self.done.into_iter().flatten().collect())
    }

    /// Starts what may start, and settles what never will.
    fn start_ready(&mut self, out: &mut dyn Output) {
        // Settling one query may settle those that wait for it.
        let mut moved = true;
        while moved {
            moved = false;
            for at in 0..self.planned.len() {
                if !self.started[at] && self.is_due(at) {
                    self.start(at, out);
                    moved = true;
                }
            }
        }
    }

    /// Whether the query's turn has come: all before it have ended, and there
    /// is room, or it will not run anyway.
    fn is_due(&self, at: usize) -> bool {
        let jobs = self.shared.options.jobs.max(1);
        let waits = self.planned[at].after.iter().any(|before| self.done[*before].is_none());
        self.is_stopped() || (!waits && self.running.len() < jobs)
    }

    fn is_stopped(&self) -> bool {
        self.stopped_by.is_some() || self.shared.options.cancel.is_cancelled()
    }

    /// Why the rest does not run.
    fn reason(&self) -> String {
        match &self.stopped_by {
            Some(name) if !self.shared.options.cancel.is_cancelled() => format!("{name} failed"),
            _ => "the run was stopped".to_owned(),
        }
    }

    fn start(&mut self, at: usize, out: &mut dyn Output) {
        let planned = &self.planned[at];
        self.started[at] = true;
        let bad = planned.after.iter().find(|before| {
            self.done[**before].as_ref().is_some_and(|done| !done.record.status.is_good())
        });
        let job = match &planned.job {
            Err(error) => {
                let done = self.failed(at, error.clone());
                out.ended(&done.record);
                return self.end(at, done);
            }
            Ok(_) if self.is_stopped() => {
                self.passed_over.insert(at);
                return self.skip(at, &self.reason(), out);
            }
            Ok(_) if bad.is_some() => {
                let name = bad.map(|at| self.planned[*at].name.as_str()).unwrap_or_default();
                return self.skip(at, &format!("it depends on {name}"), out);
            }
            Ok(job) => job.clone(),
        };
        out.started(&planned.name);
        let stream = self.shared.options.prints().then(|| out.data());
        let shared = Arc::clone(&self.shared);
        let task = self.running.spawn(async move { shared.run(&job, stream).await });
        self.tasks.insert(task.id(), at);
    }

    /// The end of a query that failed before it ran.
    fn failed(&self, at: usize, error: Error) -> Done {
        let planned = &self.planned[at];
        let title = planned.job.as_ref().map_or(planned.name.as_str(), |job| &job.query.title);
        let mut record = QueryRecord::new(&planned.name, title, &planned.file);
        record.status = Status::Failed;
        record.error = Some(ErrorRecord::from(&error));
        Done { record, error: Some(error), result: None }
    }

    /// Passes over a query.
    fn skip(&mut self, at: usize, why: &str, out: &mut dyn Output) {
        let planned = &self.planned[at];
        let title = planned.job.as_ref().map_or(planned.name.as_str(), |job| &job.query.title);
        let mut record = QueryRecord::new(&planned.name, title, &planned.file);
        let error = Error::query(why);
        record.error = Some(ErrorRecord::from(&error));
        out.ended(&record);
        self.end(at, Done { record, error: None, result: None });
    }

    fn end(&mut self, at: usize, mut done: Done) {
        self.journal.ended(&mut done.record);
        if done.record.status == Status::Failed && !self.shared.options.keep_going {
            self.stopped_by.get_or_insert_with(|| done.record.name.clone());
        }
        self.done[at] = Some(done);
    }

    /// Tells of the queries that have ended, up to the first that has not. Those
    /// that are passed over are told of at the end, together.
    fn tell(&mut self, out: &mut dyn Output) -> Result<()> {
        while let Some(Some(done)) = self.done.get(self.told) {
            // The caller tells of the failure of the one query that prints, as
            // it does of any statement's.
            if let Some(error) = done.error.as_ref().filter(|_| self.shared.options.prints()) {
                return Err(error.clone());
            }
            if !self.passed_over.contains(&self.told) {
                out.finished(&done.record, done.error.as_ref())?;
            }
            self.told += 1;
        }
        Ok(())
    }
}
