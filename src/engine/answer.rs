//! A running query: its schema, its plan and its batches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::arrow::array::{ArrayRef, StringArray};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::dml::WriteOp;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{EmptyRecordBatchStream, ExecutionPlan, execute_stream};
use futures::StreamExt;
use tokio::sync::{OwnedMutexGuard, mpsc, watch};
use tokio::task::JoinHandle;

use super::cluster::{Cluster, Run, Verdict};
use super::copy_to::Staged;
use super::diagnose::Translator;
use super::guard::{self, Effect};
use super::interrupt::Interrupter;
use super::memory::Overrun;
use super::own_tables;
use super::result_cache::{Again, Kept, Recorder};
use super::second_try;
use crate::catalog::Notices;
use crate::error::{Error, Kind, Result};

/// The answer to one statement: batches that arrive as they are made.
///
/// Dropping it stops the query.
pub struct Answer {
    /// The columns of the batches.
    pub schema: SchemaRef,
    /// What runs; its metrics grow while it does. Another one if the query is started again.
    pub plan: Arc<dyn ExecutionPlan>,
    /// How long computing took, if the answer was kept and is only given again.
    pub from_cache: Option<Duration>,
    /// What happened to the rows that its one number counts, `written` say, if
    /// the statement gives no rows but tells of some.
    pub counted: Option<&'static str>,
    batches: mpsc::Receiver<Result<Part, DataFusionError>>,
    worker: JoinHandle<()>,
    stop: Stop,
    interrupter: Interrupter,
    translator: Translator,
    ended: bool,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// What whoever waits for an answer is given.
enum Part {
    Rows(RecordBatch),
    /// The plan that makes them from here on.
    Plan(Arc<dyn ExecutionPlan>),
}

/// A query that has been planned and set in motion.
pub(super) struct Started {
    pub(super) query: Query,
    pub(super) running: Running,
    /// What keeps the answer, if it may be kept.
    pub(super) recorder: Option<Recorder>,
}

/// A statement, to be started and, when a machine is lost or a join does not fit into
/// memory, started again.
pub(super) struct Query {
    /// The session as it was when the statement came.
    pub(super) state: SessionState,
    pub(super) plan: LogicalPlan,
    /// What it writes to files, if it does.
    pub(super) staged: Option<Staged>,
    pub(super) cluster: Option<Arc<dyn Cluster>>,
    /// Where it is told that it was started again.
    pub(super) notices: Arc<Notices>,
    /// What keeps others from the table whose rows it changes.
    pub(super) _claim: Option<OwnedMutexGuard<()>>,
}

/// A statement that has been started.
pub(super) struct Running {
    plan: Arc<dyn ExecutionPlan>,
    stream: SendableRecordBatchStream,
}

impl Query {
    /// Plans it on the machines that there are, and sets it in motion.
    pub(super) async fn start(&self) -> Result<Running, DataFusionError> {
        Running::of(self.state.create_physical_plan(&self.plan).await?, &self.state)
    }

    /// Gives an answer again that was kept.
    pub(super) fn give(&self, kept: Kept) -> Result<Running, DataFusionError> {
        Running::of(Arc::new(Again::new(kept)), &self.state)
    }

    /// Hands the batches to `sender`; starts again as long as no row has been handed over
    /// and the cluster, or a join that was too large, says so.
    async fn drive(
        mut self,
        mut running: Running,
        mut recorder: Option<Recorder>,
        sender: mpsc::Sender<Result<Part, DataFusionError>>,
    ) {
        let mut run = Run { starts: 1, gave_rows: false };
        // What whoever reads the answer does meanwhile is not counted.
        let mut took = Duration::ZERO;
        loop {
            let since = Instant::now();
            let Some(mut batch) = running.stream.next().await else { break };
            took += since.elapsed();
            if let Err(failure) = batch {
                match Box::pin(self.recover(&mut running, failure, run)).await {
                    Ok(again) => {
                        running = again;
                        run.starts += 1;
                        let plan = Part::Plan(Arc::clone(&running.plan));
                        if sender.send(Ok(plan)).await.is_err() {
                            return;
                        }
                        continue;
                    }
                    Err(failure) => batch = Err(failure),
                }
            }
            // Its first batch tells how much COPY has written, and so that it has.
            if batch.is_ok()
                && let Some(staged) = self.staged.take()
            {
                batch = staged.publish().and(batch);
            }
            run.gave_rows |= batch.as_ref().is_ok_and(|batch| batch.num_rows() > 0);
            match &batch {
                Ok(batch) => recorder.iter_mut().for_each(|recorder| recorder.see(batch)),
                Err(_) => {
                    recorder = None;
                    // What was written is gone before anybody hears of the failure.
                    self.staged = None;
                }
            }
            if sender.send(batch.map(Part::Rows)).await.is_err() {
                return;
            }
        }
        if let Some(recorder) = recorder {
            recorder.keep(running.stream.schema(), took).await;
        }
    }

    async fn recover(
        &self,
        running: &mut Running,
        failure: DataFusionError,
        run: Run,
    ) -> Result<Running, DataFusionError> {
        let Some(cluster) = &self.cluster else {
            return self.try_again(running, failure, run).await;
        };
        match cluster.judge(&running.plan, &failure, run).await {
            Verdict::Failed => Err(failure),
            Verdict::Lost(error) => Err(DataFusionError::External(Box::new(error))),
            Verdict::Again => {
                self.staged.as_ref().map_or(Ok(()), Staged::clear)?;
                self.start().await
            }
        }
    }

    /// Starts it a second time with joins that need less memory, if there are such and
    /// nothing has been given out or written.
    async fn try_again(
        &self,
        running: &mut Running,
        failure: DataFusionError,
        run: Run,
    ) -> Result<Running, DataFusionError> {
        // What COPY wrote beside its place can be forgotten; nothing else that is written.
        let leaves_no_trace = self.staged.is_some() || guard::effect(&self.plan) == Effect::Reads;
        let is_first = run.starts == 1 && !run.gave_rows && leaves_no_trace;
        if !is_first || !second_try::may_help(&failure) {
            return Err(failure);
        }
        let Some((state, plan)) = second_try::plan(&self.state, &self.plan).await else {
            return Err(failure);
        };
        running.stop();
        second_try::room(&state).await;
        self.staged.as_ref().map_or(Ok(()), Staged::clear)?;
        let again = Running::of(plan, &state)?;
        self.notices.add(vec![second_try::NOTICE.to_owned()]);
        Ok(again)
    }
}

impl Running {
    fn of(plan: Arc<dyn ExecutionPlan>, state: &SessionState) -> Result<Self, DataFusionError> {
        let stream = execute_stream(Arc::clone(&plan), Arc::new(TaskContext::from(state)))?;
        Ok(Self { plan, stream })
    }

    /// Ends it, so that it gives back what memory it has.
    fn stop(&mut self) {
        Interrupter::of(&self.plan).stop();
        self.stream = Box::pin(EmptyRecordBatchStream::new(self.stream.schema()));
    }

    /// The plan that EXPLAIN shows, with a row before it that says that the answer
    /// is kept.
    pub(super) fn with_note(self, kept: &Kept) -> Result<Self, DataFusionError> {
        let schema = self.stream.schema();
        let note: [ArrayRef; 2] = ["result_cache".to_owned(), kept.note()]
            .map(|text| Arc::new(StringArray::from(vec![text])) as ArrayRef);
        let note = RecordBatch::try_new(Arc::clone(&schema), note.to_vec())?;
        let noted = futures::stream::iter([Ok(note)]).chain(self.stream);
        let stream = Box::pin(RecordBatchStreamAdapter::new(schema, noted));
        Ok(Self { plan: self.plan, stream })
    }
}

/// What may end a query before its time.
#[derive(Debug)]
pub(super) struct Stop {
    /// Counts cancellations; a query ends when it moves on.
    pub(super) cancelled: watch::Receiver<u64>,
    /// When the time limit is up.
    pub(super) deadline: Option<(Instant, Duration)>,
    /// What tells when the process has too much memory.
    pub(super) overrun: Option<Overrun>,
}

impl Stop {
    /// Waits until the query has to end, and says why.
    pub(super) async fn wait(&mut self) -> Error {
        let timeout = async {
            match self.deadline {
                Some((at, limit)) => {
                    tokio::time::sleep_until(at.into()).await;
                    limit
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            moved = self.cancelled.changed() => match moved {
                Ok(()) => Error::new(Kind::Cancelled, "cancelled"),
                Err(_) => Error::new(Kind::Cancelled, "the session has ended"),
            },
            limit = timeout => Error::new(
                Kind::Timeout,
                format!("stopped at the time limit of {} s", limit.as_secs_f64()),
            )
            .hint("raise it with --timeout, or ask for less"),
            error = overrun(self.overrun.as_ref()) => error,
        }
    }
}

/// How often a query that somebody waits for is held against the memory of the
/// process.
const PULSE: Duration = Duration::from_millis(10);

/// Waits until the process has too much memory.
async fn overrun(overrun: Option<&Overrun>) -> Error {
    let Some(overrun) = overrun else { return std::future::pending().await };
    loop {
        if let Some(error) = overrun.error() {
            return error;
        }
        tokio::time::sleep(PULSE).await;
    }
}

impl Answer {
    /// Starts to pull batches from `stream` on a task of its own, so that a
    /// cancellation is heard even while an operator computes without a pause.
    pub(super) fn start(started: Started, stop: Stop, translator: Translator) -> Self {
        let Started { query, running, recorder } = started;
        let schema = running.stream.schema();
        let plan = Arc::clone(&running.plan);
        let from_cache = plan.downcast_ref::<Again>().map(Again::took);
        let counted = counted(&query.plan);
        let interrupter = Interrupter::of(&plan);
        let (sender, batches) = mpsc::channel(2);
        let worker = tokio::spawn(query.drive(running, recorder, sender));
        Self {
            schema,
            plan,
            from_cache,
            counted,
            batches,
            worker,
            stop,
            interrupter,
            translator,
            ended: false,
        }
    }

    /// The next batch with at least one row, or `None` after the last.
    ///
    /// # Cancel safety
    /// Dropping the future loses no batch.
    pub async fn next(&mut self) -> Option<Result<RecordBatch>> {
        while !self.ended {
            let batch = tokio::select! {
                biased;
                error = self.stop.wait() => Some(Err(error)),
                part = self.batches.recv() => match part {
                    Some(Ok(Part::Rows(batch))) => Some(Ok(batch)),
                    Some(Ok(Part::Plan(plan))) => {
                        self.interrupter = Interrupter::of(&plan);
                        self.plan = plan;
                        continue;
                    }
                    Some(Err(error)) => Some(Err(self.translator.translate(&error))),
                    None => self.outcome().await,
                },
            };
            match batch {
                Some(Ok(batch)) if batch.num_rows() == 0 => {}
                Some(Ok(batch)) => {
                    return Some(self.with_schema(&batch));
                }
                Some(Err(error)) => {
                    self.ended = true;
                    self.abort();
                    return Some(Err(error));
                }
                None => self.ended = true,
            }
        }
        None
    }

    /// Ends the query, whether it waits or computes.
    fn abort(&self) {
        self.interrupter.stop();
        self.worker.abort();
    }

    /// `batch` under the schema of the answer: an operator may promise less of a column, or
    /// more, than the plan did.
    fn with_schema(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let (schema, columns) = (Arc::clone(&self.schema), batch.columns().to_vec());
        RecordBatch::try_new_with_options(schema, columns, &rows)
            .map_err(|error| Error::internal(error.to_string()))
    }

    /// How the worker ended: nothing to say unless it panicked.
    async fn outcome(&mut self) -> Option<Result<RecordBatch>> {
        match (&mut self.worker).await {
            Err(error) if error.is_panic() => {
                Some(Err(Error::internal(panic_message(error.into_panic().as_ref()))))
            }
            _ => None,
        }
    }

    /// All batches at once, for answers known to be small.
    ///
    /// # Errors
    /// The first error of the stream.
    pub async fn collect(mut self) -> Result<Vec<RecordBatch>> {
        let mut all = Vec::new();
        while let Some(batch) = self.next().await {
            all.push(batch?);
        }
        Ok(all)
    }
}

/// What `plan` does to rows, if it counts them instead of giving any.
fn counted(plan: &LogicalPlan) -> Option<&'static str> {
    match plan {
        LogicalPlan::Copy(_) => Some("written"),
        LogicalPlan::Dml(dml) => Some(own_tables::told(dml).unwrap_or(match dml.op {
            WriteOp::Delete | WriteOp::Truncate => "deleted",
            WriteOp::Insert(_) | WriteOp::Ctas => "written",
            _ => "changed",
        })),
        _ => None,
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.abort();
    }
}

/// The words of a panic, for an error that a person can report.
pub(super) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let words = panic
        .downcast_ref::<&str>()
        .map(|words| (*words).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    format!("the query stopped on a fault inside the engine: {words}")
}
