//! `date_trunc` that remembers: the engine's own looks the time zone up for every
//! row, which costs ten times the rest of a count by day.
//!
//! Where no clocks are changed around the beginning and the end of a day, a month or
//! another period, its first and its last instant are those of the calendar, and every
//! instant between them has the same beginning. For all others the engine's own is asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime, Weekday};
use datafusion::arrow::array::{ArrayRef, AsArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::TimestampMicrosecondType;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::functions::datetime::date_trunc;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};

use super::remembered_part::{MICROS_PER_DAY, Offsets, zone_of};
use super::wrapped::wrapped;

/// The first day of the period of a day, and that of the next one.
type Period = fn(NaiveDate) -> Option<(NaiveDate, NaiveDate)>;

/// The units that are worth remembering; finer ones need no calendar, and an hour
/// may come twice where clocks are put back.
const UNITS: [(&str, Period); 5] = [
    ("day", |day| Some((day, day.succ_opt()?))),
    ("week", |day| {
        let week = day.week(Weekday::Mon);
        Some((week.checked_first_day()?, week.checked_last_day()?.succ_opt()?))
    }),
    ("month", |day| months(day, 1)),
    ("quarter", |day| months(day, 3)),
    ("year", |day| months(day, 12)),
];

/// Instants that are nearer to 1970 than so many microseconds, 285 years, are those of
/// which the engine can truncate any: it counts nanoseconds.
const NEAR: i64 = 9_000_000_000_000_000;

/// `date_trunc` with a memory.
pub(super) fn function() -> ScalarUDF {
    wrapped(date_trunc(), call)
}

fn call(engine: &ScalarUDF, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
    let [ColumnarValue::Scalar(unit), ColumnarValue::Array(instants)] = args.args.as_slice() else {
        return engine.invoke_with_args(args);
    };
    let (Some(period), Some(zone)) = (remembered(unit), zone_of(instants.data_type())) else {
        return engine.invoke_with_args(args);
    };
    truncate(engine, instants, Memory::of(period, zone)?, &args).map(ColumnarValue::Array)
}

/// The periods of `unit`, if they are worth remembering.
fn remembered(unit: &ScalarValue) -> Option<Period> {
    let unit = unit.try_as_str().flatten()?.to_lowercase();
    UNITS.into_iter().find(|(name, _)| *name == unit).map(|(_, period)| period)
}

/// The period of `length` months, counted from the beginning of the year, of `day`.
fn months(day: NaiveDate, length: u32) -> Option<(NaiveDate, NaiveDate)> {
    let first = NaiveDate::from_ymd_opt(day.year(), day.month0() / length * length + 1, 1)?;
    Some((first, first.checked_add_months(Months::new(length))?))
}

fn truncate(
    engine: &ScalarUDF,
    instants: &ArrayRef,
    mut memory: Memory,
    args: &ScalarFunctionArgs,
) -> Result<ArrayRef> {
    let instants = instants.as_primitive::<TimestampMicrosecondType>();
    let zone = Arc::clone(&memory.zone);
    let ask = |instant: i64| {
        let mut args = args.clone();
        let value = ScalarValue::TimestampMicrosecond(Some(instant), Some(Arc::clone(&zone)));
        args.args[1] = ColumnarValue::Scalar(value);
        match engine.invoke_with_args(args)? {
            ColumnarValue::Scalar(ScalarValue::TimestampMicrosecond(Some(start), _)) => Ok(start),
            other => exec_err!("date_trunc gave {other:?} for an instant"),
        }
    };
    let truncated = instants
        .iter()
        .map(|instant| instant.map(|instant| memory.start(instant, ask)).transpose())
        .collect::<Result<TimestampMicrosecondArray>>()?;
    Ok(Arc::new(truncated.with_timezone(Arc::clone(&zone))))
}

/// The periods known so far.
#[derive(Debug)]
struct Memory {
    period: Period,
    zone: Arc<str>,
    offsets: Offsets,
    /// By the first instant of each the last one.
    known: BTreeMap<i64, i64>,
    /// The period that was asked for last; rows mostly come in order.
    last: Option<(i64, i64)>,
}

impl Memory {
    fn of(period: Period, zone: Arc<str>) -> Result<Self> {
        let offsets = Offsets::of(&zone)?;
        Ok(Self { period, zone, offsets, known: BTreeMap::new(), last: None })
    }

    /// The beginning of the period of `instant`, for which the engine may be asked.
    fn start(&mut self, instant: i64, ask: impl Fn(i64) -> Result<i64>) -> Result<i64> {
        let holds = |(start, end): &(i64, i64)| *start <= instant && instant <= *end;
        if let Some((start, _)) = self.last.filter(holds) {
            return Ok(start);
        }
        let below = self.known.range(..=instant).next_back().map(|(start, end)| (*start, *end));
        let period = match below.filter(holds) {
            Some(period) => period,
            None => {
                let Some(period) = self.plain_period(instant)?.filter(holds) else {
                    return ask(instant);
                };
                self.known.insert(period.0, period.1);
                period
            }
        };
        self.last = Some(period);
        Ok(period.0)
    }

    /// The first and the last instant of the period of `instant`, if clocks are not changed
    /// within a day of either. What they do in between leads nowhere else: no zone has put
    /// its clocks on or back by more than a day.
    fn plain_period(&mut self, instant: i64) -> Result<Option<(i64, i64)>> {
        if !(-NEAR..NEAR).contains(&instant) {
            return Ok(None);
        }
        let local = DateTime::from_timestamp_micros(instant + self.offsets.at(instant)?);
        let Some((first, next)) = local.and_then(|local| (self.period)(local.date_naive())) else {
            return Ok(None);
        };
        let (Some(start), Some(end)) = (self.midnight(first)?, self.midnight(next)?) else {
            return Ok(None);
        };
        Ok(Some((start, end - 1)))
    }

    /// The instant at which `day` begins, if clocks are not changed within a day of it.
    fn midnight(&mut self, day: NaiveDate) -> Result<Option<i64>> {
        let local = day.and_time(NaiveTime::MIN).and_utc().timestamp_micros();
        let Some(offset) = self.offsets.all_day(local)? else { return Ok(None) };
        let instant = local - offset;
        for around in [instant - MICROS_PER_DAY, instant, instant + MICROS_PER_DAY] {
            if self.offsets.all_day(around)? != Some(offset) {
                return Ok(None);
            }
        }
        Ok(Some(instant))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::engine::answers::without_and_with;

    /// Instants of 1900 to 2030, in order and not, around clock changes and
    /// with NULLs, give what the engine's own function gives.
    #[tokio::test]
    async fn the_answer_is_the_engines_own_in_every_zone_and_unit() {
        let zones = [
            "Asia/Shanghai",
            "America/Sao_Paulo",
            "America/St_Johns",
            "Europe/London",
            "Asia/Beirut",
            "Pacific/Apia",
            "+05:45",
        ];
        for zone in zones {
            for (unit, _) in UNITS {
                let sql = format!(
                    "SELECT t, date_trunc('{unit}', t) AS d FROM (SELECT arrow_cast(
                       CASE WHEN value % 97 = 0 THEN NULL
                            ELSE ((value * 7919) % 40000) * 102517389000 - 2208988800000000 END,
                       'Timestamp(Microsecond, Some(\"{zone}\"))') AS t
                     FROM generate_series(1, 40000))"
                );
                let answers = without_and_with(function(), &sql).await;
                assert!(answers[0] == answers[1], "{zone} {unit}");
                assert!(answers[0].lines().count() > 40_000);
            }
        }
    }

    /// Asks for the beginning of the period of each instant, and tells how often the engine
    /// was asked.
    fn asked_of(unit: &str, zone: &str, instants: impl Iterator<Item = i64>) -> usize {
        let unit = ScalarValue::from(unit);
        let mut memory = Memory::of(remembered(&unit).unwrap(), zone.into()).unwrap();
        let asked = Cell::new(0);
        for instant in instants {
            let ask = |instant| {
                asked.set(asked.get() + 1);
                Ok(instant)
            };
            memory.start(instant, ask).unwrap();
        }
        asked.get()
    }

    /// The hours of 2012, by which each day comes several times.
    fn hours() -> impl DoubleEndedIterator<Item = i64> {
        (0..366 * 24).map(|hour| 1_325_376_000_000_000 + hour * 3_600_000_000)
    }

    #[test]
    fn the_engine_is_asked_around_changes_of_clocks_only() {
        for (unit, _) in UNITS {
            assert_eq!(asked_of(unit, "Asia/Shanghai", hours()), 0, "{unit}");
            assert_eq!(asked_of(unit, "+08:00", hours().rev()), 0, "{unit}");
        }
        // Not for the year, which begins and ends in winter.
        assert_eq!(asked_of("year", "Europe/London", hours()), 0);
        let asked = asked_of("day", "Europe/London", hours());
        assert!((24..24 * 10).contains(&asked), "{asked}");
    }

    #[test]
    fn what_is_too_far_for_the_engine_is_asked_of_it() {
        assert_eq!(asked_of("day", "Asia/Shanghai", [i64::MIN, i64::MAX].into_iter()), 2);
    }
}
