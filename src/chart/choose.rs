//! The chart for a result of which nobody has said how to draw it.

use std::collections::HashSet;
use std::hash::Hash;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

use super::figure::{MOST_SERIES, Table, is_time, reads_as_time};
use super::spec::{KINDS, Kind, Spec};
use crate::error::{Error, Result};
use crate::render::{is_number, visible};

/// More columns than this side by side are read as a line.
const MOST_BARS: usize = 40;

/// Names of columns that tell a part of time.
const STEPS: [&str; 15] = [
    "year", "quarter", "month", "week", "day", "dow", "isodow", "weekday", "hour", "minute", "年",
    "月", "日", "小时", "星期",
];

/// What can be drawn, for those whose result cannot.
const EXAMPLE: &str = "count something for each value, as in SELECT platform, count(*) FROM accounts GROUP BY 1, then .chart";

impl Spec {
    /// A chart that suits a result: lines over time, bars for labels, dots for pairs
    /// of numbers, and how often each comes for numbers alone.
    ///
    /// # Errors
    /// When there is nothing to draw; the error says what is missing.
    pub fn chosen(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Self> {
        Table { schema, batches }.choose()
    }

    /// The same with the columns that it takes where it names no numbers, and the
    /// columns of numbers that are then not drawn.
    ///
    /// # Errors
    /// As for [`Chart::new`](super::Chart::new).
    pub fn filled_in(
        &self,
        schema: &SchemaRef,
        batches: &[RecordBatch],
    ) -> Result<(Self, Vec<String>)> {
        Table { schema, batches }.filled_in(self)
    }

    /// The chart as it is typed: `bar x=tag y=posts`.
    #[must_use]
    pub fn typed(&self) -> String {
        let kind = KINDS.iter().find(|(_, kind, _)| *kind == self.kind);
        let mut typed = kind.map_or_else(String::new, |(name, _, _)| (*name).to_owned());
        let (x, y) = (self.x.as_ref(), self.y.first());
        let named =
            [("x", x), ("y", y), ("series", self.series.as_ref()), ("value", self.value.as_ref())];
        for (key, column) in named.into_iter().filter_map(|(key, column)| Some((key, column?))) {
            let column = visible(column);
            let quote = if column.contains(char::is_whitespace) { "'" } else { "" };
            typed.push_str(&format!(" {key}={quote}{column}{quote}"));
        }
        typed
    }
}

impl Table<'_> {
    fn choose(&self) -> Result<Spec> {
        let rows = self.batches.iter().map(RecordBatch::num_rows).sum::<usize>();
        if rows == 0 {
            return Err(Error::query("the last answer has no rows to draw"));
        }
        let all = || 0..self.schema.fields().len();
        let data_type = |index: usize| self.schema.field(index).data_type();
        let labels: Vec<usize> = all()
            .filter(|index| !is_number(data_type(*index)) && !is_time(data_type(*index)))
            .collect();
        let time = match all().find(|index| is_time(data_type(*index))) {
            Some(time) => Some(time),
            None => self.text_of_times(&labels)?,
        };
        let labels: Vec<usize> = labels.into_iter().filter(|index| Some(*index) != time).collect();
        let numbers: Vec<usize> = all().filter(|index| is_number(data_type(*index))).collect();
        // A year or an hour says where a row belongs, unless there is nothing else.
        let (steps, measures): (Vec<usize>, Vec<usize>) =
            numbers.iter().partition(|index| is_step(self.schema.field(**index).name()));
        let (steps, measures) =
            if measures.is_empty() { (Vec::new(), numbers) } else { (steps, measures) };
        match (time, labels.as_slice(), measures.as_slice()) {
            (Some(time), labels, [first, ..]) => {
                self.over_time(time, labels, behind(time, &measures).unwrap_or(*first))
            }
            (Some(time), _, []) if is_time(data_type(time)) => {
                Ok(self.spec(Kind::Histogram, Some(time), None))
            }
            (None, [], [_, ..]) if rows == 1 => {
                Err(Error::query("the last answer is one row of numbers").hint(EXAMPLE))
            }
            (None, [], [y, ..]) if !steps.is_empty() => self.of_steps(&steps, *y, rows),
            (None, [], [x]) => Ok(self.spec(Kind::Histogram, Some(*x), None)),
            (None, [], [x, y, ..]) => self.of_numbers(*x, *y, rows),
            (None, labels @ [label, ..], [first, ..]) => {
                self.of_labels(labels, &steps, behind(*label, &measures).unwrap_or(*first))
            }
            (_, _, []) => {
                Err(Error::query("the last answer has no column of numbers or times").hint(EXAMPLE))
            }
        }
    }

    /// The first of `labels` whose texts are all months or days, if there is one.
    fn text_of_times(&self, labels: &[usize]) -> Result<Option<usize>> {
        for label in labels {
            if self.texts(*label)?.iter().all(|text| reads_as_time(text)) {
                return Ok(Some(*label));
            }
        }
        Ok(None)
    }

    /// A line, or one for each of few labels that come again; dots where several rows
    /// have one time. Few months that are texts are told apart by bars.
    fn over_time(&self, time: usize, labels: &[usize], y: usize) -> Result<Spec> {
        let times = self.texts(time)?;
        if let Some(series) = self.series(&times, labels)? {
            return Ok(Spec { series: Some(series), ..self.spec(Kind::Line, Some(time), Some(y)) });
        }
        let is_text = !is_time(self.schema.field(time).data_type());
        let kind = match are_distinct(times.iter()) {
            true if is_text && times.len() <= MOST_BARS => Kind::Bar,
            true => Kind::Line,
            false => Kind::Scatter,
        };
        Ok(self.spec(kind, Some(time), Some(y)))
    }

    /// The first of `labels` that tells the rows of one place apart, and comes often
    /// enough for lines.
    pub(super) fn series(&self, places: &[String], labels: &[usize]) -> Result<Option<String>> {
        for label in labels.iter().filter(|label| !is_step(self.schema.field(**label).name())) {
            let names = self.texts(*label)?;
            let count = names.iter().collect::<HashSet<_>>().len();
            let comes_again = count > 1 && count < names.len() && count <= MOST_SERIES;
            if comes_again && are_distinct(places.iter().zip(&names)) {
                return Ok(Some(self.typed_name(*label)));
            }
        }
        Ok(None)
    }

    /// Bars along years or hours; a heat map of two such columns.
    fn of_steps(&self, steps: &[usize], y: usize, rows: usize) -> Result<Spec> {
        if let [first, second, ..] = steps {
            let pairs: Vec<_> = self.texts(*first)?.into_iter().zip(self.texts(*second)?).collect();
            if are_distinct(pairs.iter()) && !are_distinct(pairs.iter().map(|(first, _)| first)) {
                let value = Some(self.typed_name(y));
                return Ok(Spec { value, ..self.spec(Kind::Heat, Some(*second), Some(*first)) });
            }
        }
        self.of_numbers(steps[0], y, rows)
    }

    /// Columns or a line where the first numbers count something up, such as hours
    /// or years; else dots.
    fn of_numbers(&self, x: usize, y: usize, rows: usize) -> Result<Spec> {
        let steps = self.numbers(x)?.into_iter().flatten().collect::<Vec<_>>();
        let counts_up = steps.len() == rows
            && steps.iter().all(|step| step.fract() == 0.0)
            && are_distinct(steps.iter().map(|step| step.to_bits()));
        let kind = match counts_up {
            true if rows <= MOST_BARS => Kind::Bar,
            true if steps.is_sorted() => Kind::Line,
            _ => Kind::Scatter,
        };
        Ok(self.spec(kind, Some(x), Some(y)))
    }

    /// Bars; lines along a year or an hour; a heat map for pairs of labels; and how
    /// often each number comes where rows are told apart by none of these.
    fn of_labels(&self, labels: &[usize], steps: &[usize], y: usize) -> Result<Spec> {
        let mut names = Vec::new();
        for label in labels {
            let texts = self.texts(*label)?;
            if are_distinct(texts.iter()) {
                return Ok(self.spec(Kind::Bar, Some(*label), Some(y)));
            }
            names.push(texts);
        }
        for step in steps {
            if let Some(series) = self.series(&self.texts(*step)?, labels)? {
                let line = self.spec(Kind::Line, Some(*step), Some(y));
                return Ok(Spec { series: Some(series), ..line });
            }
        }
        if let ([rows, columns, ..], [row, column, ..]) = (labels, names.as_slice())
            && are_distinct(row.iter().zip(column))
        {
            let (x, y, value) = (*columns, Some(*rows), Some(self.typed_name(y)));
            return Ok(Spec { value, ..self.spec(Kind::Heat, Some(x), y) });
        }
        Ok(self.spec(Kind::Histogram, Some(y), None))
    }

    fn spec(&self, kind: Kind, x: Option<usize>, y: Option<usize>) -> Spec {
        let x = x.map(|x| self.typed_name(x));
        let y = y.map(|y| self.typed_name(y)).into_iter().collect();
        Spec { x, y, ..Spec::new(kind) }
    }

    /// The name of a column as it is.
    fn typed_name(&self, index: usize) -> String {
        self.schema.field(index).name().clone()
    }
}

/// Whether a column called `name` tells a part of time, by which rows are grouped,
/// and measures nothing.
fn is_step(name: &str) -> bool {
    let name = name.to_lowercase();
    STEPS.contains(&name.as_str())
        || ["date_part(", "extract("].iter().any(|call| name.starts_with(call))
}

/// The first of `columns` behind the one at `index`: before it stand ranks.
fn behind(index: usize, columns: &[usize]) -> Option<usize> {
    columns.iter().copied().find(|column| *column > index)
}

pub(super) fn are_distinct<T: Hash + Eq>(values: impl Iterator<Item = T>) -> bool {
    let mut seen = HashSet::new();
    values.into_iter().all(|value| seen.insert(value))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Date32Array, Int64Array, StringArray};

    use super::*;

    fn texts<const N: usize>(values: [&str; N]) -> ArrayRef {
        Arc::new(StringArray::from(values.to_vec()))
    }

    fn numbers<const N: usize>(values: [i64; N]) -> ArrayRef {
        Arc::new(Int64Array::from(values.to_vec()))
    }

    fn days<const N: usize>(values: [i32; N]) -> ArrayRef {
        Arc::new(Date32Array::from(values.to_vec()))
    }

    fn chosen(columns: Vec<(&str, ArrayRef)>) -> Result<String> {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let spec = Spec::chosen(&batch.schema(), std::slice::from_ref(&batch))?;
        // What is chosen can be drawn.
        super::super::Chart::new(&spec, &batch.schema(), &[batch])?;
        Ok(spec.typed())
    }

    #[test]
    fn each_kind_of_result_has_its_chart() {
        for (columns, typed) in [
            (vec![("tag", texts(["a", "b"])), ("posts", numbers([2, 3]))], "bar x=tag y=posts"),
            (
                vec![("rank", numbers([1, 2])), ("tag", texts(["a", "b"])), ("n", numbers([7, 8]))],
                "bar x=tag y=n",
            ),
            (vec![("n", numbers([2, 3])), ("my tag", texts(["a", "b"]))], "bar x='my tag' y=n"),
            (vec![("day", days([1, 2])), ("n", numbers([5, 6]))], "line x=day y=n"),
            (
                vec![
                    ("day", days([1, 1, 2])),
                    ("tag", texts(["a", "b", "a"])),
                    ("n", numbers([1, 2, 3])),
                ],
                "line x=day y=n series=tag",
            ),
            (vec![("day", days([1, 1])), ("n", numbers([5, 6]))], "scatter x=day y=n"),
            (vec![("day", days([1, 1]))], "histogram x=day"),
            (vec![("hour", numbers([0, 1, 2])), ("n", numbers([7, 8, 9]))], "bar x=hour y=n"),
            (vec![("a", numbers([0, 0, 2])), ("b", numbers([7, 8, 9]))], "scatter x=a y=b"),
            (vec![("likes", numbers([1, 2, 2]))], "histogram x=likes"),
            (
                vec![
                    ("tag", texts(["a", "a", "b"])),
                    ("place", texts(["x", "y", "x"])),
                    ("n", numbers([1, 2, 3])),
                ],
                "heatmap x=place y=tag value=n",
            ),
            (vec![("tag", texts(["a", "a"])), ("likes", numbers([1, 2]))], "histogram x=likes"),
            // A year beside a count is none of what is counted.
            (
                vec![
                    ("month", texts(["2020-12", "2021-01", "2021-02"])),
                    ("year", numbers([2020, 2021, 2021])),
                    ("n", numbers([7, 8, 9])),
                ],
                "bar x=month y=n",
            ),
            (vec![("n", numbers([7, 8])), ("year", numbers([2020, 2021]))], "bar x=year y=n"),
            (
                vec![
                    ("weekday", numbers([1, 1, 2])),
                    ("hour", numbers([0, 1, 0])),
                    ("n", numbers([7, 8, 9])),
                ],
                "heatmap x=hour y=weekday value=n",
            ),
            (
                vec![
                    ("hour", numbers([0, 0, 1])),
                    ("platform", texts(["x", "weibo", "x"])),
                    ("n", numbers([7, 8, 9])),
                ],
                "line x=hour y=n series=platform",
            ),
            // Two accounts are two lines, even if they share no month.
            (
                vec![
                    ("month", texts(["2021-03", "2021-04", "2021-01", "2021-02"])),
                    ("account_id", texts(["a", "a", "b", "b"])),
                    ("n", numbers([1, 2, 3, 4])),
                ],
                "line x=month y=n series=account_id",
            ),
            (
                vec![
                    ("day", days([3, 4, 1, 2])),
                    ("account_id", texts(["a", "a", "b", "b"])),
                    ("n", numbers([1, 2, 3, 4])),
                ],
                "line x=day y=n series=account_id",
            ),
            (
                vec![
                    ("day", days([1, 2, 3])),
                    ("weekday", texts(["Mon", "Tue", "Mon"])),
                    ("n", numbers([1, 2, 3])),
                ],
                "line x=day y=n",
            ),
            (
                vec![("day", days([1, 2])), ("tag", texts(["a", "b"])), ("n", numbers([1, 2]))],
                "line x=day y=n",
            ),
        ] {
            assert_eq!(chosen(columns).unwrap(), typed);
        }
    }

    #[test]
    fn what_is_missing_is_said_with_an_example() {
        for columns in [vec![("text", texts(["a", "b"]))], vec![("count(*)", numbers([5]))]] {
            let error = chosen(columns).unwrap_err();
            assert!(error.advice().unwrap().contains("GROUP BY"), "{error}");
        }
        assert!(chosen(vec![("n", numbers([]))]).unwrap_err().message().contains("no rows"));
    }
}
