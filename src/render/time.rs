//! Dates, times and instants as text, for every year that 64 bits can count.

use std::fmt::Write;

/// A point on the wall clock, and how far that clock is from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Seconds on the wall clock since 1970-01-01 00:00:00 on that clock.
    pub seconds: i64,
    /// Nanoseconds within the second.
    pub nanos: u32,
    /// Seconds that the wall clock is ahead of UTC; `None` when the column has
    /// no time zone.
    pub offset: Option<i32>,
}

const SECONDS_OF_DAY: i64 = 86_400;

/// Appends `2012-08-27`, for a day counted from 1970-01-01.
pub(crate) fn push_date(out: &mut String, days: i64) {
    let (year, month, day) = civil(days);
    if (0..=9999).contains(&year) {
        push_two(out, year.unsigned_abs() / 100);
        push_two(out, year.unsigned_abs() % 100);
    } else {
        let _ = write!(out, "{year:+05}");
    }
    out.push('-');
    push_two(out, month);
    out.push('-');
    push_two(out, day);
}

/// Appends `10:00:00`, with a fraction of 3, 6 or 9 digits when there is one.
pub(crate) fn push_time(out: &mut String, seconds_of_day: u64, nanos: u32) {
    push_two(out, seconds_of_day / 3600);
    out.push(':');
    push_two(out, seconds_of_day / 60 % 60);
    out.push(':');
    push_two(out, seconds_of_day % 60);
    let _ = match nanos {
        0 => Ok(()),
        _ if nanos.is_multiple_of(1_000_000) => write!(out, ".{:03}", nanos / 1_000_000),
        _ if nanos.is_multiple_of(1000) => write!(out, ".{:06}", nanos / 1000),
        _ => write!(out, ".{nanos:09}"),
    };
}

/// Appends `2012-08-27 10:00:00`: the wall clock, for people.
pub(crate) fn push_wall_clock(out: &mut String, moment: Moment) {
    push_moment(out, moment, ' ');
}

/// Appends `2012-08-27T10:00:00+08:00` as RFC 3339 has it; without a time zone
/// the offset is left out.
///
/// An offset with odd seconds (Shanghai before 1901) cannot be written that
/// way; such an instant is written in UTC, which is the same instant.
pub(crate) fn push_rfc3339(out: &mut String, moment: Moment) {
    let Some(offset) = moment.offset else { return push_moment(out, moment, 'T') };
    if offset % 60 != 0 {
        let seconds = moment.seconds.saturating_sub(i64::from(offset));
        push_moment(out, Moment { seconds, ..moment }, 'T');
        return out.push('Z');
    }
    push_moment(out, moment, 'T');
    if offset == 0 {
        return out.push('Z');
    }
    out.push(if offset < 0 { '-' } else { '+' });
    let minutes = u64::from(offset.unsigned_abs()) / 60;
    push_two(out, minutes / 60);
    out.push(':');
    push_two(out, minutes % 60);
}

fn push_moment(out: &mut String, moment: Moment, between: char) {
    push_date(out, moment.seconds.div_euclid(SECONDS_OF_DAY));
    out.push(between);
    push_time(out, moment.seconds.rem_euclid(SECONDS_OF_DAY).unsigned_abs(), moment.nanos);
}

/// Appends two digits, of a number below 100.
fn push_two(out: &mut String, number: u64) {
    let digits = [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8];
    out.extend(digits.map(char::from));
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic
/// Gregorian calendar: eras of 400 years, years that begin in March.
pub(crate) fn civil(days: i64) -> (i64, u64, u64) {
    // One step of 400 years first, so that the last days of 64 bits do not wrap.
    let (eras, days) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = (eras + era) * 400 + year_of_era + i64::from(month <= 2);
    (year, month.unsigned_abs(), day.unsigned_abs())
}

/// The day, counted from 1970-01-01, of a year, month (from 1) and day.
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let year_of_era = year.rem_euclid(400);
    let march_month = (month + 9) % 12;
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    year.div_euclid(400) * 146_097 + day_of_era - 719_468
}

/// `2012-08-27`, for a day counted from 1970-01-01.
pub(crate) fn date_text(days: i64) -> String {
    let mut out = String::new();
    push_date(&mut out, days);
    out
}

/// `10:00:00`, for a second of the day.
pub(crate) fn time_text(seconds_of_day: i64) -> String {
    let mut out = String::new();
    push_time(&mut out, seconds_of_day.unsigned_abs(), 0);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(days: i64) -> String {
        let mut out = String::new();
        push_date(&mut out, days);
        out
    }

    fn rfc3339(seconds: i64, nanos: u32, offset: Option<i32>) -> String {
        let mut out = String::new();
        push_rfc3339(&mut out, Moment { seconds, nanos, offset });
        out
    }

    #[test]
    fn days_agree_with_chrono_also_where_years_need_a_sign() {
        let epoch = chrono::NaiveDate::from_ymd_opt(1970, 1, 1).unwrap();
        for days in (-900_000..3_100_000).step_by(101) {
            let expected = epoch + chrono::TimeDelta::days(days);
            assert_eq!(date(days), expected.to_string());
            let (year, month, day) = civil(days);
            assert_eq!(days_from_civil(year, month as i64, day as i64), days);
        }
    }

    #[test]
    fn no_day_is_out_of_reach() {
        assert!(date(i64::MAX).starts_with("+2525"));
        assert!(date(i64::MIN).starts_with("-2525"));
    }

    #[test]
    fn the_fraction_has_as_many_digits_as_it_needs() {
        assert_eq!(rfc3339(0, 0, None), "1970-01-01T00:00:00");
        assert_eq!(rfc3339(0, 500_000_000, None), "1970-01-01T00:00:00.500");
        assert_eq!(rfc3339(-1, 1_000, Some(0)), "1969-12-31T23:59:59.000001Z");
        assert_eq!(rfc3339(0, 1, Some(-34_200)), "1970-01-01T00:00:00.000000001-09:30");
    }

    #[test]
    fn an_offset_with_odd_seconds_is_written_in_utc() {
        assert_eq!(rfc3339(29_143, 0, Some(29_143)), "1970-01-01T00:00:00Z");
    }
}
