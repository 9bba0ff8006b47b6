//! Instants in every form that exports write them.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;

use super::known;
use crate::ingest::Instant;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How to read times that leave something out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    /// The zone of times without one.
    pub(crate) zone: Tz,
    /// The instant that `10分钟前` counts from, if it is known.
    pub(crate) now: Option<Instant>,
}

/// A time as a text gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// An instant, known to within some microseconds; 0 is exact.
    At { instant: Instant, within: i64 },
    /// A day of some year, perhaps with a time.
    Yearless { month: u32, day: u32, time: Option<NaiveTime> },
    /// So long before the look, which gives an instant if that of the look is
    /// known. It may be wrong by years: often it is only that of the file.
    Relative(Option<Instant>),
}

impl When {
    /// The instant. `carried` is the exact one that the post's id carries: it is
    /// taken where the text gives less and does not contradict it.
    pub(crate) fn settle(self, carried: Option<Instant>, clock: Clock) -> Option<Instant> {
        match self {
            Self::At { instant, within } => match carried {
                Some(exact) if (exact - instant).abs() <= within => Some(exact),
                _ => Some(instant),
            },
            Self::Relative(instant) => carried.or(instant),
            Self::Yearless { .. } => self.with_year(carried, clock),
        }
    }

    /// The year of a day without one: that of the id, or the last that is not
    /// after the time of the look.
    fn with_year(self, carried: Option<Instant>, clock: Clock) -> Option<Instant> {
        let reference = carried.or(clock.now)?;
        let year = DateTime::from_timestamp_micros(reference)?.with_timezone(&clock.zone).year();
        let within = self.within();
        let candidates = [year + 1, year, year - 1].map(|year| self.in_year(year, clock));
        let mut candidates = candidates.into_iter().flatten();
        match carried {
            Some(exact) => {
                let near = candidates.find(|instant| (exact - instant).abs() <= within);
                near.map(|_| exact).or_else(|| self.in_year(year, clock))
            }
            None => candidates.find(|&instant| instant <= reference + DAY),
        }
    }

    fn in_year(self, year: i32, clock: Clock) -> Option<Instant> {
        let Self::Yearless { month, day, time } = self else { return None };
        local(NaiveDate::from_ymd_opt(year, month, day)?.and_time(time.unwrap_or_default()), clock)
    }

    fn within(self) -> i64 {
        match self {
            Self::Yearless { time: Some(_), .. } => 2 * MINUTE,
            _ => DAY,
        }
    }
}

/// Reads a time; `None` if the text says that there is none.
pub(crate) fn parse(text: &str, clock: Clock) -> Result<Option<When>, String> {
    let Some(text) = known(text) else { return Ok(None) };
    iso(text, clock)
        .or_else(|| epoch(text))
        .or_else(|| english(text))
        .or_else(|| chinese(text, clock))
        .or_else(|| other(text, clock))
        .map(Some)
        .ok_or_else(|| format!("`{text}` is not a time"))
}

/// Reads a time with a pattern of `chrono`, such as `%d.%m.%Y %H:%M`.
pub(crate) fn parse_as(text: &str, pattern: &str, clock: Clock) -> Result<Option<When>, String> {
    let Some(text) = known(text) else { return Ok(None) };
    let zoned = || {
        DateTime::parse_from_str(text, pattern).ok().map(|time| exactly(time.timestamp_micros()))
    };
    let naive = || exact_local(NaiveDateTime::parse_from_str(text, pattern).ok()?, clock);
    let date = || date_only(NaiveDate::parse_from_str(text, pattern).ok()?, clock);
    zoned()
        .or_else(naive)
        .or_else(date)
        .map(Some)
        .ok_or_else(|| format!("`{text}` is not a time of the form `{pattern}`"))
}

fn exactly(instant: Instant) -> When {
    When::At { instant, within: 0 }
}

fn exact_local(time: NaiveDateTime, clock: Clock) -> Option<When> {
    local(time, clock).map(exactly)
}

fn to_minute(time: NaiveDateTime, clock: Clock) -> Option<When> {
    Some(When::At { instant: local(time, clock)?, within: 2 * MINUTE })
}

fn date_only(date: NaiveDate, clock: Clock) -> Option<When> {
    Some(When::At {
        instant: local(date.and_time(NaiveTime::default()), clock)?,
        within: DAY + MINUTE,
    })
}

/// A local time as an instant. Of a time that occurs twice the first is taken.
fn local(time: NaiveDateTime, clock: Clock) -> Option<Instant> {
    clock.zone.from_local_datetime(&time).earliest().map(|time| time.timestamp_micros())
}

/// `2024-11-29`, `2024-11-29 18:56`, `2024-11-29T18:56:41.123Z`, `2024-11-29 18:56:41+08:00`.
fn iso(text: &str, clock: Clock) -> Option<When> {
    let bytes = text.as_bytes();
    if bytes.len() < 10 || bytes[4] != b'-' || bytes[7] != b'-' || !text.is_char_boundary(10) {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(
        i32::try_from(digits(&bytes[..4])?).ok()?,
        digits(&bytes[5..7])?,
        digits(&bytes[8..10])?,
    )?;
    if bytes.len() == 10 {
        return date_only(date, clock);
    }
    let rest = text[10..].strip_prefix(['T', 't', ' '])?.trim_start();
    let split = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (time, zone) = (rest[..split].trim_end(), &rest[split..]);
    let (time, has_seconds) = time_of_day(time)?;
    let time = date.and_time(time);
    match offset(zone)? {
        Some(seconds) => {
            let instant = time.and_utc().timestamp_micros() - i64::from(seconds) * SECOND;
            Some(When::At { instant, within: if has_seconds { 0 } else { 2 * MINUTE } })
        }
        None if has_seconds => exact_local(time, clock),
        None => to_minute(time, clock),
    }
}

/// `18:56` or `18:56:41` or `18:56:41.123`, and whether it has seconds.
fn time_of_day(text: &str) -> Option<(NaiveTime, bool)> {
    let bytes = text.as_bytes();
    let colon = bytes.iter().position(|&byte| byte == b':')?;
    let hour = digits(&bytes[..colon])?;
    let minute = digits(bytes.get(colon + 1..colon + 3)?)?;
    let rest = &bytes[colon + 3..];
    if rest.is_empty() {
        return Some((NaiveTime::from_hms_opt(hour, minute, 0)?, false));
    }
    let second = digits(rest.strip_prefix(b":")?.get(..2)?)?;
    let micros = match &rest[3..] {
        [] => 0,
        [b'.' | b',', fraction @ ..] => microseconds(fraction)?,
        _ => return None,
    };
    // A leap second is the last moment of its minute.
    let (second, micros) = if second == 60 { (59, 999_999) } else { (second, micros) };
    Some((NaiveTime::from_hms_micro_opt(hour, minute, second, micros)?, true))
}

/// The first six digits of a fraction of a second.
fn microseconds(fraction: &[u8]) -> Option<u32> {
    if fraction.is_empty() || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut micros = 0;
    for place in 0..6 {
        micros = micros * 10 + u32::from(fraction.get(place).map_or(0, |digit| digit - b'0'));
    }
    Some(micros)
}

/// Seconds east of UTC; `Some(None)` if there is no zone, `None` if it is wrong.
#[expect(clippy::option_option, reason = "no zone and a wrong zone differ")]
fn offset(text: &str) -> Option<Option<i32>> {
    let text = text.trim();
    if text.is_empty() {
        return Some(None);
    }
    if text.eq_ignore_ascii_case("z") || text.eq_ignore_ascii_case("utc") {
        return Some(Some(0));
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let figures: Vec<u8> = text.bytes().skip(1).filter(|&byte| byte != b':').collect();
    let (hours, minutes) = match figures.len() {
        2 => (digits(&figures)?, 0),
        4 => (digits(&figures[..2])?, digits(&figures[2..])?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(())?;
    Some(Some(sign * i32::try_from(hours * 3_600 + minutes * 60).ok()?))
}

fn digits(bytes: &[u8]) -> Option<u32> {
    if bytes.is_empty() || bytes.len() > 9 || !bytes.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(bytes.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
}

/// Seconds, milliseconds or microseconds since 1970, told apart by their size.
fn epoch(text: &str) -> Option<When> {
    let text = text.strip_suffix(".0").unwrap_or(text);
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = text.parse().ok()?;
    match text.len() {
        9 | 10 => number.checked_mul(SECOND).map(exactly),
        12 | 13 => number.checked_mul(1_000).map(exactly),
        15 | 16 => Some(exactly(number)),
        _ => None,
    }
}

/// `Tue May 31 17:46:55 +0800 2011` and `Tue, 31 May 2011 17:46:55 +0800`.
fn english(text: &str) -> Option<When> {
    if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    DateTime::parse_from_str(text, "%a %b %e %H:%M:%S %z %Y")
        .or_else(|_| DateTime::parse_from_rfc2822(text))
        .ok()
        .map(|time| exactly(time.timestamp_micros()))
}

/// `5月31日 23:54`, `2020年5月31日`, `昨天 12:30`, `10分钟前`, `刚刚`.
fn chinese(text: &str, clock: Clock) -> Option<When> {
    if text.is_ascii() {
        return None;
    }
    if let Some(rest) = text.strip_suffix('前') {
        return ago(rest.trim(), clock);
    }
    for (word, days) in [("今天", 0), ("昨天", 1), ("前天", 2)] {
        if let Some(rest) = text.strip_prefix(word) {
            return days_back(days, rest.trim(), clock);
        }
    }
    if text == "刚刚" {
        return Some(before_look(clock, 0));
    }
    let (year, rest) = match text.split_once('年') {
        Some((year, rest)) => (Some(i32::try_from(digits(year.as_bytes())?).ok()?), rest),
        None => (None, text),
    };
    let (month, rest) = rest.split_once('月')?;
    let (day, rest) = rest.split_once('日')?;
    let (month, day) = (digits(month.trim().as_bytes())?, digits(day.trim().as_bytes())?);
    dated(year, month, day, rest.trim(), clock)
}

/// `2020/5/31 23:54`, `2020-5-1`, `04-28 12:30`, `04-28`.
fn other(text: &str, clock: Clock) -> Option<When> {
    let (date, time) = text.split_once(' ').unwrap_or((text, ""));
    let parts: Vec<u32> =
        date.split(['-', '/', '.']).map(|part| digits(part.as_bytes())).collect::<Option<_>>()?;
    match parts[..] {
        [year, month, day] if year > 1900 => {
            dated(Some(i32::try_from(year).ok()?), month, day, time.trim(), clock)
        }
        [month, day] => dated(None, month, day, time.trim(), clock),
        _ => None,
    }
}

fn dated(year: Option<i32>, month: u32, day: u32, time: &str, clock: Clock) -> Option<When> {
    let time = if time.is_empty() { None } else { Some(time_of_day(time)?) };
    let Some(year) = year else {
        // 2020 is a leap year, so that 29 February is a day.
        NaiveDate::from_ymd_opt(2020, month, day)?;
        return Some(When::Yearless { month, day, time: time.map(|(time, _)| time) });
    };
    let date = NaiveDate::from_ymd_opt(year, month, day)?;
    match time {
        None => date_only(date, clock),
        Some((time, true)) => exact_local(date.and_time(time), clock),
        Some((time, false)) => to_minute(date.and_time(time), clock),
    }
}

/// `10分钟`, `2小时`, `3天` before the look.
fn ago(text: &str, clock: Clock) -> Option<When> {
    let number = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let count = i64::from(digits(number.as_bytes())?);
    let unit = match text[number.len()..].trim() {
        "秒" | "秒钟" => SECOND,
        "分" | "分钟" => MINUTE,
        "小时" | "个小时" => HOUR,
        "天" => DAY,
        _ => return None,
    };
    Some(before_look(clock, count * unit))
}

fn before_look(clock: Clock, back: i64) -> When {
    When::Relative(clock.now.map(|now| now - back))
}

fn days_back(days: i64, time: &str, clock: Clock) -> Option<When> {
    let time = if time.is_empty() { None } else { Some(time_of_day(time)?.0) };
    let Some(now) = clock.now else { return Some(When::Relative(None)) };
    let today = DateTime::from_timestamp_micros(now)?.with_timezone(&clock.zone).date_naive();
    let date = today.checked_sub_signed(TimeDelta::days(days))?;
    let instant = local(date.and_time(time.unwrap_or_default()), clock)?;
    Some(When::Relative(Some(instant)))
}

#[cfg(test)]
mod tests {
    use super::{Clock, SECOND, When, parse, parse_as};
    use chrono::DateTime;

    fn clock() -> Clock {
        Clock { zone: chrono_tz::Asia::Shanghai, now: Some(utc("2024-12-01T04:00:00Z")) }
    }

    fn utc(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros()
    }

    fn read(text: &str) -> Option<i64> {
        parse(text, clock()).unwrap().and_then(|when| when.settle(None, clock()))
    }

    #[test]
    fn every_form_of_a_time_is_read() {
        for (text, expected) in [
            ("2024-11-29T18:56:41", "2024-11-29T10:56:41Z"),
            ("2024-11-29 18:56:41", "2024-11-29T10:56:41Z"),
            ("2024-11-29 18:56", "2024-11-29T10:56:00Z"),
            ("2020-05-17", "2020-05-16T16:00:00Z"),
            ("2024-01-01 08:00:00+08:00", "2024-01-01T00:00:00Z"),
            ("2012-08-27T10:00:00+0800", "2012-08-27T02:00:00Z"),
            ("2012-08-27T10:00:00.123456789Z", "2012-08-27T10:00:00.123456Z"),
            ("2017-04-06T16:55:02.132Z", "2017-04-06T16:55:02.132Z"),
            ("Tue May 31 17:46:55 +0800 2011", "2011-05-31T09:46:55Z"),
            ("Wed Oct 10 20:19:24 +0000 2018", "2018-10-10T20:19:24Z"),
            ("Tue, 31 May 2011 17:46:55 +0800", "2011-05-31T09:46:55Z"),
            ("1704067200", "2024-01-01T00:00:00Z"),
            ("1704067200123", "2024-01-01T00:00:00.123Z"),
            ("1704067200123456", "2024-01-01T00:00:00.123456Z"),
            ("2020年5月31日 23:54", "2020-05-31T15:54:00Z"),
            ("5月31日 23:54", "2024-05-31T15:54:00Z"),
            ("12月31日 23:54", "2023-12-31T15:54:00Z"),
            ("04-28", "2024-04-27T16:00:00Z"),
            ("04-28 12:30", "2024-04-28T04:30:00Z"),
            ("2020/5/31 23:54", "2020-05-31T15:54:00Z"),
            ("今天 09:05", "2024-12-01T01:05:00Z"),
            ("昨天 12:30", "2024-11-30T04:30:00Z"),
            ("10分钟前", "2024-12-01T03:50:00Z"),
            ("2小时前", "2024-12-01T02:00:00Z"),
            ("刚刚", "2024-12-01T04:00:00Z"),
        ] {
            assert_eq!(read(text), Some(utc(expected)), "{text}");
        }
    }

    #[test]
    fn nothing_is_none_and_nonsense_is_refused() {
        assert_eq!(read(""), None);
        assert_eq!(read("无"), None);
        for text in [
            "abc",
            "2012",
            "2020-13-01",
            "2020-02-30 10:00",
            "25:00",
            "5月32日",
            "2020-05-17 99:99",
            "一二三四五六七",
            "20-5-1",
        ] {
            assert!(parse(text, clock()).is_err(), "{text}");
        }
    }

    #[test]
    fn the_id_completes_a_time_that_says_less() {
        let carried = Some(utc("2020-05-31T15:54:23Z"));
        let settle = |text: &str| parse(text, clock()).unwrap().unwrap().settle(carried, clock());
        for text in ["5月31日 23:54", "2020-05-31 23:54", "2020-05-31", "05-31"] {
            assert_eq!(settle(text), carried, "{text}");
        }
        assert_eq!(settle("2020-05-31 23:54:22"), Some(utc("2020-05-31T15:54:22Z")));
    }

    #[test]
    fn the_id_does_not_overrule_a_time_that_contradicts_it() {
        let carried = Some(utc("2020-05-31T15:54:23Z"));
        let when = parse("2020-05-31 12:00", clock()).unwrap().unwrap();
        assert_eq!(when.settle(carried, clock()), Some(utc("2020-05-31T04:00:00Z")));
    }

    #[test]
    fn a_relative_time_without_a_look_is_unknown_unless_the_id_tells() {
        let clock = Clock { now: None, ..clock() };
        assert_eq!(parse("10分钟前", clock), Ok(Some(When::Relative(None))));
        assert_eq!(When::Relative(None).settle(None, clock), None);
        assert_eq!(When::Relative(None).settle(Some(SECOND), clock), Some(SECOND));
    }

    #[test]
    fn the_id_knows_better_than_the_file_what_ago_counts_from() {
        let carried = Some(utc("2021-05-01T04:20:46Z"));
        for text in ["刚刚", "5分钟前", "2小时前", "3天前", "今天 12:20", "昨天 12:30", "前天"]
        {
            let when = parse(text, clock()).unwrap().unwrap();
            assert_eq!(when.settle(carried, clock()), carried, "{text}");
        }
    }

    #[test]
    fn a_pattern_reads_what_no_rule_knows() {
        let when = parse_as("27.08.2012 10:00", "%d.%m.%Y %H:%M", clock()).unwrap().unwrap();
        assert_eq!(when.settle(None, clock()), Some(utc("2012-08-27T02:00:00Z")));
    }
}
