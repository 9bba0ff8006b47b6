//! Lines, areas and dots with axes.

use super::canvas::{Canvas, Dots, SIGNS};
use super::{Screen, label_line};
use crate::chart::figure::{Axis, Mark, Plot};
use crate::chart::scale::{Scale, Ticks, number_axis, round_scale, time_axis};
use crate::render::truncate;
use crate::text::width::display_width;

/// The most lines that the drawing itself takes.
const MOST_ROWS: usize = 20;

/// Draws the plot with its axes and, for several series, a legend.
pub(super) fn draw(plot: &Plot, screen: &Screen, lines: &mut Vec<String>) {
    let rows = screen.height.saturating_sub(5).clamp(5, MOST_ROWS);
    let (low, high) = plot.y_range();
    let y = round_scale(low, high, Ticks::at_most(rows.div_ceil(4)).apart(plot.y_grain()));
    let margin = y.ticks.iter().map(|(_, label)| display_width(label)).max().unwrap_or(0);
    let margin = margin.min(screen.width / 3);
    let columns = screen.width - margin - 2;
    let x = x_scale(plot, columns);
    let signs = screen.ascii || (plot.series.len() > 1 && !screen.color);
    let dots = if signs { Dots::Signs } else { Dots::Braille };
    let mut canvas = Canvas::new(dots, columns, rows);
    for series in 0..plot.series.len() {
        mark(plot, series, &x, &y, &mut canvas);
    }
    draw_legend(plot, screen, dots, lines);
    for row in 0..rows {
        let tick = y.ticks.iter().find(|(value, _)| row_of(&y, *value, rows) == row);
        let label = tick.map_or("", |(_, label)| label);
        let border = match (screen.ascii, tick.is_some()) {
            (true, _) => "|",
            (false, true) => "┤",
            (false, false) => "│",
        };
        let cells: Vec<String> =
            canvas.runs(row).iter().map(|(text, series)| screen.paint(text, *series)).collect();
        lines.push(format!("{} {border}{}", screen.pad_left(label, margin), cells.concat()));
    }
    let (corner, rule) = if screen.ascii { ("+", "-") } else { ("└", "─") };
    lines.push(format!("{} {corner}{}", " ".repeat(margin), rule.repeat(columns)));
    let at = |value: f64| (x.share(value) * (columns - 1) as f64).round() as usize;
    let labels: Vec<(usize, String)> =
        x.ticks.iter().map(|(value, label)| (at(*value), label.clone())).collect();
    lines.push(format!("{}{}", " ".repeat(margin + 2), label_line(&labels, columns)));
}

fn row_of(scale: &Scale, value: f64, rows: usize) -> usize {
    ((1.0 - scale.share(value)) * (rows - 1) as f64).round() as usize
}

/// The scale along x, with as many ticks as there is room for.
fn x_scale(plot: &Plot, columns: usize) -> Scale {
    let (low, high) = plot.x_extent().unwrap_or((0.0, 1.0));
    let ticks = |room: usize| Ticks::at_most((columns / room).max(2)).apart(plot.axis.grain());
    match &plot.axis {
        Axis::Numbers { .. } => number_axis(low, high, ticks(12)),
        Axis::Times { .. } => time_axis(low, high, ticks(17)),
        Axis::Labels(labels) => {
            let ticks = labels.iter().enumerate().map(|(index, label)| {
                (index as f64, truncate(label, columns / 3, "…").into_owned())
            });
            Scale { low, high, ticks: ticks.collect() }
        }
    }
}

fn mark(plot: &Plot, index: usize, x: &Scale, y: &Scale, canvas: &mut Canvas) {
    let (width, height) = canvas.size();
    let place = |value: f64, share: f64, size: usize| {
        if value.is_finite() { (share * (size - 1) as f64).round() as i64 } else { -1 }
    };
    let zero = place(0.0, 1.0 - y.share(0.0), height).clamp(0, height as i64 - 1);
    let mut before = None;
    for (at, value) in &plot.series[index].points {
        let Some(value) = *value else {
            before = None;
            continue;
        };
        let dot = (place(*at, x.share(*at), width), place(value, 1.0 - y.share(value), height));
        match (plot.mark, before) {
            (Mark::Dot, _) | (Mark::Line, None) => canvas.dot(dot.0, dot.1, index),
            (Mark::Line, Some(before)) => canvas.line(before, dot, index),
            (Mark::Bar, _) | (Mark::Area, None) => canvas.line(dot, (dot.0, zero), index),
            (Mark::Area, Some(before)) => fill(canvas, before, dot, zero, index),
        }
        before = Some(dot);
    }
}

/// Fills from the line between two dots down (or up) to zero.
fn fill(canvas: &mut Canvas, from: (i64, i64), to: (i64, i64), zero: i64, series: usize) {
    for x in from.0..=to.0 {
        let share = if to.0 > from.0 { (x - from.0) as f64 / (to.0 - from.0) as f64 } else { 1.0 };
        let y = from.1 + ((to.1 - from.1) as f64 * share).round() as i64;
        canvas.line((x, y), (x, zero), series);
    }
}

fn draw_legend(plot: &Plot, screen: &Screen, dots: Dots, lines: &mut Vec<String>) {
    if plot.series.len() < 2 {
        lines.push(truncate(&plot.y_name, screen.width, screen.ellipsis()).into_owned());
        return;
    }
    let mut line = String::new();
    let mut used = 0;
    for (index, series) in plot.series.iter().enumerate() {
        let sign = match dots {
            Dots::Signs => SIGNS[index % SIGNS.len()],
            Dots::Braille => '■',
        };
        let name = truncate(&series.name, screen.width - 4, screen.ellipsis());
        let length = display_width(&name) + 4;
        if used + length > screen.width && used > 0 {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        line += &format!("{} {name}  ", screen.paint(&sign.to_string(), index));
        used += length;
    }
    lines.push(line);
}
