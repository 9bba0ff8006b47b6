//! The report as Markdown, for wikis, mails and version control.

use std::fmt::Write;

use super::{MAX_ROWS, Report, Section, cells};
use crate::batch::QueryResult;
use crate::batch::sink::to_bytes;
use crate::chart::Screen;
use crate::error::Result;
use crate::render::{self, visible};

impl Report {
    /// The report as Markdown; charts are drawn with characters.
    ///
    /// # Errors
    /// When a result has values that cannot be shown.
    pub fn markdown(&self) -> Result<String> {
        let mut text = format!("# {}\n\n", escaped(&self.title));
        for paragraph in &self.opening {
            push_block(&mut text, &escaped(paragraph));
        }
        for (name, fact) in &self.facts.items {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "- {}: {}", escaped(name), escaped(fact));
        }
        let _ = writeln!(text, "- Report made: {}\n", escaped(&self.facts.made_at));
        for part in &self.parts {
            let mut level = "##";
            if let Some(title) = &part.title {
                push_block(&mut text, &format!("{level} {}", escaped(title)));
                level = "###";
            }
            for paragraph in &part.opening {
                push_block(&mut text, &escaped(paragraph));
            }
            for section in &part.sections {
                section.markdown(&mut text, level)?;
            }
        }
        Ok(text)
    }
}

impl Section {
    fn markdown(&self, text: &mut String, level: &str) -> Result<()> {
        push_block(text, &format!("{level} {}", escaped(&self.record.title)));
        for paragraph in self.description() {
            push_block(text, &escaped(&paragraph));
        }
        if let Some(error) = &self.record.error {
            push_block(text, &format!("**Failed:** {}", escaped(&error.message)));
        }
        let params = self.params();
        if !params.is_empty() {
            let params: Vec<String> =
                params.iter().map(|(name, value)| format!("{name} = {value}")).collect();
            push_block(text, &format!("Parameters: {}", escaped(&params.join(", "))));
        }
        if let Some(Ok(chart)) = &self.chart {
            push_block(text, &fenced("text", &chart.to_text(&Screen::default())));
        }
        if let Some(nothing) = self.emptiness() {
            push_block(text, nothing);
        } else if let Some(result) = &self.result {
            push_block(text, &table(result)?);
            if let Some(rows) = self.record.rows.filter(|rows| *rows > MAX_ROWS as u64) {
                let shown = cells::grouped(self.shown_rows() as u64);
                push_block(
                    text,
                    &format!("The first {shown} of {} rows are shown.", cells::grouped(rows)),
                );
            }
        }
        for notice in &self.record.notices {
            push_block(text, &format!("*{}*", escaped(notice)));
        }
        for verdict in &self.record.expectations {
            if let Some(failure) = &verdict.failure {
                let line = format!("{}; {failure}", verdict.expected);
                push_block(text, &format!("**Not as expected:** {}", escaped(&line)));
            }
        }
        if let Some(query) = &self.query {
            push_block(text, &fenced("sql", query.sql()));
        }
        push_block(text, &format!("*{}*", escaped(&self.facts())));
        Ok(())
    }
}

/// The rows that a report shows, as a table.
fn table(result: &QueryResult) -> Result<String> {
    let mut left = MAX_ROWS;
    let mut batches = Vec::new();
    for batch in &result.batches {
        let rows = batch.num_rows().min(left);
        batches.push(batch.slice(0, rows));
        left -= rows;
    }
    let options = render::Options::default();
    let bytes = to_bytes(render::format("markdown")?, &result.schema, &batches, &options)?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

fn push_block(text: &mut String, block: &str) {
    text.push_str(block);
    text.push_str("\n\n");
}

/// `code` between fences that it cannot close.
fn fenced(language: &str, code: &str) -> String {
    let mut fence = "```".to_owned();
    while code.contains(&fence) {
        fence.push('`');
    }
    format!("{fence}{language}\n{}\n{fence}", render::visible_lines(code).trim_end())
}

/// `text` that Markdown takes as text.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' => out.extend(['\\', c]),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            _ => out.push(c),
        }
    }
    out
}
