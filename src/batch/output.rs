//! What a run tells while it runs.

use std::fmt::Write as _;
use std::io::Write;

use super::Summary;
use super::record::{QueryRecord, Status};
use crate::error::{Error, Result};
use crate::render::{Sink, visible, write_error};

/// Hears of a run as it goes on.
pub trait Output {
    /// The query called `name` begins.
    fn started(&mut self, name: &str);

    /// A query that had begun, or never will, has ended just now.
    fn ended(&mut self, _query: &QueryRecord) {}

    /// A query has ended. Queries are told of in the order in which they were
    /// named, whatever order they end in.
    ///
    /// # Errors
    /// When the news cannot be passed on.
    fn finished(&mut self, query: &QueryRecord, error: Option<&Error>) -> Result<()>;

    /// The run has ended early, and these queries were not run, for the reason
    /// `why`. They are not told of otherwise.
    ///
    /// # Errors
    /// When the news cannot be passed on.
    fn passed_over(&mut self, queries: &[&QueryRecord], why: &str) -> Result<()>;

    /// Where the result of a single query goes that has no folder.
    fn data(&mut self) -> Sink;
}

/// One line per query, for standard error, and the result of a single query to
/// a sink.
pub struct Lines<'a> {
    talk: &'a mut dyn Write,
    data: Option<Sink>,
    /// Whether queries that went well are mentioned.
    mention_good: bool,
}

impl std::fmt::Debug for Lines<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").field("mention_good", &self.mention_good).finish_non_exhaustive()
    }
}

impl<'a> Lines<'a> {
    /// Lines for `talk`; a single query's result goes to `data`.
    pub fn new(talk: &'a mut dyn Write, data: Sink) -> Self {
        Self { talk, data: Some(data), mention_good: true }
    }

    /// The same, silent about queries that went well.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.mention_good = false;
        self
    }

    fn write(&mut self, text: &str) -> Result<()> {
        let written = self.talk.write_all(text.as_bytes()).and_then(|()| self.talk.flush());
        written.map_err(|error| write_error(&error))
    }
}

impl Output for Lines<'_> {
    fn started(&mut self, _name: &str) {}

    fn finished(&mut self, query: &QueryRecord, error: Option<&Error>) -> Result<()> {
        if query.status.is_good() && !self.mention_good && query.changes.is_none() {
            let notices: Vec<String> = notices(query).map(|notice| notice + "\n").collect();
            return self.write(&notices.concat());
        }
        self.write(&lines(query, error))
    }

    fn passed_over(&mut self, queries: &[&QueryRecord], why: &str) -> Result<()> {
        self.write(&passed_over(queries, why))
    }

    fn data(&mut self) -> Sink {
        self.data.take().unwrap_or_else(|| Box::new(std::io::sink()))
    }
}

/// The line of a query, and below it what is wrong and what has changed.
#[must_use]
pub fn lines(query: &QueryRecord, error: Option<&Error>) -> String {
    let mut text = format!("{:<10}  {}", query.status.word(), visible(&query.name));
    // Writing to a String cannot fail.
    let _ = match (query.status, query.rows) {
        (Status::Reused, Some(rows)) => write!(text, "  {}, nothing has changed", counted(rows)),
        (Status::Ok | Status::Unexpected, Some(rows)) => {
            let kept = if query.from_cache { ", from the result cache" } else { "" };
            write!(text, "  {}  {:.2} s{kept}", counted(rows), query.seconds)
        }
        (Status::Skipped, _) => {
            let why = query.error.as_ref().map_or("", |error| error.message.as_str());
            write!(text, "  {}", visible(why))
        }
        _ => Ok(()),
    };
    if query.attempts > 1 {
        let _ = write!(text, "  {} attempts", query.attempts);
    }
    if query.changes.as_ref().is_some_and(Vec::is_empty) {
        text.push_str("  no change");
    }
    text.push('\n');
    if let Some(error) = error {
        indent(&mut text, &error.to_string());
    }
    for verdict in &query.expectations {
        if let Some(failure) = &verdict.failure {
            let line = verdict.line.map(|line| format!(":{line}")).unwrap_or_default();
            let place = format!("{}{line}: ", query.file);
            indent(&mut text, &format!("{place}expected: {}; {failure}", verdict.expected));
        }
        if let Some(place) = verdict.place_of_rows() {
            indent(&mut text, &place);
        }
    }
    for notice in notices(query) {
        indent(&mut text, &notice);
    }
    for change in query.changes.iter().flatten() {
        indent(&mut text, change);
    }
    if query.stale {
        let output = query.output.as_deref().unwrap_or_default();
        indent(&mut text, &format!("{output} is still that of an earlier run"));
    }
    text
}

/// What there is to say of the files that a query read, a line each.
fn notices(query: &QueryRecord) -> impl Iterator<Item = String> {
    query.notices.iter().map(|notice| format!("notice: {}", visible(notice)))
}

/// The line of queries that were not run, for the reason `why`.
pub(super) fn passed_over(queries: &[&QueryRecord], why: &str) -> String {
    let (count, word) = (queries.len(), Status::Skipped.word());
    let noun = if count == 1 { "query" } else { "queries" };
    let mut text = format!("{word:<10}  {count} {noun}, because {}", visible(why));
    let old = queries.iter().filter(|query| query.stale).count();
    // Writing to a String cannot fail.
    let _ = match old {
        0 => Ok(()),
        1 => write!(text, "; 1 result is still that of an earlier run"),
        old => write!(text, "; {old} results are still those of an earlier run"),
    };
    text.push('\n');
    text
}

impl Summary {
    /// The closing line: how many queries ended how, and whether they promise
    /// something of other databases only, so that less was looked at than it says.
    #[must_use]
    pub fn line(&self) -> String {
        let queries: Vec<&QueryRecord> = self.queries().collect();
        let all = [
            Status::Ok,
            Status::Reused,
            Status::Planned,
            Status::Unexpected,
            Status::Failed,
            Status::Skipped,
            Status::Pending,
        ];
        let counts: Vec<String> = all
            .into_iter()
            .map(|status| (status, queries.iter().filter(|query| query.status == status).count()))
            .filter(|(_, count)| *count > 0)
            .map(|(status, count)| format!("{count} {}", status.word()))
            .collect();
        let word = if queries.len() == 1 { "query" } else { "queries" };
        let mut counts = counts.join(", ");
        let verdicts = queries.iter().flat_map(|query| &query.expectations);
        let of_others = verdicts.filter(|verdict| !verdict.applies).count();
        if of_others > 0 {
            let s = if of_others == 1 { "" } else { "s" };
            // Writing to a String cannot fail.
            let _ =
                write!(counts, "; {of_others} expectation{s} of other databases, not looked at");
        }
        format!("{} {word}: {counts}; {:.2} s", queries.len(), self.record.seconds)
    }
}

fn counted(rows: u64) -> String {
    if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") }
}

/// Appends `what` in lines of its own, set in.
fn indent(text: &mut String, what: &str) {
    for line in what.lines() {
        text.push_str("    ");
        text.push_str(line);
        text.push('\n');
    }
}
