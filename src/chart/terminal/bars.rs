//! Horizontal bars: a label, a bar, the number.

use super::Screen;
use crate::chart::figure::{Axis, Histogram, Mark, Plot};
use crate::chart::scale::{extent, short_labels, time_label, value_label, words_for};
use crate::render::group_digits;
use crate::text::width::display_width;

/// One line of bars.
struct Bar {
    label: String,
    series_name: String,
    series: usize,
    value: Option<f64>,
}

/// Whether the plot is of bars, and has labels or not too many places: many days
/// or numbers are better drawn as columns.
pub(super) fn suit(plot: &Plot, screen: &Screen) -> bool {
    let lines = plot.series.iter().map(|series| series.points.len()).sum::<usize>();
    plot.mark == Mark::Bar && (matches!(plot.axis, Axis::Labels(_)) || lines <= most(screen))
}

/// How many bars are drawn.
fn most(screen: &Screen) -> usize {
    screen.height.max(5) * 2
}

/// Draws a bar for each place and series.
pub(super) fn draw(plot: &Plot, screen: &Screen, lines: &mut Vec<String>) {
    let many = plot.series.len() > 1;
    let mut bars = Vec::new();
    for place in plot.places() {
        let mut label = plot.axis.label(place);
        for (series, values) in plot.series.iter().enumerate() {
            let at = values.points.partition_point(|(x, _)| *x < place);
            for (_, value) in values.points[at..].iter().take_while(|(x, _)| *x == place) {
                let series_name = if many { values.name.clone() } else { String::new() };
                // The label stands once, before the first bar of its group.
                let label = std::mem::take(&mut label);
                bars.push(Bar { label, series_name, series, value: *value });
            }
        }
    }
    draw_bars(&bars, screen, lines);
}

/// Draws a bar for each interval.
pub(super) fn draw_histogram(histogram: &Histogram, screen: &Screen, lines: &mut Vec<String>) {
    let whole = histogram.whole;
    let bound = |index: usize| histogram.start + index as f64 * histogram.step;
    let bounds: Vec<f64> = (0..=histogram.counts.len()).map(bound).collect();
    let short = match &histogram.axis {
        Axis::Times { .. } => None,
        _ => short_labels(&bounds, screen.readable),
    };
    let bars: Vec<Bar> = histogram
        .counts
        .iter()
        .enumerate()
        .map(|(index, count)| {
            let (from, to) = (bounds[index], bounds[index + 1]);
            let label = match (&histogram.axis, &short) {
                (Axis::Times { .. }, _) => {
                    format!("from {}", time_label(from, histogram.step < 86_400.0))
                }
                (_, Some(short)) => format!("{} to {}", short[index], short[index + 1]),
                _ if whole && histogram.step == 1.0 => format!("{from}"),
                _ if whole => format!("{from} to {}", to - 1.0),
                _ => {
                    format!("{} to {}", rounded(from, histogram.step), rounded(to, histogram.step))
                }
            };
            Bar { label, series_name: String::new(), series: 0, value: Some(*count as f64) }
        })
        .collect();
    draw_bars(&bars, screen, lines);
}

/// A bound with as many decimals as its interval needs.
fn rounded(value: f64, step: f64) -> String {
    let places = (1.0 - step.log10().floor()).clamp(0.0, 9.0) as usize;
    format!("{value:.places$}")
}

fn draw_bars(bars: &[Bar], screen: &Screen, lines: &mut Vec<String>) {
    let shown = &bars[..bars.len().min(most(screen))];
    let widest =
        |texts: &mut dyn Iterator<Item = &str>| texts.map(display_width).max().unwrap_or(0);
    let words = words_for(shown.iter().filter_map(|bar| bar.value), screen.readable);
    let values: Vec<String> = shown
        .iter()
        .map(|bar| bar.value.map_or("NULL".to_owned(), |value| value_label(value, words)))
        .collect();
    let numbers = widest(&mut values.iter().map(String::as_str));
    let names = widest(&mut shown.iter().map(|bar| bar.series_name.as_str())).min(screen.width / 6);
    let room = screen.width.saturating_sub(numbers + names + 7).min(screen.width / 3);
    let labels = widest(&mut shown.iter().map(|bar| bar.label.as_str())).min(room);
    let before = labels + 1 + if names > 0 { names + 1 } else { 0 };
    let room = screen.width.saturating_sub(before + 1 + numbers).max(2);
    let ends = extent(shown.iter().filter_map(|bar| bar.value)).unwrap_or((0.0, 0.0));
    let ends = (ends.0.min(0.0), ends.1.max(0.0));
    for (bar, value) in shown.iter().zip(&values) {
        let mut line = screen.pad(&bar.label, labels) + " ";
        if names > 0 {
            line += &(screen.pad(&bar.series_name, names) + " ");
        }
        line += &draw_bar(bar, ends, room, value, screen);
        lines.push(line);
    }
    if shown.len() < bars.len() {
        let [shown, all] = [shown.len(), bars.len()].map(|count| group_digits(count as u64));
        lines.push(format!("{shown} of {all} bars shown"));
    }
}

/// A bar with its number behind it; bars of negative numbers end at the line of
/// zero.
fn draw_bar(
    bar: &Bar,
    (low, high): (f64, f64),
    room: usize,
    number: &str,
    screen: &Screen,
) -> String {
    let span = if high > low { high - low } else { 1.0 };
    let below = (-low / span * room as f64).round() as usize;
    let value = bar.value.unwrap_or(0.0);
    let cells = value.abs() / span * room as f64;
    if value < 0.0 {
        let full = (cells.round() as usize).clamp(1, below.max(1));
        let blanks = " ".repeat(below - full.min(below));
        let block = if screen.ascii { "#" } else { "█" };
        let drawn = screen.paint(&block.repeat(full), bar.series);
        return format!("{blanks}{drawn} {number}");
    }
    let above = room - below;
    let drawn = if screen.ascii { signs(cells, above) } else { blocks(cells, above) };
    let space = if drawn.is_empty() { "" } else { " " };
    format!("{}{}{space}{number}", " ".repeat(below), screen.paint(&drawn, bar.series))
}

fn signs(cells: f64, most: usize) -> String {
    "#".repeat((cells.round() as usize).min(most).max(usize::from(cells > 0.0)))
}

/// A bar to an eighth of a cell; what is more than nothing can be seen.
fn blocks(cells: f64, most: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = ((cells * 8.0).round() as usize).min(most * 8).max(usize::from(cells > 0.0));
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}
