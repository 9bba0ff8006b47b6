//! Aggregates that are computed in two steps: early over the rows, and late over what came
//! of these.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema};
use datafusion::functions::expr_fn::coalesce;
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams};
use datafusion::logical_expr::{
    Aggregate, AggregateUDF, Expr, ExprSchemable, LogicalPlan, Projection, cast, lit, when,
};
use datafusion::optimizer::OptimizerConfig;

use super::joined_tables::{none_of, only_of};
use crate::catalog::Levers;
use crate::engine::{checked_arithmetic, counted_median};

/// What the columns of early aggregates are called, but for their numbers.
const EARLY: &str = "__early_";

/// The aggregate functions that add up what was added up before.
pub(super) struct Functions {
    sum: Arc<AggregateUDF>,
    count: Arc<AggregateUDF>,
}

impl Functions {
    /// Those of the session.
    fn of(config: &dyn OptimizerConfig) -> Option<Self> {
        let known = config.function_registry()?;
        Some(Self { sum: known.udaf("sum").ok()?, count: known.udaf("count").ok()? })
    }
}

/// What `rewritten` makes of `plan`, if it is an aggregate and the lever is on; `None` from
/// it leaves the plan as it is.
pub(super) fn in_two_steps(
    plan: LogicalPlan,
    config: &dyn OptimizerConfig,
    rewritten: fn(&Aggregate, &Functions) -> Option<LogicalPlan>,
) -> Transformed<LogicalPlan> {
    let is_on = Levers::of(&config.options()).sum_before_join;
    let made = match &plan {
        LogicalPlan::Aggregate(aggregate) if is_on => {
            Functions::of(config).and_then(|functions| rewritten(aggregate, &functions))
        }
        _ => None,
    };
    made.map_or_else(|| Transformed::no(plan), Transformed::yes)
}

/// A late aggregate, and what its result is made of.
pub(super) struct Late {
    /// The aggregates to compute.
    aggregates: Vec<Expr>,
    /// The result from their columns.
    result: fn(&[Expr]) -> Option<Expr>,
}

/// Splits aggregates into an early part and a late one.
pub(super) struct Sums<'a> {
    /// The columns of the rows that are added up early.
    large: &'a DFSchema,
    /// The columns of all joined tables.
    all: &'a DFSchema,
    functions: &'a Functions,
    /// The early aggregates.
    early: Vec<Expr>,
}

impl<'a> Sums<'a> {
    /// None yet, over rows with the columns `large`, which late aggregates may find among
    /// `all`.
    pub(super) fn new(large: &'a DFSchema, all: &'a DFSchema, functions: &'a Functions) -> Self {
        Self { large, all, functions, early: Vec::new() }
    }

    /// The early aggregates.
    pub(super) fn into_early(self) -> Vec<Expr> {
        self.early
    }

    /// What is to be made late of `aggregate`, if it can be parted.
    pub(super) fn late(&mut self, aggregate: &Expr) -> Option<Late> {
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
            "avg" if is_averaged(argument, self.large) => {
                // A sum of whole numbers has more digits than they have room for.
                let exact = match argument.get_type(self.large).ok()? {
                    DataType::Int64 => cast(argument.clone(), DataType::Decimal128(19, 0)),
                    _ => argument.clone(),
                };
                let total = self.early(&sum, exact, filter.clone());
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
        let name = format!("{EARLY}{}", self.early.len());
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

/// Whether an average is a quotient of doubles made of sums.
fn is_averaged(argument: &Expr, schema: &DFSchema) -> bool {
    matches!(argument.get_type(schema), Ok(DataType::Int64 | DataType::Float64))
}

fn itself(columns: &[Expr]) -> Option<Expr> {
    columns.first().cloned()
}

fn or_zero(columns: &[Expr]) -> Option<Expr> {
    Some(coalesce(vec![columns.first()?.clone(), lit(0_i64)]))
}

fn quotient(columns: &[Expr]) -> Option<Expr> {
    let [total, count] = columns else { return None };
    let [total, count] = [total, count].map(|sum| cast(sum.clone(), DataType::Float64));
    Some(total / count)
}

/// Whether `aggregate` is a late one.
pub(super) fn is_late(aggregate: &Expr) -> bool {
    aggregate.column_refs().iter().any(|column| column.name.starts_with(EARLY))
}

/// The late aggregate over `input`, with columns named as those of the plan that it stands
/// in for.
pub(super) fn finished(
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
    // Grouping sets are one expression, and more columns.
    let group_count = original.schema.fields().len() - original.aggr_expr.len();
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
