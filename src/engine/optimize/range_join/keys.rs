//! The keys of the left side of a join by range, which are found by their hash.

use datafusion::arrow::array::{Array, ArrayRef, make_comparator};
use datafusion::arrow::compute::SortOptions;
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::common::{HashMap, Result};

/// Different keys, each with a number.
pub(super) struct Keys {
    /// What they are, column by column.
    values: Vec<ArrayRef>,
    /// By hash the last key that has it.
    by_hash: HashMap<u64, usize>,
    /// For each key the one before it that has the same hash.
    others: Vec<Option<usize>>,
}

impl Keys {
    /// Those in the rows of `values`, of which no two are equal.
    pub(super) fn new(values: Vec<ArrayRef>) -> Result<Self> {
        let hashes = hashes(&values)?;
        Ok(Self::hashed(values, &hashes))
    }

    fn hashed(values: Vec<ArrayRef>, hashes: &[u64]) -> Self {
        let mut by_hash = HashMap::with_capacity(hashes.len());
        let keys = hashes.iter().enumerate();
        let others = keys.map(|(key, hash)| by_hash.insert(*hash, key)).collect();
        Self { values, by_hash, others }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.others.len()
    }

    /// How many bytes they take, beside texts that they have in common with the rows.
    pub(super) fn size(&self) -> usize {
        let size = |column: &ArrayRef| column.to_data().get_slice_memory_size().unwrap_or(0);
        let values: usize = self.values.iter().map(size).sum();
        let by_hash = self.by_hash.capacity() * size_of::<(u64, usize)>();
        values + by_hash + self.others.len() * size_of::<Option<usize>>()
    }

    /// The number of the key in each row of `values`, where there is one; two that are
    /// unknown are equal.
    pub(super) fn find(&self, values: &[ArrayRef]) -> Result<Vec<Option<usize>>> {
        self.find_hashed(values, &hashes(values)?)
    }

    fn find_hashed(&self, values: &[ArrayRef], hashes: &[u64]) -> Result<Vec<Option<usize>>> {
        let mut columns = Vec::with_capacity(values.len());
        for (theirs, ours) in values.iter().zip(&self.values) {
            columns.push(make_comparator(theirs, ours, SortOptions::default())?);
        }
        let is_equal =
            |row: usize, key: usize| columns.iter().all(|compare| compare(row, key).is_eq());
        let found = hashes.iter().enumerate().map(|(row, hash)| {
            let mut candidate = self.by_hash.get(hash).copied();
            while let Some(key) = candidate {
                if is_equal(row, key) {
                    break;
                }
                candidate = self.others[key];
            }
            candidate
        });
        Ok(found.collect())
    }

    /// The keys with the least and with the greatest value in the first column.
    pub(super) fn ends(&self) -> Result<Option<(usize, usize)>> {
        let Some(first) = self.values.first() else { return Ok(None) };
        let compare = make_comparator(first, first, SortOptions::default())?;
        let least = (0..self.count()).min_by(|one, other| compare(*one, *other));
        let greatest = (0..self.count()).max_by(|one, other| compare(*one, *other));
        Ok(least.zip(greatest))
    }
}

/// The hash of each row of `values`.
fn hashes(values: &[ArrayRef]) -> Result<Vec<u64>> {
    let mut hashes = vec![0; values.first().map_or(0, Array::len)];
    create_hashes(values, &RandomState::with_seed(0), &mut hashes)?;
    Ok(hashes)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Int64Array, StringViewArray};

    use super::*;

    fn columns(numbers: Vec<Option<i64>>, texts: Vec<Option<&str>>) -> Vec<ArrayRef> {
        vec![Arc::new(Int64Array::from(numbers)), Arc::new(StringViewArray::from(texts))]
    }

    fn known() -> Vec<ArrayRef> {
        let texts = vec![Some("a"), Some("a longer text than fits"), None, Some("a"), Some("b")];
        columns(vec![Some(1), Some(1), Some(1), None, Some(-7)], texts)
    }

    /// The keys again, in another order and with others in between, and where they are.
    fn asked() -> (Vec<ArrayRef>, Vec<Option<usize>>) {
        let long = Some("a longer text than fits");
        let texts = vec![Some("b"), Some("b"), None, long, Some("a"), None];
        let numbers = vec![Some(1), Some(-7), Some(1), Some(1), None, None];
        (columns(numbers, texts), vec![None, Some(4), Some(2), Some(1), Some(3), None])
    }

    #[test]
    fn keys_are_found_by_all_their_columns() {
        let keys = Keys::new(known()).unwrap();
        let (values, wanted) = asked();
        assert_eq!(keys.find(&values).unwrap(), wanted);
        assert_eq!(keys.count(), 5);
        let none = Keys::new(columns(vec![], vec![])).unwrap();
        assert_eq!(none.find(&values).unwrap(), [None; 6]);
        assert_eq!(none.ends().unwrap(), None);
    }

    #[test]
    fn keys_of_one_hash_are_told_apart() {
        let keys = Keys::hashed(known(), &[9, 9, 9, 9, 9]);
        let (values, wanted) = asked();
        assert_eq!(keys.find_hashed(&values, &[9; 6]).unwrap(), wanted);
        assert_eq!(keys.find_hashed(&values, &[8; 6]).unwrap(), [None; 6]);
    }

    #[test]
    fn the_ends_are_those_of_the_first_column() {
        let columns = columns(vec![Some(3), Some(-7), Some(12)], vec![Some("a"); 3]);
        let keys = Keys::new(columns).unwrap();
        assert_eq!(keys.ends().unwrap(), Some((1, 2)));
    }
}
