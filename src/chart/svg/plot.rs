//! Lines, areas, dots and upright columns over numbers, times or labels.

use std::collections::HashSet;
use std::fmt::Write;

use super::axes::{Area, Names, draw_legend, draw_x, draw_y};
use super::canvas::{Canvas, FONT, fitted, short};
use super::stands_on_zero;
use crate::chart::figure::{Axis, Histogram, Mark, Plot, Series};
use crate::chart::scale::{Scale, Ticks, number_axis, round_scale, time_axis, value_label};
use crate::render::Readable;

/// Up to so many points each is marked and tells its value.
const MARKED: usize = 60;

/// Draws the plot with its axes; returns where it ends.
pub(super) fn draw(canvas: &mut Canvas, plot: &Plot, mut area: Area) -> f64 {
    area.top = draw_legend(canvas, area, &plot.series);
    let (low, high) = plot.y_range();
    let y = round_scale(low, high, ticks_of(area).apart(plot.y_grain()));
    let names = Names { x: &plot.x_name, y: &plot.y_name };
    let inner = draw_y(canvas, area, &y, &names);
    let gap = if plot.mark == Mark::Bar { least_gap(plot) } else { 0.0 };
    let x = x_scale(plot, inner.width(), gap);
    for (index, series) in plot.series.iter().enumerate() {
        let drawing = Drawing { plot, index, x: &x, y: &y, area: inner };
        match plot.mark {
            Mark::Bar => drawing.columns(canvas, series, gap),
            Mark::Dot => drawing.dots(canvas, series),
            Mark::Line | Mark::Area => drawing.line(canvas, series),
        }
    }
    draw_x(canvas, inner, area, &x, &names)
}

/// Draws the counts of a histogram as columns without gaps.
pub(super) fn draw_histogram(canvas: &mut Canvas, histogram: &Histogram, area: Area) -> f64 {
    let most = histogram.counts.iter().copied().max().unwrap_or(0);
    let y = round_scale(0.0, most.max(1) as f64, ticks_of(area).apart(1.0));
    let names = Names { x: &histogram.x_name, y: "rows" };
    let inner = draw_y(canvas, area, &y, &names);
    let end = histogram.start + histogram.counts.len() as f64 * histogram.step;
    let ticks = Ticks::at_most((inner.width() / 110.0) as usize).apart(histogram.axis.grain());
    let x = match histogram.axis {
        Axis::Times { .. } => time_axis(histogram.start, end, ticks),
        _ => number_axis(histogram.start, end, ticks),
    };
    for (index, count) in histogram.counts.iter().enumerate() {
        let from = histogram.start + index as f64 * histogram.step;
        let (left, right) = (inner.x(&x, from), inner.x(&x, from + histogram.step));
        let top = inner.y(&y, *count as f64);
        let zero = inner.y(&y, 0.0);
        let to = histogram.axis.label(from + histogram.step);
        let title = format!("{} to {to}: {count}", histogram.axis.label(from));
        let width = (right - left - 1.0).max(0.5);
        canvas.rect([left + 0.5, top, width, zero - top], "f0", Some(&title));
    }
    draw_x(canvas, inner, area, &x, &names)
}

/// The ticks of y that the area has room for.
fn ticks_of(area: Area) -> Ticks {
    Ticks::at_most(((area.height() / 55.0) as usize).clamp(2, 8))
}

/// The least distance between two places, which a group of columns may take.
fn least_gap(plot: &Plot) -> f64 {
    let places = plot.places();
    let gaps = places.windows(2).map(|pair| pair[1] - pair[0]);
    let least = gaps.fold(f64::MAX, f64::min);
    match (&plot.axis, least == f64::MAX) {
        (_, false) => least,
        (Axis::Times { .. }, true) => 86_400.0,
        _ => 1.0,
    }
}

fn x_scale(plot: &Plot, width: f64, gap: f64) -> Scale {
    let (low, high) = plot.x_extent().unwrap_or((0.0, 1.0));
    // Columns need half a gap at both ends; ticks stay on the values.
    let (low, high) = (low - gap / 2.0, high + gap / 2.0);
    let ticks = |room| Ticks::at_most((width / room) as usize).apart(plot.axis.grain());
    match &plot.axis {
        Axis::Numbers { .. } => number_axis(low, high, ticks(80.0)),
        Axis::Times { .. } => time_axis(low, high, ticks(110.0)),
        Axis::Labels(labels) => {
            let room = (width / labels.len().max(1) as f64).clamp(90.0, 240.0);
            let ticks = labels.iter().enumerate();
            let ticks = ticks.map(|(index, label)| (index as f64, fitted(label, room, FONT)));
            Scale { low, high, ticks: ticks.collect() }
        }
    }
}

struct Drawing<'a> {
    plot: &'a Plot,
    index: usize,
    x: &'a Scale,
    y: &'a Scale,
    area: Area,
}

impl Drawing<'_> {
    fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (self.area.x(self.x, x), self.area.y(self.y, y))
    }

    fn title(&self, series: &Series, x: f64, y: f64) -> String {
        let value = value_label(y, Readable::Off);
        format!("{}, {}: {value}", self.plot.axis.label(x), series.name)
    }

    fn columns(&self, canvas: &mut Canvas, series: &Series, gap: f64) {
        let many = if self.plot.stacked { 1.0 } else { self.plot.series.len() as f64 };
        let nth = if self.plot.stacked { 0.0 } else { self.index as f64 };
        let room = self.area.x(self.x, self.x.low + gap) - self.area.left;
        let thick = (room * 0.8 / many).clamp(0.5, 60.0);
        let class = format!("f{}", self.index);
        let marked = series.points.len() <= MARKED * 10;
        for (x, value) in &series.points {
            let Some(value) = *value else { continue };
            let base = self.base(*x, value);
            let (middle, end) = self.at(*x, base + value);
            let start = self.area.y(self.y, base);
            let left = middle - thick * many / 2.0 + thick * nth;
            let title = marked.then(|| self.title(series, *x, value));
            let place = [left, end.min(start), thick, (end - start).abs()];
            canvas.rect(place, &class, title.as_deref());
        }
    }

    /// Where a column begins: on zero, or on those of the series before it.
    fn base(&self, x: f64, value: f64) -> f64 {
        if !self.plot.stacked {
            return 0.0;
        }
        let before = self.plot.series[..self.index].iter();
        let values = before.filter_map(|series| series.at(x).flatten());
        values.filter(|other| (*other < 0.0) == (value < 0.0)).sum()
    }

    /// Dots; of those that would cover each other only one is drawn.
    fn dots(&self, canvas: &mut Canvas, series: &Series) {
        let mut drawn = HashSet::new();
        let known = series.points.iter().filter_map(|(x, y)| y.map(|y| (*x, y)));
        let seen = known.filter(|(x, y)| {
            let at = self.at(*x, *y);
            drawn.insert((at.0.round() as i64, at.1.round() as i64))
        });
        let seen: Vec<(f64, f64)> = seen.collect();
        if seen.len() > MARKED * 10 {
            // As lines of no length with round ends, in one path: a tenth of the
            // bytes.
            let dot = |(x, y): &(f64, f64)| {
                let (x, y) = self.at(*x, *y);
                format!("M{} {}h0", short(x), short(y))
            };
            let path: String = seen.iter().map(dot).collect();
            let more = "stroke-width=\"3.5\" stroke-linecap=\"round\" stroke-opacity=\"0.6\"";
            return canvas.path(&path, &format!("l{}", self.index), more);
        }
        canvas.start_group("fill-opacity=\"0.6\"");
        for (x, y) in seen {
            let title = self.title(series, x, y);
            canvas.circle(self.at(x, y), 3.0, &format!("f{}", self.index), Some(&title));
        }
        canvas.end_group();
    }

    fn line(&self, canvas: &mut Canvas, series: &Series) {
        let class = format!("l{}", self.index);
        let dot_class = format!("f{}", self.index);
        let known = series.points.iter().filter(|(_, y)| y.is_some()).count();
        for piece in series.points.split(|(_, y)| y.is_none()) {
            let points: Vec<(f64, f64)> =
                piece.iter().filter_map(|(x, y)| y.map(|y| self.at(*x, y))).collect();
            let (Some(first), Some(last)) = (points.first(), points.last()) else { continue };
            let path = path(&thinned(&points));
            if stands_on_zero(self.plot.mark) {
                let zero = short(self.area.y(self.y, 0.0));
                let closed = format!("{path}L{} {zero}L{} {zero}Z", short(last.0), short(first.0));
                canvas.path(&closed, &dot_class, "fill-opacity=\"0.25\"");
            }
            canvas.path(&path, &class, "stroke-width=\"2\" stroke-linejoin=\"round\"");
            if known > MARKED && points.len() == 1 {
                canvas.circle(*first, 2.0, &dot_class, None);
            }
        }
        if known <= MARKED {
            for (x, y) in series.points.iter().filter_map(|(x, y)| y.map(|y| (*x, y))) {
                let title = self.title(series, x, y);
                canvas.circle(self.at(x, y), 3.0, &dot_class, Some(&title));
            }
        }
    }
}

/// The points that can be told apart: of those in one pixel across, the first,
/// the lowest, the highest and the last.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() < 2000 {
        return points.to_vec();
    }
    let mut kept = Vec::new();
    for pixel in points.chunk_by(|a, b| a.0.floor() == b.0.floor()) {
        let by_height = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let ends = [
            pixel.first(),
            pixel.iter().min_by(by_height),
            pixel.iter().max_by(by_height),
            pixel.last(),
        ];
        kept.extend(ends.into_iter().flatten());
    }
    kept.dedup();
    kept
}

fn path(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (index, (x, y)) in points.iter().enumerate() {
        let command = if index == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{command}{} {}", short(*x), short(*y));
    }
    path
}
