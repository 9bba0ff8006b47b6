//! `OVER (ORDER BY place RANGE BETWEEN 1 PRECEDING AND CURRENT ROW)`: how far a frame reaches
//! is counted in what the rows are ordered by, which is a number or a time. The engine takes
//! a text for it too, and then nothing says what it counts.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, WindowFrame, WindowFrameBound, WindowFrameUnits,
};

use crate::engine::engine_types;
use crate::error::Error;

/// Refuses `plan` if it has such a frame.
pub(super) fn check(plan: &LogicalPlan) -> Result<()> {
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Window(window) = node {
            for call in &window.window_expr {
                // What is no column at all is told later.
                let kind =
                    counted(call).and_then(|by| by.get_type(window.input.schema().as_ref()).ok());
                if let Some(kind) = kind
                    && !counts(&kind)
                {
                    return Err(refused(&kind));
                }
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .map(|_| ())
}

/// What a frame counts in, if it reaches a certain way.
fn counted(call: &Expr) -> Option<&Expr> {
    let Expr::WindowFunction(window) = call else { return None };
    let WindowFrame { units, start_bound, end_bound, .. } = &window.params.window_frame;
    let is_certain = |bound: &WindowFrameBound| match bound {
        WindowFrameBound::Preceding(length) | WindowFrameBound::Following(length) => {
            !length.is_null()
        }
        WindowFrameBound::CurrentRow => false,
    };
    let is_range = *units == WindowFrameUnits::Range;
    let is_counted = is_range && (is_certain(start_bound) || is_certain(end_bound));
    let by = window.params.order_by.first().filter(|_| is_counted)?;
    Some(&by.expr)
}

fn counts(kind: &DataType) -> bool {
    !matches!(
        kind,
        DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Boolean
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
    )
}

fn refused(kind: &DataType) -> DataFusionError {
    let kind = engine_types::told(&kind.to_string());
    let error = Error::query(format!("RANGE counts in numbers and times, and not in {kind}"));
    DataFusionError::External(Box::new(error.hint(
        "ROWS counts rows; a text becomes a number or a time by a cast: ORDER BY CAST(day AS DATE)",
    )))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_frame_of_texts_is_refused_where_it_counts() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (VALUES ('a', 1), ('b', 2), ('b', 4)) AS t(k, v)";
        for frame in ["k RANGE 1 PRECEDING", "k RANGE BETWEEN CURRENT ROW AND 2 FOLLOWING"] {
            let sql = format!("SELECT sum(v) OVER (ORDER BY {frame}) {from}");
            let error = session.collect(&sql).await.unwrap_err();
            assert!(error.message().contains("numbers and times"), "{sql}: {error}");
            assert!(error.advice().is_some_and(|told| told.contains("ROWS")), "{sql}: {error}");
        }
        for (frame, wanted) in [
            ("k RANGE UNBOUNDED PRECEDING", "1 7 7"),
            ("k, v ROWS 1 PRECEDING", "1 3 6"),
            ("v RANGE 1 PRECEDING", "1 3 4"),
        ] {
            let sql = format!("SELECT sum(v) OVER (ORDER BY {frame}) AS s {from} ORDER BY v");
            assert_eq!(answer(&session, &sql).await[1..].join(" "), wanted, "{sql}");
        }
    }
}
