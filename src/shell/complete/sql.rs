//! Candidates inside a statement of SQL.

use super::catalog::{Catalog, Column, Function, Lookup, Relation};
use super::cursor::{Cursor, Quote};
use super::fixed::{self, Place};
use super::follow::{self, Clause, State};
use super::scope::{self, Scope, Source};
use super::words;
use super::{Candidate, Candidates};
use crate::catalog::SCHEMA;
use crate::model::HEAD;
use crate::shell::scan::{Kind, Lexeme};

/// Suffixes of files that can stand in FROM.
const DATA_SUFFIXES: &[&str] =
    &[".parquet", ".csv", ".csv.gz", ".tsv", ".json", ".jsonl", ".ndjson", ".jsonl.gz", ".arrow"];

/// Folders that are offered, and looked into for a database.
const MOST_FOLDERS: usize = 200;

/// Columns of all tables that are offered where nothing is typed.
const MOST_GUESSED: usize = 200;

/// Columns of earlier answers that are offered before FROM is written.
const MOST_OF_ANSWERS: usize = 20;

/// Functions whose second argument is looked for among the items of the first.
const LIST_SEARCHES: &[&str] = &[
    "array_contains",
    "array_has",
    "array_indexof",
    "array_position",
    "list_contains",
    "list_has",
    "list_indexof",
    "list_position",
];

/// Functions that are in most questions.
const EVERYDAY: &[&str] =
    &["avg", "coalesce", "count", "date_trunc", "length", "max", "min", "sum"];

/// Adds the candidates for the word at `cursor`.
pub(crate) fn complete(
    cursor: &Cursor<'_>,
    catalog: &Catalog,
    lookup: &dyn Lookup,
    found: &mut Candidates,
) {
    let tokens = cursor.statement();
    let scope = scope::find(&tokens, cursor.before.len(), catalog, lookup);
    let query = Query {
        before: &cursor.before,
        after: &cursor.after,
        state: follow::find(&cursor.before, scope.query_start),
        scope: &scope,
        catalog,
        lookup,
    };
    match cursor.word.quote {
        Quote::Text => query.in_text(found),
        Quote::Name(_) => query.names(found),
        Quote::None => query.bare(found),
    }
}

struct Query<'a> {
    before: &'a [Lexeme<'a>],
    after: &'a [Lexeme<'a>],
    state: State,
    scope: &'a Scope,
    catalog: &'a Catalog,
    lookup: &'a dyn Lookup,
}

impl Query<'_> {
    fn previous(&self) -> Option<&Lexeme<'_>> {
        self.before.last()
    }

    /// Candidates for a word without quotes.
    fn bare(&self, found: &mut Candidates) {
        if self.previous().is_some_and(|previous| previous.is_symbol(".")) {
            return self.qualified(found);
        }
        if let Some(place) = fixed::place(self.before, self.catalog) {
            return self.fixed(&place, false, found);
        }
        if let Some(few) = self.state.words(self.before) {
            return self.keywords(few, found);
        }
        match self.state.clause {
            Clause::Start => self.keywords(words::STATEMENTS, found),
            _ if self.stands_by_relations() && self.wants_relation() => self.relations(found),
            _ if self.stands_by_relations() => self.following(found),
            Clause::Using => self.using(found),
            Clause::Set => self.settings(found),
            Clause::Show => self.show(found),
            Clause::Excluded => self.left_out(found),
            _ => self.expression(found),
        }
    }

    /// Whether the cursor stands where relations are named.
    fn stands_by_relations(&self) -> bool {
        matches!(
            self.state.clause,
            Clause::From | Clause::Join | Clause::Relation | Clause::Pivot | Clause::Unpivot
        )
    }

    /// What may follow the operand or relation before the cursor.
    fn following(&self, found: &mut Candidates) {
        self.keywords(&self.state.after_operand(self.before), found);
    }

    /// Where only a few words make sense, these.
    fn fixed(&self, place: &Place, in_text: bool, found: &mut Candidates) {
        match place {
            Place::File if in_text => {
                for file in self.data_files(found.prefix()) {
                    found.add(Candidate::text(&file, "file"));
                }
            }
            Place::Folder if in_text || found.prefix().is_empty() => self.folders(in_text, found),
            place => place.add(in_text, self.before, self.catalog, found),
        }
    }

    /// Folders, databases first.
    fn folders(&self, in_text: bool, found: &mut Candidates) {
        let mut folders = self.lookup.files(found.prefix());
        folders.retain(|folder| folder.ends_with('/'));
        let (databases, others): (Vec<_>, Vec<_>) =
            folders.into_iter().take(MOST_FOLDERS).partition(|folder| self.is_database(folder));
        for database in databases {
            found.add(Candidate::text(database.trim_end_matches('/'), "database"));
        }
        for folder in others {
            found.add(match in_text {
                true => Candidate::text(&folder, "folder"),
                // It is a choice by itself, where nothing is typed.
                false => Candidate::new(format!("'{}'", folder.replace('\'', "''")), "folder"),
            });
        }
    }

    /// Whether the head of a database lies in `folder`, whose name ends in a slash.
    fn is_database(&self, folder: &str) -> bool {
        let head = format!("{folder}{HEAD}");
        self.lookup.files(&head).contains(&head)
    }

    /// Whether a relation is what comes next, rather than what follows one.
    fn wants_relation(&self) -> bool {
        self.previous().is_some_and(|previous| {
            previous.is_symbol(",")
                || previous.is_symbol("(")
                || [
                    "from",
                    "join",
                    "into",
                    "update",
                    "describe",
                    "desc",
                    "summarize",
                    "copy",
                    "lateral",
                    "pivot",
                    "unpivot",
                ]
                .iter()
                .any(|word| previous.is(word))
        })
    }

    /// Tables, views, queries of WITH, table functions, and data files.
    fn relations(&self, found: &mut Candidates) {
        for named in self.scope.named.iter().rev() {
            found.add(Candidate::name(&named.name, "with"));
        }
        let asks_for_result = found.prefix().starts_with('@');
        for relation in &self.catalog.relations {
            if relation.name.starts_with('@') && !asks_for_result {
                // There is one for each answer: too many to be in the way.
                continue;
            }
            match &relation.schema {
                None => found.add(Candidate::name(&relation.name, relation.kind)),
                Some(_) if !found.prefix().is_empty() => {
                    found.add(Candidate::new(relation.quoted(), relation.kind));
                }
                Some(_) => {}
            }
        }
        self.schemas(found);
        for function in self.catalog.functions.iter().filter(|function| function.gives_rows) {
            found.add(Candidate::call(function));
        }
        if self.previous().is_some_and(|previous| previous.is_symbol("(")) {
            self.keywords(&["SELECT"], found);
        }
        match self.previous() {
            Some(previous) if previous.is("copy") => self.keywords(&["(SELECT"], found),
            Some(previous) if previous.is("describe") || previous.is("summarize") => {
                self.keywords(&["SELECT"], found);
            }
            _ => {}
        }
        if found.prefix().is_empty() {
            for file in self.data_files("").iter().filter(|file| !file.ends_with('/')) {
                found.add(Candidate::new(format!("'{}'", file.replace('\'', "''")), "file"));
            }
        }
    }

    fn schemas(&self, found: &mut Candidates) {
        let mut schemas: Vec<&str> =
            self.catalog.relations.iter().filter_map(|r| r.schema.as_deref()).collect();
        schemas.dedup();
        for schema in schemas {
            found.add(Candidate::new(format!("{}.", words::quote_name(schema)), "schema"));
        }
    }

    /// What may stand behind `name.`: columns of an alias, tables of a schema.
    fn qualified(&self, found: &mut Candidates) {
        let named = &self.before[..self.before.len() - 1];
        let Some(qualifier) = named.last().and_then(Lexeme::name) else {
            return self.add_members(named, found);
        };
        let is_path = matches!(named, [.., dot, _] if dot.is_symbol("."));
        // What stands in FROM so far, `r.`, is not one yet.
        if let Some(source) = self.source(&qualifier)
            && !source.columns.is_empty()
            && !is_path
        {
            for column in &source.columns {
                found.add(Candidate::name(&column.name, &column.type_name));
            }
            return;
        }
        self.add_members(named, found);
        for relation in &self.catalog.relations {
            if relation.schema.as_deref().unwrap_or(SCHEMA) == qualifier {
                found.add(Candidate::name(&relation.name, relation.kind));
            }
        }
        // Before FROM is written the query of WITH, or the table itself, will do.
        if let Some(named) = self.scope.named.iter().rev().find(|named| named.name == qualifier) {
            for column in &named.columns {
                found.add(Candidate::name(&column.name, &column.type_name));
            }
            return;
        }
        if let Some(relation) = self.catalog.relation(None, &qualifier) {
            for column in &relation.columns {
                found.add(Candidate::name(&column.name, &column.type_name));
            }
        }
    }

    fn add_members(&self, named: &[Lexeme<'_>], found: &mut Candidates) {
        for member in self.members(named) {
            found.add(Candidate::name(&member.name, &member.type_name));
        }
    }

    /// The members of the structure that is named at the end of `tokens`.
    fn members(&self, tokens: &[Lexeme<'_>]) -> Vec<Column> {
        let path = path(tokens);
        let Some((first, inner)) = path.split_first() else { return Vec::new() };
        let of_source = || {
            let (column, inner) = inner.split_first()?;
            let columns = &self.source(first)?.columns;
            Some((columns.iter().find(|known| known.name == *column)?, inner))
        };
        let mut columns: Vec<&Column> =
            self.scope.sources.iter().flat_map(|source| &source.columns).collect();
        if self.scope.sources.is_empty() {
            columns.extend(self.tables().flat_map(|table| &table.columns));
        }
        let of_any = || Some((*columns.iter().find(|known| known.name == *first)?, inner));
        let Some((column, inner)) = of_source().or_else(of_any) else { return Vec::new() };
        let mut members = column.members();
        for name in inner {
            let next = members.iter().find(|member| member.name == *name);
            members = next.map(Column::members).unwrap_or_default();
        }
        members
    }

    /// Tables and views that are named without a schema, and no answers.
    fn tables(&self) -> impl Iterator<Item = &Relation> {
        let relations = self.catalog.relations.iter();
        relations.filter(|relation| relation.schema.is_none() && relation.kind != "result")
    }

    fn source(&self, alias: &str) -> Option<&Source> {
        self.scope.sources.iter().find(|source| source.alias == alias)
    }

    /// Columns, functions and keywords.
    fn expression(&self, found: &mut Candidates) {
        if follow::ends_operand(self.before) {
            return self.following(found);
        }
        if let Some(item) = self.item_of_lambda() {
            found.add(Candidate::new(format!("{item} -> "), "for each item"));
            if found.prefix().is_empty() {
                return;
            }
        }
        if self.state.clause == Clause::On
            && self.previous().is_some_and(|previous| previous.is("on"))
        {
            self.join_keys(found);
            // What is joined by is known: nobody wants to read all columns.
            if found.prefix().is_empty() && !found.is_empty() {
                return;
            }
        }
        self.compared_values(found);
        self.aliases(found);
        if self.scope.sources.is_empty() {
            self.columns_of_with(found);
        }
        if self.scope.sources.is_empty() || self.state.clause == Clause::PivotUsing {
            self.everyday_functions(found);
        }
        self.columns(found);
        self.functions(found);
        if !found.prefix().is_empty() || self.scope.sources.is_empty() {
            self.keywords(words::OPERANDS, found);
        }
        let in_bracket = self.previous().is_some_and(|previous| previous.is_symbol("("));
        if in_bracket && self.state.clause == Clause::Inner {
            self.keywords(&["SELECT"], found);
        }
    }

    /// Where a function takes `h -> ...`, a letter for the items of its list.
    fn item_of_lambda(&self) -> Option<char> {
        let open = follow::open_bracket(self.before)?;
        let arguments = &self.before[open..];
        let is_second = self.previous().is_some_and(|previous| previous.is_symbol(","))
            && arguments.iter().filter(|token| token.is_symbol(",")).count() == 1;
        if !is_second {
            return None;
        }
        let name = self.before[..open].last()?.name()?;
        let function = self.catalog.functions.iter().find(|function| function.name == name)?;
        if !function.signature.contains("->") {
            return None;
        }
        let list = arguments.get(1)?.name();
        let first = list.and_then(|list| list.chars().next());
        Some(first.filter(|first| first.is_alphabetic()).unwrap_or('x'))
    }

    /// In the brackets of `* EXCLUDE (`: the columns that are not in them yet.
    fn left_out(&self, found: &mut Candidates) {
        if follow::ends_operand(self.before) {
            return;
        }
        let open = follow::open_bracket(self.before).unwrap_or_default();
        let named: Vec<String> = self.before[open..].iter().filter_map(Lexeme::name).collect();
        let own = &self.scope.sources[..self.scope.own];
        for source in own {
            for column in source.columns.iter().filter(|column| !named.contains(&column.name)) {
                found.add(Candidate::name(&column.name, &column.type_name));
            }
        }
        if !own.is_empty() {
            return;
        }
        // Before FROM is written, the columns of every table may be meant.
        let tables = self.catalog.relations.iter();
        let tables = tables.filter(|one| one.schema.is_none() && !one.name.starts_with('@'));
        for table in tables {
            for column in table.columns.iter().filter(|column| !named.contains(&column.name)) {
                found.add(Candidate::name(&column.name, &table.name));
            }
        }
    }

    /// Columns in scope; a name that two relations share is qualified.
    fn columns(&self, found: &mut Candidates) {
        if self.scope.sources.is_empty() {
            return self.columns_of_all_tables(found);
        }
        let own = &self.scope.sources[..self.scope.own];
        let mut count = std::collections::HashMap::<&str, usize>::new();
        for column in own.iter().flat_map(|source| &source.columns) {
            *count.entry(&column.name).or_default() += 1;
        }
        for (index, source) in self.scope.sources.iter().enumerate() {
            for column in &source.columns {
                let shared = count.get(column.name.as_str()).is_some_and(|count| *count > 1);
                if (shared || index >= self.scope.own) && !source.alias.is_empty() {
                    found.add(Candidate::qualified(&source.alias, column));
                } else {
                    found.add(Candidate::name(&column.name, &column.type_name));
                }
            }
        }
        for source in &self.scope.sources {
            if !source.alias.is_empty() && !found.prefix().is_empty() {
                found
                    .add(Candidate::new(format!("{}.", words::quote_name(&source.alias)), "alias"));
            }
        }
    }

    /// Before FROM is written, the columns that queries of WITH give are likely, those
    /// of the last most.
    fn columns_of_with(&self, found: &mut Candidates) {
        for named in self.scope.named.iter().rev() {
            for column in &named.columns {
                found.add(Candidate::name(&column.name, &named.name));
            }
        }
    }

    /// Before FROM is written, the columns of every table may be meant, and few of the
    /// answers that were given before.
    fn columns_of_all_tables(&self, found: &mut Candidates) {
        let most = if found.prefix().is_empty() { MOST_GUESSED } else { usize::MAX };
        add_columns(self.tables(), most, found);
        if !found.prefix().is_empty() {
            let answers = self.catalog.relations.iter().filter(|one| one.kind == "result");
            add_columns(answers, MOST_OF_ANSWERS, found);
        }
    }

    /// Where they can be asked by name, the names that the SELECT list gives.
    fn aliases(&self, found: &mut Candidates) {
        let clauses = [Clause::Group, Clause::Having, Clause::Qualify, Clause::Order];
        if clauses.contains(&self.state.clause) {
            for name in &self.scope.aliases {
                found.add(Candidate::name(name, "alias"));
            }
        }
    }

    /// Where no columns are known yet, the functions that most people mean.
    fn everyday_functions(&self, found: &mut Candidates) {
        let functions = self.catalog.functions.iter();
        for function in functions.filter(|known| EVERYDAY.contains(&known.name.as_str())) {
            found.add(Candidate::call(function));
        }
    }

    fn functions(&self, found: &mut Candidates) {
        if found.prefix().is_empty() && !self.scope.sources.is_empty() {
            return;
        }
        for function in self.catalog.functions.iter().filter(|function| !function.gives_rows) {
            found.add(Candidate::call(function));
        }
    }

    fn keywords(&self, keywords: &[&str], found: &mut Candidates) {
        let capitals = words::wants_capitals(found.prefix(), self.before);
        for keyword in keywords {
            let text = if capitals { (*keyword).to_owned() } else { keyword.to_lowercase() };
            found.add(Candidate::new(text, ""));
        }
    }

    /// After JOIN .. ON: equality of the keys that both sides have.
    fn join_keys(&self, found: &mut Candidates) {
        let Some((joined, others)) = self.scope.sources[..self.scope.own].split_last() else {
            return;
        };
        let and = if words::wants_capitals("", self.before) { " AND " } else { " and " };
        for other in others.iter().rev() {
            let conditions: Vec<String> = shared_keys(joined, other)
                .map(|key| {
                    let name = words::quote_name(key);
                    let (left, right) =
                        (words::quote_name(&other.alias), words::quote_name(&joined.alias));
                    format!("{left}.{name} = {right}.{name}")
                })
                .collect();
            if !conditions.is_empty() {
                found.add(Candidate::new(conditions.join(and), "keys"));
            }
        }
    }

    /// In USING (..): columns that both sides have.
    fn using(&self, found: &mut Candidates) {
        let Some((joined, others)) = self.scope.sources[..self.scope.own].split_last() else {
            return;
        };
        if self.previous().is_some_and(|previous| previous.is("using")) {
            for other in others.iter().rev() {
                let keys: Vec<String> = shared_keys(joined, other).map(words::quote_name).collect();
                if !keys.is_empty() {
                    found.add(Candidate::new(format!("({})", keys.join(", ")), "keys"));
                }
            }
            return;
        }
        if follow::ends_operand(self.before) {
            return;
        }
        for column in &joined.columns {
            if others.iter().any(|other| other.columns.iter().any(|c| c.name == column.name)) {
                found.add(Candidate::name(&column.name, &column.type_name));
            }
        }
    }

    fn settings(&self, found: &mut Candidates) {
        let set = self.before.iter().rposition(|token| token.is("set"));
        let typed = &self.before[set.map_or(0, |at| at + 1)..];
        let begins_value = typed.iter().any(|token| token.is_symbol("=") || token.is("to"));
        if !begins_value && !typed.is_empty() {
            return self.keywords(&["TO"], found);
        }
        if !begins_value {
            for setting in &self.catalog.settings {
                found.add(Candidate::new(setting.name.clone(), &setting.value));
            }
            return;
        }
        let name: String =
            typed.iter().take_while(|t| !t.is_symbol("=") && !t.is("to")).map(|t| t.text).collect();
        setting_values(self.catalog, &name, found);
    }

    fn show(&self, found: &mut Candidates) {
        let known = ["TABLES", "VIEWS", "COLUMNS FROM", "DATABASES", "ALL", "FUNCTIONS"];
        self.keywords(&known, found);
        // Nobody reads through the engine's two hundred.
        let all = !found.prefix().is_empty();
        let settings = self.catalog.settings.iter();
        for setting in settings.filter(|setting| all || setting.name.starts_with("weiku.")) {
            found.add(Candidate::new(setting.name.clone(), &setting.value));
        }
    }

    /// Names only, for a word in double quotes.
    fn names(&self, found: &mut Candidates) {
        if self.previous().is_some_and(|previous| previous.is_symbol(".")) {
            return self.qualified(found);
        }
        if self.stands_by_relations() && self.wants_relation() {
            for relation in &self.catalog.relations {
                found.add(Candidate::name(&relation.name, relation.kind));
            }
            return;
        }
        for source in &self.scope.sources {
            for column in &source.columns {
                found.add(Candidate::name(&column.name, &column.type_name));
            }
        }
    }

    /// Inside a string: a file in FROM, or a value of the column compared.
    fn in_text(&self, found: &mut Candidates) {
        if let Some(place) = fixed::place(self.before, self.catalog) {
            return self.fixed(&place, true, found);
        }
        if self.stands_by_relations() && self.wants_relation() {
            for file in self.data_files(found.prefix()) {
                found.add(Candidate::text(&file, "file"));
            }
            return;
        }
        if let Some((bracket, named)) = self.before.split_last()
            && bracket.is_symbol("[")
        {
            for member in self.members(named) {
                found.add(Candidate::text(&member.name, &member.type_name));
            }
        }
        for value in self.values(found.prefix()) {
            found.add(Candidate::text(&value, ""));
        }
    }

    fn data_files(&self, prefix: &str) -> Vec<String> {
        let mut files = self.lookup.files(prefix);
        files.retain(|file| {
            file.ends_with('/') || DATA_SUFFIXES.iter().any(|suffix| file.ends_with(suffix))
        });
        files
    }

    /// After `column =`, the column's values, though no quote is typed.
    fn compared_values(&self, found: &mut Candidates) {
        if self.compared_column().is_some_and(|(_, column)| column.type_name == "boolean") {
            self.keywords(&["TRUE", "FALSE"], found);
        }
        for value in self.values(found.prefix()) {
            found.add(Candidate::text(&value, ""));
        }
    }

    /// Values of the column that the text at the cursor is compared with.
    fn values(&self, typed: &str) -> Vec<String> {
        let Some((source, column)) = self.compared_column() else {
            return Vec::new();
        };
        match &source.table {
            Some(table) => self.lookup.values(table, &column.name, typed),
            None => Vec::new(),
        }
    }

    /// The column that the text at the cursor is compared with, and whose it is: also a list
    /// among whose items it is looked for.
    fn compared_column(&self) -> Option<(&Source, &Column)> {
        let is_list = |(_, column): &(&Source, &Column)| column.type_name.ends_with("[]");
        if let Some(list) = self.searched_list() {
            return self.column_at_end(list).filter(is_list);
        }
        let compared = self.compared()?;
        if let Some(list) = indexed(compared) {
            return self.column_at_end(list).filter(is_list);
        }
        self.column_at_end(compared).filter(|found| !is_list(found))
    }

    /// What ends with the column before `=`, `<>`, LIKE or an open `IN (`.
    fn compared(&self) -> Option<&[Lexeme<'_>]> {
        let mut at = self.before.len().checked_sub(1)?;
        if self.before[at].is_symbol(",") || self.before[at].is_symbol("(") {
            at = self.before.iter().rposition(|token| token.is_symbol("("))?.checked_sub(1)?;
            if !self.before[at].is("in") {
                return None;
            }
        } else if !is_comparison(&self.before[at]) {
            return None;
        }
        if at > 0 && self.before[at - 1].is("not") {
            at -= 1;
        }
        Some(&self.before[..at])
    }

    /// What ends with the list in which the text is looked for: `list_contains(hashtags, `
    /// before the cursor, or `= ANY(hashtags)` behind it.
    fn searched_list(&self) -> Option<&[Lexeme<'_>]> {
        if let [equals, any, open, ..] = self.after
            && equals.is_symbol("=")
            && any.is("any")
            && open.is_symbol("(")
        {
            let close = self.after.iter().position(|token| token.is_symbol(")"))?;
            return Some(&self.after[..close]);
        }
        let (comma, arguments) = self.before.split_last()?;
        let open = follow::open_bracket(arguments).filter(|_| comma.is_symbol(","))?;
        let function = arguments[..open].last()?.name()?;
        let is_second = !arguments[open..].iter().any(|token| token.is_symbol(","));
        (is_second && LIST_SEARCHES.contains(&function.as_str())).then_some(arguments)
    }

    /// The column whose name is the last of `tokens`, perhaps behind an alias.
    fn column_at_end(&self, tokens: &[Lexeme<'_>]) -> Option<(&Source, &Column)> {
        let column = tokens.last()?.name()?;
        let qualifier = match tokens {
            [.., qualifier, dot, _] if dot.is_symbol(".") => qualifier.name(),
            _ => None,
        };
        self.scope.sources.iter().find_map(|source| {
            let is_meant = qualifier.as_ref().is_none_or(|qualifier| *qualifier == source.alias);
            let mut columns = source.columns.iter().filter(|_| is_meant);
            columns.find(|known| known.name == column).map(|column| (source, column))
        })
    }
}

/// What stands before a number in brackets at the end of `tokens`: the list whose item
/// `hashtags[1]` is.
fn indexed<'t, 'a>(tokens: &'t [Lexeme<'a>]) -> Option<&'t [Lexeme<'a>]> {
    let [before @ .., number, close] = tokens else { return None };
    let [list @ .., open] = (match before {
        // From the end.
        [before @ .., minus] if minus.is_symbol("-") => before,
        before => before,
    }) else {
        return None;
    };
    let is_index = open.is_symbol("[") && number.kind == Kind::Number && close.is_symbol("]");
    is_index.then_some(list)
}

/// Adds columns of `relations`, at most so many.
fn add_columns<'a>(
    relations: impl Iterator<Item = &'a Relation>,
    most: usize,
    found: &mut Candidates,
) {
    let most = found.len().saturating_add(most);
    for relation in relations {
        for column in &relation.columns {
            if found.len() >= most {
                return;
            }
            found.add(Candidate::name(&column.name, &relation.name));
        }
    }
}

/// The names at the end of `tokens` that lead to a member of a structure: t, author and
/// geo of `t.author['geo']`.
fn path(tokens: &[Lexeme<'_>]) -> Vec<String> {
    let mut path = Vec::new();
    let mut rest = tokens;
    loop {
        match rest {
            [before @ .., open, key, close]
                if open.is_symbol("[") && close.is_symbol("]") && key.kind == Kind::Text =>
            {
                path.push(key.text.trim_matches('\'').replace("''", "'"));
                rest = before;
            }
            [before @ .., name] => {
                let Some(name) = name.name() else { break };
                path.push(name);
                match before {
                    [before @ .., dot] if dot.is_symbol(".") => rest = before,
                    _ => break,
                }
            }
            [] => break,
        }
    }
    path.reverse();
    path
}

/// Adds what a setting may be set to.
pub(crate) fn setting_values(catalog: &Catalog, name: &str, found: &mut Candidates) {
    let Some(setting) = catalog.settings.iter().find(|setting| setting.name == name) else {
        return;
    };
    match setting.value.as_str() {
        "true" => found.add(Candidate::new("false".to_owned(), "now true")),
        "false" => found.add(Candidate::new("true".to_owned(), "now false")),
        value => found.add(Candidate::new(value.to_owned(), "now")),
    }
}

fn is_comparison(token: &Lexeme<'_>) -> bool {
    ["=", "<>", "!="].iter().any(|symbol| token.is_symbol(symbol))
        || token.is("like")
        || token.is("ilike")
}

/// Names of columns in both relations by which rows can be matched.
fn shared_keys<'a>(left: &'a Source, right: &'a Source) -> impl Iterator<Item = &'a str> {
    let is_key = |name: &str| name.ends_with("_id") || name == "id" || name == "platform";
    left.columns
        .iter()
        .filter(move |column| is_key(&column.name))
        .filter(|column| right.columns.iter().any(|other| other.name == column.name))
        .map(|column| column.name.as_str())
}

impl Candidate {
    fn qualified(alias: &str, column: &Column) -> Self {
        let text = format!("{}.{}", words::quote_name(alias), words::quote_name(&column.name));
        Self { also: column.name.clone(), ..Self::new(text, &column.type_name) }
    }

    fn call(function: &Function) -> Self {
        let text = format!("{}(", function.name);
        let note = function.signature.strip_prefix(&text).unwrap_or(&function.signature);
        Self { joins_note: true, ..Self::new(text.clone(), note) }
    }
}
