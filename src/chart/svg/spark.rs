//! A line without axes, as small as a word.

use std::fmt::Write;

use super::canvas::{Canvas, short};
use crate::chart::scale::extent;

/// Draws the values from left to right, and a dot at the last.
pub(super) fn draw(canvas: &mut Canvas, values: &[Option<f64>], width: f64, height: f64) {
    let Some((low, high)) = extent(values.iter().filter_map(|value| *value)) else { return };
    const ROOM: f64 = 4.0;
    let step = (width - 2.0 * ROOM) / values.len().saturating_sub(1).max(1) as f64;
    let span = if high > low { high - low } else { 1.0 };
    let at = |index: usize, value: f64| {
        let share = if high > low { (value - low) / span } else { 0.5 };
        (ROOM + index as f64 * step, height - ROOM - share * (height - 2.0 * ROOM))
    };
    let mut path = String::new();
    let mut before = false;
    let mut last = None;
    for (index, value) in values.iter().enumerate() {
        if let Some(value) = *value {
            let (x, y) = at(index, value);
            let _ = write!(path, "{}{} {}", if before { 'L' } else { 'M' }, short(x), short(y));
            last = Some((x, y));
        }
        before = value.is_some();
    }
    canvas.path(&path, "l0", "stroke-width=\"1.5\" stroke-linejoin=\"round\"");
    if let Some(last) = last {
        canvas.circle(last, 2.5, "f0", None);
    }
}
