//! The report as one HTML file.
//!
//! It asks the network for nothing: styles and script are part of it, and its
//! Content-Security-Policy allows those two, by their hashes, and nothing else.
//! Every text that is not ours goes through one function that escapes it.

use std::fmt::Write;
use std::sync::Arc;

use ::base64::Engine;
use datafusion::arrow::datatypes::{Field, Schema};
use sha2::{Digest, Sha256};

use super::cells::{self, Cell, Look};
use super::{MAX_ROWS, Report, Section, paragraphs_of};
use crate::batch::{QueryResult, Status};
use crate::chart;
use crate::error::Result;
use crate::render::value::{self, Column};
use crate::render::{is_number, push_escaped};
use crate::text::width::display_width;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Columns of numbers up to this one are aligned by a rule of the style sheet
/// rather than by a mark on every cell, which halves the size of a long table.
const STYLED_COLUMNS: usize = 40;

/// Columns of a terminal up to which a cell stays on one line.
const ONE_LINE: usize = 32;

impl Report {
    /// The report as an HTML page.
    ///
    /// # Errors
    /// When a result has values that cannot be shown.
    pub fn html(&self) -> Result<String> {
        let mut page = Page::default();
        self.head(&mut page);
        self.cover(&mut page);
        if self.sections.len() > 1 {
            self.contents(&mut page);
        }
        page.raw("<main>\n");
        for (index, section) in self.sections.iter().enumerate() {
            section.write(&mut page, index + 1, self.sections.len())?;
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
        page.raw("<nav aria-labelledby=\"contents\">\n<h2 id=\"contents\">Contents</h2>\n<ol>\n");
        for (index, section) in self.sections.iter().enumerate() {
            let _ = write!(page.0, "<li><a href=\"#s{}\">", index + 1);
            page.text(&section.query.title);
            page.raw("</a>");
            match section.record.status {
                Status::Failed | Status::Skipped => page.raw(" <span class=\"bad\">failed</span>"),
                Status::Unexpected => page.raw(" <span class=\"bad\">not as expected</span>"),
                Status::Ok | Status::Reused | Status::Planned | Status::Pending => {}
            }
            page.raw("</li>\n");
        }
        page.raw("</ol>\n</nav>\n");
    }
}

impl Section {
    fn write(&self, page: &mut Page, number: usize, of: usize) -> Result<()> {
        let _ = write!(page.0, "<section aria-labelledby=\"s{number}\">\n<h2 id=\"s{number}\">");
        if of > 1 {
            let _ = write!(page.0, "<span class=\"no\">{number}</span> ");
        }
        page.text(&self.query.title);
        page.raw("</h2>\n");
        for paragraph in self.query.description.iter().flat_map(|text| paragraphs_of(text)) {
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
            (Some(result), None) => self.write_table(page, result, number)?,
            (None, _) => {}
        }
        self.write_verdicts(page);
        page.raw("<details><summary>SQL</summary><pre tabindex=\"0\"><code>");
        page.text(self.query.sql());
        page.raw("</code></pre></details>\n<p class=\"facts\">");
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
        page.text(&self.query.title);
        page.raw("</caption>\n<tbody>\n");
        for batch in shown(result)?.iter().filter(|batch| batch.rows > 0) {
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

    fn write_table(&self, page: &mut Page, result: &QueryResult, number: usize) -> Result<()> {
        let schema = &result.schema;
        let _ = write!(
            page.0,
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"s{number}\">\n<table class=\"{}\" data-file=\"",
            column_classes(schema)
        );
        page.text(&self.query.name.replace('/', "-"));
        page.raw(".csv\">\n<caption class=\"sr\">");
        page.text(&self.query.title);
        page.raw("</caption>\n<thead><tr>");
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
        let batches = shown(result)?;
        let looks: Vec<Look> = (0..schema.fields().len()).map(|at| look(&batches, at)).collect();
        for batch in &batches {
            for row in 0..batch.rows {
                // A line end behind a cell without a closing tag would be part
                // of its text.
                page.raw("<tr>\n");
                for (column, look) in batch.columns.iter().zip(&looks) {
                    page.cell(cells::cell(&column.get(row), *look));
                }
            }
        }
        page.raw("</tbody>\n</table>\n</div>\n");
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

    /// What does not hold, for all to see, and what does, folded away.
    fn write_verdicts(&self, page: &mut Page) {
        let (kept, broken): (Vec<_>, Vec<_>) =
            self.record.expectations.iter().partition(|verdict| verdict.failure.is_none());
        if !broken.is_empty() {
            page.raw("<ul class=\"verdicts\">\n");
            for verdict in broken {
                page.raw("<li><span class=\"bad\">✗ not as expected:</span> ");
                page.text(&verdict.expected);
                page.raw("; ");
                page.text(verdict.failure.as_deref().unwrap_or_default());
                page.raw("</li>\n");
            }
            page.raw("</ul>\n");
        }
        if !kept.is_empty() {
            let s = if kept.len() == 1 { "" } else { "s" };
            let _ = write!(
                page.0,
                "<details><summary><span class=\"good\">✓</span> {} expectation{s} met</summary>\n<ul>\n",
                kept.len()
            );
            for verdict in kept {
                page.raw("<li>");
                page.text(&verdict.expected);
                page.raw("</li>\n");
            }
            page.raw("</ul></details>\n");
        }
    }
}

/// The rows of a batch that are shown.
struct Shown {
    rows: usize,
    columns: Vec<Column>,
}

/// The rows of a result that are shown.
fn shown(result: &QueryResult) -> Result<Vec<Shown>> {
    let mut left = MAX_ROWS;
    let mut batches = Vec::new();
    for batch in &result.batches {
        let rows = batch.num_rows().min(left);
        left -= rows;
        batches.push(Shown { rows, columns: value::columns(batch)? });
    }
    Ok(batches)
}

/// How the values of the column at `at` are shown.
fn look(batches: &[Shown], at: usize) -> Look {
    let cells = batches.iter().flat_map(|batch| {
        let column = &batch.columns[at];
        (0..batch.rows).map(|row| column.get(row))
    });
    Look::of(cells)
}

/// HTML that is being written.
#[derive(Default)]
struct Page(String);

impl Page {
    /// Appends markup of ours.
    fn raw(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    /// Appends a text of anybody's.
    fn text(&mut self, text: &str) {
        push_escaped(&mut self.0, text);
    }

    /// Appends the name of a column, which may be broken behind each `_`.
    fn name(&mut self, name: &str) {
        for (index, part) in name.split_inclusive('_').enumerate() {
            self.raw(if index == 0 { "" } else { "<wbr>" });
            self.text(part);
        }
    }

    fn paragraph(&mut self, text: &str) {
        self.raw("<p>");
        self.text(text);
        self.raw("</p>\n");
    }

    /// Appends a cell. The closing tag is left out, as HTML allows.
    fn cell(&mut self, cell: Option<Cell>) {
        let Some(cell) = cell else { return self.raw("<td class=u>NULL") };
        if let Some(exact) = &cell.exact {
            self.raw("<td data-v=\"");
            self.text(exact);
            self.raw("\">");
        } else if cell.text.contains('\n') || display_width(&cell.text) > ONE_LINE {
            self.raw("<td class=w>");
        } else {
            self.raw("<td>");
        }
        self.text(&cell.text);
    }
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

/// The hash of an inline style or script for the Content-Security-Policy.
fn hash(text: &str) -> String {
    ::base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text.as_bytes()))
}
