//! What was asked of a generated world beside what came out.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::record_batch::RecordBatch;

use super::account::{Level, Manner, NAMED_ACCOUNT};
use super::batches::PostRow;
use super::calendar::Day;
use super::dice::ln;
use super::reception::{Appeal, COMMENT_DEVIATION, COMMENT_TAIL, REPOST_DEVIATION, REPOST_TAIL};
use super::schedule::{NEWSROOM, OFFICE, author};
use super::systems::Rhythm;
use super::wording::MOST_CHARACTERS;
use super::world::{Scale, World};
use crate::error::{Error, Result};

/// The fewest reposts of an ordinary post of an account for its posts to be
/// used for quantiles: below, counts are too coarse.
const FINE: f64 = 20.0;

/// The share of the greatest values from which a tail index is estimated.
const TAIL_SHARE: f64 = 0.03;

/// The hours of the day that are shown.
const HOURS: [usize; 4] = [3, 8, 12, 16];

/// A line of the table.
struct Line {
    measure: String,
    asked: f64,
    came: f64,
}

/// What posts tell, gathered in one pass.
#[derive(Default)]
struct Tally {
    posts: u64,
    reposts_of_others: u64,
    repost_share_asked: f64,
    longest: usize,
    /// Posts of accounts with office hours on a weekday and on a weekend day.
    office: [u64; 2],
    /// Posts by hour of accounts with office and newsroom hours.
    hours: [[u64; 24]; 2],
    /// Logarithms of reposts and comments over what is usual for the account.
    reposts: Vec<f64>,
    comments: Vec<f64>,
}

/// The table of what was asked of the world of `scale`, which is `world`, and
/// what came out: columns `measure`, `asked`, `came`. Makes all posts.
///
/// # Errors
/// When a batch cannot be made, which a test excludes.
pub fn check(world: &World, scale: Scale) -> Result<RecordBatch> {
    let mut tally = Tally::default();
    for block in 0..world.blocks() {
        world.each_post(block, &mut |row, text| {
            tally.take(world, &row, text);
            Ok(())
        })?;
    }
    let mut lines = counted(world, scale, &tally);
    lines.extend(timed(&tally));
    lines.extend(received(&mut tally));
    to_batch(&lines)
}

impl Tally {
    fn take(&mut self, world: &World, row: &PostRow, text: &str) {
        let account = &world.all_accounts()[author(row.post)];
        self.posts += 1;
        self.longest = self.longest.max(text.chars().count());
        self.repost_share_asked += account.repost_share;
        self.reposts_of_others += u64::from(row.origin.is_some());
        let day = Day::at(row.posted);
        let hour = ((row.posted - day.start()) / 3600) as usize;
        if account.manner != Manner::Emergency && account.opened() < day {
            match account.rhythm {
                Rhythm::Office => {
                    self.office[usize::from(day.is_weekend())] += 1;
                    self.hours[0][hour] += 1;
                }
                Rhythm::Newsroom => self.hours[1][hour] += 1,
                Rhythm::Evening => {}
            }
        }
        self.take_reception(world, row);
    }

    /// Originals that are a week old, of accounts whose counts are fine.
    fn take_reception(&mut self, world: &World, row: &PostRow) {
        let usual = world.usual_reposts(row.post);
        let is_old = row.posted + 7 * 86_400 < World::observed_at();
        if usual >= FINE && is_old && world.appeal(row.post) == Appeal::Original {
            self.reposts.push(ln((row.reposts as f64 + 0.5) / usual));
            let usual = world.usual_comments(row.post);
            self.comments.push(ln((row.comments as f64 + 0.5) / usual));
        }
    }
}

/// Counts of accounts and posts, and what is known of the named account.
fn counted(world: &World, scale: Scale, tally: &Tally) -> Vec<Line> {
    let accounts = world.all_accounts();
    let count = |wanted: &dyn Fn(&super::account::Account) -> bool| {
        accounts.iter().filter(|account| wanted(account)).count() as f64
    };
    let local = count(&|account| !account.level.is_central());
    let mut lines = vec![
        line("accounts", scale.accounts() as f64, accounts.len() as f64),
        line("ministry accounts", 44.0, count(&|account| account.level.is_central())),
        line("posts", scale.posts() as f64, tally.posts as f64),
        line("followers of 外交小灵通", 2_800_000.0, accounts[NAMED_ACCOUNT].followers as f64),
        line(
            "characters of the longest post, at most",
            MOST_CHARACTERS as f64,
            tally.longest as f64,
        ),
        line(
            "share of reposts, at most",
            tally.repost_share_asked / tally.posts as f64,
            tally.reposts_of_others as f64 / tally.posts as f64,
        ),
    ];
    if local > 0.0 {
        let open_by = |day: Day| {
            count(&|account| !account.level.is_central() && account.opened() <= day) / local
        };
        lines.push(line(
            "share of local accounts open by 2011-07-06",
            0.175,
            open_by(Day::of(2011, 7, 6)),
        ));
        lines.push(line(
            "share of local accounts open by 2011-12-10",
            0.40,
            open_by(Day::of(2011, 12, 10)),
        ));
        let mut counties: Vec<f64> = accounts
            .iter()
            .filter(|account| account.level == Level::County)
            .map(|account| ln(account.followers as f64))
            .collect();
        lines.push(line("ln followers of a county, median", 5.3, quantile(&mut counties, 0.5)));
        lines.push(line(
            "ln followers of a county, 90 %",
            5.3 + 1.2816 * 2.2,
            quantile(&mut counties, 0.9),
        ));
    }
    lines
}

/// Hours of the day and days of the week.
fn timed(tally: &Tally) -> Vec<Line> {
    let mut lines = Vec::new();
    // Of seven days two are of a weekend.
    let [weekday, weekend] = tally.office.map(|posts| posts as f64);
    lines.push(line(
        "posts on a weekend day over a weekday, office hours",
        0.4,
        (weekend / 2.0) / (weekday / 5.0),
    ));
    let rhythms = [("office", &OFFICE), ("newsroom", &NEWSROOM)];
    for ((name, weights), came) in rhythms.into_iter().zip(&tally.hours) {
        let (asked, all) = (weights.iter().sum::<f64>(), came.iter().sum::<u64>() as f64);
        for hour in HOURS {
            lines.push(line(
                format!("share of posts at {hour}:00, {name} hours"),
                weights[hour] / asked,
                came[hour] as f64 / all,
            ));
        }
    }
    lines
}

/// Quantiles and tails of reposts and comments.
fn received(tally: &mut Tally) -> Vec<Line> {
    let measures = [
        ("reposts", REPOST_DEVIATION, REPOST_TAIL, &mut tally.reposts),
        ("comments", COMMENT_DEVIATION, COMMENT_TAIL, &mut tally.comments),
    ];
    let mut lines = Vec::new();
    for (name, deviation, index, logarithms) in measures {
        for (share, normal) in [(0.1, -1.2816), (0.5, 0.0), (0.9, 1.2816)] {
            lines.push(line(
                format!("ln {name} over the usual, {:.0} %", share * 100.0),
                normal * deviation,
                quantile(logarithms, share),
            ));
        }
        lines.push(line(format!("tail index of {name}"), index, tail_index(logarithms)));
    }
    lines
}

/// The value below which `share` of the values lie; sorts them.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((share * last as f64) as usize).copied().unwrap_or(f64::NAN)
}

/// Hill's estimate of the tail index from sorted logarithms.
fn tail_index(logarithms: &[f64]) -> f64 {
    let count = (logarithms.len() as f64 * TAIL_SHARE) as usize;
    let (body, tail) = logarithms.split_at(logarithms.len() - count);
    let threshold = body.last().copied().unwrap_or(f64::NAN);
    count as f64 / tail.iter().map(|value| value - threshold).sum::<f64>()
}

fn line(measure: impl Into<String>, asked: f64, came: f64) -> Line {
    Line { measure: measure.into(), asked, came }
}

/// The lines as a table.
fn to_batch(lines: &[Line]) -> Result<RecordBatch> {
    // Four decimals are enough to compare by eye.
    let rounded = |value: f64| (value * 10_000.0).round() / 10_000.0;
    let numbers = |value: &dyn Fn(&Line) -> f64| -> ArrayRef {
        Arc::new(lines.iter().map(|line| Some(rounded(value(line)))).collect::<Float64Array>())
    };
    let measures: StringArray = lines.iter().map(|line| Some(line.measure.as_str())).collect();
    let schema = Schema::new(vec![
        Field::new("measure", DataType::Utf8, false),
        Field::new("asked", DataType::Float64, false),
        Field::new("came", DataType::Float64, false),
    ]);
    let columns = vec![
        Arc::new(measures) as ArrayRef,
        numbers(&|line| line.asked),
        numbers(&|line| line.came),
    ];
    RecordBatch::try_new(Arc::new(schema), columns)
        .map_err(|error| Error::internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::AsArray;
    use datafusion::arrow::datatypes::Float64Type;

    use super::*;

    #[test]
    fn what_came_out_is_near_what_was_asked() {
        let world = World::new(Scale::Small, 1).unwrap();
        let table = check(&world, Scale::Small).unwrap();
        let measures = table.column(0).as_string::<i32>();
        let [asked, came] = [1, 2].map(|column| table.column(column).as_primitive::<Float64Type>());
        for row in 0..table.num_rows() {
            let (measure, asked, came) = (measures.value(row), asked.value(row), came.value(row));
            let near = if measure.ends_with("at most") {
                came <= asked && came > 0.6 * asked
            } else {
                (came - asked).abs() <= 0.05 + 0.12 * asked.abs()
            };
            assert!(near, "{measure}: asked {asked}, came {came}");
        }
    }
}
