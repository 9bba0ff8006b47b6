//! Hashes of row keys, and where they lie among rows.

use std::cmp::Ordering;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::common::HashMap;
use datafusion::common::hash_utils::{QualityRandomState, create_hashes};

use crate::error::{Error, Result};
use crate::model::Table;

/// How many bits of an entry of [`Keys`] hold the row.
const ROW_BITS: u32 = 24;

/// The bits that hold the row.
const ROWS: u32 = (1 << ROW_BITS) - 1;

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

/// The rows, in order, whose hash is one of `wanted`, each with the number that
/// came with the hash. `hashes` are those of all rows, part by part; `wanted` is in
/// order of hashes.
pub(super) fn find(
    hashes: impl Iterator<Item = Result<Vec<u64>>>,
    wanted: &[(u64, u32)],
) -> Result<Vec<(u32, u32)>> {
    let mut places: HashMap<u64, usize> = HashMap::with_capacity(wanted.len());
    for (place, (hash, _)) in wanted.iter().enumerate() {
        places.entry(*hash).or_insert(place);
    }
    let mut found = Vec::new();
    let mut row = 0;
    for part in hashes {
        for hash in part? {
            if let Some(place) = places.get(&hash) {
                let same = wanted[*place..].iter().take_while(|(other, _)| *other == hash);
                found.extend(same.map(|(_, number)| (row, *number)));
            }
            row += 1;
        }
    }
    Ok(found)
}

/// Where keys lie among rows, such as those of a data file.
#[derive(Debug)]
pub(super) struct Keys {
    /// The leading 40 bits of a hash, then the row; in order.
    entries: Vec<u64>,
}

impl Keys {
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
        let (mut entries, mut wanted) = (self.entries.as_slice(), wanted);
        // Each walks on to where the other one is, whichever has fewer.
        while let (Some(&entry), Some(&(hash, number))) = (entries.first(), wanted.first()) {
            match leading(entry).cmp(&leading(hash)) {
                Ordering::Less => {
                    let less = gallop(entries, |entry| leading(*entry) < leading(hash));
                    entries = &entries[less..];
                }
                Ordering::Greater => {
                    let less = gallop(wanted, |(hash, _)| leading(*hash) < leading(entry));
                    wanted = &wanted[less..];
                }
                Ordering::Equal => {
                    let is_same = |entry: &&u64| leading(**entry) == leading(hash);
                    let rows = entries.iter().take_while(is_same).map(|entry| *entry as u32 & ROWS);
                    found.extend(rows.map(|row| (row, number)));
                    wanted = &wanted[1..];
                }
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

/// How many items are less: near ones are found fast, for the caller walks on from
/// one to the next.
fn gallop<T>(items: &[T], is_less: impl Fn(&T) -> bool) -> usize {
    let mut step = 1;
    while step < items.len() && is_less(&items[step]) {
        step *= 2;
    }
    let from = step / 2;
    let to = items.len().min(step + 1);
    from + items[from..to].partition_point(is_less)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(count: u64) -> Vec<u64> {
        (0..count).map(|number| number.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect()
    }

    #[test]
    fn every_row_of_a_hash_is_found() {
        let mut rows = hashes(5_000);
        rows.push(rows[7]);
        let keys = Keys::new(rows.clone()).unwrap();
        let mut wanted: Vec<(u64, u32)> = (0..5_000).map(|n| (rows[n as usize], n)).collect();
        wanted.push((hashes(6_000)[5_500], 9_999));
        wanted.sort_unstable();
        let found = keys.find(&wanted);
        let mut expected: Vec<(u32, u32)> = (0..5_000).map(|n| (n, n)).collect();
        expected.push((5_000, 7));
        assert_eq!(found, expected);
        let few = &wanted[2_000..2_010];
        assert_eq!(keys.find(few).len(), 10);
        assert!(keys.find(few).iter().all(|row| expected.contains(row)));
        let parts = rows.chunks(1_000).map(|part| Ok(part.to_vec()));
        assert_eq!(find(parts, &wanted).unwrap(), expected);
    }
}
