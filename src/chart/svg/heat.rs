//! A heat map: a grid of shaded cells.

use super::LINE;
use super::axes::{Area, Names, draw_x};
use super::canvas::{Anchor, Canvas, FONT, fitted, text_width};
use crate::chart::figure::Heat;
use crate::chart::scale::{Scale, value_label};
use crate::render::Readable;

/// How much room the cells get.
const LEAST_ROW: f64 = 6.0;
const MOST_ROW: f64 = 32.0;
/// The shade of the least value, which must differ from no value.
const PALEST: f64 = 0.06;

/// Draws the grid; returns where it ends.
pub(super) fn draw(canvas: &mut Canvas, heat: &Heat, area: Area) -> f64 {
    let name = fitted(&heat.y_name, area.width(), FONT);
    canvas.text(area.left, area.top + LINE - 6.0, Anchor::Start, "dim", &name);
    let labels = heat.rows.iter().map(|row| text_width(row, FONT)).fold(0.0, f64::max);
    let labels = labels.min(area.width() * 0.35);
    let room = area.height() - 4.0 * LINE;
    let row_height = (room / heat.rows.len().max(1) as f64).clamp(LEAST_ROW, MOST_ROW);
    let top = area.top + LINE;
    let bottom = top + row_height * heat.rows.len() as f64;
    let grid = Area { left: area.left + labels + 8.0, right: area.right, top, bottom };
    let column_width = grid.width() / heat.columns.len().max(1) as f64;
    let mut free = f64::MIN;
    for (row, label) in heat.rows.iter().enumerate() {
        let y = grid.top + row as f64 * row_height;
        let baseline = y + row_height / 2.0 + 4.0;
        if baseline - FONT >= free {
            let text = fitted(label, labels.max(20.0), FONT);
            canvas.cut_text((grid.left - 6.0, baseline), Anchor::End, &text, label);
            free = baseline;
        }
        for column in 0..heat.columns.len() {
            let x = grid.left + column as f64 * column_width;
            let place = [x + 0.5, y + 0.5, (column_width - 1.0).max(0.5), row_height - 1.0];
            draw_cell(canvas, heat, row, column, place);
        }
    }
    let middle = |column: usize| (column as f64 + 0.5) / heat.columns.len() as f64;
    let ticks = heat.columns.iter().enumerate();
    let ticks = ticks.map(|(column, label)| (middle(column), fitted(label, 120.0, FONT)));
    let x = Scale { low: 0.0, high: 1.0, ticks: ticks.collect() };
    let names = Names { x: &heat.x_name, y: "" };
    let end = draw_x(canvas, grid, area, &x, &names);
    draw_legend(canvas, heat, grid, end);
    end
}

fn draw_cell(canvas: &mut Canvas, heat: &Heat, row: usize, column: usize, place: [f64; 4]) {
    let Some(value) = heat.cells[row][column] else {
        return canvas.rect(place, "empty", None);
    };
    let text = value_label(value, Readable::Off);
    let title = format!("{}, {}: {text}", heat.columns[column], heat.rows[row]);
    canvas.shade(place, shade(heat, value), &title);
}

fn shade(heat: &Heat, value: f64) -> f64 {
    let (low, high) = heat.extent().unwrap_or((0.0, 1.0));
    let share = if high > low { (value - low) / (high - low) } else { 1.0 };
    PALEST + share * (1.0 - PALEST)
}

/// The shades from the least to the greatest value, at the left of the line
/// that names x.
fn draw_legend(canvas: &mut Canvas, heat: &Heat, grid: Area, end: f64) {
    let Some((low, high)) = heat.extent() else { return };
    let baseline = end - 4.0;
    let name = fitted(&heat.value_name, 160.0, FONT);
    let low_text = format!("{name} {}", value_label(low, Readable::Off));
    let mut x = grid.left;
    canvas.text(x, baseline, Anchor::Start, "dim", &low_text);
    x += text_width(&low_text, FONT) + 8.0;
    for step in 0..8 {
        let value = low + (high - low) * f64::from(step) / 7.0;
        let value = if heat.is_whole() { value.round() } else { value };
        let text = value_label(value, Readable::Off);
        canvas.shade([x, baseline - 10.0, 14.0, 12.0], shade(heat, value), &text);
        x += 14.0;
    }
    canvas.text(x + 6.0, baseline, Anchor::Start, "dim", &value_label(high, Readable::Off));
}
