//! Subqueries with columns from around them that the engine brings to no join: those that
//! compare by something else than equality, compute with columns from around, take the
//! first rows of each, or put several queries together.
//!
//! Such a subquery is computed once, for all the values around it:
//!
//! - [`shape`] tells which subqueries those are.
//! - [`earlier`] has conditions on rows beside such a query asked before it.
//! - [`around`] has the values, each once.
//! - [`rows`] has the rows of the subquery for each of them.
//! - [`nearest`] has the one row before each, or behind it, where that is asked for.
//!
//! Then the rows around are joined to what it gives for their values. (Neumann and Kemper,
//! "Unnesting Arbitrary Queries", BTW 2015.)

mod around;
mod earlier;
mod nearest;
mod rows;
mod shape;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::sync::Arc;

use datafusion::common::{Column, JoinType, Result, ScalarValue, TableReference};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, Join, LogicalPlan, Projection, Subquery};

pub(super) use around::once;
pub(super) use earlier::conditions_first;
pub(super) use shape::{columns_around, is_needed, subquery};

use super::empty_subqueries::has_one_row_at_most;
use super::wording::correlated;
use around::Around;
use nearest::Nearest;

/// `input` with a column of what `asked` gives for each of its rows, and that column. The
/// columns that it asks for are those of `base`, the rows that others were joined to.
///
/// # Errors
/// When it cannot be computed for all of them at once.
pub(super) fn with_value(
    (input, base): (&LogicalPlan, &LogicalPlan),
    asked: &Subquery,
    made: &Cell<usize>,
) -> Result<(LogicalPlan, Expr)> {
    let query = asked.subquery.as_ref();
    let [value]: [Column; 1] = query.schema().columns().try_into().map_err(|_| refused())?;
    if !has_one_row_at_most(query) {
        return Err(refused());
    }
    let (input, around) = Around::of(input, base, query, made)?;
    let found = around.rows(query)?;
    let name = next_name(made);
    let columns = found.key_columns().chain([Expr::Column(value).alias(&name)]).collect();
    let found =
        found.with(|plan| Projection::try_new(columns, plan).map(LogicalPlan::Projection))?;
    let joined = around.joined(input, found, JoinType::Left, None)?;
    Ok((joined, Expr::Column(Column::new_unqualified(name))))
}

/// The rows of a join whose right side asks for columns of the left one, if the engine
/// would not find them.
///
/// # Errors
/// When neither is possible.
pub(super) fn beside(join: &Join, made: &Cell<usize>) -> Result<Option<LogicalPlan>> {
    let Some((query, alias)) = shape::asked_beside(join) else { return Ok(None) };
    let is_plain = join.on.is_empty()
        && join.filter.as_ref().is_none_or(|condition| !shape::has_subquery(condition));
    if !is_plain || !matches!(join.join_type, JoinType::Inner | JoinType::Left) {
        return Err(refused());
    }
    let left = once(&join.left, made)?;
    if let Some(joined) = nearest_beside(join, &left, (query, alias), made)? {
        return Ok(Some(joined));
    }
    let (left, around) = Around::of(&left, &left, query, made)?;
    let found = around.rows(query)?;
    let columns = query.schema().columns().into_iter().map(Expr::Column);
    let columns = columns.chain(found.key_columns()).collect();
    let found =
        found.with(|plan| Projection::try_new(columns, plan).map(LogicalPlan::Projection))?;
    let found = match alias {
        Some(alias) => found.called(alias)?,
        None => found,
    };
    let joined = around.joined(left, found, join.join_type, join.filter.clone())?;
    with_columns_of(join, joined).map(Some)
}

/// The same, if all that the query gives is the nearest row. `left` are the rows around.
fn nearest_beside(
    join: &Join,
    left: &LogicalPlan,
    (query, alias): (&LogicalPlan, Option<&TableReference>),
    made: &Cell<usize>,
) -> Result<Option<LogicalPlan>> {
    let is_true =
        |condition: &Expr| matches!(condition, Expr::Literal(ScalarValue::Boolean(Some(true)), _));
    // A condition is asked of the row that was found, which is not looked for further.
    if !join.filter.as_ref().is_none_or(is_true) {
        return Ok(None);
    }
    let Some(nearest) = Nearest::of(query, left.schema()) else { return Ok(None) };
    let names = query.schema().columns();
    let called = |place: usize, column: Expr| {
        let name = &names[place];
        column.alias_qualified(name.relation.clone(), &name.name)
    };
    let found = nearest.rows(called, left, made)?;
    let found = match alias {
        Some(alias) => found.called(alias)?,
        None => found,
    };
    let joined = nearest.joined(left.clone(), found, join.join_type)?;
    joined.map(|joined| with_columns_of(join, joined)).transpose()
}

/// The columns that `join` has, of `joined`.
fn with_columns_of(join: &Join, joined: LogicalPlan) -> Result<LogicalPlan> {
    let columns = join.schema.columns().into_iter().map(Expr::Column).collect();
    Projection::try_new(columns, Arc::new(joined)).map(LogicalPlan::Projection)
}

/// The name of one more column.
fn next_name(made: &Cell<usize>) -> String {
    let number = made.get();
    made.set(number + 1);
    format!("__around_{number}")
}

/// The refusal of a subquery.
pub(super) fn refused() -> DataFusionError {
    DataFusionError::External(Box::new(correlated()))
}
