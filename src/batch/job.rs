//! One query of a run, from its statements to its file and its record.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::ScalarValue;
use datafusion::physical_plan::ExecutionPlan;
use tokio::sync::Semaphore;

use super::check::{Checked, MAX_CHECKED, Outcome};
use super::compare::{Against, Copy};
use super::condition;
use super::offenders;
use super::plan::{Job, Options, output_name};
use super::points::Piece;
use super::record::{ColumnRecord, ErrorRecord, QueryRecord, RunRecord, Status};
use super::sink::Hash;
use crate::chart::{Chart, Picture, Spec};
use crate::engine::{Params, Reads, Session};
use crate::error::{Error, Kind, Result};
use crate::queries::{Rule, plain};
use crate::render::{self, BatchWriter, OutputFile, Sink, write_error};
use crate::store::sha256;

/// The pause before the second attempt; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// What the jobs of a run share.
pub(super) struct Shared {
    pub(super) options: Options,
    /// The session whose memory and caches all queries use.
    pub(super) session: Session,
    /// A place for each query, or point of a sweep, that may run at one time.
    pub(super) room: Arc<Semaphore>,
    /// The table versions when the run began.
    pub(super) versions: BTreeMap<String, i64>,
    /// The last run in the output folder, if its results may be used again.
    pub(super) last: Option<RunRecord>,
    /// The run to compare with.
    pub(super) against: Option<Against>,
}

/// What became of a job.
pub(super) struct Done {
    pub(super) record: QueryRecord,
    pub(super) error: Option<Error>,
    /// The result, if it is to be handed over.
    pub(super) result: Option<QueryResult>,
}

/// A whole result.
#[derive(Debug, Clone)]
pub struct QueryResult {
    /// The columns.
    pub schema: SchemaRef,
    /// The rows.
    pub batches: Vec<RecordBatch>,
    /// The first rows that break expectations, by the positions of these.
    pub offenders: BTreeMap<usize, Vec<RecordBatch>>,
}

/// Where a result goes.
enum Target {
    File(OutputFile),
    Stream(Sink),
    Nowhere,
}

/// The file of a result.
struct ResultFile {
    /// As the record has it.
    shown: PathBuf,
    /// Where it lies.
    path: PathBuf,
}

impl Shared {
    /// Runs `job`; a result that has no file goes to `stream`.
    pub(super) async fn run(&self, job: &Job, stream: Option<Sink>) -> Done {
        let mut record = QueryRecord::new(&job.query.name, &job.query.title, &job.query.file);
        record.sql_sha256 = Some(sha256(job.query.text.as_bytes()));
        record.params = bound(job);
        let (result, error) = match self.run_into(job, stream, &mut record).await {
            Ok(result) => (result, None),
            Err(error) => (None, Some(error)),
        };
        if let Some(error) = &error {
            record.status = Status::Failed;
            record.error = Some(ErrorRecord::from(error));
        }
        Done { record, error, result }
    }

    async fn run_into(
        &self,
        job: &Job,
        mut stream: Option<Sink>,
        record: &mut QueryRecord,
    ) -> Result<Option<QueryResult>> {
        if self.options.dry_run {
            return self.plan_only(job, record).await.map(|()| None);
        }
        if self.options.folder.is_some() || self.options.keep {
            let reads = self.reads(job).await?;
            record.repeatable = reads.as_ref().is_some_and(|reads| reads.repeatable);
            record.repeatable &= !has_baseline(job);
            record.files_sha256 = reads.as_ref().map(Reads::files_sha256);
            record.tables = reads.map_or_else(|| self.versions.clone(), |reads| reads.tables);
        }
        if let Some(folder) = &self.options.folder
            && self.reuse(job, folder, record)
        {
            return Ok(None);
        }
        let mut pause = FIRST_PAUSE;
        loop {
            record.attempts += 1;
            let started = Instant::now();
            let outcome = self.limited(job, &mut stream, record).await;
            record.seconds = started.elapsed().as_secs_f64();
            match outcome {
                Err(error) if record.attempts <= self.options.retries && may_pass(&error) => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                outcome => return outcome,
            }
        }
    }

    /// One attempt, under the limits of time and patience.
    async fn limited(
        &self,
        job: &Job,
        stream: &mut Option<Sink>,
        record: &mut QueryRecord,
    ) -> Result<Option<QueryResult>> {
        let limit = self.options.timeout.or(job.query.timeout);
        let attempt = self.attempt(job, stream, record);
        let attempt = async {
            match limit {
                Some(limit) => tokio::time::timeout(limit, attempt).await.unwrap_or_else(|_| {
                    let message = format!("timed out after {} s", limit.as_secs_f64());
                    let error = Error::new(Kind::Timeout, message).in_file(&job.query.file);
                    Err(error.hint("raise --timeout"))
                }),
                None => attempt.await,
            }
        };
        tokio::select! {
            biased;
            () = self.options.cancel.cancelled() => Err(Error::new(Kind::Cancelled, "cancelled")),
            outcome = attempt => outcome,
        }
    }

    async fn attempt(
        &self,
        job: &Job,
        stream: &mut Option<Sink>,
        record: &mut QueryRecord,
    ) -> Result<Option<QueryResult>> {
        let target = self.target(job, stream)?;
        let hash = Hash::default();
        let copy = self.against.as_ref().map(|_| Copy::default());
        let mut sink = match &target {
            Target::File(file) => hash.watch(file.writer()?),
            Target::Stream(_) | Target::Nowhere => Box::new(std::io::sink()),
        };
        if let Some(copy) = &copy {
            sink = copy.watch(sink);
        }
        let (sink, file) = match target {
            Target::File(file) => (sink, Some(file)),
            Target::Stream(stream) => (stream, None),
            Target::Nowhere => (sink, None),
        };
        let picture = self.picture(job)?;
        let mut result = Collected::new(job, sink, &self.options, picture.is_some());
        let session = self.session.sibling_at(self.versions.clone())?;
        let statements = job.query.statements()?;
        let points = &job.grid.points;
        let ran = super::points::run(&session, &statements, points, &self.room, |piece, point| {
            result.take(&piece, point)
        })
        .await;
        record.notices = session.notices();
        ran?;
        record.peak_memory = session.peak_memory().map(|bytes| bytes as u64);
        let (schema, batches) = result.finish(record)?;
        let checked = Checked {
            entry: &job.entry,
            schema: &schema,
            batches: &batches,
            session: &session,
            accept: self.options.accept,
        };
        let mut outcomes = checked.outcomes(&job.query.expect).await?;
        self.keep_offenders(job, &mut outcomes)?;
        let (verdicts, offenders): (_, Vec<_>) =
            outcomes.into_iter().map(|outcome| (outcome.verdict, outcome.offenders)).unzip();
        record.expectations = verdicts;
        let holds = record.expectations.iter().all(|verdict| verdict.failure.is_none());
        record.status = if holds { Status::Ok } else { Status::Unexpected };
        if let (Some(against), Some(copy)) = (&self.against, copy) {
            let changes = against.changes(job, record, copy)?;
            if self.options.check && !changes.is_empty() {
                record.status = Status::Unexpected;
            }
            record.changes = Some(changes);
        }
        if record.status.is_good() {
            // A chart that cannot be drawn or written keeps the result back too.
            let picture =
                picture.map(|picture| picture.draw(job, &schema, &batches)).transpose()?;
            if let Some(file) = file {
                file.finish()?;
                record.result_sha256 = Some(hash.finish());
                let output = self.output(job)?;
                record.output = output.map(|output| output.shown.display().to_string());
            }
            if let Some((name, file)) = picture {
                file.finish()?;
                record.chart = Some(name);
            }
        }
        let offenders = offenders.into_iter().enumerate();
        let offenders = offenders.filter_map(|(at, rows)| Some((at, rows?.kept))).collect();
        Ok(self.options.keep.then_some(QueryResult { schema, batches, offenders }))
    }

    /// Where the result of `job` goes.
    fn target(&self, job: &Job, stream: &mut Option<Sink>) -> Result<Target> {
        let Some(output) = self.output(job)? else {
            let stream = stream.take().filter(|_| self.options.file.is_none());
            return Ok(stream.map_or(Target::Nowhere, Target::Stream));
        };
        if let Some(parent) = output.path.parent().filter(|_| self.options.folder.is_some()) {
            std::fs::create_dir_all(parent)
                .map_err(|error| Error::io("make the folder", parent, &error))?;
        }
        Ok(Target::File(OutputFile::create(&output.path)?))
    }

    /// The file of the result of `job`, if it has one.
    fn output(&self, job: &Job) -> Result<Option<ResultFile>> {
        if let Some(folder) = &self.options.folder {
            let shown = output_name(&job.query.name, job.format)?;
            return Ok(Some(ResultFile { path: folder.join(&shown), shown }));
        }
        let file = self.options.file.clone().filter(|_| self.options.picture_file().is_none());
        Ok(file.map(|file| ResultFile { path: file.clone(), shown: file }))
    }

    /// Writes the rows that break expectations beside the result of `job`, where
    /// none of earlier runs stay.
    fn keep_offenders(&self, job: &Job, outcomes: &mut [Outcome]) -> Result<()> {
        let Some(output) = self.output(job)? else { return Ok(()) };
        offenders::remove(&output.path)?;
        for (number, Outcome { verdict, offenders }) in (1..).zip(outcomes) {
            if let Some(offenders) = offenders {
                let path = offenders::beside(&output.path, number);
                offenders.write(&path, job.format, &self.options.display)?;
                let shown = offenders::beside(&output.shown, number);
                verdict.output = Some(shown.display().to_string());
            }
        }
        Ok(())
    }

    /// The file that the chart of `job` goes to, if it has one that is wanted.
    fn picture(&self, job: &Job) -> Result<Option<PictureFile>> {
        let Some(settings) = &job.query.chart else { return Ok(None) };
        let (shown, path, kind) = match (self.options.picture_file(), &self.options.folder) {
            (Some((file, kind)), _) => (file.to_owned(), file.to_owned(), kind),
            (None, Some(folder)) => {
                let Some(kind) = job.charts else { return Ok(None) };
                let name = picture_name(job, kind)?;
                (name.clone(), folder.join(name), kind)
            }
            (None, None) => return Ok(None),
        };
        let spec = Spec::parse(&settings.settings)?;
        let file = OutputFile::create(&path)?;
        Ok(Some(PictureFile { shown: shown.display().to_string(), file, kind, spec }))
    }

    /// What the query and its conditions read. A file of several statements may read
    /// what it makes, so that it cannot be told.
    async fn reads(&self, job: &Job) -> Result<Option<Reads>> {
        let statements = job.query.statements()?;
        let [statement] = statements.as_slice() else { return Ok(None) };
        let Some(point) = job.grid.points.first() else { return Ok(None) };
        let session = self.session.sibling_at(self.versions.clone())?;
        let plan = session.plan(statement, point).await?;
        let mut reads = Reads::of(&plan);
        for condition in job.query.conditions() {
            reads.add(&condition::plan(&session, condition).await?);
        }
        Ok(Some(reads))
    }

    /// Plans the query without running it.
    async fn plan_only(&self, job: &Job, record: &mut QueryRecord) -> Result<()> {
        let session = self.session.sibling_at(self.versions.clone())?;
        let point = job.grid.points.first().cloned().unwrap_or_default();
        let plan = super::lint::plan_all(&session, &job.query.statements()?, &point).await?;
        record.tables = Reads::of(&plan).tables;
        record.columns = columns(plan.schema().as_arrow());
        record.status = Status::Planned;
        Ok(())
    }

    /// Takes over the last result, if nothing that it depends on has changed and
    /// its file is as it was written.
    fn reuse(&self, job: &Job, folder: &Path, record: &mut QueryRecord) -> bool {
        let Some(last) = self.last.as_ref().and_then(|last| last.query(&job.query.name)) else {
            return false;
        };
        let unchanged = record.repeatable
            && last.repeatable
            && !matches!(last.status, Status::Unexpected | Status::Failed)
            && last.sql_sha256 == record.sql_sha256
            && last.params == record.params
            && last.tables == record.tables
            && last.files_sha256 == record.files_sha256;
        let name = output_name(&job.query.name, job.format).unwrap_or_default();
        if !unchanged || last.output.as_deref() != name.to_str() {
            return false;
        }
        let Ok(bytes) = std::fs::read(folder.join(&name)) else { return false };
        if Some(sha256(&bytes)) != last.result_sha256 || !self.has_picture(job, folder, last) {
            return false;
        }
        let (title, file) = (record.title.clone(), record.file.clone());
        *record = QueryRecord {
            title,
            file,
            attempts: 0,
            status: Status::Reused,
            stale: false,
            changes: None,
            error: None,
            ..last.clone()
        };
        if let Some(against) = &self.against {
            let copy = Copy::of(bytes);
            record.changes = against.changes(job, record, copy).ok();
        }
        true
    }

    /// Whether the chart that is wanted of `job`, if any, is there from `last`.
    fn has_picture(&self, job: &Job, folder: &Path, last: &QueryRecord) -> bool {
        let wanted = job.charts.filter(|_| job.query.chart.is_some());
        let Some(name) = wanted.and_then(|kind| picture_name(job, kind).ok()) else { return true };
        last.chart.as_deref() == name.to_str() && folder.join(&name).is_file()
    }
}

/// A chart's file, begun before the query runs, so that a place that cannot be
/// written is told at once.
struct PictureFile {
    /// The file as the record has it.
    shown: String,
    file: OutputFile,
    kind: Picture,
    spec: Spec,
}

impl PictureFile {
    /// Draws the result; gives the file, still to be finished, with its name as
    /// the record has it.
    fn draw(
        self,
        job: &Job,
        schema: &SchemaRef,
        batches: &[RecordBatch],
    ) -> Result<(String, OutputFile)> {
        let line = job.query.chart.as_ref().map_or(1, |chart| chart.line);
        let picture = Chart::new(&self.spec, schema, batches)
            .and_then(|chart| chart.to_picture(self.kind))
            .map_err(|error| error.in_file(&job.query.file).at_line(line))?;
        self.file.writer()?.write_all(&picture).map_err(|error| write_error(&error))?;
        Ok((self.shown, self.file))
    }
}

/// The file of a chart, relative to the output folder.
fn picture_name(job: &Job, kind: Picture) -> Result<PathBuf> {
    let mut name = output_name(&job.query.name, job.format)?;
    name.set_extension(kind.suffix());
    Ok(name)
}

/// The result of a query as it comes in: written, counted, and kept if it has to
/// be checked.
struct Collected<'a> {
    job: &'a Job,
    sink: Option<Sink>,
    /// Whether the rows are held in memory as well.
    keeps: bool,
    options: render::Options,
    writer: Option<Box<dyn BatchWriter>>,
    schema: Option<SchemaRef>,
    kept: Vec<RecordBatch>,
    kept_bytes: usize,
    rows: u64,
    bytes_read: u64,
    /// Whether no point so far had to be computed.
    from_cache: bool,
}

impl<'a> Collected<'a> {
    fn new(job: &'a Job, sink: Sink, options: &Options, draws: bool) -> Self {
        Self {
            job,
            sink: Some(sink),
            keeps: options.keep || draws || !job.query.expect.is_empty(),
            options: options.display.clone(),
            writer: None,
            schema: None,
            kept: Vec::new(),
            kept_bytes: 0,
            rows: 0,
            bytes_read: 0,
            from_cache: true,
        }
    }

    /// Takes what comes of a point.
    fn take(&mut self, piece: &Piece, point: &Params) -> Result<()> {
        match piece {
            Piece::Columns(schema) => self.begin(schema, point),
            Piece::Rows(batch) => self.write(batch, point),
            Piece::End { bytes_read, from_cache } => {
                self.bytes_read += bytes_read;
                self.from_cache &= from_cache;
                Ok(())
            }
        }
    }

    /// Takes the columns of the next point of the grid, which have to be those
    /// of the first.
    fn begin(&mut self, schema: &SchemaRef, point: &Params) -> Result<()> {
        let swept = self.job.grid.swept.iter().map(|name| {
            let data_type = point.get(name).map_or(DataType::Null, ScalarValue::data_type);
            Field::new(column_name(name, schema), data_type, true)
        });
        let own = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
        let all = Arc::new(Schema::new(if self.job.grid.swept.is_empty() {
            schema.fields().iter().map(|field| field.as_ref().clone()).collect::<Vec<_>>()
        } else {
            swept.chain(own).collect()
        }));
        match &self.schema {
            None => {
                let sink = self.sink.take().unwrap_or_else(|| Box::new(std::io::sink()));
                self.writer = Some((self.job.format.open)(sink, &all, &self.options)?);
                self.schema = Some(all);
                Ok(())
            }
            Some(first) if first.fields() == all.fields() => Ok(()),
            Some(_) => {
                Err(Error::query("the columns differ from one value of the sweep to the next")
                    .in_file(&self.job.query.file))
            }
        }
    }

    fn write(&mut self, batch: &RecordBatch, point: &Params) -> Result<()> {
        let batch = self.with_swept(batch, point)?;
        self.rows += batch.num_rows() as u64;
        if self.keeps {
            self.kept_bytes += batch.get_array_memory_size();
            if self.kept_bytes > MAX_CHECKED {
                let message =
                    format!("a result of more than {MAX_CHECKED} bytes cannot be checked or shown");
                let error = Error::new(Kind::Limit, message).in_file(&self.job.query.file);
                return Err(error.hint("drop its expectations, or let it return fewer rows"));
            }
            self.kept.push(batch.clone());
        }
        match &mut self.writer {
            Some(writer) => writer.write(&batch),
            None => Ok(()),
        }
    }

    /// The batch with a first column for each swept parameter.
    fn with_swept(&self, batch: &RecordBatch, point: &Params) -> Result<RecordBatch> {
        let Some(schema) = self.schema.as_ref().filter(|_| !self.job.grid.swept.is_empty()) else {
            return Ok(batch.clone());
        };
        let values = self.job.grid.swept.iter().filter_map(|name| point.get(name));
        let swept: datafusion::error::Result<Vec<ArrayRef>> =
            values.map(|value| value.to_array_of_size(batch.num_rows())).collect();
        let mut arrays = swept.map_err(|error| Error::internal(error.to_string()))?;
        arrays.extend(batch.columns().iter().cloned());
        RecordBatch::try_new(Arc::clone(schema), arrays)
            .map_err(|error| Error::internal(error.to_string()))
    }

    /// Writes what is left, and says in `record` what came.
    fn finish(mut self, record: &mut QueryRecord) -> Result<(SchemaRef, Vec<RecordBatch>)> {
        if let Some(writer) = self.writer.take() {
            writer.finish()?;
        }
        let schema = self.schema.unwrap_or_else(|| Arc::new(Schema::empty()));
        record.rows = Some(self.rows);
        record.columns = columns(&schema);
        record.bytes_read = Some(self.bytes_read);
        record.from_cache = self.from_cache;
        Ok((schema, self.kept))
    }
}

/// The column of a swept parameter: its name, or another if the result has it.
fn column_name(param: &str, schema: &Schema) -> String {
    if schema.index_of(param).is_ok() { format!("param_{param}") } else { param.to_owned() }
}

/// The columns as the record has them.
pub(super) fn columns(schema: &Schema) -> Vec<ColumnRecord> {
    let column = |field: &Arc<Field>| ColumnRecord {
        name: field.name().clone(),
        kind: render::type_name(field.data_type()),
    };
    schema.fields().iter().map(column).collect()
}

/// Whether trying again may help.
fn may_pass(error: &Error) -> bool {
    matches!(error.kind(), Kind::Busy | Kind::Timeout | Kind::Limit | Kind::Store | Kind::Internal)
}

fn has_baseline(job: &Job) -> bool {
    job.query.expect.iter().any(|expectation| matches!(expectation.rule, Rule::Baseline { .. }))
}

/// The value of each parameter for the record; the values of a swept one.
fn bound(job: &Job) -> BTreeMap<String, serde_json::Value> {
    let mut values = BTreeMap::new();
    for param in &job.query.params {
        let mut points =
            job.grid.points.iter().filter_map(|point| point.get(&param.name)).map(json);
        let value = if job.grid.swept.contains(&param.name) {
            let mut seen = std::collections::HashSet::new();
            points.filter(|value| seen.insert(value.to_string())).collect()
        } else {
            points.next().unwrap_or_default()
        };
        values.insert(param.name.clone(), value);
    }
    values
}

/// A parameter's value in JSON.
pub(crate) fn json(value: &ScalarValue) -> serde_json::Value {
    match value {
        value if value.is_null() => serde_json::Value::Null,
        ScalarValue::Int64(Some(number)) => (*number).into(),
        ScalarValue::Float64(Some(number)) => (*number).into(),
        ScalarValue::Boolean(Some(truth)) => (*truth).into(),
        ScalarValue::List(list) => {
            let values = list.value(0);
            let elements =
                (0..values.len()).filter_map(|at| ScalarValue::try_from_array(&values, at).ok());
            elements.map(|element| json(&element)).collect()
        }
        other => plain(other).into(),
    }
}

/// Bytes that the scans of a finished plan have read.
pub(super) fn bytes_read(plan: &dyn ExecutionPlan) -> u64 {
    let own = plan
        .metrics()
        .and_then(|metrics| metrics.sum_by_name("bytes_scanned"))
        .map_or(0, |value| value.as_usize() as u64);
    own + plan.children().iter().map(|child| bytes_read(child.as_ref())).sum::<u64>()
}
