//! DISTINCT at functions of several arguments: `arg_max(DISTINCT likes, likes)`.
//!
//! The engine groups by the one argument of functions with DISTINCT, and takes it that each
//! has one if all of them together name one; of a function that has it twice it refuses its
//! own plan. A rule puts around the second one a function that gives what it is given.
//!
//! The engine's functions of pairs of numbers pass over DISTINCT in silence, and are refused
//! with it.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, DataFusionError, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, WindowFunctionDefinition};
use datafusion::optimizer::AnalyzerRule;

use super::paired_moments;
use super::reordering_casts::hidden;
use super::rewrite;
use crate::error::Error;

/// The rule.
#[derive(Debug)]
pub(super) struct TellArguments;

impl AnalyzerRule for TellArguments {
    fn name(&self) -> &'static str {
        "tell_arguments"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite::some_expressions(plan, is_of_different, &tell_apart)
    }
}

fn is_of_different(part: &Expr) -> bool {
    match part {
        Expr::AggregateFunction(call) => call.params.distinct,
        Expr::WindowFunction(call) => call.params.distinct,
        _ => false,
    }
}

fn tell_apart(mut expression: Expr, _schema: &DFSchema) -> Result<Transformed<Expr>> {
    check(&expression)?;
    let Expr::AggregateFunction(call) = &mut expression else {
        return Ok(Transformed::no(expression));
    };
    let [first, others @ ..] = call.params.args.as_mut_slice() else {
        return Ok(Transformed::no(expression));
    };
    if !call.params.distinct || others.is_empty() || others.iter().any(|other| other != first) {
        return Ok(Transformed::no(expression));
    }
    for other in others {
        *other = hidden(std::mem::take(other));
    }
    Ok(Transformed::yes(expression))
}

/// Refuses DISTINCT where it would be passed over.
fn check(expression: &Expr) -> Result<()> {
    let name = match expression {
        Expr::AggregateFunction(call) if call.params.distinct => call.func.name(),
        Expr::WindowFunction(call) if call.params.distinct => match &call.fun {
            WindowFunctionDefinition::AggregateUDF(function) => function.name(),
            WindowFunctionDefinition::WindowUDF(_) => return Ok(()),
        },
        _ => return Ok(()),
    };
    if !paired_moments::engines().any(|engine| engine.name() == name) {
        return Ok(());
    }
    let error = Error::query(format!("{name} does not take DISTINCT")).hint(format!(
        "take the different pairs first: SELECT {name}(likes, reposts) FROM (SELECT DISTINCT \
         likes, reposts FROM posts)"
    ));
    Err(DataFusionError::External(Box::new(error)))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::value;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn several_arguments_may_be_the_same() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (VALUES (1, 1), (1, 3), (2, 3)) AS t(g, k)";
        for (asked, wanted) in [
            ("arg_max(DISTINCT k, k)", "3"),
            ("arg_min(DISTINCT k, k) + sum(DISTINCT k)", "5"),
            ("arg_min(DISTINCT k, k) FILTER (WHERE g > 1)", "3"),
        ] {
            let sql = format!("SELECT {asked} {from}");
            assert_eq!(value(&session, &sql).await, wanted, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn functions_of_pairs_do_not_pass_over_distinct() {
        let session = Session::new(None, Settings::default()).unwrap();
        for asked in ["corr(DISTINCT g, k)", "regr_count(DISTINCT g, k) OVER ()"] {
            let sql = format!("SELECT {asked} FROM (VALUES (1, 1), (1, 1)) AS t(g, k)");
            let text = session.collect(&sql).await.unwrap_err().to_string();
            assert!(text.contains("does not take DISTINCT"), "{sql}: {text}");
        }
        let sql = "SELECT regr_count(g, k) FROM (VALUES (1, 1), (1, 1)) AS t(g, k)";
        assert_eq!(value(&session, sql).await, "2");
    }
}
