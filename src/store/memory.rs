//! Merged rows that wait in memory for their file, found by key.

use datafusion::arrow::array::{BooleanArray, RecordBatch};
use datafusion::common::HashMap;

use super::rows;
use crate::error::Result;

/// Where a row lies: the batch, and the row in it.
pub(super) type Spot = (u32, u32);

/// Rows that wait for their file, and where each key lies among them.
#[derive(Debug, Default)]
pub(super) struct Memory {
    batches: Vec<RecordBatch>,
    /// For each batch, the rows that were replaced, in no order.
    replaced: Vec<Vec<u32>>,
    spots: HashMap<u64, Spot>,
    /// Keys whose hash another key has too: next to none.
    same_hash: Vec<(u64, Spot)>,
    rows: usize,
    bytes: usize,
}

impl Memory {
    /// Takes rows in, given the hash of each one's key.
    pub(super) fn push(&mut self, batch: RecordBatch, hashes: &[u64]) {
        let number = self.batches.len() as u32;
        for (row, &hash) in hashes.iter().enumerate() {
            let spot = (number, row as u32);
            if let Some(other) = self.spots.insert(hash, spot) {
                self.same_hash.push((hash, other));
            }
        }
        self.rows += batch.num_rows();
        self.bytes += batch.get_array_memory_size();
        self.batches.push(batch);
        self.replaced.push(Vec::new());
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

    /// How many rows there are, replaced ones included.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// How many bytes the rows take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
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
