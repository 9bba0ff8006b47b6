//! The chart for a result of which nobody has said how to draw it.

use std::collections::HashSet;
use std::hash::Hash;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

use super::figure::{MOST_SERIES, Table, is_time};
use super::spec::{KINDS, Kind, Spec};
use crate::error::{Error, Result};
use crate::render::{is_number, visible};

/// More columns than this side by side are read as a line.
const MOST_BARS: usize = 40;

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
        let time = all().find(|index| is_time(data_type(*index)));
        let numbers: Vec<usize> = all().filter(|index| is_number(data_type(*index))).collect();
        let labels: Vec<usize> = all()
            .filter(|index| !is_number(data_type(*index)) && !is_time(data_type(*index)))
            .collect();
        match (time, labels.as_slice(), numbers.as_slice()) {
            (Some(time), labels, [first, ..]) => {
                self.over_time(time, labels, behind(time, &numbers).unwrap_or(*first))
            }
            (Some(time), _, []) => Ok(self.spec(Kind::Histogram, Some(time), None)),
            (None, [], [_, ..]) if rows == 1 => {
                Err(Error::query("the last answer is one row of numbers").hint(EXAMPLE))
            }
            (None, [], [x]) => Ok(self.spec(Kind::Histogram, Some(*x), None)),
            (None, [], [x, y, ..]) => self.of_numbers(*x, *y, rows),
            (None, labels @ [label, ..], [first, ..]) => {
                self.of_labels(labels, behind(*label, &numbers).unwrap_or(*first))
            }
            (None, _, []) => {
                Err(Error::query("the last answer has no column of numbers or times").hint(EXAMPLE))
            }
        }
    }

    /// A line, or one for each of few labels; dots where several rows have one time.
    fn over_time(&self, time: usize, labels: &[usize], y: usize) -> Result<Spec> {
        let times: Vec<_> =
            self.times(time)?.into_iter().map(|time| time.map(f64::to_bits)).collect();
        if are_distinct(times.iter()) {
            return Ok(self.spec(Kind::Line, Some(time), Some(y)));
        }
        for label in labels {
            let names = self.texts(*label)?;
            let few = names.iter().collect::<HashSet<_>>().len() <= MOST_SERIES;
            if few && are_distinct(times.iter().zip(&names)) {
                let series = Some(self.typed_name(*label));
                return Ok(Spec { series, ..self.spec(Kind::Line, Some(time), Some(y)) });
            }
        }
        Ok(self.spec(Kind::Scatter, Some(time), Some(y)))
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

    /// Bars; a heat map for pairs of labels; and how often each number comes where
    /// rows are told apart by neither.
    fn of_labels(&self, labels: &[usize], y: usize) -> Result<Spec> {
        let mut names = Vec::new();
        for label in labels {
            let texts = self.texts(*label)?;
            if are_distinct(texts.iter()) {
                return Ok(self.spec(Kind::Bar, Some(*label), Some(y)));
            }
            names.push(texts);
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

/// The first of `columns` behind the one at `index`: before it stand ranks.
fn behind(index: usize, columns: &[usize]) -> Option<usize> {
    columns.iter().copied().find(|column| *column > index)
}

fn are_distinct<T: Hash + Eq>(values: impl Iterator<Item = T>) -> bool {
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
