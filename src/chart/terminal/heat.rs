//! A heat map in shades.

use super::{Screen, label_line};
use crate::chart::figure::Heat;
use crate::chart::scale::{value_label, words_for};
use crate::text::width::display_width;

const SHADES: [&str; 4] = ["░", "▒", "▓", "█"];
const SIGNS: [&str; 4] = [".", ":", "+", "#"];

/// Draws rows of shaded cells with labels, and what the shades stand for.
pub(super) fn draw(heat: &Heat, screen: &Screen, lines: &mut Vec<String>) {
    let shades = if screen.ascii { SIGNS } else { SHADES };
    let margin = heat.rows.iter().map(|row| display_width(row)).max().unwrap_or(0);
    let margin = margin.min(screen.width / 3);
    let room = screen.width - margin - 1;
    let cell = (room / heat.columns.len().max(1)).clamp(1, 4);
    let columns = heat.columns.len().min(room / cell);
    let rows = heat.rows.len().min(screen.height.max(5) * 2);
    let labels: Vec<(usize, String)> = heat.columns[..columns]
        .iter()
        .enumerate()
        .map(|(index, label)| (index * cell + (cell - 1) / 2, label.clone()))
        .collect();
    lines.push(format!("{} {}", " ".repeat(margin), label_line(&labels, columns * cell)));
    let (low, high) = heat.extent().unwrap_or((0.0, 0.0));
    for (label, cells) in heat.rows.iter().zip(&heat.cells).take(rows) {
        let shaded: Vec<String> = cells[..columns]
            .iter()
            .map(|value| value.map_or(" ", |value| shades[level(value, low, high)]).repeat(cell))
            .collect();
        let cells = screen.paint(&shaded.concat(), 0);
        lines.push(format!("{} {cells}", screen.pad(label, margin)));
    }
    lines.push(legend(heat, (low, high), shades, screen));
    if columns < heat.columns.len() || rows < heat.rows.len() {
        let all = format!("{} by {}", heat.rows.len(), heat.columns.len());
        lines.push(format!("{rows} by {columns} of {all} cells shown"));
    }
}

/// Which of the four shades a value has.
fn level(value: f64, low: f64, high: f64) -> usize {
    let share = if high > low { (value - low) / (high - low) } else { 1.0 };
    ((share * SHADES.len() as f64) as usize).min(SHADES.len() - 1)
}

fn legend(heat: &Heat, (low, high): (f64, f64), shades: [&str; 4], screen: &Screen) -> String {
    if heat.extent().is_none() {
        return screen.pad("no values", screen.width);
    }
    let step = (high - low) / shades.len() as f64;
    // The least count with a shade is a whole one.
    let whole = heat.is_whole();
    let from = |index: usize| low + step * index as f64;
    let from = |index| if whole { from(index).ceil() } else { from(index) };
    let words = words_for((0..shades.len()).map(from).chain([high]), screen.readable);
    let name = &heat.value_name;
    let mut text = format!("{name}: ");
    for (index, shade) in shades.iter().enumerate() {
        text += &format!("{shade} from {}  ", value_label(from(index), words));
    }
    text += &format!("to {}", value_label(high, words));
    screen.pad(&text, screen.width)
}
