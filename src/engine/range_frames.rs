//! Frames of values that are counted in numbers: `OVER (ORDER BY day RANGE BETWEEN 6
//! PRECEDING AND CURRENT ROW)`.
//!
//! Beside a date the engine takes the number for months. Here it counts days, as in
//! arithmetic with dates. Beside a time nothing says what it counts, and it is refused.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, WindowFrameBound, WindowFrameUnits,
};
use datafusion::optimizer::AnalyzerRule;

use super::rewrite;
use crate::error::Error;

/// The rule, for plans as they were written.
#[derive(Debug)]
pub(super) struct CountDays;

impl AnalyzerRule for CountDays {
    fn name(&self) -> &'static str {
        "count_days"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite::expressions(plan, &count)
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
    Ok(Transformed::new_transformed(expression, is_changed))
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
