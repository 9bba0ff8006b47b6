//! `to_char` that writes what looks alike once: the engine's own looks the time zone up
//! and goes through the pattern for every row.
//!
//! What a pattern makes of a time depends on what the clock on the wall shows then. If it
//! has no minutes, all times of an hour there give one text, and if it has no hours, all
//! times of a day do. The engine is asked for the first of each in a batch. A pattern with
//! seconds or with the zone is left to the engine.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::format::{Fixed, Item, Numeric, StrftimeItems};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray, UInt64Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{
    DataType, TimeUnit, TimestampMicrosecondType, TimestampNanosecondType,
};
use datafusion::common::Result;
use datafusion::functions::datetime::to_char;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};

use super::remembered_part::local_times;
use super::wrapped::wrapped;

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// `to_char`.
pub(super) fn function() -> ScalarUDF {
    wrapped(to_char(), call)
}

fn call(engine: &ScalarUDF, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
    let [ColumnarValue::Array(times), ColumnarValue::Scalar(pattern)] = args.args.as_slice() else {
        return engine.invoke_with_args(args);
    };
    let times = Arc::clone(times);
    let unit = pattern.try_as_str().flatten().and_then(unit);
    let Some((unit, shown)) = unit.zip(shown(&times)) else {
        return engine.invoke_with_args(args);
    };
    let Alike { firsts, places } = Alike::of(&shown, unit);
    if firsts.len() > times.len() / 2 {
        return engine.invoke_with_args(args);
    }
    let rows = firsts.len();
    args.args[0] = ColumnarValue::Array(take(times.as_ref(), &firsts, None)?);
    args.number_rows = rows;
    let texts = engine.invoke_with_args(args)?.into_array(rows)?;
    Ok(ColumnarValue::Array(take(texts.as_ref(), &places, None)?))
}

/// For how many microseconds of the clock on the wall what `pattern` writes stays the same,
/// if that is worth remembering.
fn unit(pattern: &str) -> Option<i64> {
    StrftimeItems::new(pattern).try_fold(DAY, |shortest, item| Some(shortest.min(unit_of(&item)?)))
}

fn unit_of(item: &Item<'_>) -> Option<i64> {
    match item {
        Item::Literal(_) | Item::Space(_) => Some(DAY),
        Item::Numeric(
            Numeric::Year
            | Numeric::YearDiv100
            | Numeric::YearMod100
            | Numeric::IsoYear
            | Numeric::IsoYearDiv100
            | Numeric::IsoYearMod100
            | Numeric::Quarter
            | Numeric::Month
            | Numeric::Day
            | Numeric::WeekFromSun
            | Numeric::WeekFromMon
            | Numeric::IsoWeek
            | Numeric::NumDaysFromSun
            | Numeric::WeekdayFromMon
            | Numeric::Ordinal,
            _,
        ) => Some(DAY),
        Item::Fixed(
            Fixed::ShortMonthName
            | Fixed::LongMonthName
            | Fixed::ShortWeekdayName
            | Fixed::LongWeekdayName,
        ) => Some(DAY),
        Item::Numeric(Numeric::Hour | Numeric::Hour12, _)
        | Item::Fixed(Fixed::LowerAmPm | Fixed::UpperAmPm) => Some(HOUR),
        Item::Numeric(Numeric::Minute, _) => Some(MINUTE),
        // Seconds hardly come twice, and of an hour that comes twice, as clocks are put
        // back, the zone tells which it is.
        _ => None,
    }
}

/// What clocks on the wall show at each of `times`, in microseconds, if they are instants
/// or dates with a time.
fn shown(times: &ArrayRef) -> Option<TimestampMicrosecondArray> {
    let DataType::Timestamp(unit, zone) = times.data_type() else { return None };
    let micros: TimestampMicrosecondArray = match unit {
        TimeUnit::Microsecond => times.as_primitive::<TimestampMicrosecondType>().clone(),
        TimeUnit::Nanosecond => {
            let nanos = times.as_primitive::<TimestampNanosecondType>();
            nanos.unary(|nanos| nanos.div_euclid(1000))
        }
        _ => return None,
    };
    match zone {
        Some(zone) => local_times(&(Arc::new(micros) as ArrayRef), zone).ok(),
        None => Some(micros),
    }
}

/// Which times are written alike.
struct Alike {
    /// The rows of the first of each.
    firsts: UInt64Array,
    /// For each time its place among these.
    places: UInt64Array,
}

impl Alike {
    /// Those of `shown` that are of one unit.
    fn of(shown: &TimestampMicrosecondArray, unit: i64) -> Self {
        let (mut known, mut firsts) = (HashMap::<i64, u64>::new(), Vec::<u64>::new());
        // The unit that came last; rows mostly come in order.
        let mut last: Option<(i64, u64)> = None;
        let places = shown.iter().enumerate().map(|(row, time)| {
            let number = time?.div_euclid(unit);
            if let Some((_, place)) = last.filter(|(last, _)| *last == number) {
                return Some(place);
            }
            let place = *known.entry(number).or_insert_with(|| {
                firsts.push(row as u64);
                firsts.len() as u64 - 1
            });
            last = Some((number, place));
            Some(place)
        });
        let places: UInt64Array = places.collect();
        Self { firsts: UInt64Array::from(firsts), places }
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::engine::answers::{answer, without_and_with};
    use crate::engine::{Session, Settings};

    const PATTERNS: [&str; 12] = [
        "%Y-%m",
        "%Y-%m-%d",
        "%A %B %e",
        "%G-W%V %u %w %j %U %W %q %C %y",
        "week %V, 100%%",
        "no directive",
        "%D %F",
        "%Y-%m-%d %H",
        "%I %p %P",
        "%R",
        "%H:%M:%S%.3f %f",
        "%Y-%m-%d %H %z",
    ];

    /// Instants of 1900 to 2030, in order and not, around clock changes and with NULLs,
    /// are written as the engine writes them.
    #[tokio::test]
    async fn the_text_is_the_engines_own_in_every_zone_and_for_every_pattern() {
        let times = [
            "((value * 7919) % 400) * 10251738900000 + value * 1234567 - 2208988800000000",
            // Clocks are changed in March, and in October.
            "1332460800000000 + value * 41000000",
            "1350604800000000 + value * 67000000",
        ];
        for zone in ["Asia/Shanghai", "America/Sao_Paulo", "Europe/London", "+05:45", ""] {
            let zoned = if zone.is_empty() { "None".into() } else { format!("Some(\"{zone}\")") };
            for (time, unit) in times.iter().zip(["Microsecond", "Microsecond", "Nanosecond"]) {
                let columns: Vec<String> = PATTERNS
                    .iter()
                    .filter(|pattern| !zone.is_empty() || !pattern.contains("%z"))
                    .enumerate()
                    .map(|(number, pattern)| format!("to_char(t, '{pattern}') AS t{number}"))
                    .collect();
                let sql = format!(
                    "SELECT {} FROM (SELECT arrow_cast(arrow_cast(
                       CASE WHEN value % 97 = 0 THEN NULL ELSE {time} END,
                       'Timestamp(Microsecond, {zoned})'), 'Timestamp({unit}, {zoned})') AS t
                     FROM generate_series(1, 20000))",
                    columns.join(", ")
                );
                let answers = without_and_with(function(), &sql).await;
                assert!(answers[0] == answers[1], "{zone} {time}");
                assert!(answers[0].lines().count() > 20_000);
            }
        }
    }

    #[test]
    fn times_of_a_day_or_of_an_hour_are_written_once() {
        let hours = (0..48).map(|hour| (hour != 7).then_some(hour * HOUR + MINUTE));
        let hours: TimestampMicrosecondArray = hours.collect();
        for (pattern, texts) in [("%Y-%m-%d", 2), ("%d. %H", 47), ("%M", 47)] {
            let alike = Alike::of(&hours, unit(pattern).unwrap());
            assert_eq!(alike.firsts.len(), texts, "{pattern}");
            assert_eq!((alike.places.len(), alike.places.null_count()), (48, 1), "{pattern}");
        }
        for pattern in ["%S", "%T", "%c", "%+", "%s", "%f", "%.3f", "%Z", "%z", "%Y %Q", "%"] {
            assert_eq!(unit(pattern), None, "{pattern}");
        }
    }

    #[tokio::test]
    async fn no_rows_and_unknown_times_and_other_kinds_of_time_are_written_as_before() {
        let session = Session::new(None, Settings::default()).unwrap();
        let days = "SELECT CASE WHEN value < 4 THEN TIMESTAMPTZ '2012-08-26 23:30:00' +
            INTERVAL '20 minutes' * value END AS t FROM generate_series(1, 5)";
        for (asked, wanted) in [
            (
                "SELECT to_char(t, '%d') AS d FROM days ORDER BY t",
                &["d", "26", "27", "27", "", ""][..],
            ),
            ("SELECT strftime(t, '%A') AS d FROM days WHERE t IS NULL", &["d", "", ""]),
            (
                "SELECT count(dayname(t)) AS d FROM days WHERE t < TIMESTAMP '2012-01-01'",
                &["d", "0"],
            ),
            ("SELECT max(to_char(CAST(t AS DATE), '%m')) AS d FROM days", &["d", "08"]),
        ] {
            let sql = format!("WITH days AS ({days}) {asked}");
            assert_eq!(answer(&session, &sql).await, wanted, "{sql}");
        }
    }
}
