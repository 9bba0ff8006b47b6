//! The values that a subquery takes from the rows around it.

use std::cell::Cell;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{
    Column, DFSchema, DFSchemaRef, JoinConstraint, JoinType, NullEquality, Result, ScalarValue,
    TableReference,
};
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::expr_rewriter::strip_outer_reference;
use datafusion::logical_expr::{
    Distinct, Expr, Join, LogicalPlan, LogicalPlanBuilder, Projection, SubqueryAlias, lit,
};

use super::{columns_around, next_name, refused};
use crate::engine::computed_once::{Mark, When};

/// What tells the rows around a subquery from the queries by name that are computed once.
const STATEMENT: u64 = u64::MAX;

/// Rows for each of the values, which they have in the columns `keys`.
pub(super) struct Rows {
    pub(super) plan: LogicalPlan,
    pub(super) keys: Vec<Column>,
}

impl Rows {
    pub(super) fn key_columns(&self) -> impl Iterator<Item = Expr> {
        self.keys.clone().into_iter().map(Expr::Column)
    }

    /// What `change` makes of them, with the same keys.
    pub(super) fn with(
        self,
        change: impl FnOnce(Arc<LogicalPlan>) -> Result<LogicalPlan>,
    ) -> Result<Self> {
        Ok(Self { plan: change(Arc::new(self.plan))?, keys: self.keys })
    }

    /// The same under another name.
    pub(super) fn called(self, alias: &TableReference) -> Result<Self> {
        let key = |key: &Column| Column::new(Some(alias.clone()), &key.name);
        let keys = self.keys.iter().map(key).collect();
        let plan = SubqueryAlias::try_new(Arc::new(self.plan), alias.clone())?;
        Ok(Self { plan: LogicalPlan::SubqueryAlias(plan), keys })
    }
}

/// The values around a subquery.
pub(super) struct Around<'a> {
    /// What they are computed from.
    schema: DFSchemaRef,
    /// As the subquery has them.
    values: Vec<Expr>,
    /// The columns that the rows around have them in.
    columns: Vec<Column>,
    /// Each of them once.
    distinct: Arc<LogicalPlan>,
    made: &'a Cell<usize>,
}

impl<'a> Around<'a> {
    /// The rows of `input` with a column for each value that `query` takes from them, and
    /// those values. They are those of the rows of `base`, as far as that has them: what
    /// was joined to those since need not be computed again.
    pub(super) fn of(
        input: &LogicalPlan,
        base: &LogicalPlan,
        query: &LogicalPlan,
        made: &'a Cell<usize>,
    ) -> Result<(LogicalPlan, Self)> {
        let schema = Arc::clone(input.schema());
        let values = values(query, &schema)?;
        let is_in_base = values.iter().all(|value| is_of(value, base.schema()));
        let (input, base) = if is_in_base {
            (input.clone(), base.clone())
        } else {
            let input = once(input, made)?;
            (input.clone(), input)
        };
        let columns: Vec<_> =
            values.iter().map(|_| Column::new_unqualified(next_name(made))).collect();
        let named = values.iter().zip(&columns);
        let named: Vec<_> = named
            .map(|(value, column)| strip_outer_reference(value.clone()).alias(&column.name))
            .collect();
        let all = schema.columns().into_iter().map(Expr::Column).chain(named.clone()).collect();
        let wider = LogicalPlan::Projection(Projection::try_new(all, Arc::new(input))?);
        let keys = LogicalPlan::Projection(Projection::try_new(named, Arc::new(base))?);
        let distinct = Arc::new(LogicalPlan::Distinct(Distinct::All(Arc::new(keys))));
        Ok((wider, Self { schema, values, columns, distinct, made }))
    }

    /// Whether the query takes none of them: what it asks for is further out.
    pub(super) fn has_none(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether `expression` takes a value from around.
    pub(super) fn is_asked_by(&self, expression: &Expr) -> bool {
        expression.exists(|part| Ok(is_column_of(part, &self.schema))).unwrap_or(true)
    }

    /// Whether the rows of `query` depend on a value from around.
    pub(super) fn is_asked_in(&self, query: &LogicalPlan) -> Result<bool> {
        Ok(!values(query, &self.schema)?.is_empty())
    }

    /// `expression` with columns of `keys` in the place of values from around.
    pub(super) fn replaced(&self, expression: Expr, keys: &[Column]) -> Result<Expr> {
        let replaced = expression.transform_down(|part| {
            let place = self.values.iter().position(|value| *value == part);
            Ok(match place {
                Some(place) => {
                    let key = Expr::Column(keys[place].clone());
                    Transformed::new(key, true, TreeNodeRecursion::Jump)
                }
                None => Transformed::no(part),
            })
        })?;
        if self.is_asked_by(&replaced.data) {
            return Err(refused());
        }
        Ok(replaced.data)
    }

    /// The values, in columns of other names than anywhere else.
    pub(super) fn fresh(&self) -> Result<Rows> {
        let keys: Vec<_> =
            self.columns.iter().map(|_| Column::new_unqualified(self.next_name())).collect();
        let columns = self.columns.iter().zip(&keys);
        let columns =
            columns.map(|(column, key)| Expr::Column(column.clone()).alias(&key.name)).collect();
        let plan = Projection::try_new(columns, Arc::clone(&self.distinct))?;
        Ok(Rows { plan: LogicalPlan::Projection(plan), keys })
    }

    pub(super) fn next_name(&self) -> String {
        next_name(self.made)
    }

    /// What two sides of a join with the same values have in common. An unknown value is
    /// the same as another one, though not for the equality of columns; and a join for which
    /// it is loses such keys to the first other condition that may be one.
    pub(super) fn equal(&self, left: &Rows, right: &Rows) -> Result<Vec<(Expr, Expr)>> {
        let mut equal = Vec::new();
        let fields = self.distinct.schema().fields().iter();
        for (field, (left, right)) in fields.zip(left.key_columns().zip(right.key_columns())) {
            if field.is_nullable() {
                // An empty list is one of items that may be unknown, which the type may not allow.
                let known = ScalarValue::new_default(field.data_type())
                    .and_then(|known| known.cast_to(field.data_type()))
                    .map_err(|_| refused())?;
                equal.push((left.clone().is_null(), right.clone().is_null()));
                equal.push((known_or(left, &known), known_or(right, &known)));
            } else {
                equal.push((left, right));
            }
        }
        Ok(equal)
    }

    /// The rows around, each beside the `found` ones of its values.
    pub(super) fn joined(
        &self,
        input: LogicalPlan,
        found: Rows,
        kind: JoinType,
        condition: Option<Expr>,
    ) -> Result<LogicalPlan> {
        let rows = Rows { plan: input, keys: self.columns.clone() };
        self.side_by_side(rows, found, kind, condition)
    }

    /// The rows of two sides that have the same values.
    pub(super) fn side_by_side(
        &self,
        left: Rows,
        right: Rows,
        kind: JoinType,
        condition: Option<Expr>,
    ) -> Result<LogicalPlan> {
        let equal = self.equal(&left, &right)?;
        // An outer join is by something.
        let condition = condition.or_else(|| equal.is_empty().then(|| lit(true)));
        let join = Join::try_new(
            Arc::new(left.plan),
            Arc::new(right.plan),
            equal,
            condition,
            kind,
            JoinConstraint::On,
            NullEquality::NullEqualsNothing,
            false,
        )?;
        Ok(LogicalPlan::Join(join))
    }
}

/// `value`, or `other` if it is unknown.
fn known_or(value: Expr, other: &ScalarValue) -> Expr {
    let is_unknown = Box::new(value.clone().is_null());
    let other = Box::new(Expr::Literal(other.clone(), None));
    Expr::Case(Case::new(None, vec![(is_unknown, other)], Some(Box::new(value))))
}

/// What `query` takes from rows with the columns of `schema`: as much of an expression as
/// is the same for each of its own rows. Other queries in it have what they ask for.
fn values(query: &LogicalPlan, schema: &DFSchema) -> Result<Vec<Expr>> {
    let mut found = Vec::new();
    query.apply(|node| {
        // It asks the table beside it.
        if matches!(node, LogicalPlan::Subquery(_)) {
            return Ok(TreeNodeRecursion::Jump);
        }
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                if is_value(part, schema) {
                    add(part, &mut found);
                    return Ok(TreeNodeRecursion::Jump);
                }
                if !chooses(part) {
                    return Ok(TreeNodeRecursion::Continue);
                }
                // What is computed for some rows only may fail for others. A column does not.
                part.apply(|inner| {
                    if is_column_of(inner, schema) {
                        add(inner, &mut found);
                    }
                    Ok(TreeNodeRecursion::Continue)
                })?;
                Ok(TreeNodeRecursion::Jump)
            })
        })
    })?;
    Ok(found)
}

fn add(value: &Expr, found: &mut Vec<Expr>) {
    if !found.contains(value) {
        found.push(value.clone());
    }
}

/// Whether an expression computes some of its parts only where it needs them, as CASE does.
fn chooses(expression: &Expr) -> bool {
    expression.short_circuits() && !matches!(expression, Expr::BinaryExpr(_))
}

fn is_value(expression: &Expr, schema: &DFSchema) -> bool {
    let mut is_asked = false;
    let differs = expression.exists(|part| {
        is_asked |= is_column_of(part, schema);
        Ok(match part {
            Expr::OuterReferenceColumn(..) => !is_column_of(part, schema),
            Expr::Column(_)
            | Expr::Alias(_)
            | Expr::AggregateFunction(_)
            | Expr::WindowFunction(_)
            | Expr::GroupingSet(_)
            | Expr::Unnest(_)
            | Expr::Lambda(_)
            | Expr::LambdaVariable(_)
            | Expr::Exists(_)
            | Expr::InSubquery(_)
            | Expr::SetComparison(_)
            | Expr::ScalarSubquery(_) => true,
            part => part.is_volatile_node(),
        })
    });
    is_asked && !differs.unwrap_or(true)
}

/// Whether all columns from around in `value` are among those of `schema`.
fn is_of(value: &Expr, schema: &DFSchema) -> bool {
    let is_other =
        |part: &Expr| matches!(part, Expr::OuterReferenceColumn(..)) && !is_column_of(part, schema);
    !value.exists(|part| Ok(is_other(part))).unwrap_or(true)
}

fn is_column_of(expression: &Expr, schema: &DFSchema) -> bool {
    match expression {
        Expr::OuterReferenceColumn(_, column) => schema.has_column(column),
        _ => false,
    }
}

/// `input` as rows that are the same for each use. Those that may be others each time, as
/// the first ones of a table are, are computed once.
pub(in crate::engine) fn once(input: &LogicalPlan, made: &Cell<usize>) -> Result<LogicalPlan> {
    if is_steady(input)? {
        return Ok(input.clone());
    }
    // They would be others for each of the values around.
    if !columns_around(input).is_empty() {
        return Err(refused());
    }
    let columns = input.schema().columns();
    let names: Vec<_> = columns.iter().map(|_| next_name(made)).collect();
    let number = made.get();
    made.set(number + 1);
    let name = "the query around a subquery".to_owned();
    let mark = Mark { when: When::Changing, statement: STATEMENT, number, name };
    let called = columns.iter().zip(&names);
    let called = called.map(|(column, name)| Expr::Column(column.clone()).alias(name));
    let back = columns.iter().zip(&names).map(|(column, name)| {
        let named = Expr::Column(Column::new_unqualified(name));
        named.alias_qualified(column.relation.clone(), &column.name)
    });
    LogicalPlanBuilder::from(input.clone())
        .project(called.collect::<Vec<_>>())?
        .alias(TableReference::bare(mark.to_string()))?
        .project(back.collect::<Vec<_>>())?
        .build()
}

/// Whether a query gives the same rows each time, to the last digit.
fn is_steady(query: &LogicalPlan) -> Result<bool> {
    let mut is_steady = true;
    query.apply_with_subqueries(|node| {
        is_steady &= match node {
            LogicalPlan::TableScan(scan) => scan.fetch.is_none(),
            LogicalPlan::Sort(sort) => sort.fetch.is_none(),
            LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Join(_)
            | LogicalPlan::Union(_)
            | LogicalPlan::Unnest(_)
            | LogicalPlan::Subquery(_)
            | LogicalPlan::EmptyRelation(_)
            | LogicalPlan::Values(_)
            | LogicalPlan::Distinct(Distinct::All(_)) => true,
            _ => false,
        };
        node.apply_expressions(|expression| {
            is_steady &= !expression.is_volatile();
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(is_steady)
}
