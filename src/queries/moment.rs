//! Dates and instants as people write them: `2012-08-27`, `yesterday`, `-7d`.

use chrono::{
    DateTime, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc,
};
use datafusion::arrow::array::timezone::Tz;

use crate::error::{Error, Result};

/// What time it is, and in which zone days begin: relative dates are counted
/// from here, so that a run can be repeated as of another day.
#[derive(Debug, Clone)]
pub struct Clock {
    now: DateTime<Utc>,
    zone: Tz,
    zone_name: String,
}

impl Clock {
    /// A clock that stands at `now`, in the zone called `zone`
    /// (`Asia/Shanghai`, `+08:00`).
    ///
    /// # Errors
    /// When there is no such zone.
    pub fn new(now: DateTime<Utc>, zone: &str) -> Result<Self> {
        let parsed = zone.parse().map_err(|_| {
            Error::usage(format!("no time zone `{zone}`")).hint("try Asia/Shanghai")
        })?;
        Ok(Self { now, zone: parsed, zone_name: zone.to_owned() })
    }

    /// The zone's name.
    #[must_use]
    pub fn zone(&self) -> &str {
        &self.zone_name
    }

    /// The instant at which the clock stands.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// The day it is in the clock's zone.
    #[must_use]
    pub fn today(&self) -> NaiveDate {
        self.now.with_timezone(&self.zone).date_naive()
    }

    /// Reads a date; `None` if `text` is none.
    pub(super) fn date(&self, text: &str) -> Option<NaiveDate> {
        if let Some(day) = named_day(text, self.today()) {
            return Some(day);
        }
        match Shift::parse(text) {
            Some(shift) if shift.unit.is_whole_days() => {
                shift.apply(self.today().and_time(NaiveTime::MIN)).map(|moment| moment.date())
            }
            Some(_) => None,
            None => NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == 10),
        }
    }

    /// Reads an instant; a text without an offset means the clock's zone. `None`
    /// if `text` is none, or names an hour that the zone skips.
    pub(super) fn instant(&self, text: &str) -> Option<DateTime<Utc>> {
        if text == "now" {
            return Some(self.now);
        }
        if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
            return Some(instant.with_timezone(&Utc));
        }
        let local = if let Some(shift) = Shift::parse(text) {
            if !shift.unit.is_whole_days() {
                return self.now.checked_add_signed(shift.duration()?);
            }
            shift.apply(self.now.with_timezone(&self.zone).naive_local())?
        } else if let Some(day) = self.date(text) {
            day.and_time(NaiveTime::MIN)
        } else {
            local_time(text)?
        };
        Some(self.zone.from_local_datetime(&local).earliest()?.with_timezone(&Utc))
    }

    /// `instant` as the clock's zone shows it, to the second or finer as needed.
    #[must_use]
    pub fn show(&self, instant: DateTime<Utc>) -> String {
        instant.with_timezone(&self.zone).format("%Y-%m-%d %H:%M:%S%.f").to_string()
    }
}

/// `today` and its neighbours.
fn named_day(text: &str, today: NaiveDate) -> Option<NaiveDate> {
    match text {
        "today" => Some(today),
        "yesterday" => today.pred_opt(),
        "tomorrow" => today.succ_opt(),
        _ => None,
    }
}

/// A date with a time of day and no offset.
fn local_time(text: &str) -> Option<NaiveDateTime> {
    const FORMS: [&str; 4] =
        ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"];
    FORMS.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
}

/// A step in time from now, such as `-7d`.
#[derive(Debug, Clone, Copy)]
struct Shift {
    count: i64,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Unit {
    fn is_whole_days(self) -> bool {
        !matches!(self, Self::Second | Self::Minute | Self::Hour)
    }
}

impl Shift {
    /// Reads a sign, a number and a unit.
    fn parse(text: &str) -> Option<Self> {
        if !text.starts_with(['-', '+']) {
            return None;
        }
        let unit_at = text.find(|letter: char| letter.is_ascii_alphabetic())?;
        let (count, unit) = text.split_at(unit_at);
        let unit = match unit {
            "s" => Unit::Second,
            "min" => Unit::Minute,
            "h" => Unit::Hour,
            "d" => Unit::Day,
            "w" => Unit::Week,
            "m" => Unit::Month,
            "y" => Unit::Year,
            _ => return None,
        };
        Some(Self { count: count.parse().ok()?, unit })
    }

    /// The length of a step of hours or less.
    fn duration(self) -> Option<TimeDelta> {
        match self.unit {
            Unit::Second => TimeDelta::try_seconds(self.count),
            Unit::Minute => TimeDelta::try_minutes(self.count),
            Unit::Hour => TimeDelta::try_hours(self.count),
            Unit::Day | Unit::Week | Unit::Month | Unit::Year => None,
        }
    }

    /// `moment` moved by a step of days or more; the clock time stays.
    fn apply(self, moment: NaiveDateTime) -> Option<NaiveDateTime> {
        let days = |count: u64| Days::new(count);
        let size = self.count.unsigned_abs();
        let months = match self.unit {
            Unit::Month => size,
            Unit::Year => size.checked_mul(12)?,
            Unit::Week => return step_days(moment, self.count, days(size.checked_mul(7)?)),
            Unit::Day => return step_days(moment, self.count, days(size)),
            Unit::Second | Unit::Minute | Unit::Hour => return None,
        };
        let months = Months::new(u32::try_from(months).ok()?);
        if self.count < 0 {
            moment.checked_sub_months(months)
        } else {
            moment.checked_add_months(months)
        }
    }
}

/// `moment` moved by `days` to the side of `sign`.
fn step_days(moment: NaiveDateTime, sign: i64, days: Days) -> Option<NaiveDateTime> {
    if sign < 0 { moment.checked_sub_days(days) } else { moment.checked_add_days(days) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        // 01:30 on 27 August in Shanghai, still 26 August in UTC.
        let now = Utc.with_ymd_and_hms(2012, 8, 26, 17, 30, 0).unwrap();
        Clock::new(now, "Asia/Shanghai").unwrap()
    }

    #[test]
    fn days_are_those_of_the_zone_not_of_utc() {
        let shown = |text| clock().date(text).map(|day| day.to_string());
        assert_eq!(shown("today").as_deref(), Some("2012-08-27"));
        assert_eq!(shown("yesterday").as_deref(), Some("2012-08-26"));
        assert_eq!(shown("-7d").as_deref(), Some("2012-08-20"));
        assert_eq!(shown("-1m").as_deref(), Some("2012-07-27"));
        assert_eq!(shown("+1y").as_deref(), Some("2013-08-27"));
        assert_eq!(shown("2012-02-29").as_deref(), Some("2012-02-29"));
        for wrong in ["x", "2012-2-9", "2011-02-29", "-7", "-7h", "-99999999999d", "", "--7d"] {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn instants_without_an_offset_mean_the_zone() {
        let shown = |text| clock().instant(text).map(|instant| instant.to_rfc3339());
        assert_eq!(shown("2012-08-27").as_deref(), Some("2012-08-26T16:00:00+00:00"));
        assert_eq!(shown("2012-08-27 10:45").as_deref(), Some("2012-08-27T02:45:00+00:00"));
        assert_eq!(shown("2012-08-27T10:45:00Z").as_deref(), Some("2012-08-27T10:45:00+00:00"));
        assert_eq!(shown("-90min").as_deref(), Some("2012-08-26T16:00:00+00:00"));
        assert_eq!(shown("yesterday").as_deref(), Some("2012-08-25T16:00:00+00:00"));
        assert_eq!(shown("half past nine"), None);
    }
}
