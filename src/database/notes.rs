//! Small numbers noted under hashes, in nine bytes each: there may be tens of
//! millions.

/// How many leading bits of a hash choose its shard.
const SHARD_BITS: u32 = 8;

/// How many bits after these choose the region of the shard.
const REGION_BITS: u32 = 8;

/// Regions of a shard.
const REGIONS: usize = 1 << REGION_BITS;

/// How many bits of an entry hold the number.
const VALUE_BITS: u32 = 24;

/// How many bits of an entry hold the tag: what comes in a hash after shard and
/// region.
const TAG_BITS: u32 = u64::BITS - VALUE_BITS;

/// Slots behind the last home, for what does not fit before.
const SPARE: usize = 64;

/// The least number that can be noted.
pub(super) const LEAST: u64 = 1;

/// The greatest number that can be noted.
pub(super) const GREATEST: u64 = (1 << VALUE_BITS) - 1;

/// Numbers by hash. Of a hash 56 bits count; those that share them are taken for
/// one.
#[derive(Debug, Default)]
pub(super) struct Notes {
    shards: Vec<Shard>,
}

impl Notes {
    /// Notes under `hash` what `update` makes of what was noted there before, from
    /// [`LEAST`] to [`GREATEST`]; gives what was noted before.
    pub(super) fn update(
        &mut self,
        hash: u64,
        update: impl FnOnce(Option<u64>) -> u64,
    ) -> Option<u64> {
        if self.shards.is_empty() {
            self.shards.resize_with(1 << SHARD_BITS, Shard::default);
        }
        let shard = (hash >> (u64::BITS - SHARD_BITS)) as usize;
        self.shards[shard].update(Key::of(hash), update)
    }
}

/// What a shard knows of a hash.
#[derive(Clone, Copy)]
struct Key {
    region: usize,
    tag: u64,
}

impl Key {
    fn of(hash: u64) -> Self {
        let rest = hash << SHARD_BITS;
        let region = (rest >> (u64::BITS - REGION_BITS)) as usize;
        Self { region, tag: rest << REGION_BITS >> VALUE_BITS }
    }

    /// The key of an entry of a region.
    fn of_entry(region: usize, entry: u64) -> Self {
        Self { region, tag: entry >> VALUE_BITS }
    }
}

/// A table of slots, each a tag above its number; 0 is free. One piece of memory,
/// as thousands of small ones that grow by and by would leave holes behind.
///
/// All entries are in the order of region and tag. Each stands at its home or
/// behind it, with no free slot between. So one that is not there is missed as
/// soon as one that is there is found, however full the table is.
#[derive(Debug, Default)]
struct Shard {
    slots: Vec<u64>,
    /// Where the entries of each region begin, and where the last one ends: at its
    /// first home, or behind what the regions before pushed there.
    begins: Vec<u32>,
    /// How many slots of each region are homes.
    homes: usize,
    used: usize,
}

impl Shard {
    /// A table with room for nothing but what it is going to be filled with.
    fn with_homes(homes: usize) -> Self {
        let slots = vec![0; REGIONS * homes + SPARE];
        let mut begins: Vec<u32> = (0..=REGIONS).map(|region| (region * homes) as u32).collect();
        begins[REGIONS] = slots.len() as u32;
        Self { slots, begins, homes, used: 0 }
    }

    /// Puts under `key` what `update` makes of what was there; gives that.
    fn update(&mut self, key: Key, update: impl FnOnce(Option<u64>) -> u64) -> Option<u64> {
        let entry = |value: u64| {
            debug_assert!((LEAST..=GREATEST).contains(&value), "{value}");
            key.tag << VALUE_BITS | value
        };
        match self.find(key) {
            Ok(slot) => {
                let before = self.slots[slot] & GREATEST;
                self.slots[slot] = entry(update(Some(before)));
                return Some(before);
            }
            Err(_) if self.is_full() => {
                self.grow();
                let (Ok(slot) | Err(slot)) = self.find(key);
                self.insert(key.region, slot, entry(update(None)));
            }
            Err(slot) => self.insert(key.region, slot, entry(update(None))),
        }
        None
    }

    /// Whether nine of ten homes have an entry. With fewer free ones an entry stands
    /// far from its home.
    fn is_full(&self) -> bool {
        self.used * 10 >= self.homes * REGIONS * 9
    }

    /// Where an entry stands if nothing is in its way.
    fn home(&self, key: Key) -> usize {
        let share = (key.tag >> (TAG_BITS - u32::BITS)) as usize;
        key.region * self.homes + ((share * self.homes) >> u32::BITS)
    }

    /// Where an entry stands; or where it would stand.
    fn find(&self, key: Key) -> Result<usize, usize> {
        let Some(&[begin, end]) = self.begins.get(key.region..key.region + 2) else {
            return Err(0);
        };
        let from = self.home(key).max(begin as usize);
        let region = &self.slots[from..end as usize];
        let is_before = |entry: &u64| *entry != 0 && *entry >> VALUE_BITS < key.tag;
        let before = region.iter().position(|entry| !is_before(entry)).unwrap_or(region.len());
        match region.get(before) {
            Some(entry) if *entry != 0 && *entry >> VALUE_BITS == key.tag => Ok(from + before),
            _ => Err(from + before),
        }
    }

    /// Puts `entry` at `slot`, and what stands there one further.
    fn insert(&mut self, region: usize, slot: usize, entry: u64) {
        let free = self.slots[slot..].iter().position(|entry| *entry == 0);
        let free = free.map_or(self.slots.len(), |together| slot + together);
        if free == self.slots.len() {
            self.lengthen();
        }
        self.slots.copy_within(slot..free, slot + 1);
        self.slots[slot] = entry;
        self.used += 1;
        let later = &mut self.begins[region + 1..REGIONS];
        later.iter_mut().take_while(|begin| **begin as usize <= free).for_each(|begin| *begin += 1);
    }

    /// Makes room for more, but not for much more: all shards grow at about the same
    /// time, so that doubling would leave half of the memory unused for long.
    fn grow(&mut self) {
        let mut grown = Self::with_homes(self.homes + (self.homes / 16).max(1));
        let mut next = 0;
        for (region, range) in self.begins.windows(2).enumerate() {
            let entries = &self.slots[range[0] as usize..range[1] as usize];
            // They come in order, so each stands behind the one before.
            for entry in entries.iter().filter(|entry| **entry != 0) {
                let slot = grown.home(Key::of_entry(region, *entry)).max(next);
                if slot == grown.slots.len() {
                    grown.lengthen();
                }
                grown.slots[slot] = *entry;
                next = slot + 1;
            }
            let after = &mut grown.begins[region + 1];
            *after = (*after).max(next as u32);
        }
        grown.used = self.used;
        *self = grown;
    }

    /// Adds slots behind the last home.
    fn lengthen(&mut self) {
        let slots = self.slots.len() + SPARE;
        self.slots.reserve_exact(SPARE);
        self.slots.resize(slots, 0);
        self.begins[REGIONS] = slots as u32;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Every entry is in order, at its home or behind it without a gap, and in its
    /// region.
    fn check(shard: &Shard) {
        let mut used = 0;
        let mut last = None;
        for (region, range) in shard.begins.windows(2).enumerate() {
            for slot in range[0] as usize..range[1] as usize {
                let entry = shard.slots[slot];
                if entry == 0 {
                    continue;
                }
                used += 1;
                let key = Key::of_entry(region, entry);
                assert!(last < Some((key.region, key.tag)), "in order");
                last = Some((key.region, key.tag));
                let home = shard.home(key);
                assert!(home <= slot, "behind its home");
                assert!(shard.slots[home..slot].iter().all(|entry| *entry != 0), "without a gap");
            }
        }
        assert_eq!(used, shard.used);
    }

    /// Notes under `hashes` are those that a map would have.
    fn compare(hashes: impl Iterator<Item = u64>) {
        let mut notes = Notes::default();
        let mut known: HashMap<u64, u64> = HashMap::new();
        for (number, hash) in (0u64..).zip(hashes) {
            let value = LEAST + number % GREATEST;
            let key = hash >> 8;
            let before = notes.update(hash, |_| value);
            assert_eq!(before, known.insert(key, value), "{hash:x}");
        }
        for (key, value) in &known {
            let before = notes.update(key << 8, |before| before.unwrap_or(LEAST));
            assert_eq!(before, Some(*value), "{key:x}");
        }
        notes.shards.iter().for_each(check);
    }

    #[test]
    fn what_was_noted_is_found_whatever_the_hashes_are() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        compare((0..400_000).map(|_| random.random::<u64>()));
        // Many come again.
        let few = (0..100_000).map(|_| random.random_range(0..9_000_u64));
        compare(few.map(|number| number.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        // All in one shard, in a few regions of one, and at the ends of one.
        compare((0..50_000).map(|_| random.random::<u64>() >> 8));
        compare((0..5_000).map(|_| (0xAB_FE << 48) + (random.random::<u64>() >> 14)));
        compare((0..5_000).map(|number| number << 8));
        compare((0..5_000).map(|number| !(number << 8)));
        compare([0, u64::MAX, 0, u64::MAX, 1 << 56, 255 << 48, 0].into_iter());
    }

    #[test]
    fn a_note_takes_nine_bytes() {
        let mut random = ChaCha8Rng::seed_from_u64(2);
        let mut notes = Notes::default();
        let bytes = |shard: &Shard| shard.slots.capacity() * 8 + shard.begins.capacity() * 4;
        for count in 1..=1_600_000_u64 {
            notes.update(random.random(), |_| 7);
            if count >= 1_000_000 && count % 100_000 == 0 {
                let bytes: usize = notes.shards.iter().map(bytes).sum();
                let each = bytes as f64 / count as f64;
                assert!(each < 10.0, "{each} bytes each for {count}");
            }
        }
    }
}
