//! `weiku report DB QUERY... -o FILE`: saved queries as something to hand over.

use super::batch::clock;
use super::interrupt::{self, Listening};
use super::prompt::library;
use super::{DONE, Exit, Program};
use crate::batch::{Cancel, Lines, Live, Options, RunPlan};
use crate::chart::Screen;
use crate::cli::{self, Common};
use crate::config::Config;
use crate::database::Database;
use crate::error::{Kind, Result};
use crate::render;
use crate::report::{self, Cover, Destination, Terminal};

/// `weiku report`.
pub(super) async fn execute(report: &cli::Report, program: &Program) -> Result<Exit> {
    let config = program.resolve(&report.common)?;
    let destination = Destination::open(&report.output)?;
    let database = Database::open(&report.database).await?;
    let cancel = Cancel::default();
    let _listening = stop_on_interrupt(&cancel);
    let (plan, cover) = plan(&report.queries, &report.common, &database, &config, &cancel)?;
    let cover = Cover { title: report.title.clone().or(cover.title), ..cover };
    let made = if config.progress {
        report::gather(&database, &plan, &cover, &mut Live::new(plan.count())).await?
    } else {
        let mut talk = program.stderr();
        let mut lines = Lines::new(&mut *talk, Box::new(std::io::sink()));
        if report.common.quiet {
            lines = lines.quiet();
        }
        report::gather(&database, &plan, &cover, &mut lines).await?
    };
    made.write(destination)?;
    let exit = made.summary().exit_code();
    // A report says itself which expectations fail; only --check makes that the
    // outcome of the command.
    let expectation = Kind::Expectation.exit_code();
    Ok(if exit == expectation && !report.check { DONE } else { exit })
}

/// Prints the report of `queries` for a person.
pub(super) async fn print(
    database: &Database,
    queries: &[String],
    common: &Common,
    program: &Program,
) -> Result<Exit> {
    let config = program.resolve(common)?;
    let cancel = Cancel::default();
    let _listening = stop_on_interrupt(&cancel);
    let (plan, cover) = plan(queries, common, database, &config, &cancel)?;
    let mut talk = program.stderr();
    let mut lines = Lines::new(&mut *talk, Box::new(std::io::sink())).quiet();
    let made = report::gather(database, &plan, &cover, &mut lines).await?;
    let environment = &program.environment;
    let width = environment.width.unwrap_or(100);
    let terminal = Terminal {
        display: render::Options {
            width: Some(width),
            color: config.color,
            ..render::Options::default()
        },
        screen: Screen { width, color: config.color, ascii: environment.dumb, ..Screen::default() },
    };
    made.terminal(&mut program.stdout(), &terminal)?;
    Ok(made.summary().exit_code())
}

fn stop_on_interrupt(cancel: &Cancel) -> Listening {
    let cancel = cancel.clone();
    interrupt::call_on_interrupt(move || cancel.cancel())
}

fn plan(
    queries: &[String],
    common: &Common,
    database: &Database,
    config: &Config,
    cancel: &Cancel,
) -> Result<(RunPlan, Cover)> {
    let library = library(config, database.folder())?;
    let options = Options {
        given: common.given()?,
        jobs: config.settings.threads,
        timeout: config.settings.timeout,
        settings: config.settings.clone(),
        cancel: cancel.clone(),
        ..Options::default()
    };
    report::plan(&library, queries, options, &clock(config)?)
}
