//! The area of a plot, its axes and its legend.

use super::LINE;
use super::canvas::{Anchor, Canvas, FONT, fitted, text_width};
use crate::chart::figure::Series;
use crate::chart::scale::Scale;

/// A rectangle, in pixels from the top left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Area {
    pub(super) fn width(&self) -> f64 {
        self.right - self.left
    }

    pub(super) fn height(&self) -> f64 {
        self.bottom - self.top
    }

    pub(super) fn x(&self, scale: &Scale, value: f64) -> f64 {
        self.left + scale.share(value) * self.width()
    }

    pub(super) fn y(&self, scale: &Scale, value: f64) -> f64 {
        self.bottom - scale.share(value) * self.height()
    }
}

/// What stands beside the axes.
pub(super) struct Names<'a> {
    pub(super) x: &'a str,
    pub(super) y: &'a str,
}

/// Takes room for the axes from `area` and draws the grid, the ticks of y and
/// the name of y; returns the area that is left for the plot.
pub(super) fn draw_y(canvas: &mut Canvas, area: Area, y: &Scale, names: &Names<'_>) -> Area {
    let mut plot = area;
    if !names.y.is_empty() {
        plot.top += LINE;
        let name = fitted(names.y, area.width(), FONT);
        canvas.text(area.left, plot.top - 6.0, Anchor::Start, "dim", &name);
    }
    plot.top += 4.0;
    plot.bottom -= 2.0 * LINE + 4.0;
    let widths = y.ticks.iter().map(|(_, label)| text_width(label, FONT));
    plot.left += widths.fold(0.0, f64::max) + 8.0;
    plot.right -= 8.0;
    for (value, label) in &y.ticks {
        let at = plot.y(y, *value).round() + 0.5;
        let class = if *value == 0.0 { "axis" } else { "grid" };
        canvas.line((plot.left, at), (plot.right, at), class);
        canvas.text(plot.left - 6.0, at + 4.0, Anchor::End, "dim", label);
    }
    plot
}

/// Draws the ticks and the name of x below the plot, its labels within `room`;
/// returns where that ends.
pub(super) fn draw_x(
    canvas: &mut Canvas,
    plot: Area,
    room: Area,
    x: &Scale,
    names: &Names<'_>,
) -> f64 {
    let baseline = plot.bottom + LINE;
    let mut free = f64::MIN;
    for (value, label) in &x.ticks {
        let width = text_width(label, FONT);
        let middle = plot.x(x, *value);
        let centre = middle.min(room.right - width / 2.0).max(room.left + width / 2.0);
        if centre - width / 2.0 < free {
            continue;
        }
        free = centre + width / 2.0 + 8.0;
        canvas.line((middle, plot.bottom), (middle, plot.bottom + 4.0), "axis");
        canvas.text(centre, baseline, Anchor::Middle, "dim", label);
    }
    let name = fitted(names.x, plot.width(), FONT);
    canvas.text(plot.right, baseline + LINE, Anchor::End, "dim", &name);
    baseline + LINE + 4.0
}

/// Draws the names of several series in their colours above the plot; returns
/// where the rest begins.
pub(super) fn draw_legend(canvas: &mut Canvas, area: Area, series: &[Series]) -> f64 {
    if series.len() < 2 {
        return area.top;
    }
    let (mut x, mut y) = (area.left, area.top + LINE);
    for (index, series) in series.iter().enumerate() {
        let name = fitted(&series.name, area.width() / 2.0, FONT);
        let width = text_width(&name, FONT) + 32.0;
        if x + width > area.right && x > area.left {
            (x, y) = (area.left, y + LINE);
        }
        canvas.rect([x, y - 10.0, 10.0, 10.0], &format!("f{index}"), None);
        canvas.cut_text((x + 16.0, y), Anchor::Start, &name, &series.name);
        x += width;
    }
    y + 6.0
}
