//! Rules of the engine that are wrong for some plans, and are held back from these.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

/// A rule for physical plans.
pub(super) type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// Whether a rule is wrong for a plan.
pub(super) type IsWrong = fn(&Arc<dyn ExecutionPlan>) -> Result<bool>;

/// One of the engine's rules, for plans in which it is right.
#[derive(Debug)]
struct HeldBack {
    rule: Rule,
    is_wrong: IsWrong,
}

/// `rules`, of which the one called `name` leaves plans alone for which it `is_wrong`.
pub(super) fn hold_back(mut rules: Vec<Rule>, name: &str, is_wrong: IsWrong) -> Vec<Rule> {
    for place in rules.iter_mut().filter(|rule| rule.name() == name) {
        let rule = Arc::clone(place);
        *place = Arc::new(HeldBack { rule, is_wrong });
    }
    rules
}

impl PhysicalOptimizerRule for HeldBack {
    fn name(&self) -> &str {
        self.rule.name()
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        options: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if (self.is_wrong)(&plan)? { Ok(plan) } else { self.rule.optimize(plan, options) }
    }

    fn schema_check(&self) -> bool {
        self.rule.schema_check()
    }
}
