//! `weiku [DB]` on a terminal: the shell, which scripts that use its commands run in, too.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::piped::Piped;
use super::{DONE, Exit, Program};
use crate::cli::{Errors, Output, Query};
use crate::config::Config;
use crate::engine::{Params, Session};
use crate::error::{Error, Result};
use crate::queries::Library;
use crate::render::{self, Format, OutputFile, is_broken_pipe};
use crate::shell::{self, Flow, Reading, Shell, Terminal};

/// The file in the configuration folder that the shell runs first.
pub(super) const INIT_FILE: &str = "init.sql";

/// Opens the shell as the flags of `query` say.
pub(super) async fn open(
    query: &Query,
    session: Session,
    config: &Config,
    params: Params,
    program: &Program,
) -> Result<Exit> {
    let library = library(config, session.store().map(|store| store.root()))?;
    let options = options(query, config, params, program)?;
    shell::run(session, library, options).await
}

/// Scripts of which one at least uses commands of the shell.
#[derive(Debug)]
pub(super) struct Scripts<'a> {
    /// Their texts, and the files that they stand in.
    pub(super) texts: &'a [(String, Option<String>)],
    /// What was piped in.
    pub(super) piped: Option<&'a Piped>,
    /// Values of placeholders.
    pub(super) params: Params,
}

impl Scripts<'_> {
    /// Runs them one behind the other in one shell: what a command sets holds for all
    /// that stands behind it, as if it were one script.
    pub(super) async fn run(
        self,
        query: &Query,
        session: Session,
        config: &Config,
        program: &Program,
    ) -> Result<Exit> {
        let library = library(config, session.store().map(|store| store.root()))?;
        let mut options = options(query, config, self.params, program)?;
        options.quiet = true;
        options.timing = false;
        if query.output.format_name().is_none() && !program.environment.stdout_terminal {
            options.format = render::format("csv")?;
        }
        let errors = query.common.errors;
        let output = output(&query.output)?;
        let mut terminal = Scripted { program, piped: self.piped, errors };
        let mut shell = Shell::new(session, library, options, &mut terminal)?;
        if let Some((file, format)) = &output {
            shell.send_to(Arc::clone(file), format);
        }
        let mut exit = DONE;
        let mut failed = |error: Error| {
            let error = match self.piped {
                Some(piped) => piped.named(error),
                None => error,
            };
            if !query.keep_going || is_broken_pipe(&error) {
                return Err(error);
            }
            program.report(&error, errors);
            exit = error.exit_code();
            Ok(())
        };
        for (text, file) in self.texts {
            if shell.execute_all(text, file.as_deref(), &mut failed).await? == Flow::Quit {
                break;
            }
        }
        drop(shell);
        match output.map(|(file, _)| Arc::into_inner(file)) {
            Some(Some(file)) => file.finish()?,
            Some(None) => return Err(Error::internal("the output is still written to")),
            None => {}
        }
        Ok(exit)
    }
}

/// The file of `-o`, if it is given, and its format: by flag, then by the suffix.
fn output(output: &Output) -> Result<Option<(Arc<OutputFile>, &'static Format)>> {
    let Some(path) = &output.output else { return Ok(None) };
    let format = match output.format_name() {
        Some(name) => render::format(name)?,
        None => render::format_for_suffix(path)?,
    };
    Ok(Some((Arc::new(OutputFile::create(path)?), format)))
}

/// The program's streams for scripts: as for those without commands of the shell.
struct Scripted<'a> {
    program: &'a Program,
    piped: Option<&'a Piped>,
    errors: Errors,
}

impl Terminal for Scripted<'_> {
    fn read(&mut self, prompt: &str, initial: &str) -> Result<Reading> {
        shell::Plain.read(prompt, initial)
    }

    fn out(&self) -> Box<dyn Write + Send> {
        self.program.stdout()
    }

    fn err(&self) -> Box<dyn Write + Send> {
        self.program.stderr()
    }

    fn acts(&self) -> bool {
        self.program.environment.stdout_terminal
    }

    fn width(&self) -> Option<usize> {
        let environment = &self.program.environment;
        environment.width.filter(|_| environment.stdout_terminal)
    }

    fn is_live(&self) -> bool {
        self.program.environment.stderr_terminal
    }

    fn notice(&self, text: &str) -> bool {
        self.program.tell(vec![text.to_owned()], self.piped, self.errors);
        true
    }
}

fn options(
    query: &Query,
    config: &Config,
    params: Params,
    program: &Program,
) -> Result<shell::Options> {
    let environment = &program.environment;
    let asked = query.output.format_name().or(config.file.format.as_deref());
    let defaults = shell::Options::default();
    Ok(shell::Options {
        database: query.database.clone(),
        format: asked.map(render::format).transpose()?.unwrap_or(defaults.format),
        max_rows: config.file.max_rows.or(defaults.max_rows),
        readable: config.readable,
        null: config.file.null.clone().unwrap_or_else(|| defaults.null.clone()),
        color: config.color,
        error_color: config.error_color,
        progress: config.progress,
        quiet: query.common.quiet,
        timing: !query.common.quiet,
        history: environment.state_dir.as_deref().map(history_file),
        init: environment
            .config_dir
            .as_ref()
            .filter(|_| !query.no_init)
            .map(|folder| folder.join(INIT_FILE)),
        keys: config.file.keys.as_deref().map_or(Ok(defaults.keys), shell::Keys::named)?,
        pager: config.file.pager.clone(),
        hints: config.file.hints.unwrap_or(defaults.hints),
        params,
        ..defaults
    })
}

/// The file in the state folder that remembers what is typed.
pub(super) fn history_file(folder: &Path) -> PathBuf {
    folder.join("history")
}

/// Where saved queries are looked up; `database` is the folder of the database.
pub(super) fn library(config: &Config, database: Option<&Path>) -> Result<Library> {
    let named: Vec<_> = config.queries.iter().cloned().collect();
    Library::standard(&named, Path::new("."), database)
}
