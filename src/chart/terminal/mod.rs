//! Charts as text, in lines that fit the terminal.

mod bars;
mod canvas;
mod heat;
mod plot;
mod spark;

use super::Chart;
use super::figure::Figure;
use crate::render::{Readable, truncate, visible};
use crate::text::width::display_width;

/// What a chart may use of the terminal.
#[derive(Debug, Clone)]
pub struct Screen {
    /// Cells across.
    pub width: usize,
    /// Lines that the chart may take, about.
    pub height: usize,
    /// Whether to use colour.
    pub color: bool,
    /// Whether the terminal has no signs but those of ASCII (`TERM=dumb`);
    /// labels are left as they are.
    pub ascii: bool,
    /// How big numbers are put into words.
    pub readable: Readable,
}

impl Default for Screen {
    fn default() -> Self {
        Self { width: 80, height: 24, color: false, ascii: false, readable: Readable::Off }
    }
}

/// A narrower terminal gets a chart that is too wide for it.
const NARROWEST: usize = 32;

/// The colours of the series, which are readable on light and dark.
const COLORS: [&str; 8] = [
    "\x1b[34m", "\x1b[33m", "\x1b[32m", "\x1b[31m", "\x1b[35m", "\x1b[36m", "\x1b[93m", "\x1b[90m",
];
const RESET: &str = "\x1b[0m";

impl Screen {
    fn ellipsis(&self) -> &'static str {
        if self.ascii { "..." } else { "…" }
    }

    /// `text` in exactly `width` cells, cut or filled up.
    fn pad(&self, text: &str, width: usize) -> String {
        let text = truncate(text, width, self.ellipsis());
        let blanks = width.saturating_sub(display_width(&text));
        format!("{text}{}", " ".repeat(blanks))
    }

    /// As [`Screen::pad`], with the text at the right.
    fn pad_left(&self, text: &str, width: usize) -> String {
        let text = truncate(text, width, self.ellipsis());
        let blanks = width.saturating_sub(display_width(&text));
        format!("{}{text}", " ".repeat(blanks))
    }

    fn paint(&self, text: &str, series: usize) -> String {
        if !self.color || text.trim().is_empty() {
            return text.to_owned();
        }
        format!("{}{text}{RESET}", COLORS[series % COLORS.len()])
    }
}

/// The whole chart: title, figure, notes.
pub(super) fn draw(chart: &Chart, screen: &Screen) -> String {
    let screen = Screen { width: screen.width.max(NARROWEST), ..screen.clone() };
    let mut lines = Vec::new();
    if let Some(title) = &chart.title {
        lines.push(truncate(&visible(title), screen.width, screen.ellipsis()).into_owned());
    }
    match &chart.figure {
        Figure::Plot(plot) if bars::suit(plot, &screen) => bars::draw(plot, &screen, &mut lines),
        Figure::Plot(plot) => plot::draw(plot, &screen, &mut lines),
        Figure::Histogram(histogram) => bars::draw_histogram(histogram, &screen, &mut lines),
        Figure::Heat(heat) => heat::draw(heat, &screen, &mut lines),
        Figure::Spark { name, values } => spark::draw(name, values, &screen, &mut lines),
    }
    let notes = chart.notes.iter();
    lines.extend(notes.map(|note| truncate(note, screen.width, screen.ellipsis()).into_owned()));
    let mut text = String::new();
    for line in lines {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Labels in one line of `width` cells, each centred at its cell as far as there
/// is room; what would overlap is left out.
fn label_line(labels: &[(usize, String)], width: usize) -> String {
    let mut line = String::new();
    let mut used = 0;
    for (at, label) in labels {
        let length = display_width(label);
        let start = at.saturating_sub(length / 2).min(width.saturating_sub(length));
        let free = if used == 0 { 0 } else { used + 1 };
        if start < free || length > width {
            continue;
        }
        line.push_str(&" ".repeat(start - used));
        line.push_str(label);
        used = start + length;
    }
    line
}
