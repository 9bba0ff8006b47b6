//! `.summarize`: what the columns of a table hold, as SUMMARIZE tells it, made to be read.

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;

use super::describe::unplaced;
use super::{About, Command, Reach, misused, one_statement, source};
use crate::error::Result;
use crate::render::value::{Column, Value, columns};
use crate::render::{days_from_civil, group_digits, truncate};
use crate::shell::complete::catalog::Takes;
use crate::shell::listing::{self, Cell};
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Summarize;

static ABOUT: About = About {
    name: ".summarize",
    aliases: &[],
    usage: "TABLE | FILE | (QUERY)",
    summary: "show what each column holds: range, empty share, frequent values",
    details: "What is an estimate is marked so, and a count that may be more by ≥. The last column shows the most frequent values of a text or a list, \
              and how numbers and times are spread from the lowest to the highest; numbers of which a few are far \
              above all others in steps that grow, marked as log. A narrow terminal gets several tables. \
              SUMMARIZE TABLE; gives the same as an answer, for files and programs.",
    takes: Takes::RelationOrSql,
    reach: Reach::Session,
};

/// Cells of a value that is shown: as many as a time has.
const VALUE_CELLS: usize = 19;

/// The columns of the answer.
const HEADS: [&str; 11] = [
    "column",
    "type",
    "empty",
    "distinct",
    "lowest",
    "≈ q25",
    "≈ median",
    "≈ q75",
    "highest",
    "mean",
    "spread",
];

/// The place of the last of them, which is broken where the others are not.
const SPREAD: usize = 10;

/// The tables of a terminal that has no room for one: what a column is, and its figures,
/// in one table or in two.
const WHAT: &[usize] = &[0, 1, 2, 3, SPREAD];
const FIGURES: &[usize] = &[0, 4, 5, 6, 7, 8, 9];
const ENDS: &[usize] = &[0, 4, 8];
const MIDDLE: &[usize] = &[0, 5, 6, 7, 9];

/// Times within so many days are told apart by the time of day.
const DETAILED: i64 = 7;

/// Cells in which frequent values can be read.
const LEAST_SPREAD: usize = 20;

#[async_trait(?Send)]
impl Command for Summarize {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        if arguments.is_empty() {
            return Err(misused(&ABOUT));
        }
        let sql = format!("SUMMARIZE {}", source(arguments));
        one_statement(&ABOUT, &sql)?;
        let batches = shell.ask(&sql).await.map_err(unplaced)?;
        let mut listed = Vec::new();
        let mut rows = 0;
        for batch in &batches {
            for summed in read(batch)? {
                rows = summed.rows;
                listed.push(summed.cells());
            }
        }
        for columns in parts(shell, &listed) {
            let heads: Vec<&str> = columns.iter().map(|&at| HEADS[at]).collect();
            let cells = |row: &Vec<Cell>| -> Vec<Cell> {
                columns.iter().map(|&at| row[at].clone()).collect()
            };
            let says_more = |row: &Vec<Cell>| columns == WHAT || row[1..].iter().any(is_filled);
            let rows: Vec<Vec<Cell>> = listed.iter().map(cells).filter(says_more).collect();
            if !rows.is_empty() || columns == WHAT {
                shell.show_table(&listing::batch(&heads, &rows)?)?;
            }
        }
        let counted = group_digits(u64::try_from(rows).unwrap_or(0));
        let s = if rows == 1 { "" } else { "s" };
        shell.note(&format!("summed up of {counted} row{s}"));
        Ok(Flow::Continue)
    }
}

/// The columns of the tables that are shown: one, or several with a part each where the
/// terminal has no room for all.
fn parts(shell: &Shell<'_>, rows: &[Vec<Cell>]) -> Vec<Vec<usize>> {
    let fitted = shell.sinks.is_terminal() && matches!(shell.options.format.name, "box" | "ascii");
    let width = shell.shown().width.filter(|_| fitted).unwrap_or(usize::MAX);
    let mut widths = listing::widths(&HEADS, rows);
    widths[SPREAD] = widths[SPREAD].min(LEAST_SPREAD);
    let fits = |columns: &[usize]| {
        let widths: Vec<usize> = columns.iter().map(|&at| widths[at]).collect();
        listing::across(&widths) <= width
    };
    let all: Vec<usize> = (0..HEADS.len()).collect();
    if fits(&all) {
        vec![all]
    } else if fits(FIGURES) {
        vec![WHAT.to_vec(), FIGURES.to_vec()]
    } else {
        vec![WHAT.to_vec(), ENDS.to_vec(), MIDDLE.to_vec()]
    }
}

fn is_filled(cell: &Cell) -> bool {
    !matches!(cell, Cell::Text(None) | Cell::Count(None))
}

/// A row of the answer to SUMMARIZE: a column that is summed up.
#[derive(Debug, Default)]
struct Summed {
    name: String,
    /// The type with its time zone.
    kind: String,
    min: Option<String>,
    max: Option<String>,
    distinct: Option<i64>,
    mean: Option<f64>,
    quartiles: [Option<String>; 3],
    rows: i64,
    /// The share of the unknown, in percent.
    unknown: Option<String>,
    /// The most frequent values, or bars.
    spread: Option<String>,
}

/// The rows of an answer, by the names of its columns.
fn read(batch: &RecordBatch) -> Result<Vec<Summed>> {
    let mut all: Vec<Summed> = Vec::new();
    all.resize_with(batch.num_rows(), Summed::default);
    for (field, column) in batch.schema_ref().fields().iter().zip(columns(batch)?) {
        for (row, summed) in all.iter_mut().enumerate() {
            match field.name().as_str() {
                "column_name" => summed.name = text(&column, row).unwrap_or_default(),
                "column_type" => summed.kind = text(&column, row).unwrap_or_default(),
                "min" => summed.min = text(&column, row),
                "max" => summed.max = text(&column, row),
                "approx_unique" => summed.distinct = count(&column, row),
                "avg" => summed.mean = number(&column, row),
                "q25" => summed.quartiles[0] = text(&column, row),
                "q50" => summed.quartiles[1] = text(&column, row),
                "q75" => summed.quartiles[2] = text(&column, row),
                "count" => summed.rows = count(&column, row).unwrap_or_default(),
                "null_percentage" => summed.unknown = text(&column, row),
                "top_values" | "histogram" => {
                    summed.spread = summed.spread.take().or_else(|| text(&column, row));
                }
                _ => {}
            }
        }
    }
    Ok(all)
}

fn text(column: &Column, row: usize) -> Option<String> {
    match column.get(row) {
        Value::Text(text) => Some(text.to_owned()),
        Value::Decimal(digits) => Some(digits),
        _ => None,
    }
}

fn count(column: &Column, row: usize) -> Option<i64> {
    match column.get(row) {
        Value::Int(count) => Some(count),
        _ => None,
    }
}

fn number(column: &Column, row: usize) -> Option<f64> {
    match column.get(row) {
        Value::Double(number) if number.is_finite() => Some(number),
        _ => None,
    }
}

impl Summed {
    fn cells(&self) -> Vec<Cell> {
        let about = |count: i64| format!("≈ {}", group_digits(count.unsigned_abs()));
        let distinct = self.distinct.filter(|count| *count > 0).map_or_else(String::new, about);
        let [q25, median, q75] = &self.quartiles;
        // The time zone of the type is that of the session in most columns, and the members
        // of a structure have no room.
        let kind = match self.kind.starts_with("struct(") {
            true => "struct",
            false => self.kind.split(' ').next().unwrap_or_default(),
        };
        vec![
            Cell::from(self.name.as_str()),
            Cell::from(kind),
            Cell::from(self.unknown.as_deref().map_or_else(String::new, share)),
            Cell::from(distinct),
            Cell::from(self.end(self.min.as_deref())),
            Cell::from(self.between(q25.as_deref())),
            Cell::from(self.between(median.as_deref())),
            Cell::from(self.between(q75.as_deref())),
            Cell::from(self.end(self.max.as_deref())),
            Cell::from(self.mean.map_or_else(String::new, figure)),
            Cell::from(self.spread.as_deref().unwrap_or_default()),
        ]
    }

    /// The lowest or highest value, of times without the time zone, which stands in the
    /// type.
    fn end(&self, value: Option<&str>) -> String {
        let value = value.unwrap_or_default();
        match self.is_time() {
            true => to_the_second(value),
            false => truncate(value, VALUE_CELLS, "…").into_owned(),
        }
    }

    /// A value that lies between others, as they are shown, but for times: of those of
    /// many days the day is enough.
    fn between(&self, value: Option<&str>) -> String {
        let Some(value) = value else { return String::new() };
        if !self.is_time() {
            return value.parse::<f64>().map_or_else(|_| value.to_owned(), figure);
        }
        let ends = self.min.as_deref().and_then(day).zip(self.max.as_deref().and_then(day));
        match ends {
            Some((first, last)) if last - first < DETAILED => to_the_second(value),
            _ => date(value).to_owned(),
        }
    }

    fn is_time(&self) -> bool {
        self.kind.starts_with("timestamp")
    }
}

/// What stands between a date and its time of day.
const BEFORE_CLOCK: [char; 2] = [' ', 'T'];

/// `2012-08-27 10:00:00` of a time that is written as `2012-08-27 10:00:00.25+08`.
fn to_the_second(time: &str) -> String {
    let clock = time.find(BEFORE_CLOCK).unwrap_or(time.len());
    let seconds = time[clock..].find(['.', 'Z', '+', '-']).map_or(time.len(), |end| clock + end);
    time[..seconds].replace('T', " ")
}

/// What stands before the time of day.
fn date(time: &str) -> &str {
    time.split(BEFORE_CLOCK).next().unwrap_or(time)
}

/// The day of a time or date, counted from 1970-01-01.
fn day(time: &str) -> Option<i64> {
    let mut parts = date(time).split('-').map(|part| part.parse::<i64>().ok());
    Some(days_from_civil(parts.next()??, parts.next()??, parts.next()??))
}

/// `12 %` of `12.00`; what is neither none nor all is not shown as if it were.
fn share(percent: &str) -> String {
    match percent.parse::<f64>().unwrap_or_default() {
        share if share <= 0.0 => "0 %".to_owned(),
        share if share >= 100.0 => "100 %".to_owned(),
        share if share < 0.1 => "< 0.1 %".to_owned(),
        share if share > 99.9 => "> 99.9 %".to_owned(),
        share => format!("{share:.1} %"),
    }
}

/// A number with few digits: `47843.1`, `0.25`.
fn figure(value: f64) -> String {
    let size = value.abs();
    if value.fract() == 0.0 && size < 1e15 {
        return format!("{value:.0}");
    }
    if !(0.01..1e15).contains(&size) {
        return format!("{value:.2e}");
    }
    let text = if size >= 100.0 { format!("{value:.1}") } else { format!("{value:.2}") };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Summed, figure, share};

    fn of(kind: &str, ends: [&str; 2]) -> Summed {
        let [min, max] = ends.map(|end| Some(end.to_owned()));
        Summed { kind: kind.to_owned(), min, max, ..Summed::default() }
    }

    #[test]
    fn figures_have_few_digits() {
        let figures = [47_843.078_7, 8836.0, 0.256, 0.000_12, 12.5, -3.0].map(figure);
        assert_eq!(figures, ["47843.1", "8836", "0.26", "1.20e-4", "12.5", "-3"]);
    }

    #[test]
    fn values_between_others_are_shown_as_those_are() {
        let time = Some("2012-08-28T02:00:00+08:00");
        let ends = ["2012-08-28T01:00:00+08:00", "2012-08-28T03:00:00+08:00"];
        let hours = of("timestamp Asia/Shanghai", ends);
        assert_eq!(hours.between(time), "2012-08-28 02:00:00");
        assert_eq!(hours.end(hours.min.as_deref()), "2012-08-28 01:00:00");
        let years = of("timestamp", ["2010-01-01T00:00:00", "2013-01-01T00:00:00"]);
        assert_eq!(years.between(time), "2012-08-28");
        // Also beyond four digits, and with parts of a second, no digit is lost.
        let far = ["2010-01-01 00:00:00.25", "12013-01-01 00:00:07+08"];
        let far = of("timestamp", far);
        assert_eq!(far.end(far.min.as_deref()), "2010-01-01 00:00:00");
        assert_eq!(far.end(far.max.as_deref()), "12013-01-01 00:00:07");
        assert_eq!(far.between(far.max.as_deref()), "12013-01-01");
        let days = of("date", ["2012-08-27", "2012-08-29"]);
        assert_eq!(days.between(Some("2012-08-28")), "2012-08-28");
        assert_eq!(of("bigint", ["0", "9"]).between(Some("5")), "5");
        assert_eq!(of("double", ["0.0", "9.0"]).between(Some("2.50000001")), "2.5");
        assert_eq!(of("text", ["a", "b"]).between(None), "");
    }

    #[test]
    fn a_share_is_never_shown_as_none_or_all_when_it_is_neither() {
        let shares = ["0.00", "100.00", "0.01", "99.99", "33.33"].map(share);
        assert_eq!(shares, ["0 %", "100 %", "< 0.1 %", "> 99.9 %", "33.3 %"]);
    }
}
