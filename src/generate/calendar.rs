//! The days of the generated world, in Beijing time.

/// Seconds by which Beijing is ahead of UTC.
const BEIJING: i64 = 8 * 3600;

/// Seconds in a day.
const DAY: i64 = 86_400;

/// The first day: 2010-01-01 00:00 in Beijing, in seconds since 1970.
const FIRST: i64 = 1_262_304_000 - BEIJING;

/// How many days there are: the last is 2012-08-27.
pub(super) const DAYS: u32 = 970;

/// The last day.
pub(super) const LAST_DAY: u32 = DAYS - 1;

/// A day, counted from 2010-01-01 in Beijing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day(pub(super) u32);

/// The quarter of the year, as far as weather and customs go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Season {
    /// March to May.
    Spring,
    /// June to August.
    Summer,
    /// September to November.
    Autumn,
    /// December to February.
    Winter,
}

impl Day {
    /// The day with this date, which is between 2010-01-01 and 2012-08-27.
    pub(super) const fn of(year: u32, month: u32, day: u32) -> Self {
        let mut days = day - 1;
        let mut y = 2010;
        while y < year {
            days += if y % 4 == 0 { 366 } else { 365 };
            y += 1;
        }
        let mut m = 1;
        while m < month {
            days += month_length(year, m);
            m += 1;
        }
        Self(days)
    }

    /// The day in which an instant (seconds since 1970) lies.
    pub(super) fn at(seconds: i64) -> Self {
        Self(((seconds - FIRST).div_euclid(DAY)).clamp(0, i64::from(LAST_DAY)) as u32)
    }

    /// Midnight at its beginning, in seconds since 1970.
    pub(super) fn start(self) -> i64 {
        FIRST + i64::from(self.0) * DAY
    }

    /// Its last second, at which crawls take place.
    pub(super) fn end(self) -> i64 {
        self.start() + DAY - 1
    }

    /// The day of the week; 0 is Monday.
    pub(super) fn weekday(self) -> u32 {
        // 2010-01-01 was a Friday.
        (self.0 + 4) % 7
    }

    /// Whether it is a Saturday or Sunday.
    pub(super) fn is_weekend(self) -> bool {
        self.weekday() >= 5
    }

    /// Year, month and day of the month.
    pub(super) fn date(self) -> (u32, u32, u32) {
        let (mut year, mut month, mut left) = (2010, 1, self.0);
        while left >= month_length(year, month) {
            left -= month_length(year, month);
            month += 1;
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
        (year, month, left + 1)
    }

    /// The season.
    pub(super) fn season(self) -> Season {
        match self.date().1 {
            3..=5 => Season::Spring,
            6..=8 => Season::Summer,
            9..=11 => Season::Autumn,
            _ => Season::Winter,
        }
    }

    /// How many months its month is after January 2010.
    pub(super) fn month_index(self) -> usize {
        let (year, month, _) = self.date();
        ((year - 2010) * 12 + month - 1) as usize
    }
}

/// How many calendar months the world spans.
pub(super) const MONTHS: usize = 32;

/// Days of a month of the years 2010 to 2012.
const fn month_length(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_day_is_monday_2012_08_27() {
        assert_eq!(Day(LAST_DAY).date(), (2012, 8, 27));
        assert_eq!(Day::of(2012, 8, 27), Day(LAST_DAY));
        assert_eq!(Day(LAST_DAY).weekday(), 0);
        assert_eq!(Day(LAST_DAY).month_index() + 1, MONTHS);
    }

    #[test]
    fn days_begin_at_midnight_in_beijing() {
        // 2011-04-13 10:45 in Beijing is 02:45 UTC.
        let start = Day::of(2011, 4, 13).start();
        assert_eq!(start + 10 * 3600 + 45 * 60, 1_302_662_700);
        assert_eq!(Day::at(start), Day::of(2011, 4, 13));
        assert_eq!(Day::at(start - 1), Day::of(2011, 4, 12));
    }

    #[test]
    fn dates_and_days_are_inverse() {
        for day in (0..DAYS).map(Day) {
            let (year, month, of_month) = day.date();
            assert_eq!(Day::of(year, month, of_month), day);
        }
    }
}
