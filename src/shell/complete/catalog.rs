//! What completion knows: a snapshot of everything that has a name.

use super::words;
use crate::catalog::SCHEMA;

/// Everything that can be named at the prompt.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalog {
    /// Tables, views and kept results.
    pub(crate) relations: Vec<Relation>,
    /// Functions of SQL.
    pub(crate) functions: Vec<Function>,
    /// Settings for `SET` and `.set`.
    pub(crate) settings: Vec<Setting>,
    /// weiku's own settings, for `.set`.
    pub(crate) own_settings: Vec<&'static str>,
    /// Saved queries.
    pub(crate) queries: Vec<Query>,
    /// Dot-commands.
    pub(crate) commands: Vec<Command>,
    /// Statements of SQL and their parts that `.help` explains: name and summary.
    pub(crate) topics: Vec<(&'static str, &'static str)>,
    /// Output formats for `.mode`.
    pub(crate) formats: Vec<&'static str>,
}

/// A table or view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Relation {
    /// The schema it is in, unless it is found without one.
    pub(crate) schema: Option<String>,
    /// Its name, as it is stored.
    pub(crate) name: String,
    /// What it is, in a word: table, view, result.
    pub(crate) kind: &'static str,
    /// Whether it was made in this session, so that it can be dropped.
    pub(crate) is_own: bool,
    /// Its columns in order.
    pub(crate) columns: Vec<Column>,
}

/// A column of a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    /// Its name, as it is stored.
    pub(crate) name: String,
    /// Its type, for people.
    pub(crate) type_name: String,
}

impl Column {
    /// Its members, if it is a structure: its type tells them, as in
    /// `struct(name text, geo struct(lat double))`.
    pub(crate) fn members(&self) -> Vec<Self> {
        let inside = self.type_name.strip_prefix("struct(");
        let Some(inside) = inside.and_then(|rest| rest.strip_suffix(')')) else {
            return Vec::new();
        };
        parts(inside).into_iter().filter_map(member).collect()
    }
}

/// The parts of `text` between commas that stand in no brackets and quotes.
fn parts(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut is_quoted) = (Vec::new(), 0, 0_usize, false);
    for (at, sign) in text.char_indices() {
        match sign {
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}

/// The column of `name type`, of which the name may stand in quotes.
fn member(part: &str) -> Option<Column> {
    let (name, type_name) = match part.strip_prefix('"') {
        Some(quoted) => {
            let name = quoted.replace("\"\"", "\0\0");
            let end = name.find('"')?;
            (quoted[..end].replace("\"\"", "\""), quoted[end + 1..].trim_start())
        }
        None => {
            let (name, type_name) = part.split_once(' ')?;
            (name.to_owned(), type_name)
        }
    };
    Some(Column { name, type_name: type_name.to_owned() })
}

/// A function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function {
    /// Its name.
    pub(crate) name: String,
    /// How it is called: `count(expression)`.
    pub(crate) signature: String,
    /// Whether it stands in FROM.
    pub(crate) gives_rows: bool,
}

/// A setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Its whole name: `datafusion.execution.time_zone`.
    pub(crate) name: String,
    /// What it is now.
    pub(crate) value: String,
}

/// A saved query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    /// Its path below `queries/` without the suffix.
    pub(crate) name: String,
    /// What it answers.
    pub(crate) title: String,
    /// Its parameters: name, and type with default.
    pub(crate) params: Vec<(String, String)>,
}

/// A dot-command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// Its name with the dot, and its aliases.
    pub(crate) names: Vec<&'static str>,
    /// What it does, in a few words.
    pub(crate) summary: &'static str,
    /// What may follow it.
    pub(crate) takes: Takes,
}

/// What an argument of a dot-command can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Nothing, or something that cannot be guessed.
    Nothing,
    /// A table or view.
    Relation,
    /// A table or view, or a query in brackets.
    RelationOrSql,
    /// A function.
    Function,
    /// A saved query, then its parameters.
    Query,
    /// A file.
    File,
    /// An output format.
    Format,
    /// A dot-command, a statement of SQL or a function.
    Topic,
    /// A setting, then its value.
    Setting,
    /// A statement of SQL.
    Sql,
    /// `html FILE`, a statement of SQL, or both.
    PageOrSql,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `kind x=COLUMN y=COLUMN`, after one of these kinds.
    Chart(&'static [&'static str]),
}

impl Relation {
    /// How it is named in a statement, but for quotes.
    pub(crate) fn full_name(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.name),
            None => self.name.clone(),
        }
    }

    /// How it is named in a statement.
    pub(crate) fn quoted(&self) -> String {
        let name = words::quote_name(&self.name);
        match &self.schema {
            Some(schema) => format!("{}.{name}", words::quote_name(schema)),
            None => name,
        }
    }
}

impl Catalog {
    /// The relation called `name`, in `schema` if one is given.
    pub(crate) fn relation(&self, schema: Option<&str>, name: &str) -> Option<&Relation> {
        self.relations.iter().find(|relation| {
            relation.name == name
                && (schema.is_none() && relation.schema.is_none()
                    || schema == Some(relation.schema.as_deref().unwrap_or(SCHEMA)))
        })
    }
}

/// What completion asks of the world while somebody types: it must answer at
/// once, from what it has, and may learn the rest for the next time.
pub(crate) trait Lookup {
    /// Distinct values of a text column, or items of a column of lists of texts, that
    /// `typed` may become, the most frequent first; where nothing is typed, those of a column with few of them.
    fn values(&self, relation: &str, column: &str, typed: &str) -> Vec<String>;

    /// Files and folders whose path begins with `prefix`; folders end in `/`.
    fn files(&self, prefix: &str) -> Vec<String>;

    /// The columns of a data file that stands in FROM.
    fn file_columns(&self, path: &str) -> Vec<Column>;
}
