//! `run.json`: what a run did, for programs and for the next run.
//!
//! The file lies in the output folder, beside the results. It is one JSON object
//! with the fields of [`RunRecord`]; `queries` has one object per query with the
//! fields of [`QueryRecord`], in the order in which the queries were named.
//! A field that is not known is `null`. `schema` is 1 and grows when a field
//! changes its meaning or goes away; new fields may come at any time.
//! [`RUN_SCHEMA`] says the same for programs.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::offenders::MOST;
use crate::engine::own_memory;
use crate::error::{Error, Result};
use crate::queries::Clock;
use crate::render::{OutputFile, group_digits, write_error};

/// The name of the file in the output folder.
pub const RUN_FILE: &str = "run.json";

/// The JSON Schema of the file.
pub const RUN_SCHEMA: &str = include_str!("run.schema.json");

/// The version of the file's layout.
const SCHEMA: u32 = 1;

/// One run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunRecord {
    /// The version of this layout.
    pub schema: u32,
    /// The version of weiku that ran.
    pub weiku: String,
    /// The database folder; `null` for a run over files.
    pub database: Option<String>,
    /// When the run began, in UTC: relative dates count from then. What
    /// `--rerun-failed` makes up for is a part of the run that began earlier.
    pub started_at: String,
    /// When it ended, in UTC; `null` while it goes on, and of a run that was
    /// killed.
    pub finished_at: Option<String>,
    /// How long it took, or has taken so far.
    pub seconds: f64,
    /// The time zone that ruled dates.
    pub timezone: String,
    /// The parameters as they were given, in order.
    pub given: Vec<(String, String)>,
    /// The output format that was asked for; `null` when each query chose.
    pub format: Option<String>,
    /// The kind of pictures that charts were written as.
    pub charts: Option<String>,
    /// The version of every table when the run began; all queries read these.
    pub tables: BTreeMap<String, i64>,
    /// The SHA-256 of the database's own lists of words; `null` if it has none.
    pub dictionaries: Option<String>,
    /// The most memory the process held so far, in bytes.
    pub peak_memory: Option<u64>,
    /// What became of each query, and behind them of those that an earlier run in
    /// the folder did not do well and that none has made up for.
    pub queries: Vec<QueryRecord>,
}

/// What became of one query.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct QueryRecord {
    /// The query's name.
    pub name: String,
    /// What a reader calls it.
    pub title: String,
    /// The file it was read from.
    pub file: String,
    /// How it ended.
    pub status: Status,
    /// The file of the result, relative to the output folder.
    pub output: Option<String>,
    /// The file of its chart, relative to the output folder.
    pub chart: Option<String>,
    /// Whether `output` is still that of an earlier run, as this one has brought
    /// forth no other.
    pub stale: bool,
    /// Rows of the result.
    pub rows: Option<u64>,
    /// Columns of the result.
    pub columns: Vec<ColumnRecord>,
    /// How long the last attempt took; of a reused result, the time it took then.
    pub seconds: f64,
    /// Whether the rows were not computed, but kept from an earlier time: by the
    /// same program, of the same data and parameters.
    #[serde(default)]
    pub from_cache: bool,
    /// Bytes read from data files.
    pub bytes_read: Option<u64>,
    /// Bytes of memory that its operators held at most at one time, as the
    /// engine counts them: what sorts, joins and groups keep, not what a scan or
    /// the output holds for a moment.
    pub peak_memory: Option<u64>,
    /// How often it was tried in this run; 0 if it was not.
    pub attempts: u32,
    /// The value of each parameter as it was bound; a list if it was swept.
    pub params: BTreeMap<String, serde_json::Value>,
    /// The SHA-256 of the query's file.
    pub sql_sha256: Option<String>,
    /// The SHA-256 of the output file.
    pub result_sha256: Option<String>,
    /// The version of each table that it read.
    pub tables: BTreeMap<String, i64>,
    /// What tells the data files of these tables from those of another database
    /// whose versions have the same numbers.
    pub files_sha256: Option<String>,
    /// Whether the same file, parameters and table versions are bound to give
    /// the same result, so that it can be used again.
    pub repeatable: bool,
    /// What there was to say of the files that it read.
    #[serde(default)]
    pub notices: Vec<String>,
    /// How its expectations came out.
    pub expectations: Vec<Verdict>,
    /// What changed since the run it was compared with.
    pub changes: Option<Vec<String>>,
    /// Why it failed.
    pub error: Option<ErrorRecord>,
    /// The run that chose it, if this one did not: it was not done well then, nor
    /// since, unless `--rerun-failed` made up for it. `null` if this run chose it.
    #[serde(default)]
    pub earlier: Option<EarlierRun>,
}

/// What an earlier run was given: what is made up for of it is asked as it asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierRun {
    /// When it began, in UTC.
    pub started_at: String,
    /// The parameters as they were given, in order.
    pub given: Vec<(String, String)>,
    /// The output format that was asked for.
    pub format: Option<String>,
    /// The kind of pictures that charts were written as.
    pub charts: Option<String>,
}

/// How a query ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It ran, and all it promises holds.
    Ok,
    /// Its last result was used again, as nothing has changed.
    Reused,
    /// It can be planned; it was not to be run.
    Planned,
    /// It ran, and an expectation does not hold.
    Unexpected,
    /// It failed.
    Failed,
    /// It was not run, because of a failure before it. What is told of its
    /// result is what an earlier run knew.
    Skipped,
    /// It has not ended. It will, if the run goes on; of a run that was killed
    /// it never did, and what is told of its result is what an earlier run knew.
    Pending,
}

/// One column of a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnRecord {
    /// The name.
    pub name: String,
    /// The type, as SQL names it.
    #[serde(rename = "type")]
    pub kind: String,
}

/// How one expectation came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What was promised, in words.
    pub expected: String,
    /// The line of the query's file that promises it.
    pub line: Option<u64>,
    /// Whether it is promised of this database, and was looked at.
    #[serde(default = "always")]
    pub applies: bool,
    /// What was found instead; `null` if the promise holds.
    pub failure: Option<String>,
    /// How many rows break it: all of the result, if it is about the result as a
    /// whole. `null` if it holds, or cannot be checked.
    #[serde(default)]
    pub rows: Option<u64>,
    /// The file of the first 1000 of these rows, relative to the output folder.
    #[serde(default)]
    pub output: Option<String>,
}

impl Verdict {
    /// Where the rows lie that break it, if they were written.
    pub(super) fn place_of_rows(&self) -> Option<String> {
        let (rows, file) = (self.rows?, self.output.as_deref()?);
        Some(match rows {
            1 => format!("the row is in {file}"),
            rows if rows <= MOST as u64 => format!("the {} rows are in {file}", group_digits(rows)),
            rows => format!("the first {MOST} of {} rows are in {file}", group_digits(rows)),
        })
    }
}

/// Before there were conditions, each promise was looked at.
fn always() -> bool {
    true
}

/// An error, for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorRecord {
    /// The word for its kind, such as `query` or `timeout`.
    pub code: String,
    /// What failed.
    pub message: String,
    /// The file it lies in.
    pub file: Option<String>,
    /// The line in the file.
    pub line: Option<u64>,
    /// The column in the line.
    pub column: Option<u64>,
    /// What to try.
    pub hint: Option<String>,
}

impl RunRecord {
    /// A record of a run that begins now, with nothing in it.
    pub(super) fn begin(now: chrono::DateTime<chrono::Utc>, timezone: &str) -> Self {
        Self {
            schema: SCHEMA,
            weiku: env!("CARGO_PKG_VERSION").to_owned(),
            database: None,
            started_at: stamp(now),
            finished_at: None,
            seconds: 0.0,
            timezone: timezone.to_owned(),
            given: Vec::new(),
            format: None,
            charts: None,
            tables: BTreeMap::new(),
            dictionaries: None,
            peak_memory: None,
            queries: Vec::new(),
        }
    }

    /// Reads the record of the run that wrote `folder`; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read or is none of ours.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(RUN_FILE);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(Error::io("read", &path, &error)),
        };
        let faulty = |message: String| {
            Error::usage(message).in_file(path.display().to_string()).hint("run without it once")
        };
        let record: Self = serde_json::from_slice(&bytes)
            .map_err(|error| faulty(format!("it is no record of a run: {error}")))?;
        if record.schema > SCHEMA {
            return Err(faulty(format!("it is of a newer weiku, {}", record.weiku)));
        }
        Ok(Some(record))
    }

    /// Writes the record into `folder`, replacing the one that is there.
    ///
    /// # Errors
    /// When it cannot be written; the old one then stays.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let file = OutputFile::create(&folder.join(RUN_FILE))?;
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::internal(format!("cannot write {RUN_FILE}: {error}")))?;
        text.push('\n');
        file.writer()?.write_all(text.as_bytes()).map_err(|error| write_error(&error))?;
        file.finish()
    }

    /// The record of the query called `name`.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&QueryRecord> {
        self.queries.iter().find(|query| query.name == name)
    }
}

impl EarlierRun {
    /// What `run` was given.
    pub(super) fn of(run: &RunRecord) -> Self {
        Self {
            started_at: run.started_at.clone(),
            given: run.given.clone(),
            format: run.format.clone(),
            charts: run.charts.clone(),
        }
    }

    /// A clock that stands where the run began, in the zone called `zone`.
    pub(super) fn clock(&self, zone: &str) -> Result<Clock> {
        let began = chrono::DateTime::parse_from_rfc3339(&self.started_at);
        let began = began.map_err(|_| {
            let what = format!("{RUN_FILE} does not say when its run began");
            Error::usage(what).hint("run without it once")
        })?;
        Clock::new(began.to_utc(), zone)
    }
}

impl QueryRecord {
    /// The record of a query of which nothing is known yet.
    pub(super) fn new(name: &str, title: &str, file: &str) -> Self {
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            file: file.to_owned(),
            status: Status::Skipped,
            output: None,
            chart: None,
            stale: false,
            rows: None,
            columns: Vec::new(),
            seconds: 0.0,
            from_cache: false,
            bytes_read: None,
            peak_memory: None,
            attempts: 0,
            params: BTreeMap::new(),
            sql_sha256: None,
            result_sha256: None,
            tables: BTreeMap::new(),
            files_sha256: None,
            repeatable: false,
            notices: Vec::new(),
            expectations: Vec::new(),
            changes: None,
            error: None,
            earlier: None,
        }
    }

    /// The record as a run after `run` keeps it that does not choose the query.
    /// What it knows of its result is not used again: that holds for the program
    /// and the database of its own run.
    pub(super) fn kept_of(&self, run: &RunRecord) -> Self {
        let earlier = self.earlier.clone().unwrap_or_else(|| EarlierRun::of(run));
        Self { attempts: 0, repeatable: false, earlier: Some(earlier), ..self.clone() }
    }
}

impl Status {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Reused => "reused",
            Self::Planned => "planned",
            Self::Unexpected => "unexpected",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Pending => "pending",
        }
    }

    /// Whether the result is as it should be.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(self, Self::Ok | Self::Reused | Self::Planned)
    }
}

impl From<&Error> for ErrorRecord {
    fn from(error: &Error) -> Self {
        let place = error.place();
        Self {
            code: error.kind().code().to_owned(),
            message: error.message().to_owned(),
            file: place.file.clone(),
            line: place.line,
            column: place.column,
            hint: error.advice().map(str::to_owned),
        }
    }
}

/// An instant as the record has it.
pub(super) fn stamp(instant: chrono::DateTime<chrono::Utc>) -> String {
    instant.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// The most memory the process held so far, where the system tells.
pub(super) fn peak_memory() -> Option<u64> {
    own_memory("VmHWM:").and_then(|bytes| u64::try_from(bytes).ok())
}
