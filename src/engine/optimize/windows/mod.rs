//! Common window functions in one pass over the rows: sums, counts, averages, least and
//! greatest values of any frame, the values of its first, last and nth row, of rows before
//! and after this one, and the numbers of rows.
//!
//! The engine looks for the frame of each row among rows that it copies out of their
//! columns, and makes a value of its own of each answer. Here two places move over the
//! columns: one up to which rows have entered the frame, one up to which they have left
//! it. What partition a row is in, and which rows are its peers, is told from the row
//! before. Rows come out as soon as their frames are complete.
//!
//! - [`operator`] reads the rows and keeps those that are still in a frame.
//! - [`shape`] tells which window functions are ours.
//! - [`frames`] tells where the frame of each row begins and ends.
//! - [`moving`] computes the answers.
//! - [`values`] finds the rows whose values are answers.
//! - [`months`] refuses frames that the engine would get wrong.

mod frames;
mod months;
mod moving;
mod operator;
mod shape;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod value_tests;
mod values;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

use crate::catalog::Levers;
use operator::WindowPass;

/// The rule, to be applied when all others have seen the engine's operators.
#[derive(Debug)]
pub(super) struct Windows;

impl PhysicalOptimizerRule for Windows {
    fn name(&self) -> &'static str {
        "window_pass"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = if Levers::of(config).window_pass { in_one_pass(plan)? } else { plan };
        months::refuse(&plan)?;
        Ok(plan)
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn in_one_pass(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        let pass = WindowPass::instead_of(Arc::clone(&node));
        let is_ours = pass.is::<WindowPass>() && !node.is::<WindowPass>();
        Ok(if is_ours { Transformed::yes(pass) } else { Transformed::no(node) })
    })
    .data()
}
