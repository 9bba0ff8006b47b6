//! The cells of an answer, read where they are looked at.

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;

use crate::error::Result;
use crate::render::value::{Column, Value, columns};
use crate::render::{is_number, plain, type_name, visible};
use crate::text::width::display_width;

/// Rows that are measured before any is shown.
const MEASURED: usize = 200;

/// The widest that a column is drawn.
const WIDEST: usize = 60;

/// An answer.
pub(super) struct Table {
    heads: Vec<Head>,
    parts: Vec<Part>,
    rows: usize,
}

/// What is to be said of a column.
pub(super) struct Head {
    pub(super) name: String,
    pub(super) type_name: String,
    pub(super) is_number: bool,
}

impl Head {
    /// The first word of the type.
    pub(super) fn short_type(&self) -> &str {
        self.type_name.split([' ', '(']).next().unwrap_or_default()
    }
}

/// One batch of an answer.
struct Part {
    first: usize,
    rows: usize,
    columns: Vec<Column>,
}

/// The text of a cell, harmless, on one line.
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) is_null: bool,
}

/// Which way to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Towards the end.
    On,
    /// Towards the beginning.
    Back,
}

impl Table {
    /// The answer that `batches` are.
    ///
    /// # Errors
    /// When a value cannot be shown, which is a fault of ours.
    pub(super) fn new(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Self> {
        let mut parts = Vec::new();
        let mut rows = 0;
        for batch in batches.iter().filter(|batch| batch.num_rows() > 0) {
            parts.push(Part { first: rows, rows: batch.num_rows(), columns: columns(batch)? });
            rows += batch.num_rows();
        }
        Ok(Self { heads: heads(schema), parts, rows })
    }

    pub(super) fn heads(&self) -> &[Head] {
        &self.heads
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// How wide the columns are by their names and first rows.
    pub(super) fn widths(&self) -> Vec<usize> {
        let head = |head: &Head| width(&head.name).max(width(head.short_type()));
        let mut widths: Vec<usize> = self.heads.iter().map(head).collect();
        for row in 0..self.rows.min(MEASURED) {
            self.widen(&mut widths, row);
        }
        widths
    }

    /// Makes columns as wide as the cells of `row` need.
    pub(super) fn widen(&self, widths: &mut [usize], row: usize) {
        for (column, width_now) in widths.iter_mut().enumerate() {
            *width_now = (*width_now).max(width(&self.cell(row, column).text));
        }
    }

    /// A cell as it is shown.
    pub(super) fn cell(&self, row: usize, column: usize) -> Cell {
        match self.value(row, column) {
            Some(Value::Null) => Cell { text: "NULL".to_owned(), is_null: true },
            Some(value) => Cell { text: visible(&plain(&value)).into_owned(), is_null: false },
            None => Cell { text: String::new(), is_null: false },
        }
    }

    /// A cell as the data has it; NULL is empty.
    pub(super) fn exact(&self, row: usize, column: usize) -> String {
        match self.value(row, column) {
            None | Some(Value::Null) => String::new(),
            Some(value) => plain(&value),
        }
    }

    /// The next cell from `from` that holds `wanted` in any case; it goes round
    /// the end, and back to `from` itself last.
    pub(super) fn find(
        &self,
        wanted: &str,
        (row, column): (usize, usize),
        way: Way,
    ) -> Option<(usize, usize)> {
        let wanted = wanted.to_lowercase();
        let across = self.heads.len();
        let cells = self.rows.checked_mul(across)?;
        let from = row * across + column;
        let step = |distance: usize| match way {
            Way::On => (from + distance) % cells,
            Way::Back => (from + cells - distance) % cells,
        };
        (1..=cells)
            .map(|distance| (step(distance) / across, step(distance) % across))
            .find(|(row, column)| self.exact(*row, *column).to_lowercase().contains(&wanted))
    }

    fn value(&self, row: usize, column: usize) -> Option<Value<'_>> {
        let part = self.parts.partition_point(|part| part.first + part.rows <= row);
        let part = self.parts.get(part)?;
        Some(part.columns.get(column)?.get(row - part.first))
    }
}

fn heads(schema: &Schema) -> Vec<Head> {
    let head = |field: &datafusion::arrow::datatypes::FieldRef| Head {
        name: visible(field.name()).into_owned(),
        type_name: type_name(field.data_type()),
        is_number: is_number(field.data_type()),
    };
    schema.fields().iter().map(head).collect()
}

fn width(text: &str) -> usize {
    display_width(text).clamp(1, WIDEST)
}
