//! `FROM posts FULL JOIN accounts USING (account_id)`: the column that both tables have
//! is one column of the join, whose value is that of the table that has the row.
//!
//! To the planner it is the column of the first table, which is unknown in the rows that
//! only the second one has, and of two columns in an expression it knows neither. Here
//! its name becomes what it stands for, in all clauses of the SELECT: the column of the
//! left table, of the right one after RIGHT JOIN, and `coalesce` of both after FULL JOIN.
//! Names in queries inside of expressions are left alone, where the same name may be a
//! column of their own tables. What a table's columns are is not known yet, so a join
//! that cannot be told without that is refused.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, Distinct, ExcludeSelectItem, Expr, Ident, JoinConstraint,
    JoinOperator, ObjectName, ObjectNamePart, OrderByExpr, OrderByKind, Query,
    ReplaceSelectElement, ReplaceSelectItem, Select, SelectItem, SelectItemQualifiedWildcardKind,
    SetExpr, TableFactor, TableWithJoins, VisitMut, VisitorMut, WildcardAdditionalOptions,
};

use super::order_by_input::ELSE;
use crate::engine::names::{call, plain};
use crate::engine::parsed;
use crate::engine::script::Statement;
use crate::error::{Error, Result};

/// What to write where it cannot be seen what `*` is.
const LISTED: &str =
    "give each table a name, join with USING, and list the columns: SELECT account_id, posts.text";

/// Has the columns of USING stand for what they are.
///
/// # Errors
/// When that cannot be told from the statement alone.
pub(in crate::engine) fn merge(parsed: &mut Parsed, statement: &Statement) -> Result<()> {
    match parsed::visit(parsed, &mut Merge { statement }) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Merge<'a> {
    statement: &'a Statement,
}

impl VisitorMut for Merge<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        let Query { body, order_by, .. } = query;
        let mut orders: &mut [OrderByExpr] = match order_by.as_mut().map(|by| &mut by.kind) {
            Some(OrderByKind::Expressions(orders)) => orders,
            _ => &mut [],
        };
        let mut bodies = vec![body.as_mut()];
        while let Some(body) = bodies.pop() {
            match body {
                SetExpr::Select(select) => {
                    if let Err(error) = self.select(select, std::mem::take(&mut orders)) {
                        return ControlFlow::Break(error);
                    }
                }
                SetExpr::SetOperation { left, right, .. } => {
                    // It orders by names of the answer.
                    orders = &mut [];
                    bodies.extend([left.as_mut(), right.as_mut()]);
                }
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }
}

impl Merge<'_> {
    /// Merges the columns of `select`; `orders` is what the query is ordered by.
    fn select(&self, select: &mut Select, orders: &mut [OrderByExpr]) -> Result<()> {
        let mut scope = Side::default();
        for tables in &mut select.from {
            scope.put_beside(self.tables(tables)?);
        }
        scope.forget_what_is_twice();
        if scope.merged.is_empty() && !scope.needs_list {
            return Ok(());
        }
        let given = given(&select.projection);
        select.projection = scope.items(std::mem::take(&mut select.projection))?;
        let mut rename = Rename::of(&scope.merged);
        // These never break off.
        let _ = select.selection.visit(&mut rename);
        let _ = select.group_by.visit(&mut rename);
        let _ = select.having.visit(&mut rename);
        let _ = select.qualify.visit(&mut rename);
        let _ = select.named_window.visit(&mut rename);
        // A name of the answer comes first in the others.
        let Some(given) = given else { return Ok(()) };
        scope.merged.retain(|column| !given.contains(&plain(&column.name)));
        let mut rename = Rename::of(&scope.merged);
        if let Some(Distinct::On(expressions)) = &mut select.distinct {
            let _ = expressions.visit(&mut rename);
        }
        for order in orders {
            let _ = order.visit(&mut rename);
        }
        Ok(())
    }

    fn tables(&self, tables: &mut TableWithJoins) -> Result<Side> {
        let mut left = self.table(&mut tables.relation)?;
        for join in &mut tables.joins {
            let right = self.table(&mut join.relation)?;
            left = self.join(left, right, &mut join.join_operator)?;
        }
        Ok(left)
    }

    fn table(&self, table: &mut TableFactor) -> Result<Side> {
        if let TableFactor::NestedJoin { table_with_joins, alias } = table {
            let inside = self.tables(table_with_joins)?;
            return Ok(match alias {
                None => inside,
                Some(alias) => Side::of(Some(vec![alias.name.clone()])),
            });
        }
        Ok(Side::of(name(table)))
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
                if matches!(kind, Kind::Right | Kind::Full) {
                    let error = Error::query("not supported: NATURAL with RIGHT or FULL JOIN");
                    return Err(error.hint("name the columns: JOIN accounts USING (account_id)"));
                }
                left.put_beside(right);
                left.unlistable = true;
                left.needs_list |= kind == Kind::Left;
                Ok(left)
            }
            JoinConstraint::On(condition) => {
                left.put_beside(right);
                let _ = condition.visit(&mut Rename::of(&left.merged));
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
}

impl Table {
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
    fn of(name: Option<Vec<Ident>>) -> Self {
        Self { tables: vec![Table { name, shared: Vec::new() }], ..Self::default() }
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
        match self.tables.as_mut_slice() {
            [Table { name: Some(table), shared }] => {
                shared.push(name.clone());
                let column = table.iter().chain([name]).cloned().collect();
                Key { made_of: vec![column], is_chosen: false, is_hidden: true }
            }
            _ => Key::default(),
        }
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

    /// What a SELECT lists, with names and `*` as what they stand for.
    fn items(&self, listed: Vec<SelectItem>) -> Result<Vec<SelectItem>> {
        let clashing = self.listed_by_tables(&listed);
        let mut rename = Rename::of(&self.merged);
        let mut items = Vec::new();
        for mut item in listed {
            match item {
                SelectItem::Wildcard(options) => items.extend(self.all(options, &clashing)?),
                SelectItem::UnnamedExpr(Expr::Identifier(name)) => {
                    items.push(self.listed(&name, &clashing));
                }
                _ => {
                    // It never breaks off.
                    let _ = item.visit(&mut rename);
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
        let left_out = left_out(&options);
        let is_left_out = |column: &Merged| left_out.contains(&plain(&column.name));
        let leaves_out_shared = self.merged.iter().any(is_left_out);
        if !self.needs_list && !leaves_out_shared {
            return Ok(vec![SelectItem::Wildcard(options)]);
        }
        let only_leaves_out = options.opt_ilike.is_none()
            && options.opt_replace.is_none()
            && options.opt_rename.is_none()
            && options.opt_alias.is_none();
        let is_shared = |name: &String| self.merged.iter().any(|one| plain(&one.name) == *name);
        let is_listable = |column: &Merged| column.is_listed || !is_left_out(column);
        if only_leaves_out
            && !self.unlistable
            && left_out.iter().all(is_shared)
            && self.merged.iter().all(is_listable)
            && let Some(others) = self.tables.iter().map(Table::others).collect::<Option<Vec<_>>>()
        {
            let shared = self.merged.iter().filter(|one| one.is_listed && !is_left_out(one));
            let shared = shared.map(|column| self.listed(&column.name, clashing));
            return Ok(shared.chain(others).collect());
        }
        // Of two tables no other column is called like a shared one.
        let is_plain = self.tables.len() == 2 && !self.unlistable && !self.rewritten;
        if is_plain && !leaves_out_shared && self.merged.iter().all(|one| !one.made_of.is_empty()) {
            return Ok(vec![SelectItem::Wildcard(self.replacing(options))]);
        }
        let error = Error::query("which columns * means in this join is not known");
        Err(error.hint(LISTED))
    }

    /// `*` with the shared columns in the places of those that the planner takes.
    fn replacing(&self, mut options: WildcardAdditionalOptions) -> WildcardAdditionalOptions {
        let mut items = options.opt_replace.take().map_or_else(Vec::new, |given| given.items);
        let mut rename = Rename::of(&self.merged);
        for item in &mut items {
            // It never breaks off.
            let _ = item.expr.visit(&mut rename);
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

/// Puts what they stand for in the place of names.
struct Rename<'a> {
    merged: &'a [Merged],
    /// Within how many queries and others where a name may mean something else.
    depth: usize,
}

impl<'a> Rename<'a> {
    fn of(merged: &'a [Merged]) -> Self {
        Self { merged, depth: 0 }
    }

    /// Whether names in `expression` may mean something else.
    fn has_own_names(&self, expression: &Expr) -> bool {
        let is_known = |name: &Ident| find(self.merged, name).is_some();
        match expression {
            Expr::Lambda(lambda) => lambda.params.iter().any(|one| is_known(&one.name)),
            Expr::CompoundFieldAccess { access_chain, .. } => access_chain.iter().any(
                |step| matches!(step, AccessExpr::Dot(Expr::Identifier(name)) if is_known(name)),
            ),
            _ => false,
        }
    }
}

impl VisitorMut for Rename<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if self.has_own_names(expression) {
            self.depth += 1;
        }
        if self.depth == 0
            && let Some(name) = meant(expression)
            && let Some(value) = find(self.merged, name)
        {
            *expression = value;
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if self.has_own_names(expression) {
            self.depth -= 1;
        }
        ControlFlow::Continue(())
    }
}

/// The name that an expression is, or that comes before a listed one which it may mean.
fn meant(expression: &Expr) -> Option<&Ident> {
    match expression {
        Expr::Identifier(name) => Some(name),
        Expr::BinaryOp { left, op: BinaryOperator::Custom(sign), .. } if sign == ELSE => {
            meant(left)
        }
        _ => None,
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
fn name(table: &TableFactor) -> Option<Vec<Ident>> {
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

/// The names of the answer; none if there is a `*`, for it may have any.
fn given(items: &[SelectItem]) -> Option<HashSet<String>> {
    let mut names = HashSet::new();
    for item in items {
        match item {
            SelectItem::UnnamedExpr(Expr::Identifier(name))
            | SelectItem::ExprWithAlias { alias: name, .. } => names.insert(plain(name)),
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => {
                parts.last().is_some_and(|name| names.insert(plain(name)))
            }
            SelectItem::UnnamedExpr(_) => false,
            _ => return None,
        };
    }
    Some(names)
}

/// `column` as the planner looks for it behind EXCLUDE, where it takes letters as they are.
fn folded(column: &Ident) -> Ident {
    Ident { value: plain(column), ..column.clone() }
}

/// The names behind EXCLUDE and EXCEPT.
fn left_out(options: &WildcardAdditionalOptions) -> HashSet<String> {
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
    let name = plain(name);
    let mut number = 1_usize;
    while names.contains(&format!("{name}_{number}")) {
        number += 1;
    }
    Ident::with_quote('"', format!("{name}_{number}"))
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
            ("SELECT id FROM z NATURAL FULL JOIN u", "NATURAL"),
            ("SELECT id FROM z NATURAL RIGHT JOIN u", "NATURAL"),
            ("SELECT * FROM z NATURAL LEFT JOIN u", "which columns * means"),
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
        let natural = "SELECT id, a, b FROM z NATURAL JOIN u";
        assert_eq!(answer(&session, natural).await, ["id|a|b", "1|a|x"]);
    }
}
