//! Lines over time are broken where a day, a week, a month or a year has no row.
//!
//! A line from May to August would say that June and July lay between them. Whether one
//! is missing shows in the step in which the others follow each other.

use std::collections::HashMap;

use super::figure::{Axis, Mark, Plot, Series};
use crate::render::{civil, date_text, days_from_civil, group_digits};

const DAY: i64 = 86_400;

/// Rows closer than this are moments, and none of them is missing.
const SHORTEST: i64 = 60;

/// Beyond this many seconds the calendar means nothing to a reader.
const FAR: f64 = 1e13;

/// The most labels along a line, with those that are missing.
const MOST_LABELS: i64 = 10_000;

/// Breaks the lines and areas of `plot` where steps of time are missing, and says how
/// many are.
pub(super) fn break_lines(plot: &mut Plot) -> Option<String> {
    let drawn = match plot.mark {
        Mark::Line => "line",
        Mark::Area => "area",
        Mark::Bar | Mark::Dot => return None,
    };
    let (step, noun) = match &plot.axis {
        Axis::Times { .. } => {
            let step = Step::of(&plot.places())?;
            (step, step.noun())
        }
        Axis::Labels(labels) => {
            let (all, step) = all_labels(labels)?;
            place_among(plot, all);
            (Step::Seconds(1), step.noun())
        }
        Axis::Numbers { .. } => return None,
    };
    let missing: i64 = plot.series.iter_mut().map(|series| broken(series, step)).sum();
    let count = group_digits(u64::try_from(missing).ok().filter(|missing| *missing > 0)?);
    let s = if missing == 1 { "" } else { "s" };
    Some(match plot.series.len() {
        1 => format!("{count} {noun}{s} without rows: the {drawn} is broken there"),
        _ => format!("{count} {noun}{s} without rows, of all {drawn}s: each is broken there"),
    })
}

/// How far apart rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Seconds(i64),
    Months(i64),
}

impl Step {
    /// The greatest step that leads from each of `times` to the next, which stand in order;
    /// none if it is seldom a single one: such times are not regular.
    fn of(times: &[f64]) -> Option<Self> {
        let whole = |time: &f64| (time.fract() == 0.0 && time.abs() < FAR).then_some(*time as i64);
        let seconds = times.iter().map(whole).collect::<Option<Vec<i64>>>()?;
        match seconds.iter().map(|time| month(*time)).collect::<Option<Vec<i64>>>() {
            Some(months) => regular(&months).map(Self::Months),
            None => regular(&seconds).filter(|step| *step >= SHORTEST).map(Self::Seconds),
        }
    }

    /// The time that is one step behind `time`.
    fn after(self, time: f64) -> f64 {
        match self {
            Self::Seconds(seconds) => time + seconds as f64,
            Self::Months(months) => {
                let month = month(time as i64).unwrap_or_default() + months;
                let (year, month) = (month.div_euclid(12), month.rem_euclid(12) + 1);
                (days_from_civil(year, month, 1) * DAY) as f64
            }
        }
    }

    /// How many times are missing between two.
    fn between(self, from: f64, to: f64) -> i64 {
        let (from, to) = (from as i64, to as i64);
        let steps = match self {
            Self::Seconds(seconds) => (to - from) / seconds,
            Self::Months(months) => {
                (month(to).unwrap_or_default() - month(from).unwrap_or_default()) / months
            }
        };
        (steps - 1).max(0)
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Months(1) => "month",
            Self::Months(3) => "quarter",
            Self::Months(12) => "year",
            Self::Seconds(3600) => "hour",
            Self::Seconds(DAY) => "day",
            Self::Seconds(seconds) if seconds == 7 * DAY => "week",
            Self::Months(_) | Self::Seconds(_) => "step",
        }
    }
}

/// Months since the year 0 at the beginning of one; none at any other time.
fn month(time: i64) -> Option<i64> {
    let (year, month, day) = civil(time.div_euclid(DAY));
    (time.rem_euclid(DAY) == 0 && day == 1).then_some(year * 12 + month as i64 - 1)
}

/// The greatest step that leads from each number to the next, if at least half of them
/// are a single one apart.
fn regular(numbers: &[i64]) -> Option<i64> {
    let gaps: Vec<i64> = numbers.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let step = gaps.iter().copied().fold(0, greatest_divisor);
    let single = gaps.iter().filter(|gap| **gap == step).count();
    (gaps.len() > 1 && step > 0 && single * 2 >= gaps.len()).then_some(step)
}

fn greatest_divisor(one: i64, other: i64) -> i64 {
    if other == 0 { one.abs() } else { greatest_divisor(other, one % other) }
}

/// Puts an unknown value into each gap of `series`; returns how many steps are missing.
fn broken(series: &mut Series, step: Step) -> i64 {
    let mut missing = 0;
    let mut points: Vec<(f64, Option<f64>)> = Vec::with_capacity(series.points.len());
    for point in &series.points {
        let before = points.last().map_or(point.0, |(before, _)| *before);
        let between = step.between(before, point.0);
        if between > 0 {
            points.push((step.after(before), None));
        }
        missing += between;
        points.push(*point);
    }
    series.points = points;
    missing
}

/// Labels that are months or days, with those that are missing between them, and how far
/// apart they are.
fn all_labels(labels: &[String]) -> Option<(Vec<String>, Step)> {
    let times = labels.iter().map(|label| time(label)).collect::<Option<Vec<f64>>>()?;
    let step = Step::of(&times).filter(|_| times.is_sorted())?;
    let missing: i64 = times.windows(2).map(|pair| step.between(pair[0], pair[1])).sum();
    let count = usize::try_from(missing).ok().filter(|_| missing < MOST_LABELS)? + labels.len();
    let length = labels.first()?.len();
    let all = std::iter::successors(times.first().copied(), |time| Some(step.after(*time)));
    let all = all.take(count).map(|time| {
        let mut label = date_text(time as i64 / DAY);
        label.truncate(length);
        label
    });
    Some((all.collect(), step))
}

/// The time of a label as 2012-08 or 2012-08-27.
fn time(label: &str) -> Option<f64> {
    if !matches!(label.len(), 7 | 10) {
        return None;
    }
    let mut parts = label.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month) = (parts.next()??, parts.next()??);
    let day = parts.next().unwrap_or(Some(1))?;
    let days = days_from_civil(year, month, day);
    // No day of another month, and no other spelling.
    date_text(days).starts_with(label).then_some((days * DAY) as f64)
}

/// Moves the points of `plot` from the labels that it has to `all` labels.
fn place_among(plot: &mut Plot, all: Vec<String>) {
    let places: HashMap<&str, f64> =
        all.iter().enumerate().map(|(place, label)| (label.as_str(), place as f64)).collect();
    for series in &mut plot.series {
        for (x, _) in &mut series.points {
            *x = places.get(plot.axis.label(*x).as_str()).copied().unwrap_or(*x);
        }
    }
    plot.axis = Axis::Labels(all);
}

#[cfg(test)]
mod tests {
    use super::{DAY, Step, all_labels};
    use crate::render::days_from_civil;

    fn at(year: i64, month: i64, day: i64) -> f64 {
        (days_from_civil(year, month, day) * DAY) as f64
    }

    #[test]
    fn the_step_of_times_is_the_one_that_most_of_them_keep() {
        let months = [at(2012, 1, 1), at(2012, 2, 1), at(2012, 5, 1)];
        assert_eq!(Step::of(&months), Some(Step::Months(1)));
        assert_eq!(Step::Months(1).between(months[1], months[2]), 2);
        assert_eq!(Step::Months(1).after(months[1]), at(2012, 3, 1));
        let years = [at(2009, 1, 1), at(2010, 1, 1), at(2012, 1, 1)];
        assert_eq!(Step::of(&years), Some(Step::Months(12)));
        let weeks = [at(2012, 8, 6), at(2012, 8, 13), at(2012, 8, 27)];
        assert_eq!(Step::of(&weeks), Some(Step::Seconds(7 * DAY)));
        // Times of posts, and two that say nothing of a step.
        assert_eq!(Step::of(&[0.0, 61.0, 300.0, 301.0, 9000.0]), None);
        assert_eq!(Step::of(&[at(2012, 8, 6), at(2012, 8, 9)]), None);
        assert_eq!(Step::of(&[at(2012, 8, 6), at(2012, 8, 9), at(2012, 8, 13)]), None);
    }

    #[test]
    fn missing_months_and_days_have_labels_too() {
        let all = |labels: &[&str]| {
            let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
            all_labels(&labels).map(|(all, _)| all.join(" "))
        };
        assert_eq!(
            all(&["2011-11", "2011-12", "2012-02"]).as_deref(),
            Some("2011-11 2011-12 2012-01 2012-02")
        );
        assert_eq!(
            all(&["2012-02-27", "2012-02-28", "2012-03-01"]).as_deref(),
            Some("2012-02-27 2012-02-28 2012-02-29 2012-03-01")
        );
        let far = ["9223372036854775807-08", "2012-09", "2012-10"];
        for other in [["2012-01", "2012-02", "2012-13"], far, ["a", "b", "c"], ["1", "2", "4"]] {
            assert_eq!(all(&other), None, "{other:?}");
        }
    }
}
