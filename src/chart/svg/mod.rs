//! Charts as SVG, with no script, no fonts and nothing from the network.
//!
//! Colours are CSS variables that follow the reader's light or dark setting;
//! each element also has the light colour as an attribute, for programs that
//! know no CSS variables. There are no `style` attributes, so a page may forbid
//! them.

mod axes;
mod bars;
mod canvas;
mod heat;
mod plot;
mod spark;

use super::Chart;
use super::figure::{Figure, Mark};
use crate::render::visible;
use axes::Area;
use canvas::{Anchor, Canvas};

/// The styles of all charts, for the page that holds them. A page that sets
/// `data-theme` on its root to `light` or `dark` decides for the charts too.
pub const STYLE: &str = include_str!("style.css");

/// What the SVG is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// A file of its own, with the styles and a background.
    File,
    /// A part of a page.
    Element,
    /// To be made pixels of: a background, and no styles, as the colours that
    /// each element has are all that is wanted.
    Pixels,
}

/// The space between the border and everything else.
const PADDING: f64 = 12.0;
const LINE: f64 = 18.0;

/// The whole chart, `width` pixels wide.
pub(super) fn draw(chart: &Chart, purpose: Use, width: u32) -> String {
    let mut canvas = Canvas::default();
    let width = f64::from(width);
    if let Figure::Spark { values, .. } = &chart.figure {
        let height = f64::from(chart.height);
        spark::draw(&mut canvas, values, width, height);
        return finish(chart, purpose, &canvas, [width, height]);
    }
    // On a page a chart begins where the text does.
    let left = if purpose == Use::Element { 1.0 } else { PADDING };
    let mut area = Area { left, right: width - PADDING, top: PADDING, bottom: 0.0 };
    if let Some(title) = &chart.title {
        area.top += LINE;
        let title = canvas::fitted(&visible(title), area.width(), 16.0);
        canvas.text(area.left, area.top - 3.0, Anchor::Start, "ink title", &title);
        area.top += 6.0;
    }
    let notes = chart.notes.len() as f64 * LINE;
    area.bottom = (f64::from(chart.height) - PADDING - notes).max(area.top + 120.0);
    let mut notes = chart.notes.clone();
    let mut bottom = match &chart.figure {
        Figure::Plot(plot) if bars::suit(plot) => bars::draw(&mut canvas, plot, area, &mut notes),
        Figure::Plot(plot) => plot::draw(&mut canvas, plot, area),
        Figure::Histogram(histogram) => plot::draw_histogram(&mut canvas, histogram, area),
        Figure::Heat(heat) => heat::draw(&mut canvas, heat, area),
        Figure::Spark { .. } => area.bottom,
    };
    for note in &notes {
        bottom += LINE;
        let note = canvas::fitted(note, area.width(), 12.0);
        canvas.text(area.left, bottom - 2.0, Anchor::Start, "dim", &note);
    }
    finish(chart, purpose, &canvas, [width, bottom + PADDING])
}

fn finish(chart: &Chart, purpose: Use, canvas: &Canvas, [width, height]: [f64; 2]) -> String {
    let title = chart.title.clone().unwrap_or_else(|| chart.figure.description());
    let mut head = Canvas::default();
    head.start_svg(width, height, &title, &chart.figure.description());
    if purpose == Use::File {
        head.style(STYLE);
    }
    if purpose != Use::Element {
        head.rect([0.0, 0.0, width, height], "paper", None);
    }
    head.append(canvas);
    head.end_svg()
}

/// Whether the figure's values are bars that stand on zero.
fn stands_on_zero(mark: Mark) -> bool {
    matches!(mark, Mark::Bar | Mark::Area)
}
