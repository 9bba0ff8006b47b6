//! The generated world: what can be known of it, as batches.
//!
//! Everything is a function of scale and seed. Posts are made in blocks of
//! whole days, newest first, each independent of the others.

use std::cmp::Reverse;
use std::ops::Range;
use std::str::FromStr;

use datafusion::arrow::record_batch::RecordBatch;

use super::account::{self, Account, MINISTRY_ACCOUNTS, NAMED_ACCOUNT};
use super::batches::{self, AccountCount, PostBatch, PostCount, PostRow, ROWS};
use super::calendar::{DAYS, Day, LAST_DAY};
use super::dice::{Dice, Seed, Stream};
use super::places::Places;
use super::reception::{Appeal, Reception, Receptions};
use super::relay::{Candidate, Origin, Relay, days_before};
use super::schedule::{Bursts, PostTotals, Schedule, author, posted};
use super::wording::{Setting, Wording};
use crate::error::{Error, Result};

/// How large a world is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// The 44 accounts of the ministries and about 200,000 posts.
    Small,
    /// 5,000 accounts and about 2 million posts.
    Medium,
    /// 50,000 accounts and about 35 million posts: the government micro-blogs
    /// of 2012.
    Large,
}

impl FromStr for Scale {
    type Err = Error;

    /// The scale of this letter.
    fn from_str(letter: &str) -> Result<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == letter);
        found.map(|(_, scale)| *scale).ok_or_else(|| {
            Error::usage(format!("no scale `{letter}`"))
                .hint("s is 44 accounts and 200,000 posts, m 5,000 and 2 million, l 50,000 and 35 million")
        })
    }
}

/// About how many posts the ministries' accounts have at every scale.
const CENTRAL_POSTS: u64 = 200_000;

/// About how many posts a block has.
const BLOCK_POSTS: f64 = 100_000.0;

impl Scale {
    /// Every scale, by its letter on the command line.
    pub const ALL: [(&'static str, Self); 3] =
        [("s", Self::Small), ("m", Self::Medium), ("l", Self::Large)];

    /// How many accounts there are.
    #[must_use]
    pub fn accounts(self) -> usize {
        match self {
            Self::Small => MINISTRY_ACCOUNTS,
            Self::Medium => 5_000,
            Self::Large => 50_000,
        }
    }

    /// About how many posts there are.
    #[must_use]
    pub fn posts(self) -> u64 {
        match self {
            Self::Small => CENTRAL_POSTS,
            Self::Medium => 2_000_000,
            Self::Large => 35_000_000,
        }
    }
}

/// A world of micro-blogs that never was, in the shape of the real one of 2012.
#[derive(Debug)]
pub struct World {
    seed: Seed,
    accounts: Vec<Account>,
    bursts: Bursts,
    schedule: Schedule,
    receptions: Receptions,
    wording: Wording,
    /// Whole days, newest first, of about the same number of posts.
    blocks: Vec<Range<u32>>,
}

impl World {
    /// The world of this size and seed. The same for the same arguments on any
    /// machine; a larger world has the accounts of a smaller one and the texts
    /// of the ministries' originals.
    ///
    /// # Errors
    /// When a rule of its language is faulty, which a test excludes.
    pub fn new(scale: Scale, seed: u64) -> Result<Self> {
        let seed = Seed::new(seed);
        let places = Places::new();
        let accounts = account::accounts(scale.accounts(), &seed, &places);
        let bursts = Bursts::new(&seed);
        let totals = PostTotals { central: CENTRAL_POSTS, local: scale.posts() - CENTRAL_POSTS };
        let schedule = Schedule::new(seed, &accounts, &bursts, MINISTRY_ACCOUNTS, totals);
        Ok(Self {
            receptions: Receptions::new(seed, &accounts),
            wording: Wording::new(&seed, places)?,
            blocks: blocks(&schedule),
            seed,
            accounts,
            bursts,
            schedule,
        })
    }

    /// When the world was looked at last: the last second of 2012-08-27 in
    /// Beijing, in seconds since 1970.
    #[must_use]
    pub fn observed_at() -> i64 {
        Day(LAST_DAY).end()
    }

    /// The rows of `accounts`, in the order of their ids.
    ///
    /// # Errors
    /// When a batch does not conform to the table, which a test excludes.
    pub fn accounts(&self) -> impl Iterator<Item = Result<RecordBatch>> + '_ {
        let mut accounts: Vec<&Account> = self.accounts.iter().collect();
        accounts.sort_unstable_by_key(|account| account.id);
        let batches: Vec<_> = accounts
            .chunks(ROWS)
            .map(|chunk| batches::accounts(chunk, Self::observed_at()))
            .collect();
        batches.into_iter()
    }

    /// How many blocks of posts there are. Block 0 holds the newest.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// The rows of `posts` in one block, newest first. All posts of a block are
    /// newer than those of the next.
    ///
    /// # Errors
    /// When a batch does not conform to the table, which a test excludes.
    pub fn posts_of_block(&self, block: usize) -> Result<Vec<RecordBatch>> {
        let mut finished = Vec::new();
        let mut batch = PostBatch::new();
        self.each_post(block, &mut |row, text| {
            batch.push(row, text);
            if batch.len() == ROWS {
                let full = std::mem::replace(&mut batch, PostBatch::new());
                finished.push(full.finish(Self::observed_at())?);
            }
            Ok(())
        })?;
        if batch.len() > 0 {
            finished.push(batch.finish(Self::observed_at())?);
        }
        Ok(finished)
    }

    /// Hands the posts of a block and their texts to `take`, newest first.
    pub(super) fn each_post(
        &self,
        block: usize,
        take: &mut dyn FnMut(PostRow, &str) -> Result<()>,
    ) -> Result<()> {
        let mut text = Vec::new();
        for day in self.blocks[block].clone().rev().map(Day) {
            let mut relay = self.relay(day);
            for post in self.schedule.day(day, &self.accounts, &self.bursts) {
                let row = self.post(post, &mut relay, &mut text);
                take(row, batches::utf8(&text))?;
            }
        }
        Ok(())
    }

    /// The rows of `posts`, newest first.
    ///
    /// # Errors
    /// As for [`World::posts_of_block`].
    pub fn posts(&self) -> impl Iterator<Item = Result<RecordBatch>> + '_ {
        (0..self.blocks()).flat_map(|block| match self.posts_of_block(block) {
            Ok(batches) => batches.into_iter().map(Ok).collect::<Vec<_>>(),
            Err(error) => vec![Err(error)],
        })
    }

    /// The rows of `account_snapshots`, newest first: each account at the end of
    /// every month, of every Monday of its last eight weeks, and of the last
    /// day; those of the ministries every Monday; and the account that the
    /// report names on the days for which its size is known.
    ///
    /// # Errors
    /// When a batch does not conform to the table, which a test excludes.
    pub fn account_snapshots(&self) -> impl Iterator<Item = Result<RecordBatch>> + '_ {
        let mut posts = vec![0_u64; self.accounts.len()];
        let mut rows: Vec<AccountCount> = Vec::new();
        let mut last_id_first: Vec<usize> = (0..self.accounts.len()).collect();
        last_id_first.sort_unstable_by_key(|&position| Reverse(self.accounts[position].id));
        for day in (0..DAYS).map(Day) {
            for post in self.schedule.day(day, &self.accounts, &self.bursts) {
                posts[author(post)] += 1;
            }
            let seen = last_id_first.iter().filter(|&&position| self.is_observed(position, day));
            rows.extend(seen.map(|&position| self.account_count(position, day, posts[position])));
        }
        rows.reverse();
        let batches: Vec<_> = rows.chunks(ROWS).map(batches::account_snapshots).collect();
        batches.into_iter()
    }

    /// The rows of `post_snapshots`, newest observation first: each post of the
    /// ministries' accounts as seen on the Monday after it and on the last day.
    /// Other posts were looked at once, and `posts` has what was seen.
    ///
    /// # Errors
    /// When a batch does not conform to the table, which a test excludes.
    pub fn post_snapshots(&self) -> impl Iterator<Item = Result<RecordBatch>> + '_ {
        let mondays = (0..LAST_DAY).rev().map(Day).filter(|day| day.weekday() == 0);
        let weeks = mondays.map(|monday| (monday, monday.0.saturating_sub(6)..monday.0 + 1));
        std::iter::once((Day(LAST_DAY), 0..DAYS)).chain(weeks).flat_map(move |(observed, days)| {
            let days: Vec<u32> = days.rev().collect();
            let weeks = days.chunks(7 * 8).map(move |days| {
                let posts = days
                    .iter()
                    .flat_map(|&day| self.schedule.central(Day(day), &self.accounts, &self.bursts));
                let rows: Vec<PostCount> =
                    posts.map(|post| self.post_count(post, observed.end())).collect();
                batches::post_snapshots(&rows)
            });
            weeks.collect::<Vec<_>>()
        })
    }

    /// Who can be passed on in a day.
    fn relay(&self, day: Day) -> Relay {
        let candidates = |day: Day| {
            let posts = self.schedule.leading(day, &self.accounts, &self.bursts);
            let originals = posts.into_iter().filter(|&post| self.appeal(post) == Appeal::Original);
            let reception = |post| self.receptions.of(post, Appeal::Original);
            originals
                .map(|post| Candidate {
                    post,
                    reposts: reception(post).at(post, Self::observed_at()).0,
                })
                .collect()
        };
        let days: Vec<Vec<Candidate>> = days_before(day).map(candidates).collect();
        Relay::new(&days, &self.accounts)
    }

    /// To whom a post speaks.
    pub(super) fn appeal(&self, post: u64) -> Appeal {
        let mut words = self.seed.dice(Stream::Text(post));
        if self.wants_to_repost(post) {
            Appeal::Repost
        } else if Wording::answers(post, self.setting(), &mut words) {
            Appeal::Answer
        } else {
            Appeal::Original
        }
    }

    /// Whether a post passes on another if it finds one.
    fn wants_to_repost(&self, post: u64) -> bool {
        let mut dice = self.seed.dice(Stream::Kind(post));
        dice.chance(self.accounts[author(post)].repost_share)
    }

    /// One post; its text replaces what is in `text`.
    fn post(&self, post: u64, relay: &mut Relay, text: &mut Vec<u8>) -> PostRow {
        let mut dice = self.seed.dice(Stream::Kind(post));
        let account = &self.accounts[author(post)];
        let origin: Option<Origin> = if dice.chance(account.repost_share) {
            relay.draw(post, &self.accounts, &mut dice)
        } else {
            None
        };
        let client = client(account, &mut dice);
        let on_the_move = client.contains("客户端");
        let place = (on_the_move && dice.chance(0.15)).then(|| self.wording.city(&mut dice));
        let mut words = self.seed.dice(Stream::Text(post));
        text.clear();
        if origin.is_some() {
            self.wording.repost(post, self.setting(), &mut words, text);
        } else {
            self.wording.original(post, self.setting(), &mut words, text);
        }
        let (reposts, comments) = self.reception(post).at(post, Self::observed_at());
        PostRow {
            post,
            account: account.id,
            posted: posted(post),
            client,
            place,
            origin,
            reposts,
            comments,
            media: u64::from(origin.is_none() && dice.chance(0.45)),
        }
    }

    /// What the texts speak of.
    fn setting(&self) -> Setting<'_> {
        Setting { accounts: &self.accounts, bursts: &self.bursts }
    }

    /// A post that was passed on, and its text, if it is in the collection.
    /// Only originals are passed on.
    pub(super) fn original(&self, post: u64, text: &mut Vec<u8>) -> Option<PostCount> {
        text.clear();
        if author(post) >= self.accounts.len() {
            return None;
        }
        let mut words = self.seed.dice(Stream::Text(post));
        self.wording.original(post, self.setting(), &mut words, text);
        Some(self.post_count(post, Self::observed_at()))
    }

    /// The account that posted a post of the collection.
    pub(super) fn account_of(&self, post: u64) -> Option<&Account> {
        self.accounts.get(author(post))
    }

    /// All accounts.
    pub(super) fn all_accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// How often an ordinary post of its account and month is reposted.
    pub(super) fn usual_reposts(&self, post: u64) -> f64 {
        self.receptions.usual(post)
    }

    /// How often one is commented on.
    pub(super) fn usual_comments(&self, post: u64) -> f64 {
        self.receptions.usual_comments(post)
    }

    /// What people made of a post in the end.
    fn reception(&self, post: u64) -> Reception {
        self.receptions.of(post, self.appeal(post))
    }

    /// How a post had been received at an instant.
    fn post_count(&self, post: u64, observed: i64) -> PostCount {
        let (reposts, comments) = self.reception(post).at(post, observed);
        PostCount { post, observed, reposts, comments }
    }

    /// Whether somebody looked at an account at the end of a day.
    fn is_observed(&self, position: usize, day: Day) -> bool {
        let account = &self.accounts[position];
        let is_monday = day.weekday() == 0;
        let regular = if account.level.is_central() {
            is_monday
        } else {
            Day(day.0 + 1).date().2 == 1 || is_monday && day.0 + WEEKLY_DAYS > LAST_DAY
        };
        let known = position == NAMED_ACCOUNT && NAMED_DAYS.contains(&day);
        account.opened() <= day && (regular || known || day.0 == LAST_DAY)
    }

    /// How large an account was at the end of a day, by which it had published
    /// `posts`.
    fn account_count(&self, position: usize, day: Day, posts: u64) -> AccountCount {
        let account = &self.accounts[position];
        let precision = match NAMED_PRECISION.iter().find(|(known, _)| *known == day) {
            Some((_, precision)) if position == NAMED_ACCOUNT => *precision,
            _ => 1,
        };
        AccountCount {
            account: account.id,
            observed: day.end(),
            followers: account.followers_at(day.end()).round() as u64,
            following: account.following,
            posts,
            precision,
        }
    }
}

/// For how many days before the end everybody was looked at weekly.
const WEEKLY_DAYS: u32 = 56;

/// Days on which the account that the report names was looked at besides
/// Mondays.
const NAMED_DAYS: [Day; 2] = [Day::of(2011, 4, 19), Day::of(2011, 6, 10)];

/// To what units its known numbers of followers were rounded.
const NAMED_PRECISION: [(Day, u64); 2] =
    [(Day::of(2011, 6, 10), 1_000), (Day::of(2012, 8, 27), 100_000)];

/// Divides the days into blocks of about the same number of posts, newest
/// first.
fn blocks(schedule: &Schedule) -> Vec<Range<u32>> {
    let mut blocks = Vec::new();
    let (mut end, mut posts) = (DAYS, 0.0);
    for day in (0..DAYS).rev() {
        posts += schedule.expected(Day(day));
        if posts >= BLOCK_POSTS || day == 0 {
            blocks.push(day..end);
            (end, posts) = (day, 0.0);
        }
    }
    blocks
}

/// What a post was published from.
fn client(account: &Account, dice: &mut Dice) -> &'static str {
    const CLIENTS: [&str; 10] = [
        "新浪微博",
        "专业版微博",
        "皮皮时光机",
        "iPhone客户端",
        "Android客户端",
        "定时showone",
        "微博桌面",
        "iPad客户端",
        "UC浏览器",
        "政务版微博",
    ];
    // What desks of agencies use: the web page, a planner, telephones, or what
    // is made for agencies.
    const DESKS: [[f64; 10]; 4] = [
        [74.0, 6.0, 4.0, 6.0, 4.0, 1.0, 3.0, 1.0, 1.0, 0.0],
        [40.0, 4.0, 38.0, 5.0, 3.0, 7.0, 2.0, 1.0, 0.0, 0.0],
        [38.0, 3.0, 2.0, 26.0, 20.0, 1.0, 3.0, 5.0, 2.0, 0.0],
        [35.0, 30.0, 4.0, 4.0, 3.0, 2.0, 4.0, 1.0, 0.0, 17.0],
    ];
    CLIENTS[dice.weighted(&DESKS[usize::from(account.desk)])]
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use datafusion::arrow::array::{AsArray, RecordBatch};
    use datafusion::arrow::compute::concat_batches;
    use datafusion::arrow::datatypes::{Int64Type, TimestampMicrosecondType};

    use super::*;
    use crate::model::{ACCOUNT_SNAPSHOTS, ACCOUNTS, POST_SNAPSHOTS, POSTS, Table};

    fn all(table: &Table, batches: impl Iterator<Item = Result<RecordBatch>>) -> RecordBatch {
        let batches: Vec<RecordBatch> = batches.map(Result::unwrap).collect();
        concat_batches(&table.schema(), &batches).unwrap()
    }

    fn integers<'a>(batch: &'a RecordBatch, column: &str) -> &'a [i64] {
        batch.column_by_name(column).unwrap().as_primitive::<Int64Type>().values()
    }

    fn instants<'a>(batch: &'a RecordBatch, column: &str) -> &'a [i64] {
        batch.column_by_name(column).unwrap().as_primitive::<TimestampMicrosecondType>().values()
    }

    fn texts<'a>(batch: &'a RecordBatch, column: &str) -> Vec<Option<&'a str>> {
        batch.column_by_name(column).unwrap().as_string_view().iter().collect()
    }

    fn small() -> World {
        World::new(Scale::Small, 1).unwrap()
    }

    /// The newest block and one of 2011.
    fn some_posts(world: &World) -> RecordBatch {
        let blocks = [0, world.blocks() - 1].map(|block| world.posts_of_block(block).unwrap());
        all(&POSTS, blocks.into_iter().flatten().map(Ok))
    }

    #[test]
    fn a_scale_is_named_by_its_letter() {
        assert_eq!("m".parse::<Scale>().unwrap(), Scale::Medium);
        assert!("x".parse::<Scale>().unwrap_err().to_string().contains("no scale `x`"));
    }

    #[test]
    fn the_same_seed_gives_the_same_posts_and_another_seed_others() {
        let posts = |seed: u64| World::new(Scale::Small, seed).unwrap().posts_of_block(0).unwrap();
        assert_eq!(posts(1), posts(1));
        assert_ne!(posts(1), posts(2));
    }

    #[test]
    fn the_small_world_has_the_figures_of_the_report() {
        let world = small();
        let accounts = all(&ACCOUNTS, world.accounts());
        assert_eq!(accounts.num_rows(), 44);
        let organizations: HashSet<_> = texts(&accounts, "organization").into_iter().collect();
        assert_eq!(organizations.len(), 17);
        let posts: usize = world.posts().map(|batch| batch.unwrap().num_rows()).sum();
        assert!((195_000..205_000).contains(&posts), "{posts} posts");
    }

    #[test]
    fn the_named_account_grows_through_the_dated_points() {
        let world = small();
        let accounts = all(&ACCOUNTS, world.accounts());
        let names = texts(&accounts, "screen_name");
        let position = names.iter().position(|name| *name == Some("外交小灵通")).unwrap();
        // 2011-04-13 10:45 in Beijing.
        assert_eq!(instants(&accounts, "registered_at")[position], 1_302_662_700_000_000);
        let id = texts(&accounts, "account_id")[position];
        let snapshots = all(&ACCOUNT_SNAPSHOTS, world.account_snapshots());
        let ids = texts(&snapshots, "account_id");
        let at = |day: Day| {
            let row = (0..ids.len())
                .find(|&row| {
                    ids[row] == id
                        && instants(&snapshots, "observed_at")[row] == day.end() * 1_000_000
                })
                .unwrap();
            (integers(&snapshots, "followers")[row], integers(&snapshots, "posts")[row])
        };
        assert_eq!(at(Day::of(2011, 4, 18)).0, 22_124);
        assert_eq!(at(Day::of(2011, 4, 19)).1, 36);
        assert_eq!(at(Day::of(2011, 6, 10)), (215_000, 500));
        assert_eq!(at(Day::of(2012, 8, 27)), (2_800_000, 5_012));
    }

    #[test]
    fn snapshots_count_the_posts_that_are_there() {
        let world = small();
        let mut counted: HashMap<String, i64> = HashMap::new();
        for batch in world.posts() {
            for id in texts(&batch.unwrap(), "account_id") {
                *counted.entry(id.unwrap().to_owned()).or_default() += 1;
            }
        }
        let snapshots = all(&ACCOUNT_SNAPSHOTS, world.account_snapshots());
        let end = World::observed_at() * 1_000_000;
        let last = (0..snapshots.num_rows())
            .filter(|&row| instants(&snapshots, "observed_at")[row] == end);
        let ids = texts(&snapshots, "account_id");
        for row in last {
            assert_eq!(integers(&snapshots, "posts")[row], counted[ids[row].unwrap()]);
        }
    }

    #[test]
    fn posts_come_newest_first_and_their_ids_tell_the_time() {
        let posts = some_posts(&small());
        let ids = texts(&posts, "post_id");
        assert!(ids.windows(2).all(|pair| pair[0] > pair[1]), "ids fall");
        for (id, posted_at) in ids.iter().zip(instants(&posts, "posted_at")) {
            let seconds = (id.unwrap().parse::<i64>().unwrap() >> 22) + 515_483_463;
            assert_eq!(seconds * 1_000_000, *posted_at);
        }
    }

    #[test]
    fn texts_have_at_most_140_characters_and_no_open_slots() {
        for text in texts(&some_posts(&small()), "text").into_iter().flatten() {
            assert!((1..=140).contains(&text.chars().count()), "{text}");
            assert!(!text.contains(['{', '}', '|']), "{text}");
        }
    }

    #[test]
    fn no_post_is_passed_on_more_often_than_its_reposts_say() {
        let posts = some_posts(&small());
        let mut passed_on: HashMap<&str, i64> = HashMap::new();
        for origin in texts(&posts, "origin_post_id").into_iter().flatten() {
            *passed_on.entry(origin).or_default() += 1;
        }
        let mut inside = 0;
        for (id, reposts) in texts(&posts, "post_id").iter().zip(integers(&posts, "reposts")) {
            let times = passed_on.get(id.unwrap()).copied().unwrap_or(0);
            assert!(times <= *reposts, "{times} of {reposts}");
            inside += times;
        }
        assert!(inside > 1_000, "{inside} reposts of posts in the collection");
    }

    #[test]
    fn counts_of_a_post_only_grow_to_what_the_post_says() {
        let world = small();
        let snapshots = all(&POST_SNAPSHOTS, world.post_snapshots());
        let posts = all(&POSTS, world.posts());
        let count = |batch: &RecordBatch, row: usize| integers(batch, "reposts")[row];
        let ids = texts(&snapshots, "post_id");
        let mut last: HashMap<&str, i64> = HashMap::new();
        for row in (0..snapshots.num_rows()).rev() {
            let seen = last.insert(ids[row].unwrap(), count(&snapshots, row)).unwrap_or(0);
            assert!(seen <= count(&snapshots, row));
        }
        assert_eq!(last.len(), posts.num_rows());
        for (row, id) in texts(&posts, "post_id").iter().enumerate() {
            assert_eq!(last[id.unwrap()], count(&posts, row));
        }
    }
}
