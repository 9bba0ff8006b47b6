//! The cells of an answer, read where they are looked at.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use datafusion::arrow::datatypes::{Schema, SchemaRef};

use crate::error::{Error, Result};
use crate::render::value::{Column, Value, columns};
use crate::render::{is_number, plain, type_name, visible};
use crate::shell::results::Rows;
use crate::text::width::display_width;

/// Rows that are measured before any is shown.
const MEASURED: usize = 200;

/// The widest that a column is drawn.
const WIDEST: usize = 60;

/// Batches whose cells are at hand: a screen shows one or two, and a search goes on
/// from one to the next.
const AT_HAND: usize = 4;

/// How long the matches of a search are counted: people wait for the first of them.
const COUNTED_FOR: Duration = Duration::from_millis(700);

/// Cells that are looked at before the time is.
const UNTIMED: usize = 256;

/// Cells that are searched before it is asked whether to go on.
const UNASKED: usize = 1 << 16;

/// An answer.
pub(super) struct Table {
    heads: Vec<Head>,
    answer: Rows,
    /// The first row of each batch that has any, and which batch it is.
    parts: Vec<(usize, usize)>,
    rows: usize,
    /// The columns of the batches that were looked at last, the latest at the end.
    at_hand: RefCell<VecDeque<(usize, Rc<Vec<Column>>)>>,
    fault: RefCell<Option<Error>>,
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
    /// The answer that `answer` has under `schema`.
    pub(super) fn new(schema: &SchemaRef, answer: Rows) -> Self {
        let mut parts = Vec::new();
        let mut rows = 0;
        for (batch, length) in answer.lengths().into_iter().enumerate() {
            if length > 0 {
                parts.push((rows, batch));
                rows += length;
            }
        }
        let (at_hand, fault) = (RefCell::default(), RefCell::default());
        Self { heads: heads(schema), answer, parts, rows, at_hand, fault }
    }

    /// Why some cells could not be read, if there were any: told once.
    pub(super) fn fault(&self) -> Option<Error> {
        self.fault.borrow_mut().take()
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
        self.look_at(row, column, |value| match value {
            Some(Value::Null) => Cell { text: "NULL".to_owned(), is_null: true },
            Some(value) => Cell { text: visible(&plain(value)).into_owned(), is_null: false },
            None => Cell { text: String::new(), is_null: false },
        })
    }

    /// A cell as the data has it; NULL is empty.
    pub(super) fn exact(&self, row: usize, column: usize) -> String {
        self.look_at(row, column, |value| match value {
            None | Some(Value::Null) => String::new(),
            Some(value) => plain(value),
        })
    }

    /// The next cell from `from` that holds `wanted` in any case; it goes round
    /// the end, and back to `from` itself last. In between it asks whether to `stop`.
    pub(super) fn find(
        &self,
        wanted: &str,
        (row, column): (usize, usize),
        way: Way,
        mut stop: impl FnMut() -> bool,
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
            .take_while(|distance| distance % UNASKED != 0 || !stop())
            .map(|distance| (step(distance) / across, step(distance) % across))
            .find(|(row, column)| self.exact(*row, *column).to_lowercase().contains(&wanted))
    }

    /// The cells that hold `wanted` in any case, row by row, unless there are too many to
    /// look at.
    pub(super) fn all(&self, wanted: &str) -> Option<Vec<(usize, usize)>> {
        let (wanted, begun) = (wanted.to_lowercase(), Instant::now());
        let across = self.heads.len();
        let cells = self.rows.checked_mul(across)?;
        let mut found = Vec::new();
        for cell in 0..cells {
            if cell % UNTIMED == 0 && begun.elapsed() > COUNTED_FOR {
                return None;
            }
            let (row, column) = (cell / across, cell % across);
            if self.exact(row, column).to_lowercase().contains(&wanted) {
                found.push((row, column));
            }
        }
        Some(found)
    }

    /// What `look` makes of the value of a cell, if there is such a cell.
    fn look_at<T>(
        &self,
        row: usize,
        column: usize,
        look: impl FnOnce(Option<&Value<'_>>) -> T,
    ) -> T {
        let part = self.parts.partition_point(|(first, _)| *first <= row).checked_sub(1);
        let Some((first, batch)) = part.map(|part| self.parts[part]).filter(|_| row < self.rows)
        else {
            return look(None);
        };
        match self.columns(batch) {
            Ok(columns) => {
                let value = columns.get(column).map(|column| column.get(row - first));
                look(value.as_ref())
            }
            Err(error) => {
                self.fault.borrow_mut().get_or_insert(error);
                look(None)
            }
        }
    }

    /// The columns of a batch.
    fn columns(&self, batch: usize) -> Result<Rc<Vec<Column>>> {
        let mut at_hand = self.at_hand.borrow_mut();
        if let Some((_, found)) = at_hand.iter().find(|(index, _)| *index == batch) {
            return Ok(Rc::clone(found));
        }
        let read = Rc::new(columns(&self.answer.batch(batch)?)?);
        if at_hand.len() == AT_HAND {
            at_hand.pop_front();
        }
        at_hand.push_back((batch, Rc::clone(&read)));
        Ok(read)
    }
}

fn heads(schema: &Schema) -> Vec<Head> {
    let head = |field: &datafusion::arrow::datatypes::FieldRef| Head {
        name: visible(field.name()).into_owned(),
        // A structure tells the names of its members, which are foreign text.
        type_name: visible(&type_name(field.data_type())).into_owned(),
        is_number: is_number(field.data_type()),
    };
    schema.fields().iter().map(head).collect()
}

fn width(text: &str) -> usize {
    display_width(text).clamp(1, WIDEST)
}
