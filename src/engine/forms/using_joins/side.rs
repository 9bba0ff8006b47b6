//! Tables that are joined, the columns that they share, and what `*` means of them.

use std::collections::HashSet;

use datafusion::sql::sqlparser::ast::{
    ExcludeSelectItem, Expr, Ident, ObjectName, ObjectNamePart, ReplaceSelectElement,
    ReplaceSelectItem, SelectItem, SelectItemQualifiedWildcardKind, WildcardAdditionalOptions,
};

use super::left_out;
use crate::engine::forms::level_names;
use crate::engine::names::{self, call, plain};
use crate::error::{Error, Result};

/// What to write where it cannot be seen what `*` is.
const LISTED: &str =
    "give each table a name, join with USING, and list the columns: SELECT account_id, posts.text";

/// What to write instead of a NATURAL join.
const NAMED: &str = "name the columns: JOIN accounts USING (account_id)";

/// A column that a join makes of one on each side.
pub(super) struct Merged {
    pub(super) name: Ident,
    /// The columns of which the first known one is its value; none if it cannot be seen
    /// which they are.
    pub(super) made_of: Vec<Vec<Ident>>,
    /// Whether it may be another one than that of the first table.
    pub(super) is_chosen: bool,
    /// Where `*` lists it.
    pub(super) place: Place,
}

/// Where `*` lists a column that a join makes of others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Before the columns of the tables, and not among them.
    First,
    /// Among those of the table that it is of.
    OfTable,
    /// That cannot be seen.
    Unknown,
}

impl Merged {
    /// Whether `*` lists it, and not the columns of the tables.
    fn is_listed(&self) -> bool {
        self.place == Place::First
    }
}

/// A column by which two sides are joined, as one of them has it.
#[derive(Default)]
pub(super) struct Key {
    pub(super) made_of: Vec<Vec<Ident>>,
    pub(super) is_chosen: bool,
    /// Whether `*` leaves the column of the table out.
    pub(super) is_hidden: bool,
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
pub(super) struct Side {
    tables: Vec<Table>,
    pub(super) merged: Vec<Merged>,
    /// Whether the planner would take other columns for `*`.
    pub(super) needs_list: bool,
    /// Whether it cannot be seen what `*` is.
    pub(super) unlistable: bool,
    /// Whether a USING became a condition.
    pub(super) rewritten: bool,
}

impl Side {
    pub(super) fn of(name: Option<Vec<Ident>>, columns: Option<Vec<String>>) -> Self {
        Self { tables: vec![Table { name, shared: Vec::new(), columns }], ..Self::default() }
    }

    pub(super) fn put_beside(&mut self, other: Self) {
        self.tables.extend(other.tables);
        self.merged.extend(other.merged);
        self.needs_list |= other.needs_list;
        self.unlistable |= other.unlistable;
        self.rewritten |= other.rewritten;
    }

    /// Takes the column `name`, by which this is joined.
    pub(super) fn key(&mut self, name: &Ident) -> Key {
        let is_called = |column: &Merged| plain(&column.name) == plain(name);
        if let Some(at) = self.merged.iter().position(is_called) {
            let Merged { made_of, is_chosen, place, .. } = self.merged.remove(at);
            if place == Place::OfTable {
                self.hide(&made_of);
            }
            return Key { made_of, is_chosen, is_hidden: place != Place::Unknown };
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

    /// What the column `name` is made of, which is listed where it was, though another side
    /// has one of its name.
    pub(super) fn kept(&mut self, name: &Ident) -> Vec<Vec<Ident>> {
        let is_called = |column: &&mut Merged| plain(&column.name) == plain(name);
        if let Some(known) = self.merged.iter_mut().find(is_called) {
            // To the planner that of the right side is not the same one.
            known.is_chosen = true;
            return known.made_of.clone();
        }
        let Some(Table { name: Some(table), .. }) = self.owner(name) else { return Vec::new() };
        let made_of = vec![table.iter().chain([name]).cloned().collect::<Vec<_>>()];
        self.merged.push(Merged {
            name: name.clone(),
            made_of: made_of.clone(),
            is_chosen: true,
            place: Place::OfTable,
        });
        made_of
    }

    /// Has the tables of these columns not list them.
    fn hide(&mut self, columns: &[Vec<Ident>]) {
        for (name, of) in columns.iter().filter_map(|column| column.split_last()) {
            let is_owner = |table: &&mut Table| table.name.as_deref() == Some(of);
            if let Some(table) = self.tables.iter_mut().find(is_owner) {
                table.shared.push(name.clone());
            }
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
        let first = self.merged.iter().filter(|column| column.place != Place::OfTable);
        let mut names: Vec<_> = first.map(|column| plain(&column.name)).collect();
        for table in &self.tables {
            names.extend(table.other_names()?.cloned());
        }
        Some(names)
    }

    /// Tables beside one another may both have a column of the name, which is then
    /// nobody's.
    pub(super) fn forget_what_is_twice(&mut self) {
        let mut seen = HashSet::new();
        let names = self.merged.iter().map(|column| plain(&column.name));
        let twice: HashSet<_> = names.filter(|name| !seen.insert(name.clone())).collect();
        self.unlistable |= !twice.is_empty();
        self.merged.retain(|column| !twice.contains(&plain(&column.name)));
    }

    /// The names of shared columns that a SELECT may give to what it lists.
    pub(super) fn given(&self, items: &[SelectItem]) -> HashSet<String> {
        let names = self.merged.iter().map(|column| plain(&column.name));
        names.filter(|name| items.iter().any(|item| may_give(item, name))).collect()
    }

    /// What a SELECT lists, with names and `*` as what they stand for.
    pub(super) fn items(&self, listed: Vec<SelectItem>) -> Result<Vec<SelectItem>> {
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
            && self.merged.iter().all(|column| column.place != Place::Unknown);
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
        for column in self.merged.iter().filter(|column| column.is_listed()) {
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
        let is_listable = |column: &Merged| column.is_listed() || !is_left_out(&column);
        if !only_leaves_out
            || self.unlistable
            || !left_out.iter().all(is_shared)
            || !self.merged.iter().all(is_listable)
        {
            return None;
        }
        let others = self.tables.iter().map(Table::others).collect::<Option<Vec<_>>>()?;
        let shared = self.merged.iter().filter(|one| one.is_listed() && !is_left_out(one));
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
pub(super) fn find(merged: &[Merged], name: &Ident) -> Option<Expr> {
    let column = merged.iter().find(|column| plain(&column.name) == plain(name))?;
    value(&column.made_of, name)
}

/// The first known one of some columns; errors are told where `name` stands.
pub(super) fn value(made_of: &[Vec<Ident>], name: &Ident) -> Option<Expr> {
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

/// The columns that a NATURAL join compares.
pub(super) fn shared_names(left: &Side, right: &Side) -> Result<Vec<Ident>> {
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
