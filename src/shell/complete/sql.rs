//! Candidates inside a statement of SQL.

use super::catalog::{Catalog, Column, Function, Lookup};
use super::cursor::{Cursor, Quote};
use super::scope::{self, Scope, Source};
use super::words;
use super::{Candidate, Candidates};
use crate::catalog::SCHEMA;
use crate::shell::scan::{Kind, Lexeme};

/// Suffixes of files that can stand in FROM.
const DATA_SUFFIXES: &[&str] =
    &[".parquet", ".csv", ".csv.gz", ".tsv", ".json", ".jsonl", ".ndjson", ".jsonl.gz", ".arrow"];

/// Functions that are in most questions.
const EVERYDAY: &[&str] =
    &["avg", "coalesce", "count", "date_trunc", "length", "max", "min", "sum"];

/// The part of a statement that the cursor stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clause {
    Start,
    Select,
    From,
    On,
    Using,
    Condition,
    Sorted,
    Set,
    Show,
    Relation,
    Other,
}

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
        clause: clause(&cursor.before, scope.query_start),
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

/// The clause at the end of `before`, within the query that begins at `start`.
fn clause(before: &[Lexeme<'_>], start: usize) -> Clause {
    let mut clause = Clause::Start;
    let mut depth = 0_usize;
    for (index, token) in before.iter().enumerate().skip(start) {
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth = depth.saturating_sub(1);
        } else if depth == 0 && token.kind == Kind::Word {
            let previous = index.checked_sub(1).map(|index| &before[index]);
            if let Some(next) = clause_of(token, previous, clause) {
                clause = next;
            }
        } else if clause == Clause::Start {
            clause = Clause::Other;
        }
    }
    // An unfinished bracket after IN, VALUES and the like keeps the clause,
    // except that of USING, which names columns.
    clause
}

fn clause_of(token: &Lexeme<'_>, previous: Option<&Lexeme<'_>>, now: Clause) -> Option<Clause> {
    let after = |word: &str| previous.is_some_and(|previous| previous.is(word));
    let word = token.text.to_ascii_lowercase();
    Some(match word.as_str() {
        "select" | "returning" => Clause::Select,
        "from" if !after("distinct") => Clause::From,
        "join" | "into" | "update" => Clause::From,
        "on" if now != Clause::Select => Clause::On,
        "using" => Clause::Using,
        "where" | "having" | "qualify" => Clause::Condition,
        "by" => Clause::Sorted,
        "set" => Clause::Set,
        "show" => Clause::Show,
        "describe" | "desc" | "summarize" if now == Clause::Start => Clause::Relation,
        "view" | "table" if after("drop") || after("exists") => Clause::Relation,
        "exists" if now == Clause::Relation => Clause::Relation,
        "copy" => Clause::Relation,
        "explain" | "analyze" | "verbose" if now == Clause::Start => Clause::Start,
        "as" if now == Clause::Other => Clause::Start,
        "limit" | "offset" | "values" => Clause::Other,
        _ if now == Clause::Start => Clause::Other,
        _ => return None,
    })
}

struct Query<'a> {
    before: &'a [Lexeme<'a>],
    clause: Clause,
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
        match self.clause {
            Clause::Start => self.start(found),
            Clause::From | Clause::Relation if self.wants_relation() => self.relations(found),
            Clause::From | Clause::Relation if !self.in_bracket() => {
                self.keywords(words::AFTER_RELATION, found);
            }
            Clause::Using => self.using(found),
            Clause::Set => self.settings(found),
            Clause::Show => self.show(found),
            _ => self.expression(found),
        }
    }

    fn start(&self, found: &mut Candidates) {
        if self.previous().is_some_and(|previous| previous.is_symbol("(")) {
            self.keywords(&["SELECT", "WITH", "FROM", "VALUES"], found);
        } else {
            self.keywords(words::STATEMENTS, found);
        }
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
                    "table",
                    "view",
                    "copy",
                    "exists",
                    "lateral",
                ]
                .iter()
                .any(|word| previous.is(word))
        })
    }

    /// Whether the cursor stands in brackets that are no query of their own.
    fn in_bracket(&self) -> bool {
        let mut depth = 0_i32;
        for token in &self.before[self.scope.query_start.min(self.before.len())..] {
            depth += i32::from(token.is_symbol("(")) - i32::from(token.is_symbol(")"));
        }
        depth > 0
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
        let Some(qualifier) = self.before.iter().rev().nth(1).and_then(Lexeme::name) else {
            return;
        };
        // What stands in FROM so far, `r.`, is not one yet.
        if let Some(source) = self.source(&qualifier).filter(|one| !one.columns.is_empty()) {
            for column in &source.columns {
                found.add(Candidate::name(&column.name, &column.type_name));
            }
            return;
        }
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

    fn source(&self, alias: &str) -> Option<&Source> {
        self.scope.sources.iter().find(|source| source.alias == alias)
    }

    /// Columns, functions and keywords.
    fn expression(&self, found: &mut Candidates) {
        if self.follows_operand() {
            let keywords = match self.clause {
                Clause::Select => words::AFTER_SELECTED,
                Clause::Sorted => words::AFTER_SORTED,
                _ => words::AFTER_CONDITION,
            };
            return self.keywords(keywords, found);
        }
        if self.clause == Clause::On && self.previous().is_some_and(|previous| previous.is("on")) {
            self.join_keys(found);
            // What is joined by is known: nobody wants to read all columns.
            if found.prefix().is_empty() && !found.is_empty() {
                return;
            }
        }
        self.compared_values(found);
        if self.scope.sources.is_empty() {
            self.columns_of_with(found);
            self.everyday_functions(found);
        }
        self.columns(found);
        self.aliases(found);
        self.functions(found);
        if !found.prefix().is_empty() || self.scope.sources.is_empty() {
            self.keywords(words::OPERANDS, found);
        }
    }

    /// Whether the word before the cursor ends an operand, so that an operator
    /// or another clause comes next.
    fn follows_operand(&self) -> bool {
        let Some(previous) = self.previous() else {
            return false;
        };
        match previous.kind {
            Kind::Symbol => previous.is_symbol(")") || previous.is_symbol("]") || self.is_star(),
            Kind::Word => !is_operator_word(previous),
            _ => true,
        }
    }

    /// Whether the `*` before the cursor means all columns, not a product.
    fn is_star(&self) -> bool {
        let mut tokens = self.before.iter().rev();
        tokens.next().is_some_and(|star| star.is_symbol("*"))
            && tokens.next().is_some_and(|before| {
                before.is("select") || before.is_symbol(",") || before.is_symbol(".")
            })
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

    /// Before FROM is written, the columns of every table may be meant.
    fn columns_of_all_tables(&self, found: &mut Candidates) {
        if found.prefix().is_empty() {
            return;
        }
        for relation in self.catalog.relations.iter().filter(|relation| relation.schema.is_none()) {
            for column in &relation.columns {
                found.add(Candidate::name(&column.name, &relation.name));
            }
        }
    }

    /// In ORDER BY and GROUP BY, the names that the SELECT list gives.
    fn aliases(&self, found: &mut Candidates) {
        if self.clause != Clause::Sorted {
            return;
        }
        let query = &self.before[self.scope.query_start.min(self.before.len())..];
        for pair in query.windows(2) {
            if pair[0].is("as")
                && let Some(name) = pair[1].name()
            {
                found.add(Candidate::name(&name, "alias"));
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
        self.keywords(&["TABLES", "COLUMNS FROM", "ALL", "FUNCTIONS"], found);
        for setting in &self.catalog.settings {
            found.add(Candidate::new(setting.name.clone(), &setting.value));
        }
    }

    /// Names only, for a word in double quotes.
    fn names(&self, found: &mut Candidates) {
        if self.previous().is_some_and(|previous| previous.is_symbol(".")) {
            return self.qualified(found);
        }
        if self.clause == Clause::From && self.wants_relation() {
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
        let wants_file = self.clause == Clause::From && self.wants_relation()
            || self.clause == Clause::Relation
            || self.previous().is_some_and(|previous| previous.is("to"));
        if wants_file {
            for file in self.data_files(found.prefix()) {
                found.add(Candidate::text(&file, "file"));
            }
            return;
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

    /// After `column =`, the column's values in quotes, though none is typed.
    fn compared_values(&self, found: &mut Candidates) {
        for value in self.values(found.prefix()) {
            found.add(Candidate::text(&value, ""));
        }
    }

    /// Values of the column that the text at the cursor is compared with.
    fn values(&self, typed: &str) -> Vec<String> {
        let Some((table, column)) = self.compared_column() else {
            return Vec::new();
        };
        self.lookup.values(&table, &column, typed)
    }

    /// The table and column before `=`, `<>`, LIKE or an open `IN (`.
    fn compared_column(&self) -> Option<(String, String)> {
        let mut at = self.before.len().checked_sub(1)?;
        if self.before[at].is_symbol(",") || self.before[at].is_symbol("(") {
            at = self.before.iter().rposition(|token| token.is_symbol("("))?.checked_sub(1)?;
            if !self.before[at].is("in") {
                return None;
            }
        } else if !is_comparison(&self.before[at]) {
            return None;
        }
        at = at.checked_sub(1)?;
        if self.before[at].is("not") {
            at = at.checked_sub(1)?;
        }
        let column = self.before[at].name()?;
        let qualifier = (at >= 2 && self.before[at - 1].is_symbol("."))
            .then(|| self.before[at - 2].name())
            .flatten();
        let source = self.scope.sources.iter().find(|source| {
            qualifier.as_ref().is_none_or(|qualifier| *qualifier == source.alias)
                && source.columns.iter().any(|known| known.name == column)
        })?;
        Some((source.table.clone()?, column))
    }
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

/// Whether `token` is a word behind which an operand comes.
fn is_operator_word(token: &Lexeme<'_>) -> bool {
    [
        "select", "distinct", "all", "where", "on", "and", "or", "not", "by", "having", "case",
        "when", "then", "else", "in", "like", "ilike", "between", "as", "limit", "offset", "over",
        "is", "any", "some", "from", "interval", "set", "values", "using", "qualify", "to",
    ]
    .iter()
    .any(|word| token.is(word))
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
