//! Dates and times without a zone mean the session's zone, also beside an
//! instant: `posted_at >= DATE '2012-08-27'` begins at midnight there, and
//! `CAST(posted_at AS TIMESTAMP)` is the time on the wall. The engine's own casts
//! go by UTC. Texts that tell a time with its zone are instants, too.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{Cast, ScalarFunction, TryCast};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, cast};
use datafusion::optimizer::AnalyzerRule;

use super::{rewrite, zoned_texts};

/// The rule.
#[derive(Debug)]
pub(super) struct CastInZone;

impl AnalyzerRule for CastInZone {
    fn name(&self) -> &'static str {
        "cast_in_zone"
    }

    fn analyze(&self, plan: LogicalPlan, config: &ConfigOptions) -> Result<LogicalPlan> {
        let zone = config.execution.time_zone.as_deref();
        rewrite::expressions(plan, &|expression, schema| in_zone(expression, schema, zone))
    }
}

/// A cast as it is meant in the session's `zone`.
fn in_zone(expression: Expr, schema: &DFSchema, zone: Option<&str>) -> Result<Transformed<Expr>> {
    if let Some(day) = zone.and_then(|zone| day_of_text(&expression, schema, zone)) {
        return Ok(Transformed::yes(day));
    }
    let (Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field })) = &expression
    else {
        return Ok(Transformed::no(expression));
    };
    let Ok(from) = expr.get_type(schema) else { return Ok(Transformed::no(expression)) };
    let inner = match (&from, field.data_type()) {
        // By way of a time without zone, which the next cast reads in the zone.
        (DataType::Date32 | DataType::Date64, DataType::Timestamp(_, Some(_))) => {
            cast(expr.as_ref().clone(), DataType::Timestamp(TimeUnit::Microsecond, None))
        }
        (DataType::Timestamp(_, Some(_)), DataType::Timestamp(_, None)) => {
            let local = datafusion::functions::datetime::to_local_time();
            let call = ScalarFunction::new_udf(local, vec![expr.as_ref().clone()]);
            Expr::ScalarFunction(call)
        }
        (from, DataType::Date32 | DataType::Timestamp(_, None)) if from.is_string() => {
            match zone.and_then(|zone| zoned_texts::on_the_wall(expr, zone)) {
                Some(text) => text,
                None => return Ok(Transformed::no(expression)),
            }
        }
        _ => return Ok(Transformed::no(expression)),
    };
    Ok(Transformed::yes(match expression {
        Expr::TryCast(_) => {
            Expr::TryCast(TryCast::new_from_field(Box::new(inner), Arc::clone(field)))
        }
        _ => Expr::Cast(Cast::new_from_field(Box::new(inner), Arc::clone(field))),
    }))
}

/// `to_date` of a text, which is a cast by another name, as it is meant in `zone`.
fn day_of_text(expression: &Expr, schema: &DFSchema, zone: &str) -> Option<Expr> {
    let Expr::ScalarFunction(call) = expression else { return None };
    let [text] = call.args.as_slice() else { return None };
    if call.func.name() != "to_date" || !text.get_type(schema).ok()?.is_string() {
        return None;
    }
    let text = zoned_texts::on_the_wall(text, zone)?;
    Some(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&call.func), vec![text])))
}
