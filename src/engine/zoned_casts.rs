//! Dates and times without a zone mean the session's zone, also beside an
//! instant: `posted_at >= DATE '2012-08-27'` begins at midnight there, and
//! `CAST(posted_at AS TIMESTAMP)` is the time on the wall. The engine's own casts
//! go by UTC.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{Cast, ScalarFunction, TryCast};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, cast};
use datafusion::optimizer::AnalyzerRule;

use super::rewrite;

/// The rule.
#[derive(Debug)]
pub(super) struct CastInZone;

impl AnalyzerRule for CastInZone {
    fn name(&self) -> &'static str {
        "cast_in_zone"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite::expressions(plan, in_zone)
    }
}

fn in_zone(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
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
        _ => return Ok(Transformed::no(expression)),
    };
    Ok(Transformed::yes(match expression {
        Expr::TryCast(_) => {
            Expr::TryCast(TryCast::new_from_field(Box::new(inner), Arc::clone(field)))
        }
        _ => Expr::Cast(Cast::new_from_field(Box::new(inner), Arc::clone(field))),
    }))
}
