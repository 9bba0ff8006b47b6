//! `calendar_difference(later, earlier)`.

use std::sync::Arc;

use chrono::{Datelike, NaiveDate, NaiveDateTime};
use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, IntervalMonthDayNanoArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{
    DataType, IntervalMonthDayNano, IntervalUnit, TimestampMicrosecondType,
};
use datafusion::common::Result;

use super::scalar::Scalar;
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "calendar_difference",
    signature: "calendar_difference(later, earlier) -> interval",
    summary: "The time between two times as people count it, in months, days and time of day \
              by the clock of their time zone, also called age.",
    source: Some("As age in PostgreSQL: days that are borrowed are those of the earlier month."),
    example: Example {
        sql: "SELECT calendar_difference(DATE '2020-03-31', TIMESTAMP '2020-01-29 10:00:00')",
        result: "2 mons 1 days 14 hours",
    },
    arguments: &[Argument::Instant, Argument::Instant],
    body: Body::Scalar(Scalar {
        returns: |_| DataType::Interval(IntervalUnit::MonthDayNano),
        compute: |columns, _| differences(columns),
    }),
};

/// The nanoseconds of a day.
const DAY: i64 = 86_400_000_000_000;

/// The difference of each row.
fn differences(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let (later, earlier) = (clock(&columns[0])?, clock(&columns[1])?);
    let pairs = later.into_iter().zip(earlier);
    let found = pairs.map(|(later, earlier)| difference(later?, earlier?));
    Ok(Arc::new(found.collect::<IntervalMonthDayNanoArray>()))
}

/// What the clock shows at each time of `column`, where its time zone is.
pub(super) fn clock(column: &ArrayRef) -> Result<Vec<Option<NaiveDateTime>>> {
    let times: &TimestampMicrosecondArray = column.as_primitive::<TimestampMicrosecondType>();
    let zone = times.timezone().map(str::parse::<Tz>).transpose()?;
    let shown = |row: usize| match zone {
        _ if times.is_null(row) => None,
        Some(zone) => Some(times.value_as_datetime_with_tz(row, zone)?.naive_local()),
        None => times.value_as_datetime(row),
    };
    Ok((0..times.len()).map(shown).collect())
}

/// The time from `earlier` to `later`, which is below nothing if they are swapped.
pub(super) fn difference(
    later: NaiveDateTime,
    earlier: NaiveDateTime,
) -> Option<IntervalMonthDayNano> {
    if later < earlier {
        let IntervalMonthDayNano { months, days, nanoseconds } = difference(earlier, later)?;
        return Some(IntervalMonthDayNano::new(-months, -days, -nanoseconds));
    }
    let month = |time: NaiveDateTime| time.year() * 12 + time.month0() as i32;
    let mut months = month(later) - month(earlier);
    let mut days = later.day() as i32 - earlier.day() as i32;
    let mut nanoseconds = (later.time() - earlier.time()).num_nanoseconds()?;
    if nanoseconds < 0 {
        nanoseconds += DAY;
        days -= 1;
    }
    while days < 0 {
        days += days_of_month(earlier)?;
        months -= 1;
    }
    Some(IntervalMonthDayNano::new(months, days, nanoseconds))
}

/// How many days the month of `time` has.
pub(super) fn days_of_month(time: NaiveDateTime) -> Option<i32> {
    let (year, month) = (time.year(), time.month());
    let next = NaiveDate::from_ymd_opt(year + (month / 12) as i32, month % 12 + 1, 1)?;
    Some(next.pred_opt()?.day() as i32)
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::value;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn months_and_days_are_counted_as_people_do() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (expression, is) in [
            ("age(DATE '2012-08-27', DATE '2010-06-25')", "26 mons 2 days"),
            ("age(DATE '2012-03-01', DATE '2012-01-31')", "1 mons 1 days"),
            ("age(DATE '2010-06-25', DATE '2012-08-27')", "-26 mons -2 days"),
            ("age(DATE '2012-08-27', DATE '2012-08-27')", "0 secs"),
            ("age(current_date - INTERVAL '3 days') = INTERVAL '3 days'", "true"),
        ] {
            assert_eq!(value(&session, &format!("SELECT {expression}")).await, is, "{expression}");
        }
    }
}
