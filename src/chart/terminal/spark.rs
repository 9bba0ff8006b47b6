//! Values as a row of small bars.

use super::Screen;
use crate::chart::scale::{extent, value_label};
use crate::text::width::display_width;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const SIGNS: [char; 8] = ['_', '.', ',', '-', '=', '+', '*', '#'];

/// Draws name, bars, and the least and greatest value on one line; more values
/// than cells are averaged.
pub(super) fn draw(name: &str, values: &[Option<f64>], screen: &Screen, lines: &mut Vec<String>) {
    let Some((low, high)) = extent(values.iter().filter_map(|value| *value)) else {
        lines.push(screen.pad(&format!("{name}: no values"), screen.width));
        return;
    };
    let label = |value| value_label(value, screen.readable);
    let name = screen.pad(name, display_width(name).min(screen.width / 3));
    let ends = format!("{} to {}", label(low), label(high));
    let ends = screen.pad(&ends, display_width(&ends).min(screen.width / 3));
    let room = screen.width - display_width(&name) - display_width(&ends) - 2;
    let signs = if screen.ascii { SIGNS } else { BARS };
    let bars: String = averaged(values, room)
        .into_iter()
        .map(|value| value.map_or(' ', |value| signs[level(value, low, high)]))
        .collect();
    lines.push(format!("{name} {} {ends}", screen.paint(&bars, 0)));
}

fn level(value: f64, low: f64, high: f64) -> usize {
    let share = if high > low { (value - low) / (high - low) } else { 0.5 };
    (share * (BARS.len() - 1) as f64).round() as usize
}

/// At most `most` values: the means of even pieces.
fn averaged(values: &[Option<f64>], most: usize) -> Vec<Option<f64>> {
    let count = values.len().min(most.max(1));
    let piece = |index: usize| {
        let part = &values[index * values.len() / count..(index + 1) * values.len() / count];
        let known: Vec<f64> = part.iter().filter_map(|value| *value).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    };
    (0..count).map(piece).collect()
}
