//! Sums the rows of a large table up before they are joined with a small one.
//!
//! "Posts by the account's level" joins each of two million posts with its account,
//! only to add them up again. With the posts of an account added up first, the
//! join has as many rows as there are accounts. An aggregate over a column of
//! another table then counts as often as rows were added up.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::added_up::{Functions, Late, Sums, finished, in_two_steps};
use super::joined_tables::{Tree, joined, none_of, only_of, renamed, stored_rows};

/// A table is summed up before it meets one that has fewer rows than one in so
/// many of its own.
const MANY_TO_ONE: usize = 8;

/// The rule.
#[derive(Debug)]
pub(super) struct SumBeforeJoin;

impl OptimizerRule for SumBeforeJoin {
    fn name(&self) -> &'static str {
        "sum_before_join"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        Ok(in_two_steps(plan, config, rewritten))
    }
}

/// The plan with a table summed up early; `None` where that cannot be done or
/// is not worth it.
fn rewritten(aggregate: &Aggregate, functions: &Functions) -> Option<LogicalPlan> {
    let (mut tables, tree, origins) = joined(&aggregate.input)?;
    let number = large_table(&tables, &tree)?;
    let large = Arc::clone(&tables[number]);
    let groups: Option<Vec<Expr>> =
        aggregate.group_expr.iter().map(|group| renamed(group, &origins)).collect();
    let groups = groups?;
    let keys = keys(&tree, &groups, large.schema())?;
    let mut all = DFSchema::empty();
    tables.iter().for_each(|table| all.merge(table.schema()));
    let mut sums = Sums::new(large.schema(), &all, functions);
    let late: Option<Vec<Late>> =
        aggregate.aggr_expr.iter().map(|one| sums.late(&renamed(one, &origins)?)).collect();
    let late = late?;
    let early = sums.into_early();
    let keys = keys.into_iter().map(Expr::Column).collect();
    tables[number] =
        Arc::new(LogicalPlan::Aggregate(Aggregate::try_new(Arc::clone(&large), keys, early).ok()?));
    let input = tree.plan(&tables).ok()?;
    finished(aggregate, input, groups, late)
}

/// The joined table to sum up early: the largest that meets a far smaller one.
fn large_table(tables: &[Arc<LogicalPlan>], tree: &Tree) -> Option<usize> {
    let rows: Vec<Option<usize>> = tables.iter().map(|table| stored_rows(table)).collect();
    let table_of = |key: &Expr| tables.iter().position(|table| only_of(key, table.schema()));
    let meets_smaller = |number: usize| {
        tree.joins().iter().flat_map(|join| &join.on).any(|(left, right)| {
            let partner = match (table_of(left), table_of(right)) {
                (Some(one), Some(other)) if one == number => other,
                (Some(one), Some(other)) if other == number => one,
                _ => return false,
            };
            let partner_rows = rows[partner].unwrap_or(usize::MAX);
            rows[number].is_some_and(|own| partner_rows.saturating_mul(MANY_TO_ONE) <= own)
        })
    };
    let kept = tree.kept().into_iter();
    kept.filter(|number| meets_smaller(*number)).max_by_key(|number| rows[*number])
}

/// The columns of the large table by which it is joined or grouped; `None` if the
/// joins or groups need more of it than plain columns.
fn keys(tree: &Tree, groups: &[Expr], large: &DFSchema) -> Option<BTreeSet<Column>> {
    let mut keys = BTreeSet::new();
    let mut add = |one: &Expr| match one {
        Expr::Column(column) if large.has_column(column) => {
            keys.insert(column.clone());
            true
        }
        one => none_of(one, large),
    };
    for join in tree.joins() {
        let pairs = join.on.iter().flat_map(|(left, right)| [left, right]);
        if !pairs.into_iter().all(&mut add) || !join.filter.iter().all(|one| none_of(one, large)) {
            return None;
        }
    }
    // A group that is no join key may have nearly as many values as there are rows.
    let known =
        |one: &Expr| none_of(one, large) || matches!(one, Expr::Column(c) if keys.contains(c));
    groups.iter().all(known).then_some(keys)
}
