//! Frames of values that are counted in numbers: `OVER (ORDER BY day RANGE BETWEEN 6
//! PRECEDING AND CURRENT ROW)`.
//!
//! Beside a date the engine takes the number for months. Here it counts days, as in
//! arithmetic with dates. Beside a time nothing says what it counts, and it is refused.
//!
//! What an interval has below a day the engine drops beside a date. Here it is rounded to
//! whole days, so that the same dates are in the frame: none lies between two days.

use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNano, IntervalUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, WindowFrame, WindowFrameBound, WindowFrameUnits,
};
use datafusion::optimizer::AnalyzerRule;

use super::rewrite;
use crate::error::Error;

/// The nanoseconds of a day.
const DAY: i64 = 86_400_000_000_000;

/// The rule, for plans as they were written.
#[derive(Debug)]
pub(super) struct CountDays;

impl AnalyzerRule for CountDays {
    fn name(&self) -> &'static str {
        "count_days"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let is_window = |part: &Expr| matches!(part, Expr::WindowFunction(_));
        rewrite::some_expressions(plan, is_window, &count)
    }
}

fn count(mut expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::WindowFunction(window) = &mut expression else {
        return Ok(Transformed::no(expression));
    };
    let params = &mut window.params;
    let kind = params.order_by.first().and_then(|by| by.expr.get_type(schema).ok());
    let frame = &mut params.window_frame;
    let (Some(kind), WindowFrameUnits::Range) = (kind, frame.units) else {
        return Ok(Transformed::no(expression));
    };
    let mut is_changed = false;
    for bound in [&mut frame.start_bound, &mut frame.end_bound] {
        if let WindowFrameBound::Preceding(ScalarValue::Utf8(Some(length)))
        | WindowFrameBound::Following(ScalarValue::Utf8(Some(length))) = bound
            && length.parse::<f64>().is_ok()
        {
            is_changed |= name_unit(length, &kind)?;
        }
    }
    if matches!(kind, DataType::Date32 | DataType::Date64) {
        is_changed |= round(frame)?;
    }
    Ok(Transformed::new_transformed(expression, is_changed))
}

/// Rounds the lengths of a `frame` of dates to whole days.
fn round(frame: &mut WindowFrame) -> Result<bool> {
    let written = frame.clone();
    // A longer one lets more in where the frame begins before a row or ends behind it, and
    // fewer where it begins behind the row or ends before it.
    let start = match &mut frame.start_bound {
        WindowFrameBound::Preceding(length) => to_days(length, Rounding::Down),
        WindowFrameBound::Following(length) => to_days(length, Rounding::Up),
        WindowFrameBound::CurrentRow => false,
    };
    let end = match &mut frame.end_bound {
        WindowFrameBound::Preceding(length) => to_days(length, Rounding::Up),
        WindowFrameBound::Following(length) => to_days(length, Rounding::Down),
        WindowFrameBound::CurrentRow => false,
    };
    if (start || end) && is_never(frame) {
        let message = format!(
            "no date lies between {} and {}: dates are whole days apart",
            told(&written.start_bound),
            told(&written.end_bound)
        );
        return Err(DataFusionError::External(Box::new(
            Error::query(message).hint("write RANGE with whole days, or order by a time"),
        )));
    }
    Ok(start || end)
}

/// Which whole number of days stands for a length between two.
#[derive(Debug, Clone, Copy)]
enum Rounding {
    Down,
    Up,
}

/// Rounds `length` to whole days, if it has a part below a day.
fn to_days(length: &mut ScalarValue, rounding: Rounding) -> bool {
    let Some(by) = interval(length).filter(|by| by.nanoseconds != 0) else { return false };
    let whole = by.nanoseconds.div_euclid(DAY);
    let is_more = by.nanoseconds.rem_euclid(DAY) != 0;
    let days = match rounding {
        Rounding::Down => whole,
        Rounding::Up => whole + i64::from(is_more),
    };
    let text = format!("{} months {} days", by.months, i64::from(by.days) + days);
    *length = ScalarValue::Utf8(Some(text));
    true
}

/// The interval that a length is, if it is one: what is none the engine refuses.
fn interval(length: &ScalarValue) -> Option<IntervalMonthDayNano> {
    if length.is_null() {
        return None;
    }
    match length.cast_to(&DataType::Interval(IntervalUnit::MonthDayNano)) {
        Ok(ScalarValue::IntervalMonthDayNano(by)) => by,
        _ => None,
    }
}

/// Whether a frame begins behind its end, so that no date is ever in it.
fn is_never(frame: &WindowFrame) -> bool {
    let (near, far) = match (&frame.start_bound, &frame.end_bound) {
        (WindowFrameBound::Preceding(start), WindowFrameBound::Preceding(end)) => (end, start),
        (WindowFrameBound::Following(start), WindowFrameBound::Following(end)) => (start, end),
        _ => return false,
    };
    match (interval(near), interval(far)) {
        (Some(near), Some(far)) => near.months == far.months && near.days > far.days,
        _ => false,
    }
}

/// A bound as it was written.
fn told(bound: &WindowFrameBound) -> String {
    match bound {
        WindowFrameBound::Preceding(length) => format!("{length} PRECEDING"),
        WindowFrameBound::Following(length) => format!("{length} FOLLOWING"),
        WindowFrameBound::CurrentRow => "CURRENT ROW".to_owned(),
    }
}

/// Puts behind the number `length` what it counts beside a value of type `kind`, if the
/// engine would not know.
fn name_unit(length: &mut String, kind: &DataType) -> Result<bool> {
    match kind {
        DataType::Date32 | DataType::Date64 if length.parse::<u32>().is_ok() => {
            length.push_str(" days");
            Ok(true)
        }
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => {
            let message = format!("nothing says what {length} counts in RANGE between times");
            Err(DataFusionError::External(Box::new(
                Error::query(message)
                    .hint("write RANGE BETWEEN INTERVAL '1 day' PRECEDING AND CURRENT ROW"),
            )))
        }
        _ => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    const DAYS: &str = "(SELECT x::date AS d FROM (VALUES ('2012-01-01'), ('2012-01-02'),
                        ('2012-01-04'), ('2012-02-01')) AS v(x)) AS t";

    #[tokio::test(flavor = "multi_thread")]
    async fn a_number_beside_a_date_counts_days() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (frame, wanted) in [
            ("d RANGE BETWEEN 1 PRECEDING AND CURRENT ROW", ["1", "2", "1", "1"]),
            ("d RANGE 3 PRECEDING", ["1", "2", "3", "1"]),
            ("d RANGE BETWEEN CURRENT ROW AND 2 FOLLOWING", ["2", "2", "1", "1"]),
            ("d DESC RANGE BETWEEN 1 PRECEDING AND 2 FOLLOWING", ["2", "2", "2", "1"]),
            ("d RANGE BETWEEN INTERVAL '1 month' PRECEDING AND CURRENT ROW", ["1", "2", "3", "4"]),
            ("d - DATE '2012-01-01' RANGE 1 PRECEDING", ["1", "2", "1", "1"]),
            ("d ROWS 1 PRECEDING", ["1", "2", "2", "2"]),
        ] {
            let sql =
                format!("SELECT count(*) OVER (ORDER BY {frame}) AS n FROM {DAYS} ORDER BY d");
            assert_eq!(answer(&session, &sql).await[1..], wanted, "{frame}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_below_a_day_counts_beside_a_date() {
        let session = Session::new(None, Settings::default()).unwrap();
        let before = "INTERVAL '36 hours' PRECEDING AND INTERVAL '1 second' PRECEDING";
        let behind = "INTERVAL '12 hours' FOLLOWING AND UNBOUNDED FOLLOWING";
        for (frame, wanted) in [
            (format!("d RANGE BETWEEN {before}"), ["0", "1", "0", "0"]),
            (format!("d DESC RANGE BETWEEN {before}"), ["1", "0", "0", "0"]),
            (format!("d RANGE BETWEEN {behind}"), ["3", "2", "1", "0"]),
            (format!("d DESC RANGE BETWEEN {behind}"), ["0", "1", "2", "3"]),
            ("d RANGE INTERVAL '47 hours' PRECEDING".to_owned(), ["1", "2", "1", "1"]),
            ("d RANGE INTERVAL '48 hours' PRECEDING".to_owned(), ["1", "2", "2", "1"]),
            (
                "d RANGE BETWEEN CURRENT ROW AND INTERVAL '2 days 1 hour' FOLLOWING".to_owned(),
                ["2", "2", "1", "1"],
            ),
            (
                "d RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL '25 hours' PRECEDING".to_owned(),
                ["0", "0", "2", "3"],
            ),
            ("d RANGE INTERVAL '1 month 1 minute' PRECEDING".to_owned(), ["1", "2", "3", "4"]),
        ] {
            let sql =
                format!("SELECT count(*) OVER (ORDER BY {frame}) AS n FROM {DAYS} ORDER BY d");
            assert_eq!(answer(&session, &sql).await[1..], wanted, "{frame}");
        }
        let never = "INTERVAL '12 hours' PRECEDING AND INTERVAL '1 second' PRECEDING";
        let sql = format!("SELECT count(*) OVER (ORDER BY d RANGE BETWEEN {never}) FROM {DAYS}");
        let error = session.collect(&sql).await.unwrap_err();
        assert!(error.message().contains("no date lies between 12 hours PRECEDING"), "{error}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_number_beside_a_time_is_refused() {
        let session = Session::new(None, Settings::default()).unwrap();
        for by in ["d::timestamp", "d::timestamptz", "d::timestamp DESC"] {
            let sql = format!("SELECT count(*) OVER (ORDER BY {by} RANGE 1 PRECEDING) FROM {DAYS}");
            let error = session.collect(&sql).await.unwrap_err();
            assert!(error.message().contains("what 1 counts"), "{error}");
            assert!(error.advice().unwrap_or_default().contains("INTERVAL '1 day'"), "{error}");
        }
    }
}
