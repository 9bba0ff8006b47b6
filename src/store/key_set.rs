//! Hashes of row keys: which were seen, and where they lie in a file.

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::common::hash_utils::{QualityRandomState, create_hashes};

use crate::error::{Error, Result};
use crate::model::Table;

/// How many leading bits of a hash choose its shard.
const SHARD_BITS: u32 = 16;

/// How many bits of an entry of [`FileKeys`] hold the row.
const ROW_BITS: u32 = 24;

/// The key columns of a batch of `table`.
pub(super) fn key_columns(table: &'static Table, batch: &RecordBatch) -> Vec<ArrayRef> {
    let positions = table.key.iter().filter_map(|name| table.index(name));
    positions.map(|position| ArrayRef::clone(batch.column(position))).collect()
}

/// The hash of each row's key. The same within one process only.
pub(super) fn key_hashes(columns: &[ArrayRef]) -> Result<Vec<u64>> {
    let mut hashes = vec![0; columns.first().map_or(0, |column| column.len())];
    create_hashes(columns, &QualityRandomState::with_seed(0), &mut hashes)
        .map_err(|error| Error::internal(format!("cannot hash keys: {error}")))?;
    Ok(hashes)
}

/// A set of key hashes that takes about five bytes for each. It may say that it
/// holds one that it does not, about once in ten million times; never the other
/// way round.
#[derive(Debug)]
pub(super) struct KeySet {
    /// By the leading 16 bits of a hash, the next 32 bits in order.
    shards: Vec<Vec<u32>>,
    is_empty: bool,
}

impl KeySet {
    /// An empty set.
    pub(super) fn new() -> Self {
        Self { shards: Vec::new(), is_empty: true }
    }

    /// Adds hashes.
    pub(super) fn extend(&mut self, mut hashes: Vec<u64>) {
        if hashes.is_empty() {
            return;
        }
        self.is_empty = false;
        self.shards.resize(1 << SHARD_BITS, Vec::new());
        hashes.sort_unstable();
        for same in hashes.chunk_by(|a, b| shard(*a) == shard(*b)) {
            let kept = &mut self.shards[shard(same[0])];
            // Not `reserve`: doubling would cost half of the memory.
            kept.reserve_exact(same.len() + kept.len() / 8);
            kept.extend(same.iter().copied().map(rest));
            // Two sorted runs, which this sort merges.
            kept.sort();
        }
    }

    /// Whether `hash` was added, with the doubt that the type names.
    pub(super) fn contains(&self, hash: u64) -> bool {
        !self.is_empty && self.shards[shard(hash)].binary_search(&rest(hash)).is_ok()
    }
}

/// The shard of a hash.
fn shard(hash: u64) -> usize {
    (hash >> (64 - SHARD_BITS)) as usize
}

/// What the shard keeps of a hash.
fn rest(hash: u64) -> u32 {
    (hash >> (32 - SHARD_BITS)) as u32
}

/// Where the keys of one data file lie.
#[derive(Debug)]
pub(super) struct FileKeys {
    /// The leading 40 bits of a hash, then the row; in order.
    entries: Vec<u64>,
}

impl FileKeys {
    /// The keys with `hashes`, row by row.
    pub(super) fn new(hashes: Vec<u64>) -> Result<Self> {
        if hashes.len() > 1 << ROW_BITS {
            return Err(Error::store(format!("a data file has {} rows", hashes.len()))
                .hint("weiku optimize rewrites it"));
        }
        let mut entries = hashes;
        for (row, entry) in entries.iter_mut().enumerate() {
            *entry = leading(*entry) | row as u64;
        }
        entries.sort_unstable();
        Ok(Self { entries })
    }

    /// The rows whose hash may be one of `wanted`, each with the number that
    /// came with the hash. `wanted` is in order of hashes.
    pub(super) fn find(&self, wanted: &[(u64, u32)]) -> Vec<(u32, u32)> {
        let mut found = Vec::new();
        let mut rest = self.entries.as_slice();
        for &(hash, number) in wanted {
            rest = &rest[gallop(rest, leading(hash))..];
            for &entry in rest.iter().take_while(|entry| leading(**entry) == leading(hash)) {
                let row = (entry & ((1 << ROW_BITS) - 1)) as u32;
                found.push((row, number));
            }
        }
        found.sort_unstable();
        found
    }
}

/// The bits of a hash that an entry keeps.
fn leading(hash: u64) -> u64 {
    hash >> ROW_BITS << ROW_BITS
}

/// How many entries are less than `least`: near ones are found fast, for the
/// caller walks on from one to the next.
fn gallop(entries: &[u64], least: u64) -> usize {
    let mut step = 1;
    while step < entries.len() && entries[step] < least {
        step *= 2;
    }
    let from = step / 2;
    let to = entries.len().min(step + 1);
    from + entries[from..to].partition_point(|entry| *entry < least)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(count: u64) -> Vec<u64> {
        (0..count).map(|number| number.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect()
    }

    #[test]
    fn a_key_set_knows_what_was_added_and_nearly_nothing_else() {
        let all = hashes(200_000);
        let mut set = KeySet::new();
        assert!(!set.contains(all[0]));
        for part in all[..100_000].chunks(30_000) {
            set.extend(part.to_vec());
        }
        assert!(all[..100_000].iter().all(|hash| set.contains(*hash)));
        assert_eq!(all[100_000..].iter().filter(|hash| set.contains(**hash)).count(), 0);
    }

    #[test]
    fn file_keys_find_every_row_of_a_hash() {
        let mut rows = hashes(5_000);
        rows.push(rows[7]);
        let keys = FileKeys::new(rows.clone()).unwrap();
        let mut wanted: Vec<(u64, u32)> = (0..5_000).map(|n| (rows[n as usize], n)).collect();
        wanted.push((hashes(6_000)[5_500], 9_999));
        wanted.sort_unstable();
        let found = keys.find(&wanted);
        let mut expected: Vec<(u32, u32)> = (0..5_000).map(|n| (n, n)).collect();
        expected.push((5_000, 7));
        assert_eq!(found, expected);
    }
}
