//! Reports: the results of saved queries as something to hand over.
//!
//! A [`Report`] is gathered once and then written as one HTML file that asks the
//! network for nothing, as Markdown, or to a terminal.

mod cells;
mod facts;
mod html;
mod markdown;
mod page;
mod parts;
mod terminal;

use std::collections::BTreeMap;
use std::path::Path;

use crate::Database;
use crate::batch::{self, Output, QueryRecord, QueryResult, RunPlan, Summary};
use crate::chart::{Chart, Spec};
use crate::error::{Error, Result};
use crate::queries::{Clock, Library, SavedQuery};
use crate::render::OutputFile;
use parts::{Part, folder_of, paragraphs_of, read_about};

pub use facts::Facts;
pub use terminal::Terminal;

/// Most rows of a table in a report; the page says what it leaves out.
pub const MAX_ROWS: usize = 1000;

/// Most columns of a single row that are shown side by side.
const MOST_ACROSS: usize = 5;

/// A report, ready to be written.
#[derive(Debug)]
pub struct Report {
    /// What stands above all.
    title: String,
    /// The opening paragraphs.
    opening: Vec<String>,
    /// What the data is.
    facts: Facts,
    /// The sections, one per query, by the folders that they come from.
    parts: Vec<Part>,
    /// How the run went.
    summary: Summary,
}

/// One query of a report.
#[derive(Debug)]
struct Section {
    /// The saved query, if its file could be read.
    query: Option<SavedQuery>,
    /// How it ran.
    record: QueryRecord,
    /// Its result, if it has one.
    result: Option<QueryResult>,
    /// Its chart, or why it could not be drawn.
    chart: Option<Result<Chart>>,
    /// Why it failed.
    error: Option<Error>,
}

/// What stands before the sections.
#[derive(Debug, Clone, Default)]
pub struct Cover {
    /// The title; else the first heading of `about`, else that of the only
    /// query, else the name of the database.
    pub title: Option<String>,
    /// A text in Markdown, such as [`Library::about`] gives: its first heading
    /// is the title, and its paragraphs up to the next heading are the opening.
    ///
    /// [`Library::about`]: crate::queries::Library::about
    pub about: Option<String>,
    /// Such a text for each folder of queries that has one, by its path: the
    /// headings of the parts of a report of several folders.
    pub folders: BTreeMap<String, String>,
}

/// The run that a report of `queries` is made of, and what stands before its
/// sections: what is written about the folders in their `README.md`.
///
/// # Errors
/// As for [`RunPlan::new`].
pub fn plan(
    library: &Library,
    queries: &[String],
    options: batch::Options,
    clock: &Clock,
) -> Result<(RunPlan, Cover)> {
    let about = match queries {
        [folder] => library.about(folder)?,
        _ => None,
    };
    let options = batch::Options { keep: true, keep_going: true, ..options };
    let plan = RunPlan::new(library, queries, options, clock)?;
    let mut folders = BTreeMap::new();
    for entry in plan.entries() {
        let file = entry.origin.to_string();
        let folder = folder_of(&file);
        // What stands above all is not told again.
        if !folders.contains_key(folder)
            && let Some(text) = entry.read_beside("README.md")?
            && Some(&text) != about.as_ref()
        {
            folders.insert(folder.to_owned(), text);
        }
    }
    Ok((plan, Cover { title: None, about, folders }))
}

/// Runs `plan`, whose options have `keep` set, and gathers a report.
///
/// # Errors
/// As for [`batch::run`]; queries that fail have a section that says why.
pub async fn gather(
    database: &Database,
    plan: &RunPlan,
    cover: &Cover,
    out: &mut dyn Output,
) -> Result<Report> {
    let mut summary = batch::run(database, plan, out).await?;
    let facts = Facts::gather(database, plan, &summary.record).await?;
    let records = summary.record.queries.clone();
    let sections: Vec<Section> = records
        .into_iter()
        .map(|record| {
            let query = plan.queries().find(|query| query.name == record.name);
            Section::new(query, record, &mut summary)
        })
        .collect();
    let (heading, opening) = cover.about.as_deref().map(read_about).unwrap_or_default();
    let first = sections.first().map(|section| section.record.title.clone());
    let first = first.filter(|_| sections.len() == 1);
    let title = cover.title.clone().or(heading).or(first);
    let title = title.unwrap_or_else(|| of_database(database));
    Ok(Report { title, opening, facts, parts: parts::of(sections, &cover.folders), summary })
}

/// The title of a report that has no other.
fn of_database(database: &Database) -> String {
    let name = database.store().map(|store| store.name()).unwrap_or_default();
    match Path::new(&name).file_name() {
        Some(name) => format!("Report on {}", name.to_string_lossy()),
        None => "Report".to_owned(),
    }
}

impl Report {
    /// How the run went, with its exit code.
    #[must_use]
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Writes the report to its destination; the file appears when it is whole.
    ///
    /// # Errors
    /// When a result cannot be shown, or the file cannot be written.
    pub fn write(&self, to: Destination) -> Result<()> {
        let text = match to.kind {
            Kind::Html => self.html()?,
            Kind::Markdown => self.markdown()?,
        };
        to.file.fill(text.as_bytes())
    }
}

/// The file of a report, opened before the work begins, so that a name that
/// cannot be written is told at once.
#[derive(Debug)]
pub struct Destination {
    kind: Kind,
    file: OutputFile,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Html,
    Markdown,
}

impl Destination {
    /// Starts the file `path`, whose suffix chooses HTML or Markdown.
    ///
    /// # Errors
    /// When the suffix is another, or the file cannot be written.
    pub fn open(path: &Path) -> Result<Self> {
        let kind = match path.extension().and_then(|suffix| suffix.to_str()) {
            Some("html" | "htm") => Kind::Html,
            Some("md") => Kind::Markdown,
            _ => {
                let message = format!("no kind of report for the name {}", path.display());
                return Err(Error::usage(message).hint("end it with .html or .md"));
            }
        };
        Ok(Self { kind, file: OutputFile::create(path)? })
    }
}

impl Section {
    /// The section of `query`, which went as `record` says.
    fn new(query: Option<&SavedQuery>, record: QueryRecord, summary: &mut Summary) -> Self {
        let result = summary.results.remove(&record.name);
        let error = summary.errors.iter().find(|(name, _)| *name == record.name);
        let settings = query.and_then(|query| query.chart.as_ref());
        let drawn = settings.zip(result.as_ref()).map(|(settings, result)| {
            let spec = Spec::parse(&settings.settings)?;
            Chart::new(&spec, &result.schema, &result.batches)
        });
        // A picture of nothing says less than the table, or the words for none.
        let chart = drawn.filter(|chart| !chart.as_ref().is_ok_and(Chart::is_blank));
        let error = error.map(|(_, error)| error.clone());
        Self { query: query.cloned(), record, result, chart, error }
    }

    /// The paragraphs that say what the query answers.
    fn description(&self) -> Vec<String> {
        let text = self.query.as_ref().and_then(|query| query.description.as_deref());
        text.map(paragraphs_of).unwrap_or_default()
    }

    /// What stands in place of a table without rows.
    fn emptiness(&self) -> Option<&'static str> {
        (self.record.rows == Some(0)).then_some("The result has no rows.")
    }

    /// The rows that are shown.
    fn shown_rows(&self) -> usize {
        self.record.rows.map_or(0, |rows| usize::try_from(rows).unwrap_or(MAX_ROWS)).min(MAX_ROWS)
    }

    /// Whether the result is a single row that is better read downwards.
    fn is_one_long_row(&self) -> bool {
        let columns = self.result.as_ref().map_or(0, |result| result.schema.fields().len());
        self.record.rows == Some(1) && columns > MOST_ACROSS
    }

    /// Each parameter and its value.
    fn params(&self) -> Vec<(&str, String)> {
        let value = |name: &str| match self.record.params.get(name) {
            None | Some(serde_json::Value::Null) => "not set".to_owned(),
            Some(serde_json::Value::Array(values)) if values.len() > 8 => {
                let ends = values.first().zip(values.last());
                ends.map(|(first, last)| format!("{} .. {}", plain(first), plain(last)))
                    .unwrap_or_default()
            }
            Some(serde_json::Value::Array(values)) => {
                values.iter().map(plain).collect::<Vec<_>>().join(", ")
            }
            Some(value) => plain(value),
        };
        let params = self.query.iter().flat_map(|query| &query.params);
        params.map(|param| (param.name.as_str(), value(&param.name))).collect()
    }

    /// What a reader needs to repeat and cite the result.
    fn facts(&self) -> String {
        let record = &self.record;
        let mut facts = vec![record.name.clone()];
        if let Some(rows) = record.rows {
            facts.push(format!(
                "{} {}",
                cells::grouped(rows),
                if rows == 1 { "row" } else { "rows" }
            ));
        }
        if record.rows.is_some() {
            facts.push(format!("{:.2} s", record.seconds));
        }
        if let Some(bytes) = record.bytes_read.filter(|bytes| *bytes > 0) {
            facts.push(format!("{} read", size(bytes)));
        }
        if !record.tables.is_empty() {
            let tables: Vec<String> = record
                .tables
                .iter()
                .map(|(table, version)| format!("{table} version {version}"))
                .collect();
            facts.push(tables.join(", "));
        }
        if let Some(hash) = &record.sql_sha256 {
            facts.push(format!("SQL {}", hash.get(..12).unwrap_or(hash)));
        }
        facts.join(" · ")
    }
}

/// A JSON value without quotes.
fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A number of bytes for people.
fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let bytes = bytes as f64;
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut unit = 0;
    let mut number = bytes;
    while number >= 1000.0 && unit + 1 < units.len() {
        number /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{number} B") } else { format!("{number:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_people() {
        assert_eq!(size(999), "999 B");
        assert_eq!(size(12_345_678), "12.3 MB");
    }
}
