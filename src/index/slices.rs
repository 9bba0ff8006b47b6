//! The spans of time of which sums are kept.
//!
//! They begin wherever an hour, a day, or a month, begins in UTC or in China, eight
//! hours ahead: eight hours are a span of both zones' days, and a month's last day
//! in UTC is cut where China's next month begins. So a sum by hour, day or month
//! of either zone is a sum of whole spans.

use chrono::{DateTime, Datelike, NaiveDate};

/// Microseconds of an hour, and of eight.
const HOUR: i64 = 3600 * 1_000_000;
const EIGHT_HOURS: i64 = 8 * HOUR;

/// How finely sums are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Grain {
    /// Hours.
    Hour,
    /// Spans of eight hours.
    Day,
    /// Months of both zones.
    Month,
}

impl Grain {
    /// A number for the span that holds the instant, in microseconds; later
    /// spans have larger ones.
    pub(super) fn span(self, micros: i64) -> i64 {
        match self {
            Self::Hour => micros.div_euclid(HOUR),
            Self::Day => micros.div_euclid(EIGHT_HOURS),
            Self::Month => month(micros) + month(micros.saturating_add(EIGHT_HOURS)),
        }
    }

    /// Whether a span begins at the instant.
    pub(crate) fn begins_at(self, micros: i64) -> bool {
        micros.checked_sub(1).is_some_and(|before| self.span(before) != self.span(micros))
    }

    /// The first beginning of a span that is not before the instant.
    pub(crate) fn next_beginning(self, micros: i64) -> Option<i64> {
        self.beginnings(micros)?.into_iter().find(|beginning| *beginning >= micros)
    }

    /// The last beginning of a span that is not after the instant.
    pub(crate) fn last_beginning(self, micros: i64) -> Option<i64> {
        self.beginnings(micros)?.into_iter().rfind(|beginning| *beginning <= micros)
    }

    /// The beginnings of spans around the instant, in order.
    fn beginnings(self, micros: i64) -> Option<[i64; 3]> {
        match self {
            Self::Hour => self.even_beginnings(micros, HOUR),
            Self::Day => self.even_beginnings(micros, EIGHT_HOURS),
            Self::Month => {
                let month = month(micros);
                let next = beginning(month + 1)?;
                Some([beginning(month)?, next.checked_sub(EIGHT_HOURS)?, next])
            }
        }
    }

    /// The same, of spans that all are of one `length`.
    fn even_beginnings(self, micros: i64, length: i64) -> Option<[i64; 3]> {
        let last = self.span(micros).checked_mul(length)?;
        let next = last.checked_add(length)?;
        Some([last, next, next.checked_add(length)?])
    }
}

/// Finds spans of instants that come in the order of time: the month of one is
/// nearly always that of the one before.
#[derive(Debug, Default)]
pub(super) struct Spans {
    /// Eight hours, and the month that they are in.
    last: Option<(i64, i64)>,
}

impl Spans {
    /// As [`Grain::span`].
    pub(super) fn span(&mut self, grain: Grain, micros: i64) -> i64 {
        if grain != Grain::Month {
            return grain.span(micros);
        }
        let eight_hours = Grain::Day.span(micros);
        // Months of both zones begin where eight hours do.
        let month = match self.last {
            Some((last, month)) if last == eight_hours => month,
            _ => grain.span(micros),
        };
        self.last = Some((eight_hours, month));
        month
    }
}

/// When a month begins in UTC, counted from the year 0.
fn beginning(month: i64) -> Option<i64> {
    let year = i32::try_from(month.div_euclid(12)).ok()?;
    let in_year = u32::try_from(month.rem_euclid(12)).ok()?;
    let day = NaiveDate::from_ymd_opt(year, in_year + 1, 1)?;
    Some(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_micros())
}

/// The month of an instant in UTC, counted from the year 0. Instants that no
/// calendar reaches are of one month each end.
fn month(micros: i64) -> i64 {
    match DateTime::from_timestamp_micros(micros) {
        Some(instant) => i64::from(instant.year()) * 12 + i64::from(instant.month0()),
        None if micros < 0 => i64::from(i32::MIN) * 12,
        None => i64::from(i32::MAX) * 12,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The instant in microseconds.
    fn at(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros()
    }

    #[test]
    fn days_and_months_of_both_zones_begin_with_a_span() {
        for text in ["2012-03-01T00:00:00Z", "2012-03-01T00:00:00+08:00"] {
            assert!(Grain::Day.begins_at(at(text)), "{text}");
            assert!(Grain::Month.begins_at(at(text)), "{text}");
            assert!(!Grain::Day.begins_at(at(text) + 1), "{text}");
        }
        assert!(Grain::Day.begins_at(at("2012-03-02T00:00:00+08:00")));
        assert!(!Grain::Month.begins_at(at("2012-03-02T00:00:00+08:00")));
        assert!(!Grain::Day.begins_at(at("2012-03-02T00:00:00+07:00")));
    }

    #[test]
    fn beginnings_around_an_instant_are_those_next_to_it() {
        let instants = [
            "2012-02-29T15:59:59Z",
            "2012-02-29T16:00:00Z",
            "2012-02-29T20:00:00Z",
            "2012-03-01T00:00:00Z",
        ];
        for micros in instants.map(at) {
            for grain in [Grain::Hour, Grain::Day, Grain::Month] {
                let (last, next) =
                    (grain.last_beginning(micros).unwrap(), grain.next_beginning(micros).unwrap());
                assert!(last <= micros && micros <= next, "{micros}");
                assert!(grain.begins_at(last) && grain.begins_at(next), "{micros}");
                assert_eq!(grain.span(last), grain.span(micros));
                assert!(next == micros || grain.span(next - 1) == grain.span(micros), "{micros}");
            }
        }
    }

    #[test]
    fn spans_follow_one_another_from_end_to_end_of_time() {
        let instants =
            [i64::MIN, at("0001-01-01T00:00:00Z"), -1, 0, at("9999-12-31T23:59:59Z"), i64::MAX];
        for grain in [Grain::Hour, Grain::Day, Grain::Month] {
            assert!(instants.is_sorted_by_key(|micros| grain.span(*micros)));
            assert!(!grain.begins_at(i64::MIN));
        }
    }

    #[test]
    fn spans_that_are_remembered_are_those_that_are_computed() {
        let mut spans = Spans::default();
        let from = at("2011-12-30T00:00:00Z");
        for step in (0..2_000).chain([0, 1]) {
            // An hour less a bit, so that no instant is where a span begins only.
            let micros = from + step * 3_599_999_999;
            for grain in [Grain::Month, Grain::Day, Grain::Hour] {
                assert_eq!(spans.span(grain, micros), grain.span(micros), "{micros}");
            }
        }
    }
}
