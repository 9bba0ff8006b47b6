//! Who posts when: for each day the ids of all its posts, newest first.
//!
//! A post's id says its second and its account, as the ids of the service say
//! the second. Days are drawn independently, so that they can be made in any
//! order and at once.

use super::account::{Account, Manner, NAMED_ACCOUNT};
use super::calendar::{DAYS, Day, LAST_DAY, MONTHS};
use super::dice::{Alias, Dice, Seed, Stream, exp};
use super::systems::{Rhythm, SYSTEMS};

/// The second at which the service's ids begin to count.
const ID_EPOCH: i64 = 515_483_463;

/// The bits of an id below its second.
const LOW_BITS: u32 = 22;

/// The bits that tell posts of one account and second apart.
const SEQUENCE_BITS: u32 = 6;

/// The most posts that one ministry account has in a day, so that their
/// sequence numbers differ.
const MOST_A_DAY: u32 = 1 << SEQUENCE_BITS;

/// An odd factor that scatters the low bits, and its inverse.
const SCATTER: u64 = 2_654_435_761;
const GATHER: u64 = inverse(SCATTER);

/// By what factor emergency accounts post more during a burst.
const BURST: f64 = 5.0;

/// The id of a post.
pub(super) fn post_id(seconds: i64, account: u32, sequence: u32) -> u64 {
    let low = u64::from(account) << SEQUENCE_BITS | u64::from(sequence % MOST_A_DAY);
    ((seconds - ID_EPOCH) as u64) << LOW_BITS | low.wrapping_mul(SCATTER) & LOW_MASK
}

/// When a post was posted, in seconds since 1970.
pub(super) fn posted(post: u64) -> i64 {
    (post >> LOW_BITS) as i64 + ID_EPOCH
}

/// The position of the account that posted a post.
pub(super) fn author(post: u64) -> usize {
    ((post & LOW_MASK).wrapping_mul(GATHER) & LOW_MASK) as usize >> SEQUENCE_BITS
}

const LOW_MASK: u64 = (1 << LOW_BITS) - 1;

/// The inverse of an odd number modulo a power of two (Newton's method).
const fn inverse(odd: u64) -> u64 {
    let mut x = odd;
    let mut round = 0;
    while round < 6 {
        x = x.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(x)));
        round += 1;
    }
    x
}

/// When each field has bursts of emergency information.
#[derive(Debug)]
pub(super) struct Bursts(Vec<[bool; DAYS as usize]>);

impl Bursts {
    /// Bursts of two to five days, as often as each field has them.
    pub(super) fn new(seed: &Seed) -> Self {
        let mut dice = seed.dice(Stream::Events);
        let of_field = |system: &super::systems::System| {
            let mut days = [false; DAYS as usize];
            let gap = system.days_between_bursts as usize;
            let mut day = if gap == 0 { DAYS as usize } else { dice.below(2 * gap) };
            while day < DAYS as usize {
                let end = (day + dice.between(2, 5)).min(DAYS as usize);
                days[day..end].fill(true);
                day = end + gap / 2 + dice.below(gap);
            }
            days
        };
        Self(SYSTEMS.iter().map(of_field).collect())
    }

    /// Whether the field has one on the day.
    pub(super) fn at(&self, system: u8, day: Day) -> bool {
        self.0[usize::from(system)][day.0 as usize]
    }
}

/// The schedule of all accounts.
#[derive(Debug)]
pub(super) struct Schedule {
    seed: Seed,
    hours: Hours,
    /// For each day and ministry account, how many posts.
    central: Vec<u8>,
    central_accounts: usize,
    provinces: Group,
    others: Group,
}

impl Schedule {
    /// The schedule of `accounts`, of which the first `central_accounts` are
    /// those of the ministries and share about `central_posts`, the others
    /// `local_posts`.
    pub(super) fn new(
        seed: Seed,
        accounts: &[Account],
        bursts: &Bursts,
        central_accounts: usize,
        posts: PostTotals,
    ) -> Self {
        let (central, local) = accounts.split_at(central_accounts);
        let weight = |account: &Account| account.rate;
        let local_weight: f64 = expected_weight(local, bursts).max(f64::MIN_POSITIVE);
        let factor = posts.local as f64 / local_weight;
        let part = |number, provinces| {
            let is_member = |account: &Account| {
                !account.level.is_central()
                    && (account.level == super::account::Level::Province) == provinces
            };
            let members: Vec<u32> = (0..accounts.len() as u32)
                .filter(|&position| is_member(&accounts[position as usize]))
                .collect();
            Group::new(number, &members, accounts, bursts, factor)
        };
        let total: f64 = central.iter().map(weight).sum();
        let mut counts = vec![0; central_accounts * DAYS as usize];
        for (position, account) in central.iter().enumerate() {
            let share = (posts.central as f64 * account.rate / total) as u32;
            let periods = if position == NAMED_ACCOUNT {
                NAMED_POSTS.to_vec()
            } else {
                vec![(account.opened(), Day(LAST_DAY), share)]
            };
            let mut dice = seed.dice(Stream::Schedule { day: DAYS, group: position as u32 });
            for (from, to, posts) in periods {
                let days = spread(account, bursts, from, to, posts, &mut dice);
                for (day, count) in (from.0..).zip(days) {
                    counts[day as usize * central_accounts + position] = count;
                }
            }
        }
        Self {
            seed,
            hours: Hours::new(),
            central: counts,
            central_accounts,
            provinces: part(1, true),
            others: part(2, false),
        }
    }

    /// The ids of all posts of a day, newest first.
    pub(super) fn day(&self, day: Day, accounts: &[Account], bursts: &Bursts) -> Vec<u64> {
        let mut posts = Vec::with_capacity(self.expected(day) as usize * 9 / 8 + 64);
        self.central_day(day, accounts, bursts, &mut posts);
        for group in [&self.provinces, &self.others] {
            group.day(&self.seed, &self.hours, day, accounts, bursts, &mut posts);
        }
        newest_first(posts)
    }

    /// The ids of the day's posts of ministries and provinces, newest first.
    pub(super) fn leading(&self, day: Day, accounts: &[Account], bursts: &Bursts) -> Vec<u64> {
        let mut posts = Vec::new();
        self.central_day(day, accounts, bursts, &mut posts);
        self.provinces.day(&self.seed, &self.hours, day, accounts, bursts, &mut posts);
        newest_first(posts)
    }

    /// The ids of the day's posts of ministries, newest first.
    pub(super) fn central(&self, day: Day, accounts: &[Account], bursts: &Bursts) -> Vec<u64> {
        let mut posts = Vec::new();
        self.central_day(day, accounts, bursts, &mut posts);
        newest_first(posts)
    }

    /// About how many posts a day has.
    pub(super) fn expected(&self, day: Day) -> f64 {
        let central: u32 = self.central_counts(day).iter().map(|&count| u32::from(count)).sum();
        f64::from(central)
            + self.provinces.expected[day.0 as usize]
            + self.others.expected[day.0 as usize]
    }

    /// How many posts each ministry account has on a day.
    fn central_counts(&self, day: Day) -> &[u8] {
        let start = day.0 as usize * self.central_accounts;
        &self.central[start..start + self.central_accounts]
    }

    fn central_day(&self, day: Day, accounts: &[Account], bursts: &Bursts, posts: &mut Vec<u64>) {
        let mut dice = self.seed.dice(Stream::Schedule { day: day.0, group: 0 });
        for (position, &count) in self.central_counts(day).iter().enumerate() {
            let account = &accounts[position];
            let burst = account.manner == Manner::Emergency && bursts.at(account.system, day);
            for sequence in 0..u32::from(count) {
                let second = self.hours.second(account, day, burst, &mut dice);
                posts.push(post_id(second, position as u32, sequence));
            }
        }
    }
}

/// How many posts there shall be.
#[derive(Debug, Clone, Copy)]
pub(super) struct PostTotals {
    /// Of ministry accounts.
    pub(super) central: u64,
    /// Of all others.
    pub(super) local: u64,
}

/// The posts of the named account between the days for which they are known:
/// 36 by 2011-04-19, about 500 by 2011-06-10, just over 5,000 at the end.
const NAMED_POSTS: [(Day, Day, u32); 3] = [
    (Day::of(2011, 4, 13), Day::of(2011, 4, 19), 36),
    (Day::of(2011, 4, 20), Day::of(2011, 6, 10), 464),
    (Day::of(2011, 6, 11), Day::of(2012, 8, 27), 4_512),
];

/// Divides `posts` among the days from `from` to `to`: more as the account
/// grows, fewer at weekends, many in a burst. The sum is exact unless a day
/// would have more than it can.
fn spread(
    account: &Account,
    bursts: &Bursts,
    from: Day,
    to: Day,
    posts: u32,
    dice: &mut Dice,
) -> Vec<u8> {
    let length = f64::from(to.0 - from.0 + 1);
    let mut sums = vec![0.0];
    for day in (from.0..=to.0).map(Day) {
        let grown = 0.7 + 0.6 * f64::from(day.0 - from.0) / length;
        let burst = account.manner == Manner::Emergency && bursts.at(account.system, day);
        let weight = grown
            * weekend_factor(account.rhythm, day)
            * if burst { BURST } else { 1.0 }
            * exp(dice.gauss(0.0, 0.3));
        sums.push(sums[sums.len() - 1] + weight);
    }
    let total = sums[sums.len() - 1];
    let reached: Vec<u32> =
        sums.iter().map(|sum| (f64::from(posts) * sum / total + 0.5) as u32).collect();
    reached.windows(2).map(|pair| (pair[1] - pair[0]).min(MOST_A_DAY) as u8).collect()
}

/// Sorts ids, and drops the few that two posts of one account would share.
fn newest_first(mut posts: Vec<u64>) -> Vec<u64> {
    posts.sort_unstable_by(|a, b| b.cmp(a));
    posts.dedup();
    posts
}

/// Whether an account posts on a day.
fn is_active(account: &Account, day: Day) -> bool {
    account.opened() <= day && day <= account.last_active
}

/// By what factor fewer posts an account has at weekends.
fn weekend_factor(rhythm: Rhythm, day: Day) -> f64 {
    match rhythm {
        Rhythm::Office if day.is_weekend() => 0.4,
        Rhythm::Evening if day.is_weekend() => 0.7,
        _ => 1.0,
    }
}

/// The sum of weights of `accounts` over all days, bursts included.
fn expected_weight(accounts: &[Account], bursts: &Bursts) -> f64 {
    daily_weights(accounts.iter(), bursts).iter().map(|(steady, burst)| steady + burst).sum()
}

/// For each day the weights of the accounts that post, and what bursts add.
fn daily_weights<'a>(
    accounts: impl Iterator<Item = &'a Account>,
    bursts: &Bursts,
) -> Vec<(f64, f64)> {
    // By rhythm and, for emergency accounts, by field: what begins and ends on
    // each day, so that the cost does not grow with accounts times days.
    let days = DAYS as usize;
    let mut rhythms = vec![[0.0; 3]; days + 1];
    let mut emergencies = vec![[0.0; SYSTEMS.len()]; days + 1];
    for account in accounts {
        let (from, to) = (account.opened().0 as usize, account.last_active.0 as usize + 1);
        if from < to {
            rhythms[from][account.rhythm as usize] += account.rate;
            rhythms[to][account.rhythm as usize] -= account.rate;
            if account.manner == Manner::Emergency {
                emergencies[from][usize::from(account.system)] += account.rate;
                emergencies[to][usize::from(account.system)] -= account.rate;
            }
        }
    }
    let (mut steady, mut urgent) = ([0.0; 3], [0.0; SYSTEMS.len()]);
    let mut weights = Vec::with_capacity(days);
    for day in (0..DAYS).map(Day) {
        for (sum, change) in steady.iter_mut().zip(&rhythms[day.0 as usize]) {
            *sum += change;
        }
        for (sum, change) in urgent.iter_mut().zip(&emergencies[day.0 as usize]) {
            *sum += change;
        }
        let base = [Rhythm::Office, Rhythm::Newsroom, Rhythm::Evening]
            .map(|rhythm| steady[rhythm as usize] * weekend_factor(rhythm, day));
        let extra = (0..SYSTEMS.len()).filter(|&system| bursts.at(system as u8, day));
        let extra: f64 = extra.map(|system| (BURST - 1.0) * urgent[system]).sum();
        weights.push((base.iter().sum::<f64>().max(0.0), extra.max(0.0)));
    }
    weights
}

/// Accounts whose posts of a day are drawn together: first how many there are,
/// then whose each is.
#[derive(Debug)]
struct Group {
    number: u32,
    /// For each day, about how many posts.
    expected: Vec<f64>,
    /// For each day, about how many of them belong to bursts.
    burst: Vec<f64>,
    /// For each month, the accounts that post in it.
    months: Vec<Choice>,
    /// For each field, its emergency accounts.
    emergency: Vec<Choice>,
}

/// Accounts to choose among by their rate.
#[derive(Debug)]
struct Choice {
    members: Vec<u32>,
    table: Alias,
}

impl Choice {
    fn new(members: Vec<u32>, accounts: &[Account]) -> Self {
        let rates: Vec<f64> =
            members.iter().map(|&member| accounts[member as usize].rate).collect();
        Self { members, table: Alias::new(&rates) }
    }
}

impl Group {
    fn new(
        number: u32,
        members: &[u32],
        accounts: &[Account],
        bursts: &Bursts,
        factor: f64,
    ) -> Self {
        let of = |position: u32| &accounts[position as usize];
        let weights = daily_weights(members.iter().map(|&member| of(member)), bursts);
        let months = (0..MONTHS).map(|month| {
            let is_open = |account: &Account| {
                account.opened().month_index() <= month
                    && account.last_active.month_index() >= month
                    && account.opened() <= account.last_active
            };
            Choice::new(members.iter().copied().filter(|&m| is_open(of(m))).collect(), accounts)
        });
        let emergency = (0..SYSTEMS.len()).map(|system| {
            let is_part = |account: &Account| {
                account.manner == Manner::Emergency
                    && usize::from(account.system) == system
                    && account.opened() <= account.last_active
            };
            Choice::new(members.iter().copied().filter(|&m| is_part(of(m))).collect(), accounts)
        });
        Self {
            number,
            expected: weights.iter().map(|(steady, burst)| factor * (steady + burst)).collect(),
            burst: weights.iter().map(|(_, burst)| factor * burst).collect(),
            months: months.collect(),
            emergency: emergency.collect(),
        }
    }

    /// Adds the ids of the group's posts of a day.
    fn day(
        &self,
        seed: &Seed,
        hours: &Hours,
        day: Day,
        accounts: &[Account],
        bursts: &Bursts,
        posts: &mut Vec<u64>,
    ) {
        let mut dice = seed.dice(Stream::Schedule { day: day.0, group: self.number });
        let burst = self.burst[day.0 as usize];
        let steady = self.expected[day.0 as usize] - burst;
        let mut add = |choice: &Choice, wanted: f64, in_burst: bool, dice: &mut Dice| {
            let wanted = dice.gauss(wanted, wanted.sqrt()).max(0.0) as u32;
            let (mut sequence, mut attempts) = (0, 0);
            while sequence < wanted && attempts < 200 * wanted && !choice.members.is_empty() {
                attempts += 1;
                let position = choice.members[choice.table.draw(dice)];
                let account = &accounts[position as usize];
                if is_active(account, day)
                    && (in_burst || dice.chance(weekend_factor(account.rhythm, day)))
                {
                    let second = hours.second(account, day, in_burst, dice);
                    posts.push(post_id(second, position, sequence));
                    sequence += 1;
                }
            }
        };
        add(&self.months[day.month_index()], steady, false, &mut dice);
        let in_burst = |system: &usize| bursts.at(*system as u8, day);
        let fields: Vec<usize> = (0..SYSTEMS.len()).filter(in_burst).collect();
        let total: f64 = fields.iter().map(|&field| self.emergency[field].table.total()).sum();
        for field in fields {
            let choice = &self.emergency[field];
            if total > 0.0 {
                add(choice, burst * choice.table.total() / total, true, &mut dice);
            }
        }
    }
}

/// The hours at which accounts post.
#[derive(Debug)]
struct Hours {
    office: Alias,
    newsroom: Alias,
    evening: Alias,
}

/// Weights of the 24 hours in Beijing: office hours with a break at noon; the
/// hours of two national newspapers' accounts; office hours and the evening.
pub(super) const OFFICE: [f64; 24] = [
    0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.4, 2.0, 9.0, 12.5, 12.0, 9.0, 3.0, 3.0, 9.0, 11.5, 11.0, 8.5,
    3.5, 1.8, 1.6, 1.2, 0.6, 0.3,
];
/// See [`OFFICE`].
pub(super) const NEWSROOM: [f64; 24] = [
    1.2, 0.5, 0.4, 0.3, 0.4, 0.6, 1.7, 6.4, 7.7, 5.8, 5.9, 5.9, 5.5, 5.2, 5.6, 6.6, 6.7, 5.8, 5.3,
    5.2, 5.2, 5.0, 4.6, 2.5,
];
/// See [`OFFICE`].
const EVENING: [f64; 24] = [
    1.4, 0.5, 0.2, 0.1, 0.1, 0.3, 1.0, 3.2, 6.8, 8.2, 8.0, 6.8, 5.4, 5.0, 5.8, 6.4, 6.4, 5.6, 4.6,
    5.4, 6.6, 6.4, 4.4, 1.4,
];

impl Hours {
    fn new() -> Self {
        Self {
            office: Alias::new(&OFFICE),
            newsroom: Alias::new(&NEWSROOM),
            evening: Alias::new(&EVENING),
        }
    }

    /// A second of the day, in seconds since 1970, not before the account was
    /// opened. Bursts know no hours.
    fn second(&self, account: &Account, day: Day, burst: bool, dice: &mut Dice) -> i64 {
        let hour = match account.rhythm {
            _ if burst => dice.below(24),
            Rhythm::Office => self.office.draw(dice),
            Rhythm::Newsroom => self.newsroom.draw(dice),
            Rhythm::Evening => self.evening.draw(dice),
        };
        let second = day.start() + (hour * 3600 + dice.below(3600)) as i64;
        if second > account.registered {
            return second;
        }
        account.registered + dice.between(60, (day.end() - account.registered) as usize) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_its_second_and_its_author() {
        let seconds = Day::of(2012, 3, 5).start() + 4_711;
        for (account, sequence) in [(0, 0), (1, 63), (49_999, 17), (65_535, 5)] {
            let post = post_id(seconds, account, sequence);
            assert_eq!(posted(post), seconds);
            assert_eq!(author(post), account as usize);
            assert_eq!(post.to_string().len(), 16);
        }
    }
}
