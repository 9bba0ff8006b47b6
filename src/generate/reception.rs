//! How posts are received: reposts and comments, with a log-normal body, a
//! Pareto tail, and the account's size and luck in the mean.

use super::account::{Account, Manner};
use super::calendar::{Day, LAST_DAY, MONTHS};
use super::dice::{Dice, Seed, Stream, exp, ln};
use super::schedule::{author, posted};

/// The share of posts that are hits: they make up the tail.
pub(super) const HITS: f64 = 0.06;

/// The standard normal quantile at which the tail begins.
const TAIL_FROM: f64 = 1.555;

/// The tail indices of reposts and of comments.
pub(super) const REPOST_TAIL: f64 = 1.05;
/// See [`REPOST_TAIL`].
pub(super) const COMMENT_TAIL: f64 = 1.4;

/// The deviations of the logarithms in the body.
pub(super) const REPOST_DEVIATION: f64 = 1.25;
/// See [`REPOST_DEVIATION`].
pub(super) const COMMENT_DEVIATION: f64 = 1.1;

/// How closely comments follow reposts.
const CORRELATION: f64 = 0.7;

/// The most reposts and comments that any post has.
const MOST: f64 = 600_000.0;

/// Hours after which half of all reposts and comments are there.
const HALF_LIFE: f64 = 5.0;

/// To whom a post speaks, which decides how much interest it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Appeal {
    /// An original, to everybody.
    Original,
    /// It passes on another's.
    Repost,
    /// It answers somebody; such posts never become hits.
    Answer,
}

impl Appeal {
    /// By how much the mean logarithm of reposts is below that of an original.
    fn loss(self) -> f64 {
        match self {
            Self::Original => 0.0,
            Self::Repost => 1.2,
            Self::Answer => 1.8,
        }
    }
}

/// What people made of a post in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reception {
    /// Reposts, however late.
    reposts: u64,
    /// Comments, however late.
    comments: u64,
}

/// Knows how large each account was in each month.
#[derive(Debug)]
pub(super) struct Receptions {
    seed: Seed,
    /// The mean logarithm of reposts, by account and month.
    means: Vec<f32>,
    /// Whether the account talks with people, which brings comments.
    talks: Vec<bool>,
}

impl Receptions {
    pub(super) fn new(seed: Seed, accounts: &[Account]) -> Self {
        let ends = month_ends();
        let mean = |account: &Account, end: i64| {
            let followers = account.followers_at(end).max(1.0);
            (0.55 * ln(followers) - 4.5 + account.effect) as f32
        };
        Self {
            seed,
            means: accounts
                .iter()
                .flat_map(|account| ends.iter().map(|&end| mean(account, end)).collect::<Vec<_>>())
                .collect(),
            talks: accounts.iter().map(|account| account.manner == Manner::Interaction).collect(),
        }
    }

    /// How often an ordinary original of the post's account and month is
    /// reposted.
    pub(super) fn usual(&self, post: u64) -> f64 {
        exp(self.mean(post))
    }

    /// How often an ordinary original of the post's account and month is
    /// commented on.
    pub(super) fn usual_comments(&self, post: u64) -> f64 {
        exp(self.comment_mean(post, self.mean(post)))
    }

    /// The mean logarithm of comments where that of reposts is `mean`.
    fn comment_mean(&self, post: u64, mean: f64) -> f64 {
        0.8 * mean - 0.3 + if self.talks[author(post)] { 0.5 } else { 0.0 }
    }

    /// The mean logarithm of reposts of the post's account in its month.
    fn mean(&self, post: u64) -> f64 {
        let month = Day::at(posted(post)).month_index();
        f64::from(self.means[author(post) * MONTHS + month])
    }

    /// What people made of a post in the end.
    pub(super) fn of(&self, post: u64, appeal: Appeal) -> Reception {
        let mean = self.mean(post) - appeal.loss();
        let comment_mean = self.comment_mean(post, mean);
        let mut dice = self.seed.dice(Stream::Reception(post));
        let (reposts, comments) = if dice.chance(HITS) && appeal != Appeal::Answer {
            let [luck, own] = lucks(&mut dice);
            (
                tail(mean, REPOST_DEVIATION, REPOST_TAIL, luck),
                tail(comment_mean, COMMENT_DEVIATION, COMMENT_TAIL, own),
            )
        } else {
            let shared = body(&mut dice);
            let own = body_beside(shared, &mut dice);
            (exp(mean + REPOST_DEVIATION * shared), exp(comment_mean + COMMENT_DEVIATION * own))
        };
        Reception { reposts: reposts as u64, comments: comments.min(MOST) as u64 }
    }
}

impl Reception {
    /// Reposts and comments that were there at an instant (seconds since 1970).
    pub(super) fn at(self, post: u64, seconds: i64) -> (u64, u64) {
        let hours = (seconds - posted(post)).max(0) as f64 / 3600.0;
        let share = hours / (hours + HALF_LIFE);
        let seen = |count: u64| (count as f64 * share).round() as u64;
        (seen(self.reposts), seen(self.comments))
    }
}

/// A normal draw below the point at which the tail begins.
fn body(dice: &mut Dice) -> f64 {
    loop {
        let draw = dice.normal();
        if draw < TAIL_FROM {
            return draw;
        }
    }
}

/// A normal draw below the same point that follows another.
fn body_beside(shared: f64, dice: &mut Dice) -> f64 {
    let own_share = (1.0 - CORRELATION * CORRELATION).sqrt();
    loop {
        let draw = CORRELATION * shared + own_share * dice.normal();
        if draw < TAIL_FROM {
            return draw;
        }
    }
}

/// Two uniform draws of which the second follows the first, also where it is
/// tiny: a post that all the world passes on has many comments. Their logarithms
/// are those of an exponential autoregressive process, which keeps both uniform.
fn lucks(dice: &mut Dice) -> [f64; 2] {
    let first = dice.unit();
    let fresh = if dice.chance(CORRELATION) { 0.0 } else { ln(dice.unit()) };
    [first, exp(CORRELATION * ln(first) + fresh)]
}

/// The value that `luck`, a uniform draw, gives of the Pareto distribution that
/// begins where the body ends, up to the most there can be.
fn tail(mean: f64, deviation: f64, index: f64, luck: f64) -> f64 {
    let least = exp(mean + deviation * TAIL_FROM);
    // Below this a draw would be more than the most there can be.
    let floor = exp(index * ln(least / MOST)).min(1.0);
    let uniform = floor + (1.0 - floor) * luck;
    least * exp(-ln(uniform) / index)
}

/// The last seconds of the months.
fn month_ends() -> Vec<i64> {
    let mut ends = vec![0; MONTHS];
    for day in (0..=LAST_DAY).map(Day) {
        ends[day.month_index()] = day.end();
    }
    ends
}
