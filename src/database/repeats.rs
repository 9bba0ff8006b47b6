//! Which posts and accounts a file has told of before, in few bytes each: a file
//! may hold tens of millions.

use std::hash::BuildHasher;

use datafusion::common::HashMap;

use crate::ingest::Instant;

/// How many leading bits of a hash choose its shard.
const SHARD_BITS: u32 = 16;

/// How many bits of a slot hold the hash of the counts.
const COUNT_BITS: u32 = 24;

/// How many bits of a slot hold the tag of the key.
const TAG_BITS: u32 = u64::BITS - COUNT_BITS;

/// Slots of a shard at first.
const FEWEST_SLOTS: usize = 8;

/// Tells apart the several looks at one post that a file appended to over
/// several crawls holds. They have one time of observation, the file's; each
/// later look is placed a microsecond after the one before, so that the order of
/// the file decides which is the latest, however often it is imported.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    /// By hash of the key, the hash of the counts of the latest look.
    shards: Vec<Shard>,
    /// By hash of the key, how many looks came after the first, if any did.
    later: HashMap<u64, u32>,
}

/// One look at a post or an account.
pub(super) struct Look {
    /// Microseconds after the first look of the file.
    pub(super) later: i64,
    /// Whether it saw counts, and other ones than the look before.
    pub(super) is_news: bool,
}

impl Repeats {
    /// Takes note of a look at `key` that saw `counts`.
    ///
    /// Keys are known by 55 bits of a hash and counts by 24, so that two may be
    /// taken for one, about once in ten million times.
    pub(super) fn look(&mut self, key: &(&str, &str, Instant), counts: &[Option<i64>; 3]) -> Look {
        let known = counts.iter().any(Option::is_some);
        let hash = self.later.hasher().hash_one(key);
        let counts = self.later.hasher().hash_one(counts) >> (64 - COUNT_BITS);
        if self.shards.is_empty() {
            self.shards.resize_with(1 << SHARD_BITS, Shard::default);
        }
        let shard = &mut self.shards[(hash >> (64 - SHARD_BITS)) as usize];
        // Never 0, which would be a free slot if the counts were 0 too.
        let tag = (hash << SHARD_BITS >> COUNT_BITS) | 1;
        match shard.replace(tag, counts) {
            None => Look { later: 0, is_news: known },
            Some(before) => {
                let looks = self.later.entry(hash).or_default();
                *looks += 1;
                Look { later: i64::from(*looks), is_news: known && before != counts }
            }
        }
    }
}

/// A small table of slots, each the tag of a key above the hash of its counts;
/// 0 is free.
///
/// A tag stands at its home or behind it, with no free slot between, and tags that
/// stand together are in order. So one that is not there is missed as soon as one
/// that is there is found, however full the table is.
#[derive(Debug, Default)]
struct Shard {
    slots: Vec<u64>,
    /// How many slots are homes; those behind take what does not fit at the end.
    homes: usize,
    used: usize,
}

impl Shard {
    /// Puts `counts` under `tag`; gives those that were there.
    fn replace(&mut self, tag: u64, counts: u64) -> Option<u64> {
        if (self.used + 1) * 8 > self.homes * 7 {
            self.grow();
        }
        let entry = tag << COUNT_BITS | counts;
        let slot = self.find(tag);
        match self.slots.get_mut(slot) {
            Some(there) if *there >> COUNT_BITS == tag => {
                let before = std::mem::replace(there, entry);
                Some(before & ((1 << COUNT_BITS) - 1))
            }
            _ => {
                self.insert(slot, entry);
                None
            }
        }
    }

    /// Where a tag stands if nothing is in its way.
    fn home(&self, tag: u64) -> usize {
        let share = tag >> (TAG_BITS - u32::BITS);
        ((share * self.homes as u64) >> u32::BITS) as usize
    }

    /// Where `tag` stands, or would stand.
    fn find(&self, tag: u64) -> usize {
        let home = self.home(tag);
        let is_before = |entry: &&u64| **entry != 0 && **entry >> COUNT_BITS < tag;
        home + self.slots[home..].iter().take_while(is_before).count()
    }

    /// Puts `entry` at `slot`, and what stands there one further.
    fn insert(&mut self, slot: usize, entry: u64) {
        let together = self.slots[slot..].iter().take_while(|entry| **entry != 0).count();
        let free = slot + together;
        if free == self.slots.len() {
            self.slots.push(0);
        }
        self.slots.copy_within(slot..free, slot + 1);
        self.slots[slot] = entry;
        self.used += 1;
    }

    /// Makes room for more. All shards grow at about the same time, so that doubling
    /// would leave half of the memory unused for long.
    fn grow(&mut self) {
        let homes = (self.homes * 5 / 4).max(FEWEST_SLOTS);
        let old = std::mem::replace(&mut self.slots, vec![0; homes]);
        (self.homes, self.used) = (homes, 0);
        let mut next = 0;
        // They come in order, so each stands behind the one before.
        for entry in old.into_iter().filter(|entry| *entry != 0) {
            let slot = self.home(entry >> COUNT_BITS).max(next);
            self.insert(slot, entry);
            next = slot + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Repeats;

    #[test]
    fn looks_at_one_key_come_one_after_the_other_and_only_other_counts_are_news() {
        let mut repeats = Repeats::default();
        let mut look = |id: usize, likes: Option<i64>| {
            let look = repeats.look(&("weibo", &id.to_string(), 7), &[None, None, likes]);
            (look.later, look.is_news)
        };
        // Enough keys for every shard to have some, and many to have grown.
        for id in 0..500_000 {
            assert_eq!(look(id, Some(1)), (0, true), "{id}");
        }
        for id in (0..500_000).step_by(1_000) {
            assert_eq!(look(id, Some(1)), (1, false), "{id}");
            assert_eq!(look(id, Some(2)), (2, true), "{id}");
            assert_eq!(look(id, None), (3, false), "{id}");
        }
    }
}
