//! Small tables that commands show: columns of text and counts.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};

use crate::error::{Error, Result};
use crate::render::{group_digits, visible, wrap};
use crate::text::width::display_width;

/// Before what is said of a name.
const MARGIN: &str = "    ";

/// Lines are not broken narrower than that.
const NARROWEST: usize = 20;

/// A cell of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    /// A text, or nothing to say.
    Text(Option<String>),
    /// A count, or an unknown one.
    Count(Option<i64>),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()).filter(|text| !text.is_empty()))
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(Some(text).filter(|text| !text.is_empty()))
    }
}

impl From<Option<i64>> for Cell {
    fn from(count: Option<i64>) -> Self {
        Self::Count(count)
    }
}

/// The cells that each column takes, if nothing of it is cut or broken.
pub(crate) fn widths(heads: &[&str], rows: &[Vec<Cell>]) -> Vec<usize> {
    let cell = |cell: &Cell| match cell {
        Cell::Text(text) => text.as_deref().map_or(0, |text| display_width(&visible(text))),
        Cell::Count(count) => count
            .map_or(0, |count| group_digits(count.unsigned_abs()).len() + usize::from(count < 0)),
    };
    let column = |(index, head): (usize, &&str)| {
        let cells = rows.iter().filter_map(|row| row.get(index)).map(cell);
        cells.max().unwrap_or(0).max(display_width(head))
    };
    heads.iter().enumerate().map(column).collect()
}

/// The cells that a table with borders of columns this wide takes.
pub(crate) fn across(widths: &[usize]) -> usize {
    1 + widths.iter().map(|width| width + 3).sum::<usize>()
}

/// The rows where a table has no room: each name, which is the first cell, whole, for it is
/// what is typed next, and below it the rest.
pub(crate) fn below_names<const N: usize>(rows: &[[String; N]], width: usize) -> String {
    let room = width.saturating_sub(MARGIN.len()).max(NARROWEST);
    let mut lines = Vec::new();
    for row in rows {
        let mut texts = row.iter().map(|text| visible(text).into_owned());
        lines.extend(texts.next());
        let about: Vec<String> = texts.filter(|text| !text.is_empty()).collect();
        if !about.is_empty() {
            let about = wrap(&about.join(" · "), room, usize::MAX, "");
            lines.extend(about.iter().map(|line| format!("{MARGIN}{line}")));
        }
    }
    lines.join("\n")
}

/// The batch of `rows` under `heads`. A column is of counts when all its cells
/// are.
///
/// # Errors
/// When a row has not one cell for each head, which is a fault of ours.
pub(crate) fn batch(heads: &[&str], rows: &[Vec<Cell>]) -> Result<RecordBatch> {
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (index, head) in heads.iter().enumerate() {
        let cells: Vec<&Cell> = rows.iter().filter_map(|row| row.get(index)).collect();
        let counts = !cells.is_empty() && cells.iter().all(|cell| matches!(cell, Cell::Count(_)));
        if counts {
            let values = cells.iter().map(|cell| match cell {
                Cell::Count(count) => *count,
                Cell::Text(_) => None,
            });
            fields.push(Field::new(*head, DataType::Int64, true));
            columns.push(Arc::new(values.collect::<Int64Array>()));
        } else {
            let values = cells.iter().map(|cell| match cell {
                Cell::Text(text) => text.clone(),
                Cell::Count(count) => count.map(|count| count.to_string()),
            });
            fields.push(Field::new(*head, DataType::Utf8, true));
            columns.push(Arc::new(values.collect::<StringArray>()));
        }
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(|error| Error::internal(format!("a listing is uneven: {error}")))
}

#[cfg(test)]
mod tests {
    use super::below_names;

    #[test]
    fn a_name_is_whole_and_what_is_said_of_it_stands_below() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned);
        let rows = [
            row(["ministry_report/accounts_stated", "Government accounts in all", "stated=50000"]),
            row(["quality/imports", "", ""]),
        ];
        assert_eq!(
            below_names(&rows, 30),
            "ministry_report/accounts_stated\n    Government accounts in all\n    · stated=50000\n\
             quality/imports"
        );
    }
}
