//! The rows of a chunk, put together by key.

use std::num::NonZeroU32;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::HashMap;

use super::compare::Compared;
use super::keys::{key_columns, key_hashes};
use crate::error::Result;
use crate::model::Table;

/// The rows of a chunk, grouped by key.
pub(super) struct Groups {
    /// The hash of each group's key.
    pub(super) hashes: Vec<u64>,
    /// The first row of each group.
    pub(super) first: Vec<u32>,
    /// For each row the next one of its group.
    next: Vec<Option<NonZeroU32>>,
}

impl Groups {
    /// The groups of the rows of `rows`. If all `are_first`, each is one of its own.
    pub(super) fn of(table: &'static Table, rows: &RecordBatch, are_first: bool) -> Result<Self> {
        let keys = key_columns(table, rows);
        let row_hashes = key_hashes(&keys)?;
        if are_first {
            let first = (0..rows.num_rows() as u32).collect();
            return Ok(Self { hashes: row_hashes, first, next: vec![None; rows.num_rows()] });
        }
        let same = Compared::new(&keys, &keys)?;
        let mut groups = Self {
            hashes: Vec::with_capacity(row_hashes.len()),
            first: Vec::with_capacity(row_hashes.len()),
            next: vec![None; row_hashes.len()],
        };
        let mut last: Vec<u32> = Vec::with_capacity(row_hashes.len());
        let mut by_hash: HashMap<u64, u32> = HashMap::with_capacity(row_hashes.len());
        let mut same_hash: Vec<(u64, u32)> = Vec::new();
        for (row, hash) in (0u32..).zip(row_hashes) {
            let is_it =
                |group: &u32| same.all_equal(groups.first[*group as usize] as usize, row as usize);
            let known = by_hash.get(&hash).copied();
            let group = known.filter(is_it).or_else(|| {
                let mut others = same_hash.iter().filter(|(other, _)| *other == hash);
                others.find(|(_, group)| is_it(group)).map(|(_, group)| *group)
            });
            if let Some(group) = group {
                let end = std::mem::replace(&mut last[group as usize], row);
                groups.next[end as usize] = NonZeroU32::new(row);
                continue;
            }
            let group = groups.first.len() as u32;
            groups.first.push(row);
            groups.hashes.push(hash);
            last.push(row);
            match known {
                Some(_) => same_hash.push((hash, group)),
                None => {
                    by_hash.insert(hash, group);
                }
            }
        }
        Ok(groups)
    }

    /// How many groups there are.
    pub(super) fn len(&self) -> usize {
        self.first.len()
    }

    /// The row after `row` in its group.
    pub(super) fn next(&self, row: u32) -> Option<u32> {
        self.next[row as usize].map(NonZeroU32::get)
    }
}
