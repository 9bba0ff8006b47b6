//! `.summarize`: what the columns of a table hold.

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::DataType;

use super::describe::unplaced;
use super::{About, Command, Reach, misused, one_statement, source};
use crate::engine::Params;
use crate::error::Result;
use crate::render::value::{Column as Values, Value};
use crate::render::{date_text, group_digits, time_text, truncate, type_name};
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
    details: "What is an estimate is marked so. The last column shows the most frequent values of a text or a list, \
              and how numbers and times are spread from the lowest to the highest; numbers of which a few are far \
              above all others in steps that grow, marked as log. A narrow terminal gets several tables. \
              SUMMARIZE TABLE; gives the same figures as an answer.",
    takes: Takes::RelationOrSql,
    reach: Reach::Session,
};

/// Cells of a value that is shown: as many as a time has.
const VALUE_CELLS: usize = 19;

/// Cells of a frequent value, which may be broken: addresses begin alike.
const FREQUENT_CELLS: usize = 30;

/// Frequent values that are shown.
const TOP: usize = 3;

/// Steps of the histogram.
const STEPS: usize = 8;

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

/// Numbers whose highest is so many times their median are shown in steps that grow.
const HEAVY: f64 = 50.0;

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
        let from = source(arguments);
        let statement = one_statement(&ABOUT, &format!("SELECT * FROM {from}"))?;
        let plan = shell.session.plan(&statement, &Params::new()).await.map_err(unplaced)?;
        let columns: Vec<Column> = plan
            .schema()
            .fields()
            .iter()
            .map(|field| Column {
                sql: format!("\"{}\"", field.name().replace('"', "\"\"")),
                name: field.name().clone(),
                data_type: field.data_type().clone(),
            })
            .collect();
        let batches = shell.ask(&totals(&columns, &from)).await.map_err(unplaced)?;
        let Some(batch) = batches.first() else {
            return Ok(Flow::Continue);
        };
        let rows = number(batch, 0)?;
        let mut listed = Vec::new();
        for (index, column) in columns.iter().enumerate() {
            listed.push(summary(shell, column, index, rows, batch, &from).await?);
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

/// A column to summarize.
struct Column {
    name: String,
    /// The name as it is written in SQL.
    sql: String,
    data_type: DataType,
}

impl Column {
    fn is_number(&self) -> bool {
        self.data_type.is_numeric()
    }

    /// Whether its values lie on a scale.
    fn is_measured(&self) -> bool {
        self.is_number() || self.is_instant()
    }

    fn is_instant(&self) -> bool {
        matches!(self.data_type, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64)
    }

    /// Whether values can be put in order and compared.
    fn is_plain(&self) -> bool {
        self.is_number()
            || self.is_instant()
            || self.is_text()
            || self.data_type == DataType::Boolean
    }

    fn is_text(&self) -> bool {
        is_text(&self.data_type)
    }

    /// Whether it holds lists of texts.
    fn is_list(&self) -> bool {
        match &self.data_type {
            DataType::List(item) | DataType::LargeList(item) => is_text(item.data_type()),
            _ => false,
        }
    }

    /// Whether its values can be told apart by their texts.
    fn is_counted(&self) -> bool {
        self.is_plain() || self.is_list()
    }

    /// A value that lies between others, as they are shown, but for instants: of those
    /// that `span` many days the day is enough.
    fn between(&self, value: f64, span: f64) -> String {
        if self.data_type.is_integer() {
            return figure(value.round());
        }
        if !self.is_instant() {
            return figure(value);
        }
        let seconds = value.round() as i64;
        let day = date_text(seconds.div_euclid(DAY));
        match self.data_type {
            DataType::Timestamp(..) if span < DETAILED => {
                format!("{day} {}", time_text(seconds.rem_euclid(DAY)))
            }
            _ => day,
        }
    }

    /// `value` of the column as it is shown; instants without the time zone,
    /// which stands in the type.
    fn as_text(&self, value: &str) -> String {
        match self.data_type {
            DataType::Timestamp(..) => format!("to_char({value}, '%Y-%m-%d %H:%M:%S')"),
            _ => format!("CAST({value} AS VARCHAR)"),
        }
    }

    /// `value` of the column as a number, for the histogram.
    fn as_number(&self, value: &str) -> String {
        if self.is_instant() {
            format!("CAST(to_unixtime(CAST({value} AS TIMESTAMP)) AS DOUBLE)")
        } else {
            format!("CAST({value} AS DOUBLE)")
        }
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Instants within so many seconds are told apart by the time of day.
const DETAILED: f64 = 7.0 * 86_400.0;

/// Shares of the rows below which the quartiles lie.
const QUARTILES: [&str; 3] = ["0.25", "0.5", "0.75"];

/// Answers per column in [`totals`].
const ANSWERS: usize = 10;

/// In place of what a column has not.
const NOTHING: &str = "NULL";

/// One pass over the data for what all columns need.
fn totals(columns: &[Column], from: &str) -> String {
    let mut wanted = vec!["count(*)".to_owned()];
    for column in columns {
        let name = &column.sql;
        wanted.push(format!("count({name})"));
        wanted.push(match column.is_counted() {
            true => format!("approx_distinct(CAST({name} AS VARCHAR))"),
            false => "0".to_owned(),
        });
        for extreme in ["min", "max"] {
            wanted.push(match column.is_plain() {
                true => column.as_text(&format!("{extreme}({name})")),
                false => NOTHING.to_owned(),
            });
        }
        let (is_number, is_measured) = (column.is_number(), column.is_measured());
        for extreme in ["min", "max"] {
            wanted.push(match is_measured {
                true => column.as_number(&format!("{extreme}({name})")),
                false => NOTHING.to_owned(),
            });
        }
        let value = column.as_number(name);
        wanted.extend(QUARTILES.map(|share| match is_measured {
            true => format!("approx_percentile_cont({value}, {share})"),
            false => NOTHING.to_owned(),
        }));
        wanted.push(if is_number { format!("avg({value})") } else { NOTHING.to_owned() });
    }
    let named: Vec<String> =
        wanted.iter().enumerate().map(|(index, sql)| format!("{sql} AS c{index}")).collect();
    format!("SELECT {} FROM {from}", named.join(", "))
}

async fn summary(
    shell: &mut Shell<'_>,
    column: &Column,
    index: usize,
    rows: i64,
    batch: &RecordBatch,
    from: &str,
) -> Result<Vec<Cell>> {
    let at = 1 + index * ANSWERS;
    let filled = number(batch, at)?;
    let distinct = number(batch, at + 1)?;
    let figures: Vec<Option<f64>> =
        (at + 4..at + ANSWERS).map(|place| double(batch, place)).collect::<Result<_>>()?;
    let spread = if column.is_measured() {
        match (figures[0], figures[1]) {
            (Some(low), Some(high)) if low < high => {
                let steps = Steps::new(column, [low, high], figures[3]);
                histogram(shell, column, &steps, from).await?
            }
            _ => String::new(),
        }
    } else if column.is_plain() || column.is_list() {
        top(shell, column, from).await?
    } else {
        String::new()
    };
    // An estimate may be more than there are.
    let distinct = match (column.is_counted(), distinct.min(filled)) {
        (true, distinct) if distinct > 0 => {
            format!("≈ {}", group_digits(u64::try_from(distinct).unwrap_or(0)))
        }
        _ => String::new(),
    };
    let span = figures[1].unwrap_or_default() - figures[0].unwrap_or_default();
    let between =
        |place: usize| figures[place].map_or(String::new(), |value| column.between(value, span));
    Ok(vec![
        Cell::from(column.name.as_str()),
        Cell::from(short_type(&column.data_type)),
        Cell::from(share(rows - filled, rows)),
        Cell::from(distinct),
        Cell::from(text(batch, at + 2)?),
        Cell::from(between(2)),
        Cell::from(between(3)),
        Cell::from(between(4)),
        Cell::from(text(batch, at + 3)?),
        Cell::from(figures[5].map_or(String::new(), figure)),
        Cell::from(spread),
    ])
}

/// The type without the time zone, which is that of the session in most columns.
fn short_type(data_type: &DataType) -> String {
    let name = type_name(data_type);
    name.split(' ').next().map_or(String::new(), str::to_owned)
}

/// `12 %`; no share is shown as 0 or 100 when it is neither.
fn share(part: i64, whole: i64) -> String {
    match (part, whole) {
        // Of nothing no share is known.
        (_, 0) => String::new(),
        (0, _) => "0 %".to_owned(),
        (part, whole) if part == whole => "100 %".to_owned(),
        (part, whole) => match 100.0 * part as f64 / whole as f64 {
            share if share < 0.1 => "< 0.1 %".to_owned(),
            share if share > 99.9 => "> 99.9 %".to_owned(),
            share => format!("{share:.1} %"),
        },
    }
}

/// The most frequent values, of lists those of their items, with their counts.
async fn top(shell: &mut Shell<'_>, column: &Column, from: &str) -> Result<String> {
    let name = &column.sql;
    let value = match (column.is_text(), column.is_list()) {
        (true, _) => name.clone(),
        (_, true) => format!("unnest({name})"),
        _ => format!("CAST({name} AS VARCHAR)"),
    };
    let sql = format!(
        "SELECT v, count(*) AS n FROM (SELECT {value} AS v FROM {from}) WHERE v IS NOT NULL \
         GROUP BY v HAVING count(*) > 1 ORDER BY n DESC, v LIMIT {TOP}"
    );
    let mut found = Vec::new();
    for batch in shell.ask(&sql).await.map_err(unplaced)? {
        let (values, counts) = (Values::new(batch.column(0))?, Values::new(batch.column(1))?);
        for row in 0..batch.num_rows() {
            if let (Value::Text(value), Value::Int(count)) = (values.get(row), counts.get(row)) {
                let count = group_digits(u64::try_from(count).unwrap_or(0));
                found.push(format!("{} ({count})", truncate(value, FREQUENT_CELLS, "…")));
            }
        }
    }
    Ok(found.join(", "))
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

/// The steps of a histogram from the lowest to the highest value.
struct Steps {
    low: f64,
    high: f64,
    /// Whether each is so many times as wide as the one before.
    grow: bool,
}

impl Steps {
    /// Equal steps, unless a few numbers are far above all others: then all would lie in
    /// the first.
    fn new(column: &Column, [low, high]: [f64; 2], median: Option<f64>) -> Self {
        let far = median.is_some_and(|median| high > HEAVY * median.max(1.0));
        Self { low, high, grow: column.is_number() && low >= 0.0 && far }
    }

    /// The step of `number`, counted from 0, in SQL.
    fn of(&self, number: &str) -> String {
        let (low, high) = (self.low, self.high);
        let last = STEPS - 1;
        let (value, low, length) = if self.grow {
            (format!("ln(1 + {number})"), low.ln_1p(), high.ln_1p() - low.ln_1p())
        } else {
            (number.to_owned(), low, high - low)
        };
        format!("least({last}, floor(({value} - {low:e}) / {length:e} * {STEPS}))")
    }
}

/// How values are spread from the lowest to the highest, as eight bars.
async fn histogram(
    shell: &mut Shell<'_>,
    column: &Column,
    steps: &Steps,
    from: &str,
) -> Result<String> {
    let step = steps.of(&column.as_number(&column.sql));
    let sql = format!(
        "SELECT step, count(*) FROM (SELECT CAST(greatest(0, {step}) AS BIGINT) AS step \
         FROM {from} WHERE {} IS NOT NULL) GROUP BY step",
        column.sql,
    );
    let mut counts = [0_i64; STEPS];
    for batch in shell.ask(&sql).await.map_err(unplaced)? {
        let (steps, found) = (Values::new(batch.column(0))?, Values::new(batch.column(1))?);
        for row in 0..batch.num_rows() {
            if let (Value::Int(step), Value::Int(count)) = (steps.get(row), found.get(row))
                && let Some(slot) = usize::try_from(step).ok().and_then(|step| counts.get_mut(step))
            {
                *slot += count;
            }
        }
    }
    let grow = if steps.grow { " log" } else { "" };
    Ok(format!("{}{grow}", bars(&counts)))
}

fn bars(counts: &[i64]) -> String {
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let bar = |count: &i64| match *count {
        0 => '·',
        count => ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
            [usize::try_from((count * 8 - 1) / most).unwrap_or(0).min(7)],
    };
    counts.iter().map(bar).collect()
}

fn number(batch: &RecordBatch, column: usize) -> Result<i64> {
    Ok(match Values::new(batch.column(column))?.get(0) {
        Value::Int(number) => number,
        Value::Unsigned(number) => i64::try_from(number).unwrap_or(i64::MAX),
        _ => 0,
    })
}

fn double(batch: &RecordBatch, column: usize) -> Result<Option<f64>> {
    Ok(match Values::new(batch.column(column))?.get(0) {
        Value::Double(number) if number.is_finite() => Some(number),
        _ => None,
    })
}

fn text(batch: &RecordBatch, column: usize) -> Result<String> {
    Ok(match Values::new(batch.column(column))?.get(0) {
        Value::Text(text) => truncate(text, VALUE_CELLS, "…").into_owned(),
        _ => String::new(),
    })
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::DataType;

    use super::{Column, Steps, bars, figure, share};
    use crate::engine::{Session, Settings};

    fn column(data_type: DataType) -> Column {
        Column { name: "likes".to_owned(), sql: "\"likes\"".to_owned(), data_type }
    }

    #[test]
    fn figures_have_few_digits() {
        let figures = [47_843.078_7, 8836.0, 0.256, 0.000_12, 12.5, -3.0].map(figure);
        assert_eq!(figures, ["47843.1", "8836", "0.26", "1.20e-4", "12.5", "-3"]);
    }

    #[test]
    fn values_between_others_are_shown_as_those_are() {
        let instant = DataType::Timestamp(datafusion::arrow::datatypes::TimeUnit::Second, None);
        let (hour, year) = (3600.0, 3e7);
        let time = 1_346_119_200.4;
        assert_eq!(column(instant.clone()).between(time, hour), "2012-08-28 02:00:00");
        assert_eq!(column(instant).between(time, year), "2012-08-28");
        assert_eq!(column(DataType::Date32).between(time, hour), "2012-08-28");
        assert_eq!(column(DataType::Int64).between(0.087, hour), "0");
        assert_eq!(column(DataType::Float64).between(2.5, hour), "2.5");
    }

    #[tokio::test]
    async fn a_few_large_numbers_do_not_hide_how_the_others_are_spread() {
        let session = Session::new(None, Settings::default()).unwrap();
        let numbers = "(VALUES (0.0), (9.0), (20.0), (300.0), (100000.0)) AS t(likes)";
        let places = async |steps: Steps| {
            let sql = format!(
                "SELECT string_agg(CAST(step AS VARCHAR), ' ' ORDER BY likes) FROM (SELECT likes, \
                 CAST({} AS BIGINT) AS step FROM {numbers})",
                steps.of("likes")
            );
            let batches = session.collect(&sql).await.unwrap();
            let column = crate::render::value::Column::new(batches[0].column(0)).unwrap();
            crate::render::plain(&column.get(0))
        };
        let number = column(DataType::Int64);
        let growing = Steps::new(&number, [0.0, 100_000.0], Some(20.0));
        assert!(growing.grow);
        assert_eq!(places(growing).await, "0 1 2 3 7");
        let equal = Steps::new(&number, [0.0, 100_000.0], Some(40_000.0));
        assert!(!equal.grow && !Steps::new(&number, [-1.0, 100_000.0], Some(1.0)).grow);
        assert_eq!(places(equal).await, "0 0 0 0 7");
    }

    #[test]
    fn a_share_is_never_rounded_to_none_or_all() {
        let shares = [(0, 9), (9, 9), (1, 100_000), (99_999, 100_000), (1, 3)];
        let shares = shares.map(|(part, whole)| share(part, whole));
        assert_eq!(shares, ["0 %", "100 %", "< 0.1 %", "> 99.9 %", "33.3 %"]);
    }

    #[test]
    fn bars_are_as_high_as_their_counts() {
        assert_eq!(bars(&[0, 1, 50, 100]), "·▁▄█");
    }
}
