//! Answers on their way to standard output or to the file of `-o`.

use std::path::Path;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

use crate::cli::Output;
use crate::config::Config;
use crate::engine::{Answer, Params, Statement};
use crate::error::{Error, Result};
use crate::render::{self, BatchWriter, Format, OutputFile};
use crate::shell::{Progress, shown_for};

use super::Program;

/// Where the answers of a command go, and how they look.
#[derive(Debug)]
pub(super) struct Answers {
    format: &'static Format,
    options: render::Options,
    file: Option<OutputFile>,
    to_terminal: bool,
    /// Whether a line says how far a statement is.
    progress: bool,
    written: usize,
}

impl Answers {
    /// Decides on the format: by flag, then by the suffix of `-o`, then by
    /// whether a person is looking.
    ///
    /// # Errors
    /// When there is no such format, or the file cannot be made.
    pub(super) fn new(output: &Output, config: &Config, program: &Program) -> Result<Self> {
        let environment = &program.environment;
        let format = match (output.format_name(), &output.output) {
            (Some(name), _) => render::format(name)?,
            (None, Some(path)) => render::format_for_suffix(path)?,
            (None, None) if environment.stdout_terminal => {
                render::format(config.file.format.as_deref().unwrap_or("box"))?
            }
            (None, None) => render::format("csv")?,
        };
        let defaults = render::Options::default();
        let to_terminal = environment.stdout_terminal && output.output.is_none();
        let options = render::Options {
            width: environment.width.filter(|_| to_terminal),
            color: config.color && output.output.is_none(),
            null: config.file.null.clone().unwrap_or_else(|| defaults.null.clone()),
            max_rows: config.file.max_rows.unwrap_or(defaults.max_rows),
            ..defaults
        };
        let file = output.output.as_ref().map(|path| OutputFile::create(path)).transpose()?;
        Ok(Self { format, options, file, to_terminal, progress: config.progress, written: 0 })
    }

    /// Writes the answer to one statement as it arrives. A statement that gives no columns, such
    /// as `SET`, writes nothing.
    ///
    /// # Errors
    /// Those of the query and of writing.
    pub(super) async fn write(
        &mut self,
        mut answer: Answer,
        (statement, params): (&Statement, &Params),
        program: &Program,
    ) -> Result<()> {
        let width = program.environment.width.unwrap_or(usize::MAX);
        let mut progress = self.progress.then(|| Progress::start(program.stderr(), width));
        if let Some(progress) = &progress {
            progress.watch(&answer.plan);
        }
        if answer.schema.fields().is_empty() {
            while let Some(batch) = answer.next().await {
                batch?;
            }
            return Ok(());
        }
        let shown = shown_for(statement, params, self.options.clone());
        let mut writer = self.writer(&answer.schema, &shown, program)?;
        while let Some(batch) = answer.next().await {
            let batch = batch?;
            if self.to_terminal {
                // The line must be gone before rows are written over it.
                progress = None;
            }
            writer.write(&batch)?;
        }
        drop(progress);
        writer.finish()
    }

    /// Writes a table that is there already.
    ///
    /// # Errors
    /// Those of writing.
    pub(super) fn write_batch(&mut self, batch: &RecordBatch, program: &Program) -> Result<()> {
        let mut writer = self.writer(&batch.schema(), &self.options.clone(), program)?;
        writer.write(batch)?;
        writer.finish()
    }

    fn writer(
        &mut self,
        schema: &SchemaRef,
        shown: &render::Options,
        program: &Program,
    ) -> Result<Box<dyn BatchWriter>> {
        let sink = match &self.file {
            Some(file) => {
                self.check_room(file.path())?;
                file.writer()?
            }
            None if self.to_terminal && !self.format.for_people => {
                render::harmless(program.stdout())
            }
            None => program.stdout(),
        };
        self.written += 1;
        (self.format.open)(sink, schema, shown)
    }

    /// A binary file holds one table; a second answer has no room in it.
    fn check_room(&self, path: &Path) -> Result<()> {
        if self.written > 0 && matches!(self.format.name, "parquet" | "arrow") {
            let message = format!("{} holds one answer, and there is a second", path.display());
            return Err(Error::usage(message).hint("write one statement, or a text format"));
        }
        Ok(())
    }

    /// Gives the file of `-o` its name.
    ///
    /// # Errors
    /// When it cannot be synced or renamed.
    pub(super) fn finish(self) -> Result<()> {
        self.file.map_or(Ok(()), OutputFile::finish)
    }
}
