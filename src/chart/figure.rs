//! From the rows of a result to what a chart draws.

use std::collections::{HashMap, HashSet};

use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;

use super::choose::are_distinct;
use super::gaps;
use super::scale::{Ticks, extent, plain_label, round_scale, seconds, time_label, value_label};
use super::spec::{Kind, Spec};
use crate::error::{Error, Result, nearest};
use crate::render::value::{Column, Value};
use crate::render::{Readable, group_digits, is_number, plain, type_name, visible};

/// More lines or groups than this cannot be told apart.
pub(super) const MOST_SERIES: usize = 8;
/// More cells than this cannot be seen in a heat map.
const MOST_CELLS: usize = 20_000;
/// Of more bars than this nobody reads in which order they stand.
const MOST_RANKED: usize = 40;
/// Rows of a moment that another one has are few, if they are fewer than one in so many.
const FEW: usize = 10;
/// Numbers beyond this are taken as unknown, so that distances stay finite.
const LARGEST: f64 = 1e300;

/// What a chart draws.
#[derive(Debug)]
pub(super) enum Figure {
    Plot(Plot),
    Histogram(Histogram),
    Heat(Heat),
    Spark { name: String, values: Vec<Option<f64>> },
}

/// How the values of a plot are marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Bar,
    Line,
    Area,
    Dot,
}

/// Points along x, in one or more series.
#[derive(Debug)]
pub(super) struct Plot {
    pub(super) mark: Mark,
    pub(super) x_name: String,
    /// The name of the values; empty when each series has its own.
    pub(super) y_name: String,
    pub(super) axis: Axis,
    pub(super) series: Vec<Series>,
    /// Whether the bars of one place stand on each other.
    pub(super) stacked: bool,
}

/// What stands along x.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Axis {
    /// Numbers; whether all of them are whole.
    Numbers { whole: bool },
    /// Wall-clock seconds; whether the time of day matters.
    Times { clock: bool },
    /// Labels; a point's x is the index of its label.
    Labels(Vec<String>),
}

impl Axis {
    /// How far apart two values are at least, as far as that is known.
    pub(super) fn grain(&self) -> f64 {
        match self {
            Self::Numbers { whole: true } => 1.0,
            Self::Times { clock: false } => 86_400.0,
            Self::Numbers { .. } | Self::Times { .. } | Self::Labels(_) => 0.0,
        }
    }

    /// The label of one x.
    pub(super) fn label(&self, x: f64) -> String {
        match self {
            Self::Numbers { .. } => plain_label(x),
            Self::Times { clock } => time_label(x, *clock),
            Self::Labels(labels) => labels.get(x as usize).cloned().unwrap_or_default(),
        }
    }
}

/// Points of one name; an unknown y is a gap.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) points: Vec<(f64, Option<f64>)>,
}

impl Series {
    /// The value at the place `x`: `None` where there is no row, and within it
    /// `None` where the row has NULL. Points are in the order of x.
    pub(super) fn at(&self, x: f64) -> Option<Option<f64>> {
        let at = self.points.partition_point(|(other, _)| *other < x);
        self.points.get(at).filter(|(other, _)| *other == x).map(|(_, y)| *y)
    }
}

impl Plot {
    /// The least and greatest known y.
    pub(super) fn y_extent(&self) -> Option<(f64, f64)> {
        if self.stacked {
            return extent(self.places().into_iter().flat_map(|x| <[f64; 2]>::from(self.stack(x))));
        }
        extent(self.series.iter().flat_map(|series| series.points.iter().filter_map(|(_, y)| *y)))
    }

    /// How far the bars at `x` reach when they stand on each other: those below
    /// zero downwards, the others upwards.
    pub(super) fn stack(&self, x: f64) -> (f64, f64) {
        let values = self.series.iter().filter_map(|series| series.at(x).flatten());
        values.fold((0.0, 0.0), |(low, high), value| (low + value.min(0.0), high + value.max(0.0)))
    }

    /// The least and greatest x.
    pub(super) fn x_extent(&self) -> Option<(f64, f64)> {
        extent(self.series.iter().flat_map(|series| series.points.iter().map(|(x, _)| *x)))
    }

    /// The least and greatest y that the axis must reach: bars and areas stand
    /// on zero, and so do lines that would otherwise exaggerate.
    pub(super) fn y_range(&self) -> (f64, f64) {
        let (low, high) = self.y_extent().unwrap_or((0.0, 1.0));
        let from_zero = match self.mark {
            Mark::Bar | Mark::Area => true,
            Mark::Line | Mark::Dot => low > 0.0 && high - low > high * 0.2,
        };
        if from_zero { (low.min(0.0), high.max(0.0)) } else { (low, high) }
    }

    /// How far apart two values of y are at least, as far as that is known.
    pub(super) fn y_grain(&self) -> f64 {
        let mut known = self.series.iter().flat_map(|series| &series.points);
        if known.all(|(_, y)| y.is_none_or(|y| y.fract() == 0.0)) { 1.0 } else { 0.0 }
    }

    /// All x in order, each once.
    pub(super) fn places(&self) -> Vec<f64> {
        let mut places: Vec<f64> =
            self.series.iter().flat_map(|series| series.points.iter().map(|(x, _)| *x)).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        places
    }
}

/// Counts of equal intervals.
#[derive(Debug)]
pub(super) struct Histogram {
    pub(super) x_name: String,
    pub(super) axis: Axis,
    pub(super) start: f64,
    pub(super) step: f64,
    /// Whether all values are whole numbers, so that an interval from 0 to 9 and
    /// the next from 10 leave nothing out.
    pub(super) whole: bool,
    pub(super) counts: Vec<u64>,
}

/// A value for each pair of labels.
#[derive(Debug)]
pub(super) struct Heat {
    pub(super) x_name: String,
    pub(super) y_name: String,
    pub(super) value_name: String,
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<String>,
    /// By row, then by column; `None` where the result has no row or NULL.
    pub(super) cells: Vec<Vec<Option<f64>>>,
}

impl Heat {
    pub(super) fn extent(&self) -> Option<(f64, f64)> {
        extent(self.cells.iter().flatten().filter_map(|cell| *cell))
    }

    /// Whether all values are whole, as counts are.
    pub(super) fn is_whole(&self) -> bool {
        are_whole(self.cells.iter().flatten().flatten())
    }
}

impl Figure {
    /// Whether there is no value to draw: no row, or NULL in all of them.
    pub(super) fn is_blank(&self) -> bool {
        match self {
            Self::Plot(plot) => {
                let mut points = plot.series.iter().flat_map(|series| &series.points);
                points.all(|(_, y)| y.is_none())
            }
            Self::Histogram(histogram) => histogram.counts.iter().all(|count| *count == 0),
            Self::Heat(heat) => heat.extent().is_none(),
            Self::Spark { values, .. } => values.iter().all(Option::is_none),
        }
    }

    /// What is shown, in a sentence.
    pub(super) fn description(&self) -> String {
        let label = |value| value_label(value, Readable::Off);
        match self {
            Self::Plot(plot) => {
                let kind = match plot.mark {
                    Mark::Bar => "bar chart",
                    Mark::Line => "line chart",
                    Mark::Area => "area chart",
                    Mark::Dot => "scatter plot",
                };
                let names: Vec<&str> = plot.series.iter().map(|s| s.name.as_str()).collect();
                let range = plot.y_extent().map_or_else(
                    || "no values".to_owned(),
                    |(low, high)| format!("from {} to {}", label(low), label(high)),
                );
                format!("{kind} of {} by {}, {range}", names.join(", "), plot.x_name)
            }
            Self::Histogram(histogram) => {
                let rows = histogram.counts.iter().sum();
                format!("histogram of {}, {} rows", histogram.x_name, group_digits(rows))
            }
            Self::Heat(heat) => {
                let (rows, columns) = (heat.rows.len(), heat.columns.len());
                let (x, y, value) = (&heat.x_name, &heat.y_name, &heat.value_name);
                format!("heat map of {value} by {x} ({columns}) and {y} ({rows})")
            }
            Self::Spark { name, values } => {
                let known = extent(values.iter().filter_map(|value| *value));
                known.map_or_else(
                    || format!("{name}, no values"),
                    |(low, high)| format!("{name} from {} to {}", label(low), label(high)),
                )
            }
        }
    }
}

/// Reads the figure that `spec` asks for, and the notes on it.
pub(super) fn read(
    spec: &Spec,
    schema: &SchemaRef,
    batches: &[RecordBatch],
) -> Result<(Figure, Vec<String>)> {
    let table = Table { schema, batches };
    let (figure, mut notes) = table.figure(spec)?;
    if batches.iter().all(|batch| batch.num_rows() == 0) {
        notes.push("the result has no rows".to_owned());
    } else if figure.is_blank() {
        notes.push("no values to draw: all are NULL".to_owned());
    }
    Ok((figure, notes))
}

/// A result that is read.
pub(super) struct Table<'a> {
    pub(super) schema: &'a SchemaRef,
    pub(super) batches: &'a [RecordBatch],
}

impl Table<'_> {
    fn figure(&self, spec: &Spec) -> Result<(Figure, Vec<String>)> {
        match spec.kind {
            Kind::Bar => self.plot(spec, Mark::Bar),
            Kind::Line => self.plot(spec, Mark::Line),
            Kind::Area => self.plot(spec, Mark::Area),
            Kind::Scatter => self.plot(spec, Mark::Dot),
            Kind::Histogram => self.histogram(spec),
            Kind::Heat => self.heat(spec),
            Kind::Spark => self.spark(spec),
        }
    }

    fn plot(&self, spec: &Spec, mark: Mark) -> Result<(Figure, Vec<String>)> {
        let named = spec.series.as_deref().map(|name| self.index(name)).transpose()?;
        let x = self.along(spec, named)?;
        let ys = self.numbers_of(&spec.y, &[Some(x), named])?;
        let mut notes = Vec::new();
        let (mut axis, mut places) = self.axis(x, mark, named.is_some())?;
        let series = match named {
            None if mark != Mark::Dot => self.told_apart(x, &ys, &axis, &places, &mut notes)?,
            named => named,
        };
        if mark == Mark::Bar && series.is_none() && self.is_ranked(x, &places)? {
            (axis, places) = in_order_of_rows(&axis, &places);
        }
        let nowhere = places.iter().filter(|place| place.is_none()).count();
        if nowhere > 0 {
            notes.push(self.left_out(nowhere, x));
        }
        let mut all = match series {
            None => self.series_of_columns(&ys, &places)?,
            Some(series) => self.series_of_values(series, ys[0], &places)?,
        };
        // One series has no legend that would tell whose it is.
        if let (Some(by), [only]) = (series, all.as_slice()) {
            notes.push(format!("{} is {}", self.name(by), only.name));
        }
        if all.len() > MOST_SERIES {
            notes.push(format!("shown: the first {MOST_SERIES} of {} series", all.len()));
            all.truncate(MOST_SERIES);
        }
        for series in &mut all {
            if mark != Mark::Dot {
                series.points.sort_by(|a, b| a.0.total_cmp(&b.0));
            }
        }
        if series.is_some() && mark != Mark::Dot {
            self.refuse_two_in_one_place(&all, &axis)?;
        }
        let y_name = if ys.len() == 1 { self.name(ys[0]) } else { String::new() };
        let stacked = spec.stacked && all.len() > 1;
        let mut plot = Plot { mark, x_name: self.name(x), y_name, axis, series: all, stacked };
        notes.extend(gaps::break_lines(&mut plot));
        Ok((Figure::Plot(plot), notes))
    }

    /// The column that tells rows of one place apart, if there are such rows and it is not
    /// named: bars would hide each other, and a line would go up and down in one place.
    /// Where nothing tells them apart they are refused, unless they are few, as posts of
    /// the same second.
    fn told_apart(
        &self,
        x: usize,
        ys: &[usize],
        axis: &Axis,
        places: &[Option<f64>],
        notes: &mut Vec<String>,
    ) -> Result<Option<usize>> {
        let Some((place, rows, more)) = crowded(places) else { return Ok(None) };
        let (x_name, place) = (self.name(x), axis.label(place));
        let labels = (0..self.schema.fields().len()).filter(|index| {
            let data_type = self.schema.field(*index).data_type();
            *index != x && !ys.contains(index) && !is_number(data_type) && !is_time(data_type)
        });
        let labels: Vec<usize> = labels.collect();
        let all = self.texts(x)?;
        if let [_] = ys
            && let Some(series) = self.series(&all, &labels)?
        {
            let name = visible(&series).into_owned();
            notes.push(format!("several rows have one {x_name}: told apart by series={name}"));
            return self.index(&series).map(Some);
        }
        let is_moment =
            matches!(axis, Axis::Times { clock: true } | Axis::Numbers { whole: false });
        if is_moment && more * FEW < places.len() {
            notes.push(format!("several rows have one {x_name}, as {place} has {rows}"));
            return Ok(None);
        }
        let error = Error::query(format!("several rows have one {x_name}, as {place} has {rows}"));
        let y = ys.first().map(|y| words_of(&self.name(*y))).unwrap_or_default();
        let x = words_of(&x_name);
        let sum = format!("SELECT {x}, sum({y}) FROM _ GROUP BY {x}, if a sum is meant");
        for label in labels.iter().filter(|_| ys.len() == 1) {
            if are_distinct(all.iter().zip(&self.texts(*label)?)) {
                let name = self.name(*label);
                return Err(error.hint(format!("series={name} tells them apart; or {sum}")));
            }
        }
        Err(error.hint(sum))
    }

    fn series_of_columns(&self, ys: &[usize], places: &[Option<f64>]) -> Result<Vec<Series>> {
        let read = |&y: &usize| {
            let values = self.numbers(y)?;
            let points = places.iter().zip(values).filter_map(|(x, y)| x.map(|x| (x, y)));
            Ok(Series { name: self.name(y), points: points.collect() })
        };
        ys.iter().map(read).collect()
    }

    fn series_of_values(&self, by: usize, y: usize, places: &[Option<f64>]) -> Result<Vec<Series>> {
        let mut all: Vec<Series> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        let names = self.texts(by)?;
        for ((name, x), y) in names.into_iter().zip(places).zip(self.numbers(y)?) {
            let Some(x) = *x else { continue };
            let index = *known.entry(name.clone()).or_insert_with(|| {
                all.push(Series { name, points: Vec::new() });
                all.len() - 1
            });
            all[index].points.push((x, y));
        }
        Ok(all)
    }

    fn refuse_two_in_one_place(&self, all: &[Series], axis: &Axis) -> Result<()> {
        for series in all {
            for pair in series.points.windows(2) {
                if pair[0].0 == pair[1].0 {
                    let place = axis.label(pair[0].0);
                    let error = Error::query(format!(
                        "the result has more than one row for `{place}` and `{}`",
                        series.name
                    ));
                    return Err(error.hint("GROUP BY both columns gives one row for each pair"));
                }
            }
        }
        Ok(())
    }

    /// What stands along x, and where each row is on it. Rows that share a label
    /// share its place only when series are told apart by a column.
    fn axis(&self, x: usize, mark: Mark, shared: bool) -> Result<(Axis, Vec<Option<f64>>)> {
        let data_type = self.schema.field(x).data_type();
        if is_number(data_type) {
            let numbers = self.numbers(x)?;
            let whole = are_whole(numbers.iter().flatten());
            return Ok((Axis::Numbers { whole }, numbers));
        }
        if is_time(data_type) {
            let times = self.times(x)?;
            let clock = times.iter().flatten().any(|time| time % 86_400.0 != 0.0);
            return Ok((Axis::Times { clock }, times));
        }
        let texts = self.texts(x)?;
        if !shared && mark == Mark::Bar {
            let places = (0..texts.len()).map(|index| Some(index as f64)).collect();
            return Ok((Axis::Labels(texts), places));
        }
        let mut labels = distinct(&texts);
        // Each series may have months that others lack.
        if labels.iter().all(|label| reads_as_time(label)) {
            labels.sort();
        }
        let index: HashMap<&String, usize> =
            labels.iter().enumerate().map(|(index, label)| (label, index)).collect();
        let places = texts.iter().map(|text| index.get(text).map(|index| *index as f64)).collect();
        Ok((Axis::Labels(labels.clone()), places))
    }

    /// Whether the rows stand in an order that somebody chose: from the last x to the
    /// first, or as a column of numbers has it; those in the order of x do not.
    fn is_ranked(&self, x: usize, places: &[Option<f64>]) -> Result<bool> {
        let known: Vec<f64> = places.iter().flatten().copied().collect();
        let mut distinct = known.clone();
        distinct.sort_by(f64::total_cmp);
        distinct.dedup();
        let told_apart = distinct.len() == known.len();
        if known.len() > MOST_RANKED || !told_apart || known.is_sorted() {
            return Ok(false);
        }
        if are_ranked(&known) {
            return Ok(true);
        }
        let fields = self.schema.fields().iter().enumerate();
        let numbers = fields.filter(|(index, field)| *index != x && is_number(field.data_type()));
        for (column, _) in numbers {
            let values: Option<Vec<f64>> = self.numbers(column)?.into_iter().collect();
            if values.is_some_and(|values| are_ranked(&values)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn histogram(&self, spec: &Spec) -> Result<(Figure, Vec<String>)> {
        let chosen = spec.x.as_ref().or(spec.y.first());
        let x = match chosen {
            Some(name) => self.index(name)?,
            None => self.first_number(&[])?,
        };
        let data_type = self.schema.field(x).data_type();
        let (axis, values) = if is_time(data_type) {
            (Axis::Times { clock: true }, self.times(x)?)
        } else {
            self.require_number(x)?;
            let numbers = self.numbers(x)?;
            (Axis::Numbers { whole: are_whole(numbers.iter().flatten()) }, numbers)
        };
        let known: Vec<f64> = values.iter().flatten().copied().collect();
        let mut notes = Vec::new();
        if known.len() < values.len() {
            notes.push(self.left_out(values.len() - known.len(), x));
        }
        let whole = axis == Axis::Numbers { whole: true };
        let (start, step, counts) = match axis {
            Axis::Times { .. } => time_bins(&known),
            _ => bins(&known, spec.bins, whole),
        };
        let histogram = Histogram { x_name: self.name(x), axis, start, step, whole, counts };
        Ok((Figure::Histogram(histogram), notes))
    }

    fn heat(&self, spec: &Spec) -> Result<(Figure, Vec<String>)> {
        let x = self.named_or_first(spec.x.as_deref())?;
        let y = match spec.y.first() {
            Some(name) => self.index(name)?,
            None => (0..self.schema.fields().len()).find(|index| *index != x).ok_or_else(|| {
                Error::query("a heat map needs two columns, and a third with the values")
            })?,
        };
        let value = match &spec.value {
            Some(name) => self.index(name)?,
            None => self.first_number(&[Some(x), Some(y)])?,
        };
        self.require_number(value)?;
        let (columns, column_of) = self.labels(x)?;
        let (rows, row_of) = self.labels(y)?;
        if rows.len().saturating_mul(columns.len()) > MOST_CELLS {
            let size = format!("{} by {}", rows.len(), columns.len());
            let error = Error::query(format!("{size} cells are too many for a heat map"));
            return Err(error.hint(format!("at most {MOST_CELLS} can be shown")));
        }
        let mut cells = vec![vec![None; columns.len()]; rows.len()];
        let mut taken = HashSet::new();
        for (index, value) in self.numbers(value)?.into_iter().enumerate() {
            let (row, column) = (row_of[index], column_of[index]);
            if !taken.insert((row, column)) {
                let place = format!("`{}` and `{}`", columns[column], rows[row]);
                let error = Error::query(format!("the result has more than one row for {place}"));
                return Err(error.hint("GROUP BY both columns gives one row for each pair"));
            }
            cells[row][column] = value;
        }
        let (x_name, y_name) = (self.name(x), self.name(y));
        let value_name = self.name(value);
        Ok((Figure::Heat(Heat { x_name, y_name, value_name, columns, rows, cells }), Vec::new()))
    }

    /// The labels of an axis of a heat map, and the label of each row. Whole
    /// numbers are in order and without gaps, so that an hour without posts is
    /// seen; others come as the result has them.
    fn labels(&self, index: usize) -> Result<(Vec<String>, Vec<usize>)> {
        let texts = self.texts(index)?;
        let mut labels = distinct(&texts);
        let numbers: Option<Vec<i64>> = labels.iter().map(|label| label.parse().ok()).collect();
        if let Some(mut numbers) = numbers
            && is_number(self.schema.field(index).data_type())
        {
            numbers.sort_unstable();
            let ends = numbers.first().zip(numbers.last());
            if let Some((&low, &high)) = ends
                && high.abs_diff(low) < 100
            {
                numbers = (low..=high).collect();
            }
            labels = numbers.iter().map(ToString::to_string).collect();
        }
        let places: HashMap<&str, usize> =
            labels.iter().enumerate().map(|(place, label)| (label.as_str(), place)).collect();
        let of_rows = texts.iter().map(|text| places.get(text.as_str()).copied().unwrap_or(0));
        let of_rows = of_rows.collect();
        Ok((labels.clone(), of_rows))
    }

    fn spark(&self, spec: &Spec) -> Result<(Figure, Vec<String>)> {
        let y = match spec.y.first() {
            Some(name) => self.index(name)?,
            None => self.first_number(&[])?,
        };
        self.require_number(y)?;
        Ok((Figure::Spark { name: self.name(y), values: self.numbers(y)? }, Vec::new()))
    }

    fn left_out(&self, rows: usize, x: usize) -> String {
        let s = if rows == 1 { "" } else { "s" };
        format!("left out: {} row{s} without {}", group_digits(rows as u64), self.name(x))
    }

    fn name(&self, index: usize) -> String {
        visible(self.schema.field(index).name()).into_owned()
    }

    fn index(&self, name: &str) -> Result<usize> {
        let fields = self.schema.fields();
        let exact = fields.iter().position(|field| field.name() == name);
        let loose = || fields.iter().position(|field| field.name().eq_ignore_ascii_case(name));
        exact.or_else(loose).ok_or_else(|| {
            let error = Error::query(format!("the result has no column `{}`", visible(name)));
            match nearest(name, fields.iter().map(|field| field.name().as_str())) {
                Some(near) => error.hint(format!("did you mean `{}`?", visible(near))),
                None => error.hint(format!("its columns are {}", self.names(|_| true))),
            }
        })
    }

    fn names(&self, keep: fn(&DataType) -> bool) -> String {
        let fields = self.schema.fields().iter().filter(|field| keep(field.data_type()));
        let names: Vec<_> = fields.map(|field| visible(field.name())).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }

    fn named_or_first(&self, name: Option<&str>) -> Result<usize> {
        match name {
            Some(name) => self.index(name),
            None if self.schema.fields().is_empty() => {
                Err(Error::query("the result has no columns"))
            }
            None => Ok(0),
        }
    }

    /// The columns called `names`, or else the first one with numbers.
    fn numbers_of(&self, names: &[String], taken: &[Option<usize>]) -> Result<Vec<usize>> {
        if names.is_empty() {
            return Ok(vec![self.first_number(taken)?]);
        }
        let columns: Vec<usize> =
            names.iter().map(|name| self.index(name)).collect::<Result<_>>()?;
        for column in &columns {
            self.require_number(*column)?;
        }
        Ok(columns)
    }

    /// The column along a plot: the one that is named, or else the first that leaves
    /// numbers to draw.
    fn along(&self, spec: &Spec, series: Option<usize>) -> Result<usize> {
        if spec.x.is_some() {
            return self.named_or_first(spec.x.as_deref());
        }
        let drawn = spec.y.iter().map(|name| self.index(name)).collect::<Result<Vec<_>>>()?;
        let all = || 0..self.schema.fields().len();
        let is_free = |index: &usize| !drawn.contains(index) && Some(*index) != series;
        let leaves_numbers = |x: &usize| {
            let mut others = all().filter(|index| index != x && Some(*index) != series);
            !drawn.is_empty() || others.any(|index| is_number(self.schema.field(index).data_type()))
        };
        let mut free = all().filter(is_free);
        match free.clone().find(leaves_numbers).or_else(|| free.next()) {
            Some(x) => Ok(x),
            None if all().is_empty() => Err(Error::query("the result has no columns")),
            None => Err(self.no_x()),
        }
    }

    fn first_number(&self, taken: &[Option<usize>]) -> Result<usize> {
        let free = (0..self.schema.fields().len()).filter(|index| !taken.contains(&Some(*index)));
        let mut numbers = free.filter(|index| is_number(self.schema.field(*index).data_type()));
        numbers.next().ok_or_else(|| match &self.schema.fields()[..] {
            [only] if is_number(only.data_type()) => self.no_x(),
            _ => Error::query("the result has no column of numbers to draw")
                .hint(format!("its columns are {}", self.names(|_| true))),
        })
    }

    /// `spec` with the columns that a plot of it takes where it names no numbers, and
    /// the columns of numbers that are then not drawn.
    pub(super) fn filled_in(&self, spec: &Spec) -> Result<(Spec, Vec<String>)> {
        let is_plot = matches!(spec.kind, Kind::Bar | Kind::Line | Kind::Area | Kind::Scatter);
        if !is_plot || !spec.y.is_empty() {
            return Ok((spec.clone(), Vec::new()));
        }
        let series = spec.series.as_deref().map(|name| self.index(name)).transpose()?;
        let x = self.along(spec, series)?;
        let y = self.first_number(&[Some(x), series])?;
        let drawn = [Some(x), Some(y), series];
        let left_out = (0..self.schema.fields().len()).filter(|index| {
            !drawn.contains(&Some(*index)) && is_number(self.schema.field(*index).data_type())
        });
        let left_out = left_out.map(|index| self.name(index)).collect();
        let own_name = |index: usize| self.schema.field(index).name().clone();
        let filled = Spec { x: Some(own_name(x)), y: vec![own_name(y)], ..spec.clone() };
        Ok((filled, left_out))
    }

    /// The error for numbers that stand by themselves.
    fn no_x(&self) -> Error {
        let numbers = self.names(is_number);
        Error::query(format!("the chart has no x: a column of times or names beside {numbers}"))
            .hint("numbers alone are drawn by histogram")
    }

    fn require_number(&self, index: usize) -> Result<()> {
        let data_type = self.schema.field(index).data_type();
        if is_number(data_type) {
            return Ok(());
        }
        let (name, found) = (self.name(index), type_name(data_type));
        Err(Error::query(format!("a chart needs numbers, and column `{name}` is {found}"))
            .hint(format!("columns of numbers: {}", self.names(is_number))))
    }

    fn read<T>(&self, index: usize, mut cell: impl FnMut(Value<'_>) -> T) -> Result<Vec<T>> {
        let mut all = Vec::new();
        for batch in self.batches {
            let column = Column::new(batch.column(index))?;
            all.extend((0..batch.num_rows()).map(|row| cell(column.get(row))));
        }
        Ok(all)
    }

    pub(super) fn numbers(&self, index: usize) -> Result<Vec<Option<f64>>> {
        self.read(index, |value| number(&value).filter(|number| number.abs() <= LARGEST))
    }

    pub(super) fn times(&self, index: usize) -> Result<Vec<Option<f64>>> {
        self.read(index, |value| match value {
            Value::Date(days) => Some(days as f64 * 86_400.0),
            Value::Moment(moment) => Some(seconds(moment)),
            _ => None,
        })
    }

    pub(super) fn texts(&self, index: usize) -> Result<Vec<String>> {
        self.read(index, |value| match value {
            Value::Null => "NULL".to_owned(),
            value => visible(&plain(&value)).into_owned(),
        })
    }
}

/// A place that several rows have, how many have it, and how many rows have the place of
/// another one in all; none if all have their own.
fn crowded(places: &[Option<f64>]) -> Option<(f64, usize, usize)> {
    let mut known: Vec<f64> = places.iter().flatten().copied().collect();
    known.sort_by(f64::total_cmp);
    let places: Vec<&[f64]> = known.chunk_by(|one, next| one == next).collect();
    let first = places.iter().find(|rows| rows.len() > 1)?;
    Some((first[0], first.len(), known.len() - places.len()))
}

/// A name as a statement has it.
fn words_of(name: &str) -> String {
    let is_plain = |sign: char| sign.is_alphanumeric() && !sign.is_uppercase() || sign == '_';
    match name.chars().all(is_plain) && !name.starts_with(char::is_numeric) {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// Whether numbers go up or down all the way.
fn are_ranked(numbers: &[f64]) -> bool {
    let differ = numbers.first() != numbers.last();
    differ && (numbers.is_sorted() || numbers.is_sorted_by(|one, next| one >= next))
}

/// An axis of labels in the order of the rows, in place of one in the order of x.
fn in_order_of_rows(axis: &Axis, places: &[Option<f64>]) -> (Axis, Vec<Option<f64>>) {
    let label = |place: &Option<f64>| place.map(|x| axis.label(x)).unwrap_or_default();
    let in_order = places.iter().enumerate();
    let in_order = in_order.map(|(index, place)| place.map(|_| index as f64)).collect();
    (Axis::Labels(places.iter().map(label).collect()), in_order)
}

fn are_whole<'a>(mut numbers: impl Iterator<Item = &'a f64>) -> bool {
    numbers.all(|number| number.fract() == 0.0)
}

fn distinct(texts: &[String]) -> Vec<String> {
    let mut seen = HashSet::new();
    texts.iter().filter(|text| seen.insert(text.as_str())).cloned().collect()
}

/// Whether a text is a month or a day, or another part of a year, as in 2012-08; the
/// order of such texts is that of time.
pub(super) fn reads_as_time(text: &str) -> bool {
    let shape: String =
        text.chars().map(|sign| if sign.is_ascii_digit() { '0' } else { sign }).collect();
    let day = shape.split([' ', 'T']).next().unwrap_or_default();
    let (date, is_day) = match shape.as_str() {
        "0000-Q0" | "0000-W00" | "0000-00" | "0000/00" | "0000.00" | "0000年00月" => {
            (true, false)
        }
        _ => (matches!(day, "0000-00-00" | "0000/00/00" | "0000.00.00" | "0000年00月00日"), true),
    };
    let clock = shape.get(day.len() + 1..).unwrap_or_default();
    date && (!is_day || matches!(clock, "" | "00" | "00:00" | "00:00:00"))
}

pub(super) fn is_time(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Date64 | DataType::Timestamp(_, _))
}

fn number(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::Unsigned(number) => Some(*number as f64),
        Value::Float(number) => Some(f64::from(*number)),
        Value::Double(number) => Some(*number),
        Value::Decimal(digits) => digits.parse().ok(),
        _ => None,
    }
}

/// As [`bins`], in intervals that people count time in; weeks begin on Monday.
fn time_bins(values: &[f64]) -> (f64, f64, Vec<u64>) {
    const DAY: f64 = 86_400.0;
    const STEPS: [f64; 16] = [
        1.0,
        10.0,
        60.0,
        300.0,
        900.0,
        1800.0,
        3600.0,
        3.0 * 3600.0,
        6.0 * 3600.0,
        DAY,
        7.0 * DAY,
        28.0 * DAY,
        91.0 * DAY,
        364.0 * DAY,
        3640.0 * DAY,
        36_400.0 * DAY,
    ];
    let Some((low, high)) = extent(values.iter().copied()) else { return (0.0, DAY, vec![0]) };
    let step = STEPS.into_iter().find(|step| (high - low) / step <= 40.0);
    let step = step.unwrap_or((high - low) / 40.0);
    let monday = 4.0 * DAY;
    let start = ((low - monday) / step).floor() * step + monday;
    let mut counts = vec![0_u64; ((high - start) / step) as usize + 1];
    for value in values {
        counts[((value - start) / step) as usize] += 1;
    }
    (start, step, counts)
}

/// The start, width and counts of equal intervals over `values`; of whole
/// numbers the intervals are whole too.
fn bins(values: &[f64], wanted: Option<usize>, whole: bool) -> (f64, f64, Vec<u64>) {
    let Some((low, high)) = extent(values.iter().copied()) else { return (0.0, 1.0, vec![0]) };
    // The rule of Sturges, within what a picture can show.
    let rule = ((values.len() as f64).log2().ceil() as usize + 1).clamp(1, 40);
    let scale = round_scale(low, high, Ticks::at_most(wanted.unwrap_or(rule)));
    let round = match scale.ticks.as_slice() {
        [first, second, ..] => second.0 - first.0,
        _ => scale.high - scale.low,
    };
    let exact = wanted.is_some() && high > low;
    let (start, step) = match (exact, wanted) {
        (true, Some(wanted)) if !whole => (low, (high - low) / wanted as f64),
        _ => ((low / round).floor() * round, if whole { round.max(1.0) } else { round }),
    };
    let start = if whole { start.floor() } else { start };
    let last =
        if exact && !whole { wanted.unwrap_or(1) - 1 } else { ((high - start) / step) as usize };
    let last = last.min(10_000);
    let mut counts = vec![0_u64; last + 1];
    for value in values {
        let bin = ((value - start) / step) as usize;
        counts[bin.min(last)] += 1;
    }
    (start, step, counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_counted_in_exactly_one_interval() {
        for values in
            [vec![1.0], vec![0.0, 0.1, 0.2, 1.0], vec![-5.0, 7.5], vec![-1e300, 0.0, 1e300]]
        {
            for wanted in [None, Some(1), Some(7)] {
                let (start, step, counts) = bins(&values, wanted, false);
                assert_eq!(
                    counts.iter().sum::<u64>(),
                    values.len() as u64,
                    "{values:?} {wanted:?}"
                );
                assert!(step > 0.0 && start <= values.iter().copied().fold(f64::MAX, f64::min));
            }
        }
    }

    #[test]
    fn whole_numbers_have_whole_intervals() {
        let (start, step, counts) = bins(&[1.0, 2.0, 2.0, 3.0], None, true);
        assert_eq!((start, step, counts), (1.0, 1.0, vec![1, 2, 1]));
    }
}
