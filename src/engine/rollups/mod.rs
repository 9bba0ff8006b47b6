//! Answers sums over posts from the sums that are kept beside each data file.
//!
//! A row of a roll-up stands for some posts; a query that only asks for sums,
//! counts, averages and extremes of them, by what these posts have in common,
//! has the same answer over the roll-up, with the row's number of posts as its
//! weight. That holds below joins too, as long as each row joins as its posts
//! would; and whether there is a post at all, a semi or anti join can see from the
//! rows. Of a range of time that begins or ends within a span of the roll-up,
//! the ends are read from the posts. In EXPLAIN the scan says what it is.
//!
//! Where the answer might differ by as much as a last digit, because sums are
//! too large for exact floating point, the posts themselves are summed.

mod ends;
mod input;
mod spans;
mod sums;

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, JoinType, Result};
use datafusion::logical_expr::{Aggregate, Expr, Join, LogicalPlan, Projection};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use self::input::Input;
use self::sums::Sums;
use crate::catalog::Levers;
use crate::index::{Shape, Size};

/// A roll-up is read instead of at least so many times its rows.
const WORTHWHILE: u64 = 2;

/// The rule that puts roll-ups in the place of posts.
#[derive(Debug)]
pub(super) struct UseRollups;

impl OptimizerRule for UseRollups {
    fn name(&self) -> &'static str {
        "use_rollups"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let is_asked = match &plan {
            LogicalPlan::Aggregate(aggregate) => !is_known_already(aggregate),
            LogicalPlan::Join(join) => asks_whether(join),
            _ => false,
        };
        let config = config.options();
        if !is_asked || !Levers::of(&config).rollups {
            return Ok(Transformed::no(plan));
        }
        let zone = config.execution.time_zone.clone().unwrap_or_default();
        for shape in Shape::ALL {
            let rewritten = match &plan {
                LogicalPlan::Aggregate(aggregate) => summed(aggregate, shape, &zone)?,
                LogicalPlan::Join(join) => joined(join, shape, &zone)?,
                _ => None,
            };
            if let Some(rewritten) = rewritten {
                return Ok(Transformed::yes(rewritten));
            }
        }
        Ok(Transformed::no(plan))
    }
}

/// Whether the statistics of the files hold the answer.
fn is_known_already(aggregate: &Aggregate) -> bool {
    let is_plain = |aggregate: &Expr| match sums::function(aggregate) {
        Some(call) => {
            matches!(call.func.name(), "count" | "min" | "max")
                && !call.params.distinct
                && call.params.filter.is_none()
        }
        None => false,
    };
    let all =
        matches!(aggregate.input.as_ref(), LogicalPlan::TableScan(scan) if scan.filters.is_empty());
    all && aggregate.group_expr.is_empty() && aggregate.aggr_expr.iter().all(is_plain)
}

/// The same over a roll-up of `shape`; none if that is not certain.
fn summed(aggregate: &Aggregate, shape: Shape, zone: &str) -> Result<Option<LogicalPlan>> {
    let Some(input) = Input::of(&aggregate.input, shape, zone)? else { return Ok(None) };
    if !aggregate.group_expr.iter().all(|group| input.is_common(group)) {
        return Ok(None);
    }
    let Some(size) = worthwhile(&input) else { return Ok(None) };
    let mut sums = Sums::new(&input, size);
    let results: Option<Vec<Expr>> =
        aggregate.aggr_expr.iter().map(|aggregate| sums.result(aggregate)).collect();
    let Some(results) = results else { return Ok(None) };
    let partial = sums.into_partial();
    let groups = aggregate.group_expr.clone();
    let inner = Aggregate::try_new(Arc::new(input.into_plan()), groups, partial)?;
    let columns = results_as_before(aggregate, &inner.schema, results)?;
    let plan = Projection::try_new(columns, Arc::new(LogicalPlan::Aggregate(inner)))?;
    let is_same = plan.schema.logically_equivalent_names_and_types(&aggregate.schema);
    Ok(is_same.then_some(LogicalPlan::Projection(plan)))
}

/// The size of a roll-up that is read in less time than the posts.
fn worthwhile(input: &Input) -> Option<Size> {
    input.size().filter(|size| size.rows.saturating_mul(WORTHWHILE) <= input.posts())
}

/// Whether a join asks of one of its sides only whether there is a row.
fn asks_whether(join: &Join) -> bool {
    use JoinType::{LeftAnti, LeftSemi, RightAnti, RightSemi};
    !join.null_aware && matches!(join.join_type, LeftSemi | LeftAnti | RightSemi | RightAnti)
}

/// Such a join that asks a roll-up of `shape` whether there is a post; none if
/// that is not certain.
fn joined(join: &Join, shape: Shape, zone: &str) -> Result<Option<LogicalPlan>> {
    let asks_left = matches!(join.join_type, JoinType::RightSemi | JoinType::RightAnti);
    let asked = if asks_left { &join.left } else { &join.right };
    let Some(input) = Input::of(asked, shape, zone)? else { return Ok(None) };
    let keys = join.on.iter().map(|(left, right)| if asks_left { left } else { right });
    if !keys.chain(&join.filter).all(|condition| input.is_common(condition))
        || worthwhile(&input).is_none()
    {
        return Ok(None);
    }
    // The columns of the join are those of the other side.
    let mut join = join.clone();
    let asked = if asks_left { &mut join.left } else { &mut join.right };
    *asked = Arc::new(input.into_plan());
    Ok(Some(LogicalPlan::Join(join)))
}

/// Groups and results under the names and in the types that they had.
fn results_as_before(
    before: &Aggregate,
    inner: &DFSchema,
    results: Vec<Expr>,
) -> Result<Vec<Expr>> {
    let groups = before.schema.fields().len() - results.len();
    let mut columns: Vec<Expr> =
        inner.columns().into_iter().take(groups).map(Expr::Column).collect();
    columns.extend(results);
    let named = columns.into_iter().enumerate().map(|(position, column)| {
        let (qualifier, field) = before.schema.qualified_field(position);
        let is_same = match &column {
            Expr::Column(column) => {
                column.relation.as_ref() == qualifier && column.name == *field.name()
            }
            _ => false,
        };
        if is_same {
            return Ok(column);
        }
        let cast =
            datafusion::logical_expr::ExprSchemable::cast_to(column, field.data_type(), inner)?;
        Ok(cast.alias_qualified(qualifier.cloned(), field.name()))
    });
    named.collect()
}
