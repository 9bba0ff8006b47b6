//! `lead(likes, 2) IGNORE NULLS OVER (...)`: the second known value behind a row.
//!
//! The engine counts the known values ahead while it goes from row to row, and loses one
//! when an unknown one lies between. It also lets a `LIMIT` leave out the rows in which the
//! value would be found. Here all rows of a partition are at hand before the first answer,
//! which the engine then computes for all at once, as it does where nothing is streamed.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::FieldRef;
use datafusion::common::{Result, ScalarValue};
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::function::{
    ExpressionArgs, PartitionEvaluatorArgs, WindowUDFFieldArgs,
};
use datafusion::logical_expr::{
    Documentation, LimitEffect, PartitionEvaluator, ReversedUDWF, Signature, WindowUDF,
    WindowUDFImpl,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::SessionContext;

use super::wrapped::as_the_engine_says;

/// The engine's functions that look at rows ahead: `lag` does with a negative offset, and
/// when it goes over its rows from behind.
const NAMES: [&str; 2] = ["lag", "lead"];

/// Puts functions of ours in the place of those that `context` knows.
pub(super) fn register(context: &SessionContext) {
    for name in NAMES {
        if let Ok(engine) = context.udwf(name) {
            context.register_udwf(WindowUDF::new_from_impl(Shift { engine }));
        }
    }
}

/// A function of which only the values ahead that ignore unknown ones are ours.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Shift {
    engine: Arc<WindowUDF>,
}

impl WindowUDFImpl for Shift {
    as_the_engine_says! {
        fn name(&self) -> &str;
        fn aliases(&self) -> &[String];
        fn signature(&self) -> &Signature;
        fn expressions(&self, args: ExpressionArgs<'_>) -> Vec<Arc<dyn PhysicalExpr>>;
        fn field(&self, args: WindowUDFFieldArgs<'_>) -> Result<FieldRef>;
        fn documentation(&self) -> Option<&Documentation>;
    }

    fn partition_evaluator(
        &self,
        args: PartitionEvaluatorArgs<'_>,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        let ignores_unknown = args.ignore_nulls();
        let engine = self.engine.partition_evaluator_factory(args)?;
        // What only looks back is causal, and right.
        if ignores_unknown && !engine.is_causal() {
            return Ok(Box::new(Ahead { engine, answers: None }));
        }
        Ok(engine)
    }

    fn reverse_expr(&self) -> ReversedUDWF {
        match self.engine.reverse_expr() {
            ReversedUDWF::Reversed(reversed) if reversed.name() == self.name() => {
                ReversedUDWF::Reversed(Arc::new(WindowUDF::new_from_impl(self.clone())))
            }
            other => other,
        }
    }

    /// How far ahead a value lies is not told by the arguments: there may be unknown ones
    /// before it, and a negative offset of `lag` looks ahead as well.
    fn limit_effect(&self, _args: &[Arc<dyn PhysicalExpr>]) -> LimitEffect {
        LimitEffect::Unknown
    }
}

/// What goes over the rows of a partition when all are there.
#[derive(Debug)]
struct Ahead {
    engine: Box<dyn PartitionEvaluator>,
    /// The answers for the rows of the partition, once one was asked for.
    answers: Option<ArrayRef>,
}

impl PartitionEvaluator for Ahead {
    fn get_range(&self, row: usize, rows: usize) -> Result<Range<usize>> {
        Ok(row..rows)
    }

    fn evaluate(&mut self, values: &[ArrayRef], range: &Range<usize>) -> Result<ScalarValue> {
        let known = self.answers.take().filter(|answers| answers.len() == range.end);
        let answers = match known {
            Some(answers) => answers,
            None => self.engine.evaluate_all(values, range.end)?,
        };
        let answer = ScalarValue::try_from_array(&answers, range.start);
        self.answers = Some(answers);
        answer
    }

    fn evaluate_all(&mut self, values: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        self.engine.evaluate_all(values, rows)
    }

    fn supports_bounded_execution(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    /// What `expression` is for each row, in the order of their numbers.
    async fn each(expression: &str, limit: &str) -> Vec<String> {
        let session = Session::new(None, Settings::default()).unwrap();
        let sql = format!(
            "SELECT {expression} AS v
             FROM (VALUES (1, 10), (2, 20), (3, 30), (4, 40), (5, NULL), (6, 60)) AS t(id, k)
             ORDER BY id {limit}"
        );
        answer(&session, &sql).await.split_off(1)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_unknown_value_between_loses_none_behind_it() {
        for (expression, wanted) in [
            ("lead(k, 2) IGNORE NULLS OVER (ORDER BY id)", ["30", "40", "60", "", "", ""]),
            (
                "lead(k, 2, -1) IGNORE NULLS OVER (ORDER BY id)",
                ["30", "40", "60", "-1", "-1", "-1"],
            ),
            ("lag(k, -2) IGNORE NULLS OVER (ORDER BY id)", ["30", "40", "60", "", "", ""]),
            ("lag(k, 2) IGNORE NULLS OVER (ORDER BY id DESC)", ["30", "40", "60", "", "", ""]),
            ("lead(k, 1) IGNORE NULLS OVER (ORDER BY id)", ["20", "30", "40", "60", "60", ""]),
            ("lead(k, 3) IGNORE NULLS OVER (ORDER BY id)", ["40", "60", "", "", "", ""]),
            (
                "lead(k, 2, 0) IGNORE NULLS OVER (ORDER BY id DESC)",
                ["0", "0", "10", "20", "30", "30"],
            ),
            ("lag(k, 2) IGNORE NULLS OVER (ORDER BY id)", ["", "", "10", "20", "30", "30"]),
            ("lead(k, 2) OVER (ORDER BY id)", ["30", "40", "", "60", "", ""]),
            ("lead(k, 0) IGNORE NULLS OVER (ORDER BY id)", ["10", "20", "30", "40", "", "60"]),
            ("lead(k, 0, 7) IGNORE NULLS OVER (ORDER BY id)", ["10", "20", "30", "40", "", "60"]),
            ("lead(k, 0, id) IGNORE NULLS OVER (ORDER BY id)", ["10", "20", "30", "40", "", "60"]),
            (
                "lead(k, 2) IGNORE NULLS OVER (PARTITION BY id > 2 ORDER BY id)",
                ["", "", "60", "", "", ""],
            ),
        ] {
            assert_eq!(each(expression, "").await, wanted, "{expression}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn windows_in_two_orders_read_the_same_rows() {
        let both = "concat_ws('/', (lead(k, 2) IGNORE NULLS OVER (ORDER BY id))::text,
                                   (lag(k, 2, 0) IGNORE NULLS OVER (ORDER BY id DESC))::text,
                                   (row_number() OVER (ORDER BY id))::text)";
        let wanted = ["30/30/1", "40/40/2", "60/60/3", "0/4", "0/5", "0/6"];
        assert_eq!(each(both, "").await, wanted);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_limit_leaves_out_no_row_ahead() {
        for (expression, wanted) in [
            ("lead(k, 2) IGNORE NULLS OVER (ORDER BY id ROWS CURRENT ROW)", ["30", "40", "60"]),
            ("lag(k, -3) OVER (ORDER BY id ROWS CURRENT ROW)", ["40", "", "60"]),
            ("lead(k, 3) OVER (ORDER BY id ROWS CURRENT ROW)", ["40", "", "60"]),
        ] {
            assert_eq!(each(expression, "LIMIT 3").await, wanted, "{expression}");
        }
    }
}
