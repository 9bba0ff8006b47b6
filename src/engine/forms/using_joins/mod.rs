//! `FROM posts FULL JOIN accounts USING (account_id)`: the column that both tables have
//! is one column of the join, whose value is that of the table that has the row.
//!
//! To the planner it is the column of the first table, which is unknown in the rows that
//! only the second one has, and of two columns in an expression it knows neither. Here
//! its name becomes what it stands for, in all clauses of the SELECT: the column of the
//! left table, of the right one after RIGHT JOIN, and `coalesce` of both after FULL JOIN.
//! Names in queries inside of expressions are left alone, where the same name may be a
//! column of their own tables. A NATURAL join is one USING all columns that both sides have.
//! Of an ASOF JOIN they are the columns of the left side, in the places that they have there.
//!
//! Most joins can be told from the statement alone. For the others, NATURAL ones above all,
//! the columns of their tables are asked for.

mod side;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Distinct, ExcludeSelectItem, Expr, Ident, JoinConstraint, JoinOperator,
    ObjectName, OrderByExpr, OrderByKind, Query, Select, SetExpr, TableAlias, TableFactor,
    TableWithJoins, Value, VisitMut, VisitorMut, WildcardAdditionalOptions,
};

use self::side::{Key, Merged, Place, Side, find, shared_names, value};
use super::joined_columns::{self, Columns, QueriesByName};
use super::{asof_joins, level_names, outer_tables, qualified_columns};
use crate::engine::names::plain;
use crate::engine::parsed;
use crate::engine::script::Statement;
use crate::error::{Error, Result};

/// Has the columns of USING and NATURAL joins stand for what they are, names in queries
/// mean the tables around these, and QUALIFY ask for columns.
///
/// # Errors
/// When that cannot be told, or a table of such a join cannot be planned.
pub(in crate::engine) async fn merge(
    parsed: &mut Parsed,
    statement: &Statement,
    context: &SessionContext,
) -> Result<(), DataFusionError> {
    outer_tables::reach(parsed);
    qualified_columns::mark(parsed);
    asof_joins::mark(parsed, statement)
        .map_err(|error| DataFusionError::External(Box::new(error)))?;
    if parsed::visit(parsed, &mut FindShared).is_continue() {
        return Ok(());
    }
    let mut columns = Columns::new();
    let mut failure = None;
    loop {
        let mut tried = parsed.clone();
        match merge_with(&columns, &mut tried, statement) {
            ControlFlow::Continue(()) => {
                *parsed = tried;
                return Ok(());
            }
            ControlFlow::Break(Stop::Refused(error)) => {
                // A table that is not there is the reason, if there is one.
                return Err(failure.unwrap_or_else(|| DataFusionError::External(Box::new(error))));
            }
            ControlFlow::Break(Stop::Unknown(tables)) => {
                for all in tables {
                    let text = all.to_string();
                    let names = match joined_columns::names(all, context).await {
                        Ok(names) => Some(names),
                        Err(error) => {
                            failure.get_or_insert(error);
                            None
                        }
                    };
                    columns.insert(text, names);
                }
            }
        }
    }
}

fn merge_with(columns: &Columns, parsed: &mut Parsed, statement: &Statement) -> ControlFlow<Stop> {
    let queries = QueriesByName::default();
    let mut merge = Merge { statement, columns, queries, unknown: Vec::new(), unnamed: 0 };
    parsed::visit(parsed, &mut merge)
}

/// Finds a join with columns that both sides share.
struct FindShared;

impl VisitorMut for FindShared {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        match select.from.iter_mut().any(shares_columns) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

fn shares_columns(tables: &mut TableWithJoins) -> bool {
    let is_shared = |operator: &mut JoinOperator| {
        let constraint = kind(operator).map(|(_, constraint)| constraint);
        matches!(constraint, Some(JoinConstraint::Using(_) | JoinConstraint::Natural))
    };
    let inside = |table: &mut TableFactor| match table {
        TableFactor::NestedJoin { table_with_joins, .. } => shares_columns(table_with_joins),
        _ => false,
    };
    inside(&mut tables.relation)
        || tables
            .joins
            .iter_mut()
            .any(|join| is_shared(&mut join.join_operator) || inside(&mut join.relation))
}

/// Why the columns of a statement are not merged.
enum Stop {
    /// It cannot be told what they are.
    Refused(Error),
    /// It can with the columns that these queries give.
    Unknown(Vec<Query>),
}

struct Merge<'a> {
    statement: &'a Statement,
    columns: &'a Columns,
    queries: QueriesByName,
    /// The queries for columns that were not asked for yet, of the SELECT that is gone over.
    unknown: Vec<Query>,
    /// How many of its tables had no name.
    unnamed: usize,
}

impl VisitorMut for Merge<'_> {
    type Break = Stop;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Stop> {
        for mut table in self.queries.enter(query) {
            table.query.visit(self)?;
            self.queries.add(table);
        }
        ControlFlow::Continue(())
    }

    // The queries in FROM come first, so that they can be planned.
    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Stop> {
        let merged = self.query(query);
        self.queries.leave(query);
        match merged {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) if self.unknown.is_empty() => ControlFlow::Break(Stop::Refused(error)),
            Err(_) => ControlFlow::Break(Stop::Unknown(std::mem::take(&mut self.unknown))),
        }
    }
}

impl Merge<'_> {
    fn query(&mut self, query: &mut Query) -> Result<()> {
        let Query { body, order_by, .. } = query;
        let mut orders: &mut [OrderByExpr] = match order_by.as_mut().map(|by| &mut by.kind) {
            Some(OrderByKind::Expressions(orders)) => orders,
            _ => &mut [],
        };
        let mut bodies = vec![body.as_mut()];
        while let Some(body) = bodies.pop() {
            match body {
                SetExpr::Select(select) => self.select(select, std::mem::take(&mut orders))?,
                SetExpr::SetOperation { left, right, .. } => {
                    // It orders by names of the answer.
                    orders = &mut [];
                    bodies.extend([left.as_mut(), right.as_mut()]);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Merges the columns of `select`; `orders` is what the query is ordered by.
    fn select(&mut self, select: &mut Select, orders: &mut [OrderByExpr]) -> Result<()> {
        if !select.from.iter_mut().any(shares_columns) {
            return Ok(());
        }
        self.unknown.clear();
        self.unnamed = 0;
        let mut scope = Side::default();
        for tables in &mut select.from {
            scope.put_beside(self.tables(tables)?);
        }
        scope.forget_what_is_twice();
        if scope.merged.is_empty() && !scope.needs_list {
            return Ok(());
        }
        let given = scope.given(&select.projection);
        select.projection = scope.items(std::mem::take(&mut select.projection))?;
        let value = |name: &Ident| find(&scope.merged, name);
        level_names::replace_with_rows(&mut select.selection, &value);
        level_names::replace_with_rows(&mut select.group_by, &value);
        level_names::replace_with_rows(&mut select.having, &value);
        level_names::replace_with_rows(&mut select.qualify, &value);
        level_names::replace_with_rows(&mut select.named_window, &value);
        // A name of the answer comes first in the others.
        let not_given = |name: &Ident| value(name).filter(|_| !given.contains(&plain(name)));
        if let Some(Distinct::On(expressions)) = &mut select.distinct {
            level_names::replace_with_rows(expressions, &not_given);
        }
        for order in orders {
            match order.expr {
                Expr::Identifier(_) => level_names::replace_with_rows(&mut order.expr, &not_given),
                // One column is the same by either name.
                _ => level_names::replace_with_rows(&mut order.expr, &|name| {
                    let is_column = |value: &Expr| matches!(value, Expr::CompoundIdentifier(_));
                    value(name).filter(is_column).or_else(|| not_given(name))
                }),
            }
        }
        Ok(())
    }

    fn tables(&mut self, tables: &mut TableWithJoins) -> Result<Side> {
        let mut left = self.table(&mut tables.relation)?;
        for join in &mut tables.joins {
            let right = self.table(&mut join.relation)?;
            left = self.join(left, right, &mut join.join_operator)?;
        }
        Ok(left)
    }

    fn table(&mut self, table: &mut TableFactor) -> Result<Side> {
        if let TableFactor::NestedJoin { table_with_joins, alias } = table {
            let inside = self.tables(table_with_joins)?;
            if alias.is_none() {
                return Ok(inside);
            }
        }
        let columns = self.columns_of(table);
        if let Some(columns) = &columns {
            self.give_name(table, columns);
        }
        Ok(Side::of(name(table), columns))
    }

    /// The columns of `table`, if they were asked for and are known.
    fn columns_of(&mut self, table: &TableFactor) -> Option<Vec<String>> {
        let all = self.queries.all_of(table)?;
        let asked = self.columns.get(&all.to_string());
        if asked.is_none() {
            self.unknown.push(all);
        }
        asked.cloned().flatten()
    }

    /// Gives a name to a table that has none, so that its columns can be asked for.
    fn give_name(&mut self, table: &mut TableFactor, columns: &[String]) {
        let (TableFactor::Derived { alias, .. }
        | TableFactor::Table { alias, args: Some(_), .. }
        | TableFactor::Function { alias, .. }) = table
        else {
            return;
        };
        let different: HashSet<_> = columns.iter().collect();
        // Columns of one name need their own tables.
        if alias.is_none() && different.len() == columns.len() {
            self.unnamed += 1;
            let name = Ident::with_quote('"', format!("unnamed table {}", self.unnamed));
            *alias = Some(TableAlias { explicit: true, name, columns: Vec::new(), at: None });
        }
    }

    fn join(&self, mut left: Side, right: Side, operator: &mut JoinOperator) -> Result<Side> {
        if let Some(names) = asof_joins::shared(operator) {
            return self.join_nearest(left, right, &names, operator);
        }
        let Some((kind, constraint)) = kind(operator) else {
            left.put_beside(right);
            return Ok(left);
        };
        match constraint {
            JoinConstraint::Using(names) => {
                let names: Vec<Ident> = names.iter().filter_map(only_part).collect();
                let (joined, condition) = self.join_using(left, right, kind, &names)?;
                if let Some(condition) = condition {
                    *constraint = JoinConstraint::On(condition);
                }
                Ok(joined)
            }
            JoinConstraint::Natural => {
                let names = shared_names(&left, &right)?;
                if names.is_empty() {
                    let always = Expr::value(Value::Boolean(true));
                    *constraint = JoinConstraint::On(always);
                    left.put_beside(right);
                    return Ok(left);
                }
                let (joined, condition) = self.join_using(left, right, kind, &names)?;
                let names = names.into_iter().map(|name| ObjectName::from(vec![name])).collect();
                *constraint = match condition {
                    Some(condition) => JoinConstraint::On(condition),
                    None => JoinConstraint::Using(names),
                };
                Ok(joined)
            }
            JoinConstraint::On(condition) => {
                left.put_beside(right);
                level_names::replace_with_rows(condition, &|name| find(&left.merged, name));
                Ok(left)
            }
            JoinConstraint::None => {
                left.put_beside(right);
                Ok(left)
            }
        }
    }

    /// Joins two sides by columns of both; also the condition for that, if the planner
    /// would compare other columns.
    fn join_using(
        &self,
        mut left: Side,
        mut right: Side,
        kind: Kind,
        names: &[Ident],
    ) -> Result<(Side, Option<Expr>)> {
        let keys: Vec<_> =
            names.iter().map(|name| (name, left.key(name), right.key(name))).collect();
        let is_rewritten = keys.iter().any(|(_, one, other)| one.is_chosen || other.is_chosen);
        let condition = match is_rewritten {
            true => self.condition(&keys)?,
            false => None,
        };
        let mut shared = Vec::new();
        for (name, one, other) in keys {
            if kind == Kind::Full && (one.made_of.is_empty() || other.made_of.is_empty()) {
                return Err(self.unknown_side(name));
            }
            let is_seen = match kind {
                Kind::OnlyLeft => one.is_hidden,
                Kind::OnlyRight => other.is_hidden,
                _ => one.is_hidden && other.is_hidden,
            };
            // The left one, in its place, may stand for both.
            let stands_for_both = other.is_hidden && matches!(kind, Kind::Inner | Kind::Left);
            left.unlistable |= !is_seen && !stands_for_both && kind != Kind::OnlyLeft;
            let is_chosen =
                one.is_chosen || other.is_chosen || matches!(kind, Kind::Right | Kind::Full);
            let made_of = match kind {
                Kind::Inner if one.made_of.is_empty() => other.made_of,
                Kind::Inner | Kind::Left | Kind::OnlyLeft => one.made_of,
                Kind::Right | Kind::OnlyRight => other.made_of,
                Kind::Full => one.made_of.into_iter().chain(other.made_of).collect(),
            };
            let name = name.clone();
            let place = if is_seen { Place::First } else { Place::Unknown };
            shared.push(Merged { name, made_of, is_chosen, place });
        }
        let mut joined = match kind {
            Kind::OnlyLeft => left,
            Kind::OnlyRight => right,
            _ => {
                left.put_beside(right);
                left
            }
        };
        joined.needs_list |= matches!(kind, Kind::Left | Kind::Right | Kind::Full) || is_rewritten;
        joined.rewritten |= is_rewritten;
        // Shared columns come first, those of the last join before all others.
        shared.append(&mut joined.merged);
        joined.merged = shared;
        Ok((joined, condition))
    }

    /// Joins each row of the left side with the nearest one of the right side. The columns
    /// that both have are those of the left side, in their places.
    fn join_nearest(
        &self,
        mut left: Side,
        mut right: Side,
        names: &[Ident],
        operator: &mut JoinOperator,
    ) -> Result<Side> {
        let mut columns = Vec::new();
        for name in names {
            let (one, other) = (left.kept(name), right.key(name));
            let values = (value(&one, name), value(&other.made_of, name));
            let (Some(one), Some(another)) = values else { return Err(self.unknown_side(name)) };
            left.unlistable |= !other.is_hidden;
            columns.push((one, another));
        }
        asof_joins::compare(operator, columns);
        left.put_beside(right);
        left.needs_list = true;
        left.rewritten = true;
        Ok(left)
    }

    /// That the columns of both sides are equal.
    fn condition(&self, keys: &[(&Ident, Key, Key)]) -> Result<Option<Expr>> {
        let mut equal = Vec::new();
        for (name, one, other) in keys {
            let values = (value(&one.made_of, name), value(&other.made_of, name));
            let (Some(left), Some(right)) = values else { return Err(self.unknown_side(name)) };
            equal.push(both(left, BinaryOperator::Eq, right));
        }
        Ok(equal.into_iter().reduce(|all, one| both(all, BinaryOperator::And, one)))
    }

    fn unknown_side(&self, name: &Ident) -> Error {
        let error = Error::query(format!(
            "which of the tables before this join has the column {name} is not known"
        ));
        let error = error.hint(
            "say which, and what the answer is to have: ON accounts.account_id = u.account_id, and \
             coalesce(accounts.account_id, u.account_id)",
        );
        let at = name.span.start;
        match at.line {
            0 => error,
            _ => {
                let length = name.value.chars().count() as u64;
                error.at(self.statement.place(at.line, at.column, Some(length)))
            }
        }
    }
}

/// What becomes of rows that have no partner.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Inner,
    Left,
    Right,
    Full,
    /// The join has the columns of one side only.
    OnlyLeft,
    OnlyRight,
}

fn kind(operator: &mut JoinOperator) -> Option<(Kind, &mut JoinConstraint)> {
    Some(match operator {
        JoinOperator::Join(by) | JoinOperator::Inner(by) => (Kind::Inner, by),
        JoinOperator::Left(by) | JoinOperator::LeftOuter(by) => (Kind::Left, by),
        JoinOperator::Right(by) | JoinOperator::RightOuter(by) => (Kind::Right, by),
        JoinOperator::FullOuter(by) => (Kind::Full, by),
        JoinOperator::Semi(by)
        | JoinOperator::LeftSemi(by)
        | JoinOperator::Anti(by)
        | JoinOperator::LeftAnti(by) => (Kind::OnlyLeft, by),
        JoinOperator::RightSemi(by) | JoinOperator::RightAnti(by) => (Kind::OnlyRight, by),
        JoinOperator::AsOf { constraint: by, .. } => (Kind::Left, by),
        _ => return None,
    })
}

fn both(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

/// What the columns of a table are called after.
pub(in crate::engine) fn name(table: &TableFactor) -> Option<Vec<Ident>> {
    match table {
        TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. }
        | TableFactor::Function { alias: Some(alias), .. }
        | TableFactor::UNNEST { alias: Some(alias), .. }
        | TableFactor::Pivot { alias: Some(alias), .. }
        | TableFactor::Unpivot { alias: Some(alias), .. } => Some(vec![alias.name.clone()]),
        TableFactor::Table { name, alias: None, args: None, .. } => {
            name.0.iter().map(|part| part.as_ident().cloned()).collect()
        }
        _ => None,
    }
}

fn only_part(name: &ObjectName) -> Option<Ident> {
    let [part] = name.0.as_slice() else { return None };
    part.as_ident().cloned()
}

/// The names behind EXCLUDE and EXCEPT.
pub(super) fn left_out(options: &WildcardAdditionalOptions) -> HashSet<String> {
    let mut names: Vec<Ident> = match &options.opt_exclude {
        Some(ExcludeSelectItem::Single(name)) => only_part(name).into_iter().collect(),
        Some(ExcludeSelectItem::Multiple(names)) => names.iter().filter_map(only_part).collect(),
        None => Vec::new(),
    };
    if let Some(except) = &options.opt_except {
        names.push(except.first_element.clone());
        names.extend(except.additional_elements.iter().cloned());
    }
    names.iter().map(plain).collect()
}
