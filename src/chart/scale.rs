//! Numbers and times along an axis: its ends, the ticks, and their labels.

use crate::render::{
    Moment, Readable, civil, date_text, days_from_civil, group_digits, readable, time_text,
};

/// Numbers too small to be told apart could ask for any number of ticks.
const MOST_TICKS: f64 = 1000.0;

/// An axis from `low` to `high` with its ticks.
#[derive(Debug, Clone)]
pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ticks: Vec<(f64, String)>,
}

impl Scale {
    /// Where `value` lies between the ends, from 0 to 1.
    pub(super) fn share(&self, value: f64) -> f64 {
        if self.high > self.low { (value - self.low) / (self.high - self.low) } else { 0.5 }
    }
}

/// The least and the greatest of the values, if there are any.
pub(super) fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|value| value.is_finite()).fold(None, |ends, value| match ends {
        None => Some((value, value)),
        Some((low, high)) => Some((low.min(value), high.max(value))),
    })
}

/// How many ticks an axis may have, and how close together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticks {
    most: f64,
    apart: f64,
}

impl Ticks {
    /// About `most` ticks, as close as they come.
    pub(super) fn at_most(most: usize) -> Self {
        Self { most: most.max(1) as f64, apart: 0.0 }
    }

    /// The same, no two closer than `apart`: between whole numbers, or between
    /// days, there is nothing to mark.
    pub(super) fn apart(self, apart: f64) -> Self {
        Self { apart, ..self }
    }

    /// The distance between two ticks on an axis of this length, before it is
    /// made round.
    fn rough(self, length: f64) -> f64 {
        (length / self.most).max(self.apart)
    }
}

/// A scale whose ends are round numbers.
pub(super) fn round_scale(low: f64, high: f64, wanted: Ticks) -> Scale {
    let (low, high) = spread(low, high);
    let step = round_step(wanted.rough(high - low));
    let (first, last) = ((low / step).floor(), (high / step).ceil());
    let ticks = ticks(first, last, step);
    Scale { low: first * step, high: last * step, ticks }
}

/// A scale that ends where the values end, with the ticks inside.
fn tight_scale(low: f64, high: f64, wanted: Ticks) -> Scale {
    let mut step = round_step(wanted.rough(high - low));
    if (high / step).floor() - (low / step).ceil() >= wanted.most {
        step = round_step(step * 1.01);
    }
    Scale { low, high, ticks: ticks((low / step).ceil(), (high / step).floor(), step) }
}

/// Room around a single value.
fn spread(low: f64, high: f64) -> (f64, f64) {
    if high > low {
        return (low, high);
    }
    let room = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
    (low - room, high + room)
}

fn ticks(first: f64, last: f64, step: f64) -> Vec<(f64, String)> {
    // A step of 0.2 needs one decimal; those of 10 and more none.
    let places = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
    let largest = first.abs().max(last.abs()) * step;
    let count = (last - first).clamp(0.0, MOST_TICKS) as usize;
    let values = (0..=count).map(|n| (first + n as f64) * step);
    values.map(|value| (value, tick_label(value, places, largest))).collect()
}

fn tick_label(value: f64, places: usize, largest: f64) -> String {
    if largest >= LARGE {
        let (unit, word) = match largest {
            _ if largest >= 1e12 => (1e12, "T"),
            _ if largest >= 1e9 => (1e9, "B"),
            _ => (1e6, "M"),
        };
        if value == 0.0 {
            return "0".to_owned();
        }
        return format!("{}{word}", trimmed(&format!("{:.3}", value / unit)));
    }
    let text = format!("{value:.places$}");
    let negative_zero = text.trim_start_matches(['-', '0', '.']).is_empty();
    let text = if negative_zero { text.trim_start_matches('-').to_owned() } else { text };
    group_text(&text)
}

/// The next of 1, 2, 5, 10 ... that is not below `rough`.
fn round_step(rough: f64) -> f64 {
    if !(rough.is_finite() && rough > 0.0) {
        return 1.0;
    }
    let magnitude = 10_f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * magnitude >= rough * 0.999_999);
    factor.unwrap_or(10.0) * magnitude
}

fn trimmed(text: &str) -> String {
    if !text.contains('.') {
        return text.to_owned();
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn group_text(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(a, b)| (a, Some(b)));
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), group_digits);
    fraction.map_or_else(|| format!("{sign}{whole}"), |part| format!("{sign}{whole}.{part}"))
}

/// A value for its label: whole numbers with all digits, others with four.
pub(super) fn value_label(value: f64, words: Readable) -> String {
    if let Some(text) = readable(value, words) {
        return text;
    }
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return group_text(&format!("{value:.0}"));
    }
    if value.abs() >= 1e15 || value.abs() < 1e-4 {
        return format!("{value:.3e}");
    }
    let places = (3.0 - value.abs().log10().floor()).clamp(0.0, 8.0) as usize;
    group_text(&trimmed(&format!("{value:.places$}")))
}

/// The words for values that are read together: `words` if each of them has some, for
/// 1.2 million is hard to compare with 991,982.
pub(super) fn words_for(values: impl IntoIterator<Item = f64>, words: Readable) -> Readable {
    let mut values = values.into_iter().filter(|value| *value != 0.0);
    if values.all(|value| readable(value, words).is_some()) { words } else { Readable::Off }
}

/// From here on axes have units.
const LARGE: f64 = 1e6;

/// The bounds of intervals as axes have them, `5M`, or in `words`; `None` where that would
/// not be all of each number.
pub(super) fn short_labels(bounds: &[f64], words: Readable) -> Option<Vec<String>> {
    let largest = bounds.iter().fold(0.0, |most: f64, bound| most.max(bound.abs()));
    // Three digits of the largest number are told of each.
    let unit = 10_f64.powf(largest.log10().floor() - 2.0);
    let are_round = bounds.iter().all(|bound| (bound / unit).fract() == 0.0);
    if !(LARGE..1e15).contains(&largest) || !are_round {
        return None;
    }
    let words = words_for(bounds.iter().copied(), words);
    let label = |bound: &f64| match words {
        Readable::Off => tick_label(*bound, 0, largest),
        words => value_label(*bound, words),
    };
    Some(bounds.iter().map(label).collect())
}

/// Labels of values that are read together: all with the same decimals.
pub(super) fn value_labels(values: &[f64]) -> Vec<String> {
    let labels: Vec<String> =
        values.iter().map(|value| value_label(*value, Readable::Off)).collect();
    let places = |label: &String| label.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    if labels.iter().any(|label| label.contains('e')) {
        return labels;
    }
    let most = labels.iter().map(places).max().unwrap_or(0);
    let pad = |label: String| {
        let point = if most > 0 && !label.contains('.') { "." } else { "" };
        let zeros = "0".repeat(most - places(&label));
        format!("{label}{point}{zeros}")
    };
    labels.into_iter().map(pad).collect()
}

/// A number along x: years and ids must not be grouped.
pub(super) fn plain_label(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return format!("{value:.0}");
    }
    value_label(value, Readable::Off)
}

/// A scale for x that ends where the values end. Its numbers are often years,
/// which are never grouped.
pub(super) fn number_axis(low: f64, high: f64, wanted: Ticks) -> Scale {
    if low == high {
        let (from, to) = spread(low, high);
        return Scale { low: from, high: to, ticks: vec![(low, plain_label(low))] };
    }
    let mut scale = tight_scale(low, high, wanted);
    if scale.low.abs().max(scale.high.abs()) < 10_000.0 {
        for (_, label) in &mut scale.ticks {
            *label = label.replace(',', "");
        }
    }
    scale
}

const DAY: i64 = 86_400;

/// The distance between two ticks of a time axis.
#[derive(Debug, Clone, Copy)]
enum Step {
    Seconds(i64),
    Months(i64),
}

const STEPS: &[Step] = &[
    Step::Seconds(1),
    Step::Seconds(5),
    Step::Seconds(15),
    Step::Seconds(30),
    Step::Seconds(60),
    Step::Seconds(5 * 60),
    Step::Seconds(15 * 60),
    Step::Seconds(30 * 60),
    Step::Seconds(3600),
    Step::Seconds(3 * 3600),
    Step::Seconds(6 * 3600),
    Step::Seconds(12 * 3600),
    Step::Seconds(DAY),
    Step::Seconds(2 * DAY),
    Step::Seconds(7 * DAY),
    Step::Seconds(14 * DAY),
    Step::Months(1),
    Step::Months(3),
    Step::Months(6),
    Step::Months(12),
    Step::Months(24),
    Step::Months(60),
    Step::Months(120),
    Step::Months(240),
    Step::Months(600),
    Step::Months(1200),
];

impl Step {
    fn seconds(self) -> i64 {
        match self {
            Self::Seconds(seconds) => seconds,
            Self::Months(months) => months * 30 * DAY,
        }
    }

    /// The ticks from `low` to `high`, on round times of the calendar.
    fn ticks(self, low: i64, high: i64) -> Vec<i64> {
        match self {
            Self::Seconds(step) => {
                // Weeks begin on Monday; 1970-01-05 was one.
                let origin = if step >= 7 * DAY { 4 * DAY } else { 0 };
                let first = (low - origin).div_euclid(step) * step + origin;
                (0..)
                    .map(|n| first + n * step)
                    .skip_while(|t| *t < low)
                    .take_while(|t| *t <= high)
                    .collect()
            }
            Self::Months(step) => {
                let (year, month, _) = civil(low.div_euclid(DAY));
                let first = (year * 12 + month as i64 - 1).div_euclid(step) * step;
                let month = |n: i64| {
                    let months = first + n * step;
                    days_from_civil(months.div_euclid(12), months.rem_euclid(12) + 1, 1) * DAY
                };
                (0..).map(month).skip_while(|t| *t < low).take_while(|t| *t <= high).collect()
            }
        }
    }
}

/// A scale of wall-clock seconds since 1970, with its ticks on round times; the
/// first label is complete, later ones say what has changed.
pub(super) fn time_axis(low: f64, high: f64, wanted: Ticks) -> Scale {
    // Beyond these years the calendar means nothing to a reader.
    const FAR: f64 = 1e13;
    let (low, high) = (low.clamp(-FAR, FAR), high.clamp(-FAR, FAR));
    if low == high {
        let label = time_label(low, !is_midnight(low as i64));
        return Scale { low: low - DAY as f64, high: high + DAY as f64, ticks: vec![(low, label)] };
    }
    let rough = wanted.rough(high - low);
    let step = STEPS.iter().copied().find(|step| step.seconds() as f64 >= rough);
    let step = step.unwrap_or_else(|| {
        Step::Months((round_step(rough / (365.25 * DAY as f64)).ceil() as i64).max(100) * 12)
    });
    let ticks_of = |step: Step| step.ticks(low.ceil() as i64, high.floor() as i64);
    let mut times = ticks_of(step);
    let mut step = step;
    // A single tick says little: better a few too many, of which those that
    // have no room are left out.
    if times.len() < 2
        && let Some(finer) = STEPS.iter().rev().find(|finer| finer.seconds() < step.seconds())
        && finer.seconds() as f64 >= wanted.apart
    {
        step = *finer;
        times = ticks_of(step);
    }
    let mut before = None;
    let ticks = times.into_iter().map(|time| {
        let label = step_label(time, step, before);
        before = Some(time);
        (time as f64, label)
    });
    Scale { low, high, ticks: ticks.collect() }
}

fn is_midnight(time: i64) -> bool {
    time.rem_euclid(DAY) == 0
}

fn step_label(time: i64, step: Step, before: Option<i64>) -> String {
    let full = date_text(time.div_euclid(DAY));
    let day_of = |time: i64| time.div_euclid(DAY);
    let year_of = |time: i64| civil(day_of(time)).0;
    let short_day = full.split_once('-').map_or(full.as_str(), |(_, day)| day);
    match step {
        Step::Months(months) if months % 12 == 0 => full[..full.len() - 6].to_owned(),
        Step::Months(_) => full[..full.len() - 3].to_owned(),
        Step::Seconds(seconds) if seconds >= DAY => match before {
            Some(before) if year_of(before) == year_of(time) => short_day.to_owned(),
            _ => full,
        },
        Step::Seconds(_) => {
            let clock = time_text(time.rem_euclid(DAY));
            let clock = clock.strip_suffix(":00").unwrap_or(&clock);
            match before {
                Some(before) if day_of(before) == day_of(time) => clock.to_owned(),
                Some(_) if is_midnight(time) => short_day.to_owned(),
                _ => format!("{full} {clock}"),
            }
        }
    }
}

/// A time as the label of a bar or in a sentence.
pub(super) fn time_label(seconds: f64, with_clock: bool) -> String {
    let whole = seconds.floor() as i64;
    let date = date_text(whole.div_euclid(DAY));
    let clock = time_text(whole.rem_euclid(DAY));
    let clock = clock.strip_suffix(":00").unwrap_or(&clock);
    if with_clock { format!("{date} {clock}") } else { date }
}

/// The wall clock of a moment as a number along x.
pub(super) fn seconds(moment: Moment) -> f64 {
    moment.seconds as f64 + f64::from(moment.nanos) / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: &Scale) -> Vec<&str> {
        scale.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    fn at(date: (i64, i64, i64), seconds: i64) -> f64 {
        (days_from_civil(date.0, date.1, date.2) * DAY + seconds) as f64
    }

    #[test]
    fn number_ticks_are_round_and_cover_the_values() {
        assert_eq!(
            labels(&round_scale(0.0, 5012.0, Ticks::at_most(5))),
            ["0", "2,000", "4,000", "6,000"]
        );
        assert_eq!(
            labels(&round_scale(-3.0, 12.0, Ticks::at_most(4))),
            ["-5", "0", "5", "10", "15"]
        );
        assert_eq!(
            labels(&round_scale(0.0, 0.7, Ticks::at_most(4))),
            ["0.0", "0.2", "0.4", "0.6", "0.8"]
        );
        assert_eq!(
            labels(&round_scale(0.0, 2_812_345.0, Ticks::at_most(3))),
            ["0", "1M", "2M", "3M"]
        );
        assert_eq!(
            labels(&round_scale(-0.3, 0.3, Ticks::at_most(3))),
            ["-0.4", "-0.2", "0.0", "0.2", "0.4"]
        );
    }

    #[test]
    fn a_single_value_has_room_around_it() {
        let scale = round_scale(7.0, 7.0, Ticks::at_most(4));
        assert!(scale.low < 7.0 && scale.high > 7.0 && scale.ticks.len() >= 2);
        assert_eq!(
            labels(&time_axis(at((2012, 8, 27), 0), at((2012, 8, 27), 0), Ticks::at_most(5))),
            ["2012-08-27"]
        );
    }

    #[test]
    fn numbers_at_the_ends_of_their_range_still_give_few_ticks() {
        for (low, high) in [(0.0, 5e-324), (-1e300, 1e300), (1.0, 1.0 + f64::EPSILON), (1e17, 1e17)]
        {
            assert!(round_scale(low, high, Ticks::at_most(5)).ticks.len() <= 1001, "{low} {high}");
            assert!(number_axis(low, high, Ticks::at_most(5)).ticks.len() <= 1001, "{low} {high}");
        }
        assert!(time_axis(-1e18, 1e18, Ticks::at_most(5)).ticks.len() <= 6);
    }

    #[test]
    fn years_are_not_grouped() {
        assert_eq!(
            labels(&number_axis(2009.0, 2013.0, Ticks::at_most(5))),
            ["2009", "2010", "2011", "2012", "2013"]
        );
    }

    #[test]
    fn between_whole_numbers_and_days_nothing_is_marked() {
        let whole = |most| Ticks::at_most(most).apart(1.0);
        assert_eq!(
            labels(&number_axis(2009.0, 2012.0, whole(9))),
            ["2009", "2010", "2011", "2012"]
        );
        assert_eq!(labels(&round_scale(0.0, 2.0, whole(7))), ["0", "1", "2"]);
        assert_eq!(labels(&number_axis(2012.0, 2012.0, whole(9))), ["2012"]);
        let days = Ticks::at_most(9).apart(DAY as f64);
        let axis = time_axis(at((2012, 8, 27), 0), at((2012, 8, 29), 0), days);
        assert_eq!(labels(&axis), ["2012-08-27", "08-28", "08-29"]);
    }

    #[test]
    fn time_ticks_stand_on_the_calendar() {
        let axis = time_axis(at((2011, 11, 20), 0), at((2012, 3, 5), 0), Ticks::at_most(6));
        assert_eq!(labels(&axis), ["2011-12", "2012-01", "2012-02", "2012-03"]);
        let axis = time_axis(at((2012, 12, 30), 0), at((2013, 1, 3), 0), Ticks::at_most(6));
        assert_eq!(labels(&axis), ["2012-12-30", "12-31", "2013-01-01", "01-02", "01-03"]);
        let axis =
            time_axis(at((2012, 8, 27), 20 * 3600), at((2012, 8, 28), 7 * 3600), Ticks::at_most(4));
        assert_eq!(labels(&axis), ["2012-08-27 21:00", "08-28", "03:00", "06:00"]);
        let axis = time_axis(at((1900, 1, 1), 0), at((2020, 1, 1), 0), Ticks::at_most(7));
        assert_eq!(labels(&axis), ["1900", "1920", "1940", "1960", "1980", "2000", "2020"]);
    }

    #[test]
    fn no_span_of_time_gives_too_many_ticks_or_none() {
        let mut span = 10.0;
        while span < 1e13 {
            let axis = time_axis(1.3e9, 1.3e9 + span, Ticks::at_most(6));
            assert!((1..=7).contains(&axis.ticks.len()), "{span} {axis:?}");
            span *= 1.7;
        }
    }

    #[test]
    fn labels_of_values_keep_whole_numbers_whole() {
        let label = |value| value_label(value, Readable::Off);
        assert_eq!(label(5012.0), "5,012");
        assert_eq!(label(-1_234_567.0), "-1,234,567");
        assert_eq!(label(0.123_456), "0.1235");
        assert_eq!(label(1234.5678), "1,235");
        assert_eq!(value_label(2_800_000.0, Readable::Chinese), "280万");
    }
}
