//! Merged rows that wait in memory for their file, found by key.

use datafusion::arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::compute::interleave_record_batch;
use datafusion::arrow::datatypes::TimestampMicrosecondType;
use datafusion::common::HashMap;

use super::errors::arrow;
use super::key_set::{key_columns, key_hashes};
use super::rows;
use crate::error::Result;
use crate::model::{ColumnKind, Table};

/// The most rows that stay behind when a file is made of the others.
const MOST_EXPECTED: usize = 32 * 1024;

/// Where a row lies: the batch, and the row in it.
pub(super) type Spot = (u32, u32);

/// Rows that came out of merging.
#[derive(Debug)]
pub(super) struct MergedRows {
    pub(super) batch: RecordBatch,
    /// The hash of each row's key.
    pub(super) hashes: Vec<u64>,
    /// The rows, in order, that stood in other records only.
    pub(super) nested: Vec<u32>,
}

/// Rows that wait for their file, and where each key lies among them.
#[derive(Debug, Default)]
pub(super) struct Memory {
    batches: Vec<RecordBatch>,
    /// For each batch, the rows that were replaced, in no order.
    replaced: Vec<Vec<u32>>,
    /// For each batch, the rows, in order, that stood in other records only.
    nested: Vec<Vec<u32>>,
    spots: HashMap<u64, Spot>,
    /// Keys whose hash another key has too: next to none.
    same_hash: Vec<(u64, Spot)>,
    rows: usize,
    bytes: usize,
}

impl Memory {
    /// Takes rows in.
    pub(super) fn push(&mut self, MergedRows { batch, hashes, nested }: MergedRows) {
        let number = self.batches.len() as u32;
        for (row, hash) in (0u32..).zip(hashes) {
            let spot = (number, row);
            if let Some(other) = self.spots.insert(hash, spot) {
                self.same_hash.push((hash, other));
            }
        }
        self.rows += batch.num_rows();
        self.bytes += batch.get_array_memory_size();
        self.batches.push(batch);
        self.replaced.push(Vec::new());
        self.nested.push(nested);
    }

    /// Where rows with this key hash lie: one, but for a freak of hashing.
    pub(super) fn spots(&self, hash: u64) -> impl Iterator<Item = Spot> {
        let first = self.spots.get(&hash).copied();
        // Nothing but the first is looked at as long as hashes differ.
        let others = first.map_or(&[][..], |_| &self.same_hash);
        let others = others.iter().filter(move |(other, _)| *other == hash);
        first.into_iter().chain(others.map(|(_, spot)| *spot))
    }

    /// Forgets the row at `spot`, which another one replaces.
    pub(super) fn replace(&mut self, hash: u64, spot: Spot) {
        self.replaced[spot.0 as usize].push(spot.1);
        if self.spots.get(&hash) != Some(&spot) {
            self.same_hash.retain(|entry| *entry != (hash, spot));
            return;
        }
        self.spots.remove(&hash);
        if let Some(at) = self.same_hash.iter().position(|(other, _)| *other == hash) {
            let (hash, spot) = self.same_hash.swap_remove(at);
            self.spots.insert(hash, spot);
        }
    }

    /// The batches, replaced rows included.
    pub(super) fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    /// Whether the row at `spot` stood in other records only.
    pub(super) fn is_nested(&self, spot: Spot) -> bool {
        self.nested[spot.0 as usize].binary_search(&spot.1).is_ok()
    }

    /// How many rows there are, replaced ones included.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// How many bytes the rows take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The rows for a file of `table`, and the hashes of their keys.
    ///
    /// Rows whose own record is expected stay: it would replace them, and the
    /// file would have to be written again for a few rows.
    pub(super) fn take_for_file(
        &mut self,
        table: &'static Table,
    ) -> Result<(Vec<RecordBatch>, Vec<u64>)> {
        let expected = self.expected(table);
        if expected.is_empty() || expected.len() > MOST_EXPECTED {
            return self.take();
        }
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        let places: Vec<(usize, usize)> =
            expected.iter().map(|spot| (spot.0 as usize, spot.1 as usize)).collect();
        let batch = interleave_record_batch(&batches, &places).map_err(arrow)?;
        let batch = rows::compact(&batch)?;
        let hashes = key_hashes(&key_columns(table, &batch))?;
        for (hash, spot) in hashes.iter().zip(&expected) {
            self.replace(*hash, *spot);
        }
        let taken = self.take()?;
        let nested = (0..batch.num_rows() as u32).collect();
        self.push(MergedRows { batch, hashes, nested });
        Ok(taken)
    }

    /// The rows that stood in other records only, and that the records have not
    /// come to: all of these lie before them in the table's order of time.
    /// Crawlers write the newest posts first, each with the older one that it
    /// passes on.
    fn expected(&mut self, table: &Table) -> Vec<Spot> {
        let Some(sort) = table.sort.first() else { return Vec::new() };
        let is_instant =
            table.column(sort.name).is_some_and(|column| column.kind == ColumnKind::Instant);
        let Some(column) = table.index(sort.name).filter(|_| is_instant) else {
            return Vec::new();
        };
        let mut last = None;
        let mut nested = Vec::new();
        for (number, batch) in (0u32..).zip(&self.batches) {
            let instants = batch.column(column).as_primitive::<TimestampMicrosecondType>();
            let place = |row: u32| {
                let instant = instants.value(row as usize);
                let place = if sort.descending { !instant } else { instant };
                instants.is_valid(row as usize).then_some(place)
            };
            let replaced = &mut self.replaced[number as usize];
            replaced.sort_unstable();
            let mut others = self.nested[number as usize].iter().peekable();
            for row in 0..batch.num_rows() as u32 {
                if others.next_if_eq(&&row).is_none() {
                    last = last.max(place(row));
                } else if replaced.binary_search(&row).is_err() {
                    nested.push((place(row), (number, row)));
                }
            }
        }
        nested.retain(|(place, _)| last.is_some() && *place > last);
        nested.into_iter().map(|(_, spot)| spot).collect()
    }

    /// All rows that were not replaced, and the hashes of their keys; none are
    /// left.
    pub(super) fn take(&mut self) -> Result<(Vec<RecordBatch>, Vec<u64>)> {
        let taken = std::mem::take(self);
        let mut hashes: Vec<u64> = taken.spots.into_keys().collect();
        hashes.extend(taken.same_hash.iter().map(|(hash, _)| *hash));
        let mut batches = Vec::with_capacity(taken.batches.len());
        for (batch, replaced) in taken.batches.into_iter().zip(taken.replaced) {
            batches.push(without(&batch, &replaced)?);
        }
        batches.retain(|batch| batch.num_rows() > 0);
        Ok((batches, hashes))
    }
}

/// The batch without the rows in `gone`.
fn without(batch: &RecordBatch, gone: &[u32]) -> Result<RecordBatch> {
    if gone.is_empty() {
        return Ok(batch.clone());
    }
    let mut kept = vec![true; batch.num_rows()];
    for &row in gone {
        kept[row as usize] = false;
    }
    rows::keep_rows(batch, &BooleanArray::from(kept))
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
    fn ids((batches, hashes): (Vec<RecordBatch>, Vec<u64>)) -> Vec<i64> {
        let ids: Vec<i64> = batches
            .iter()
            .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec())
            .collect();
        assert_eq!(hashes.len(), ids.len());
        ids
    }

    #[test]
    fn rows_whose_own_record_is_still_to_come_wait_for_the_next_file() {
        let mut memory = Memory::default();
        let nested = [(2, Some(80), true), (3, Some(95), true), (4, None, true)];
        memory.push(rows(&[&[(1, Some(100), false)][..], &nested].concat()));
        memory.push(rows(&[(5, Some(90), false), (6, Some(70), true)]));
        assert_eq!(ids(memory.take_for_file(&TABLE).unwrap()), [1, 3, 4, 5]);
        assert_eq!(memory.rows(), 2);
        // The record of one comes, and replaces it.
        let own = rows(&[(2, Some(80), false)]);
        let spot = memory.spots(own.hashes[0]).next().unwrap();
        assert!(memory.is_nested(spot));
        memory.replace(own.hashes[0], spot);
        memory.push(own);
        assert_eq!(ids(memory.take().unwrap()), [6, 2]);
        assert_eq!(memory.rows(), 0);
    }

    #[test]
    fn no_row_waits_where_there_is_no_record_or_too_many_would() {
        let mut memory = Memory::default();
        memory.push(rows(&[(1, Some(10), true), (2, Some(20), true)]));
        assert_eq!(ids(memory.take_for_file(&TABLE).unwrap()), [1, 2]);
        let record = MOST_EXPECTED as i64 + 1;
        let many: Vec<_> = (0..=record).map(|id| (id, Some(id), id < record)).collect();
        memory.push(rows(&many));
        assert_eq!(ids(memory.take_for_file(&TABLE).unwrap()).len(), many.len());
    }
}
