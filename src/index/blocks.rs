//! Sets of blocks: runs of a fixed number of rows of a data file.

use std::ops::Range;

/// Which blocks of a data file to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blocks {
    /// The numbers of the blocks, in order.
    numbers: Vec<u32>,
    /// Rows of a block.
    block_rows: usize,
    /// Rows of the file.
    rows: usize,
}

impl Blocks {
    /// The blocks with the given numbers, which are in order.
    pub(super) fn new(numbers: Vec<u32>, block_rows: usize, rows: usize) -> Self {
        Self { numbers, block_rows, rows }
    }

    /// The blocks that are in both sets.
    pub(super) fn and(mut self, other: &Self) -> Self {
        self.numbers.retain(|number| other.numbers.binary_search(number).is_ok());
        self
    }

    /// The blocks that are in one of the sets.
    pub(super) fn or(mut self, other: &Self) -> Self {
        self.numbers.extend_from_slice(&other.numbers);
        self.numbers.sort_unstable();
        self.numbers.dedup();
        self
    }

    /// The rows of the blocks, as ranges in order.
    pub(crate) fn ranges(&self) -> Vec<Range<usize>> {
        let runs = self.numbers.chunk_by(|a, b| a + 1 == *b);
        let range = |run: &[u32]| {
            let from = run[0] as usize * self.block_rows;
            from..(from + run.len() * self.block_rows).min(self.rows)
        };
        runs.map(range).filter(|range| !range.is_empty()).collect()
    }

    /// How many rows the blocks have.
    pub(crate) fn selected_rows(&self) -> usize {
        self.ranges().iter().map(ExactSizeIterator::len).sum()
    }

    /// How many rows the file has.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }
}

/// `numbers`, which are in order and below `count`, in few bits: the gaps
/// between them in Rice's code.
pub(super) fn pack(numbers: &[u32], count: u32, bytes: &mut Vec<u8>) {
    let low_bits = low_bits(numbers.len(), count);
    let mut bits = BitWriter { bytes, waiting: 0, length: 0 };
    let mut next = 0;
    for &number in numbers {
        let gap = number - next;
        next = number + 1;
        bits.push_ones(gap >> low_bits);
        // The 0 that ends the ones is the lowest bit.
        bits.push((gap & ((1 << low_bits) - 1)) << 1, low_bits + 1);
    }
    bits.finish();
}

/// Takes `length` numbers that [`pack`] wrote from the front of `bytes`; none
/// if there is something else.
pub(super) fn unpack(bytes: &mut &[u8], length: usize, count: u32) -> Option<Vec<u32>> {
    let low_bits = low_bits(length, count);
    let mut bits = BitReader { bytes, position: 0 };
    let mut numbers = Vec::with_capacity(length.min(count as usize));
    let mut next = 0_u32;
    for _ in 0..length {
        let mut high = 0_u32;
        while bits.next()? == 1 {
            high += 1;
        }
        let mut gap = high.checked_shl(low_bits)?;
        for bit in 0..low_bits {
            gap |= u32::from(bits.next()?) << bit;
        }
        let number = next.checked_add(gap).filter(|number| *number < count)?;
        numbers.push(number);
        next = number + 1;
    }
    let read = bits.position.div_ceil(8);
    *bytes = bytes.get(read..)?;
    Some(numbers)
}

/// How many bits of each gap are written as they are, when `length` of `count`
/// blocks are in the list.
fn low_bits(length: usize, count: u32) -> u32 {
    let mean = count as usize / length.max(1);
    // Best for gaps that are as by chance: the logarithm of 0.69 of the mean.
    (mean * 11 / 16).checked_ilog2().unwrap_or(0)
}

struct BitWriter<'a> {
    bytes: &'a mut Vec<u8>,
    /// Bits that are not in `bytes` yet, and how many: fewer than eight between
    /// two calls.
    waiting: u64,
    length: u32,
}

impl BitWriter<'_> {
    /// Writes the low bits of `bits`, at most 32 of them, the lowest first.
    fn push(&mut self, bits: u32, length: u32) {
        self.waiting |= u64::from(bits) << self.length;
        self.length += length;
        while self.length >= 8 {
            self.bytes.push(self.waiting as u8);
            self.waiting >>= 8;
            self.length -= 8;
        }
    }

    fn push_ones(&mut self, mut count: u32) {
        while count > 0 {
            let length = count.min(16);
            self.push((1 << length) - 1, length);
            count -= length;
        }
    }

    /// Fills the last byte up.
    fn finish(self) {
        if self.length > 0 {
            self.bytes.push(self.waiting as u8);
        }
    }
}

struct BitReader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl BitReader<'_> {
    fn next(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.position / 8)?;
        let bit = byte >> (self.position % 8) & 1;
        self.position += 1;
        Some(bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_back_one_after_the_other() {
        let lists: [Vec<u32>; 7] = [
            Vec::new(),
            vec![0],
            vec![999],
            (0..1000).collect(),
            (0..1000).step_by(7).collect(),
            vec![3, 4, 5, 600, 601, 998],
            (990..1000).collect(),
        ];
        let mut bytes = Vec::new();
        lists.iter().for_each(|list| pack(list, 1000, &mut bytes));
        let mut rest = bytes.as_slice();
        for list in &lists {
            assert_eq!(unpack(&mut rest, list.len(), 1000).as_ref(), Some(list));
        }
        assert!(rest.is_empty());
        assert_eq!(unpack(&mut [0xFF, 0xFF].as_slice(), 3, 1000), None, "no end");
    }

    #[test]
    fn ranges_join_neighbours_and_end_with_the_file() {
        let blocks = Blocks::new(vec![0, 1, 4], 10, 45);
        assert_eq!(blocks.ranges(), [0..20, 40..45]);
        assert_eq!(blocks.selected_rows(), 25);
        let other = Blocks::new(vec![1, 2], 10, 45);
        assert_eq!(blocks.clone().and(&other), Blocks::new(vec![1], 10, 45));
        assert_eq!(blocks.or(&other).ranges(), [0..30, 40..45]);
    }
}
