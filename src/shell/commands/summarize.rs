//! `.summarize`: what the columns of a table hold.

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::DataType;

use super::describe::unplaced;
use super::{About, Command, Reach, misused, one_statement, source};
use crate::engine::Params;
use crate::error::Result;
use crate::render::value::{Column as Values, Value};
use crate::render::{group_digits, truncate, type_name};
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
    details: "Distinct counts are estimates and marked so. The last column shows the most frequent \
              values of a text or a list, and how numbers and times are spread from the lowest to the highest. A narrow \
              terminal gets two tables.",
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
const HEADS: [&str; 7] = ["column", "type", "empty", "distinct", "lowest", "highest", "spread"];

/// The place of the last of them, which is broken where the others are not.
const SPREAD: usize = 6;

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
            let cells = |row: &Vec<Cell>| columns.iter().map(|&at| row[at].clone()).collect();
            let rows: Vec<Vec<Cell>> = listed.iter().map(cells).collect();
            shell.show_table(&listing::batch(&heads, &rows)?)?;
        }
        let counted = group_digits(u64::try_from(rows).unwrap_or(0));
        let s = if rows == 1 { "" } else { "s" };
        shell.note(&format!("summed up of {counted} row{s}"));
        Ok(Flow::Continue)
    }
}

/// The columns of the tables that are shown: one, or two with a part each where the
/// terminal has no room for all.
fn parts(shell: &Shell<'_>, rows: &[Vec<Cell>]) -> &'static [&'static [usize]] {
    let fitted = shell.sinks.is_terminal() && matches!(shell.options.format.name, "box" | "ascii");
    let width = shell.shown().width.filter(|_| fitted).unwrap_or(usize::MAX);
    let mut widths = listing::widths(&HEADS, rows);
    widths[SPREAD] = widths[SPREAD].min(LEAST_SPREAD);
    if listing::across(&widths) <= width {
        &[&[0, 1, 2, 3, 4, 5, SPREAD]]
    } else {
        &[&[0, 1, 2, 3, SPREAD], &[0, 4, 5]]
    }
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

/// Answers per column in [`totals`].
const ANSWERS: usize = 6;

/// One pass over the data for what all columns need.
fn totals(columns: &[Column], from: &str) -> String {
    let mut wanted = vec!["count(*)".to_owned()];
    for column in columns {
        let name = &column.sql;
        wanted.push(format!("count({name})"));
        if column.is_plain() {
            wanted.push(format!("approx_distinct(CAST({name} AS VARCHAR))"));
            wanted.push(column.as_text(&format!("min({name})")));
            wanted.push(column.as_text(&format!("max({name})")));
        } else {
            wanted.extend(["0".to_owned(), "NULL".to_owned(), "NULL".to_owned()]);
        }
        if column.is_number() || column.is_instant() {
            for extreme in ["min", "max"] {
                wanted.push(column.as_number(&format!("{extreme}({name})")));
            }
        } else {
            wanted.extend(["NULL".to_owned(), "NULL".to_owned()]);
        }
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
    let spread = if column.is_number() || column.is_instant() {
        match (double(batch, at + 4)?, double(batch, at + 5)?) {
            (Some(low), Some(high)) if low < high => {
                histogram(shell, column, low, high, from).await?
            }
            _ => String::new(),
        }
    } else if column.is_plain() || column.is_list() {
        top(shell, column, from).await?
    } else {
        String::new()
    };
    // An estimate may be more than there are.
    let distinct = match (column.is_plain(), distinct.min(filled)) {
        (true, distinct) if distinct > 0 => {
            format!("≈ {}", group_digits(u64::try_from(distinct).unwrap_or(0)))
        }
        _ => String::new(),
    };
    Ok(vec![
        Cell::from(column.name.as_str()),
        Cell::from(short_type(&column.data_type)),
        Cell::from(share(rows - filled, rows)),
        Cell::from(distinct),
        Cell::from(text(batch, at + 2)?),
        Cell::from(text(batch, at + 3)?),
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

/// How values are spread from the lowest to the highest, as eight bars.
async fn histogram(
    shell: &mut Shell<'_>,
    column: &Column,
    low: f64,
    high: f64,
    from: &str,
) -> Result<String> {
    let number = column.as_number(&column.sql);
    let last = STEPS - 1;
    let sql = format!(
        "SELECT step, count(*) FROM (SELECT CAST(least({last}, \
         floor(({number} - {low:e}) / {:e} * {STEPS})) AS BIGINT) AS step FROM {from} \
         WHERE {} IS NOT NULL) GROUP BY step",
        high - low,
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
    Ok(bars(&counts))
}

fn bars(counts: &[i64]) -> String {
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let bar = |count: &i64| match *count {
        0 => ' ',
        count => ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
            [usize::try_from((count * 8 - 1) / most).unwrap_or(0).min(7)],
    };
    let bars: String = counts.iter().map(bar).collect();
    format!("│{bars}│")
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
    use super::{bars, share};

    #[test]
    fn a_share_is_never_rounded_to_none_or_all() {
        let shares = [(0, 9), (9, 9), (1, 100_000), (99_999, 100_000), (1, 3)];
        let shares = shares.map(|(part, whole)| share(part, whole));
        assert_eq!(shares, ["0 %", "100 %", "< 0.1 %", "> 99.9 %", "33.3 %"]);
    }

    #[test]
    fn bars_are_as_high_as_their_counts() {
        assert_eq!(bars(&[0, 1, 50, 100]), "│ ▁▄█│");
    }
}
