//! Horizontal bars with labels, which leave room for Chinese names.

use super::axes::{Area, draw_legend};
use super::canvas::{Anchor, Canvas, FONT, fitted, text_width};
use crate::chart::figure::{Axis, Mark, Plot};
use crate::chart::scale::{extent, value_label};
use crate::render::{Readable, group_digits};

/// More bars than this cannot be read in one picture.
const MOST_BARS: usize = 100;

/// Whether the plot is one of labels, for which bars lie.
pub(super) fn suit(plot: &Plot) -> bool {
    plot.mark == Mark::Bar && matches!(plot.axis, Axis::Labels(_))
}

/// Draws the bars; returns where they end, which the number of labels decides.
pub(super) fn draw(
    canvas: &mut Canvas,
    plot: &Plot,
    mut area: Area,
    notes: &mut Vec<String>,
) -> f64 {
    area.top = draw_legend(canvas, area, &plot.series) + 4.0;
    let many = plot.series.len();
    let mut places = plot.places();
    let most = MOST_BARS / many.max(1);
    if places.len() > most {
        let [shown, all] = [most, places.len()].map(|count| group_digits(count as u64));
        notes.push(format!("shown: the first {shown} of {all} labels"));
        places.truncate(most);
    }
    let shown = |x: f64| places.last().is_some_and(|last| x <= *last);
    let values = plot.series.iter().flat_map(|series| &series.points);
    let values = values.filter(|(x, _)| shown(*x)).filter_map(|(_, y)| *y);
    let (low, high) =
        extent(values.clone()).map_or((0.0, 0.0), |(low, high)| (low.min(0.0), high.max(0.0)));
    let widest = |texts: &mut dyn Iterator<Item = String>| {
        texts.map(|text| text_width(&text, FONT)).fold(0.0, f64::max)
    };
    let labels = widest(&mut places.iter().map(|x| plot.axis.label(*x))).min(area.width() * 0.4);
    let number = |value| value_label(value, Readable::Off);
    let above = widest(&mut values.clone().filter(|value| *value >= 0.0).map(number));
    let below = widest(&mut values.filter(|value| *value < 0.0).map(number));
    let left = area.left + labels + 8.0 + if below > 0.0 { below + 8.0 } else { 0.0 };
    let right = (area.right - above - 8.0).max(left + 20.0);
    let span = if high > low { high - low } else { 1.0 };
    let x_of = |value: f64| left + (value - low) / span * (right - left);
    let (thick, gap) = if many > 1 { (14.0, 10.0) } else { (18.0, 8.0) };
    let mut y = area.top;
    for place in &places {
        let whole = plot.axis.label(*place);
        let label = fitted(&whole, labels.max(20.0), FONT);
        let middle = y + thick * many as f64 / 2.0 + 4.0;
        canvas.cut_text((area.left + labels, middle), Anchor::End, &label, &whole);
        for (index, series) in plot.series.iter().enumerate() {
            let at = series.points.partition_point(|(x, _)| x < place);
            // A pair that the result has no row for gets no bar, not even NULL.
            if let Some((_, value)) = series.points.get(at).filter(|(x, _)| x == place) {
                let top = y + thick * index as f64;
                draw_bar(canvas, index, *value, top, thick, &x_of);
            }
        }
        y += thick * many as f64 + gap;
    }
    let zero = x_of(0.0).round() + 0.5;
    canvas.line((zero, area.top - 2.0), (zero, y - gap + 2.0), "axis");
    y
}

fn draw_bar(
    canvas: &mut Canvas,
    index: usize,
    value: Option<f64>,
    top: f64,
    thick: f64,
    x_of: &dyn Fn(f64) -> f64,
) {
    let baseline = top + thick / 2.0 + 4.0;
    let zero = x_of(0.0);
    let Some(value) = value else {
        return canvas.text(zero + 6.0, baseline, Anchor::Start, "dim", "NULL");
    };
    let end = x_of(value);
    let text = value_label(value, Readable::Off);
    let width = (end - zero).abs().max(if value == 0.0 { 0.0 } else { 1.0 });
    let class = format!("f{index}");
    canvas.rect([zero.min(end), top + 1.0, width, thick - 2.0], &class, None);
    let (at, anchor) =
        if value < 0.0 { (end - 6.0, Anchor::End) } else { (end + 6.0, Anchor::Start) };
    canvas.text(at, baseline, anchor, "dim", &text);
}
