//! What a SELECT asks of all columns of its tables at once, and the planner does not know:
//!
//! - `max(COLUMNS(*))`, `COLUMNS('^re') * 2`: once for each column, or for each whose name
//!   the pattern is found in; AS 'max_\0' names each after its column, and \1 is what the
//!   first group of the pattern found
//! - `count(DISTINCT *)`: how many different rows there are
//! - `author.*`: the parts of a structure
//! - `*, *`: the same columns once more
//! - `* LIKE 'like%'`, `* ILIKE 'Like%'` and `* RENAME (likes AS n)`
//!
//! Here the columns are listed. Only the planner knows them, so it is asked for those of
//! the tables, as for [`joined_columns`](super::joined_columns).

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use datafusion::arrow::datatypes::{DataType, Fields};
use datafusion::common::{DFSchemaRef, TableReference};
use datafusion::logical_expr::UNNAMED_TABLE;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Array, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    Ident, ObjectName, ObjectNamePart, OrderBy, Query, RenameSelectItem, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, Visit, VisitMut, VisitorMut,
    WildcardAdditionalOptions, visit_expressions, visit_expressions_mut,
};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use regex::Regex;

use super::joined_columns::QueriesByName;
use super::using_joins::left_out;
use crate::engine::names::{Tables, call, plain};
use crate::engine::parsed::{self, text};
use crate::error::{Error, Result};

/// The columns that were asked for, by the text of the query for them.
pub(in crate::engine) type Known = HashMap<String, DFSchemaRef>;

/// Asks `COLUMNS` where a list has `* LIKE`, which the parser does not know.
pub(super) fn spell(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let shown: Vec<usize> =
        (0..tokens.len()).filter(|&at| !matches!(tokens[at].token, Token::Whitespace(_))).collect();
    let found = shown.windows(4).filter_map(|window| {
        let [before, all, like, pattern] = window else { return None };
        let begins = match &tokens[*before].token {
            Token::Comma => true,
            Token::Word(word) => {
                matches!(word.keyword, Keyword::SELECT | Keyword::DISTINCT | Keyword::ALL)
            }
            _ => false,
        };
        let is_like = matches!(&tokens[*like].token, Token::Word(word)
            if word.quote_style.is_none() && word.keyword == Keyword::LIKE);
        match &tokens[*pattern].token {
            Token::SingleQuotedString(text)
                if begins && is_like && tokens[*all].token == Token::Mul =>
            {
                Some((*all, *pattern, regex_of(text)))
            }
            _ => None,
        }
    });
    let found: Vec<(usize, usize, String)> = found.collect();
    let mut tokens = tokens;
    // The last ones first, so that the places of the others stay.
    for (first, last, regex) in found.into_iter().rev() {
        let span = tokens[first].span;
        let call = [
            Token::make_word("COLUMNS", None),
            Token::LParen,
            Token::SingleQuotedString(regex),
            Token::RParen,
        ];
        tokens.splice(first..=last, call.map(|token| TokenWithSpan::new(token, span)));
    }
    tokens
}

/// The regular expression of a pattern of LIKE.
fn regex_of(pattern: &str) -> String {
    let signs = pattern.chars().map(|sign| match sign {
        '%' => ".*".to_owned(),
        '_' => ".".to_owned(),
        sign => regex::escape(&sign.to_string()),
    });
    format!("^{}$", signs.collect::<String>())
}

/// Whether `parsed` asks such a thing.
pub(in crate::engine) fn are_asked(parsed: &mut Parsed) -> bool {
    parsed::visit(parsed, &mut Find).is_break()
}

/// Lists the columns that `parsed` asks for, or gives a query whose columns are not known;
/// then nothing can be done with `parsed` any more.
///
/// # Errors
/// When there are no such columns.
pub(in crate::engine) fn list(parsed: &mut Parsed, known: &Known) -> Result<Option<Box<Query>>> {
    match parsed::visit(parsed, &mut List { known, queries: QueriesByName::default() }) {
        ControlFlow::Continue(()) => Ok(None),
        ControlFlow::Break(Stop::Unknown(query)) => Ok(Some(query)),
        ControlFlow::Break(Stop::Refused(error)) => Err(error),
    }
}

struct Find;

impl VisitorMut for Find {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        match is_listed(select) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        asks(expression)
    }
}

/// Why columns are not listed.
enum Stop {
    /// Those of this query are not known yet.
    Unknown(Box<Query>),
    Refused(Error),
}

struct List<'a> {
    known: &'a Known,
    queries: QueriesByName,
}

impl VisitorMut for List<'_> {
    type Break = Stop;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Stop> {
        for mut table in self.queries.enter(query) {
            VisitMut::visit(&mut table.query, self)?;
            self.queries.add(table);
        }
        ControlFlow::Continue(())
    }

    // The queries in FROM come first, so that they can be planned.
    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Stop> {
        let listed = self.query(query);
        self.queries.leave(query);
        match listed {
            Ok(()) => ControlFlow::Continue(()),
            Err(stop) => ControlFlow::Break(stop),
        }
    }
}

impl List<'_> {
    fn query(&self, query: &mut Query) -> std::result::Result<(), Stop> {
        let Query { body, order_by, .. } = query;
        let mut order_by = order_by.as_mut();
        let mut bodies = vec![body.as_mut()];
        while let Some(body) = bodies.pop() {
            match body {
                SetExpr::Select(select) => self.select(select, order_by.take())?,
                SetExpr::SetOperation { left, right, .. } => {
                    // It orders by names of the answer.
                    order_by = None;
                    bodies.extend([left.as_mut(), right.as_mut()]);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn select(
        &self,
        select: &mut Select,
        order_by: Option<&mut OrderBy>,
    ) -> std::result::Result<(), Stop> {
        let is_ordered = order_by.as_ref().is_some_and(|order_by| is_in(&**order_by));
        let is_asked = is_listed(select) || is_ordered || is_in(&*select);
        if !is_asked || select.from.is_empty() {
            return Ok(());
        }
        let Some(asked) = self.queries.all_of_from(&select.from) else { return Ok(()) };
        let Some(schema) = self.known.get(&asked.to_string()) else {
            return Err(Stop::Unknown(Box::new(asked)));
        };
        Columns { schema, tables: Tables::of(&select.from) }
            .put_into(select, order_by)
            .map_err(Stop::Refused)
    }
}

/// Whether one of the expressions in `part` asks for all columns.
fn is_in(part: &impl Visit) -> bool {
    visit_expressions(part, asks).is_break()
}

fn asks(expression: &Expr) -> ControlFlow<()> {
    match columns_call(expression).is_some() || counted_rows(expression).is_some() {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    }
}

/// Whether a list has a `*` that the planner does not know.
fn is_listed(select: &Select) -> bool {
    has_twins(&select.projection)
        || has_structure(select)
        || select.projection.iter().any(|item| chosen_all(item).is_some())
}

/// The further words of a `*` that are passed over or refused.
fn chosen_all(item: &SelectItem) -> Option<&WildcardAdditionalOptions> {
    match item {
        SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options)
            if options.opt_ilike.is_some() || options.opt_rename.is_some() =>
        {
            Some(options)
        }
        _ => None,
    }
}

/// Whether a list has columns twice because of a `*`.
fn has_twins(items: &[SelectItem]) -> bool {
    let all = items.iter().filter(|item| matches!(item, SelectItem::Wildcard(_))).count();
    let mut of_tables: Vec<String> = items.iter().filter_map(all_of).map(lower).collect();
    let count = of_tables.len();
    of_tables.sort_unstable();
    of_tables.dedup();
    all > 1 || all == 1 && count > 0 || of_tables.len() < count
}

fn lower(name: &ObjectName) -> String {
    parts(name).join(".")
}

/// What a `t.*` is that has no further words.
fn all_of(item: &SelectItem) -> Option<&ObjectName> {
    match item {
        SelectItem::QualifiedWildcard(
            SelectItemQualifiedWildcardKind::ObjectName(name),
            options,
        ) if *options == WildcardAdditionalOptions::default() => Some(name),
        _ => None,
    }
}

/// Whether the parts of a structure are listed.
fn has_structure(select: &Select) -> bool {
    let mut listed = select.projection.iter().filter_map(all_of).peekable();
    if listed.peek().is_none() {
        return false;
    }
    let tables = Tables::of(&select.from);
    listed.any(|name| !tables.has(&parts(name)))
}

fn parts(name: &ObjectName) -> Vec<String> {
    name.0.iter().filter_map(ObjectNamePart::as_ident).map(plain).collect()
}

/// The only argument of a call of `COLUMNS`.
fn columns_call(expression: &Expr) -> Option<&FunctionArgExpr> {
    let Expr::Function(call) = expression else { return None };
    if !is_called(call, "columns") {
        return None;
    }
    only_argument(call)
}

/// Which of the columns `names` a call of `COLUMNS` means, by their places; none if
/// `expression` is no such call.
///
/// # Errors
/// When it means none of them, or it is not known which.
pub(super) fn places(expression: &Expr, names: &[&String]) -> Result<Option<Vec<usize>>> {
    let Some(argument) = columns_call(expression) else { return Ok(None) };
    let is_meant: Box<dyn Fn(&str) -> bool> = match argument {
        FunctionArgExpr::Wildcard => Box::new(|_: &str| true),
        FunctionArgExpr::WildcardWithOptions(options) => {
            let left_out = left_out(options);
            Box::new(move |name: &str| !left_out.contains(name))
        }
        FunctionArgExpr::Expr(Expr::Array(Array { elem, .. })) => {
            let listed: Option<HashSet<&str>> = elem.iter().map(text).collect();
            let listed = listed.ok_or_else(unknown)?;
            Box::new(move |name: &str| listed.contains(name))
        }
        FunctionArgExpr::Expr(pattern) => {
            let regex = regex(text(pattern).ok_or_else(unknown)?)?;
            Box::new(move |name: &str| regex.is_match(name))
        }
        FunctionArgExpr::QualifiedWildcard(_) => return Err(unknown()),
    };
    let places: Vec<usize> =
        (0..names.len()).filter(|place| is_meant(names[*place].as_str())).collect();
    match places.is_empty() {
        true => Err(Error::query("COLUMNS finds no column")
            .hint("a pattern is found in names as they are written: COLUMNS('^re')")),
        false => Ok(Some(places)),
    }
}

/// What is counted by `count(DISTINCT *)`.
fn counted_rows(expression: &Expr) -> Option<&FunctionArgExpr> {
    let Expr::Function(call) = expression else { return None };
    let FunctionArguments::List(list) = &call.args else { return None };
    let is_distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
    if !is_distinct || !is_called(call, "count") {
        return None;
    }
    only_argument(call).filter(|argument| !matches!(argument, FunctionArgExpr::Expr(_)))
}

fn is_called(call: &Function, name: &str) -> bool {
    call.name.to_string().eq_ignore_ascii_case(name)
}

fn only_argument(call: &Function) -> Option<&FunctionArgExpr> {
    let FunctionArguments::List(list) = &call.args else { return None };
    match list.args.as_slice() {
        [FunctionArg::Unnamed(argument)] => Some(argument),
        _ => None,
    }
}

/// The columns of the tables of a SELECT.
struct Columns<'a> {
    schema: &'a DFSchemaRef,
    tables: Tables,
}

/// A column: what it is called, and how it is asked for.
struct Column {
    name: String,
    expression: Expr,
}

impl Columns<'_> {
    fn put_into(&self, select: &mut Select, order_by: Option<&mut OrderBy>) -> Result<()> {
        let repeats = has_twins(&select.projection);
        for item in std::mem::take(&mut select.projection) {
            select.projection.extend(self.listed(item, repeats)?);
        }
        self.count_rows(select)?;
        match order_by {
            Some(order_by) => self.count_rows(order_by),
            None => Ok(()),
        }
    }

    /// What an item of a list stands for; `repeats` says that the list has columns twice.
    fn listed(&self, item: SelectItem, repeats: bool) -> Result<Vec<SelectItem>> {
        if let Some(options) = chosen_all(&item) {
            return self.chosen_of_all(&item, options);
        }
        let columns = match &item {
            SelectItem::Wildcard(options)
                if repeats && *options == WildcardAdditionalOptions::default() =>
            {
                self.all()
            }
            SelectItem::UnnamedExpr(expression) => {
                let listed = self.once_for_each(expression, None)?;
                return Ok(listed.unwrap_or_else(|| vec![named(item)]));
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                let listed = self.once_for_each(expr, Some(alias))?;
                return Ok(listed.unwrap_or_else(|| vec![item]));
            }
            other => match all_of(other).map(parts) {
                Some(table) if !self.tables.has(&table) => self.parts_of(&table),
                Some(table) if repeats => self.of_table(&table),
                _ => Vec::new(),
            },
        };
        let columns = columns.into_iter().map(|one| SelectItem::UnnamedExpr(one.expression));
        let columns: Vec<SelectItem> = columns.collect();
        // Else the planner tells what there is not.
        Ok(if columns.is_empty() { vec![item] } else { columns })
    }

    /// The columns of a `*` with ILIKE or RENAME.
    fn chosen_of_all(
        &self,
        item: &SelectItem,
        options: &WildcardAdditionalOptions,
    ) -> Result<Vec<SelectItem>> {
        if options.opt_replace.is_some() || options.opt_alias.is_some() {
            let error = Error::query("not supported: REPLACE beside ILIKE or RENAME");
            return Err(error.hint("list the columns, each with AS"));
        }
        let all = match item {
            SelectItem::QualifiedWildcard(
                SelectItemQualifiedWildcardKind::ObjectName(table),
                _,
            ) => self.of_table(&parts(table)),
            _ => self.all(),
        };
        let names = renamed(options.opt_rename.as_ref());
        for (name, _) in &names {
            if !all.iter().any(|one| one.name == *name) {
                return Err(Error::query(format!("RENAME finds no column \"{name}\"")));
            }
        }
        let left_out = left_out(options);
        let pattern = match &options.opt_ilike {
            Some(ilike) => Some(regex(&format!("(?i){}", regex_of(&ilike.pattern)))?),
            None => None,
        };
        let is_chosen = |one: &Column| {
            let is_like = pattern.as_ref().is_none_or(|pattern| pattern.is_match(&one.name));
            is_like && !left_out.contains(&one.name)
        };
        let chosen: Vec<SelectItem> = all
            .into_iter()
            .filter(is_chosen)
            .map(|one| match names.iter().find(|(name, _)| *name == one.name) {
                Some((_, alias)) => {
                    SelectItem::ExprWithAlias { expr: one.expression, alias: alias.clone() }
                }
                None => SelectItem::UnnamedExpr(one.expression),
            })
            .collect();
        match chosen.is_empty() {
            true => Err(Error::query("* finds no column whose name is like that")),
            false => Ok(chosen),
        }
    }

    /// An expression with `COLUMNS`, once for each column that it names.
    fn once_for_each(
        &self,
        expression: &Expr,
        alias: Option<&Ident>,
    ) -> Result<Option<Vec<SelectItem>>> {
        let mut asked: Option<FunctionArgExpr> = None;
        let differs = visit_expressions(expression, |part| {
            let Some(one) = columns_call(part) else { return ControlFlow::Continue(()) };
            match *asked.get_or_insert_with(|| one.clone()) == *one {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        });
        if differs.is_break() {
            let error = Error::query("an expression has COLUMNS of different columns");
            return Err(error.hint("write one COLUMNS, or name the columns"));
        }
        let Some(asked) = asked else { return Ok(None) };
        let columns = self.chosen(&asked)?;
        let pattern = match &asked {
            FunctionArgExpr::Expr(pattern) => text(pattern).map(regex).transpose()?,
            _ => None,
        };
        let item = |column: Column| {
            let mut expr = expression.clone();
            let _ = visit_expressions_mut(&mut expr, |part| {
                if columns_call(part).is_some() {
                    *part = column.expression.clone();
                }
                ControlFlow::<()>::Continue(())
            });
            match alias {
                Some(alias) => {
                    let value = filled_in(&alias.value, &column.name, pattern.as_ref());
                    SelectItem::ExprWithAlias { expr, alias: Ident { value, ..alias.clone() } }
                }
                None if expr == column.expression => SelectItem::UnnamedExpr(expr),
                None => {
                    let alias = Ident::with_quote('"', column.name);
                    SelectItem::ExprWithAlias { expr, alias }
                }
            }
        };
        Ok(Some(columns.into_iter().map(item).collect()))
    }

    /// The columns that an argument of `COLUMNS` names.
    fn chosen(&self, argument: &FunctionArgExpr) -> Result<Vec<Column>> {
        let columns = match argument {
            FunctionArgExpr::Expr(Expr::Array(Array { elem: names, .. })) => self.by_name(names)?,
            FunctionArgExpr::Expr(pattern) => self.found_by(pattern)?,
            all => self.counted(all)?,
        };
        match columns.is_empty() {
            true => {
                let error = Error::query("COLUMNS finds no column");
                Err(error.hint("a pattern is found in names as they are written: COLUMNS('^re')"))
            }
            false => Ok(columns),
        }
    }

    fn by_name(&self, names: &[Expr]) -> Result<Vec<Column>> {
        let mut columns = Vec::new();
        for name in names {
            let name = text(name).ok_or_else(unknown)?;
            let found: Vec<Column> =
                self.all().into_iter().filter(|one| one.name == name).collect();
            if found.is_empty() {
                return Err(Error::query(format!("COLUMNS finds no column \"{name}\"")));
            }
            columns.extend(found);
        }
        Ok(columns)
    }

    fn found_by(&self, pattern: &Expr) -> Result<Vec<Column>> {
        let regex = regex(text(pattern).ok_or_else(unknown)?)?;
        Ok(self.all().into_iter().filter(|one| regex.is_match(&one.name)).collect())
    }

    /// The columns that a `*` of an argument means.
    fn counted(&self, argument: &FunctionArgExpr) -> Result<Vec<Column>> {
        match argument {
            FunctionArgExpr::QualifiedWildcard(name) => {
                let columns = self.of_table(&parts(name));
                match columns.is_empty() {
                    true => Err(Error::query(format!("FROM has no table {name}"))),
                    false => Ok(columns),
                }
            }
            FunctionArgExpr::WildcardWithOptions(options) => {
                let only_leaves_out = WildcardAdditionalOptions {
                    opt_exclude: options.opt_exclude.clone(),
                    opt_except: options.opt_except.clone(),
                    ..Default::default()
                };
                if *options != only_leaves_out {
                    return Err(unknown());
                }
                let left_out = left_out(options);
                Ok(self.all().into_iter().filter(|one| !left_out.contains(&one.name)).collect())
            }
            _ => Ok(self.all()),
        }
    }

    /// Has rows of columns be counted where `count(DISTINCT *)` asks for that.
    fn count_rows(&self, part: &mut impl VisitMut) -> Result<()> {
        let counted = visit_expressions_mut(part, |expression| {
            let Some(rows) = counted_rows(expression) else { return ControlFlow::Continue(()) };
            let columns = match self.counted(rows) {
                Ok(columns) => columns,
                Err(error) => return ControlFlow::Break(error),
            };
            // A structure is never unknown, so that rows of nothing but NULL count.
            let row = call("struct", columns.into_iter().map(|one| one.expression));
            if let Expr::Function(Function { args: FunctionArguments::List(list), .. }) = expression
            {
                list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(row))];
            }
            ControlFlow::Continue(())
        });
        match counted {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(error) => Err(error),
        }
    }

    fn all(&self) -> Vec<Column> {
        self.schema.iter().map(|(table, field)| column(table, field.name())).collect()
    }

    fn of_table(&self, name: &[String]) -> Vec<Column> {
        let is_of_it = |table: Option<&TableReference>| {
            let table = table.map(TableReference::to_vec).unwrap_or_default();
            !table.is_empty() && (table.ends_with(name) || name.ends_with(&table))
        };
        let columns = self.schema.iter().filter(|(table, _)| is_of_it(*table));
        columns.map(|(table, field)| column(table, field.name())).collect()
    }

    /// The parts of the structure `name`, which may stand in a table or in another one.
    fn parts_of(&self, name: &[String]) -> Vec<Column> {
        let starts = self.schema.iter().flat_map(|(table, field)| {
            let mut from_table = table.map(TableReference::to_vec).unwrap_or_default();
            from_table.push(field.name().clone());
            [vec![field.name().clone()], from_table].map(|start| (start, field))
        });
        let found = starts.into_iter().find_map(|(start, field)| {
            let inside = name.strip_prefix(start.as_slice())?;
            fields_of(field.data_type(), inside)
        });
        let Some(fields) = found else { return Vec::new() };
        let parts = fields.iter().map(|field| {
            let path = name.iter().chain([field.name()]).map(|one| Ident::with_quote('"', one));
            let expression = Expr::CompoundIdentifier(path.collect());
            Column { name: field.name().clone(), expression }
        });
        parts.collect()
    }
}

/// The parts of the structure that lies at `path` inside of one.
fn fields_of<'a>(data_type: &'a DataType, path: &[String]) -> Option<&'a Fields> {
    let DataType::Struct(fields) = data_type else { return None };
    match path {
        [] => Some(fields),
        [first, rest @ ..] => {
            let field = fields.iter().find(|field| field.name() == first)?;
            fields_of(field.data_type(), rest)
        }
    }
}

fn column(table: Option<&TableReference>, name: &str) -> Column {
    let table = table.filter(|table| table.table() != UNNAMED_TABLE);
    let mut path = table.map(TableReference::to_vec).unwrap_or_default();
    path.push(name.to_owned());
    let mut path: Vec<Ident> = path.into_iter().map(|part| Ident::with_quote('"', part)).collect();
    let expression = match (path.len(), path.pop()) {
        (1, Some(only)) => Expr::Identifier(only),
        (_, last) => Expr::CompoundIdentifier(path.into_iter().chain(last).collect()),
    };
    Column { name: name.to_owned(), expression }
}

/// An item that counts rows is called as it was typed.
fn named(item: SelectItem) -> SelectItem {
    match item {
        SelectItem::UnnamedExpr(expr) if is_in(&expr) => {
            let alias = Ident::with_quote('"', expr.to_string());
            SelectItem::ExprWithAlias { expr, alias }
        }
        other => other,
    }
}

/// The columns that RENAME names, each with its new name.
fn renamed(rename: Option<&RenameSelectItem>) -> Vec<(String, Ident)> {
    let all = match rename {
        Some(RenameSelectItem::Single(one)) => std::slice::from_ref(one),
        Some(RenameSelectItem::Multiple(all)) => all.as_slice(),
        None => &[],
    };
    all.iter().map(|one| (plain(&one.ident), one.alias.clone())).collect()
}

/// An alias with the name of the column in the place of `\0`, and what the groups of the
/// pattern found in it in those of `\1` to `\9`.
fn filled_in(alias: &str, name: &str, pattern: Option<&Regex>) -> String {
    let mut filled = alias.replace("\\0", name);
    let Some(found) = pattern.and_then(|pattern| pattern.captures(name)) else { return filled };
    for (number, group) in found.iter().enumerate().take(10).skip(1) {
        let group = group.map(|group| group.as_str()).unwrap_or_default();
        filled = filled.replace(&format!("\\{number}"), group);
    }
    filled
}

fn regex(pattern: &str) -> Result<Regex> {
    Regex::new(pattern).map_err(|error| {
        let error = error.to_string();
        let reason = error.lines().last().unwrap_or_default().to_owned();
        Error::query(format!("`{pattern}` is no pattern: {reason}"))
    })
}

fn unknown() -> Error {
    Error::query("which columns COLUMNS means is not known")
        .hint("write COLUMNS(*), COLUMNS('^re') or COLUMNS(['likes', 'reposts'])")
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    const ROWS: &str = "(VALUES (1, 2), (3, 4), (1, 2), (NULL, NULL), (NULL, NULL)) AS t(ab, b)";

    #[tokio::test(flavor = "multi_thread")]
    async fn different_rows_are_counted() {
        let session = Session::new(None, Settings::default()).unwrap();
        let join = format!("{ROWS} JOIN (SELECT 1 AS ab, 5 AS c) AS u ON t.ab = u.ab");
        for (counted, from, wanted) in [
            ("count(DISTINCT *)", ROWS, "3"),
            ("COUNT(DISTINCT t.*)", ROWS, "3"),
            ("count(DISTINCT *) FILTER (WHERE b > 2)", ROWS, "1"),
            ("count(DISTINCT * EXCLUDE (ab)) + 1", ROWS, "4"),
            ("count(DISTINCT u.*)", join.as_str(), "1"),
            ("count(DISTINCT *)", "(SELECT NULL::int AS a)", "1"),
            ("(SELECT count(DISTINCT *) FROM (SELECT 1 AS a UNION ALL SELECT 2))", ROWS, "2"),
        ] {
            let sql = format!("SELECT {counted} AS n FROM {from} LIMIT 1");
            assert_eq!(answer(&session, &sql).await, ["n", wanted], "{sql}");
        }
        let sql = format!(
            "WITH v AS (SELECT * FROM {ROWS}) SELECT b, count(DISTINCT *) FROM v GROUP BY b
             HAVING count(DISTINCT *) = 1 ORDER BY count(DISTINCT *), b LIMIT 1"
        );
        assert_eq!(answer(&session, &sql).await, ["b|count(DISTINCT *)", "2|1"]);
        assert!(session.collect(&format!("SELECT count(DISTINCT x.*) FROM {ROWS}")).await.is_err());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_expression_is_computed_of_each_column() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (list, wanted) in [
            ("max(COLUMNS(*))", &["ab|b", "3|4"][..]),
            ("max(columns('b'))", &["ab|b", "3|4"]),
            ("max(columns('^b')) AS most", &["most", "4"]),
            ("max(columns('^(a?)b')) AS 'most_\\0_\\1'", &["most_ab_a|most_b_", "3|4"]),
            ("max(COLUMNS(*)) AS \"\\0_most\"", &["ab_most|b_most", "3|4"]),
            ("sum(COLUMNS(*) + COLUMNS(*)), count(*)", &["ab|b|count(*)", "10|16|5"]),
            ("max(COLUMNS(* EXCLUDE (ab)))", &["b", "4"]),
            ("min(COLUMNS(['b', 'ab']))", &["b|ab", "2|1"]),
        ] {
            let sql = format!("SELECT {list} FROM {ROWS}");
            assert_eq!(answer(&session, &sql).await, wanted, "{sql}");
        }
        let sql = format!("SELECT COLUMNS('a'), b FROM {ROWS} ORDER BY 1 LIMIT 1");
        assert_eq!(answer(&session, &sql).await, ["ab|b", "1|2"]);
        for list in ["COLUMNS('B')", "COLUMNS('(')", "COLUMNS(1)", "COLUMNS('a') + COLUMNS('b')"] {
            let error = session.collect(&format!("SELECT {list} FROM {ROWS}")).await.unwrap_err();
            assert!(!error.message().contains("no function"), "{list}: {error}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_parts_of_a_structure_are_listed() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from =
            "FROM (SELECT 7 AS id, {'name': 'x', 'geo': {'lat': 1, 'lon': 2}} AS author) AS t
                    LIMIT 1";
        for (list, wanted) in [
            ("author.*", &["name|geo", "x|{lat: 1, lon: 2}"][..]),
            ("id, t.author.geo.*", &["id|lat|lon", "7|1|2"]),
            ("author.geo.*, t.id", &["lat|lon|id", "1|2|7"]),
        ] {
            assert_eq!(answer(&session, &format!("SELECT {list} {from}")).await, wanted, "{list}");
        }
        let error = session.collect(&format!("SELECT id.* {from}")).await.unwrap_err();
        assert!(error.message().contains("id"), "{error}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn columns_are_chosen_by_their_names_and_renamed() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (SELECT 1 AS ab, 2 AS bc, 3 AS \"Ac\") AS t";
        for (list, wanted) in [
            ("* LIKE 'a%'", &["ab", "1"][..]),
            ("bc, * like '_c'", &["bc|bc_1|Ac", "2|2|3"]),
            ("* ILIKE 'a%'", &["ab|Ac", "1|3"]),
            ("t.* ILIKE '%C'", &["bc|Ac", "2|3"]),
            ("* RENAME (ab AS z)", &["z|bc|Ac", "1|2|3"]),
            ("* EXCLUDE (bc) RENAME ab AS z", &["z|Ac", "1|3"]),
        ] {
            assert_eq!(answer(&session, &format!("SELECT {list} {from}")).await, wanted, "{list}");
        }
        for list in ["* ILIKE 'x%'", "* LIKE 'x%'", "* RENAME (x AS y)"] {
            let error = session.collect(&format!("SELECT {list} {from}")).await.unwrap_err();
            assert!(error.message().contains("finds no column"), "{list}: {error}");
        }
        let product = "SELECT 2, ab * bc AS p FROM (SELECT 1 AS ab, 2 AS bc)";
        assert_eq!(answer(&session, product).await, ["2|p", "2|2"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn columns_may_be_listed_more_than_once() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (SELECT 1 AS a, 2 AS b) AS t";
        for (list, wanted) in [
            ("*, *", &["a|b|a_1|b_1", "1|2|1|2"][..]),
            ("t.*, t.*", &["a|b|a_1|b_1", "1|2|1|2"]),
            ("t.*, *", &["a|b|a_1|b_1", "1|2|1|2"]),
        ] {
            assert_eq!(answer(&session, &format!("SELECT {list} {from}")).await, wanted, "{list}");
        }
        session.collect(&format!("CREATE TABLE twice AS SELECT *, * {from}")).await.unwrap();
        assert_eq!(answer(&session, "SELECT b_1, a FROM twice").await, ["b_1|a", "2|1"]);
    }
}
