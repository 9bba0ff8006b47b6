//! Which posts and accounts a file has told of before, in few bytes each: a file
//! may hold tens of millions.

use std::hash::BuildHasher;

use datafusion::common::HashMap;

use super::notes::{GREATEST, LEAST, Notes};
use crate::ingest::Instant;
use crate::model::Table;
use crate::store::Standing;

/// Tells apart the several looks at one post that a file appended to over
/// several crawls holds. They have one time of observation, the file's; each
/// later look is placed a microsecond after the one before, so that the order of
/// the file decides which is the latest, however often it is imported.
///
/// It also tells which posts and accounts the file has not told of before, so that
/// nobody need look for them in what was written of the file so far.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    /// By hash of what was looked at, if that was at the file's first time, or else
    /// of that and the time: the hash of the counts of the latest look. By hash of
    /// what was looked at at other times only: [`NO_COUNTS`].
    notes: Notes,
    /// By the same hash, how many looks came after the first, if any did; of more
    /// than [`GREATEST`] how many are left when these are taken away.
    later: Notes,
    /// By the same hash, how often they were taken away: next to never.
    taken_away: HashMap<u64, u32>,
    times: Times,
}

/// Noted of what was not looked at at the file's first time.
const NO_COUNTS: u64 = LEAST;

/// One look at a post or an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    /// Microseconds after the first look of the file.
    pub(super) later: i64,
    /// Whether it saw counts, and other ones than the look before.
    pub(super) is_news: bool,
    /// Whether it is for certain the first at this post or account.
    pub(super) is_first: bool,
    /// Whether for certain no look before was placed at the same time.
    pub(super) is_first_then: bool,
}

impl Look {
    /// What is known of the row of the post or account.
    pub(super) fn standing(self, is_record: bool) -> Standing {
        Standing { is_record, is_first: self.is_first }
    }

    /// What is known of the row of its counts at that time.
    pub(super) fn standing_then(self) -> Standing {
        Standing { is_record: true, is_first: self.is_first_then }
    }
}

impl Repeats {
    /// Takes note of a look at the post or account of `table` with the id
    /// `(platform, id)` at `seen` that saw `counts`.
    ///
    /// Ids are known by 56 bits of a hash and counts by 24, so that two may be
    /// taken for one, about once in ten million times. What is said to be the first
    /// is the first for certain.
    pub(super) fn look(
        &mut self,
        table: &'static Table,
        (platform, id): (&str, &str),
        seen: Instant,
        counts: &[Option<i64>; 3],
    ) -> Look {
        let known = counts.iter().any(Option::is_some);
        let hasher = self.taken_away.hasher();
        let what = hasher.hash_one((table.name, platform, id));
        let counts = NO_COUNTS + 1 + hasher.hash_one(counts) % (GREATEST - NO_COUNTS);
        let (hash, before, is_first) = if self.times.is_first(seen) {
            let before = self.notes.update(what, |_| counts);
            (what, before.filter(|counts| *counts != NO_COUNTS), before.is_none())
        } else {
            let before = self.notes.update(what, |before| before.unwrap_or(NO_COUNTS));
            let hash = hasher.hash_one((what, seen));
            (hash, self.notes.update(hash, |_| counts), before.is_none())
        };
        let later = if before.is_some() { self.count_later(hash) } else { 0 };
        self.times.see(seen, later);
        Look {
            later,
            is_news: known && before != Some(counts),
            is_first,
            is_first_then: is_first || self.times.are_apart(),
        }
    }

    /// Takes note of a look after the first; gives how many of these there were.
    fn count_later(&mut self, hash: u64) -> i64 {
        let next = |looks| if looks == GREATEST { LEAST } else { looks + 1 };
        let before = self.later.update(hash, |looks| looks.map_or(LEAST, next));
        let mut looks = before.map_or(LEAST, next);
        if before == Some(GREATEST) {
            *self.taken_away.entry(hash).or_default() += 1;
        }
        if let Some(times) = self.taken_away.get(&hash) {
            looks += GREATEST * u64::from(*times);
        }
        looks as i64
    }
}

/// The times of all looks so far.
#[derive(Debug, Default)]
struct Times {
    first: Option<Instant>,
    /// The greatest number of microseconds of which all times are a multiple apart
    /// from the first one; 0 while all are the first one.
    step: u64,
    /// The most microseconds that a look was placed behind its time.
    latest: i64,
}

impl Times {
    /// Whether `seen` is the first time, or there is none yet.
    fn is_first(&self, seen: Instant) -> bool {
        self.first.is_none_or(|first| first == seen)
    }

    /// Takes note of a look placed `later` microseconds behind `seen`.
    fn see(&mut self, seen: Instant, later: i64) {
        let first = *self.first.get_or_insert(seen);
        self.step = greatest_divisor(seen.abs_diff(first), self.step);
        self.latest = self.latest.max(later);
    }

    /// Whether no two looks at one post are placed at the same time: those of the
    /// same time never are, and those of other times lie too far apart.
    fn are_apart(&self) -> bool {
        self.step == 0 || self.step > self.latest.unsigned_abs()
    }
}

/// The greatest number that divides both; the other one if one is 0.
fn greatest_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::model::{ACCOUNTS, POSTS};

    #[test]
    fn looks_at_one_post_come_one_after_the_other_and_only_other_counts_are_news() {
        let mut repeats = Repeats::default();
        let mut look = |id: usize, likes: Option<i64>| {
            let counts = [None, None, likes];
            let look = repeats.look(&POSTS, ("weibo", &id.to_string()), 7, &counts);
            assert_eq!((look.is_first, look.is_first_then), (look.later == 0, true), "{id}");
            (look.later, look.is_news)
        };
        // Enough for every shard to have some, and many to have grown.
        for id in 0..500_000 {
            assert_eq!(look(id, Some(1)), (0, true), "{id}");
        }
        for id in (0..500_000).step_by(1_000) {
            assert_eq!(look(id, Some(1)), (1, false), "{id}");
            assert_eq!(look(id, Some(2)), (2, true), "{id}");
            assert_eq!(look(id, None), (3, false), "{id}");
        }
    }

    #[test]
    fn more_looks_than_can_be_noted_are_counted() {
        let mut repeats = Repeats::default();
        let [one, other] = [5 << 32, 6 << 32];
        assert_eq!([one, other, one].map(|hash| repeats.count_later(hash)), [1, 1, 2]);
        repeats.later.update(one, |_| GREATEST - 1);
        let most = GREATEST as i64;
        assert_eq!([one; 3].map(|hash| repeats.count_later(hash)), [most, most + 1, most + 2]);
        repeats.later.update(one, |_| GREATEST);
        assert_eq!(repeats.count_later(one), 2 * most + 1);
        assert_eq!(repeats.count_later(other), 2);
    }

    #[test]
    fn a_post_is_not_taken_for_an_account_with_its_id() {
        let mut repeats = Repeats::default();
        for table in [&ACCOUNTS, &POSTS] {
            let look = repeats.look(table, ("mastodon", "1"), 7, &[Some(0), None, None]);
            assert_eq!((look.later, look.is_news, look.is_first), (0, true, true));
        }
    }

    #[test]
    fn looks_at_other_times_are_looks_of_their_own() {
        let mut repeats = Repeats::default();
        let mut look = |id: &str, seen: Instant| {
            let look = repeats.look(&POSTS, ("weibo", id), seen, &[None, None, Some(1)]);
            (look.later, look.is_news, look.is_first, look.is_first_then)
        };
        assert_eq!(look("1", 1_000_000), (0, true, true, true));
        assert_eq!(look("1", 3_000_000), (0, true, false, true));
        assert_eq!(look("1", 3_000_000), (1, false, false, true));
        assert_eq!(look("2", 3_000_000), (0, true, true, true));
        // Its first look at the first time of the file is no repeated one.
        assert_eq!(look("2", 1_000_000), (0, true, false, true));
        assert_eq!(look("2", 1_000_000), (1, false, false, true));
        // A microsecond behind the second look at 1, which is where its third was.
        assert_eq!(look("1", 3_000_001), (0, true, false, false));
        assert_eq!(look("3", 5_000_000), (0, true, true, true));
        assert_eq!(look("3", 7_000_000), (0, true, false, false), "nobody can tell any more");
    }

    #[test]
    fn what_is_said_to_be_the_first_is_the_first() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let steps = [1, 2, 10, 1_000_000];
        let mut repeated = 0;
        for round in 0..400 {
            let step = steps[round % steps.len()];
            let mut repeats = Repeats::default();
            let (mut looks, mut placed): (Vec<_>, Vec<_>) = Default::default();
            let mut counts: HashMap<_, _> = HashMap::default();
            for _ in 0..random.random_range(1..60) {
                let id = random.random_range(0..4).to_string();
                let seen = random.random_range(0..4) * step;
                let likes = random.random_bool(0.8).then(|| random.random_range(0..2));
                let look = repeats.look(&POSTS, ("weibo", &id), seen, &[likes, None, None]);
                let before = looks.iter().filter(|before| **before == (id.clone(), seen)).count();
                assert_eq!(look.later, before as i64);
                let is_other = counts.insert((id.clone(), seen), likes) != Some(likes);
                assert_eq!(look.is_news, likes.is_some() && is_other);
                let is_first = looks.iter().all(|(other, _)| *other != id);
                assert_eq!(look.is_first, is_first);
                let place = (id.clone(), seen + look.later);
                let is_first_then = !placed.contains(&place);
                assert!(is_first_then || !look.is_first_then, "{place:?} was there");
                repeated += u32::from(!is_first_then);
                looks.push((id, seen));
                placed.push(place);
            }
        }
        assert!(repeated > 100, "{repeated}");
    }
}
