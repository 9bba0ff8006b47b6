//! `date_bin` in a zone: bins of days begin at midnight there, those of months on the
//! first of the month, as days of `date_trunc` do. The engine's own begin at midnight in
//! UTC, which is in the morning in China.
//!
//! Bins shorter than a day are as long as they say, also where clocks are changed; they
//! are counted from midnight as it was in the zone's standard time. Where clocks jump
//! over the beginning of a day, its bin begins with its first instant. With an origin
//! bins are what the engine makes of it.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Offset, TimeZone};
use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{DataFusionError, Result, ScalarValue, exec_datafusion_err};
use datafusion::functions::datetime::date_bin;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};

use super::remembered_part::local_times;
use super::wrapped::wrapped;

/// The first of January 2000 in seconds: winter in the north, where most zones with a
/// summer time are, and long after the changes of the last centuries.
const STANDARD: i64 = 946_684_800;

/// `date_bin` in the zone of the instants.
pub(super) fn function() -> ScalarUDF {
    wrapped(date_bin(), call)
}

fn call(engine: &ScalarUDF, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
    let [ColumnarValue::Scalar(width), times] = args.args.as_slice() else {
        return engine.invoke_with_args(args);
    };
    let kind = times.data_type();
    let DataType::Timestamp(_, Some(zone)) = &kind else {
        return engine.invoke_with_args(args);
    };
    let Some(is_calendar) = needs_calendar(width) else {
        return engine.invoke_with_args(args);
    };
    if !is_calendar {
        let origin = ScalarValue::TimestampNanosecond(Some(midnight(zone)?), Some("+00:00".into()));
        args.args.push(ColumnarValue::Scalar(origin));
        return engine.invoke_with_args(args);
    }
    match times {
        ColumnarValue::Array(instants) => {
            Ok(ColumnarValue::Array(starts(engine, instants, zone, &args)?))
        }
        ColumnarValue::Scalar(instant) => {
            let starts = starts(engine, &instant.to_array()?, zone, &args)?;
            Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&starts, 0)?))
        }
    }
}

/// Whether bins of this width are days or months; none if it is no width.
fn needs_calendar(width: &ScalarValue) -> Option<bool> {
    match width {
        ScalarValue::IntervalMonthDayNano(Some(width)) => {
            Some(width.months != 0 || width.days != 0)
        }
        ScalarValue::IntervalDayTime(Some(width)) => Some(width.days != 0),
        _ => None,
    }
}

/// Midnight of the first of January 1970 in standard time of `zone`, in nanoseconds.
fn midnight(zone: &str) -> Result<i64> {
    let zone: Tz = zone.parse()?;
    Ok(-offset(&zone, STANDARD * 1_000_000)? * 1000)
}

/// The instants at which the bins of `instants` begin.
fn starts(
    engine: &ScalarUDF,
    instants: &ArrayRef,
    zone: &Arc<str>,
    args: &ScalarFunctionArgs,
) -> Result<ArrayRef> {
    let kind = instants.data_type().clone();
    let micros = DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::clone(zone)));
    let local = local_times(&cast(instants, &micros)?, zone)?;
    let rows = local.len();
    let mut args = args.clone();
    // What the engine is asked for, and held to, is of the wall clock.
    let field = args.return_field.as_ref().clone().with_data_type(local.data_type().clone());
    args.return_field = Arc::new(field);
    args.args[1] = ColumnarValue::Array(Arc::new(local));
    let bins = engine.invoke_with_args(args)?.into_array(rows)?;
    let bins = bins.as_primitive::<TimestampMicrosecondType>();
    let mut memory = Memory { zone: zone.parse()?, starts: HashMap::new(), last: None };
    let starts = bins
        .iter()
        .map(|bin| bin.map(|bin| memory.start(bin)).transpose())
        .collect::<Result<TimestampMicrosecondArray>>()?;
    Ok(cast(&starts.with_timezone(Arc::clone(zone)), &kind)?)
}

/// The beginnings of bins known so far, each by what clocks show then.
struct Memory {
    zone: Tz,
    starts: HashMap<i64, i64>,
    /// What was asked for last; rows mostly come in order.
    last: Option<(i64, i64)>,
}

impl Memory {
    /// The first instant at which clocks show `wall` or more.
    fn start(&mut self, wall: i64) -> Result<i64> {
        if let Some((_, start)) = self.last.filter(|(last, _)| *last == wall) {
            return Ok(start);
        }
        let start = match self.starts.get(&wall) {
            Some(start) => *start,
            None => {
                let start = first_instant(&self.zone, wall)?;
                self.starts.insert(wall, start);
                start
            }
        };
        self.last = Some((wall, start));
        Ok(start)
    }
}

/// The first instant at which clocks in `zone` show `wall` or more.
fn first_instant(zone: &Tz, wall: i64) -> Result<i64> {
    let naive = DateTime::from_timestamp_micros(wall).ok_or_else(too_far)?.naive_utc();
    if let Some(instant) = zone.from_local_datetime(&naive).earliest() {
        return Ok(instant.timestamp_micros());
    }
    // Clocks jump over it. They do so between what it would be by the offsets of the
    // days beside it.
    let day = 86_400_000_000;
    let (before, after) = (offset(zone, wall - day)?, offset(zone, wall + day)?);
    let (mut early, mut late) = (wall - after.max(before), wall - after.min(before));
    while early < late {
        let middle = early + (late - early) / 2;
        if middle + offset(zone, middle)? >= wall {
            late = middle;
        } else {
            early = middle + 1;
        }
    }
    Ok(late)
}

/// How far clocks in `zone` are ahead of UTC at `instant`; all in microseconds.
fn offset(zone: &Tz, instant: i64) -> Result<i64> {
    let instant = DateTime::from_timestamp_micros(instant).ok_or_else(too_far)?;
    let offset = zone.offset_from_utc_datetime(&instant.naive_utc());
    Ok(i64::from(offset.fix().local_minus_utc()) * 1_000_000)
}

fn too_far() -> DataFusionError {
    exec_datafusion_err!("an instant is too far from our time")
}

#[cfg(test)]
mod tests {

    use crate::engine::answers::value;
    use crate::engine::{Session, Settings};

    async fn session_in(zone: &str) -> Session {
        let session = Session::new(None, Settings::default()).unwrap();
        session.collect(&format!("SET timezone = '{zone}'")).await.unwrap();
        session
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn days_and_months_begin_at_midnight_in_the_zone() {
        for (zone, width, at, start) in [
            ("Asia/Shanghai", "1 day", "2012-08-27 03:00:00", "2012-08-27T00:00:00+08:00"),
            ("Asia/Shanghai", "1 day", "2012-08-27 00:00:00", "2012-08-27T00:00:00+08:00"),
            ("Asia/Shanghai", "1 month", "2012-08-01 03:00:00", "2012-08-01T00:00:00+08:00"),
            ("Asia/Shanghai", "3 months", "2012-08-27 03:00:00", "2012-07-01T00:00:00+08:00"),
            ("Asia/Shanghai", "6 hours", "2012-08-27 07:00:00", "2012-08-27T06:00:00+08:00"),
            ("Asia/Shanghai", "24 hours", "2012-08-27 07:00:00", "2012-08-27T00:00:00+08:00"),
            ("Asia/Shanghai", "15 minutes", "2012-08-27 07:44:59", "2012-08-27T07:30:00+08:00"),
            ("Asia/Kolkata", "1 hour", "2012-08-27 07:44:59", "2012-08-27T07:00:00+05:30"),
            ("UTC", "1 day", "2012-08-27 03:00:00", "2012-08-27T00:00:00Z"),
            // Clocks are put forward at 02:00, back at 03:00.
            ("Europe/Berlin", "1 day", "2012-03-25 12:00:00", "2012-03-25T00:00:00+01:00"),
            ("Europe/Berlin", "1 day", "2012-10-28 12:00:00", "2012-10-28T00:00:00+02:00"),
            ("Europe/Berlin", "1 hour", "2012-07-01 12:30:00", "2012-07-01T12:00:00+02:00"),
            // Midnight is left out.
            ("America/Sao_Paulo", "1 day", "2012-10-21 12:00:00", "2012-10-21T01:00:00-02:00"),
            // Midnight comes twice.
            ("America/Havana", "1 day", "2012-11-04 12:00:00", "2012-11-04T00:00:00-04:00"),
        ] {
            let session = session_in(zone).await;
            let column =
                format!("SELECT CASE WHEN now() IS NOT NULL THEN TIMESTAMPTZ '{at}' END AS at");
            for sql in [
                format!("SELECT date_bin('{width}', TIMESTAMPTZ '{at}') AS bin"),
                format!("SELECT date_bin(INTERVAL '{width}', at) AS bin FROM ({column})"),
            ] {
                assert_eq!(value(&session, &sql).await, start, "{zone}: {sql}");
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_bin_of_a_day_is_the_day_of_date_trunc() {
        for zone in ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"] {
            let session = session_in(zone).await;
            for (width, unit) in [("1 day", "day"), ("1 month", "month"), ("1 year", "year")] {
                let sql = format!(
                    "SELECT count(*) FROM (
                       SELECT TIMESTAMPTZ '2010-01-01 00:00:00' + INTERVAL '97 minutes' * n AS at
                       FROM generate_series(1, 20000) AS t (n)
                     ) WHERE date_bin('{width}', at) = date_trunc('{unit}', at)"
                );
                assert_eq!(value(&session, &sql).await, "20000", "{zone} {width}");
            }
        }
    }

    #[tokio::test]
    async fn origins_nulls_and_times_without_a_zone_are_as_before() {
        let session = session_in("Asia/Shanghai").await;
        for (sql, wanted) in [
            ("date_bin('1 day', at, TIMESTAMPTZ '2012-01-01 08:00Z')", "2012-08-27T16:00:00+08:00"),
            ("date_bin('1 day', at::timestamp)", "2012-08-27T00:00:00"),
            ("date_bin('1 day', NULL::timestamptz) IS NULL", "true"),
            ("date_bin(NULL::interval, at) IS NULL", "true"),
        ] {
            let sql = format!("SELECT {sql} FROM (SELECT TIMESTAMPTZ '2012-08-27 19:00:00' AS at)");
            assert_eq!(value(&session, &sql).await, wanted, "{sql}");
        }
    }
}
