//! The rows of a subquery for each of the values around it.
//!
//! What asks for no value is the same for each of them. Above that each step of a plan goes
//! on for each value by itself: it groups by the values, and numbers rows within them.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema, JoinType, Result, ScalarValue};
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Aggregate, Distinct, DistinctOn, Expr, ExprFunctionExt, FetchType, Filter, Join, Limit,
    LogicalPlan, LogicalPlanBuilder, Projection, SkipType, Sort, SortExpr, Union, Unnest,
    WindowFrame, WindowFrameBound, WindowFrameUnits, lit,
};

use super::around::{Around, Rows};
use super::refused;
use crate::engine::whole_counts::row_number;

/// Which of the rows for a value are taken.
#[derive(Clone, Copy)]
struct Taken {
    skipped: i64,
    most: Option<i64>,
}

impl Around<'_> {
    /// The rows of `query` for each of the values, with all its columns.
    pub(super) fn rows(&self, query: &LogicalPlan) -> Result<Rows> {
        if !self.is_asked_in(query)? {
            return self.same_for_each(query);
        }
        match query {
            LogicalPlan::Projection(listed) => self.listed(listed, self.rows(&listed.input)?),
            LogicalPlan::Filter(filter) => self.kept(filter),
            LogicalPlan::SubqueryAlias(named) => self.rows(&named.input)?.called(&named.alias),
            LogicalPlan::Aggregate(aggregate) => self.grouped(aggregate),
            LogicalPlan::Distinct(Distinct::All(rows)) => {
                self.rows(rows)?.with(|rows| Ok(LogicalPlan::Distinct(Distinct::All(rows))))
            }
            LogicalPlan::Distinct(Distinct::On(first)) => self.first_of_equal(first),
            LogicalPlan::Sort(sort) => self.sorted(sort),
            LogicalPlan::Limit(limit) => self.taken(&limit.input, taken(limit)?),
            LogicalPlan::Join(join) => self.matched(join),
            LogicalPlan::Union(union) => self.united(union),
            LogicalPlan::Unnest(unnest) => self.items(unnest),
            _ => Err(refused()),
        }
    }

    fn same_for_each(&self, query: &LogicalPlan) -> Result<Rows> {
        if self.has_none() {
            return Ok(Rows { plan: query.clone(), keys: Vec::new() });
        }
        let values = self.fresh()?;
        match query {
            LogicalPlan::EmptyRelation(empty)
                if empty.produce_one_row && empty.schema.fields().is_empty() =>
            {
                Ok(values)
            }
            _ => values.with(|values| {
                let values = LogicalPlanBuilder::from(values.as_ref().clone());
                values.cross_join(query.clone())?.build()
            }),
        }
    }

    fn replaced_all(&self, expressions: &[Expr], keys: &[Column]) -> Result<Vec<Expr>> {
        let names = NamePreserver::new_for_projection();
        let expressions = expressions.iter().map(|expression| {
            let name = names.save(expression);
            Ok(name.restore(self.replaced(expression.clone(), keys)?))
        });
        expressions.collect()
    }

    fn replaced_order(&self, order: &[SortExpr], keys: &[Column]) -> Result<Vec<SortExpr>> {
        let order = order.iter().map(|one| {
            Ok(SortExpr { expr: self.replaced(one.expr.clone(), keys)?, ..one.clone() })
        });
        order.collect()
    }

    fn listed(&self, listed: &Projection, rows: Rows) -> Result<Rows> {
        let mut expressions = self.replaced_all(&listed.expr, &rows.keys)?;
        expressions.extend(rows.key_columns());
        rows.with(|rows| Projection::try_new(expressions, rows).map(LogicalPlan::Projection))
    }

    fn kept(&self, filter: &Filter) -> Result<Rows> {
        let rows = self.rows(&filter.input)?;
        let condition = self.replaced(filter.predicate.clone(), &rows.keys)?;
        rows.with(|rows| Filter::try_new(condition, rows).map(LogicalPlan::Filter))
    }

    fn sorted(&self, sort: &Sort) -> Result<Rows> {
        if sort.fetch.is_some() {
            return Err(refused());
        }
        let rows = self.rows(&sort.input)?;
        let expr = self.replaced_order(&sort.expr, &rows.keys)?;
        rows.with(|input| Ok(LogicalPlan::Sort(Sort { expr, input, fetch: None })))
    }

    fn items(&self, unnest: &Unnest) -> Result<Rows> {
        self.rows(&unnest.input)?.with(|rows| {
            let (lists, options) = (unnest.exec_columns.clone(), unnest.options.clone());
            let rows = LogicalPlanBuilder::from(rows.as_ref().clone());
            rows.unnest_columns_with_options(lists, options)?.build()
        })
    }

    fn first_of_equal(&self, first: &DistinctOn) -> Result<Rows> {
        let rows = self.rows(&first.input)?;
        let keys: Vec<_> = rows.key_columns().collect();
        let equal = self.replaced_all(&first.on_expr, &rows.keys)?;
        let equal = keys.iter().cloned().chain(equal.into_iter().map(Expr::unalias)).collect();
        let mut listed = self.replaced_all(&first.select_expr, &rows.keys)?;
        listed.extend(keys.iter().cloned());
        let order = match &first.sort_expr {
            Some(order) => {
                let by_key = keys.into_iter().map(|key| key.sort(true, false));
                let order = self.replaced_order(order, &rows.keys)?;
                Some(by_key.chain(order).collect())
            }
            None => None,
        };
        rows.with(|rows| {
            let first = DistinctOn::try_new(equal, listed, order, rows)?;
            Ok(LogicalPlan::Distinct(Distinct::On(first)))
        })
    }

    fn grouped(&self, aggregate: &Aggregate) -> Result<Rows> {
        if aggregate.group_expr.iter().any(|group| matches!(group, Expr::GroupingSet(_))) {
            return Err(refused());
        }
        let rows = self.rows(&aggregate.input)?;
        let keys = rows.keys.len();
        let groups = self.replaced_all(&aggregate.group_expr, &rows.keys)?;
        let groups = rows.key_columns().chain(groups).collect();
        let aggregates = self.replaced_all(&aggregate.aggr_expr, &rows.keys)?;
        let found = rows.with(|rows| {
            Aggregate::try_new(rows, groups, aggregates).map(LogicalPlan::Aggregate)
        })?;
        if aggregate.group_expr.is_empty() {
            return self.with_empty(aggregate, found);
        }
        let made = found.plan.schema().columns().into_iter().skip(keys).map(Expr::Column);
        as_called(found, made, &aggregate.schema)
    }

    /// The aggregates of `found`, also for those values that have no rows: without groups
    /// they are aggregates of nothing.
    fn with_empty(&self, aggregate: &Aggregate, found: Rows) -> Result<Rows> {
        let columns = found.plan.schema().iter().skip(found.keys.len());
        let mut made = Vec::new();
        for ((qualifier, field), expression) in columns.zip(&aggregate.aggr_expr) {
            let of_nothing = of_nothing(expression, field.data_type())?;
            let column = Expr::Column(Column::from((qualifier, field)));
            made.push(if of_nothing.is_null() {
                column
            } else {
                let is_empty = Box::new(column.clone().is_null());
                let of_nothing = Box::new(Expr::Literal(of_nothing, None));
                let cases = vec![(is_empty, of_nothing)];
                Expr::Case(Case::new(None, cases, Some(Box::new(column))))
            });
        }
        let values = self.fresh()?;
        let keys = values.keys.clone();
        let plan = self.side_by_side(values, found, JoinType::Left, None)?;
        as_called(Rows { plan, keys }, made.into_iter(), &aggregate.schema)
    }

    /// The rows that LIMIT and OFFSET take for each value.
    fn taken(&self, query: &LogicalPlan, taken: Taken) -> Result<Rows> {
        match query {
            LogicalPlan::Projection(listed) => {
                let rows = self.taken(&listed.input, taken)?;
                self.listed(listed, rows)
            }
            LogicalPlan::SubqueryAlias(named) => {
                self.taken(&named.input, taken)?.called(&named.alias)
            }
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => {
                let rows = self.rows(&sort.input)?;
                let order = self.replaced_order(&sort.expr, &rows.keys)?;
                self.numbered(rows, order, taken)
            }
            query => self.numbered(self.rows(query)?, Vec::new(), taken),
        }
    }

    fn numbered(&self, rows: Rows, order: Vec<SortExpr>, taken: Taken) -> Result<Rows> {
        let name = self.next_name();
        // The engine has completed the frames of windows before.
        let frame = WindowFrame::new_bounds(
            WindowFrameUnits::Rows,
            WindowFrameBound::Preceding(ScalarValue::UInt64(None)),
            WindowFrameBound::CurrentRow,
        );
        let number = row_number().partition_by(rows.key_columns().collect()).window_frame(frame);
        let number = if order.is_empty() { number } else { number.order_by(order) };
        let number = number.build()?.alias(&name);
        let columns: Vec<_> = rows.plan.schema().columns().into_iter().map(Expr::Column).collect();
        let place = Expr::Column(Column::new_unqualified(name));
        let mut condition = place.clone().gt(lit(taken.skipped));
        if let Some(most) = taken.most {
            condition = condition.and(place.lt_eq(lit(taken.skipped.saturating_add(most))));
        }
        rows.with(|rows| {
            let numbered = LogicalPlanBuilder::from(rows.as_ref().clone()).window([number])?;
            let first = Filter::try_new(condition, Arc::new(numbered.build()?))?;
            let first = Arc::new(LogicalPlan::Filter(first));
            Projection::try_new(columns, first).map(LogicalPlan::Projection)
        })
    }

    /// The rows of a join. A side that it keeps has the values; the other one has them too
    /// if it asks for some, and then they are equal.
    fn matched(&self, join: &Join) -> Result<Rows> {
        let (left, right) = (self.is_asked_in(&join.left)?, self.is_asked_in(&join.right)?);
        let (left, right, is_of_left) = match join.join_type {
            JoinType::Inner => (left || !right, right, left || !right),
            JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => {
                (true, right, true)
            }
            JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => {
                (left, true, false)
            }
            JoinType::Full => return Err(refused()),
        };
        let is_asked_by_keys =
            join.on.iter().any(|(left, right)| self.is_asked_by(left) || self.is_asked_by(right));
        if is_asked_by_keys || join.null_aware && right {
            return Err(refused());
        }
        let left = self.side(&join.left, left)?;
        let right = self.side(&join.right, right)?;
        let keys = if is_of_left { left.keys.clone() } else { right.keys.clone() };
        let mut on = join.on.clone();
        on.extend(self.equal(&left, &right)?);
        let condition = match &join.filter {
            Some(condition) => Some(self.replaced(condition.clone(), &keys)?),
            None => None,
        };
        let joined = Join::try_new(
            Arc::new(left.plan),
            Arc::new(right.plan),
            on,
            condition,
            join.join_type,
            join.join_constraint,
            join.null_equality,
            join.null_aware,
        )?;
        Ok(Rows { plan: LogicalPlan::Join(joined), keys })
    }

    fn side(&self, side: &LogicalPlan, has_values: bool) -> Result<Rows> {
        if has_values {
            return self.rows(side);
        }
        Ok(Rows { plan: side.clone(), keys: Vec::new() })
    }

    fn united(&self, union: &Union) -> Result<Rows> {
        let names: Vec<_> = union.schema.fields().iter().map(|_| self.next_name()).collect();
        let keys: Vec<_> = self.fresh()?.keys;
        let mut parts = Vec::new();
        for input in &union.inputs {
            let rows = self.rows(input)?;
            let columns = input.schema().columns().into_iter().chain(rows.keys.clone());
            let names = names.iter().chain(keys.iter().map(|key| &key.name));
            let columns =
                columns.zip(names).map(|(column, name)| Expr::Column(column).alias(name)).collect();
            let part = Projection::try_new(columns, Arc::new(rows.plan))?;
            parts.push(Arc::new(LogicalPlan::Projection(part)));
        }
        let plan = LogicalPlan::Union(Union::try_new_with_loose_types(parts)?);
        let made = names.into_iter().map(|name| Expr::Column(Column::new_unqualified(name)));
        as_called(Rows { plan, keys }, made, &union.schema)
    }
}

/// `rows` with the `made` columns, called as those of `schema` are.
fn as_called(rows: Rows, made: impl Iterator<Item = Expr>, schema: &DFSchema) -> Result<Rows> {
    let called = made.zip(schema.iter()).map(|(made, (qualifier, field))| {
        let is_called_so = matches!(&made, Expr::Column(column)
            if column.relation.as_ref() == qualifier && column.name == *field.name());
        if is_called_so { made } else { made.alias_qualified(qualifier.cloned(), field.name()) }
    });
    let columns = called.chain(rows.key_columns()).collect();
    rows.with(|rows| Projection::try_new(columns, rows).map(LogicalPlan::Projection))
}

/// What an aggregate gives for no rows.
fn of_nothing(aggregate: &Expr, kind: &DataType) -> Result<ScalarValue> {
    let Expr::AggregateFunction(call) = aggregate.clone().unalias() else { return Err(refused()) };
    let of_nothing = call.func.default_value(kind)?;
    // If it may be NULL for some rows as well, that does not tell that there are none.
    let is_told = !call.func.is_nullable() && of_nothing.data_type() == *kind;
    if of_nothing.is_null() || is_told { Ok(of_nothing) } else { Err(refused()) }
}

fn taken(limit: &Limit) -> Result<Taken> {
    let SkipType::Literal(skipped) = limit.get_skip_type()? else { return Err(refused()) };
    let FetchType::Literal(most) = limit.get_fetch_type()? else { return Err(refused()) };
    let number = |rows: usize| i64::try_from(rows).unwrap_or(i64::MAX);
    Ok(Taken { skipped: number(skipped), most: most.map(number) })
}
