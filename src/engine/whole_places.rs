//! `round(x, 1)`: the type of a rounded decimal hangs on the places that are asked for, which
//! the engine knows only where they are a number of its own width. A number that is written
//! out it casts, and so plans another type than it gives in the end: then the comparison of
//! `round(x, 1)` with another decimal fails, or finds nothing.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

use super::rewrite;

/// The rule.
#[derive(Debug)]
pub(super) struct WholePlaces;

impl AnalyzerRule for WholePlaces {
    fn name(&self) -> &'static str {
        "whole_places"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite::some_expressions(plan, is_round, &places)
    }
}

fn is_round(part: &Expr) -> bool {
    matches!(part, Expr::ScalarFunction(call) if matches!(call.func.name(), "round" | "trunc"))
}

fn places(expression: Expr, _: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::ScalarFunction(mut call) = expression else { return Ok(Transformed::no(expression)) };
    let places = match call.args.get(1) {
        Some(Expr::Literal(ScalarValue::Int64(Some(places)), _)) => i32::try_from(*places).ok(),
        _ => None,
    };
    Ok(match places {
        Some(places) => {
            call.args[1] = Expr::Literal(ScalarValue::Int32(Some(places)), None);
            Transformed::yes(Expr::ScalarFunction(call))
        }
        None => Transformed::no(Expr::ScalarFunction(call)),
    })
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::{answer, value};
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn rounded_decimals_are_compared() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (VALUES (1.25), (2.07)) AS t (m)";
        let sql = format!("SELECT count(*) {from} WHERE round(m, 1) > 1.5");
        assert_eq!(value(&session, &sql).await, "1");
        assert_eq!(value(&session, "SELECT round(1.25, 1) = 1.3").await, "true");
        let sql = format!("SELECT m {from} JOIN (VALUES (1.3)) AS u (d) ON round(m, 1) = d");
        assert_eq!(answer(&session, &sql).await, ["m", "1.25"]);
        let sql = format!("SELECT round(sum(m), -1), round(m, 5) {from} GROUP BY m ORDER BY m");
        assert_eq!(answer(&session, &sql).await.len(), 3);
    }
}
