//! DataFusion's errors in plain words, with their place in the statement.
//!
//! This and `wording` are the places that know how DataFusion words its errors.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::catalog::information_schema::{INFORMATION_SCHEMA, INFORMATION_SCHEMA_TABLES};
use datafusion::common::{Column, SchemaError, TableReference};
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::asked_tables::Asked;
use super::attach;
use super::clashes;
use super::engine_types;
use super::filter_faults;
use super::habits;
use super::lone_place;
use super::looked_into;
use super::named_beside;
use super::script::{Statement, tokenize};
use super::slips;
use super::wording::{
    SHOWN, arrow_error, beside_tables, between, correlated, exhausted, io_error, meaning, plain,
};
use crate::catalog::{self, CATALOG, SCHEMA, SUFFIXES, VIEWS, View, setting_name};
use crate::error::{Error, HINT, Kind, Place, nearest};
use crate::ingest;
use crate::model::TABLES;
use crate::text::full_width;

/// What DataFusion says of a setting that it does not know, whose first letter
/// may be a capital.
const NO_SETTING: &str = "ould not find config namespace";

/// What people call tables in Chinese.
const IN_CHINESE: &[(&str, &str)] = &[
    ("帖子", "posts"),
    ("微博", "posts"),
    ("推文", "posts"),
    ("文章", "posts"),
    ("内容", "posts"),
    ("账号", "accounts"),
    ("帐号", "accounts"),
    ("账户", "accounts"),
    ("用户", "accounts"),
    ("博主", "accounts"),
    ("作者", "accounts"),
    ("话题", "hashtag_daily"),
    ("转发", "repost_edges"),
];

/// What the names of most settings begin with.
const EXECUTION: &str = "datafusion.execution.";

/// Settings of other databases, and what sets the same here.
const OF_WEIKU: &[(&str, &str)] = &[
    ("max_memory", "--memory-limit at the start"),
    ("memory_limit", "--memory-limit at the start"),
    ("statement_timeout", "--timeout at the start"),
    ("temp_directory", "--spill-dir at the start"),
    ("threads", ".set threads 2 at the prompt, or --threads at the start"),
    ("timeout", "--timeout at the start"),
    ("worker_threads", ".set threads 2 at the prompt, or --threads at the start"),
];

/// What the names of the tables begin with in which other databases list what they have.
const CATALOGS: [&str; 4] = ["pg_", "sqlite_", "duckdb_", "mysql."];

/// Functions that give rows in other databases, and what tells the same here.
const ROWS_ELSEWHERE: &[(&str, &str)] = &[
    ("duckdb_columns", "FROM information_schema.columns"),
    ("duckdb_functions", "SHOW FUNCTIONS"),
    ("duckdb_settings", "SHOW ALL"),
    ("duckdb_tables", "SHOW TABLES"),
    ("duckdb_views", "SHOW VIEWS"),
    ("glob", "FROM 'posts/*.csv', which reads all files of a pattern"),
    ("parquet_schema", "DESCRIBE 'posts.parquet'"),
    ("pragma_table_info", "DESCRIBE posts"),
];

/// So many letters may be the beginning of a column's name; fewer say nothing.
const BEGUN: usize = 3;

/// Clauses by which a message about them begins, so that they are its place.
const CLAUSES: [&str; 4] = ["WHERE", "HAVING", "LIMIT", "OFFSET"];

/// Translates the errors of one statement.
#[derive(Clone)]
pub(super) struct Translator {
    context: SessionContext,
    statement: Arc<Statement>,
    /// The only folders of which anything may be told, when the session is safe.
    roots: Option<Arc<[PathBuf]>>,
}

impl Translator {
    pub(super) fn new(
        context: &SessionContext,
        statement: &Statement,
        roots: Option<Arc<[PathBuf]>>,
    ) -> Self {
        Self { context: context.clone(), statement: Arc::new(statement.clone()), roots }
    }

    /// `error` as ours: what is wrong, where, and what to try.
    pub(super) fn translate(&self, error: &DataFusionError) -> Error {
        let span = error.diagnostic().and_then(|diagnostic| diagnostic.span);
        let told = self.root(error);
        let clash = clashes::told(told.message(), &self.statement);
        let clash = clash.or_else(|| looked_into::told(told.message(), &self.statement));
        let translated = match clash {
            Some(clash) => clash,
            None => match meaning(told.message()) {
                Some(meant) => meant.at(told.place().clone()),
                // A name that is not there was typed.
                None if told.message().starts_with("no ") => told,
                None => told.reworded(engine_types::told),
            },
        };
        let translated = habits::pointed(self.as_typed(translated), &self.statement);
        if !translated.place().eq(&Place::default()) || translated.kind() == Kind::Cancelled {
            return translated;
        }
        let place = match span {
            Some(span) if span.start.line > 0 => {
                let one_line = span.start.line == span.end.line;
                let length = one_line.then(|| span.end.column.saturating_sub(span.start.column));
                self.statement.place(span.start.line, span.start.column, length)
            }
            _ => self.fallback_place(translated.message()),
        };
        translated.at(place)
    }

    /// `error` with a function called as it was typed, where the engine has another name
    /// for it.
    fn as_typed(&self, error: Error) -> Error {
        let name = error.message().split(' ').next().unwrap_or_default().to_owned();
        let state = self.context.state();
        let functions = state.scalar_functions();
        if !functions.contains_key(&name) {
            return error;
        }
        let tokens = tokenize(&self.statement.sql).unwrap_or_default();
        let typed = |pair: &[TokenWithSpan]| match &pair[0].token {
            Token::Word(word) if pair[1].token == Token::LParen => Some(word.value.to_lowercase()),
            _ => None,
        };
        let is_it = |typed: &String| functions.get(typed).is_some_and(|one| one.name() == name);
        let called: Vec<String> = tokens.windows(2).filter_map(typed).filter(is_it).collect();
        match called.first() {
            Some(typed) if !called.contains(&name) => {
                error.reworded(|text| text.replacen(&name, typed, 1))
            }
            _ => error,
        }
    }

    fn root(&self, error: &DataFusionError) -> Error {
        if let DataFusionError::ObjectStore(_) | DataFusionError::ParquetError(_) = error
            && let Some(ours) = ours_within(error)
        {
            return ours;
        }
        match error {
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
                self.root(inner)
            }
            DataFusionError::Shared(inner) => self.root(inner),
            DataFusionError::Collection(all) => match all.first() {
                Some(first) => self.root(first),
                None => Error::internal("the engine failed without a reason"),
            },
            DataFusionError::External(inner) => match inner.downcast_ref::<Error>() {
                Some(ours) => ours.clone(),
                None => match inner.downcast_ref::<DataFusionError>() {
                    Some(error) => self.root(error),
                    None => told(&inner.to_string()),
                },
            },
            DataFusionError::SQL(parser, _) => self.syntax(parser),
            DataFusionError::SchemaError(schema, _) => self.schema(schema),
            DataFusionError::Plan(message) => self.plan(message),
            DataFusionError::ResourcesExhausted(message) => exhausted(message),
            DataFusionError::ArrowError(arrow, _) => arrow_error(arrow),
            DataFusionError::ObjectStore(store) => match store.as_ref() {
                object_store::Error::NotFound { path, .. } => {
                    Error::store(format!("the file /{path} is missing"))
                        .hint("`weiku verify DB` lists damaged files")
                }
                other => Error::store(plain(&other.to_string())),
            },
            DataFusionError::IoError(io) => io_error(io),
            DataFusionError::ParquetError(parquet) => {
                let text = parquet.to_string();
                filter_faults::told(&text).unwrap_or_else(|| self.unread(&plain(&text)))
            }
            DataFusionError::NotImplemented(message) => {
                let what = plain(without_tree(message));
                let what = what.strip_prefix("unsupported SQL statement: ").unwrap_or(&what);
                let error = self.known_elsewhere(Error::query(format!("not supported: {what}")));
                match what.starts_with("SHOW ") && error.advice().is_none() {
                    true => error.hint(SHOWN),
                    false => error,
                }
            }
            DataFusionError::Configuration(message) => self.setting(message),
            DataFusionError::Execution(message) => Error::query(plain(message)),
            other => Error::query(plain(&other.strip_backtrace())),
        }
    }

    /// The error for a Parquet file with something wrong in it: one that the
    /// statement names, or one of the database.
    fn unread(&self, reason: &str) -> Error {
        let tokens = tokenize(&self.statement.sql).unwrap_or_default();
        let mut named = tokens.iter().filter_map(|token| match &token.token {
            Token::SingleQuotedString(name) if name.ends_with(".parquet") => Some(name),
            _ => None,
        });
        match named.next() {
            Some(name) => Error::store(format!("'{name}' cannot be read: {reason}")),
            None => Error::store(format!("a Parquet file cannot be read: {reason}"))
                .hint("`weiku verify DB` names damaged files of a database"),
        }
    }

    fn syntax(&self, parser: &ParserError) -> Error {
        let message = match parser {
            ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
            ParserError::RecursionLimitExceeded => {
                return Error::new(Kind::Limit, "the statement nests too deeply")
                    .hint("take inner parts out into WITH clauses");
            }
        };
        let (words, at) = split_location(message);
        let words = words.replace(", found: ", ", found ").replace("Expected: ", "expected ");
        let words = words.replace("found EOF", "found the end of the statement");
        let words = match between(&words, "No infix parser for token Word(Word { value: \"", "\"") {
            Some(word) => format!("{word} does not stand between two values"),
            None => words,
        };
        let words = plain(&words);
        let error = self.known_elsewhere(Error::query(format!("syntax error: {words}")));
        if let Some((line, column)) = at
            && let Some((found, twin)) = self.full_width(line, column)
        {
            return error
                .at(self.statement.place(line, column, Some(1)))
                .hint(format!("{found} is full-width punctuation; SQL is written with {twin}"));
        }
        let error = match words.ends_with("found #") && error.advice().is_none() {
            true => error.hint("-- begins a comment; a name with # stands in double quotes"),
            false => error,
        };
        let error = match words.to_lowercase().ends_with("expected ), found exclude") {
            true if self.has_frame() => error.hint(
                "a frame leaves no row out here: two frames beside it have the others, as in ROWS \
                 BETWEEN 2 PRECEDING AND 1 PRECEDING; of a sum the row can be taken away",
            ),
            _ => error,
        };
        if error.advice().is_none()
            && let Some(slip) = slips::told(&words, at, &self.statement)
        {
            return slip;
        }
        match at {
            Some((line, column)) => {
                let length = self.word_length(line, column);
                error.at(self.statement.place(line, column, length))
            }
            None => match self.last_word().filter(|_| words.contains("end of the statement")) {
                Some(place) => error.at(place),
                None => error,
            },
        }
    }

    /// Whether the statement has a frame of a window.
    fn has_frame(&self) -> bool {
        let sql = self.statement.sql.to_lowercase();
        ["preceding", "following", "current row"].iter().any(|word| sql.contains(word))
    }

    /// The place of the last word or sign of the statement.
    fn last_word(&self) -> Option<Place> {
        let tokens = tokenize(&self.statement.sql).ok()?;
        let is_shown = |token: &&TokenWithSpan| {
            !matches!(token.token, Token::Whitespace(_) | Token::SemiColon | Token::EOF)
        };
        let span = tokens.iter().rfind(is_shown)?.span;
        let length = span.end.column.saturating_sub(span.start.column);
        Some(self.statement.place(span.start.line, span.start.column, Some(length)))
    }

    /// `error` with what to do here instead of a statement of another database.
    fn known_elsewhere(&self, error: Error) -> Error {
        let sql = &self.statement.sql;
        match habits::statement(sql) {
            Some(here) => error.hint(here),
            None if sql.trim() == "_" || answer_number(sql.trim()).is_some() => {
                error.hint(format!("FROM {} asks the answer again", sql.trim()))
            }
            None => error,
        }
    }

    /// The full-width punctuation at a place, with its ASCII twin.
    fn full_width(&self, line: u64, column: u64) -> Option<(char, char)> {
        let tokens = tokenize(&self.statement.sql).ok()?;
        let at = |token: &&TokenWithSpan| {
            (token.span.start.line, token.span.start.column) == (line, column)
        };
        match tokens.iter().find(at)?.token {
            Token::Char(found) => Some((found, full_width::ascii(found)?)),
            _ => None,
        }
    }

    /// How many characters the token at a place has.
    fn word_length(&self, line: u64, column: u64) -> Option<u64> {
        let tokens = tokenize(&self.statement.sql).ok()?;
        let token = tokens
            .iter()
            .find(|token| (token.span.start.line, token.span.start.column) == (line, column))?;
        (token.span.end.line == line).then(|| token.span.end.column - column)
    }

    fn schema(&self, error: &SchemaError) -> Error {
        match error {
            // A column of the engine's own, by which it joins with a subquery.
            SchemaError::FieldNotFound { field, .. } if field.name == "__always_true" => {
                correlated()
            }
            SchemaError::FieldNotFound { field, valid_fields }
                if is_joined(field) || valid_fields.iter().any(is_joined) =>
            {
                correlated()
            }
            SchemaError::FieldNotFound { field, valid_fields } => {
                let is_compared = self.is_compared(&field.name);
                let error = no_column(field, valid_fields, is_compared, &self.table_names());
                if field.relation.is_none()
                    && let Some(advice) = named_beside::advice(&self.statement.sql, &field.name)
                {
                    return error.hint(advice);
                }
                let is_beside = |column: &Column| column.name.starts_with("UNNEST(outer_ref(");
                let is_alone = field.relation.is_some() && valid_fields.is_empty();
                if valid_fields.iter().any(is_beside)
                    || is_alone && self.statement.sql.to_lowercase().contains("unnest")
                {
                    return beside_tables();
                }
                let is_near =
                    |column: &Column| nearest(&field.name, [column.name.as_str()]).is_some();
                if field.relation.is_none()
                    && nearest(&field.name, ["DISTINCT"]).is_some()
                    && !valid_fields.iter().any(is_near)
                {
                    return error.hint("did you mean DISTINCT?");
                }
                if field.relation.is_none() && field.name.eq_ignore_ascii_case("all") {
                    return error.hint(
                        "ORDER BY ALL stands alone, behind a query; ORDER BY 1, 2 orders by the \
                         first column, then the second",
                    );
                }
                let same = |column: &Column| column.name.eq_ignore_ascii_case(&field.name);
                if self.is_in_double_quotes(&field.name)
                    && !valid_fields.iter().any(same)
                    && ingest::own_name(&field.name).is_none()
                {
                    return error.hint(format!("text goes in single quotes: '{}'", field.name));
                }
                error
            }
            SchemaError::AmbiguousReference { field } => {
                let asked = Asked::of(&self.statement.sql);
                let table = asked.called_with(&field.name).unwrap_or("posts");
                Error::query(format!("the column {} is in more than one table", field.name))
                    .hint(format!("say which, as in {table}.{}", field.name))
            }
            SchemaError::DuplicateQualifiedField { name, .. }
            | SchemaError::DuplicateUnqualifiedField { name } => {
                if let Some(twice) = Asked::of(&self.statement.sql).twice {
                    let error = Error::query(format!("{twice} stands twice in FROM"));
                    return error.hint(format!(
                        "give each a name of its own: FROM t AS {twice}1, t AS {twice}2"
                    ));
                }
                Error::query(format!("two columns are called {name}"))
                    .hint("casts do not count in that; make one of them in a subquery, with AS")
            }
        }
    }

    /// Whether the statement has `name` in double quotes, as other databases
    /// let people write texts.
    fn is_in_double_quotes(&self, name: &str) -> bool {
        let tokens = tokenize(&self.statement.sql).unwrap_or_default();
        tokens.iter().any(|token| match &token.token {
            Token::Word(word) => word.quote_style == Some('"') && word.value == name,
            _ => false,
        })
    }

    /// Whether something is compared with `name`, as it is with texts.
    fn is_compared(&self, name: &str) -> bool {
        let mut tokens = tokenize(&self.statement.sql).unwrap_or_default();
        tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
        let compares = |token: &Token| match token {
            Token::Eq | Token::DoubleEq | Token::Neq => true,
            Token::Word(word) => matches!(word.keyword, Keyword::LIKE | Keyword::ILIKE),
            _ => false,
        };
        tokens.windows(2).any(|pair| compares(&pair[0].token) && names(&pair[1].token, name))
    }

    fn plan(&self, message: &str) -> Error {
        if let Some(name) = between(message, "table '", "' not found") {
            return self.no_table(&name.replace(&format!("{CATALOG}.{SCHEMA}."), ""));
        }
        if message.contains(NO_SETTING) {
            return self.setting(message);
        }
        // Of unnest there is more to say: see `meaning`.
        if let Some(name) = between(message, "able function '", "' not found")
            && name != "unnest"
        {
            return self.no_rows_from(name);
        }
        if let Some(name) = between(message, "Invalid function '", "'") {
            return self.no_function(name);
        }
        if let Some(name) = between(message, "Placeholder value not found for ", "\u{0}")
            .or_else(|| message.strip_prefix("No value found for placeholder with name "))
        {
            let name = name.trim_start_matches('$').trim_end_matches('\'');
            return Error::usage(format!("the parameter {name} has no value"))
                .hint(format!("give it with -p {name}=VALUE"));
        }
        Error::query(plain(message))
    }

    /// What is wrong with a setting; DataFusion names only the part of the key
    /// that it does not know, so the key is taken from the statement.
    fn setting(&self, message: &str) -> Error {
        let unknown = message.contains(NO_SETTING)
            || message.starts_with("no setting ")
            || message.contains("not found on") && message.starts_with("Config value");
        let words: Vec<&str> =
            self.statement.sql.split(|c: char| c.is_whitespace() || c == '=').collect();
        let key = match words.as_slice() {
            [first, key, ..] if unknown && first.eq_ignore_ascii_case("set") => *key,
            _ => return Error::query(plain(message)),
        };
        let state = self.context.state();
        let known = state.config_options().entries();
        let known: Vec<String> = known.into_iter().map(|entry| setting_name(entry.key)).collect();
        let error = Error::query(format!("no setting {key}"));
        let of_weiku = OF_WEIKU.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
        if let Some((_, advice)) = of_weiku {
            return error.hint(*advice);
        }
        let names = known.iter().map(String::as_str);
        // Most people leave out the part that all keys begin with.
        let short = names.clone().filter_map(|name| name.strip_prefix(EXECUTION));
        let near = nearest(key, names).map(str::to_owned);
        match near.or_else(|| Some(format!("{EXECUTION}{}", nearest(key, short)?))) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error.hint(".set lists the settings"),
        }
    }

    fn no_table(&self, name: &str) -> Error {
        if is_path(name) {
            return catalog::missing(name, self.roots.as_deref());
        }
        if let Some(file) = unquoted_file(name) {
            let error = Error::query(format!("no table \"{file}\""));
            return error.hint(format!("a file stands in single quotes: FROM '{file}'"));
        }
        // Only the name of another schema than the session's own is told with the catalog.
        let name =
            name.strip_prefix(CATALOG).and_then(|rest| rest.strip_prefix('.')).unwrap_or(name);
        let error = Error::query(format!("no table \"{name}\""));
        if name == "-" {
            return error.hint("what is piped in is the table stdin: FROM stdin");
        }
        // A safe session does not tell what files and folders there are.
        let place = || catalog::place_advice(name).filter(|_| self.roots.is_none());
        let tables = self.table_names();
        if answer_number(name).is_some() {
            return error.hint(kept_answers(&tables));
        }
        let queries = Asked::of(&self.statement.sql).queries;
        if queries.iter().any(|query| query == name) {
            return error.hint(format!(
                "WITH makes \"{name}\" known behind its query only: put it before those that ask \
                 for it, or write WITH RECURSIVE if it asks for itself"
            ));
        }
        let names: Vec<String> = queries.into_iter().chain(tables).collect();
        let meant = IN_CHINESE.iter().find(|(chinese, _)| *chinese == name);
        let meant = meant.map(|(_, ours)| *ours).filter(|ours| names.iter().any(|one| one == ours));
        let is_answer = |other: &str| other == "_" || answer_number(other).is_some();
        // A single sign is as near to `_` as to anything.
        let is_short = name.chars().count() == 1;
        let others = names.iter().map(String::as_str).filter(|one| !(is_short && is_answer(one)));
        let near = meant.or_else(|| nearest(name, others));
        let database = name.split_once('.').map(|(database, _)| database);
        // A table of another database is none of this one.
        let near = near.filter(|near| database.is_none() || near.contains('.'));
        match (near, place()) {
            (Some(near), _) => error.hint(format!("did you mean \"{near}\"?")),
            (None, Some(advice)) => error.hint(advice),
            _ if CATALOGS.iter().any(|other| name.starts_with(other)) => error.hint(
                "information_schema.tables and information_schema.columns list what there is",
            ),
            _ if database.is_some_and(|name| name == INFORMATION_SCHEMA) => {
                error.hint(format!("there are {}", INFORMATION_SCHEMA_TABLES.join(", ")))
            }
            _ if database.is_some() && self.is_quoted_file(name) => {
                catalog::missing(name, self.roots.as_deref())
            }
            _ if database.is_some() => {
                let database = database.unwrap_or_default();
                error
                    .hint(format!("ATTACH 'DB' AS {database} makes the tables of a database known"))
            }
            _ if names.iter().all(|name| is_answer(name)) => {
                error.hint("no database is open: give its folder, as in `weiku DB`")
            }
            _ => {
                let names: Vec<_> = names.iter().filter(|name| !is_answer(name)).cloned().collect();
                error.hint(format!("there are {}", names.join(", ")))
            }
        }
    }

    /// Whether `name` stands in FROM in single quotes, as files do.
    fn is_quoted_file(&self, name: &str) -> bool {
        let mut tokens = tokenize(&self.statement.sql).unwrap_or_default();
        tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
        let begins = |token: &Token| match token {
            Token::Word(word) => matches!(word.keyword, Keyword::FROM | Keyword::JOIN),
            _ => false,
        };
        let is_text = |token: &Token| match token {
            Token::SingleQuotedString(text) => text == name,
            _ => false,
        };
        tokens.windows(2).any(|pair| begins(&pair[0].token) && is_text(&pair[1].token))
    }

    /// All tables and views, those of attached databases as `other.posts`.
    fn table_names(&self) -> Vec<String> {
        let Some(catalog) = self.context.catalog(CATALOG) else { return Vec::new() };
        let of = |schema: &str| {
            catalog.schema(schema).map(|schema| schema.table_names()).unwrap_or_default()
        };
        let attached = attach::names(&self.context)
            .into_iter()
            .flat_map(|name| of(&name).into_iter().map(move |table| format!("{name}.{table}")));
        of(SCHEMA).into_iter().chain(attached).collect()
    }

    fn no_function(&self, name: &str) -> Error {
        let state = self.context.state();
        let names = state
            .scalar_functions()
            .keys()
            .chain(state.aggregate_functions().keys())
            .chain(state.window_functions().keys())
            .chain(state.higher_order_functions().keys())
            .map(String::as_str);
        if state.window_functions().contains_key(name) {
            let message = format!("{name} looks at other rows and needs OVER");
            return Error::query(message).hint(format!(
                "{name}(...) OVER (PARTITION BY account_id ORDER BY posted_at) says which"
            ));
        }
        let error = Error::query(format!("no function {name}"));
        if ["rollup", "cube"].contains(&name) {
            return error.hint("ROLLUP (a, b) and CUBE (a, b) stand in GROUP BY, or in its sets");
        }
        if let Some(here) = habits::function(name) {
            return error.hint(format!("here it is {here}"));
        }
        match nearest(name, names) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error.hint("`.functions` lists all"),
        }
    }

    /// What is wrong with a function that stands in FROM and gives no rows.
    fn no_rows_from(&self, name: &str) -> Error {
        let state = self.context.state();
        let error = Error::query(format!("no function {name} gives rows to FROM"));
        if let Some(here) = habits::function(name) {
            return error.hint(format!("behind SELECT it is {here}"));
        }
        if let Some((_, here)) = ROWS_ELSEWHERE.iter().find(|(other, _)| *other == name) {
            return error.hint(format!("here it is {here}"));
        }
        if name.starts_with("read_") || name.ends_with("_scan") {
            let file = self.text_given_to(name).unwrap_or_else(|| "posts.csv".to_owned());
            let file = file.replace('\'', "''");
            return error.hint(format!("a file is asked by its name: FROM '{file}'"));
        }
        if state.scalar_functions().contains_key(name) {
            return error.hint(format!("it gives a value, and stands behind SELECT: {name}(...)"));
        }
        let mut names: Vec<&str> = state.table_functions().keys().map(String::as_str).collect();
        names.sort_unstable();
        match nearest(name, names.iter().copied()) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error.hint(format!("there are {}", names.join(", "))),
        }
    }

    /// The text that is the first argument of a call of `function`.
    fn text_given_to(&self, function: &str) -> Option<String> {
        let mut tokens = tokenize(&self.statement.sql).ok()?;
        tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
        tokens.windows(3).find_map(|three| match [&three[1].token, &three[2].token] {
            [Token::LParen, Token::SingleQuotedString(text)]
                if names(&three[0].token, function) =>
            {
                Some(text.clone())
            }
            _ => None,
        })
    }

    /// The place of the first quoted name of a message in the statement, for
    /// errors without one; else the statement's beginning.
    fn fallback_place(&self, message: &str) -> Place {
        let named = between(message, "\"", "\"")
            .or_else(|| between(message, "no function ", " gives rows"))
            .or_else(|| message.strip_prefix("no function "))
            .or_else(|| message.strip_prefix("no type "))
            .or_else(|| between(message, "no column ", " "));
        let tokens = tokenize(&self.statement.sql).unwrap_or_default();
        let called = message.split(' ').next().and_then(|first| {
            let calls = |pair: &&[TokenWithSpan]| {
                names(&pair[0].token, first) && pair[1].token == Token::LParen
            };
            tokens.windows(2).find(calls).map(|pair| &pair[0])
        });
        let found = named.and_then(|name| tokens.iter().find(|token| names(&token.token, name)));
        let clause = CLAUSES.iter().find(|clause| message.starts_with(**clause));
        let clause = clause.and_then(|name| tokens.iter().rfind(|token| names(&token.token, name)));
        let found = found.or(called).or(clause).map(|token| {
            let length = token.span.end.column.saturating_sub(token.span.start.column);
            (token.span.start, length)
        });
        match found {
            Some((at, length)) => self.statement.place(at.line, at.column, Some(length)),
            None => lone_place::of(message, &self.statement)
                .unwrap_or_else(|| Place { source: None, ..self.statement.place(1, 1, None) }),
        }
    }
}

/// The error of ours that a store of files gave, if `error` comes from one.
fn ours_within(error: &DataFusionError) -> Option<Error> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(ours) = error.downcast_ref::<Error>() {
            return Some(ours.clone());
        }
        cause = error.source();
    }
    None
}

/// An error of ours that came as text, from another machine.
fn told(text: &str) -> Error {
    match text.split_once(HINT) {
        Some((message, hint)) => Error::query(plain(message)).hint(hint),
        None => Error::query(plain(text)),
    }
}

/// The number of the answer that a name such as `@3` means at the prompt.
fn answer_number(name: &str) -> Option<usize> {
    name.strip_prefix('@')?.parse().ok()
}

/// What to try instead of an answer that is not among the tables called `names`.
fn kept_answers(names: &[String]) -> String {
    let mut kept: Vec<usize> = names.iter().filter_map(|name| answer_number(name)).collect();
    kept.sort_unstable();
    match kept.as_slice() {
        [] => "the prompt keeps answers as @1, @2 and so on; there is none yet".to_owned(),
        [only] => format!("the only answer that is kept is @{only}"),
        [first, .., last] if last - first + 1 == kept.len() => {
            format!("the answers that are kept are @{first} to @{last}")
        }
        kept => {
            let kept: Vec<String> = kept.iter().map(|number| format!("@{number}")).collect();
            format!("the answers that are kept are {}", kept.join(", "))
        }
    }
}

/// Whether a name that is no table looks like that of a file.
fn is_path(name: &str) -> bool {
    name.contains('/')
        || name
            .rsplit_once('.')
            .is_some_and(|(_, end)| nearest(end, SUFFIXES).is_some_and(|near| near != end))
}

/// The name of a file that stands in FROM without quotes, where the engine takes
/// `posts.csv` for a table `csv` of a schema `posts`.
fn unquoted_file(name: &str) -> Option<&str> {
    let file = name.strip_prefix(CATALOG)?.strip_prefix('.')?;
    let (_, end) = file.rsplit_once('.')?;
    SUFFIXES.contains(&end).then_some(file)
}

/// Whether a token is the name, in any case.
fn names(token: &Token, name: &str) -> bool {
    match token {
        Token::Word(word) => word.value.eq_ignore_ascii_case(name),
        Token::SingleQuotedString(text) => text == name,
        _ => false,
    }
}

/// Whether a column is of a subquery that the engine was about to join.
fn is_joined(column: &Column) -> bool {
    let names = ["__correlated_sq_", "__scalar_sq_"];
    let Some(table) = &column.relation else { return false };
    names.iter().any(|name| table.table().starts_with(name))
}

/// The error for a column that is none of the `valid` ones, in a session that knows these
/// tables; a name that something `is_compared` with was probably to be a text.
fn no_column(field: &Column, valid: &[Column], is_compared: bool, known: &[String]) -> Error {
    let tables = valid.iter().filter_map(|column| column.relation.as_ref());
    let mut tables: Vec<&str> = tables.map(TableReference::table).collect();
    tables.dedup();
    let tables = tables.join(", ");
    if let Some(table) = &field.relation
        && !valid.iter().any(|column| column.relation.as_ref() == Some(table))
    {
        let error = Error::query(format!("FROM has no \"{}\"", table.table()));
        return error.hint(match tables.is_empty() {
            true => format!("put it there: FROM {}", table.table()),
            false => format!("it has {tables}"),
        });
    }
    let error = Error::query(match &field.relation {
        Some(table) => format!("no column \"{}\" in {}", field.name, table.table()),
        None if tables.is_empty() => format!("no column \"{}\"", field.name),
        None => format!("no column \"{}\" in {tables}", field.name),
    });
    let elsewhere = elsewhere(&field.name, known);
    // Of a column of one table the others say nothing.
    let of_table = |column: &&Column| field.relation.is_none() || column.relation == field.relation;
    let valid: Vec<&Column> = valid.iter().filter(of_table).collect();
    let names = || valid.iter().map(|column| column.name.as_str());
    let own = ingest::own_name(&field.name).filter(|_| !is_compared);
    // `id` of accounts is account_id.
    let end = format!("_{}", field.name);
    let longer = || names().find(|name| !is_compared && name.ends_with(&end));
    let own_of_table = || names().find(|name| Some(*name) == own);
    // The only one that begins so, which was not typed to its end.
    let begun = || {
        let is_long = field.name.chars().count() >= BEGUN && !is_compared;
        let mut begun = names().filter(|name| is_long && name.starts_with(&field.name));
        let first = begun.next()?;
        begun.all(|other| other == first).then_some(first)
    };
    let near = nearest(&field.name, names()).or_else(own_of_table);
    match near.or_else(begun).or_else(longer) {
        // Without quotes, capitals are small letters.
        Some(near) if near.contains(char::is_uppercase) => error.hint(format!(
            "did you mean \"{near}\"? a name with capitals stands in double quotes: {}",
            in_statement(near)
        )),
        Some(near) => error.hint(format!("did you mean \"{near}\"?")),
        None if !elsewhere.is_empty() => {
            error.hint(format!("{} is in {}", field.name, elsewhere.join(", ")))
        }
        None if own.is_some_and(|own| !self::elsewhere(own, known).is_empty()) => {
            let own = own.unwrap_or_default();
            let tables = self::elsewhere(own, known).join(", ");
            error.hint(format!("here it is {own}, which is in {tables}"))
        }
        // Names of columns are seldom Chinese, but for those of crawlers; values often are.
        None if valid.is_empty() || is_compared || !field.name.is_ascii() && own.is_none() => {
            error.hint(format!("text goes in single quotes: '{}'", field.name))
        }
        None => {
            let mut all: Vec<_> = Vec::new();
            for name in names() {
                if !all.contains(&name) {
                    all.push(name);
                }
            }
            all.truncate(20);
            let names: Vec<String> = all.into_iter().map(in_statement).collect();
            error.hint(format!("there are {}", names.join(", ")))
        }
    }
}

/// `name` as it stands in a statement, in double quotes if it must.
fn in_statement(name: &str) -> String {
    let is_plain = |sign: char| sign == '_' || sign.is_alphanumeric() && !sign.is_uppercase();
    match name.chars().all(is_plain) && !name.starts_with(|first: char| first.is_ascii_digit()) {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// What the engine calls a part of SQL that it does not know, without the tree
/// that it prints of it.
fn without_tree(message: &str) -> &str {
    let Some((_, rest)) = message.split_once("nsupported ast node") else { return message };
    let named = rest.split(['{', '(', '[']).next().unwrap_or(rest);
    named.split_whitespace().last().unwrap_or(message)
}

/// The tables and views of a database that have a column called `name`, of those that are
/// `known`: whoever asks a file may have no database.
fn elsewhere(name: &str, known: &[String]) -> Vec<&'static str> {
    let tables = TABLES.iter().filter(|table| table.index(name).is_some()).map(|table| table.name);
    let has = |view: &&&View| view.columns.iter().any(|(column, _)| *column == name);
    let all = tables.chain(VIEWS.iter().filter(has).map(|view| view.name));
    all.filter(|table| known.iter().any(|known| known == table)).collect()
}

/// The parser's words without their "at Line: x, Column: y", and that place.
fn split_location(message: &str) -> (&str, Option<(u64, u64)>) {
    let Some((words, place)) = message.rsplit_once(" at Line: ") else { return (message, None) };
    let Some((line, column)) = place.split_once(", Column: ") else { return (message, None) };
    let digits = |text: &str| {
        text.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u64>().ok()
    };
    (words, digits(line).zip(digits(column)))
}

#[cfg(test)]
mod tests {
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn hints_of_columns_are_of_the_table_that_is_asked_and_as_they_are_typed() {
        let session = Session::new(None, Settings::default()).unwrap();
        session.collect("CREATE TABLE accounts AS SELECT 1 AS account_id").await.unwrap();
        session.collect("CREATE TABLE \"_\" AS SELECT 1 AS n").await.unwrap();
        session.collect("CREATE TABLE posts AS SELECT 1 AS post_id, 2 AS \"a b\"").await.unwrap();
        for (sql, said, hint) in [
            (
                "SELECT 1 FROM posts p JOIN accounts a ON p.post_id = a.id",
                "\"id\" in a",
                "\"account_id\"?",
            ),
            ("SELECT distnct post_id FROM posts", "no column", "did you mean DISTINCT?"),
            ("SELECT somewhere FROM posts", "no column", "there are post_id, \"a b\""),
            ("SELECT pos FROM posts", "\"pos\" in posts", "did you mean \"post_id\"?"),
            ("SELECT p.pos FROM posts p", "\"pos\" in p", "did you mean \"post_id\"?"),
            ("SELECT po FROM posts", "no column", "there are post_id, \"a b\""),
            ("SELECT WB_text FROM (SELECT 1 AS \"WB_text\")", "\"wb_text\"", "quotes: \"WB_text\""),
            ("SELECT * FROM x", "no table \"x\"", "there are "),
            ("SELECT * FROM 帖子", "no table", "did you mean \"posts\"?"),
            (
                "WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a",
                "no table \"b\"",
                "put it before",
            ),
            (
                "SELECT sum(n) OVER (ORDER BY n ROWS 2 PRECEDING EXCLUDE CURRENT ROW) FROM posts",
                "found EXCLUDE",
                "leaves no row out",
            ),
            ("SELECT post_id COLLATE nocase FROM posts", "no order of texts", "lower(text)"),
            ("SELECT * FROM pg_catalog.pg_class", "no table", "information_schema.tables"),
            ("SELECT * FROM sqlite_master", "no table", "information_schema.tables"),
            ("SELECT * FROM '-'", "no table", "FROM stdin"),
            ("SHOW INDEXES FROM posts", "SHOW does not know indexes from posts", "SHOW TABLES"),
            ("SHOW GRANTS", "SHOW does not know grants", "SHOW TABLES"),
            ("SHOW PROCESSLIST", "not supported", "SHOW TABLES"),
            ("SELECT * FROM duckdb_tables()", "duckdb_tables gives rows", "SHOW TABLES"),
            ("SELECT * FROM parquet_schema('x')", "gives rows to FROM", "DESCRIBE 'posts"),
            ("SELECT @@version", "no variable @@version", "version()"),
            ("SET threads = 2", "no setting threads", ".set threads 2"),
            ("SET batch_sise = 2", "no setting batch_sise", "execution.batch_size?"),
            ("SET foo = 2", "no setting foo", ".set lists the settings"),
            ("SELECT * FROM 账号", "no table", "did you mean \"accounts\"?"),
            ("SELECT * FROM unnest(posts.hashtags)", "unnest in FROM", "FROM posts, unnest"),
            ("SELECT length('a', 1)", "length takes", "`.help length`"),
            ("ALTER TABLE posts ADD COLUMN n INT", "not supported: ALTER TABLE", "made anew"),
        ] {
            let error = session.collect(sql).await.unwrap_err();
            assert!(error.message().contains(said), "{sql}: {error}");
            assert!(error.advice().is_some_and(|told| told.contains(hint)), "{sql}: {error}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn tables_that_are_not_there_are_in_no_hint() {
        let session = Session::new(None, Settings::default()).unwrap();
        session.collect("CREATE TABLE mine AS SELECT 1 AS n, 2 AS m").await.unwrap();
        for name in ["\"微博id\"", "粉丝数", "likes"] {
            let error = session.collect(&format!("SELECT {name} FROM mine")).await.unwrap_err();
            assert_eq!(error.advice(), Some("there are n, m"), "{name}: {error}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_name_with_a_suffix_in_single_quotes_is_a_file_and_no_table_of_a_database() {
        let session = Session::new(None, Settings::default()).unwrap();
        let error = session.collect("SELECT * FROM 'nowhere.shh'").await.unwrap_err();
        assert_eq!(error.message(), "no file `nowhere.shh`");
        let error = session.collect("SELECT * FROM nowhere.shh").await.unwrap_err();
        assert!(error.advice().unwrap_or_default().contains("ATTACH"), "{error}");
    }
}
