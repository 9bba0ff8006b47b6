//! Collects which terms come in which blocks.
//!
//! A file has hundreds of thousands of terms and a block some ten thousand of
//! them, so that a table of all terms is looked up all over the memory. Here the
//! terms are spread over shards that are small enough for the processor's cache,
//! and wait until many of a shard can be looked up together.

use datafusion::common::HashMap;

use super::terms::{Term, of_text};

/// How many bits of a term's hash choose its shard.
const SHARD_BITS: u32 = 9;

/// Terms of a shard that wait to be looked up together.
const WAITING: usize = 512;

/// How many bits of a term's hash choose its place among the recent ones.
const RECENT_BITS: u32 = 14;

/// Marks a number of [`Shard::log`] as that of a block.
const BLOCK: u32 = 1 << 31;

/// Which terms came in which blocks so far.
#[derive(Debug)]
pub(super) struct Postings {
    recent: Recent,
    shards: Vec<Shard>,
}

impl Default for Postings {
    fn default() -> Self {
        let mut shards = Vec::new();
        shards.resize_with(1 << SHARD_BITS, Shard::default);
        Self { recent: Recent::default(), shards }
    }
}

impl Postings {
    /// Takes in a text of the given block; blocks come in order.
    pub(super) fn add(&mut self, block: u32, text: &str) {
        self.recent.begin(block);
        of_text(text, |term| {
            let hash = hash(term);
            let is_news = self.recent.is_news(term, hash);
            if is_news {
                self.shards[(hash >> (64 - SHARD_BITS)) as usize].add(term, block);
            }
            is_news
        });
    }

    /// All terms, in order, each with its blocks.
    pub(super) fn finish(self) -> Sorted {
        let shards: Vec<SortedShard> = self.shards.into_iter().map(Shard::finish).collect();
        let terms = (0u32..).zip(&shards).flat_map(|(shard, sorted)| {
            (0u32..).zip(&sorted.terms).map(move |(number, term)| (*term, shard, number))
        });
        let mut terms: Vec<_> = terms.collect();
        terms.sort_unstable();
        Sorted { terms, shards }
    }
}

/// Spreads terms evenly; the leading bits are the best ones.
fn hash(term: Term) -> u64 {
    // The fractional part of the golden ratio.
    term.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// The terms that came last in the block: most come often, and are told apart
/// from news by this alone. It forgets, so that what it takes for news may be
/// none.
#[derive(Debug)]
struct Recent {
    block: u32,
    terms: Vec<Term>,
}

impl Default for Recent {
    fn default() -> Self {
        Self { block: 0, terms: vec![Self::NONE; 1 << RECENT_BITS] }
    }
}

impl Recent {
    /// Stands for no term.
    const NONE: Term = Term::MAX;

    fn begin(&mut self, block: u32) {
        if block != self.block {
            self.block = block;
            self.terms.fill(Self::NONE);
        }
    }

    /// Whether the term may not have come in this block before.
    fn is_news(&mut self, term: Term, hash: u64) -> bool {
        // Other bits than those that choose the shard.
        let place = hash << SHARD_BITS >> (64 - RECENT_BITS);
        std::mem::replace(&mut self.terms[place as usize], term) != term
    }
}

/// A part of the terms.
#[derive(Debug, Default)]
struct Shard {
    /// Terms and their blocks that are not in `log` yet.
    waiting: Vec<(Term, u32)>,
    terms: HashMap<Term, Seen>,
    /// The numbers of the terms as they came, once a block, behind the number of
    /// the block.
    log: Vec<u32>,
    /// The last block in the log.
    block: Option<u32>,
}

/// A term that came already.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// The number of the term in its shard.
    number: u32,
    /// The block after the last in which it came.
    next: u32,
}

impl Shard {
    fn add(&mut self, term: Term, block: u32) {
        self.waiting.push((term, block));
        if self.waiting.len() >= WAITING {
            self.look_up();
        }
    }

    fn look_up(&mut self) {
        for (term, block) in self.waiting.drain(..) {
            let number = self.terms.len() as u32;
            let seen = self.terms.entry(term).or_insert(Seen { number, next: 0 });
            if seen.next > block {
                continue;
            }
            seen.next = block + 1;
            if self.block.replace(block) != Some(block) {
                self.log.push(BLOCK | block);
            }
            self.log.push(seen.number);
        }
    }

    /// The shard by term.
    fn finish(mut self) -> SortedShard {
        self.look_up();
        let mut terms = vec![0; self.terms.len()];
        for (term, seen) in &self.terms {
            terms[seen.number as usize] = *term;
        }
        let mut ends = vec![0; terms.len()];
        for number in self.log.iter().filter(|number| **number & BLOCK == 0) {
            ends[*number as usize] += 1;
        }
        let mut blocks = vec![0; ends.iter().sum()];
        // Each end begins as the start of the term's blocks, and moves on.
        let mut start = 0;
        for end in &mut ends {
            start += std::mem::replace(end, start);
        }
        let mut block = 0;
        for number in self.log {
            if number & BLOCK == 0 {
                let end = &mut ends[number as usize];
                blocks[*end] = block;
                *end += 1;
            } else {
                block = number & !BLOCK;
            }
        }
        SortedShard { terms, ends, blocks }
    }
}

/// A shard by term.
#[derive(Debug)]
struct SortedShard {
    /// The terms, in no order.
    terms: Vec<Term>,
    /// Where the blocks of each term end, and those of the next one begin.
    ends: Vec<usize>,
    blocks: Vec<u32>,
}

/// All terms of a file with their blocks.
#[derive(Debug)]
pub(super) struct Sorted {
    /// Each term with the number of its shard, and its number in it.
    terms: Vec<(Term, u32, u32)>,
    shards: Vec<SortedShard>,
}

impl Sorted {
    /// The terms in order, each with its blocks in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Term, &[u32])> {
        self.terms.iter().map(|&(term, shard, number)| {
            let (shard, number) = (&self.shards[shard as usize], number as usize);
            let start = number.checked_sub(1).map_or(0, |before| shard.ends[before]);
            (term, &shard.blocks[start..shard.ends[number]])
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn every_term_is_told_with_each_of_its_blocks_once() {
        let mut postings = Postings::default();
        let mut expected: BTreeMap<Term, BTreeSet<u32>> = BTreeMap::new();
        for number in 0..60_000_u32 {
            // Gaps between blocks, and texts that differ from block to block.
            let block = number / 300 * 3;
            let other = char::from_u32(0x4E00 + number * 7 % 20_000).unwrap();
            let text = format!("微博{other}{}Weibo{number}{other}", number % 13);
            postings.add(block, &text);
            of_text(&text, |term| expected.entry(term).or_default().insert(block));
        }
        let found = postings.finish();
        let found: Vec<(Term, Vec<u32>)> =
            found.iter().map(|(term, blocks)| (term, blocks.to_vec())).collect();
        let expected: Vec<(Term, Vec<u32>)> = expected
            .into_iter()
            .map(|(term, blocks)| (term, blocks.into_iter().collect()))
            .collect();
        assert!(found == expected, "{} and {} terms", found.len(), expected.len());
    }

    #[test]
    fn no_text_has_no_terms() {
        let mut postings = Postings::default();
        postings.add(0, "");
        assert_eq!(postings.finish().iter().count(), 0);
    }
}
