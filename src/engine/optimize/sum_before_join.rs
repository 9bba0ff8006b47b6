//! Sums the rows of a large table up before they are joined with a small one.
//!
//! "Posts by the account's level" joins each of two million posts with its account,
//! only to add them up again. With the posts of an account added up first, the
//! join has as many rows as there are accounts. An aggregate over a column of
//! another table then counts as often as rows were added up.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, Result};
use datafusion::functions::expr_fn::coalesce;
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams};
use datafusion::logical_expr::{
    Aggregate, AggregateUDF, Expr, ExprSchemable, LogicalPlan, Projection, cast, lit, when,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::joined_tables::{Tree, joined, none_of, only_of, renamed, stored_rows};
use crate::catalog::Levers;
use crate::engine::{checked_arithmetic, counted_median};

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
        let LogicalPlan::Aggregate(aggregate) = &plan else { return Ok(Transformed::no(plan)) };
        if !Levers::of(&config.options()).sum_before_join {
            return Ok(Transformed::no(plan));
        }
        let functions = config.function_registry();
        let Some((sum, count)) =
            functions.and_then(|known| Some((known.udaf("sum").ok()?, known.udaf("count").ok()?)))
        else {
            return Ok(Transformed::no(plan));
        };
        Ok(match rewritten(aggregate, &Functions { sum, count }) {
            Some(rewritten) => Transformed::yes(rewritten),
            None => Transformed::no(plan),
        })
    }
}

/// The aggregate functions that add up what was added up before.
struct Functions {
    sum: Arc<AggregateUDF>,
    count: Arc<AggregateUDF>,
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
    let mut sums = Sums { large: large.schema(), all: &all, functions, early: Vec::new() };
    let late: Option<Vec<Late>> =
        aggregate.aggr_expr.iter().map(|one| sums.late(&renamed(one, &origins)?)).collect();
    let late = late?;
    let early = sums.early;
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

/// An aggregate after the join, and what its result is made of.
struct Late {
    /// The aggregates to compute.
    aggregates: Vec<Expr>,
    /// The result from their columns.
    result: fn(&[Expr]) -> Option<Expr>,
}

/// Splits aggregates into an early part and a late one.
struct Sums<'a> {
    large: &'a DFSchema,
    /// The columns of all joined tables.
    all: &'a DFSchema,
    functions: &'a Functions,
    /// The aggregates before the join.
    early: Vec<Expr>,
}

impl Sums<'_> {
    fn late(&mut self, aggregate: &Expr) -> Option<Late> {
        let aggregate = match aggregate {
            Expr::Alias(alias) => alias.expr.as_ref(),
            other => other,
        };
        let Expr::AggregateFunction(AggregateFunction { func, params }) = aggregate else {
            return None;
        };
        let plain =
            !params.distinct && params.order_by.is_empty() && params.null_treatment.is_none();
        let [argument] = params.args.as_slice() else { return None };
        let filter = params.filter.as_deref();
        let inputs = || std::iter::once(argument).chain(filter);
        if plain && inputs().all(|input| only_of(input, self.large)) {
            self.of_large(func, params)
        } else if plain && filter.is_none() && none_of(argument, self.large) {
            self.of_others(func, argument)
        } else {
            None
        }
    }

    /// An aggregate over the large table: added up early, and again.
    fn of_large(
        &mut self,
        func: &Arc<AggregateUDF>,
        params: &AggregateFunctionParams,
    ) -> Option<Late> {
        let [argument] = params.args.as_slice() else { return None };
        let again = |func: &Arc<AggregateUDF>, early: Expr| call(func, early, None);
        let sum = Arc::clone(&self.functions.sum);
        let filter = params.filter.clone();
        match func.name() {
            "count" => {
                let early = self.early(func, argument.clone(), filter);
                Some(Late { aggregates: vec![again(&sum, early)], result: or_zero })
            }
            "sum" if is_summable(argument, self.large) => {
                let early = self.early(func, argument.clone(), filter);
                Some(Late { aggregates: vec![again(&sum, early)], result: itself })
            }
            "min" | "max" => {
                let early = self.early(func, argument.clone(), filter);
                Some(Late { aggregates: vec![again(func, early)], result: itself })
            }
            "avg" if argument.get_type(self.large).ok()? == DataType::Float64 => {
                let total = self.early(&sum, argument.clone(), filter.clone());
                let count = Arc::clone(&self.functions.count);
                let count = self.early(&count, argument.clone(), filter);
                let aggregates = vec![again(&sum, total), again(&sum, count)];
                Some(Late { aggregates, result: quotient })
            }
            "median" if argument.get_type(self.large).ok()? == DataType::Int64 => {
                let counted = Arc::new(counted_median::counted());
                let early = self.early(&counted, argument.clone(), filter);
                let median = Arc::new(counted_median::median_of_counted());
                Some(Late { aggregates: vec![again(&median, early)], result: itself })
            }
            _ => None,
        }
    }

    /// An aggregate over the other tables: every row stands for as many as were
    /// added up.
    fn of_others(&mut self, func: &Arc<AggregateUDF>, argument: &Expr) -> Option<Late> {
        let sum = Arc::clone(&self.functions.sum);
        match func.name() {
            "min" | "max" => {
                let aggregates = vec![call(func, argument.clone(), None)];
                Some(Late { aggregates, result: itself })
            }
            "count" => {
                let times = self.times();
                let known = when(argument.clone().is_not_null(), times).end().ok()?;
                Some(Late { aggregates: vec![call(&sum, known, None)], result: or_zero })
            }
            "sum" if argument.get_type(self.all).ok()? == DataType::Int64 => {
                let product = checked_arithmetic::times(argument.clone(), self.times());
                Some(Late { aggregates: vec![call(&sum, product, None)], result: itself })
            }
            _ => None,
        }
    }

    /// How many rows of the large table a row stands for.
    fn times(&mut self) -> Expr {
        let count = Arc::clone(&self.functions.count);
        self.early(&count, lit(1_i64), None)
    }

    /// The column of an early aggregate.
    fn early(
        &mut self,
        func: &Arc<AggregateUDF>,
        argument: Expr,
        filter: Option<Box<Expr>>,
    ) -> Expr {
        let call = call(func, argument, filter);
        let name = format!("__early_{}", self.early.len());
        self.early.push(call.alias(&name));
        Expr::Column(Column::from_name(name))
    }
}

fn call(func: &Arc<AggregateUDF>, argument: Expr, filter: Option<Box<Expr>>) -> Expr {
    let (func, arguments) = (Arc::clone(func), vec![argument]);
    let call = AggregateFunction::new_udf(func, arguments, false, filter, Vec::new(), None);
    Expr::AggregateFunction(call)
}

/// Whether a sum of sums has the type of the sum.
fn is_summable(argument: &Expr, schema: &DFSchema) -> bool {
    let kind = argument.get_type(schema);
    matches!(kind, Ok(DataType::Int64 | DataType::UInt64 | DataType::Float64))
}

fn itself(columns: &[Expr]) -> Option<Expr> {
    columns.first().cloned()
}

fn or_zero(columns: &[Expr]) -> Option<Expr> {
    Some(coalesce(vec![columns.first()?.clone(), lit(0_i64)]))
}

fn quotient(columns: &[Expr]) -> Option<Expr> {
    let [total, count] = columns else { return None };
    Some(total.clone() / cast(count.clone(), DataType::Float64))
}

/// The aggregate after the join, with columns named as those of the plan that it
/// stands in for.
fn finished(
    original: &Aggregate,
    input: Arc<LogicalPlan>,
    groups: Vec<Expr>,
    late: Vec<Late>,
) -> Option<LogicalPlan> {
    let mut aggregates = Vec::new();
    let mut results: Vec<Expr> = Vec::new();
    for one in late {
        let names = aggregates.len()..aggregates.len() + one.aggregates.len();
        let columns: Vec<Expr> = names.map(|n| Expr::Column(late_column(n))).collect();
        for (aggregate, n) in one.aggregates.into_iter().zip(aggregates.len()..) {
            aggregates.push(aggregate.alias(late_column(n).name));
        }
        results.push((one.result)(&columns)?);
    }
    let summed = LogicalPlan::Aggregate(Aggregate::try_new(input, groups, aggregates).ok()?);
    let group_count = original.group_expr.len();
    let group_columns = summed.schema().columns().into_iter().take(group_count).map(Expr::Column);
    let mut columns = Vec::new();
    for (column, (qualifier, field)) in group_columns.chain(results).zip(original.schema.iter()) {
        if column.get_type(summed.schema()).ok()? != *field.data_type() {
            return None;
        }
        columns.push(column.alias_qualified(qualifier.cloned(), field.name()));
    }
    let projection = Projection::try_new(columns, Arc::new(summed)).ok()?;
    Some(LogicalPlan::Projection(projection))
}

fn late_column(number: usize) -> Column {
    Column::from_name(format!("__late_{number}"))
}
