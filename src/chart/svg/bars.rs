//! Horizontal bars with labels, which leave room for Chinese names.

use super::LINE;
use super::axes::{Area, draw_legend};
use super::canvas::{Anchor, Canvas, FONT, fitted, text_width};
use crate::chart::figure::{Axis, Mark, Plot};
use crate::chart::scale::{extent, value_label, value_labels};
use crate::render::{Readable, group_digits};

/// More bars than this cannot be read in one picture.
const MOST_BARS: usize = 100;
/// Below this width long labels take room that the bars need.
const NARROW: f64 = 480.0;

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
    if let [_] = plot.series.as_slice() {
        // Of several series the legend says what the bars are.
        area.top += LINE;
        let name = fitted(&plot.y_name, area.width(), FONT);
        canvas.text(area.left, area.top - 10.0, Anchor::Start, "dim", &name);
    }
    let many = plot.series.len();
    let mut places = plot.places();
    let most = MOST_BARS / many.max(1);
    if places.len() > most {
        let [shown, all] = [most, places.len()].map(|count| group_digits(count as u64));
        notes.push(format!("shown: the first {shown} of {all} labels"));
        places.truncate(most);
    }
    let layout = Layout::new(plot, &places, area);
    let (bars, thick, gap) = match many {
        1 => (1, 18.0, 8.0),
        _ if plot.stacked => (1, 18.0, 8.0),
        _ => (many, 14.0, 10.0),
    };
    let height = thick * bars as f64;
    let zero = layout.x(0.0).round() + 0.5;
    let mut y = area.top;
    for place in &places {
        let label = plot.axis.label(*place);
        if layout.labels_above {
            let text = fitted(&label, area.width(), FONT);
            canvas.cut_text((area.left, y + 12.0), Anchor::Start, &text, &label);
            y += LINE;
        } else {
            let text = fitted(&label, layout.labels.max(20.0), FONT);
            let middle = (area.left + layout.labels, y + height / 2.0 + 4.0);
            canvas.cut_text(middle, Anchor::End, &text, &label);
        }
        if plot.stacked {
            draw_stack(canvas, plot, *place, y, &layout);
        }
        for (index, series) in plot.series.iter().enumerate().filter(|_| !plot.stacked) {
            // A pair that the result has no row for gets no bar, not even NULL.
            if let Some(value) = series.at(*place) {
                draw_bar(canvas, index, value, [y + thick * index as f64, thick], &layout);
            }
        }
        canvas.line((zero, y - gap / 2.0), (zero, y + height + gap / 2.0), "axis");
        y += height + gap;
    }
    y
}

/// Where labels and bars stand.
struct Layout {
    /// Whether each label has a line of its own above its bars, as a narrow
    /// picture has no room beside them.
    labels_above: bool,
    /// The width of the labels beside the bars.
    labels: f64,
    /// Where the bars may begin and end.
    ends: (f64, f64),
    /// The values that stand there.
    values: (f64, f64),
    /// The label of each value, in the order of the values.
    texts: Vec<(f64, String)>,
}

impl Layout {
    fn new(plot: &Plot, places: &[f64], area: Area) -> Self {
        let mut values: Vec<f64> = if plot.stacked {
            places.iter().flat_map(|x| <[f64; 2]>::from(plot.stack(*x))).collect()
        } else {
            let all = places.iter().flat_map(|x| plot.series.iter().map(|series| series.at(*x)));
            all.flatten().flatten().collect()
        };
        values.sort_by(f64::total_cmp);
        values.dedup();
        let (low, high) = extent(values.iter().copied())
            .map_or((0.0, 1.0), |(low, high)| (low.min(0.0), high.max(0.0)));
        let widest = |texts: &mut dyn Iterator<Item = &str>| {
            texts.map(|text| text_width(text, FONT)).fold(0.0, f64::max)
        };
        let names: Vec<String> = places.iter().map(|x| plot.axis.label(*x)).collect();
        let wanted = widest(&mut names.iter().map(String::as_str));
        let labels_above = area.width() < NARROW && wanted > area.width() * 0.3;
        let labels = if labels_above { 0.0 } else { wanted.min(area.width() * 0.4) };
        let texts = value_labels(&values);
        let (below, above): (Vec<_>, Vec<_>) =
            values.iter().zip(&texts).partition(|(value, _)| **value < 0.0);
        let widest_of =
            |side: Vec<(&f64, &String)>| widest(&mut side.iter().map(|(_, text)| text.as_str()));
        let (below, above) = (widest_of(below), widest_of(above));
        let gap = if labels_above { 1.0 } else { 8.0 };
        let left = area.left + labels + gap + if below > 0.0 { below + 8.0 } else { 0.0 };
        let right = (area.right - above - 8.0).max(left + 20.0);
        let high = if high > low { high } else { low + 1.0 };
        let texts = values.into_iter().zip(texts).collect();
        Self { labels_above, labels, ends: (left, right), values: (low, high), texts }
    }

    fn x(&self, value: f64) -> f64 {
        let ((left, right), (low, high)) = (self.ends, self.values);
        left + (value - low) / (high - low) * (right - left)
    }

    /// The label of one of the values.
    fn text(&self, value: f64) -> &str {
        let at = self.texts.partition_point(|(other, _)| other.total_cmp(&value).is_lt());
        self.texts.get(at).map_or("", |(_, text)| text)
    }
}

/// A bar with its number at its end; `top` and thickness are given.
fn draw_bar(
    canvas: &mut Canvas,
    index: usize,
    value: Option<f64>,
    [top, thick]: [f64; 2],
    layout: &Layout,
) {
    let baseline = top + thick / 2.0 + 4.0;
    let zero = layout.x(0.0);
    let Some(value) = value else {
        return canvas.text(zero + 6.0, baseline, Anchor::Start, "dim", "NULL");
    };
    let end = layout.x(value);
    let width = (end - zero).abs().max(if value == 0.0 { 0.0 } else { 1.0 });
    let class = format!("f{index}");
    canvas.rect([zero.min(end), top + 1.0, width, thick - 2.0], &class, None);
    draw_number(canvas, value, end, baseline, layout);
}

/// The bars of a place, each beginning where the one before it ends, and their
/// sum; a number stands in each that has room for it.
fn draw_stack(canvas: &mut Canvas, plot: &Plot, place: f64, top: f64, layout: &Layout) {
    const THICK: f64 = 18.0;
    let baseline = top + THICK / 2.0 + 4.0;
    let (mut below, mut above) = (0.0, 0.0);
    for (index, series) in plot.series.iter().enumerate() {
        let Some(value) = series.at(place).flatten().filter(|value| *value != 0.0) else {
            continue;
        };
        let from = if value < 0.0 { &mut below } else { &mut above };
        let (one, two) = (layout.x(*from), layout.x(*from + value));
        *from += value;
        let text = value_label(value, Readable::Off);
        let title = format!("{}: {text}", series.name);
        let width = (two - one).abs();
        let class = format!("f{index}");
        canvas.rect([one.min(two), top + 1.0, width.max(0.5), THICK - 2.0], &class, Some(&title));
        if width > text_width(&text, FONT) + 6.0 {
            canvas.text(f64::midpoint(one, two), baseline, Anchor::Middle, "on", &text);
        }
    }
    let (low, high) = plot.stack(place);
    if low < 0.0 {
        draw_number(canvas, low, layout.x(low), baseline, layout);
    }
    if high > 0.0 || low == 0.0 {
        draw_number(canvas, high, layout.x(high), baseline, layout);
    }
}

/// The number of a bar that ends at `end`.
fn draw_number(canvas: &mut Canvas, value: f64, end: f64, baseline: f64, layout: &Layout) {
    let (at, anchor) =
        if value < 0.0 { (end - 6.0, Anchor::End) } else { (end + 6.0, Anchor::Start) };
    canvas.text(at, baseline, anchor, "dim", layout.text(value));
}
