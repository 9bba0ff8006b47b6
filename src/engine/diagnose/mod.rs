//! DataFusion's errors in plain words, with their place in the statement.
//!
//! This and `wording` are the places that know how DataFusion words its errors. What there
//! is to say of names that are not there has a file for each kind of them.

mod columns;
mod functions;
mod settings;
mod syntax;
mod tables;

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::clashes;
use super::engine_types;
use super::filter_faults;
use super::habits;
use super::lone_place;
use super::looked_into;
use super::script::{Statement, tokenize};
use super::wording::{SHOWN, arrow_error, between, exhausted, io_error, meaning, plain};
use crate::catalog::{CATALOG, SCHEMA};
use crate::error::{Error, HINT, Kind, Place};

/// What DataFusion says of a setting that it does not know, whose first letter
/// may be a capital.
const NO_SETTING: &str = "ould not find config namespace";

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

/// Whether a token is the name, in any case.
fn names(token: &Token, name: &str) -> bool {
    match token {
        Token::Word(word) => word.value.eq_ignore_ascii_case(name),
        Token::SingleQuotedString(text) => text == name,
        _ => false,
    }
}

/// What the engine calls a part of SQL that it does not know, without the tree
/// that it prints of it.
fn without_tree(message: &str) -> &str {
    let Some((_, rest)) = message.split_once("nsupported ast node") else { return message };
    let named = rest.split(['{', '(', '[']).next().unwrap_or(rest);
    named.split_whitespace().last().unwrap_or(message)
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
}
