//! `weiku import DB FILE...`: takes in the exports of crawlers.

mod account;
mod bar;
mod rest;

use std::path::Path;
use std::sync::Arc;

use indicatif::ProgressBar;

use super::interrupt::{self, Listening};
use super::{DONE, Exit, Program, say};
use crate::cli::{self, Common};
use crate::config::Config;
use crate::database::{
    Cancel, Database, ImportOptions, ImportReport, Importing, Latest, Progress, Silent,
};
use crate::error::{Error, Kind, Result};
use crate::ingest;
use crate::render::visible;
use crate::store::Store;
use account::tell;
use bar::Bar;
use rest::Rest;

pub(super) async fn execute(import: &cli::Import, program: &Program) -> Result<Exit> {
    let options = options(import, program)?;
    if import.rejects {
        return again(import, &options, program).await;
    }
    let expanded = ingest::expand(&import.files).map_err(before_anything)?;
    let scratch;
    let (database, made) = if import.dry_run && !Database::is_there(&import.database).await? {
        scratch = tempfile::tempdir().map_err(|error| Error::io("make", Path::new("."), &error))?;
        (Database::create(&scratch.path().join("database")).await?, false)
    } else {
        open_or_create(&import.database).await?
    };
    if made {
        tell_made(import, program)?;
    }
    let _listening = cancel_on_interrupt(&options.cancel);
    let (progress, bar) = progress(import, program);
    let mut rest = Rest::new(&expanded);
    let mut importing = database.importing(&expanded.files, &options, &progress)?;
    let mut taken = Taken::new(importing.files());
    let ended = take_all(&mut importing, &mut taken, &mut rest, import, &bar, program).await;
    bar.finish_and_clear();
    if let (true, 0, Some(store)) = (made, taken.files, database.store()) {
        // Nothing came in, so what was made for it goes again.
        store.abandon().await;
    }
    if let Err(error) = ended {
        return Err(taken.before(error, import, program)?);
    }
    if !import.quiet {
        let mut text = rest.text();
        if let Some(latest) = importing.latest() {
            text.push_str(&in_order(latest, import));
        }
        if taken.added > 0 && importing.is_by_strangers().await? {
            text.push_str(STRANGERS);
        }
        say(&mut program.stderr(), &text)?;
    }
    if taken.files == 0 && taken.exit == DONE {
        let error = Error::new(Kind::Format, "no import format knows any of the files found")
            .hint("see `weiku formats`, name one with --format, or give a mapping file");
        program.report(&error, import.errors);
        return Ok(error.exit_code());
    }
    Ok(taken.exit)
}

/// What is said when nothing is known of the accounts whose posts came in.
const STRANGERS: &str = "these files name no accounts, and `accounts` has none for their posts, so that joins with it \
     are empty: import profiles too, or a directory file (columns platform, account_id, screen_name, organization, \
     level, system, region; see `weiku formats`)\n";

/// What is said when several files told of the same posts: which of them counts.
fn in_order(latest: Latest, import: &cli::Import) -> String {
    let which = match latest {
        Latest::Records => "by the times in the files",
        Latest::Files => {
            "by the times at which the files were changed (within a minute, by that order)"
        }
        Latest::Order if import.observed_at.is_some() => {
            "all looked at the time of --observed-at, so that it is that of the file read last"
        }
        Latest::Order => {
            "all were changed within a minute, so that it is that of the file read last"
        }
    };
    format!(
        "files are read in the order of their names, 2 before 10; of a post that several hold, the latest \
         look counts: {which}\n"
    )
}

fn options(import: &cli::Import, program: &Program) -> Result<ImportOptions> {
    Ok(ImportOptions {
        reading: ingest::Options {
            format: import.format.clone(),
            account_id: import.account_id.clone(),
            platform: import.platform.clone(),
            private: import.include_private,
            ..ingest::Options::default()
        },
        observed_at: match &import.observed_at {
            Some(time) => Some(instant(time, &zone(import, program)?)?),
            None => None,
        },
        dry_run: import.dry_run,
        cancel: Cancel::default(),
    })
}

/// The error of a name that is wrong, which keeps all other files out too.
fn before_anything(error: Error) -> Error {
    let advice = match error.advice() {
        Some(advice) => format!("{advice}; nothing was imported"),
        None => "nothing was imported".to_owned(),
    };
    error.hint(advice)
}

/// Stops the import at the first Ctrl-C, once what is being committed is in.
fn cancel_on_interrupt(cancel: &Cancel) -> Listening {
    let cancel = cancel.clone();
    interrupt::call_on_interrupt(move || cancel.cancel())
}

/// What was taken so far.
struct Taken {
    /// How many files there are.
    all: usize,
    /// How many of them are in, and the last of these.
    files: usize,
    last: String,
    /// Posts and accounts that are new.
    added: u64,
    exit: Exit,
}

impl Taken {
    fn new(all: usize) -> Self {
        Self { all, files: 0, last: String::new(), added: 0, exit: DONE }
    }

    fn add(&mut self, report: &ImportReport) {
        self.files += 1;
        self.last.clone_from(&report.file);
        self.added += report.records.added;
    }

    /// The error that ends the import, with what is in nevertheless.
    fn before(&self, error: Error, import: &cli::Import, program: &Program) -> Result<Error> {
        let is_in = (self.files > 0 && !import.dry_run).then(|| {
            let (files, all, last) = (self.files, self.all, visible(&self.last));
            format!("{files} of {all} files are in, the last {last}")
        });
        if let (Kind::Cancelled, Some(file)) = (error.kind(), &error.place().file) {
            let what = match is_in {
                Some(is_in) => format!("{is_in}; {} left nothing", visible(file)),
                None => "nothing was imported".to_owned(),
            };
            return Ok(Error::new(Kind::Cancelled, format!("interrupted: {what}")));
        }
        if let Some(is_in) = is_in {
            say(&mut program.stderr(), &format!("{is_in}\n"))?;
        }
        Ok(error)
    }
}

/// Takes the files in one by one, and says of each what became of it as soon as
/// it is in.
async fn take_all(
    importing: &mut Importing<'_>,
    taken: &mut Taken,
    rest: &mut Rest<'_>,
    import: &cli::Import,
    bar: &ProgressBar,
    program: &Program,
) -> Result<()> {
    while let Some(report) = importing.next().await? {
        match report {
            Ok(report) => {
                taken.add(&report);
                rest.take_note(&report);
                if !import.quiet || report.rejected > 0 || report.is_unended {
                    bar.suspend(|| tell(&report, import, program))?;
                }
            }
            Err(error) if rest.is_found(&error) => rest.foreign.push(error),
            Err(error) => {
                bar.suspend(|| program.report(&error, import.errors));
                taken.exit = error.exit_code().max(taken.exit);
            }
        }
    }
    Ok(())
}

/// Reads what earlier imports rejected.
async fn again(import: &cli::Import, options: &ImportOptions, program: &Program) -> Result<Exit> {
    let database = Database::open(&import.database).await?;
    let _listening = cancel_on_interrupt(&options.cancel);
    let (progress, bar) = progress(import, program);
    let reports = database.import_rejects(options, &progress).await?;
    bar.finish_and_clear();
    let mut exit = DONE;
    if reports.is_empty() && !import.quiet {
        say(&mut program.stderr(), "there are no rejected rows that no import took later\n")?;
    }
    for report in reports {
        match report {
            Ok(report) if import.quiet && report.rejected == 0 => {}
            Ok(report) => tell(&report, import, program)?,
            Err(error) => {
                program.report(&error, import.errors);
                exit = error.exit_code().max(exit);
            }
        }
    }
    Ok(exit)
}

/// The database at `path`, and whether it was made just now.
async fn open_or_create(path: &Path) -> Result<(Database, bool)> {
    if Database::is_there(path).await? {
        return Ok((Database::open(path).await?, false));
    }
    match Database::create(path).await {
        Ok(database) => Ok((database, true)),
        // Another process made it in the meantime.
        Err(_) if Database::is_there(path).await? => Ok((Database::open(path).await?, false)),
        Err(error) => Err(error),
    }
}

/// Says that there is a new database; the name of an old one may have been meant,
/// and that is said even to those who want to hear little.
fn tell_made(import: &cli::Import, program: &Program) -> Result<()> {
    let name = import.database.display().to_string();
    let text = match Store::neighbour(&import.database) {
        Some(near) => {
            let near = near.display().to_string();
            format!(
                "{} is a new database, beside {}: was that meant?\n",
                visible(&name),
                visible(&near)
            )
        }
        None if import.quiet => return Ok(()),
        None => format!("{} is a new database\n", visible(&name)),
    };
    say(&mut program.stderr(), &text)
}

/// The session's time zone.
fn zone(import: &cli::Import, program: &Program) -> Result<String> {
    let common = Common { timezone: import.timezone.clone(), ..Common::default() };
    Ok(Config::resolve(&common, &program.environment)?.settings.timezone)
}

/// The instant that `--observed-at` names, in the time zone `zone` unless it says
/// its own.
fn instant(time: &str, zone: &str) -> Result<i64> {
    let zone: chrono_tz::Tz =
        zone.parse().map_err(|_| Error::usage(format!("no time zone `{zone}`")))?;
    if let Ok(instant) = chrono::DateTime::parse_from_rfc3339(time) {
        return Ok(instant.timestamp_micros());
    }
    let naive = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M"]
        .into_iter()
        .find_map(|form| chrono::NaiveDateTime::parse_from_str(time, form).ok())
        .or_else(|| chrono::NaiveDate::parse_from_str(time, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0));
    let local = naive.and_then(|naive| naive.and_local_timezone(zone).earliest());
    local.map(|local| local.timestamp_micros()).ok_or_else(|| {
        Error::usage(format!("`{time}` is not a time"))
            .hint("write it like 2012-08-27 18:00 or 2012-08-27T18:00:00+08:00")
    })
}

/// Who hears of the import, and the bar above which lines are written.
fn progress(import: &cli::Import, program: &Program) -> (Arc<dyn Progress>, ProgressBar) {
    if import.quiet || !program.environment.stderr_terminal || program.environment.dumb {
        return (Arc::new(Silent), ProgressBar::hidden());
    }
    let progress = Bar::new();
    let bar = progress.bar();
    (Arc::new(progress), bar)
}
