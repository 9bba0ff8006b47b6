//! Whose posts are passed on: recent posts of ministries and provinces, each at
//! most as often as it was reposted, and posts from outside the collection.

use super::account::Account;
use super::calendar::{Day, LAST_DAY};
use super::dice::{Dice, exp};
use super::schedule::{author, post_id, posted};
use super::systems::SYSTEMS;

/// How a post's reposts divide between its own day and the two after it.
const SHARE_BY_AGE: [f64; 3] = [0.6, 0.25, 0.1];

/// How many accounts outside the collection are passed on.
const OUTSIDERS: usize = 500;

/// Positions of accounts that no account of a collection has; the ids of posts
/// from outside come from these.
const OUTSIDE_POSITIONS: usize = 65_000;

/// The post that another passes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    /// The id of the post.
    pub(super) post: u64,
    /// The id of its account.
    pub(super) account: u64,
}

/// A post that may be passed on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    /// The id of the post.
    pub(super) post: u64,
    /// Reposts it has in the end.
    pub(super) reposts: u64,
}

/// The posts that may be passed on in one day.
#[derive(Debug)]
pub(super) struct Relay {
    /// Posts, newest first.
    posts: Vec<u64>,
    /// How often each may still be passed on: by ministries, and by others.
    left: Vec<[u32; 2]>,
    /// Positions in `posts`: of ministries by field, of all ministries, and of
    /// each province.
    by_system: Vec<Vec<u32>>,
    central: Vec<u32>,
    by_region: Vec<(&'static str, Vec<u32>)>,
}

impl Relay {
    /// The posts of a day and the two days before it, given youngest day first,
    /// each newest first.
    pub(super) fn new(days: &[Vec<Candidate>], accounts: &[Account]) -> Self {
        let mut relay = Self {
            posts: Vec::new(),
            left: Vec::new(),
            by_system: vec![Vec::new(); SYSTEMS.len()],
            central: Vec::new(),
            by_region: Vec::new(),
        };
        for (candidates, share) in days.iter().zip(SHARE_BY_AGE) {
            for candidate in candidates {
                relay.add(*candidate, share, &accounts[author(candidate.post)]);
            }
        }
        relay
    }

    fn add(&mut self, candidate: Candidate, share: f64, account: &Account) {
        let times = (candidate.reposts as f64 * share) as u32;
        if times == 0 {
            return;
        }
        let position = self.posts.len() as u32;
        let reserved = times.div_ceil(8);
        self.posts.push(candidate.post);
        self.left.push([reserved, times - reserved]);
        if account.level.is_central() {
            self.by_system[usize::from(account.system)].push(position);
            self.central.push(position);
        } else {
            match self.by_region.iter_mut().find(|(region, _)| *region == account.region) {
                Some((_, posts)) => posts.push(position),
                None => self.by_region.push((account.region, vec![position])),
            }
        }
    }

    /// A post that `post` passes on; `None` if it finds none.
    pub(super) fn draw(
        &mut self,
        post: u64,
        accounts: &[Account],
        dice: &mut Dice,
    ) -> Option<Origin> {
        let account = &accounts[author(post)];
        let inside = if account.level.is_central() { 0.45 } else { 0.62 };
        if !dice.chance(inside) {
            return Some(outside(post, dice));
        }
        let earlier = posted(post) - (3600.0 * exp(dice.gauss(0.6, 1.4))) as i64 - 30;
        let choice = dice.unit();
        let positions = if choice < 0.35 && !account.region.is_empty() {
            self.by_region
                .iter()
                .find(|(region, _)| *region == account.region)
                .map_or(&self.central, |(_, posts)| posts)
        } else {
            let of_system = &self.by_system[usize::from(account.system)];
            if choice < 0.8 && !of_system.is_empty() { of_system } else { &self.central }
        };
        let start = positions.partition_point(|&p| posted(self.posts[p as usize]) > earlier);
        let who = usize::from(!account.level.is_central());
        let found = positions[start..].iter().take(16).copied().find(|&position| {
            self.left[position as usize][who] > 0
                && author(self.posts[position as usize]) != author(post)
        })?;
        self.left[found as usize][who] -= 1;
        let origin = self.posts[found as usize];
        Some(Origin { post: origin, account: accounts[author(origin)].id })
    }
}

/// A post of an account outside the collection, up to two days old.
fn outside(post: u64, dice: &mut Dice) -> Origin {
    let outsider = dice.below(OUTSIDERS);
    let age = 60 + (3600.0 * exp(dice.gauss(1.2, 1.2)).min(40.0)) as i64;
    let origin =
        post_id(posted(post) - age, (OUTSIDE_POSITIONS + outsider) as u32, dice.below(64) as u32);
    Origin { post: origin, account: outsider_id(outsider) }
}

/// The account id of an account outside the collection; those inside begin at
/// 1,600,000,000.
fn outsider_id(outsider: usize) -> u64 {
    1_190_000_000 + outsider as u64 * 807_137
}

/// The days whose posts may be passed on at `day`, youngest first.
pub(super) fn days_before(day: Day) -> impl Iterator<Item = Day> {
    debug_assert!(day.0 <= LAST_DAY, "the day is one of the world");
    (0..SHARE_BY_AGE.len() as u32).filter_map(move |age| day.0.checked_sub(age).map(Day))
}
