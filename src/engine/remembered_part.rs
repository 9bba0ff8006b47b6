//! `date_part` that remembers: the engine's own looks the time zone up for every
//! row, which costs more than counting by hour itself.
//!
//! An instant in a zone is an instant in UTC and the zone's offset. The offset is
//! looked up for the first and last instant of a day in UTC; where both are the
//! same, it holds all day, since no zone has ever changed its clocks and changed
//! them back within a day.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Offset, TimeZone};
use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int32Array, IntervalMonthDayNanoArray, PrimitiveArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::compute::kernels::cast_utils::IntervalUnit as Unit;
use datafusion::arrow::datatypes::{
    DataType, DurationNanosecondType, Float64Type, Int32Type, Int64Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, IntervalUnit, TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err};
use datafusion::functions::datetime::date_part;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult};
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF};

use super::wrapped::wrapped;

/// The parts that are worth it, as people write them; what they are of an instant
/// depends on the zone.
const PARTS: [&str; 8] = ["year", "quarter", "month", "week", "day", "hour", "dow", "isodow"];

const MICROS_PER_HOUR: i64 = 3_600_000_000;
pub(super) const MICROS_PER_DAY: i64 = 24 * MICROS_PER_HOUR;
const NANOS_PER_MINUTE: i64 = 60_000_000_000;
const HOURS_PER_YEAR: i128 = 365 * 24 + 6;

/// Plans `extract(hour FROM posted_at)`, for which the engine takes its own `date_part`
/// whatever function has that name.
#[derive(Debug)]
pub(super) struct PlanExtract;

impl ExprPlanner for PlanExtract {
    fn plan_extract(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        let call = ScalarFunction::new_udf(Arc::new(function()), args);
        Ok(PlannerResult::Planned(Expr::ScalarFunction(call)))
    }
}

/// `date_part` with a memory.
pub(super) fn function() -> ScalarUDF {
    wrapped(date_part(), call)
}

fn call(engine: &ScalarUDF, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
    if let [ColumnarValue::Scalar(part), time] = args.args.as_slice()
        && let DataType::Duration(_) = time.data_type()
    {
        if is_whole(part) {
            return in_seconds(time);
        }
        args.args[1] = in_days(time)?;
    }
    if let [ColumnarValue::Scalar(part), time] = args.args.as_slice()
        && time.data_type() == DataType::Interval(IntervalUnit::MonthDayNano)
    {
        return match below_second(part) {
            Some(nanos) => beyond_minutes(time, nanos),
            None if is_whole(part) => length_in_seconds(time),
            None => engine.invoke_with_args(args),
        };
    }
    let [ColumnarValue::Scalar(part), ColumnarValue::Array(instants)] = args.args.as_slice() else {
        return engine.invoke_with_args(args);
    };
    let (Some(part), Some(zone)) = (remembered(part), zone_of(instants.data_type())) else {
        return engine.invoke_with_args(args);
    };
    let local = local_times(instants, &zone)?;
    if part == "hour" {
        let hour = |micros: i64| micros.rem_euclid(MICROS_PER_DAY) / MICROS_PER_HOUR;
        let hours: Int32Array = local.unary(|micros| hour(micros) as i32);
        return Ok(ColumnarValue::Array(Arc::new(hours)));
    }
    args.args[1] = ColumnarValue::Array(Arc::new(local));
    engine.invoke_with_args(args)
}

/// Whether `part` is all of a time, in another unit.
fn is_whole(part: &ScalarValue) -> bool {
    let part = part.try_as_str().flatten().map(|part| part.trim_matches(['\'', '"']));
    part.is_some_and(|part| part.eq_ignore_ascii_case("epoch"))
}

/// The seconds of intervals. A year has 365.25 days, and a month beyond years 30, as in
/// other databases; the engine has a year of 360 days.
fn length_in_seconds(time: &ColumnarValue) -> Result<ColumnarValue> {
    let length = |time: IntervalMonthDayNano| {
        let (years, months) = (i128::from(time.months / 12), i128::from(time.months % 12));
        let hours = years * HOURS_PER_YEAR + (months * 30 + i128::from(time.days)) * 24;
        let nanos = hours * 60 * i128::from(NANOS_PER_MINUTE) + i128::from(time.nanoseconds);
        nanos as f64 / 1e9
    };
    let seconds = |times: &ArrayRef| -> Result<ArrayRef> {
        let times = times.as_primitive::<IntervalMonthDayNanoType>();
        Ok(Arc::new(times.unary::<_, Float64Type>(length)))
    };
    each(time, seconds)
}

/// What lies between two instants, in seconds with their fraction: the engine cuts it off.
fn in_seconds(time: &ColumnarValue) -> Result<ColumnarValue> {
    let seconds = |times: &ArrayRef| -> Result<ArrayRef> {
        let nanos = cast(times, &DataType::Duration(TimeUnit::Nanosecond))?;
        let nanos = nanos.as_primitive::<DurationNanosecondType>();
        Ok(Arc::new(nanos.unary::<_, Float64Type>(|nanos| nanos as f64 / 1e9)))
    };
    each(time, seconds)
}

/// What lies between two instants, in days and the hours beyond them, as other databases
/// have it: the engine takes 49 for the hours of two days and one hour.
fn in_days(time: &ColumnarValue) -> Result<ColumnarValue> {
    let parts = |times: &ArrayRef| -> Result<ArrayRef> {
        let nanos = cast(times, &DataType::Duration(TimeUnit::Nanosecond))?;
        let parts: IntervalMonthDayNanoArray =
            nanos.as_primitive::<DurationNanosecondType>().unary(|nanos| {
                let day = MICROS_PER_DAY * 1000;
                // All days of 64 bits of nanoseconds are fewer than those of 32 bits.
                IntervalMonthDayNano::new(0, (nanos / day) as i32, nanos % day)
            });
        Ok(Arc::new(parts))
    };
    each(time, parts)
}

/// The nanoseconds of `part`, if that is less than a second.
fn below_second(part: &ScalarValue) -> Option<i64> {
    let part = part.try_as_str().flatten()?.trim_matches(['\'', '"']);
    match part.parse::<Unit>().ok()? {
        Unit::Millisecond => Some(1_000_000),
        Unit::Microsecond => Some(1_000),
        Unit::Nanosecond => Some(1),
        _ => None,
    }
}

/// What an interval has beyond whole minutes, in units of so many nanoseconds, as of a time
/// of day. The engine leaves the fraction of the second out.
fn beyond_minutes(time: &ColumnarValue, unit: i64) -> Result<ColumnarValue> {
    let counted = |time: IntervalMonthDayNano| time.nanoseconds % NANOS_PER_MINUTE / unit;
    let units = |times: &ArrayRef| -> Result<ArrayRef> {
        let times = times.as_primitive::<IntervalMonthDayNanoType>();
        if unit == 1 {
            return Ok(Arc::new(times.unary::<_, Int64Type>(counted)));
        }
        // A minute has fewer microseconds than 32 bits count.
        Ok(Arc::new(times.unary::<_, Int32Type>(|time| counted(time) as i32)))
    };
    each(time, units)
}

/// What `compute` makes of a column, or of one value.
fn each(
    time: &ColumnarValue,
    compute: impl Fn(&ArrayRef) -> Result<ArrayRef>,
) -> Result<ColumnarValue> {
    Ok(match time {
        ColumnarValue::Array(times) => ColumnarValue::Array(compute(times)?),
        ColumnarValue::Scalar(time) => {
            let computed = compute(&time.to_array()?)?;
            ColumnarValue::Scalar(ScalarValue::try_from_array(&computed, 0)?)
        }
    })
}

/// The part by its plain name, if it is worth remembering.
fn remembered(part: &ScalarValue) -> Option<&'static str> {
    let part = part.try_as_str().flatten()?.to_lowercase();
    PARTS.into_iter().find(|name| *name == part)
}

/// The zone of instants as weiku stores them.
pub(super) fn zone_of(kind: &DataType) -> Option<Arc<str>> {
    match kind {
        DataType::Timestamp(TimeUnit::Microsecond, zone) => zone.clone(),
        _ => None,
    }
}

/// What clocks in `zone` show at each instant, as if it were in UTC.
pub(super) fn local_times(
    instants: &ArrayRef,
    zone: &str,
) -> Result<PrimitiveArray<TimestampMicrosecondType>> {
    let instants = instants.as_primitive::<TimestampMicrosecondType>();
    let mut offsets = Offsets::of(zone)?;
    let mut local = |instant: i64| {
        let offset = offsets.at(instant)?;
        instant
            .checked_add(offset)
            .ok_or_else(|| exec_datafusion_err!("an instant is too far from our time"))
    };
    if instants.null_count() == 0 {
        let local = instants.values().iter().map(|instant| local(*instant));
        return Ok(PrimitiveArray::from(local.collect::<Result<Vec<_>>>()?));
    }
    instants.iter().map(|instant| instant.map(&mut local).transpose()).collect()
}

/// The offsets of a zone that are known so far.
#[derive(Debug)]
pub(super) struct Offsets {
    zone: Tz,
    /// By the number of the day in UTC; `None` where clocks were changed on it.
    days: HashMap<i64, Option<i64>>,
    /// The day looked up last; rows mostly come in order.
    last: Option<(i64, i64)>,
}

impl Offsets {
    /// Those of `zone`, of which none is known yet.
    pub(super) fn of(zone: &str) -> Result<Self> {
        Ok(Self { zone: zone.parse()?, days: HashMap::new(), last: None })
    }

    /// The zone's offset at `instant`, in microseconds.
    pub(super) fn at(&mut self, instant: i64) -> Result<i64> {
        match self.all_day(instant)? {
            Some(offset) => Ok(offset),
            None => self.asked(instant),
        }
    }

    /// The offset that the zone has all day long, on the day in UTC of `instant`; none if
    /// clocks were changed on it.
    pub(super) fn all_day(&mut self, instant: i64) -> Result<Option<i64>> {
        let day = instant.div_euclid(MICROS_PER_DAY);
        if let Some((_, offset)) = self.last.filter(|(last, _)| *last == day) {
            return Ok(Some(offset));
        }
        let known = match self.days.get(&day) {
            Some(known) => *known,
            None => {
                let start = day * MICROS_PER_DAY;
                let first = self.asked(start)?;
                let known = (first == self.asked(start + MICROS_PER_DAY - 1)?).then_some(first);
                self.days.insert(day, known);
                known
            }
        };
        if let Some(offset) = known {
            self.last = Some((day, offset));
        }
        Ok(known)
    }

    fn asked(&self, instant: i64) -> Result<i64> {
        let instant = DateTime::from_timestamp_micros(instant)
            .ok_or_else(|| exec_datafusion_err!("an instant is too far from our time"))?;
        let offset = self.zone.offset_from_utc_datetime(&instant.naive_utc());
        Ok(i64::from(offset.fix().local_minus_utc()) * 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::display::array_value_to_string;

    use super::*;
    use crate::engine::answers::without_and_with;
    use crate::engine::{Session, Settings};

    /// Instants of 1900 to 2030, in order and not, around clock changes and
    /// with NULLs, give what the engine's own function gives.
    #[tokio::test]
    async fn the_answer_is_the_engines_own_in_every_zone_and_part() {
        let zones = ["Asia/Shanghai", "America/Sao_Paulo", "Europe/London", "UTC", "+05:45"];
        for zone in zones {
            for part in PARTS {
                let sql = format!(
                    "SELECT t, date_part('{part}', t) AS d FROM (SELECT arrow_cast(
                       CASE WHEN value % 97 = 0 THEN NULL
                            ELSE ((value * 7919) % 40000) * 102517389000 - 2208988800000000 END,
                       'Timestamp(Microsecond, Some(\"{zone}\"))') AS t
                     FROM generate_series(1, 40000))"
                );
                let answers = without_and_with(function(), &sql).await;
                assert!(answers[0] == answers[1], "{zone} {part}");
                assert!(answers[0].lines().count() > 40_000);
            }
        }
    }

    #[tokio::test]
    async fn parts_of_what_lies_between_two_instants_are_those_of_its_days_and_hours() {
        let session = Session::new(None, Settings::default()).unwrap();
        let columns = "SELECT CASE WHEN now() IS NOT NULL THEN b END AS b, a FROM (SELECT
              TIMESTAMP '2012-01-03 01:05:06' AS b, TIMESTAMP '2012-01-01 00:00:00' AS a)";
        let between = "TIMESTAMP '2012-01-03 01:05:06' - TIMESTAMP '2012-01-01 00:00:00'";
        for (part, wanted) in
            [("day", "2"), ("hour", "1"), ("minute", "5"), ("second", "6"), ("epoch", "176706.0")]
        {
            for sql in [
                format!("SELECT extract({part} FROM {between})"),
                format!("SELECT date_part('{part}', {between})"),
                format!("SELECT extract({part} FROM b - a) FROM ({columns})"),
                format!("SELECT date_part('{part}', b - a) FROM ({columns})"),
                format!("SELECT -extract({part} FROM a - b) FROM ({columns})"),
            ] {
                let batches = session.collect(&sql).await.unwrap();
                let found = array_value_to_string(batches[0].column(0), 0).unwrap();
                assert_eq!(found, wanted, "{sql}");
            }
        }
    }

    #[tokio::test]
    async fn the_parts_of_a_second_of_an_interval_are_all_of_it() {
        let session = Session::new(None, Settings::default()).unwrap();
        let columns = "(SELECT i, b, a FROM (VALUES (INTERVAL '1 day 3 minutes 2.5 seconds',
              TIMESTAMP '2012-01-03 01:05:02.5', TIMESTAMP '2012-01-01 00:00:00')) AS v (i, b, a))";
        for (part, wanted) in [
            ("millisecond", "2500"),
            ("ms", "2500"),
            ("microseconds", "2500000"),
            ("nanosecond", "2500000000"),
            ("second", "2"),
        ] {
            for what in ["INTERVAL '1 day 3 minutes 2.5 seconds'", "i", "b - a"] {
                let sql = format!("SELECT date_part('{part}', {what}) FROM {columns}");
                let batches = session.collect(&sql).await.unwrap();
                let found = array_value_to_string(batches[0].column(0), 0).unwrap();
                assert_eq!(found, wanted, "{sql}");
            }
        }
        for (sql, wanted) in [
            ("extract(millisecond FROM INTERVAL '2.5 seconds')", "2500"),
            ("extract(nanosecond FROM INTERVAL '-1.25 seconds')", "-1250000000"),
            ("date_part('millisecond', NULL::interval) IS NULL", "true"),
            ("extract(epoch FROM INTERVAL '2.5 seconds')", "2.5"),
            ("extract(epoch FROM INTERVAL '1 day 2.5 seconds')", "86402.5"),
            ("extract(epoch FROM INTERVAL '1 year')", "31557600.0"),
            ("epoch(INTERVAL '14 months 3 days 1.5 seconds')", "37000801.5"),
            ("date_part('epoch', INTERVAL '-14 months')", "-36741600.0"),
            ("extract(epoch FROM INTERVAL '360 days')", "31104000.0"),
            ("extract(epoch FROM NULL::interval) IS NULL", "true"),
        ] {
            let batches = session.collect(&format!("SELECT {sql}")).await.unwrap();
            let found = array_value_to_string(batches[0].column(0), 0).unwrap();
            assert_eq!(found, wanted, "{sql}");
        }
    }
}
