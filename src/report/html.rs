//! The report as one HTML file.
//!
//! It asks the network for nothing: styles and script are part of it, and its
//! Content-Security-Policy allows those two, by their hashes, and nothing else.
//! Every text that is not ours goes through one function that escapes it.

use std::fmt::Write;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::arrow::record_batch::RecordBatch;

use super::cells::{self, Cell, Look};
use super::page::{Page, hash, packed};
use super::parts::Part;
use super::{MAX_ROWS, Report, Section};
use crate::batch::{QueryResult, Status};
use crate::chart;
use crate::error::Result;
use crate::render::is_number;
use crate::render::value::{self, Column};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Columns of numbers up to this one are aligned by a rule of the style sheet
/// rather than by a mark on every cell, which halves the size of a long table.
const STYLED_COLUMNS: usize = 40;

/// Most bytes of a page in which all rows lie open, to be read without its
/// script too. A browser lays them out before the script turns them to pages.
const MOST_UNPACKED: usize = 500_000;

/// How many rows of each table lie open in a larger page: those that its script
/// shows first, so that a browser lays out little before and nothing moves after.
const OPEN_ROWS: usize = 25;

impl Report {
    /// The report as an HTML page, in which long tables are packed if it would
    /// be too large to send otherwise.
    ///
    /// # Errors
    /// When a result has values that cannot be shown.
    pub fn html(&self) -> Result<String> {
        let page = self.page(usize::MAX)?;
        if page.len() <= MOST_UNPACKED { Ok(page) } else { self.page(OPEN_ROWS) }
    }

    /// The page, in which rows of a table behind the first `open` are packed.
    fn page(&self, open: usize) -> Result<String> {
        let mut page = Page::default();
        self.head(&mut page);
        self.cover(&mut page);
        let alone = self.parts.iter().map(|part| part.sections.len()).sum::<usize>() == 1;
        if !alone {
            self.contents(&mut page);
        }
        page.raw("<main>\n");
        for part in &self.parts {
            part.write_heading(&mut page);
            let level = if part.title.is_some() { 3 } else { 2 };
            for (number, section) in (part.first..).zip(&part.sections) {
                let place = Place { number, level, alone, open };
                section.write(&mut page, &place)?;
            }
        }
        page.raw("</main>\n<footer>Made by weiku ");
        page.text(env!("CARGO_PKG_VERSION"));
        page.raw(" on <time>");
        page.text(&self.facts.made_at);
        page.raw("</time>. This file holds all it shows and asks the network for nothing.</footer>\n<script>");
        page.raw(SCRIPT);
        page.raw("</script>\n</body>\n</html>\n");
        Ok(page.0)
    }

    fn head(&self, page: &mut Page) {
        let style = format!("{STYLE}{}{}", chart::STYLE, column_rules());
        page.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        let _ = writeln!(
            page.0,
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'\">",
            hash(&style),
            hash(SCRIPT)
        );
        page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        page.raw("<meta name=\"referrer\" content=\"no-referrer\">\n<title>");
        page.text(&self.title);
        page.raw("</title>\n<style>");
        page.raw(&style);
        page.raw("</style>\n</head>\n<body>\n");
    }

    fn cover(&self, page: &mut Page) {
        page.raw("<header class=\"cover\">\n<h1>");
        page.text(&self.title);
        page.raw("</h1>\n");
        for paragraph in &self.opening {
            page.paragraph(paragraph);
        }
        page.raw("<dl class=\"source\">\n");
        for (name, text) in &self.facts.items {
            page.raw("<div><dt>");
            page.text(name);
            page.raw("</dt><dd>");
            page.text(text);
            page.raw("</dd></div>\n");
        }
        page.raw("<div><dt>Report made</dt><dd><time>");
        page.text(&self.facts.made_at);
        page.raw("</time></dd></div>\n</dl>\n</header>\n");
    }

    fn contents(&self, page: &mut Page) {
        page.raw("<nav aria-labelledby=\"contents\">\n<h2 id=\"contents\">Contents</h2>\n");
        for part in &self.parts {
            if let Some(title) = &part.title {
                let _ = write!(page.0, "<h3><a href=\"#p{}\">", part.first);
                page.text(title);
                page.raw("</a></h3>\n");
            }
            let _ = writeln!(page.0, "<ol start=\"{}\">", part.first);
            for (number, section) in (part.first..).zip(&part.sections) {
                section.write_entry(page, number);
            }
            page.raw("</ol>\n");
        }
        page.raw("</nav>\n");
    }
}

impl Part {
    fn write_heading(&self, page: &mut Page) {
        let Some(title) = &self.title else { return };
        let _ = write!(page.0, "<header class=\"part\">\n<h2 id=\"p{}\">", self.first);
        page.text(title);
        page.raw("</h2>\n");
        for paragraph in &self.opening {
            page.paragraph(paragraph);
        }
        page.raw("</header>\n");
    }
}

/// Where in the page a section stands.
struct Place {
    /// Its number.
    number: usize,
    /// The level of its heading.
    level: usize,
    /// Whether it is the only section.
    alone: bool,
    /// How many rows of its table are not packed.
    open: usize,
}

impl Section {
    /// Its line in the contents.
    fn write_entry(&self, page: &mut Page, number: usize) {
        let _ = write!(page.0, "<li><a href=\"#s{number}\">");
        page.text(&self.record.title);
        page.raw("</a>");
        match self.record.status {
            Status::Failed | Status::Skipped => page.raw(" <span class=\"bad\">failed</span>"),
            Status::Unexpected => page.raw(" <span class=\"bad\">not as expected</span>"),
            Status::Ok | Status::Reused | Status::Planned | Status::Pending => {}
        }
        page.raw("</li>\n");
    }

    fn write(&self, page: &mut Page, place: &Place) -> Result<()> {
        let Place { number, level, .. } = place;
        let _ = write!(
            page.0,
            "<section aria-labelledby=\"s{number}\">\n<h{level} class=\"title\" id=\"s{number}\">"
        );
        if !place.alone {
            let _ = write!(page.0, "<span class=\"no\">{number}</span> ");
        }
        page.text(&self.record.title);
        let _ = writeln!(page.0, "</h{level}>");
        for paragraph in self.description() {
            page.paragraph(&paragraph);
        }
        if let Some(error) = &self.record.error {
            page.raw("<p class=\"error\" role=\"alert\">");
            let error =
                self.error.as_ref().map_or_else(|| error.message.clone(), ToString::to_string);
            page.text(&error);
            page.raw("</p>\n");
        }
        self.write_params(page);
        self.write_chart(page);
        match (&self.result, self.emptiness()) {
            (Some(_), Some(nothing)) => {
                page.raw("<p class=\"dim\">");
                page.text(nothing);
                page.raw("</p>\n");
            }
            (Some(result), None) if self.is_one_long_row() => self.write_row(page, result)?,
            (Some(result), None) => self.write_table(page, result, place)?,
            (None, _) => {}
        }
        for notice in &self.record.notices {
            page.raw("<p class=\"dim\">");
            page.text(notice);
            page.raw("</p>\n");
        }
        self.write_verdicts(page)?;
        if let Some(query) = &self.query {
            page.raw("<details><summary>SQL</summary><pre tabindex=\"0\"><code>");
            page.text(query.sql());
            page.raw("</code></pre></details>\n");
        }
        page.raw("<p class=\"facts\">");
        page.text(&self.facts());
        page.raw("</p>\n</section>\n");
        Ok(())
    }

    fn write_params(&self, page: &mut Page) {
        let params = self.params();
        if params.is_empty() {
            return;
        }
        page.raw("<dl class=\"params\" aria-label=\"Parameters\">\n");
        for (name, value) in params {
            page.raw("<div><dt>");
            page.text(name);
            page.raw("</dt><dd><bdi>");
            page.text(&value);
            page.raw("</bdi></dd></div>\n");
        }
        page.raw("</dl>\n");
    }

    fn write_chart(&self, page: &mut Page) {
        match &self.chart {
            None => {}
            Some(Ok(chart)) => {
                // The chart escapes its own labels, by the same function. The
                // style sheet shows the one that suits the screen.
                let narrow = chart.to_narrow_svg_element();
                page.raw(if narrow.is_some() { "<figure class=\"two\">\n" } else { "<figure>\n" });
                page.raw(&chart.to_svg_element());
                page.raw(narrow.as_deref().unwrap_or_default());
                page.raw("</figure>\n");
            }
            Some(Err(error)) => {
                page.raw("<p class=\"dim\">No chart: ");
                page.text(&error.to_string());
                page.raw(".</p>\n");
            }
        }
    }

    /// A single row, downwards: a name and a value in each line.
    fn write_row(&self, page: &mut Page, result: &QueryResult) -> Result<()> {
        page.raw("<div class=\"scroll\">\n<table class=\"row\">\n<caption class=\"sr\">");
        page.text(&self.record.title);
        page.raw("</caption>\n<tbody>\n");
        for batch in shown(&result.batches, 1)?.iter().filter(|batch| batch.rows > 0) {
            for (field, column) in result.schema.fields().iter().zip(&batch.columns) {
                let value = column.get(0);
                let look = Look::of([column.get(0)]);
                page.raw("<tr><th scope=\"row\">");
                page.text(field.name());
                page.raw("</th>");
                page.cell(cells::cell(&value, look));
                page.raw("</td></tr>\n");
            }
        }
        page.raw("</tbody>\n</table>\n</div>\n");
        Ok(())
    }

    fn write_table(&self, page: &mut Page, result: &QueryResult, place: &Place) -> Result<()> {
        let schema = &result.schema;
        let _ = write!(
            page.0,
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"s{}\">\n<table class=\"{}\" data-file=\"",
            place.number,
            column_classes(schema)
        );
        page.text(&self.record.name.replace('/', "-"));
        page.raw(".csv\">\n<caption class=\"sr\">");
        page.text(&self.record.title);
        page.raw("</caption>\n");
        write_heads(page, schema);
        let batches = shown(&result.batches, MAX_ROWS)?;
        let looks = looks(&batches, schema);
        let mut rows = rows(&batches, &looks);
        rows.by_ref().take(place.open).for_each(|cells| page.row(cells));
        page.raw("</tbody>\n</table>\n</div>\n");
        self.write_packed(page, rows, place);
        if let Some(rows) = self.record.rows.filter(|rows| *rows > MAX_ROWS as u64) {
            page.raw("<p class=\"dim\">");
            page.text(&format!(
                "The first {} of {} rows are shown.",
                cells::grouped(self.shown_rows() as u64),
                cells::grouped(rows)
            ));
            page.raw("</p>\n");
        }
        Ok(())
    }

    /// The rows that are left, in a form that the page's script unfolds.
    fn write_packed(
        &self,
        page: &mut Page,
        rows: impl Iterator<Item = Vec<Option<Cell>>>,
        place: &Place,
    ) {
        let mut rest = Page::default();
        rows.for_each(|cells| rest.row(cells));
        if rest.0.is_empty() {
            return;
        }
        page.raw("<p class=\"dim packed\">");
        page.text(&format!(
            "The first {} of {} rows; the others show where scripts are allowed.",
            cells::grouped(place.open as u64),
            cells::grouped(self.shown_rows() as u64)
        ));
        page.raw("<script type=\"text/plain\">");
        page.raw(&packed(&rest.0));
        page.raw("</script></p>\n");
    }

    /// What does not hold, for all to see, and what does, or is not promised of
    /// this database, folded away.
    fn write_verdicts(&self, page: &mut Page) -> Result<()> {
        let (expected, others): (Vec<_>, Vec<_>) =
            self.record.expectations.iter().enumerate().partition(|(_, verdict)| verdict.applies);
        let (kept, broken): (Vec<_>, Vec<_>) =
            expected.into_iter().partition(|(_, verdict)| verdict.failure.is_none());
        if !broken.is_empty() {
            page.raw("<ul class=\"verdicts\">\n");
            for (at, verdict) in broken {
                page.raw("<li><span class=\"bad\">✗ not as expected:</span> ");
                page.text(&verdict.expected);
                page.raw("; ");
                page.text(verdict.failure.as_deref().unwrap_or_default());
                self.write_offenders(page, at, verdict.rows.unwrap_or_default())?;
                page.raw("</li>\n");
            }
            page.raw("</ul>\n");
        }
        for (mark, verdicts, fate) in [
            ("<span class=\"good\">✓</span> ", kept, "met"),
            ("", others, "of other databases, not looked at"),
        ] {
            if verdicts.is_empty() {
                continue;
            }
            let count = verdicts.len();
            let s = if count == 1 { "" } else { "s" };
            let _ = writeln!(
                page.0,
                "<details><summary>{mark}{count} expectation{s} {fate}</summary>\n<ul>"
            );
            for (_, verdict) in verdicts {
                page.raw("<li>");
                page.text(&verdict.expected);
                page.raw("</li>\n");
            }
            page.raw("</ul></details>\n");
        }
        Ok(())
    }

    /// The first of the `count` rows that break the expectation at `at`, folded
    /// away, unless these are all that the table above shows.
    fn write_offenders(&self, page: &mut Page, at: usize, count: u64) -> Result<()> {
        if self.record.rows == Some(count) {
            return Ok(());
        }
        let batches = self.result.as_ref().and_then(|result| result.offenders.get(&at));
        let Some((first, batches)) = batches.and_then(|all| Some((all.first()?, all))) else {
            return Ok(());
        };
        let schema = first.schema();
        let words = match count {
            1 => "The row".to_owned(),
            count if count <= OPEN_ROWS as u64 => format!("The {count} rows"),
            count => format!("The first {OPEN_ROWS} of {} rows", cells::grouped(count)),
        };
        let _ = write!(
            page.0,
            "<details><summary>{words}</summary>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{words}\">\n<table class=\"{}\">\n",
            column_classes(&schema)
        );
        write_heads(page, &schema);
        let batches = shown(batches, OPEN_ROWS)?;
        let looks = looks(&batches, &schema);
        rows(&batches, &looks).for_each(|cells| page.row(cells));
        page.raw("</tbody>\n</table>\n</div></details>");
        Ok(())
    }
}

/// The heads of a table, up to where its rows begin.
fn write_heads(page: &mut Page, schema: &Schema) {
    page.raw("<thead><tr>");
    for field in schema.fields() {
        page.raw(if is_number(field.data_type()) {
            "<th scope=\"col\" data-n>"
        } else {
            "<th scope=\"col\">"
        });
        page.name(field.name());
        page.raw("</th>");
    }
    page.raw("</tr></thead>\n<tbody>\n");
}

/// The rows of a batch that are shown.
struct Shown {
    rows: usize,
    columns: Vec<Column>,
}

/// The first `most` rows.
fn shown(batches: &[RecordBatch], most: usize) -> Result<Vec<Shown>> {
    let mut left = most;
    let mut shown = Vec::new();
    for batch in batches {
        let rows = batch.num_rows().min(left);
        left -= rows;
        shown.push(Shown { rows, columns: value::columns(batch)? });
    }
    Ok(shown)
}

/// The cells of each row.
fn rows<'a>(
    batches: &'a [Shown],
    looks: &'a [Look],
) -> impl Iterator<Item = Vec<Option<Cell>>> + 'a {
    let rows = batches.iter().flat_map(|batch| (0..batch.rows).map(move |row| (batch, row)));
    rows.map(move |(batch, row)| {
        let cells = batch.columns.iter().zip(looks);
        cells.map(|(column, look)| cells::cell(&column.get(row), *look)).collect()
    })
}

/// How the values of each column are shown.
fn looks(batches: &[Shown], schema: &Schema) -> Vec<Look> {
    (0..schema.fields().len()).map(|at| look(batches, at)).collect()
}

/// How the values of the column at `at` are shown.
fn look(batches: &[Shown], at: usize) -> Look {
    let cells = batches.iter().flat_map(|batch| {
        let column = &batch.columns[at];
        (0..batch.rows).map(|row| column.get(row))
    });
    Look::of(cells)
}

/// Classes that say which columns hold numbers (`n`), and which other short
/// values such as dates (`k`).
fn column_classes(schema: &Schema) -> String {
    let class = |(at, field): (usize, &Arc<Field>)| match field.data_type() {
        data_type if is_number(data_type) => Some(format!("n{}", at + 1)),
        data_type if data_type.is_temporal() => Some(format!("k{}", at + 1)),
        _ => None,
    };
    schema.fields().iter().enumerate().filter_map(class).collect::<Vec<_>>().join(" ")
}

/// The rules for the classes of [`column_classes`].
fn column_rules() -> String {
    let selectors = |class: &str| {
        let one = |at| format!(".{class}{at} :is(td,th):nth-child({at})");
        (1..=STYLED_COLUMNS).map(one).collect::<Vec<_>>().join(",")
    };
    format!(
        "{}{{text-align:right;direction:ltr;unicode-bidi:isolate}}\n{},{}{{white-space:nowrap;font-variant-numeric:tabular-nums}}\n",
        selectors("n"),
        selectors("n"),
        selectors("k")
    )
}
