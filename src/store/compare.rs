//! Compares and merges two rows of one key.

use std::cmp::Ordering;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, DynComparator, RecordBatch, make_comparator,
};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::TimestampMicrosecondType;

use super::errors::arrow;
use crate::error::Result;
use crate::model::{OBSERVED_AT, Table};

/// What merging a row did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A value is another.
    Changed,
    /// The row said nothing new.
    Unchanged,
}

/// Compares columns of one batch with the same columns of another.
pub(super) struct Compared {
    columns: Vec<DynComparator>,
}

impl Compared {
    /// Compares `left` with `right`, which have the same types.
    pub(super) fn new(left: &[ArrayRef], right: &[ArrayRef]) -> Result<Self> {
        let columns: Result<Vec<DynComparator>, _> = left
            .iter()
            .zip(right)
            .map(|(left, right)| make_comparator(left, right, SortOptions::default()))
            .collect();
        Ok(Self { columns: columns.map_err(arrow)? })
    }

    /// Whether column `column` has the same value in both rows.
    fn is_equal(&self, column: usize, left: usize, right: usize) -> bool {
        (self.columns[column])(left, right) == Ordering::Equal
    }

    /// Whether all columns have the same values in both rows.
    pub(super) fn all_equal(&self, left: usize, right: usize) -> bool {
        self.columns.iter().all(|compare| compare(left, right) == Ordering::Equal)
    }
}

/// The rows of a chunk beside all rows they are merged into, and the row that
/// is merged now: for each column the source and row of its value.
pub(super) struct Incoming {
    rows: RecordBatch,
    /// The positions of the key, and of all columns that carry values.
    key: Vec<usize>,
    values: Vec<usize>,
    observed_at: Option<usize>,
    /// The chunk's rows are source 0.
    sources: Vec<Source>,
    merged: Vec<(u32, u32)>,
}

/// Rows into which others are merged.
struct Source {
    batch: RecordBatch,
    compared: Compared,
}

impl Incoming {
    /// The rows `rows` of `table`, which are merged into themselves at first.
    pub(super) fn new(table: &'static Table, rows: &RecordBatch) -> Result<Self> {
        let is_key = |name: &str| table.key.contains(&name);
        let positions = |wanted: &dyn Fn(&str) -> bool| -> Vec<usize> {
            let columns = table.columns.iter().enumerate();
            columns.filter(|(_, column)| wanted(column.name)).map(|(at, _)| at).collect()
        };
        let observed_at = table.index(OBSERVED_AT).filter(|_| !is_key(OBSERVED_AT));
        let mut incoming = Self {
            rows: rows.clone(),
            key: positions(&is_key),
            values: positions(&|name| !is_key(name) && name != OBSERVED_AT),
            observed_at,
            sources: Vec::new(),
            merged: vec![(0, 0); table.columns.len()],
        };
        incoming.add_source(rows.clone())?;
        Ok(incoming)
    }

    /// Makes rows known into which others are merged; gives their number.
    pub(super) fn add_source(&mut self, batch: RecordBatch) -> Result<u32> {
        let compared = Compared::new(batch.columns(), self.rows.columns())?;
        self.sources.push(Source { batch, compared });
        Ok(self.sources.len() as u32 - 1)
    }

    /// Forgets the source `source` if it was the last to be added.
    pub(super) fn drop_source(&mut self, source: u32) {
        if source as usize + 1 == self.sources.len() {
            self.sources.pop();
        }
    }

    /// The rows of all sources.
    pub(super) fn sources(&self) -> Vec<&RecordBatch> {
        self.sources.iter().map(|source| &source.batch).collect()
    }

    /// Whether row `there` of a source has the key of the chunk's row `row`.
    pub(super) fn same_key(&self, source: u32, there: usize, row: usize) -> bool {
        let compared = &self.sources[source as usize].compared;
        self.key.iter().all(|&column| compared.is_equal(column, there, row))
    }

    /// Begins with the row that is there.
    pub(super) fn begin(&mut self, source: u32, row: u32) {
        self.merged.fill((source, row));
    }

    /// Whether what is merged now says the same as row `there` of a source.
    pub(super) fn says_the_same(&self, source: u32, there: u32) -> bool {
        let began = &self.sources[source as usize];
        self.values.iter().all(|&column| {
            let (from, row) = self.merged[column];
            // Rows only ever change into rows of the chunk.
            if from == 0 && source != 0 {
                began.compared.is_equal(column, there as usize, row as usize)
            } else {
                (from, row) == (source, there)
            }
        })
    }

    /// For each column the source and row of its value.
    pub(super) fn merged(&self) -> &[(u32, u32)] {
        &self.merged
    }

    /// Merges the chunk's row `row` into the row that is merged now.
    ///
    /// The value that was seen later wins, and of two seen at the same time the
    /// one that came later; a value that is not known never wins.
    pub(super) fn merge(&mut self, row: u32) -> Outcome {
        let at = row as usize;
        let is_newer = self.is_newer(at);
        let mut outcome = Outcome::Unchanged;
        for &column in &self.values {
            if self.rows.column(column).is_null(at) {
                continue;
            }
            let (source, there) = self.merged[column];
            let source = &self.sources[source as usize];
            let is_known = source.batch.column(column).is_valid(there as usize);
            let wins =
                !is_known || (is_newer && !source.compared.is_equal(column, there as usize, at));
            if wins {
                self.merged[column] = (0, row);
                outcome = Outcome::Changed;
            }
        }
        if let (Outcome::Changed, true, Some(column)) = (outcome, is_newer, self.observed_at) {
            self.merged[column] = (0, row);
        }
        outcome
    }

    /// Whether the chunk's row `at` was not seen before the row that is merged
    /// now.
    fn is_newer(&self, at: usize) -> bool {
        let Some(column) = self.observed_at else { return true };
        let instant = |batch: &RecordBatch, row: usize| {
            batch.column(column).as_primitive::<TimestampMicrosecondType>().value(row)
        };
        let (source, there) = self.merged[column];
        instant(&self.rows, at) >= instant(&self.sources[source as usize].batch, there as usize)
    }
}
