//! `weiku run` and `weiku lint`: saved queries without a prompt.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::prompt::library;
use super::{DONE, Exit, Program, interrupt, say};
use crate::batch::{
    self, Cancel, Lines, Live, Options, QueryRecord, RUN_FILE, RunPlan, Status, Summary,
};
use crate::chart::Picture;
use crate::cli::{Common, Run};
use crate::config::Config;
use crate::database::Database;
use crate::engine::Settings;
use crate::error::{Error, Kind, Result};
use crate::queries::Clock;
use crate::render::{self, is_broken_pipe, visible};

/// `weiku run DB QUERY...`.
pub(super) async fn run(run: &Run, program: &Program) -> Result<Exit> {
    let config = program.resolve(&run.common)?;
    let database = Database::open(&run.database).await?;
    let library = library(&config, database.folder())?;
    let clock = clock(&config)?;
    let cancel = Cancel::default();
    let _listening = interrupt::call_on_interrupt({
        let cancel = cancel.clone();
        move || cancel.cancel()
    });
    let options = options(run, &config, cancel, program)?;
    let plan = RunPlan::new(&library, &run.queries, options, &clock)?;
    if plan.count() == 0 {
        // Only the rerun of what failed may have nothing to do.
        say(
            &mut program.stderr(),
            "nothing failed in the last run: there is nothing to run again\n",
        )?;
        return Ok(DONE);
    }
    // A result on standard output speaks for itself.
    let done = if plan.options().prints() || run.common.quiet {
        let mut talk = program.stderr();
        let mut lines = Lines::new(&mut *talk, program.stdout()).quiet();
        batch::run(&database, &plan, &mut lines).await
    } else {
        tell(&database, &plan, &config, program).await
    };
    match done {
        Ok(summary) => Ok(summary.exit_code()),
        Err(error) if is_broken_pipe(&error) => Ok(DONE),
        Err(error) => Err(error),
    }
}

/// Carries out `plan`, tells how it goes, and at the end how it went.
async fn tell(
    database: &Database,
    plan: &RunPlan,
    config: &Config,
    program: &Program,
) -> Result<Summary> {
    let mut talk = program.stderr();
    let summary = if config.progress {
        batch::run(database, plan, &mut Live::new(plan.count())).await?
    } else {
        let nowhere = Box::new(std::io::sink());
        batch::run(database, plan, &mut Lines::new(&mut *talk, nowhere)).await?
    };
    say(&mut talk, &format!("{}\n", summary.line()))?;
    let is_left = |query: &QueryRecord| matches!(query.status, Status::Failed | Status::Skipped);
    let folder = plan.options().folder.as_deref().filter(|_| !plan.options().dry_run);
    if let (Some(database), Some(folder)) = (&summary.record.database, folder)
        && (summary.record.queries.iter().any(is_left) || !summary.kept.is_empty())
    {
        say(&mut talk, &told_of_kept(&summary))?;
        let folder = folder.display();
        let hint = format!("hint: weiku run {database} --rerun-failed {folder} runs the rest\n");
        say(&mut talk, &hint)?;
    }
    Ok(summary)
}

/// The line for what an earlier run in the folder did not do well, if there is any.
fn told_of_kept(summary: &Summary) -> String {
    let names: Vec<Cow<'_, str>> = summary.kept.iter().map(|name| visible(name)).collect();
    let what = match names.len() {
        0 => return String::new(),
        1 => "1 query of an earlier run is".to_owned(),
        count => format!("{count} queries of an earlier run are"),
    };
    format!("notice: {what} still to be run again: {}\n", names.join(", "))
}

fn options(run: &Run, config: &Config, cancel: Cancel, program: &Program) -> Result<Options> {
    let terminal = program.environment.stdout_terminal;
    let threads = config.settings.threads;
    let (file, folder) = match (run.output.output.clone(), &run.rerun_failed) {
        (output, Some(named)) => (None, Some(of_rerun(run, named.as_deref(), output)?)),
        (Some(output), None) if is_file(&output) => (Some(output), None),
        (output, None) => (None, output),
    };
    Ok(Options {
        given: run.common.given()?,
        folder,
        file,
        charts: run.charts.as_deref().map(Picture::named).transpose()?,
        format: run.output.format_name().map(str::to_owned),
        printed: if terminal { "box" } else { "csv" },
        display: render::Options {
            width: program.environment.width.filter(|_| terminal),
            color: config.color,
            ..render::Options::default()
        },
        jobs: run.common.threads.unwrap_or(1).min(threads.max(1)),
        keep_going: run.keep_going,
        check: run.check,
        keep: false,
        select: run.select.iter().cloned().collect(),
        dry_run: run.dry_run,
        timeout: config.settings.timeout,
        retries: run.retries,
        rerun_failed: run.rerun_failed.is_some(),
        against: run.against.clone(),
        accept: run.accept,
        fresh: run.fresh,
        settings: Settings {
            keep_answers: config.settings.keep_answers.clone().filter(|_| !run.fresh),
            ..config.settings.clone()
        },
        cancel,
    })
}

/// The folder of the run of which the rest is run: the one that `--rerun-failed`
/// has `named`, or that of `-o`.
fn of_rerun(run: &Run, named: Option<&Path>, output: Option<PathBuf>) -> Result<PathBuf> {
    let mut queries = run.queries.clone();
    let (message, folder) = match (named, output) {
        (None, None) => ("--rerun-failed needs the folder of a run".to_owned(), "DIR".to_owned()),
        (None, Some(folder)) => return Ok(folder),
        (Some(folder), None) => return Ok(folder.to_owned()),
        (Some(named), Some(folder)) if named == folder => return Ok(folder),
        (Some(named), Some(folder)) => {
            let (named_text, folder) = (named.display().to_string(), folder.display().to_string());
            let message = format!("--rerun-failed names {named_text}, and -o {folder}");
            if named.join(RUN_FILE).is_file() {
                (message, named_text)
            } else {
                // The name of a query, put behind a flag that takes a folder.
                queries.push(named_text);
                (message, folder)
            }
        }
    };
    let start = format!("write weiku run {}", run.database.display());
    queries.insert(0, start);
    let line = format!("{} --rerun-failed {folder}", queries.join(" "));
    Err(Error::usage(message).hint(line))
}

/// Whether `-o` means a file rather than a folder: its suffix is that of a
/// format or a picture, and no folder is called so.
fn is_file(output: &Path) -> bool {
    let has_suffix = render::format_for_suffix(output).is_ok() || Picture::of(output).is_ok();
    has_suffix && !output.is_dir()
}

/// The time of this run, in the session's time zone.
pub(super) fn clock(config: &Config) -> Result<Clock> {
    Clock::new(batch::now(), &config.settings.timezone)
}

/// `weiku lint QUERY...`.
pub(super) async fn lint(
    queries: &[String],
    database: Option<&Path>,
    common: &Common,
    program: &Program,
) -> Result<Exit> {
    let config = program.resolve(common)?;
    // Without a database queries are planned against empty tables of its shape.
    let scratch = tempfile::tempdir().map_err(|error| Error::io("make", Path::new("."), &error))?;
    let database = match database {
        Some(path) => Database::open(path).await?,
        None => Database::create(&scratch.path().join("database")).await?,
    };
    let session = database.session(config.settings.clone())?;
    let library = library(&config, database.folder())?;
    let entries = library.select(queries)?;
    let findings = batch::lint(&session, &library, &entries, &clock(&config)?).await?;
    let mut faults = 0;
    for error in findings.iter().flat_map(|finding| &finding.faults) {
        program.report(error, common.errors);
        faults += 1;
    }
    let [queries, found] =
        [(entries.len(), "saved query", "saved queries"), (faults, "fault", "faults")]
            .map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }));
    let text = format!("{queries}, {found}\n");
    say(&mut program.stderr(), &text)?;
    Ok(if faults == 0 { DONE } else { Kind::Query.exit_code() })
}
