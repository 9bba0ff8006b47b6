//! Casts that put values in another order: a number's text, an instant's time of day.
//!
//! The engine takes the extremes of a column, cast, for those of the cast column: it
//! answers `min(posted_at::time)` with the time of the first post, and leaves out files
//! and row groups by it. Below such a cast a rule puts a function that gives what it is
//! given, of which the engine knows no extremes.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{Cast, TryCast};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

use super::hidden::Hidden;
use super::rewrite;

/// The rule.
#[derive(Debug)]
pub(super) struct HideExtremes;

impl AnalyzerRule for HideExtremes {
    fn name(&self) -> &'static str {
        "hide_extremes"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let is_cast = |part: &Expr| rewrite::type_of_cast(part).is_some();
        rewrite::some_expressions(plan, is_cast, &hide)
    }
}

fn hide(mut expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let (Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field })) =
        &mut expression
    else {
        return Ok(Transformed::no(expression));
    };
    // Only of columns, cast or not, are extremes known.
    if !is_column(expr) {
        return Ok(Transformed::no(expression));
    }
    match expr.get_type(schema) {
        Ok(from) if reorders(&from, field.data_type()) => {
            **expr = hidden(*expr.clone());
            Ok(Transformed::yes(expression))
        }
        _ => Ok(Transformed::no(expression)),
    }
}

/// The same value, of which the engine knows nothing.
pub(super) fn hidden(expression: Expr) -> Expr {
    SAME.of(expression)
}

fn is_column(expression: &Expr) -> bool {
    match expression {
        Expr::Column(_) => true,
        Expr::Cast(Cast { expr, .. }) | Expr::TryCast(TryCast { expr, .. }) => is_column(expr),
        _ => false,
    }
}

/// Whether values in order may be in another one after a cast.
fn reorders(from: &DataType, to: &DataType) -> bool {
    let is_time = |kind: &DataType| matches!(kind, DataType::Time32(_) | DataType::Time64(_));
    from.is_string() != to.is_string()
        || is_time(to) && !is_time(from)
        || *to == DataType::Boolean && *from != DataType::Boolean
}

/// The function that gives what it is given.
pub(super) static SAME: Hidden = Hidden {
    name: "same",
    returns: |kind| Ok(kind.clone()),
    compute: |values| Ok(Arc::clone(values)),
};

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::display::array_value_to_string;

    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn extremes_of_a_file_are_not_taken_for_those_of_cast_values() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.parquet").display().to_string();
        let session = Session::new(None, Settings::default()).unwrap();
        let copy = format!(
            "COPY (SELECT * FROM (VALUES
               (9, '10', TIMESTAMP '2012-08-27 23:00:00'),
               (10, '9', TIMESTAMP '2012-08-28 01:00:00'),
               (-1, '7', TIMESTAMP '2012-08-29 12:00:00')) AS t (n, s, at)) TO '{file}'"
        );
        session.collect(&copy).await.unwrap();
        for (what, wanted) in [
            ("max(n::text)", "9"),
            ("min(n::text)", "-1"),
            ("max(s::int)", "10"),
            ("min(at::time)", "01:00:00"),
            ("max(at::time)", "23:00:00"),
            ("count(*) FILTER (WHERE at::time > TIME '12:30:00')", "1"),
        ] {
            let batches = session.collect(&format!("SELECT {what} FROM '{file}'")).await.unwrap();
            let found = array_value_to_string(batches[0].column(0), 0).unwrap();
            assert_eq!(found, wanted, "{what}");
        }
        for (condition, rows) in [
            ("at::time > TIME '12:30:00'", "1"),
            ("at::time < TIME '02:00:00'", "1"),
            ("n::text = '10'", "1"),
            ("s::int > 8", "2"),
        ] {
            let sql = format!("SELECT count(*) FROM '{file}' WHERE {condition}");
            let batches = session.collect(&sql).await.unwrap();
            let found = array_value_to_string(batches[0].column(0), 0).unwrap();
            assert_eq!(found, rows, "{condition}");
        }
    }
}
