//! Runs one statement for a person: progress, Ctrl-C, the answer, the footer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Schema;

use super::listing::{self, Cell};
use super::profile::readable_plan;
use super::progress::Progress;
use super::results::{Collector, Kept};
use super::scan::has_name;
use super::searched::shown_for;
use super::sink::Writing;
use super::{Shell, results, seconds};
use crate::engine::{Answer, Params, Statement};
use crate::error::{Error, Kind, Result};
use crate::render::value::{Column as Values, Value};
use crate::render::{self, group_digits, visible, visible_lines};

/// How long a statement may take to hear that it should stop, before the
/// prompt comes back without it.
const PATIENCE: Duration = Duration::from_millis(800);

/// What a statement has given.
#[derive(Debug, Clone, Default)]
struct Given {
    /// Where it went, if not to the terminal.
    to: Option<String>,
    rows: usize,
    columns: usize,
    /// Whether the answer has told the counts itself.
    told: bool,
    /// What was done to rows, and to how many, if that is all there is to tell.
    counted: Option<(u64, &'static str)>,
    /// The number under which it is kept.
    number: Option<usize>,
    /// Whether it could not be kept.
    is_lost: bool,
    /// Whether it was not computed, but kept from an earlier time.
    from_cache: bool,
}

impl Shell<'_> {
    /// Runs `statement` and shows its answer, which becomes the table `_`.
    pub(super) async fn run_statement(
        &mut self,
        statement: &Statement,
        params: &Params,
    ) -> Result<()> {
        let begun = Instant::now();
        self.last = Some((statement.clone(), params.clone()));
        self.last_asked = self.results.last().map(|kept| kept.number);
        self.results.begin();
        self.interrupts.clear();
        let _silence = self.terminal.silence();
        let progress = self.progress();
        let outcome = self.answer(statement, params, progress).await;
        // What was stopped is none the worse for it.
        self.last_failed = outcome.as_ref().is_err_and(|error| error.kind() != Kind::Cancelled);
        let took = begun.elapsed();
        self.ran = Some(self.ran.unwrap_or_default() + took);
        match outcome {
            Ok(given) => {
                self.last_rows = Some(given.rows as u64);
                self.footer(given, took);
                Ok(())
            }
            Err(error) if error.kind() == Kind::Cancelled => Err(Error::new(
                Kind::Cancelled,
                format!("cancelled after {:.1} s", took.as_secs_f64()),
            )),
            Err(error) if error.message() == results::NO_LAST => {
                Err(error.hint(match self.results.lost() {
                    Some(why) => format!("the last answer is not kept: {why}"),
                    None => "it is the last answer, and there is none yet".to_owned(),
                }))
            }
            Err(error) => Err(error),
        }
    }

    /// The answer that was `_` to `statement`, the last one, if it asks that.
    ///
    /// # Errors
    /// When it is not kept any more.
    pub(super) fn asked_then(&self, statement: &Statement) -> Result<Option<Kept>> {
        let asked = self.last_asked.filter(|_| has_name(&statement.sql, results::LAST));
        asked.map(|number| self.results.earlier(number).cloned()).transpose()
    }

    pub(super) fn progress(&self) -> Option<Progress> {
        let wanted = self.options.progress && self.terminal.is_live();
        let width = self.terminal.width().unwrap_or(usize::MAX);
        wanted.then(|| Progress::start(self.terminal.err(), width))
    }

    /// Plans and starts `statement`, or stops at Ctrl-C.
    async fn start(&mut self, statement: &Statement, params: &Params) -> Result<Answer> {
        let session = self.session.clone();
        self.planned(session.run(statement, params)).await
    }

    /// As [`Shell::start`], computed now even if the answer is kept.
    pub(super) async fn start_anew(
        &mut self,
        statement: &Statement,
        params: &Params,
    ) -> Result<Answer> {
        let session = self.session.clone();
        self.planned(session.run_anew(statement, params)).await
    }

    /// What `planning` gives, or stops at Ctrl-C.
    async fn planned(&mut self, planning: impl Future<Output = Result<Answer>>) -> Result<Answer> {
        let mut planning = Box::pin(planning);
        tokio::select! {
            answer = &mut planning => return answer,
            () = self.interrupts.pressed() => self.session.cancel(),
        }
        match tokio::time::timeout(PATIENCE, planning).await {
            Ok(Err(error)) => Err(error),
            Ok(Ok(_)) | Err(_) => Err(Error::new(Kind::Cancelled, "cancelled")),
        }
    }

    /// The next batch of `answer`, or stops at Ctrl-C.
    pub(super) async fn next(&mut self, answer: &mut Answer) -> Option<Result<RecordBatch>> {
        tokio::select! {
            biased;
            () = self.interrupts.pressed() => {
                self.session.cancel();
                Some(Err(Error::new(Kind::Cancelled, "cancelled")))
            }
            batch = answer.next() => batch,
        }
    }

    async fn answer(
        &mut self,
        statement: &Statement,
        params: &Params,
        progress: Option<Progress>,
    ) -> Result<Given> {
        let mut answer = self.start(statement, params).await?;
        if let Some(progress) = &progress {
            progress.watch(&answer.plan);
        }
        let schema = Arc::clone(&answer.schema);
        if schema.fields().is_empty() {
            while let Some(batch) = self.next(&mut answer).await {
                batch?;
            }
            self.data.forget();
            return Ok(Given { told: true, ..Given::default() });
        }
        if let Some(done) = answer.counted.filter(|_| !self.options.quiet) {
            return self.count(&mut answer, done).await;
        }
        if is_plan(&schema) && self.options.format.for_people && self.sinks.is_terminal() {
            drop(progress);
            return self.plan_text(&mut answer).await;
        }
        let shown = shown_for(statement, params, self.shown());
        self.table(statement, &mut answer, &shown, progress).await
    }

    /// Where answers go that go to the terminal: harmless there in each format.
    fn answers_out(&self) -> Box<dyn std::io::Write + Send> {
        let out = self.terminal.out();
        let acts = self.terminal.acts() && !self.options.format.for_people;
        if acts { render::harmless(out) } else { out }
    }

    /// Runs a statement that counts the rows that it has `done` something to; the
    /// line below answers tells how many.
    async fn count(&mut self, answer: &mut Answer, done: &'static str) -> Result<Given> {
        let mut rows = 0;
        while let Some(batch) = self.next(answer).await {
            let counts = Values::new(batch?.column(0))?;
            if let Value::Unsigned(count) = counts.get(0) {
                rows += count;
            }
        }
        let (told, counted) = (true, Some((rows, done)));
        Ok(Given { told, counted, rows: rows as usize, ..Given::default() })
    }

    /// Shows the answer to `statement` as a table and keeps it.
    async fn table(
        &mut self,
        statement: &Statement,
        answer: &mut Answer,
        shown: &render::Options,
        progress: Option<Progress>,
    ) -> Result<Given> {
        let (out, format) = (self.answers_out(), self.options.format);
        let schema = Arc::clone(&answer.schema);
        let mut writing = self.sinks.open(out, format, &schema, shown)?;
        let mut collector = Collector::new(self.session.context(), &schema);
        let (columns, from_cache) = (schema.fields().len(), answer.from_cache.is_some());
        let written = self.rows(answer, &mut writing, &mut collector, progress).await;
        let rows = match written {
            Ok(rows) => rows,
            Err(error) => {
                writing.abandon();
                return Err(error);
            }
        };
        let mut given = Given { rows, columns, from_cache, ..Given::default() };
        let collected = collector.finish();
        let is_shown_by_last = collected.is_shown_by_last(self.terminal.has_screen());
        if !is_shown_by_last || answer.counted.is_some() {
            writing.without_more();
        }
        given.told = writing.says_counts;
        given.to.clone_from(&writing.to);
        writing.finish().map_err(|error| match self.interrupts.were_pressed() {
            // A program has its own way to end by it.
            true => Error::new(Kind::Cancelled, "cancelled"),
            false => error,
        })?;
        if answer.counted.is_none() {
            let (context, sql) = (self.session.context(), &statement.sql);
            given.number = self.results.keep(context, collected, sql)?;
            given.is_lost = given.number.is_none();
        }
        Ok(given)
    }

    /// Writes and collects the rows of `answer`, and counts them; a program may have enough
    /// of them before the end.
    async fn rows(
        &mut self,
        answer: &mut Answer,
        writing: &mut Writing,
        collector: &mut Collector,
        mut progress: Option<Progress>,
    ) -> Result<usize> {
        let mut rows = 0;
        while let Some(batch) = self.next(answer).await {
            let batch = batch?;
            if writing.streams_to_terminal {
                // The line must be gone before rows are written over it.
                progress = None;
            }
            rows += batch.num_rows();
            collector.add(&batch)?;
            if !writing.write(&batch)? {
                break;
            }
        }
        drop(progress);
        Ok(rows)
    }

    /// Shows the plans of EXPLAIN as the text that they are.
    async fn plan_text(&mut self, answer: &mut Answer) -> Result<Given> {
        let mut given = Given { told: true, ..Given::default() };
        while let Some(batch) = self.next(answer).await {
            let batch = batch?;
            let (kinds, plans) = (Values::new(batch.column(0))?, Values::new(batch.column(1))?);
            for row in 0..batch.num_rows() {
                if let (Value::Text(kind), Value::Text(plan)) = (kinds.get(row), plans.get(row)) {
                    let text = format!("{kind}:\n{}", readable_plan(plan.trim_end()));
                    self.say(&visible_lines(&text))?;
                    given.rows += 1;
                }
            }
        }
        Ok(given)
    }

    /// `1,234 rows · 6 columns · @3 · 0.84 s`, as far as it is not told yet, or
    /// `1,234 rows written · 0.84 s`.
    fn footer(&mut self, given: Given, took: Duration) {
        if self.options.quiet {
            // Only what was asked for.
            if self.options.timing {
                self.note(&seconds(took));
            }
            return;
        }
        let mut parts = Vec::new();
        if !given.told {
            let plural = |count: usize| if count == 1 { "" } else { "s" };
            parts.push(format!("{} row{}", group_digits(given.rows as u64), plural(given.rows)));
            parts.push(format!("{} column{}", given.columns, plural(given.columns)));
        }
        if let Some(to) = given.to {
            parts.push(format!("to {}", visible(&to)));
        }
        match (given.number, given.counted) {
            (_, Some((rows, done))) => {
                let s = if rows == 1 { "" } else { "s" };
                parts.push(format!("{} row{s} {done}", group_digits(rows)));
            }
            (Some(number), _) => parts.push(results::name(number)),
            _ if given.is_lost => {
                let why = visible(self.results.lost().unwrap_or_default()).into_owned();
                parts.push(format!("not kept as _: {why}; .once FILE takes the next answer"));
            }
            _ => parts.push("done".to_owned()),
        }
        if given.from_cache {
            parts.push("from the result cache".to_owned());
        }
        if self.options.timing {
            parts.push(seconds(took));
        }
        self.note(&parts.join(" · "));
    }

    /// Shows a small table of our own. It is not kept: `_` stays the answer of
    /// the person's own last question.
    pub(super) fn show_table(&mut self, batch: &RecordBatch) -> Result<()> {
        let schema = batch.schema();
        let null = String::new();
        let shown = render::Options {
            shared_lines: usize::MAX,
            max_rows: usize::MAX,
            null,
            types: false,
            rules: false,
            more: None,
            grouped: true,
            ..self.shown()
        };
        let (out, format) = (self.answers_out(), self.options.format);
        let mut writing = self.sinks.open(out, format, &schema, &shown)?;
        writing.write(batch)?;
        writing.finish()
    }

    /// Shows `rows` under `heads` as a table, or to a person whose terminal has no room for
    /// that `named`, each with the rest below its name.
    pub(super) fn show_named<const N: usize>(
        &mut self,
        heads: &[&str],
        rows: &[Vec<Cell>],
        named: &[[String; N]],
    ) -> Result<()> {
        let width = self.shown().width.unwrap_or(usize::MAX);
        let is_seen = self.options.format.for_people && self.sinks.is_terminal();
        if is_seen && listing::across(&listing::widths(heads, rows)) > width {
            self.say(&listing::below_names(named, width))
        } else {
            self.show_table(&listing::batch(heads, rows)?)
        }
    }

    /// All batches of `sql`, a question of the shell's own, or stops at Ctrl-C.
    pub(super) async fn ask(&mut self, sql: &str) -> Result<Vec<RecordBatch>> {
        self.interrupts.clear();
        let _silence = self.terminal.silence();
        let _progress = self.progress();
        let session = self.session.clone();
        tokio::select! {
            batches = session.collect(sql) => batches,
            () = self.interrupts.pressed() => {
                session.cancel();
                Err(Error::new(Kind::Cancelled, "cancelled"))
            }
        }
    }
}

/// Whether an answer is that of EXPLAIN.
fn is_plan(schema: &Schema) -> bool {
    let names = schema.fields().iter().map(|field| field.name().as_str());
    names.eq(["plan_type", "plan"])
}
