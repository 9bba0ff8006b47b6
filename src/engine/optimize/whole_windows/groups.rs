//! The groups that stand for the partitions of a window.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{
    Column, DFSchema, JoinConstraint, JoinType, NullEquality, TableReference,
};
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{
    Aggregate, AggregateUDF, Expr, ExprSchemable, Join, LogicalPlan, Projection, SubqueryAlias,
    Window, WindowFrameBound, WindowFunctionDefinition,
};

use super::super::joined_tables::only_of;
use super::reading::is_worth_it;

/// What a window gives, once for each partition.
pub(super) struct Groups {
    /// The rows that are grouped, without what other windows add to them.
    rows: Arc<LogicalPlan>,
    /// By what they are.
    keys: Vec<Expr>,
    /// What is computed of each group.
    aggregates: Vec<Expr>,
}

impl Groups {
    /// The groups of all functions of `window`; `None` if these give something else at
    /// times, or are had at a lower cost.
    pub(super) fn of(window: &Window) -> Option<Self> {
        let calls: Option<Vec<&WindowFunction>> = window.window_expr.iter().map(call).collect();
        let calls = calls?;
        let mut keys = partitions(&calls)?.to_vec();
        let aggregates: Option<Vec<Expr>> = calls.iter().copied().map(aggregate).collect();
        let mut aggregates = aggregates?;
        let rows = below_windows(&window.input, &mut keys, &mut aggregates)?;
        let is_right = keys.iter().all(|key| is_told_apart(key, rows.schema()))
            && aggregates.iter().all(|one| is_exact(one, rows.schema()));
        let values: Vec<&Expr> = aggregates.iter().flat_map(inputs).chain(&keys).collect();
        let is_worth_it = is_right && is_worth_it(&rows, &keys, &values);
        is_worth_it.then_some(Self { rows, keys, aggregates })
    }

    /// What `window` gives, by a join of its input with the groups, which are called `name`;
    /// `None` if its columns would become others.
    pub(super) fn joined(self, window: &Window, name: &str) -> Option<LogicalPlan> {
        let keys = call(window.window_expr.first()?)?.params.partition_by.clone();
        let groups = self.named(name)?;
        let mut columns = groups.schema().columns().into_iter().map(Expr::Column);
        let on: Vec<(Expr, Expr)> = keys.into_iter().zip(columns.by_ref()).collect();
        let has_keys = !on.is_empty();
        // The partition of rows whose key is unknown is one like others.
        let nulls =
            if has_keys { NullEquality::NullEqualsNull } else { NullEquality::NullEqualsNothing };
        let join = Join::try_new(
            Arc::clone(&window.input),
            Arc::new(groups),
            on,
            None,
            JoinType::Inner,
            JoinConstraint::On,
            nulls,
            false,
        )
        .ok()?;
        let own = window.input.schema().columns();
        let added = window.schema.iter().skip(own.len()).zip(columns).map(
            |((qualifier, field), column)| column.alias_qualified(qualifier.cloned(), field.name()),
        );
        let listed: Vec<Expr> = own.iter().cloned().map(Expr::Column).chain(added).collect();
        let join = Arc::new(LogicalPlan::Join(join));
        let made = Projection::try_new(listed.clone(), Arc::clone(&join)).ok()?;
        if !are_alike(&made.schema, &window.schema) {
            return None;
        }
        let schema = Arc::clone(&window.schema);
        let made = Projection::try_new_with_schema(listed, join, schema).ok()?;
        Some(LogicalPlan::Projection(made))
    }

    /// The groups as a table called `name`: their keys, and what is computed of them.
    fn named(self, name: &str) -> Option<LogicalPlan> {
        let count = self.keys.len();
        let called = |number: usize| format!("{name}_{number}");
        let aggregates = self.aggregates.into_iter().zip(count..);
        let aggregates = aggregates.map(|(one, number)| one.alias(called(number))).collect();
        let groups = Aggregate::try_new(self.rows, self.keys, aggregates).ok()?;
        let columns = groups.schema.columns().into_iter().zip(0..);
        let columns = columns.map(|(column, number)| Expr::Column(column).alias(called(number)));
        let columns = columns.collect();
        let groups = Projection::try_new(columns, Arc::new(LogicalPlan::Aggregate(groups))).ok()?;
        let groups = Arc::new(LogicalPlan::Projection(groups));
        let alias = SubqueryAlias::try_new(groups, TableReference::bare(name)).ok()?;
        Some(LogicalPlan::SubqueryAlias(alias))
    }
}

/// Whether columns have the same names and promise the same.
fn are_alike(one: &DFSchema, other: &DFSchema) -> bool {
    let is_alike = one.iter().zip(other.iter()).all(|((table, column), (other_table, other))| {
        table == other_table
            && column.name() == other.name()
            && column.data_type() == other.data_type()
            && column.is_nullable() == other.is_nullable()
    });
    is_alike && one.fields().len() == other.fields().len()
}

/// The call of a window function.
fn call(expression: &Expr) -> Option<&WindowFunction> {
    match expression {
        Expr::Alias(alias) => call(&alias.expr),
        Expr::WindowFunction(call) => Some(call.as_ref()),
        _ => None,
    }
}

/// The function of a call that gives one value for all rows of a partition, which it makes
/// of them all.
pub(super) fn whole_function(call: &WindowFunction) -> Option<&Arc<AggregateUDF>> {
    let WindowFunctionParams { order_by, window_frame, null_treatment, .. } = &call.params;
    let is_whole = order_by.is_empty()
        && null_treatment.is_none()
        && matches!(&window_frame.start_bound, WindowFrameBound::Preceding(rows) if rows.is_null())
        && matches!(&window_frame.end_bound, WindowFrameBound::Following(rows) if rows.is_null());
    match &call.fun {
        WindowFunctionDefinition::AggregateUDF(function) if is_whole => Some(function),
        _ => None,
    }
}

/// The partitions that all calls have in common.
fn partitions<'a>(calls: &[&'a WindowFunction]) -> Option<&'a [Expr]> {
    let first = &calls.first()?.params.partition_by;
    calls.iter().all(|call| call.params.partition_by == *first).then_some(first.as_slice())
}

/// The aggregate that gives the same for a group as a call for a partition.
fn aggregate(call: &WindowFunction) -> Option<Expr> {
    let function = Arc::clone(whole_function(call)?);
    let WindowFunctionParams { args, distinct, filter, .. } = &call.params;
    let (args, filter) = (args.clone(), filter.clone());
    let call = AggregateFunction::new_udf(function, args, *distinct, filter, Vec::new(), None);
    Some(Expr::AggregateFunction(call))
}

/// What an aggregate is computed from.
fn inputs(aggregate: &Expr) -> Vec<&Expr> {
    match aggregate {
        Expr::AggregateFunction(call) => {
            call.params.args.iter().chain(call.params.filter.as_deref()).collect()
        }
        _ => Vec::new(),
    }
}

/// The rows below all windows that follow each other from `plan` on, of whose columns `keys`
/// and `aggregates` speak then; `None` if they need something of a window, or one of them
/// sorts the rows anyway.
fn below_windows(
    plan: &Arc<LogicalPlan>,
    keys: &mut [Expr],
    aggregates: &mut [Expr],
) -> Option<Arc<LogicalPlan>> {
    let mut plan = plan;
    while leads_to_window(plan) {
        match plan.as_ref() {
            LogicalPlan::Window(window) => {
                let is_whole = |one: &Expr| call(one).and_then(whole_function).is_some();
                let mut asked = keys.iter().chain(aggregates.iter());
                if !window.window_expr.iter().all(is_whole)
                    || !asked.all(|one| only_of(one, window.input.schema()))
                {
                    return None;
                }
                plan = &window.input;
            }
            LogicalPlan::Projection(projection) => {
                for one in keys.iter_mut().chain(aggregates.iter_mut()) {
                    *one = below(one, plan)?;
                }
                plan = &projection.input;
            }
            _ => return None,
        }
    }
    Some(Arc::clone(plan))
}

fn leads_to_window(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Window(_) => true,
        LogicalPlan::Projection(projection) => leads_to_window(&projection.input),
        _ => false,
    }
}

/// `expression` over the columns of what `plan` reads, a projection or an alias.
pub(super) fn below(expression: &Expr, plan: &LogicalPlan) -> Option<Expr> {
    let columns: HashMap<Column, Expr> = match plan {
        LogicalPlan::Projection(projection) => {
            let listed = projection.expr.iter().map(|one| one.clone().unalias());
            projection.schema.columns().into_iter().zip(listed).collect()
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let inner = alias.input.schema().columns().into_iter().map(Expr::Column);
            alias.schema.columns().into_iter().zip(inner).collect()
        }
        _ => return None,
    };
    let mut all_known = true;
    let below = expression.clone().transform_down(|part| {
        let Expr::Column(column) = &part else { return Ok(Transformed::no(part)) };
        match columns.get(column) {
            // Its columns are others, though they may have the same names.
            Some(inner) => Ok(Transformed::new(inner.clone(), true, TreeNodeRecursion::Jump)),
            None => {
                all_known = false;
                Ok(Transformed::no(part))
            }
        }
    });
    below.ok().filter(|_| all_known).map(|below| below.data)
}

/// Whether equal keys are equal to a join and to a sort alike: of doubles, -0.0 and NaN are not.
fn is_told_apart(key: &Expr, rows: &DFSchema) -> bool {
    key.get_type(rows).is_ok_and(|kind| is_plain(&kind) || kind == DataType::Boolean)
}

/// Whether an aggregate gives the very same for a group as for a partition. Doubles do if
/// they are whole numbers, up to the last digits of what is told from their squares.
fn is_exact(aggregate: &Expr, rows: &DFSchema) -> bool {
    let Expr::AggregateFunction(AggregateFunction { func, params }) = aggregate else {
        return false;
    };
    let [argument] = params.args.as_slice() else { return false };
    let Ok(kind) = argument.get_type(rows) else { return false };
    // A value that cannot be computed of rows that are left out may be none to one of them.
    let is_filtered_alike = params.filter.is_none() || !may_fail(argument);
    let is_ours = match (func.name(), params.distinct) {
        ("count", false) => true,
        ("count", true) => is_plain(&kind) || kind == DataType::Boolean,
        ("sum" | "avg", false) => {
            kind.is_integer() || kind.is_decimal() || is_whole_double(argument, rows)
        }
        ("min" | "max", false) => is_plain(&kind),
        ("bool_and" | "bool_or", false) => kind == DataType::Boolean,
        ("stddev" | "stddev_pop" | "var" | "var_pop", false) => is_whole_double(argument, rows),
        _ => false,
    };
    is_filtered_alike && is_ours
}

/// Whether values are numbers, times or texts of which no two are equal that differ.
fn is_plain(kind: &DataType) -> bool {
    let is_time = matches!(kind, DataType::Timestamp(..) | DataType::Date32);
    kind.is_integer() || kind.is_decimal() || kind.is_string() || is_time
}

/// Whether an expression makes a double of a whole number.
fn is_whole_double(expression: &Expr, rows: &DFSchema) -> bool {
    match expression {
        Expr::Cast(cast) => {
            *cast.field.data_type() == DataType::Float64
                && cast.expr.get_type(rows).is_ok_and(|kind| kind.is_integer())
        }
        _ => false,
    }
}

/// Whether there may be rows for which `argument` has no value.
fn may_fail(argument: &Expr) -> bool {
    match argument {
        Expr::Column(_) | Expr::Literal(..) => false,
        // Of a whole number, which is all that is cast to doubles here.
        Expr::Cast(cast) => *cast.field.data_type() != DataType::Float64 || may_fail(&cast.expr),
        _ => true,
    }
}
