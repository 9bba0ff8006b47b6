//! Rules of the engine for logical plans that are run by way of functions of ours: because
//! they are right for other plans only, or leave something behind.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// A rule for logical plans.
pub(super) type Rule = Arc<dyn OptimizerRule + Send + Sync>;

/// How a plan is rewritten, given the engine's own rule.
type Run = fn(&Rule, LogicalPlan, &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>>;

/// `rules`, of which the one with the name of `engine` is run by way of `run`.
pub(super) fn around(mut rules: Vec<Rule>, engine: &dyn OptimizerRule, run: Run) -> Vec<Rule> {
    for rule in rules.iter_mut().filter(|rule| rule.name() == engine.name()) {
        *rule = Arc::new(Around { engine: Arc::clone(rule), run });
    }
    rules
}

#[derive(Debug)]
struct Around {
    engine: Rule,
    run: Run,
}

impl OptimizerRule for Around {
    fn name(&self) -> &str {
        self.engine.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.engine.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        (self.run)(&self.engine, plan, config)
    }
}
