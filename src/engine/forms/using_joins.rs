//! `FROM posts FULL JOIN accounts USING (account_id)`: the column that both tables have
//! is one column of the join, whose value is that of the table that has the row.
//!
//! To the planner it is the column of the first table, which is unknown in the rows that
//! only the second one has, and of two columns in an expression it knows neither. Here
//! its name becomes what it stands for, in all clauses of the SELECT: the column of the
//! left table, of the right one after RIGHT JOIN, and `coalesce` of both after FULL JOIN.
//! Names in queries inside of expressions are left alone, where the same name may be a
//! column of their own tables. A NATURAL join is one USING all columns that both sides have.
//!
//! Most joins can be told from the statement alone. For the others, NATURAL ones above all,
//! the columns of their tables are asked for.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Distinct, ExcludeSelectItem, Expr, Ident, JoinConstraint, JoinOperator,
    ObjectName, ObjectNamePart, OrderByExpr, OrderByKind, Query, ReplaceSelectElement,
    ReplaceSelectItem, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableAlias,
    TableFactor, TableWithJoins, Value, VisitMut, VisitorMut, WildcardAdditionalOptions,
};

use super::joined_columns::{self, Columns, QueriesByName};
use super::{level_names, outer_tables, qualified_columns};
use crate::engine::names::{self, call, plain};
use crate::engine::parsed;
use crate::engine::script::Statement;
use crate::error::{Error, Result};

/// What to write where it cannot be seen what `*` is.
const LISTED: &str =
    "give each table a name, join with USING, and list the columns: SELECT account_id, posts.text";

/// What to write instead of a NATURAL join.
const NAMED: &str = "name the columns: JOIN accounts USING (account_id)";

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
            shared.push(Merged { name: name.clone(), made_of, is_chosen, is_listed: is_seen });
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
        _ => return None,
    })
}

/// A column that a join makes of one on each side.
struct Merged {
    name: Ident,
    /// The columns of which the first known one is its value; none if it cannot be seen
    /// which they are.
    made_of: Vec<Vec<Ident>>,
    /// Whether it may be another one than that of the first table.
    is_chosen: bool,
    /// Whether `*` lists it, and not the columns of the tables.
    is_listed: bool,
}

/// A column by which two sides are joined, as one of them has it.
#[derive(Default)]
struct Key {
    made_of: Vec<Vec<Ident>>,
    is_chosen: bool,
    /// Whether `*` leaves the column of the table out.
    is_hidden: bool,
}

/// A table of FROM.
struct Table {
    /// What its columns are called after, if it can be seen.
    name: Option<Vec<Ident>>,
    /// Its columns that are part of a shared one.
    shared: Vec<Ident>,
    /// All of its columns, if they were asked for.
    columns: Option<Vec<String>>,
}

impl Table {
    fn has(&self, column: &Ident) -> bool {
        self.columns.as_ref().is_some_and(|columns| columns.contains(&plain(column)))
    }

    /// The names of all columns that are not shared, if they are known.
    fn other_names(&self) -> Option<impl Iterator<Item = &String>> {
        let is_shared = |column: &String| self.shared.iter().any(|one| plain(one) == *column);
        Some(self.columns.as_ref()?.iter().filter(move |column| !is_shared(column)))
    }

    /// The column of a name that is not shared.
    fn column(&self, name: &str) -> Option<Expr> {
        let column = Ident::with_quote('"', name);
        let parts = self.name.iter().flatten().cloned().chain([column]).collect();
        self.name.is_some().then_some(Expr::CompoundIdentifier(parts))
    }

    /// All columns that are not shared.
    fn others(&self) -> Option<SelectItem> {
        let name = ObjectName::from(self.name.clone()?);
        let shared: Vec<_> =
            self.shared.iter().map(|column| ObjectName::from(vec![folded(column)])).collect();
        let opt_exclude = (!shared.is_empty()).then_some(ExcludeSelectItem::Multiple(shared));
        Some(SelectItem::QualifiedWildcard(
            SelectItemQualifiedWildcardKind::ObjectName(name),
            WildcardAdditionalOptions { opt_exclude, ..Default::default() },
        ))
    }
}

/// Tables that are joined.
#[derive(Default)]
struct Side {
    tables: Vec<Table>,
    merged: Vec<Merged>,
    /// Whether the planner would take other columns for `*`.
    needs_list: bool,
    /// Whether it cannot be seen what `*` is.
    unlistable: bool,
    /// Whether a USING became a condition.
    rewritten: bool,
}

impl Side {
    fn of(name: Option<Vec<Ident>>, columns: Option<Vec<String>>) -> Self {
        Self { tables: vec![Table { name, shared: Vec::new(), columns }], ..Self::default() }
    }

    fn put_beside(&mut self, other: Self) {
        self.tables.extend(other.tables);
        self.merged.extend(other.merged);
        self.needs_list |= other.needs_list;
        self.unlistable |= other.unlistable;
        self.rewritten |= other.rewritten;
    }

    /// Takes the column `name`, by which this is joined.
    fn key(&mut self, name: &Ident) -> Key {
        let is_called = |column: &Merged| plain(&column.name) == plain(name);
        if let Some(at) = self.merged.iter().position(is_called) {
            let Merged { made_of, is_chosen, is_listed, .. } = self.merged.remove(at);
            return Key { made_of, is_chosen, is_hidden: is_listed };
        }
        match self.owner(name) {
            Some(Table { name: Some(table), shared, .. }) => {
                shared.push(name.clone());
                let column = table.iter().chain([name]).cloned().collect();
                Key { made_of: vec![column], is_chosen: false, is_hidden: true }
            }
            _ => Key::default(),
        }
    }

    /// The only table that has the column `name`, if that is known.
    fn owner(&mut self, name: &Ident) -> Option<&mut Table> {
        let is_known = self.tables.iter().all(|table| table.columns.is_some());
        let is_only = self.tables.len() == 1;
        let may_have = |table: &&mut Table| is_only || is_known && table.has(name);
        let mut owners = self.tables.iter_mut().filter(may_have);
        let owner = owners.next()?;
        owners.next().is_none().then_some(owner)
    }

    /// What `*` lists, if it is known.
    fn names(&self) -> Option<Vec<String>> {
        let mut names: Vec<_> = self.merged.iter().map(|column| plain(&column.name)).collect();
        for table in &self.tables {
            names.extend(table.other_names()?.cloned());
        }
        Some(names)
    }

    /// Tables beside one another may both have a column of the name, which is then
    /// nobody's.
    fn forget_what_is_twice(&mut self) {
        let mut seen = HashSet::new();
        let names = self.merged.iter().map(|column| plain(&column.name));
        let twice: HashSet<_> = names.filter(|name| !seen.insert(name.clone())).collect();
        self.unlistable |= !twice.is_empty();
        self.merged.retain(|column| !twice.contains(&plain(&column.name)));
    }

    /// The names of shared columns that a SELECT may give to what it lists.
    fn given(&self, items: &[SelectItem]) -> HashSet<String> {
        let names = self.merged.iter().map(|column| plain(&column.name));
        names.filter(|name| items.iter().any(|item| may_give(item, name))).collect()
    }

    /// What a SELECT lists, with names and `*` as what they stand for.
    fn items(&self, listed: Vec<SelectItem>) -> Result<Vec<SelectItem>> {
        let clashing = self.listed_by_tables(&listed);
        let mut items = Vec::new();
        for mut item in listed {
            match item {
                SelectItem::Wildcard(options) => items.extend(self.all(options, &clashing)?),
                SelectItem::UnnamedExpr(Expr::Identifier(name)) => {
                    items.push(self.listed(&name, &clashing));
                }
                _ => {
                    level_names::replace_with_rows(&mut item, &|name| find(&self.merged, name));
                    items.push(item);
                }
            }
        }
        tell_apart(&mut items);
        Ok(items)
    }

    /// What `*` stands for: the shared columns, and the others of each table.
    fn all(
        &self,
        options: WildcardAdditionalOptions,
        clashing: &HashSet<String>,
    ) -> Result<Vec<SelectItem>> {
        if !self.needs_list && (self.merged.is_empty() || self.tables.len() == 1) {
            return Ok(vec![SelectItem::Wildcard(options)]);
        }
        let listed = self.all_by_name(&options, clashing);
        if let Some(listed) = listed.or_else(|| self.all_by_table(&options, clashing)) {
            return Ok(listed);
        }
        let left_out = left_out(&options);
        let leaves_out_shared =
            self.merged.iter().any(|column| left_out.contains(&plain(&column.name)));
        if !self.needs_list && !leaves_out_shared {
            return Ok(vec![SelectItem::Wildcard(options)]);
        }
        // Of two tables no other column is called like a shared one.
        let is_plain = self.tables.len() == 2 && !self.unlistable && !self.rewritten;
        if is_plain && !leaves_out_shared && self.merged.iter().all(|one| !one.made_of.is_empty()) {
            return Ok(vec![SelectItem::Wildcard(self.replacing(options))]);
        }
        let error = Error::query("which columns * means in this join is not known");
        Err(error.hint(LISTED))
    }

    /// All columns one by one, if those of the tables are known.
    fn all_by_name(
        &self,
        options: &WildcardAdditionalOptions,
        clashing: &HashSet<String>,
    ) -> Option<Vec<SelectItem>> {
        let is_known = options.opt_ilike.is_none()
            && options.opt_rename.is_none()
            && options.opt_alias.is_none()
            && self.merged.iter().all(|column| column.is_listed);
        let (names, left_out) = (self.names()?, left_out(options));
        // The planner tells of one that is not there.
        if !is_known || !left_out.iter().all(|name| names.contains(name)) {
            return None;
        }
        let replaced = |name: &str| -> Option<SelectItem> {
            let mut given = options.opt_replace.iter().flat_map(|given| &given.items);
            let item = given.find(|item| plain(&item.column_name) == name)?;
            let mut expr = item.expr.clone();
            level_names::replace_with_rows(&mut expr, &|name| find(&self.merged, name));
            Some(SelectItem::ExprWithAlias { expr, alias: item.column_name.clone() })
        };
        let mut items = Vec::new();
        for column in &self.merged {
            let name = plain(&column.name);
            if !left_out.contains(&name) {
                let item = replaced(&name);
                items.push(item.unwrap_or_else(|| self.listed(&column.name, clashing)));
            }
        }
        for table in &self.tables {
            for name in table.other_names()?.filter(|name| !left_out.contains(*name)) {
                let item = replaced(name);
                items.push(item.or_else(|| table.column(name).map(SelectItem::UnnamedExpr))?);
            }
        }
        Some(items)
    }

    /// The shared columns, and the others as those of each table, if it has a name.
    fn all_by_table(
        &self,
        options: &WildcardAdditionalOptions,
        clashing: &HashSet<String>,
    ) -> Option<Vec<SelectItem>> {
        let only_leaves_out = options.opt_ilike.is_none()
            && options.opt_replace.is_none()
            && options.opt_rename.is_none()
            && options.opt_alias.is_none();
        let left_out = left_out(options);
        let is_left_out = |column: &&Merged| left_out.contains(&plain(&column.name));
        let is_shared = |name: &String| self.merged.iter().any(|one| plain(&one.name) == *name);
        let is_listable = |column: &Merged| column.is_listed || !is_left_out(&column);
        if !only_leaves_out
            || self.unlistable
            || !left_out.iter().all(is_shared)
            || !self.merged.iter().all(is_listable)
        {
            return None;
        }
        let others = self.tables.iter().map(Table::others).collect::<Option<Vec<_>>>()?;
        let shared = self.merged.iter().filter(|one| one.is_listed && !is_left_out(one));
        let shared = shared.map(|column| self.listed(&column.name, clashing));
        Some(shared.chain(others).collect())
    }

    /// `*` with the shared columns in the places of those that the planner takes.
    fn replacing(&self, mut options: WildcardAdditionalOptions) -> WildcardAdditionalOptions {
        let mut items = options.opt_replace.take().map_or_else(Vec::new, |given| given.items);
        for item in &mut items {
            level_names::replace_with_rows(&mut item.expr, &|name| find(&self.merged, name));
        }
        let given: HashSet<_> = items.iter().map(|item| plain(&item.column_name)).collect();
        for column in self.merged.iter().filter(|column| !given.contains(&plain(&column.name))) {
            if let Some(expr) = value(&column.made_of, &column.name) {
                let column_name = column.name.clone();
                items.push(Box::new(ReplaceSelectElement { expr, column_name, as_keyword: true }));
            }
        }
        let opt_replace = (!items.is_empty()).then_some(ReplaceSelectItem { items });
        WildcardAdditionalOptions { opt_replace, ..options }
    }

    /// The shared columns that are also listed as those of a table: `posts.*`.
    fn listed_by_tables(&self, items: &[SelectItem]) -> HashSet<String> {
        let mut names = HashSet::new();
        for item in items {
            let SelectItem::QualifiedWildcard(
                SelectItemQualifiedWildcardKind::ObjectName(of),
                options,
            ) = item
            else {
                continue;
            };
            let of: Vec<_> = of.0.iter().filter_map(ObjectNamePart::as_ident).map(plain).collect();
            let left_out = left_out(options);
            let is_this = |table: &&Table| {
                let name = table.name.iter().flatten().map(plain);
                name.eq(of.iter().cloned())
            };
            let shared = self.tables.iter().filter(is_this).flat_map(|table| &table.shared);
            names.extend(shared.map(plain).filter(|name| !left_out.contains(name)));
        }
        names
    }

    /// A column of the answer that is called `name`, if no other is.
    fn listed(&self, name: &Ident, clashing: &HashSet<String>) -> SelectItem {
        match find(&self.merged, name) {
            Some(expr @ Expr::CompoundIdentifier(_)) => SelectItem::UnnamedExpr(expr),
            Some(expr) if clashing.contains(&plain(name)) => {
                SelectItem::ExprWithAlias { expr, alias: numbered(name, clashing) }
            }
            Some(expr) => SelectItem::ExprWithAlias { expr, alias: name.clone() },
            None => SelectItem::UnnamedExpr(Expr::Identifier(name.clone())),
        }
    }
}

/// What `name` stands for, if it is a shared column.
fn find(merged: &[Merged], name: &Ident) -> Option<Expr> {
    let column = merged.iter().find(|column| plain(&column.name) == plain(name))?;
    value(&column.made_of, name)
}

/// The first known one of some columns; errors are told where `name` stands.
fn value(made_of: &[Vec<Ident>], name: &Ident) -> Option<Expr> {
    let mut columns: Vec<Expr> = made_of.iter().map(|column| placed(column, name)).collect();
    match columns.len() {
        0 => None,
        1 => columns.pop(),
        _ => Some(call("coalesce", columns)),
    }
}

fn placed(column: &[Ident], name: &Ident) -> Expr {
    let part = |part: &Ident| Ident { span: name.span, ..part.clone() };
    Expr::CompoundIdentifier(column.iter().map(part).collect())
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

/// The columns that a NATURAL join compares.
fn shared_names(left: &Side, right: &Side) -> Result<Vec<Ident>> {
    let (Some(ours), Some(theirs)) = (left.names(), right.names()) else {
        let error = Error::query("the columns that a NATURAL join compares are not known");
        return Err(error.hint(NAMED));
    };
    let mut shared = Vec::new();
    for name in ours.iter().filter(|name| theirs.contains(*name)) {
        let is_twice = |names: &[String]| names.iter().filter(|one| *one == name).count() > 1;
        if is_twice(&ours) || is_twice(&theirs) {
            let message = format!("a NATURAL join finds the column {name} twice on one side");
            return Err(Error::query(message).hint(NAMED));
        }
        shared.push(Ident::with_quote('"', name.clone()));
    }
    Ok(shared)
}

fn only_part(name: &ObjectName) -> Option<Ident> {
    let [part] = name.0.as_slice() else { return None };
    part.as_ident().cloned()
}

/// Whether `item` of a list may be called `name`.
fn may_give(item: &SelectItem, name: &str) -> bool {
    match item {
        SelectItem::UnnamedExpr(Expr::Identifier(column))
        | SelectItem::ExprWithAlias { alias: column, .. } => plain(column) == name,
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => {
            parts.last().is_some_and(|column| plain(column) == name)
        }
        SelectItem::UnnamedExpr(_) => false,
        SelectItem::Wildcard(options) => !left_out(options).contains(name),
        _ => true,
    }
}

/// `column` as the planner looks for it behind EXCLUDE, where it takes letters as they are.
fn folded(column: &Ident) -> Ident {
    Ident { value: plain(column), ..column.clone() }
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

/// Gives names to columns that would be called as others are, which the engine refuses.
fn tell_apart(items: &mut [SelectItem]) {
    let mut names: HashSet<_> = items
        .iter()
        .filter_map(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => Some(plain(alias)),
            _ => None,
        })
        .collect();
    let mut columns = HashSet::new();
    for item in items {
        let SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) = item else { continue };
        let Some(name) = parts.last() else { continue };
        let is_new = columns.insert(parts.iter().map(plain).collect::<Vec<_>>());
        if is_new && !names.contains(&plain(name)) {
            continue;
        }
        let alias = numbered(name, &names);
        names.insert(plain(&alias));
        *item = SelectItem::ExprWithAlias { expr: Expr::CompoundIdentifier(parts.clone()), alias };
    }
}

/// `name` with the first number under which it is not among `names`.
fn numbered(name: &Ident, names: &HashSet<String>) -> Ident {
    Ident::with_quote('"', names::numbered(&plain(name), names))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    /// Tables `z` and `u`, each with a row that the other one has not, and `w`.
    async fn session() -> Session {
        let session = Session::new(None, Settings::default()).unwrap();
        for (table, rows) in [
            ("z(id, a)", "(1, 'a'), (3, 'c')"),
            ("u(id, b)", "(1, 'x'), (2, 'y')"),
            ("w(id, k, c)", "(2, 1, 'p'), (3, 1, 'q'), (4, 2, 'r')"),
        ] {
            let name = &table[..1];
            let sql = format!("CREATE TABLE {name} AS SELECT * FROM (VALUES {rows}) AS {table}");
            session.collect(&sql).await.unwrap();
        }
        session
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_shared_column_is_that_of_the_table_that_has_the_row() {
        let session = session().await;
        for (sql, rows) in [
            (
                "SELECT id, a, b FROM z RIGHT JOIN u USING (id) ORDER BY id",
                &["id|a|b", "1|a|x", "2||y"][..],
            ),
            (
                "SELECT id, a, b FROM z FULL JOIN u USING (id) ORDER BY id",
                &["id|a|b", "1|a|x", "2||y", "3|c|"],
            ),
            (
                "SELECT * FROM z FULL JOIN u USING (ID) ORDER BY id DESC LIMIT 1",
                &["id|a|b", "3|c|"],
            ),
            ("SELECT * FROM z LEFT JOIN u USING (id) ORDER BY 1", &["id|a|b", "1|a|x", "3|c|"]),
            ("SELECT * FROM z RIGHT JOIN u USING (id) ORDER BY 1", &["id|a|b", "1|a|x", "2||y"]),
            (
                "SELECT count(id), max(id), min(id) AS m FROM z RIGHT JOIN u USING (id)",
                &["count(id)|max(id)|m", "2|2|1"],
            ),
            (
                "SELECT id, count(*) AS n FROM z FULL JOIN u USING (id) GROUP BY id
                 HAVING id > 1 ORDER BY id",
                &["id|n", "2|1", "3|1"],
            ),
            (
                "SELECT count(*) AS n FROM z FULL JOIN u USING (id) GROUP BY id ORDER BY id",
                &["n", "1", "1", "1"],
            ),
            (
                "SELECT a, sum(id) OVER (ORDER BY id) AS s FROM z FULL JOIN u USING (id)
                 WHERE id IS NOT NULL ORDER BY id DESC",
                &["a|s", "c|6", "|3", "a|1"],
            ),
            (
                "SELECT -id AS id FROM z FULL JOIN u USING (id) ORDER BY id * 2 DESC",
                &["id", "-3", "-2", "-1"],
            ),
            ("SELECT id FROM z FULL JOIN u USING (id) ORDER BY -id", &["id", "3", "2", "1"]),
            (
                "SELECT id, z.id, u.id FROM z FULL JOIN u USING (id) ORDER BY id",
                &["id|id_1|id_2", "1|1|1", "2||2", "3|3|"],
            ),
            (
                "SELECT z.*, id FROM z FULL JOIN u USING (id) ORDER BY id_1 LIMIT 2",
                &["id|a|id_1", "1|a|1", "||2"],
            ),
            (
                "SELECT * EXCLUDE (a) FROM z FULL JOIN u USING (id) ORDER BY id",
                &["id|b", "1|x", "2|y", "3|"],
            ),
            (
                "SELECT * EXCLUDE (id) FROM z FULL JOIN u USING (id) ORDER BY a, b",
                &["a|b", "a|x", "c|", "|y"],
            ),
            (
                "SELECT q.id FROM (SELECT * FROM z FULL JOIN u USING (id)) AS q ORDER BY id",
                &["id", "1", "2", "3"],
            ),
            (
                "SELECT * FROM u AS z RIGHT JOIN (SELECT 2 AS id, 5 AS n) AS a USING (id)",
                &["id|b|n", "2|y|5"],
            ),
        ] {
            assert_eq!(answer(&session, sql).await, rows, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_shared_column_needs_no_table_in_any_clause() {
        let session = session().await;
        for (sql, rows) in [
            ("SELECT count(*) AS n FROM z JOIN u USING (id) WHERE id = 1", &["n", "1"][..]),
            ("SELECT id || 'x' AS n FROM z JOIN u USING (id)", &["n", "1x"]),
            ("SELECT id + 1 FROM z LEFT JOIN u USING (id) ORDER BY id", &["id + 1", "2", "4"]),
            ("SELECT id, id FROM z JOIN u USING (id)", &["id|id_1", "1|1"]),
            ("SELECT id, z.id FROM z JOIN u USING (id)", &["id|id_1", "1|1"]),
            ("SELECT * EXCLUDE (id) FROM z JOIN u USING (id)", &["a|b", "a|x"]),
            (
                "SELECT list_filter([1, 2], id -> id > 1) AS l, id FROM z JOIN u USING (id)",
                &["l|id", "[2]|1"],
            ),
            (
                "SELECT id FROM z JOIN u USING (id)
                 WHERE NOT EXISTS (SELECT 1 FROM w WHERE w.id = 9 AND id > 0)",
                &["id", "1"],
            ),
        ] {
            assert_eq!(answer(&session, sql).await, rows, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn joins_behind_one_another_compare_the_shared_column() {
        let session = session().await;
        for (sql, rows) in [
            (
                "SELECT id, a, b, c FROM z FULL JOIN u USING (id) FULL JOIN w USING (id)
                 ORDER BY id",
                &["id|a|b|c", "1|a|x|", "2||y|p", "3|c||q", "4|||r"][..],
            ),
            (
                "SELECT * FROM z FULL JOIN u USING (id) JOIN w USING (id) ORDER BY id",
                &["id|a|b|k|c", "2||y|1|p", "3|c||1|q"],
            ),
            (
                "SELECT id, c FROM z RIGHT JOIN u USING (id) LEFT JOIN w USING (id) ORDER BY id",
                &["id|c", "1|", "2|p"],
            ),
            ("SELECT id, c FROM (z RIGHT JOIN u USING (id)) JOIN w USING (id)", &["id|c", "2|p"]),
            (
                "SELECT id, c FROM z FULL JOIN u USING (id) JOIN (SELECT k, c FROM w) AS w
                 ON k = id ORDER BY c",
                &["id|c", "1|p", "1|q", "2|r"],
            ),
        ] {
            assert_eq!(answer(&session, sql).await, rows, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_cannot_be_told_is_refused() {
        let session = session().await;
        for (sql, said) in [
            ("SELECT 1 FROM z JOIN w ON z.id = w.id NATURAL JOIN u", "column id twice"),
            ("SELECT 1 FROM z JOIN w ON z.id = w.id NATURAL LEFT JOIN u", "column id twice"),
            ("SELECT 1 FROM z JOIN w ON z.id = w.k FULL JOIN u USING (id)", "has the column id"),
            (
                "SELECT * FROM z JOIN w ON z.id = w.k RIGHT JOIN u USING (id)",
                "which columns * means",
            ),
        ] {
            let error = session.collect(sql).await.unwrap_err();
            assert!(error.message().contains(said), "{sql}: {error}");
            assert!(error.advice().is_some(), "{sql}: {error}");
        }
        let error = session.collect("SELECT * FROM z NATURAL JOIN missing").await.unwrap_err();
        assert!(error.message().contains("no table"), "{error}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn natural_joins_compare_all_columns_that_both_sides_have() {
        let session = session().await;
        for (sql, rows) in [
            ("SELECT * FROM z NATURAL JOIN u", &["id|a|b", "1|a|x"][..]),
            ("SELECT * FROM z NATURAL LEFT JOIN u ORDER BY 1", &["id|a|b", "1|a|x", "3|c|"]),
            ("SELECT * FROM z NATURAL RIGHT JOIN u ORDER BY 1", &["id|a|b", "1|a|x", "2||y"]),
            (
                "SELECT * FROM z NATURAL FULL JOIN u ORDER BY id",
                &["id|a|b", "1|a|x", "2||y", "3|c|"],
            ),
            (
                "SELECT id, a, b FROM z NATURAL FULL JOIN u WHERE id > 1 ORDER BY id",
                &["id|a|b", "2||y", "3|c|"],
            ),
            ("SELECT id + 1 FROM z NATURAL JOIN u WHERE id > 0", &["id + 1", "2"]),
            ("SELECT * FROM u NATURAL JOIN w NATURAL LEFT JOIN z", &["id|b|k|c|a", "2|y|1|p|"]),
            ("SELECT * FROM z AS p NATURAL JOIN z AS q ORDER BY 1", &["id|a", "1|a", "3|c"]),
            (
                "WITH v AS (SELECT id, b FROM u) SELECT * FROM z NATURAL FULL JOIN v
                 ORDER BY id DESC LIMIT 1",
                &["id|a|b", "3|c|"],
            ),
            (
                "WITH v AS (WITH t AS (SELECT * FROM u NATURAL JOIN w) SELECT * FROM t)
                 SELECT * FROM z NATURAL RIGHT JOIN v",
                &["id|a|b|k|c", "2||y|1|p"],
            ),
            ("SELECT count(*) AS n FROM z NATURAL LEFT JOIN (SELECT 5 AS k)", &["n", "2"]),
            (
                "SELECT * REPLACE (a || '!' AS a) FROM z NATURAL LEFT JOIN u ORDER BY id",
                &["id|a|b", "1|a!|x", "3|c!|"],
            ),
            (
                "SELECT id, tag FROM z NATURAL JOIN u, unnest([z.a, u.b]) AS t(tag) ORDER BY tag",
                &["id|tag", "1|a", "1|x"],
            ),
        ] {
            assert_eq!(answer(&session, sql).await, rows, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn tables_need_no_names_to_be_joined() {
        let session = session().await;
        for (sql, rows) in [
            (
                "SELECT * FROM (SELECT * FROM z) JOIN (SELECT * FROM u) USING (id)",
                &["a|id|b", "a|1|x"][..],
            ),
            (
                "SELECT * FROM (SELECT * FROM z) LEFT JOIN (SELECT * FROM u) USING (id) ORDER BY 1",
                &["id|a|b", "1|a|x", "3|c|"],
            ),
            (
                "SELECT id, a, b FROM (SELECT * FROM z) FULL JOIN (SELECT * FROM u) USING (id)
                 ORDER BY id",
                &["id|a|b", "1|a|x", "2||y", "3|c|"],
            ),
            (
                "SELECT * FROM (SELECT * FROM z) FULL JOIN (SELECT * FROM z) USING (id, a)
                 ORDER BY id",
                &["id|a", "1|a", "3|c"],
            ),
        ] {
            assert_eq!(answer(&session, sql).await, rows, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_table_of_a_column_is_found() {
        let session = session().await;
        for (sql, rows) in [
            (
                "SELECT b, five FROM z FULL JOIN u USING (id)
                 FULL JOIN (SELECT 'x' AS b, 5 AS five) AS q USING (b) ORDER BY b",
                &["b|five", "x|5", "y|", "|"][..],
            ),
            ("SELECT * EXCLUDE (id, b) FROM z LEFT JOIN u USING (id) ORDER BY 1", &["a", "a", "c"]),
            ("SELECT * FROM z LEFT JOIN u USING (id) ORDER BY -id", &["id|a|b", "3|c|", "1|a|x"]),
            ("SELECT * FROM z JOIN u USING (id) ORDER BY id + 0", &["id|a|b", "1|a|x"]),
            // The shared column comes first, whatever the tables are called.
            ("SELECT * FROM w JOIN z USING (id)", &["id|k|c|a", "3|1|q|c"]),
        ] {
            assert_eq!(answer(&session, sql).await, rows, "{sql}");
        }
    }
}
