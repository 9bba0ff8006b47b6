//! What the program's commands do: one file each.
//!
//! A command gets its flags, the resolved configuration and the streams of the
//! program, and gives the exit code.

mod answers;
mod batch;
mod demo;
mod import;
mod interrupt;
mod layout;
mod lists;
mod piped;
mod prompt;
mod query;
mod report;
mod spec;
mod upkeep;
mod worker;

use std::io::Write;

use clap::CommandFactory;
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::{Cli, Command, Common, Errors};
use crate::config::{Config, Environment};
use crate::error::Result;
use crate::render::write_error;

/// The exit code of a command.
pub type Exit = u8;

/// All is well.
const DONE: Exit = 0;

/// The surroundings of the program that commands may touch.
#[derive(Debug)]
pub struct Program {
    /// What was found out about the terminal and the user's folders.
    pub environment: Environment,
}

impl Program {
    /// Where data goes.
    #[must_use]
    pub fn stdout(&self) -> Box<dyn Write + Send> {
        Box::new(std::io::stdout())
    }

    /// Where everything else goes.
    #[must_use]
    pub fn stderr(&self) -> Box<dyn Write + Send> {
        Box::new(std::io::stderr())
    }

    /// A bar of work done, drawn when a person can see it.
    fn bar(&self, what: &'static str) -> ProgressBar {
        if !self.environment.stderr_terminal || self.environment.dumb {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template(
            "{msg}  {wide_bar} {percent:>3} %  {human_pos} rows  {eta} left",
        );
        let bar = ProgressBar::new(0).with_message(what);
        match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }

    /// Puts settings together for a command.
    ///
    /// # Errors
    /// As for [`Config::resolve`].
    pub fn resolve(&self, common: &Common) -> Result<Config> {
        let mut config = Config::resolve(common, &self.environment)?;
        if !config.cluster.workers.is_empty() {
            let notice = |words: &str| {
                // Nobody is left to tell when standard error itself is gone.
                let _ = writeln!(std::io::stderr(), "{words}");
            };
            config.settings.cluster =
                Some(crate::cluster::connect(&config.cluster, Box::new(notice))?);
        }
        Ok(config)
    }
}

impl Cli {
    /// How errors are to be written.
    #[must_use]
    pub fn errors(&self) -> Errors {
        match &self.command {
            None => self.query.common.errors,
            Some(Command::Import(import)) => import.errors,
            Some(Command::Run(run)) => run.common.errors,
            Some(Command::Report(report)) => report.common.errors,
            Some(Command::Demo { common, .. }) => common.errors,
            Some(_) => Errors::Text,
        }
    }
}

/// Does what the command line says.
///
/// # Errors
/// What keeps the command from running at all; what fails later is written to
/// standard error as it happens and is in the exit code.
pub async fn execute(cli: Cli, program: &Program) -> Result<Exit> {
    match cli.command {
        None if cli.query.spec => spec::spec(program),
        None => query::execute(&cli.query, program).await,
        Some(Command::Man { command }) => spec::man(command.as_deref(), program),
        Some(Command::Demo { database, common }) => {
            demo::execute(&database, &common, program).await
        }
        Some(Command::Import(import)) => import::execute(&import, program).await,
        Some(Command::Run(run)) => batch::run(&run, program).await,
        Some(Command::Lint { queries, database, common }) => {
            batch::lint(&queries, database.as_deref(), &common, program).await
        }
        Some(Command::Fmt { paths, check }) => layout::execute(&paths, check, program),
        Some(Command::Generate(generate)) => demo::generate(&generate, program).await,
        Some(Command::Optimize { database }) => upkeep::optimize(&database, program).await,
        Some(Command::Verify { database, repair }) => {
            upkeep::verify(&database, repair, program).await
        }
        Some(Command::History { database, table, output }) => {
            lists::history(&database, table.as_deref(), &output, program).await
        }
        Some(Command::Formats { output }) => lists::formats(&output, program),
        Some(Command::Functions { output }) => lists::functions(&output, program),
        Some(Command::Config { action, common }) => lists::config(action, &common, program),
        Some(Command::Worker(worker)) => worker::execute(&worker, program).await,
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "weiku", &mut script);
            write(&mut program.stdout(), &script)?;
            Ok(DONE)
        }
        Some(Command::Report(report)) => report::execute(&report, program).await,
    }
}

/// Writes `text`; a reader that has gone is no error here.
fn say(to: &mut dyn Write, text: &str) -> Result<()> {
    write(to, text.as_bytes())
}

/// Writes `bytes`; a reader that has gone is no error here.
fn write(to: &mut dyn Write, bytes: &[u8]) -> Result<()> {
    match to.write_all(bytes).and_then(|()| to.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(write_error(&error)),
        _ => Ok(()),
    }
}
