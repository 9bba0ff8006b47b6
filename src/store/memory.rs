//! Merged rows that wait in memory for their file, found by key.

use datafusion::arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::compute::interleave_record_batch;
use datafusion::arrow::datatypes::TimestampMicrosecondType;

use super::errors::arrow;
use super::keys::{Keys, key_columns, key_hashes};
use super::rows;
use crate::error::Result;
use crate::model::{ColumnKind, Table};

/// The most rows that stay behind when a file is made of the others.
const MOST_EXPECTED: usize = 32 * 1024;

/// Rows that came out of merging.
#[derive(Debug)]
pub(super) struct MergedRows {
    pub(super) batch: RecordBatch,
    /// The hash of each row's key.
    pub(super) hashes: Vec<u64>,
    /// The rows, in order, that stood in other records only.
    pub(super) nested: Vec<u32>,
}

/// Rows that wait for their file.
#[derive(Debug, Default)]
pub(super) struct Memory {
    batches: Vec<Waiting>,
    rows: usize,
    bytes: usize,
}

/// Rows that came out of merging and wait.
#[derive(Debug)]
pub(super) struct Waiting {
    rows: MergedRows,
    /// Where keys lie, in the place of their hashes, once one was looked for.
    keys: Option<Keys>,
    /// The rows that were replaced; empty as long as there are none.
    replaced: Vec<bool>,
}

impl Waiting {
    /// The rows that may have one of the `wanted` keys and were not replaced, each
    /// with the number that came with the key.
    pub(super) fn find(&mut self, wanted: &[(u64, u32)]) -> Result<Vec<(u32, u32)>> {
        let keys = match self.keys.take() {
            Some(keys) => keys,
            None => Keys::new(std::mem::take(&mut self.rows.hashes))?,
        };
        let mut found = self.keys.insert(keys).find(wanted);
        found.retain(|(row, _)| !self.is_replaced(*row));
        Ok(found)
    }

    /// All rows, replaced ones included.
    pub(super) fn batch(&self) -> &RecordBatch {
        &self.rows.batch
    }

    /// Whether the row stood in other records only.
    pub(super) fn is_nested(&self, row: u32) -> bool {
        self.rows.nested.binary_search(&row).is_ok()
    }

    /// Forgets the row, which another one replaces.
    pub(super) fn replace(&mut self, row: u32) {
        self.replaced.resize(self.rows.batch.num_rows(), false);
        self.replaced[row as usize] = true;
    }

    fn is_replaced(&self, row: u32) -> bool {
        self.replaced.get(row as usize).is_some_and(|gone| *gone)
    }

    /// The rows that were not replaced.
    fn take(self) -> Result<RecordBatch> {
        if self.replaced.is_empty() {
            return Ok(self.rows.batch);
        }
        let keep: BooleanArray = self.replaced.iter().map(|gone| Some(!gone)).collect();
        rows::keep_rows(&self.rows.batch, &keep)
    }
}

impl Memory {
    /// Takes rows in.
    pub(super) fn push(&mut self, rows: MergedRows) {
        self.rows += rows.batch.num_rows();
        self.bytes += rows.batch.get_array_memory_size();
        self.batches.push(Waiting { rows, keys: None, replaced: Vec::new() });
    }

    /// What waits, batch by batch.
    pub(super) fn batches(&mut self) -> &mut [Waiting] {
        &mut self.batches
    }

    /// How many rows there are, replaced ones included.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// How many bytes the rows take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The rows for a file of `table`.
    ///
    /// Rows whose own record is expected stay: it would replace them, and the
    /// file would have to be written again for a few rows.
    pub(super) fn take_for_file(&mut self, table: &'static Table) -> Result<Vec<RecordBatch>> {
        let expected = self.expected(table);
        if expected.is_empty() || expected.len() > MOST_EXPECTED {
            return self.take();
        }
        let batches: Vec<&RecordBatch> = self.batches.iter().map(Waiting::batch).collect();
        let batch = interleave_record_batch(&batches, &expected).map_err(arrow)?;
        let batch = rows::compact(&batch)?;
        let hashes = key_hashes(&key_columns(table, &batch))?;
        for (number, row) in expected {
            self.batches[number].replace(row as u32);
        }
        let taken = self.take()?;
        let nested = (0..batch.num_rows() as u32).collect();
        self.push(MergedRows { batch, hashes, nested });
        Ok(taken)
    }

    /// The rows, as batch and row, that stood in other records only, and that the
    /// records have not come to: all of these lie before them in the table's order of time.
    /// Crawlers write the newest posts first, each with the older one that it
    /// passes on.
    fn expected(&self, table: &Table) -> Vec<(usize, usize)> {
        let Some(sort) = table.sort.first() else { return Vec::new() };
        let is_instant =
            table.column(sort.name).is_some_and(|column| column.kind == ColumnKind::Instant);
        let Some(column) = table.index(sort.name).filter(|_| is_instant) else {
            return Vec::new();
        };
        let mut last = None;
        let mut nested = Vec::new();
        for (number, waiting) in self.batches.iter().enumerate() {
            let instants = waiting.batch().column(column);
            let instants = instants.as_primitive::<TimestampMicrosecondType>();
            let place = |row: u32| {
                let instant = instants.value(row as usize);
                let place = if sort.descending { !instant } else { instant };
                instants.is_valid(row as usize).then_some(place)
            };
            let mut others = waiting.rows.nested.iter().peekable();
            for row in 0..instants.len() as u32 {
                if others.next_if_eq(&&row).is_none() {
                    last = last.max(place(row));
                } else if !waiting.is_replaced(row) {
                    nested.push((place(row), (number, row as usize)));
                }
            }
        }
        nested.retain(|(place, _)| last.is_some() && *place > last);
        nested.into_iter().map(|(_, place)| place).collect()
    }

    /// All rows that were not replaced; none are left.
    pub(super) fn take(&mut self) -> Result<Vec<RecordBatch>> {
        let batches = std::mem::take(self).batches.into_iter();
        let mut batches = batches.map(Waiting::take).collect::<Result<Vec<_>>>()?;
        batches.retain(|batch| batch.num_rows() > 0);
        Ok(batches)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Int64Array, TimestampMicrosecondArray};
    use datafusion::arrow::datatypes::Int64Type;

    use super::*;
    use crate::model::{Column, SortColumn};

    const TABLE: Table = Table {
        name: "posts",
        summary: "",
        columns: &[
            Column { name: "id", kind: ColumnKind::Integer, nullable: false, summary: "" },
            Column { name: "at", kind: ColumnKind::Instant, nullable: true, summary: "" },
        ],
        key: &["id"],
        sort: &[SortColumn { name: "at", descending: true }],
    };

    /// Rows with an id and a time, and whether they stood in other records only.
    fn rows(rows: &[(i64, Option<i64>, bool)]) -> MergedRows {
        let ids: Int64Array = rows.iter().map(|(id, ..)| *id).collect::<Vec<_>>().into();
        let times: TimestampMicrosecondArray = rows.iter().map(|(_, at, _)| *at).collect();
        let columns: Vec<Arc<dyn Array>> =
            vec![Arc::new(ids), Arc::new(times.with_timezone("UTC"))];
        let batch = RecordBatch::try_new(TABLE.schema(), columns).unwrap();
        let hashes = key_hashes(&key_columns(&TABLE, &batch)).unwrap();
        let nested = (0..).zip(rows).filter(|(_, row)| row.2).map(|(number, _)| number).collect();
        MergedRows { batch, hashes, nested }
    }

    /// The ids in what was taken.
    fn ids(batches: &[RecordBatch]) -> Vec<i64> {
        let ids =
            |batch: &RecordBatch| batch.column(0).as_primitive::<Int64Type>().values().to_vec();
        batches.iter().flat_map(ids).collect()
    }

    #[test]
    fn rows_whose_own_record_is_still_to_come_wait_for_the_next_file() {
        let mut memory = Memory::default();
        let nested = [(2, Some(80), true), (3, Some(95), true), (4, None, true)];
        memory.push(rows(&[&[(1, Some(100), false)][..], &nested].concat()));
        memory.push(rows(&[(5, Some(90), false), (6, Some(70), true)]));
        assert_eq!(ids(&memory.take_for_file(&TABLE).unwrap()), [1, 3, 4, 5]);
        assert_eq!(memory.rows(), 2);
        // The record of one comes, and replaces it.
        let own = rows(&[(2, Some(80), false)]);
        let [waiting] = memory.batches() else { panic!("in one batch") };
        let wanted = [(own.hashes[0], 7)];
        assert_eq!(waiting.find(&wanted).unwrap(), [(0, 7)]);
        assert!(waiting.is_nested(0));
        waiting.replace(0);
        assert_eq!(waiting.find(&wanted).unwrap(), []);
        memory.push(own);
        assert_eq!(ids(&memory.take().unwrap()), [6, 2]);
        assert_eq!(memory.rows(), 0);
    }

    #[test]
    fn no_row_waits_where_there_is_no_record_or_too_many_would() {
        let mut memory = Memory::default();
        memory.push(rows(&[(1, Some(10), true), (2, Some(20), true)]));
        assert_eq!(ids(&memory.take_for_file(&TABLE).unwrap()), [1, 2]);
        let record = MOST_EXPECTED as i64 + 1;
        let many: Vec<_> = (0..=record).map(|id| (id, Some(id), id < record)).collect();
        memory.push(rows(&many));
        assert_eq!(ids(&memory.take_for_file(&TABLE).unwrap()).len(), many.len());
    }
}
