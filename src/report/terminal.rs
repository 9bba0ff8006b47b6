//! The report on a terminal: what `weiku demo` shows.

use std::io::Write;

use super::{Report, Section};
use crate::batch::sink::to_bytes;
use crate::chart::Screen;
use crate::error::Result;
use crate::render::{self, visible, visible_lines, wrap, write_error};
use crate::text::width::display_width;

/// How a report is shown on a terminal.
#[derive(Debug, Clone)]
pub struct Terminal {
    /// How tables are shown.
    pub display: render::Options,
    /// How charts are shown.
    pub screen: Screen,
}

/// The widest that running text gets, as longer lines are hard to read.
const TEXT_WIDTH: usize = 88;

impl Report {
    /// Writes title, text, table and chart of every query to `out`.
    ///
    /// # Errors
    /// When `out` cannot be written, or a result has values that cannot be
    /// shown.
    pub fn terminal(&self, out: &mut dyn Write, terminal: &Terminal) -> Result<()> {
        let mut pen = Pen { out, terminal };
        pen.heading(&self.title, '=')?;
        for paragraph in &self.opening {
            pen.paragraph(paragraph)?;
        }
        for part in &self.parts {
            if let Some(title) = &part.title {
                pen.heading(title, '=')?;
            }
            for paragraph in &part.opening {
                pen.paragraph(paragraph)?;
            }
            for section in &part.sections {
                section.terminal(&mut pen)?;
            }
        }
        Ok(())
    }
}

impl Section {
    fn terminal(&self, pen: &mut Pen<'_>) -> Result<()> {
        pen.heading(&self.record.title, '-')?;
        for paragraph in self.description() {
            pen.paragraph(&paragraph)?;
        }
        let params = self.params();
        if !params.is_empty() {
            let params: Vec<String> =
                params.iter().map(|(name, value)| format!("{name} = {value}")).collect();
            pen.paragraph(&params.join(", "))?;
        }
        if let Some(error) = &self.record.error {
            let error =
                self.error.as_ref().map_or_else(|| error.message.clone(), ToString::to_string);
            pen.paragraph(&format!("failed: {error}"))?;
        }
        if let Some(nothing) = self.emptiness() {
            pen.paragraph(nothing)?;
        } else if let Some(result) = &self.result {
            let display = &pen.terminal.display;
            let format = render::format(if self.is_one_long_row() { "line" } else { "box" })?;
            let table = to_bytes(format, &result.schema, &result.batches, display)?;
            pen.bytes(&table)?;
            pen.bytes(b"\n")?;
        }
        if let Some(Ok(chart)) = &self.chart {
            let text = chart.to_text(&pen.terminal.screen);
            pen.bytes(text.trim_end().as_bytes())?;
            pen.bytes(b"\n\n")?;
        }
        for notice in &self.record.notices {
            pen.paragraph(&format!("notice: {notice}"))?;
        }
        for verdict in &self.record.expectations {
            if let Some(failure) = &verdict.failure {
                pen.paragraph(&format!("not as expected: {}; {failure}", verdict.expected))?;
            }
        }
        Ok(())
    }
}

/// What writes to the terminal.
struct Pen<'a> {
    out: &'a mut dyn Write,
    terminal: &'a Terminal,
}

impl Pen<'_> {
    fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|error| write_error(&error))
    }

    /// A title with a line under it.
    fn heading(&mut self, text: &str, line: char) -> Result<()> {
        let text = visible(text);
        let (on, off) =
            if self.terminal.display.color { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") };
        for part in wrap(&text, self.width(), usize::MAX, "") {
            self.bytes(format!("{on}{part}{off}\n").as_bytes())?;
        }
        let width = display_width(&text).min(self.width());
        self.bytes(format!("{}\n\n", line.to_string().repeat(width)).as_bytes())
    }

    fn paragraph(&mut self, text: &str) -> Result<()> {
        for part in wrap(&visible_lines(text), self.width(), usize::MAX, "") {
            self.bytes(format!("{part}\n").as_bytes())?;
        }
        self.bytes(b"\n")
    }

    fn width(&self) -> usize {
        self.terminal.display.width.unwrap_or(TEXT_WIDTH).min(TEXT_WIDTH)
    }
}
