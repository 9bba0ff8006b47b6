//! `weiku import DB FILE...`: takes in the exports of crawlers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{DONE, Exit, Program, say};
use crate::cli;
use crate::database::{Database, ImportOptions, ImportReport, Progress, Silent};
use crate::error::{Error, Kind, Result};
use crate::ingest::{self, Expanded};
use crate::render::{self, group_digits, visible};

pub(super) async fn execute(import: &cli::Import, program: &Program) -> Result<Exit> {
    let options = ImportOptions {
        reading: ingest::Options {
            format: import.format.clone(),
            account_id: import.account_id.clone(),
            platform: import.platform.clone(),
            private: import.include_private,
            ..ingest::Options::default()
        },
        observed_at: import.observed_at.as_deref().map(|time| instant(time, import)).transpose()?,
        dry_run: import.dry_run,
    };
    if import.rejects {
        return again(import, &options, program).await;
    }
    let expanded = ingest::expand(&import.files)?;
    let scratch;
    let (database, made) = if import.dry_run && !is_there(&import.database).await? {
        scratch = tempfile::tempdir().map_err(|error| Error::io("make", Path::new("."), &error))?;
        (Database::create(&scratch.path().join("database")).await?, false)
    } else {
        open_or_create(&import.database).await?
    };
    let progress = progress(import, program);
    let reports = database.import(&expanded.files, &options, &progress).await;
    let taken = reports.as_ref().is_ok_and(|reports| reports.iter().any(Result::is_ok));
    if let (true, false, Some(store)) = (made, taken, database.store()) {
        // Nothing came in, so what was made for it goes again.
        store.abandon();
    }
    let mut exit = DONE;
    let mut rest = Rest::new(&expanded);
    for report in reports? {
        match report {
            Ok(report) => {
                rest.take_note(&report);
                if !import.quiet || report.rejected > 0 {
                    tell(&report, import, program)?;
                }
            }
            Err(error) if rest.is_found(&error) => rest.foreign.push(error),
            Err(error) => {
                program.report(&error, import.errors);
                exit = error.exit_code().max(exit);
            }
        }
    }
    if !import.quiet {
        say(&mut program.stderr(), &rest.text())?;
    }
    if !taken && exit == DONE {
        let error = Error::new(Kind::Format, "no import format knows any of the files found")
            .hint("see `weiku formats`, name one with --format, or give a mapping file");
        program.report(&error, import.errors);
        exit = error.exit_code();
    }
    Ok(exit)
}

/// Reads what earlier imports rejected.
async fn again(import: &cli::Import, options: &ImportOptions, program: &Program) -> Result<Exit> {
    let database = Database::open(&import.database).await?;
    let reports = database.import_rejects(options, &progress(import, program)).await?;
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

/// What was met and not taken, to be told once at the end: people give the
/// whole folder of a crawler, with its pictures and logs.
struct Rest<'a> {
    expanded: &'a Expanded,
    /// Files in folders and archives that no format knows.
    foreign: Vec<Error>,
    /// By format and unknown columns, how many files have them.
    left_out: BTreeMap<(String, Vec<String>), usize>,
}

/// How many names are told.
const NAMES: usize = 8;

impl<'a> Rest<'a> {
    fn new(expanded: &'a Expanded) -> Self {
        Self { expanded, foreign: Vec::new(), left_out: BTreeMap::new() }
    }

    /// Whether the error is of a file that no format knows and that nobody
    /// named.
    fn is_found(&self, error: &Error) -> bool {
        let Some(file) = &error.place().file else { return false };
        let is_named = self.expanded.named.iter().any(|path| path.display().to_string() == *file);
        error.kind() == Kind::Format && !is_named
    }

    fn take_note(&mut self, report: &ImportReport) {
        if !report.left_out.is_empty() {
            let key = (report.format.clone(), report.left_out.clone());
            *self.left_out.entry(key).or_default() += 1;
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for ((format, columns), files) in &self.left_out {
            let columns: Vec<_> = columns.iter().map(|name| visible(name)).collect();
            let columns = columns.join(", ");
            // Writing to a String cannot fail.
            let _ = writeln!(text, "columns that {format} does not know, not taken: {columns}");
            if *files > 1 {
                text.pop();
                let _ = writeln!(text, " ({files} files)");
            }
        }
        let alone = self.left_alone();
        if !alone.is_empty() {
            let _ = writeln!(text, "left alone: {}", alone.join(", "));
        }
        text
    }

    /// The first few files that no format knows, by name, and the others by the
    /// ends of their names.
    fn left_alone(&self) -> Vec<String> {
        let name = |error: &Error| {
            let file = error.place().file.as_deref().unwrap_or_default();
            match error.message().strip_prefix("the file is ") {
                Some(what) => format!("{} ({what})", visible(file)),
                None => visible(file).into_owned(),
            }
        };
        let mut alone: Vec<String> = self.foreign.iter().take(NAMES).map(name).collect();
        if self.foreign.len() > NAMES {
            alone.push(format!("{} more of no known format", self.foreign.len() - NAMES));
        }
        let mut kinds: BTreeMap<String, Vec<&Path>> = BTreeMap::new();
        for path in &self.expanded.others {
            let suffix = path.extension().map(|suffix| suffix.to_string_lossy().to_lowercase());
            kinds.entry(suffix.unwrap_or_default()).or_default().push(path);
        }
        alone.extend(kinds.iter().map(|(suffix, paths)| match (&paths[..], suffix.as_str()) {
            ([path], _) => visible(&path.display().to_string()).into_owned(),
            (paths, "") => format!("{} files without a suffix", paths.len()),
            (paths, suffix) => format!("{} .{} files", paths.len(), visible(suffix)),
        }));
        alone
    }
}

/// Whether there is something at `path`, be it a database or not.
async fn is_there(path: &Path) -> Result<bool> {
    Ok(path.exists() || Database::is_there(path).await?)
}

/// The database at `path`, and whether it was made just now.
async fn open_or_create(path: &Path) -> Result<(Database, bool)> {
    if is_there(path).await? {
        return Ok((Database::open(path).await?, false));
    }
    Ok((Database::create(path).await?, true))
}

/// The instant that `--observed-at` names, in the session's time zone unless it
/// says its own.
fn instant(time: &str, import: &cli::Import) -> Result<i64> {
    let zone = import.timezone.as_deref().unwrap_or("Asia/Shanghai");
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

/// Says what became of a file.
fn tell(report: &ImportReport, import: &cli::Import, program: &Program) -> Result<()> {
    let mut text = format!("{}: ", visible(&report.file));
    let count = |number: u64| group_digits(number);
    let records = report.records;
    // Writing to a String cannot fail.
    let _ = write!(text, "{} rows as {}", count(report.rows_read()), report.format);
    let _ = write!(
        text,
        " = {} added + {} changed + {} unchanged + {} blank or repeated header + {} rejected",
        count(records.added),
        count(records.changed),
        count(records.unchanged),
        count(report.skipped),
        count(report.rejected)
    );
    let nested = report.nested;
    if nested.added + nested.changed + nested.unchanged > 0 {
        let _ = write!(
            text,
            "; nested in them {} added, {} changed, {} unchanged",
            count(nested.added),
            count(nested.changed),
            count(nested.unchanged)
        );
    }
    if let Some(earlier) = &report.repeats {
        let _ = write!(text, "; nothing new: the same bytes were imported as {earlier}");
    }
    if import.dry_run {
        text.push_str("; dry run, nothing is written");
    }
    for (row, reason) in &report.refusals {
        let _ = write!(text, "\n  row {row} rejected: {}", visible(reason));
    }
    let told = report.refusals.len() as u64;
    if report.rejected > told {
        let _ = write!(text, "\n  and {} more", count(report.rejected - told));
    }
    if report.rejected > 0 && import.rejects {
        text.push_str("\n  they stay in rejects, with the reason of now");
    } else if report.rejected > 0 && !import.dry_run {
        let _ = write!(
            text,
            "\n  all are kept: SELECT * FROM rejects WHERE import_id = '{}'; \
             --rejects reads them again",
            report.import_id
        );
    }
    text.push('\n');
    say(&mut program.stderr(), &text)?;
    if let Some(samples) = &report.samples {
        let options =
            render::Options { width: program.environment.width, ..render::Options::default() };
        let mut writer =
            (render::format("box")?.open)(program.stdout(), &samples.schema(), &options)?;
        writer.write(samples)?;
        writer.finish()?;
    }
    Ok(())
}

fn progress(import: &cli::Import, program: &Program) -> Arc<dyn Progress> {
    if import.quiet || !program.environment.stderr_terminal || program.environment.dumb {
        return Arc::new(Silent);
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    Arc::new(Bar(bar))
}

/// A bar of bytes read, with rows a second and the time left.
struct Bar(ProgressBar);

impl Progress for Bar {
    fn begin(&self, file: &str, bytes: Option<u64>) {
        let style = match bytes {
            Some(bytes) => {
                self.0.set_length(bytes);
                "{wide_bar} {percent:>3} %  {bytes_per_sec}  {prefix}  {eta} left  {msg}"
            }
            None => "{spinner} {bytes}  {bytes_per_sec}  {prefix}  {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(style) {
            self.0.set_style(style);
        }
        self.0.reset();
        self.0.set_message(visible(file).into_owned());
    }

    fn advance(&self, bytes: u64, rows: u64) {
        self.0.set_position(bytes);
        let seconds = self.0.elapsed().as_secs_f64().max(0.001);
        let rate = (rows as f64 / seconds) as u64;
        self.0.set_prefix(format!("{} rows, {}/s", group_digits(rows), group_digits(rate)));
    }

    fn end(&self) {
        self.0.finish_and_clear();
    }
}
