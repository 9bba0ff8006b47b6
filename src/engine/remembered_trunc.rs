//! `date_trunc` that remembers: the engine's own looks the time zone up for every
//! row, which costs ten times the rest of a count by day.
//!
//! Truncation never goes backwards as time goes on. So between the beginning of a
//! day and the latest instant known to fall on it, every instant falls on it, and
//! the engine's function is asked only for the first instant of each day, and
//! for those beyond what is known.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::TimestampMicrosecondType;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::functions::datetime::date_trunc;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};

use super::remembered_part::zone_of;
use super::wrapped::wrapped;

/// The units that are worth remembering; finer ones need no calendar, and an hour
/// may come twice where clocks are put back.
const UNITS: [&str; 5] = ["day", "week", "month", "quarter", "year"];

/// `date_trunc` with a memory.
pub(super) fn function() -> ScalarUDF {
    wrapped(date_trunc(), call)
}

fn call(engine: &ScalarUDF, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
    let [ColumnarValue::Scalar(unit), ColumnarValue::Array(instants)] = args.args.as_slice() else {
        return engine.invoke_with_args(args);
    };
    let (true, Some(zone)) = (is_remembered(unit), zone_of(instants.data_type())) else {
        return engine.invoke_with_args(args);
    };
    truncate(engine, instants, &zone, &args).map(ColumnarValue::Array)
}

fn is_remembered(unit: &ScalarValue) -> bool {
    let unit = unit.try_as_str().flatten().map(str::to_lowercase);
    unit.is_some_and(|unit| UNITS.contains(&unit.as_str()))
}

fn truncate(
    engine: &ScalarUDF,
    instants: &ArrayRef,
    zone: &Arc<str>,
    args: &ScalarFunctionArgs,
) -> Result<ArrayRef> {
    let instants = instants.as_primitive::<TimestampMicrosecondType>();
    let ask = |instant: i64| {
        let mut args = args.clone();
        let value = ScalarValue::TimestampMicrosecond(Some(instant), Some(Arc::clone(zone)));
        args.args[1] = ColumnarValue::Scalar(value);
        match engine.invoke_with_args(args)? {
            ColumnarValue::Scalar(ScalarValue::TimestampMicrosecond(Some(start), _)) => Ok(start),
            other => exec_err!("date_trunc gave {other:?} for an instant"),
        }
    };
    let mut memory = Memory::default();
    let truncated = instants
        .iter()
        .map(|instant| instant.map(|instant| memory.start(instant, ask)).transpose())
        .collect::<Result<TimestampMicrosecondArray>>()?;
    Ok(Arc::new(truncated.with_timezone(Arc::clone(zone))))
}

/// The periods known so far: the first instant of each, and the latest that is
/// known to fall into it.
#[derive(Debug, Default)]
struct Memory {
    periods: BTreeMap<i64, i64>,
    /// The period that was asked for last; rows mostly come in order.
    last: Option<(i64, i64)>,
}

impl Memory {
    /// The beginning of the period of `instant`.
    fn start(&mut self, instant: i64, ask: impl Fn(i64) -> Result<i64>) -> Result<i64> {
        let falls_into = |(start, latest): (i64, i64)| start <= instant && instant <= latest;
        if let Some(period) = self.last.filter(|period| falls_into(*period)) {
            return Ok(period.0);
        }
        let below = self.periods.range(..=instant).next_back().map(|(start, end)| (*start, *end));
        if let Some(period) = below.filter(|period| falls_into(*period)) {
            self.last = Some(period);
            return Ok(period.0);
        }
        let start = ask(instant)?;
        // Where clocks jump at midnight a day may not begin with its own start;
        // such a day is not remembered.
        if start <= instant && (self.periods.contains_key(&start) || ask(start)? == start) {
            self.periods.insert(start, instant);
            self.last = Some((start, instant));
        }
        Ok(start)
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::engine::answers::without_and_with;

    /// Instants of 1900 to 2030, in order and not, around clock changes and
    /// with NULLs, give what the engine's own function gives.
    #[tokio::test]
    async fn the_answer_is_the_engines_own_in_every_zone_and_unit() {
        let zones =
            ["Asia/Shanghai", "America/Sao_Paulo", "Europe/London", "Asia/Beirut", "+05:45"];
        for zone in zones {
            for unit in UNITS {
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
}
