//! The accounts: the 44 of the ministries, which all scales share, and local
//! ones drawn from the shape of the administration.

use std::collections::HashSet;

use super::calendar::{DAYS, Day, LAST_DAY};
use super::dice::{Dice, Seed, Stream, exp, ln};
use super::places::{Places, county};
use super::systems::{self, Rhythm, SYSTEMS};

/// How many accounts the ministries have.
pub(super) const MINISTRY_ACCOUNTS: usize = 44;

/// The account that the report of 2012 names.
pub(super) const NAMED_ACCOUNT: usize = 0;

/// When the named account was opened: 2011-04-13 10:45 in Beijing.
pub(super) const NAMED_REGISTERED: i64 = 1_302_662_700;

/// The followers of the named account at the ends of the days for which they
/// are known, and the unit to which they were rounded.
pub(super) const NAMED_FOLLOWERS: [(Day, f64); 3] = [
    (Day::of(2011, 4, 18), 22_124.0),
    (Day::of(2011, 6, 10), 215_000.0),
    (Day::of(2012, 8, 27), 2_800_000.0),
];

/// An account.
#[derive(Debug, Clone)]
pub(super) struct Account {
    /// The service's id.
    pub(super) id: u64,
    /// The name shown beside posts.
    pub(super) name: String,
    /// The body that runs it.
    pub(super) organization: String,
    /// The body's rank.
    pub(super) level: Level,
    /// Its field: a position in [`SYSTEMS`].
    pub(super) system: u8,
    /// The province it speaks for; empty for a ministry.
    pub(super) region: &'static str,
    /// The place it names in its texts; empty for a ministry.
    pub(super) place: String,
    /// When it was opened, in seconds since 1970.
    pub(super) registered: i64,
    /// How it is run.
    pub(super) manner: Manner,
    /// When it posts.
    pub(super) rhythm: Rhythm,
    /// Posts on an ordinary day, up to a factor that all local accounts share.
    pub(super) rate: f64,
    /// The last day on which it posts.
    pub(super) last_active: Day,
    /// Followers at the end.
    pub(super) followers: u64,
    /// How it came by its followers.
    pub(super) growth: Growth,
    /// By how much the logarithm of its reposts differs from what its followers
    /// let expect.
    pub(super) effect: f64,
    /// The share of its posts that pass on others'.
    pub(super) repost_share: f64,
    /// Accounts it follows.
    pub(super) following: u64,
    /// The mix of clients it uses.
    pub(super) desk: u8,
}

/// How an account came by its followers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Growth {
    /// As a power of its age, and a share by a recommendation on a day.
    Power { exponent: f64, share: f64, day: Day },
    /// In straight lines between known points.
    Points(&'static [(Day, f64)]),
}

/// The rank of the body that runs an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// A ministry of the State Council.
    Ministry,
    /// A body of the rank of a ministry, or nearly.
    NearMinistry,
    /// A province.
    Province,
    /// A city.
    City,
    /// A county.
    County,
}

impl Level {
    /// The code in `accounts.level`.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Ministry => "ministry",
            Self::NearMinistry => "ministry_level",
            Self::Province => "province",
            Self::City => "city",
            Self::County => "county",
        }
    }

    /// Whether it belongs to the central government.
    pub(super) fn is_central(self) -> bool {
        matches!(self, Self::Ministry | Self::NearMinistry)
    }
}

/// How an account is run: the three styles of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Talks with people, on line and off line.
    Interaction,
    /// Publishes short news.
    News,
    /// Informs in emergencies, in bursts.
    Emergency,
}

use Manner::{Emergency, Interaction, News};

/// A body of the central government and its accounts.
struct Ministry {
    name: &'static str,
    level: Level,
    system: &'static str,
    accounts: &'static [(&'static str, Manner)],
}

/// The 17 bodies and their 44 accounts. Only 外交小灵通 is a real name.
const MINISTRIES: [Ministry; 17] = [
    ministry(
        "外交部",
        "diplomacy",
        &[
            ("外交小灵通", Interaction),
            ("领事提醒小信使", Emergency),
            ("公共外交驿站", Interaction),
            ("礼宾一点通", Interaction),
            ("驻外馆员手记", Interaction),
            ("非洲合作小窗", News),
            ("欧洲事务观察站", News),
            ("亚洲邻里信箱", Interaction),
            ("条约法律小课堂", News),
            ("外交史料小抄", News),
            ("高翻课堂小笔记", Interaction),
        ],
    ),
    ministry(
        "公安部",
        "public_security",
        &[
            ("打拐寻亲小助手", Emergency),
            ("警务新风微报", News),
            ("出入境小窗口", Interaction),
            ("交管提示小喇叭", Emergency),
            ("禁毒小先锋", News),
            ("户政问答小站", Interaction),
            ("消防安全小红帽", Emergency),
        ],
    ),
    ministry(
        "卫生部",
        "health",
        &[
            ("健康小处方微站", Interaction),
            ("卫生应急微快报", Emergency),
            ("疾控课堂小笔记", News),
            ("医改问与答小窗", News),
            ("无偿献血小爱心", Interaction),
        ],
    ),
    ministry("教育部", "education", &[("招考小信使", News), ("校园微风信箱", Interaction)]),
    ministry("科学技术部", "science", &[("科技微播小窗", News), ("科普实验小站", Interaction)]),
    ministry("文化部", "culture", &[("文化微长廊", News), ("非遗慢慢看", Interaction)]),
    ministry("铁道部", "railway", &[("铁路服务小站台", Interaction), ("行车信息微播", Emergency)]),
    ministry("环境保护部", "environment", &[("环保微课堂小窗", News)]),
    ministry("商务部", "commerce", &[("市场运行微观察", News)]),
    ministry("交通运输部", "transport", &[("出行路况小喇叭", Emergency)]),
    ministry("水利部", "water", &[("江河水情微报", Emergency)]),
    body("国务院国有资产监督管理委员会", "state_assets", &[("国企新鲜事小窗", News)]),
    body("国家体育总局", "sports", &[("全民健身小站长", Interaction)]),
    body(
        "中国气象局",
        "meteorology",
        &[("天气早晚报小站", News), ("预警速递微台", Emergency), ("气象小博士信箱", Interaction)],
    ),
    body("中国地震局", "earthquake", &[("震情速递微台", Emergency), ("防震减灾小课堂", News)]),
    body("国家食品药品监督管理局", "drug_safety", &[("用药安全小卫士", News)]),
    body("国家旅游局", "tourism", &[("旅途小帮手信箱", Interaction)]),
];

const fn ministry(
    name: &'static str,
    system: &'static str,
    accounts: &'static [(&'static str, Manner)],
) -> Ministry {
    Ministry { name, level: Level::Ministry, system, accounts }
}

const fn body(
    name: &'static str,
    system: &'static str,
    accounts: &'static [(&'static str, Manner)],
) -> Ministry {
    Ministry { name, level: Level::NearMinistry, system, accounts }
}

/// The first `count` accounts of the world of `seed`: those of the ministries,
/// then local ones.
pub(super) fn accounts(count: usize, seed: &Seed, places: &Places) -> Vec<Account> {
    let mut taken = Taken::default();
    let mut accounts = Vec::with_capacity(count);
    for ministry in &MINISTRIES {
        for &(name, manner) in ministry.accounts {
            let mut dice = seed.dice(Stream::Account(accounts.len() as u32));
            let mut account = central(ministry, name, manner, &mut dice);
            if accounts.len() == NAMED_ACCOUNT {
                account = named(account);
            }
            taken.settle(&mut account);
            accounts.push(account);
        }
    }
    while accounts.len() < count {
        let mut dice = seed.dice(Stream::Account(accounts.len() as u32));
        let mut account = local(places, &mut dice);
        taken.settle(&mut account);
        accounts.push(account);
    }
    accounts
}

/// Names and ids that are in use.
#[derive(Default)]
struct Taken {
    names: HashSet<String>,
    ids: HashSet<u64>,
}

impl Taken {
    /// Gives an account an id, and changes its name if another has it.
    fn settle(&mut self, account: &mut Account) {
        // Ids grew with time on the service; ours stay between 1.6 and 2.8
        // thousand million.
        account.id = 1_600_000_000 + (account.registered - Day(0).start()) as u64 * 14;
        while !self.ids.insert(account.id) {
            account.id += 1;
        }
        if !self.names.insert(account.name.clone()) {
            let plain = account.name.clone();
            let mut number = 2;
            while !self.names.insert(account.name.clone()) {
                account.name = format!("{plain}{number}");
                number += 1;
            }
        }
    }
}

/// An account of the central government.
fn central(ministry: &Ministry, name: &str, manner: Manner, dice: &mut Dice) -> Account {
    let system = systems::position(ministry.system).unwrap_or_default();
    let opened = Day(dice.between(60, Day::of(2011, 12, 31).0 as usize) as u32);
    let followers = exp(dice.gauss(12.3, 1.0)).clamp(12_000.0, 2_400_000.0);
    Account {
        rate: exp(dice.gauss(0.0, 0.45)),
        last_active: Day(LAST_DAY),
        following: dice.between(60, 900) as u64,
        effect: dice.gauss(0.0, 0.7),
        ..person(system, manner, opened, followers, dice)
    }
    .of(name.to_owned(), ministry.name.to_owned(), ministry.level)
}

/// What is known of the account that the report names.
fn named(account: Account) -> Account {
    Account {
        registered: NAMED_REGISTERED,
        followers: 2_800_000,
        growth: Growth::Points(&NAMED_FOLLOWERS),
        effect: 0.6,
        repost_share: 0.22,
        following: 386,
        rhythm: Rhythm::Evening,
        ..account
    }
}

/// A local account.
fn local(places: &Places, dice: &mut Dice) -> Account {
    let system = local_system(dice);
    let field = &SYSTEMS[usize::from(system)];
    let level = match dice.below(1000) {
        0..22 => Level::Province,
        22..260 => Level::City,
        _ => Level::County,
    };
    let (region, place, seat) = seat(level, places, dice);
    let manner = [Interaction, News, Emergency][dice.weighted(match field.days_between_bursts {
        0 => &[0.35, 0.65, 0.0],
        1..30 => &[0.25, 0.40, 0.35],
        _ => &[0.32, 0.50, 0.18],
    })];
    let mean = match level {
        Level::Province => 9.2,
        Level::City => 7.2,
        _ => 5.3,
    };
    // A few accounts are far larger than the rest: a class of its own.
    let followers = match dice.below(1000) {
        0..2 => exp(dice.gauss(13.2, 0.8)),
        _ => exp(dice.gauss(mean, 2.2)),
    };
    let opened = opening_day(dice);
    let name = format!("{place}{}", dice.pick(field.suffixes));
    let body = field.bodies[usize::from(level != Level::Province)];
    let mut account = person(system, manner, opened, followers.clamp(3.0, 3_000_000.0), dice);
    account.rate = exp(dice.gauss(0.0, 1.2)).min(40.0);
    account.last_active = last_active(opened, dice);
    account.region = region;
    account.place = place;
    account.of(name, format!("{seat}{body}"), level)
}

/// Region, the place an account names, and the full name of the body's seat.
fn seat(level: Level, places: &Places, dice: &mut Dice) -> (&'static str, String, String) {
    match level {
        Level::County => {
            let province = places.rural_province(dice);
            let city = dice.pick(&province.cities);
            let county = county(dice);
            let rank = ["县", "县", "县", "区", "市"][dice.below(5)];
            (province.name, format!("{city}{county}"), format!("{city}市{county}{rank}"))
        }
        Level::City => {
            let province = places.province(dice);
            let city = (*dice.pick(&province.cities)).to_owned();
            if province.is_municipality() {
                let place = format!("{}{}", province.short, city.trim_end_matches('区'));
                (province.name, place, format!("{}{city}", province.name))
            } else {
                let seat = format!("{city}市");
                (province.name, city, seat)
            }
        }
        _ => {
            let province = places.province(dice);
            (province.name, province.short.to_owned(), province.name.to_owned())
        }
    }
}

/// What all accounts have, with the traits of the manner.
fn person(system: u8, manner: Manner, opened: Day, followers: f64, dice: &mut Dice) -> Account {
    let office_second = dice.between(8 * 3600 + 1800, 17 * 3600 + 1800) as i64;
    let repost_share = match manner {
        Interaction => 0.25 + 0.22 * dice.unit(),
        News => 0.03 + 0.12 * dice.unit(),
        Emergency => 0.08 + 0.16 * dice.unit(),
    };
    Account {
        id: 0,
        name: String::new(),
        organization: String::new(),
        level: Level::County,
        system,
        region: "",
        place: String::new(),
        registered: opened.start() + office_second,
        manner,
        rhythm: match manner {
            News => SYSTEMS[usize::from(system)].rhythm,
            Interaction => Rhythm::Evening,
            Emergency => Rhythm::Newsroom,
        },
        rate: 1.0,
        last_active: Day(LAST_DAY),
        followers: followers as u64,
        growth: growth(opened, dice),
        effect: dice.gauss(0.0, 0.9),
        repost_share,
        following: exp(dice.gauss(5.0, 0.9)).min(2_000.0) as u64,
        desk: dice.below(4) as u8,
    }
}

impl Account {
    /// The account with its name and owner.
    fn of(mut self, name: String, organization: String, level: Level) -> Self {
        self.name = name;
        self.organization = organization;
        self.level = level;
        self
    }

    /// The day on which it was opened.
    pub(super) fn opened(&self) -> Day {
        Day::at(self.registered)
    }

    /// Followers at an instant (seconds since 1970). Never falls.
    pub(super) fn followers_at(&self, seconds: i64) -> f64 {
        match self.growth {
            Growth::Points(points) => self.between_points(points, seconds),
            Growth::Power { exponent, share, day } => {
                let days = |from: i64, to: i64| (to - from).max(0) as f64 / 86_400.0;
                let end = Day(LAST_DAY).end();
                let age = |at: i64| days(self.registered, at) + 0.5;
                let steady = exp(exponent * ln((age(seconds) / age(end)).min(1.0)));
                let wave = |at: i64| 1.0 - exp(-days(day.start(), at) / 25.0);
                let wave = if share > 0.0 { wave(seconds) / wave(end) } else { 0.0 };
                self.followers as f64 * ((1.0 - share) * steady + share * wave)
            }
        }
    }

    /// Followers on the straight line between the known points around.
    fn between_points(&self, points: &[(Day, f64)], seconds: i64) -> f64 {
        let mut from = (self.registered, 0.0);
        for &(day, followers) in points {
            let to = (day.end(), followers);
            if seconds <= to.0 {
                let part = (seconds - from.0).max(0) as f64 / (to.0 - from.0) as f64;
                return from.1 + part * (to.1 - from.1);
            }
            from = to;
        }
        from.1
    }
}

/// The growth of an account about which nothing is known; one in four was
/// recommended once.
fn growth(opened: Day, dice: &mut Dice) -> Growth {
    let exponent = 0.5 + 1.1 * dice.unit();
    let day = dice.between(opened.0 as usize, LAST_DAY as usize - 5);
    let share = if dice.chance(0.25) { 0.15 + 0.35 * dice.unit() } else { 0.0 };
    Growth::Power { exponent, share, day: Day(day as u32) }
}

/// A field, by its share of local accounts.
fn local_system(dice: &mut Dice) -> u8 {
    let shares = SYSTEMS.map(|system| f64::from(system.local_share));
    dice.weighted(&shares) as u8
}

/// Shares of the local accounts that were open by a day, after the dated facts:
/// of 60,064 agencies and officials in October 2012, 8,869 were there on
/// 2011-07-06 and some 20,000 by December 2011.
const OPEN_BY: [(Day, f64); 7] = [
    (Day::of(2010, 1, 4), 0.0),
    (Day::of(2010, 8, 1), 0.012),
    (Day::of(2011, 1, 1), 0.045),
    (Day::of(2011, 7, 6), 0.175),
    (Day::of(2011, 12, 10), 0.40),
    (Day::of(2012, 5, 1), 0.76),
    (Day::of(2012, 8, 20), 1.0),
];

/// A day on which a local account is opened.
fn opening_day(dice: &mut Dice) -> Day {
    let share = dice.unit();
    for pair in OPEN_BY.windows(2) {
        let [(from, low), (to, high)] = [pair[0], pair[1]];
        if share < high {
            let part = (share - low) / (high - low);
            return Day(from.0 + (part * f64::from(to.0 - from.0)) as u32);
        }
    }
    OPEN_BY[OPEN_BY.len() - 1].0
}

/// The last day on which a local account posts: most are alive, one in six has
/// gone to sleep, one in thirty never began.
fn last_active(opened: Day, dice: &mut Dice) -> Day {
    match dice.below(60) {
        0..2 => Day(opened.0.saturating_sub(1)),
        2..12 => Day(opened.0 + dice.below((DAYS - opened.0) as usize) as u32),
        _ => Day(LAST_DAY),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn ministry_accounts() -> Vec<Account> {
        accounts(MINISTRY_ACCOUNTS, &Seed::new(1), &Places::new())
    }

    #[test]
    fn seventeen_bodies_have_the_44_accounts_of_the_report() {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for account in ministry_accounts() {
            assert!(account.level.is_central());
            *counts.entry(account.organization).or_default() += 1;
        }
        assert_eq!(counts.len(), 17);
        assert_eq!(counts.values().sum::<usize>(), 44);
        assert_eq!([counts["外交部"], counts["公安部"], counts["卫生部"]], [11, 7, 5]);
        assert_eq!(counts.values().filter(|&&count| count < 5).count(), 14);
    }

    #[test]
    fn names_and_ids_are_unique_and_of_the_form_of_the_time() {
        let accounts = accounts(5_000, &Seed::new(1), &Places::new());
        let names: HashSet<&str> = accounts.iter().map(|account| account.name.as_str()).collect();
        let ids: HashSet<u64> = accounts.iter().map(|account| account.id).collect();
        assert_eq!((names.len(), ids.len()), (5_000, 5_000));
        assert!(ids.iter().all(|id| (1_000_000_000..3_000_000_000).contains(id)));
    }

    #[test]
    fn a_larger_world_begins_with_the_accounts_of_a_smaller_one() {
        let large = accounts(200, &Seed::new(1), &Places::new());
        for (small, large) in ministry_accounts().iter().zip(&large) {
            assert_eq!((small.id, &small.name), (large.id, &large.name));
        }
    }

    #[test]
    fn followers_never_fall_and_end_where_they_should() {
        for account in accounts(400, &Seed::new(1), &Places::new()) {
            let days = (account.opened().0..DAYS).map(Day);
            let history: Vec<f64> = days.map(|day| account.followers_at(day.end())).collect();
            assert!(history.windows(2).all(|pair| pair[0] <= pair[1]), "{}", account.name);
            let last = history[history.len() - 1];
            assert!((last - account.followers as f64).abs() < 1.0 + last * 1e-9);
        }
    }

    #[test]
    fn local_accounts_open_as_the_dated_facts_say() {
        let accounts = accounts(5_000, &Seed::new(1), &Places::new());
        let open_by = |day: Day| {
            let open = accounts.iter().filter(|account| account.opened() <= day).count();
            open as f64 / accounts.len() as f64
        };
        assert!((open_by(Day::of(2011, 7, 6)) - 0.18).abs() < 0.02);
        assert!((open_by(Day::of(2011, 12, 10)) - 0.40).abs() < 0.02);
    }
}
