//! Which columns can be named at the cursor: the relations of the query it
//! stands in, of the queries around that, and of WITH.

use super::catalog::{Catalog, Column, Lookup};
use super::follow;
use crate::shell::scan::{Kind, Lexeme};

/// A relation whose columns can be named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// The name that qualifies its columns: the alias, or else its own.
    pub(crate) alias: String,
    /// The table or view it is, as a statement names it, unless it is a subquery.
    pub(crate) table: Option<String>,
    /// Its columns, as far as they are known.
    pub(crate) columns: Vec<Column>,
}

/// A query of a WITH clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// Its name.
    pub(crate) name: String,
    /// Its columns, as far as they can be told.
    pub(crate) columns: Vec<Column>,
}

/// What can be named at the cursor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    /// Relations of FROM, the innermost query's first.
    pub(crate) sources: Vec<Source>,
    /// Queries of WITH.
    pub(crate) named: Vec<Named>,
    /// The names that the innermost query's SELECT list gives, besides those of columns.
    pub(crate) aliases: Vec<String>,
    /// The lexeme at which the innermost query begins.
    pub(crate) query_start: usize,
    /// How many of `sources` belong to the innermost query.
    pub(crate) own: usize,
}

/// Words that end a FROM clause, or cannot be an alias in it.
const NOT_AN_ALIAS: &[&str] = &[
    "where",
    "join",
    "left",
    "right",
    "inner",
    "outer",
    "full",
    "cross",
    "natural",
    "on",
    "using",
    "group",
    "order",
    "having",
    "limit",
    "offset",
    "union",
    "except",
    "intersect",
    "set",
    "values",
    "select",
    "window",
    "qualify",
    "lateral",
    "as",
    "semi",
    "anti",
    "fetch",
    "from",
    "into",
    "with",
    "when",
    "then",
    "end",
    "by",
    "and",
    "or",
    "not",
];

const SET_OPERATIONS: &[&str] = &["union", "except", "intersect"];

/// Finds the scope at the cursor, which stands before `tokens[cursor]`.
pub(crate) fn find(
    tokens: &[Lexeme<'_>],
    cursor: usize,
    catalog: &Catalog,
    lookup: &dyn Lookup,
) -> Scope {
    let mut world = World { catalog, lookup, named: Vec::new() };
    let mut scope = Scope::default();
    for (start, end) in queries_around(tokens, cursor) {
        let query = &tokens[start..end];
        world.learn_named(query);
        let (from, to) = branch(query, cursor - start);
        let mut sources = world.sources(&query[from..to]);
        scope.own = sources.len();
        scope.aliases =
            selected(&query[from..to]).iter().filter_map(|item| alias_of(item)).collect();
        sources.append(&mut scope.sources);
        scope.sources = sources;
        scope.query_start = start + from;
    }
    scope.named = world.named;
    scope
}

/// The queries that hold the cursor, the outermost first, as ranges.
fn queries_around(tokens: &[Lexeme<'_>], cursor: usize) -> Vec<(usize, usize)> {
    let mut open = Vec::new();
    for (index, token) in tokens[..cursor].iter().enumerate() {
        if token.is_symbol("(") {
            open.push(index);
        } else if token.is_symbol(")") {
            open.pop();
        }
    }
    let mut queries = vec![(0, tokens.len())];
    for index in open {
        if tokens.get(index + 1).is_some_and(begins_query) {
            queries.push((index + 1, group_end(tokens, index)));
        }
    }
    queries
}

/// Whether a query begins with `token`.
pub(super) fn begins_query(token: &Lexeme<'_>) -> bool {
    ["select", "with", "from", "values", "pivot", "unpivot"].iter().any(|word| token.is(word))
}

/// Whether `token` stands between two queries of which rows are put together.
pub(super) fn is_set_operation(token: &Lexeme<'_>) -> bool {
    SET_OPERATIONS.iter().any(|word| token.is(word))
}

/// The position of the bracket that closes the one at `open`, or the end.
pub(super) fn group_end(tokens: &[Lexeme<'_>], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth -= 1;
            if depth == 0 {
                return index;
            }
        }
    }
    tokens.len()
}

/// The branch of a UNION and its like that holds the cursor.
fn branch(query: &[Lexeme<'_>], cursor: usize) -> (usize, usize) {
    let (mut from, mut depth) = (0, 0_usize);
    for (index, token) in query.iter().enumerate() {
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth = depth.saturating_sub(1);
        } else if depth == 0
            && is_set_operation(token)
            // `* EXCEPT (text)` leaves out columns.
            && !query[..index].last().is_some_and(|star| star.is_symbol("*"))
        {
            if index >= cursor {
                return (from, index);
            }
            from = index + 1;
        }
    }
    (from, query.len())
}

struct World<'a> {
    catalog: &'a Catalog,
    lookup: &'a dyn Lookup,
    named: Vec<Named>,
}

impl World<'_> {
    /// Learns the queries that the WITH clause of `query` names.
    fn learn_named(&mut self, query: &[Lexeme<'_>]) {
        let head = query.iter().position(|token| token.is("select")).unwrap_or(query.len());
        let Some(with) = query[..head].iter().position(|token| token.is("with")) else {
            return;
        };
        let mut at = with + 1;
        if query.get(at).is_some_and(|token| token.is("recursive")) {
            at += 1;
        }
        while let Some(name) = query.get(at).and_then(Lexeme::name) {
            at += 1;
            let mut columns = Vec::new();
            if query.get(at).is_some_and(|token| token.is_symbol("(")) {
                let end = group_end(query, at);
                columns = plain_names(&query[at + 1..end.min(query.len())]);
                at = end + 1;
            }
            while query.get(at).is_some_and(|token| token.kind == Kind::Word) {
                at += 1;
            }
            if !query.get(at).is_some_and(|token| token.is_symbol("(")) {
                return;
            }
            let end = group_end(query, at);
            if columns.is_empty() {
                columns = self.output(&query[at + 1..end.min(query.len())]);
            }
            self.named.push(Named { name, columns });
            if !query.get(end + 1).is_some_and(|token| token.is_symbol(",")) {
                return;
            }
            at = end + 2;
        }
    }

    /// The relations in the FROM clauses of `query`, subqueries left aside.
    fn sources(&self, query: &[Lexeme<'_>]) -> Vec<Source> {
        let mut sources = Vec::new();
        let (mut at, mut in_from) = (0, false);
        while let Some(token) = query.get(at) {
            if token.is_symbol("(") {
                at = group_end(query, at) + 1;
            } else if begins_source(query, at) || in_from && token.is_symbol(",") {
                in_from = true;
                at = self.source(query, at + 1, &mut sources);
            } else {
                if token.kind == Kind::Word && ends_from(token) {
                    in_from = false;
                }
                at += 1;
            }
        }
        sources
    }

    /// Reads one relation with its alias and returns the position behind it.
    fn source(&self, query: &[Lexeme<'_>], mut at: usize, sources: &mut Vec<Source>) -> usize {
        if query.get(at).is_some_and(|token| token.is("lateral") || token.is("only")) {
            at += 1;
        }
        let Some(token) = query.get(at) else {
            return at;
        };
        let mut source = Source { alias: String::new(), table: None, columns: Vec::new() };
        if token.is_symbol("(") {
            let end = group_end(query, at);
            let body = &query[at + 1..end.min(query.len())];
            if !body.first().is_some_and(begins_query) {
                // Joins in brackets: their relations are in scope themselves.
                self.source(body, 0, sources);
                sources.append(&mut self.sources(body));
                return end + 1;
            }
            source.columns = self.output(body);
            at = end + 1;
        } else if token.kind == Kind::Text {
            let path = token.text.trim_matches('\'');
            source.columns = self.lookup.file_columns(path);
            at += 1;
        } else if token.name().is_some() && !is_reserved(token) {
            at = self.named_source(query, at, &mut source);
        } else {
            return at;
        }
        at = read_alias(query, at, &mut source);
        sources.push(source);
        at
    }

    /// Reads `schema.table` or a call of a table function.
    fn named_source(&self, query: &[Lexeme<'_>], mut at: usize, source: &mut Source) -> usize {
        let mut parts = Vec::new();
        while let Some(name) = query.get(at).and_then(Lexeme::name) {
            parts.push(name);
            at += 1;
            if !query.get(at).is_some_and(|token| token.is_symbol(".")) {
                break;
            }
            at += 1;
        }
        let Some(name) = parts.pop() else {
            return at;
        };
        if query.get(at).is_some_and(|token| token.is_symbol("(")) {
            at = group_end(query, at) + 1;
        } else {
            let schema = parts.pop();
            let with = self.named.iter().rev().find(|named| schema.is_none() && named.name == name);
            if let Some(named) = with {
                source.columns.clone_from(&named.columns);
            } else if let Some(relation) = self.catalog.relation(schema.as_deref(), &name) {
                source.columns.clone_from(&relation.columns);
                source.table = Some(relation.quoted());
            }
        }
        source.alias = name;
        at
    }

    /// The columns that a query gives, as far as its text tells.
    fn output(&self, query: &[Lexeme<'_>]) -> Vec<Column> {
        let mut world =
            World { catalog: self.catalog, lookup: self.lookup, named: self.named.clone() };
        world.learn_named(query);
        let (from, to) = branch(query, 0);
        let query = &query[from..to];
        let sources = world.sources(query);
        if query.first().is_some_and(|first| first.is("from")) && selected(query).is_empty() {
            return sources.into_iter().flat_map(|source| source.columns).collect();
        }
        let mut columns = Vec::new();
        for item in selected(query) {
            output_of(item, &sources, &mut columns);
        }
        columns
    }
}

fn begins_source(query: &[Lexeme<'_>], at: usize) -> bool {
    let token = &query[at];
    let after = |word: &str| at > 0 && query[at - 1].is(word);
    let begins = at == 0 || query[at - 1].is_symbol(")");
    let is_clause = query.get(at + 1).is_some_and(|next| next.is_symbol("("));
    token.is("from") && !after("distinct")
        || (token.is("pivot") || token.is("unpivot")) && begins && (at == 0 || !is_clause)
        || token.is("join")
        || token.is("update") && at == 0
}

fn ends_from(token: &Lexeme<'_>) -> bool {
    ["where", "group", "order", "having", "limit", "select", "set", "values", "window", "qualify"]
        .iter()
        .any(|word| token.is(word))
}

fn is_reserved(token: &Lexeme<'_>) -> bool {
    token.kind == Kind::Word && NOT_AN_ALIAS.iter().any(|word| token.is(word))
}

/// Reads `[AS] alias [(columns)]` behind a relation.
fn read_alias(query: &[Lexeme<'_>], mut at: usize, source: &mut Source) -> usize {
    if query.get(at).is_some_and(|token| token.is("as")) {
        at += 1;
    }
    let Some(token) = query.get(at).filter(|token| !is_reserved(token)) else {
        return at;
    };
    let Some(alias) = token.name() else {
        return at;
    };
    source.alias = alias;
    at += 1;
    if query.get(at).is_some_and(|token| token.is_symbol("(")) {
        let end = group_end(query, at);
        source.columns = plain_names(&query[at + 1..end.min(query.len())]);
        at = end + 1;
    }
    at
}

fn plain_names(tokens: &[Lexeme<'_>]) -> Vec<Column> {
    let column = |name| Column { name, type_name: String::new() };
    tokens.iter().filter_map(Lexeme::name).map(column).collect()
}

/// The lexemes outside brackets, with their positions.
fn top_level<'t, 'a>(tokens: &'t [Lexeme<'a>]) -> impl Iterator<Item = (usize, &'t Lexeme<'a>)> {
    let mut depth = 0_usize;
    tokens.iter().enumerate().filter(move |(_, token)| {
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth = depth.saturating_sub(1);
            return depth == 0;
        }
        depth == 0
    })
}

/// The expressions of the SELECT list of `query`; none where it has no such list.
fn selected<'t, 'a>(query: &'t [Lexeme<'a>]) -> Vec<&'t [Lexeme<'a>]> {
    match top_level(query).find(|(_, token)| token.is("select")) {
        Some((at, _)) => items(&query[at + 1..]),
        None => Vec::new(),
    }
}

/// The name that is given to an expression of a SELECT list, with or without AS.
fn alias_of(item: &[Lexeme<'_>]) -> Option<String> {
    let (last, value) = item.split_last()?;
    let name = last.name()?;
    let previous = value.last()?;
    if previous.is("as") {
        return Some(name);
    }
    let is_word = ["null", "true", "false", "end"].iter().any(|word| last.is(word));
    (!is_word && !is_reserved(last) && follow::ends_operand(value)).then_some(name)
}

/// The expressions of a SELECT list.
fn items<'t, 'a>(tokens: &'t [Lexeme<'a>]) -> Vec<&'t [Lexeme<'a>]> {
    let mut items = Vec::new();
    let mut start = 0;
    for (index, token) in top_level(tokens) {
        if token.is("from") || ends_from(token) {
            items.push(&tokens[start..index]);
            return items;
        }
        if token.is_symbol(",") {
            items.push(&tokens[start..index]);
            start = index + 1;
        }
    }
    items.push(&tokens[start..]);
    items
}

/// Adds the columns that one expression of a SELECT list gives.
fn output_of(item: &[Lexeme<'_>], sources: &[Source], columns: &mut Vec<Column>) {
    let Some(last) = item.last() else {
        return;
    };
    if last.is_symbol("*") && item.len() <= 3 {
        let alias = item.first().and_then(Lexeme::name).filter(|_| item.len() == 3);
        for source in sources {
            if alias.as_ref().is_none_or(|alias| *alias == source.alias) {
                columns.extend(source.columns.iter().cloned());
            }
        }
        return;
    }
    let plain = item.len() == 1 || item.len() == 3 && item[1].is_symbol(".");
    let named = if plain { last.name() } else { alias_of(item) };
    if let Some(name) = named {
        let known = sources.iter().flat_map(|source| &source.columns).find(|c| c.name == name);
        let type_name = known.filter(|_| plain).map_or(String::new(), |c| c.type_name.clone());
        columns.push(Column { name, type_name });
    }
}
