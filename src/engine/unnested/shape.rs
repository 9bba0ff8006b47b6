//! Which subqueries the engine does not join as they are asked for.

use std::collections::HashSet;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, JoinType, TableReference};
use datafusion::logical_expr::expr::{BinaryExpr, Exists, InSubquery};
use datafusion::logical_expr::utils::{merge_schema, split_conjunction};
use datafusion::logical_expr::{Distinct, Expr, Join, LogicalPlan, Operator, Projection, Subquery};

use crate::engine::empty_subqueries::has_total;

/// The query in an expression, if that is one between values or in a condition.
pub(in crate::engine) fn subquery(expression: &Expr) -> Option<&Subquery> {
    match expression {
        Expr::Exists(Exists { subquery, .. })
        | Expr::InSubquery(InSubquery { subquery, .. })
        | Expr::ScalarSubquery(subquery) => Some(subquery),
        _ => None,
    }
}

pub(super) fn has_subquery(expression: &Expr) -> bool {
    expression.exists(|part| Ok(subquery(part).is_some())).unwrap_or(true)
}

/// The columns from around `query` that it asks for, however deep.
pub(in crate::engine) fn columns_around(query: &LogicalPlan) -> Vec<Column> {
    let mut found = asked_by_itself(query);
    let left = match query {
        LogicalPlan::Join(join) if beside(join).is_some() => Some(join.left.schema()),
        _ => None,
    };
    for input in query.inputs() {
        let asked = columns_around(input).into_iter();
        found.extend(asked.filter(|column| left.is_none_or(|left| !left.has_column(column))));
    }
    found
}

/// The columns from around that the expressions of a node ask for, and queries in them.
fn asked_by_itself(node: &LogicalPlan) -> Vec<Column> {
    let mut found = Vec::new();
    // It never fails.
    let _ = node.apply_expressions(|expression| {
        expression.apply(|part| {
            if let Expr::OuterReferenceColumn(_, column) = part {
                found.push(column.clone());
            } else if let Some(asked) = subquery(part) {
                let schema = merge_schema(&node.inputs());
                let asked = columns_around(&asked.subquery).into_iter();
                found.extend(asked.filter(|column| !schema.has_column(column)));
            }
            Ok(TreeNodeRecursion::Continue)
        })
    });
    found
}

fn asks(query: &LogicalPlan) -> bool {
    !columns_around(query).is_empty()
}

/// Whether a subquery between values, or in a condition, over rows with the columns of
/// `schema` is none that the engine brings to a join.
pub(in crate::engine) fn is_needed(expression: &Expr, schema: &DFSchema) -> bool {
    let Some(asked) = subquery(expression) else { return false };
    let query = asked.subquery.as_ref();
    let around = columns_around(query);
    if around.is_empty() {
        return false;
    }
    let is_joined = match expression {
        Expr::ScalarSubquery(_) => is_pulled_up(query, |_| true, true),
        Expr::Exists(_) => !is_misread(query) && is_pulled_up(without_limit(query), |_| true, true),
        _ => !is_misread(query) && is_pulled_up(query, |_| true, true),
    };
    let is_value = !matches!(expression, Expr::Exists(_));
    !is_joined
        || has_namesakes(query, is_value)
        || around.iter().any(|column| !schema.has_column(column))
}

/// Whether the engine takes one column of a query for another. It asks the conditions on
/// columns from around of one table, in which what the query gives stands beside what they
/// ask for, each by its name only.
fn has_namesakes(query: &LogicalPlan, is_value: bool) -> bool {
    let mut given: HashSet<Column> = query.schema().columns().into_iter().collect();
    let mut used = if is_value { given.clone() } else { HashSet::new() };
    // It never fails.
    let _ = query.apply(|node| {
        match node {
            LogicalPlan::Filter(filter) => {
                let conditions = split_conjunction(&filter.predicate).into_iter();
                let asking = conditions.filter(|condition| condition.contains_outer());
                used.extend(asking.flat_map(Expr::column_refs).cloned());
            }
            LogicalPlan::Projection(listed) => given.extend(listed.schema.columns()),
            // Nothing below is asked later.
            LogicalPlan::SubqueryAlias(_) => return Ok(TreeNodeRecursion::Jump),
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    });
    let is_namesake = |one: &Column, other: &Column| one.name == other.name && one != other;
    used.iter().any(|one| given.iter().chain(&used).any(|other| is_namesake(one, other)))
}

/// Whether the conditions on columns from around that `query` has may be asked after it is
/// computed. Below an aggregate that are those that are also what it is grouped by.
fn is_pulled_up(query: &LogicalPlan, may_be: fn(&Expr) -> bool, may_group: bool) -> bool {
    if !asks(query) {
        return true;
    }
    if let LogicalPlan::Filter(filter) = query {
        let conditions = split_conjunction(&filter.predicate);
        let mut asking = conditions.into_iter().filter(|condition| condition.contains_outer());
        // With a query in it, a condition has no place in a join.
        let is_asked_later = asking.all(|condition| {
            may_be(condition) && !groups(&filter.input) && !has_subquery(condition)
        });
        return is_asked_later && is_pulled_up(&filter.input, may_be, may_group);
    }
    if !asked_by_itself(query).is_empty() {
        return false;
    }
    let is_pulled_up = |input: &LogicalPlan| is_pulled_up(input, may_be, may_group);
    match query {
        LogicalPlan::Projection(listed) => {
            !has_others_beside_a_total(listed) && is_pulled_up(&listed.input)
        }
        LogicalPlan::Distinct(Distinct::All(rows)) => is_pulled_up(rows),
        LogicalPlan::Aggregate(aggregate) => {
            let is_known = aggregate.group_expr.is_empty() || !has_total(aggregate);
            may_group && is_known && self::is_pulled_up(&aggregate.input, is_grouped_by, false)
        }
        LogicalPlan::Join(join) => match join.join_type {
            JoinType::Inner => is_pulled_up(&join.left) && is_pulled_up(&join.right),
            JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => {
                is_pulled_up(&join.left) && !asks(&join.right)
            }
            JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => {
                is_pulled_up(&join.right) && !asks(&join.left)
            }
            JoinType::Full => false,
        },
        _ => false,
    }
}

/// Whether something stands beside an aggregate without groups that is not made of it, such
/// as `'many'`: for values that have no rows the engine knows what the aggregate is, and
/// takes the rest for unknown.
fn has_others_beside_a_total(listed: &Projection) -> bool {
    listed.expr.iter().any(|one| !one.any_column_refs()) && asks_for_a_total(&listed.input)
}

fn asks_for_a_total(query: &LogicalPlan) -> bool {
    let found = query.exists(|inner| {
        let is_total = matches!(inner, LogicalPlan::Aggregate(aggregate) if has_total(aggregate));
        Ok(is_total && asks(inner))
    });
    found.unwrap_or(true)
}

fn groups(query: &LogicalPlan) -> bool {
    let found = query.exists(|inner| Ok(matches!(inner, LogicalPlan::Aggregate(_))));
    found.unwrap_or(true)
}

/// Whether rows that are chosen by a condition have the value from around in a column.
fn is_grouped_by(condition: &Expr) -> bool {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = condition else {
        return false;
    };
    // The engine takes the column itself for what a cast makes of it, such as the day of a
    // time, and has a group for each time.
    let is_column = |side: &Expr| matches!(side, Expr::Column(_));
    is_column(left) && !right.any_column_refs() || is_column(right) && !left.any_column_refs()
}

/// Whether a query takes some of the rows that are chosen by columns from around it before
/// it looks at them further, or makes one row of them, which is there without them as well:
/// the join takes from all rows what it takes from those of one row around.
fn is_misread(query: &LogicalPlan) -> bool {
    let found = first_rows(query).exists(|inner| {
        let takes = match inner {
            LogicalPlan::Limit(_) => true,
            LogicalPlan::Aggregate(aggregate) => has_total(aggregate),
            _ => false,
        };
        Ok(takes && asks(inner))
    });
    found.unwrap_or(true)
}

/// What a query takes its first rows of: whether there are any is the same.
fn first_rows(query: &LogicalPlan) -> &LogicalPlan {
    match query {
        LogicalPlan::Projection(listed) => first_rows(&listed.input),
        LogicalPlan::Sort(sort) => first_rows(&sort.input),
        LogicalPlan::Limit(limit) => first_rows(&limit.input),
        _ => query,
    }
}

fn without_limit(query: &LogicalPlan) -> &LogicalPlan {
    match query {
        LogicalPlan::Limit(limit) => &limit.input,
        _ => query,
    }
}

/// A query after LATERAL, and its name.
type Beside<'a> = (&'a LogicalPlan, Option<&'a TableReference>);

/// The query of a join that asks for columns of its left side.
fn beside(join: &Join) -> Option<Beside<'_>> {
    match join.right.as_ref() {
        LogicalPlan::Subquery(asked) => Some((asked.subquery.as_ref(), None)),
        LogicalPlan::SubqueryAlias(named) => match named.input.as_ref() {
            LogicalPlan::Subquery(asked) => Some((asked.subquery.as_ref(), Some(&named.alias))),
            _ => None,
        },
        _ => None,
    }
}

/// The same, if the engine does not join it as it is asked for.
pub(super) fn asked_beside(join: &Join) -> Option<Beside<'_>> {
    let (query, alias) = beside(join)?;
    let around = columns_around(query);
    let is_joined = is_pulled_up(query, |_| true, true)
        && !takes_some(query)
        && !has_namesakes(query, true)
        && around.iter().all(|column| join.left.schema().has_column(column));
    (!is_joined && !around.is_empty()).then_some((query, alias))
}

/// Whether a query takes some of the rows that are chosen by columns from around it, or of
/// their groups.
fn takes_some(query: &LogicalPlan) -> bool {
    let found = query.exists(|inner| {
        let takes = match inner {
            LogicalPlan::Limit(_) | LogicalPlan::Distinct(_) => true,
            LogicalPlan::Filter(filter) => groups(&filter.input),
            _ => false,
        };
        Ok(takes && asks(inner))
    });
    found.unwrap_or(true)
}
