//! What the editor asks while somebody types: completion and ghost text, from a
//! snapshot of the catalog and from the data.

use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use datafusion::arrow::datatypes::DataType;
use tokio::runtime::Handle;

use crate::engine::{Params, Session, script};
use crate::render::type_name;
use crate::render::value::{Column as Values, Value};
use crate::shell::complete::catalog::Column;
use crate::shell::complete::{self, Candidate, Catalog, Completion, Lookup, words};

/// How long a person is kept waiting for what only the data can tell; after
/// that it is there for the next time.
const PATIENCE: Duration = Duration::from_millis(40);

/// Rows of a column that are looked at for its values.
const SAMPLE_ROWS: usize = 1_000_000;

/// Values of a column that are offered.
const MOST_VALUES: usize = 100;

/// Characters of a value beyond which it is no category but a text.
const LONGEST_VALUE: usize = 40;

/// Files of a folder that are offered.
const MOST_FILES: usize = 500;

/// Helps to type: clones share what they know.
#[derive(Debug, Clone, Default)]
pub struct Assistant {
    catalog: Arc<Catalog>,
    data: Option<Arc<Data>>,
}

impl Assistant {
    pub(crate) fn new(catalog: Arc<Catalog>, data: Arc<Data>) -> Self {
        Self { catalog, data: Some(data) }
    }

    /// What may stand at byte `position` of `text`.
    pub(crate) fn complete(&self, text: &str, position: usize) -> Completion {
        match &self.data {
            Some(data) => complete::complete(text, position, &self.catalog, data.as_ref()),
            None => complete::complete(text, position, &self.catalog, &Unknown),
        }
    }

    /// How the text at the end of `text` most likely goes on, from the catalog
    /// alone: the rest of the word, or of the signature behind `name(`.
    pub(crate) fn ghost(&self, text: &str) -> Option<Ghost> {
        if let Some(signature) = self.signature(text) {
            return Some(Ghost { shown: signature, inserted: None });
        }
        let completion = complete::complete(text, text.len(), &self.catalog, &Unknown);
        let typed = &text[completion.start..];
        if typed.chars().count() < 2 {
            return None;
        }
        let Candidate { text: best, .. } = completion.candidates.into_iter().next()?;
        let rest = best.strip_prefix(typed).filter(|rest| !rest.is_empty())?;
        Some(Ghost { shown: rest.to_owned(), inserted: Some(rest.to_owned()) })
    }

    fn signature(&self, text: &str) -> Option<String> {
        let before = text.strip_suffix('(')?;
        let start = before.rfind(|c: char| !(c.is_alphanumeric() || c == '_'));
        let name = before[start.map_or(0, |at| at + 1)..].to_lowercase();
        let function = self.catalog.functions.iter().find(|function| function.name == name)?;
        let rest = function.signature.strip_prefix(&format!("{name}("))?;
        Some(rest.to_owned())
    }
}

/// Dim text behind the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ghost {
    /// What is seen.
    pub(crate) shown: String,
    /// What the right arrow inserts, if anything.
    pub(crate) inserted: Option<String>,
}

/// Knows nothing of the data.
struct Unknown;

impl Lookup for Unknown {
    fn values(&self, _relation: &str, _column: &str) -> Vec<String> {
        Vec::new()
    }

    fn files(&self, _prefix: &str) -> Vec<String> {
        Vec::new()
    }

    fn file_columns(&self, _path: &str) -> Vec<Column> {
        Vec::new()
    }
}

/// Asks a session, and remembers the answers.
#[derive(Debug)]
pub(crate) struct Data {
    session: Session,
    runtime: Handle,
    values: Shared<(String, String), Vec<String>>,
    columns: Shared<String, Vec<Column>>,
}

/// Answers that are known, or being found (`None`).
type Shared<K, V> = Arc<Mutex<HashMap<K, Option<V>>>>;

impl Data {
    /// Must be called within the runtime that runs the session.
    pub(crate) fn new(session: Session) -> Self {
        Self {
            session,
            runtime: Handle::current(),
            values: Shared::default(),
            columns: Shared::default(),
        }
    }

    /// Forgets the values, after a statement that may have changed them.
    pub(crate) fn forget(&self) {
        lock(&self.values).clear();
        lock(&self.columns).clear();
    }

    /// The answer to `key`: known, found within the time that a person waits,
    /// or nothing for now.
    fn ask<K, V, F>(&self, known: &Shared<K, V>, key: K, find: F) -> V
    where
        K: Clone + Eq + std::hash::Hash + Send + 'static,
        V: Clone + Default + Send + 'static,
        F: Future<Output = V> + Send + 'static,
    {
        let found = lock(known).get(&key).cloned();
        if let Some(found) = found {
            return found.unwrap_or_default();
        }
        lock_insert(known, key.clone(), None);
        let (sender, receiver) = sync_channel(1);
        let shared = Arc::clone(known);
        self.runtime.spawn(async move {
            let found = find.await;
            lock_insert(&shared, key, Some(found.clone()));
            let _ = sender.send(found);
        });
        receiver.recv_timeout(PATIENCE).unwrap_or_default()
    }
}

fn lock<K, V>(known: &Shared<K, V>) -> std::sync::MutexGuard<'_, HashMap<K, Option<V>>> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lock_insert<K: Eq + std::hash::Hash, V>(known: &Shared<K, V>, key: K, value: Option<V>) {
    lock(known).insert(key, value);
}

impl Lookup for Data {
    fn values(&self, relation: &str, column: &str) -> Vec<String> {
        let key = (relation.to_owned(), column.to_owned());
        let session = self.session.clone();
        let asked = key.clone();
        self.ask(&self.values, key, async move { values(&session, &asked.0, &asked.1).await })
    }

    fn files(&self, prefix: &str) -> Vec<String> {
        if self.session.settings().safe { Vec::new() } else { files(prefix) }
    }

    fn file_columns(&self, path: &str) -> Vec<Column> {
        let session = self.session.clone();
        let asked = path.to_owned();
        self.ask(&self.columns, path.to_owned(), async move { columns(&session, &asked).await })
    }
}

/// The frequent values of a text column, or none if it holds no categories.
async fn values(session: &Session, relation: &str, column: &str) -> Vec<String> {
    let (relation, column) = (always_quoted(relation), always_quoted(column));
    let sql = format!(
        "SELECT v, count(*) AS n FROM (SELECT {column} AS v FROM {relation} LIMIT {SAMPLE_ROWS}) \
         WHERE v IS NOT NULL GROUP BY v ORDER BY n DESC, v LIMIT {MOST_VALUES}"
    );
    let Ok(batches) = session.collect(&sql).await else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for batch in &batches {
        let is_text = matches!(
            batch.column(0).data_type(),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
        );
        let (Ok(texts), Ok(counts)) = (Values::new(batch.column(0)), Values::new(batch.column(1)))
        else {
            return Vec::new();
        };
        for row in 0..batch.num_rows() {
            let (Value::Text(text), Value::Int(count)) = (texts.get(row), counts.get(row)) else {
                return Vec::new();
            };
            // Where even the most frequent value stands alone, all do.
            let unique = found.is_empty() && count == 1 && batch.num_rows() > 20;
            if !is_text || unique {
                return Vec::new();
            }
            if text.chars().nth(LONGEST_VALUE).is_none() && !text.contains(char::is_control) {
                found.push(text.to_owned());
            }
        }
    }
    found
}

async fn columns(session: &Session, path: &str) -> Vec<Column> {
    let sql = format!("SELECT * FROM '{}'", path.replace('\'', "''"));
    let Ok(statements) = script::parse(&sql, None) else {
        return Vec::new();
    };
    let [statement] = statements.as_slice() else {
        return Vec::new();
    };
    let Ok(plan) = session.plan(statement, &Params::new()).await else {
        return Vec::new();
    };
    let fields = plan.schema().fields().iter();
    fields
        .map(|field| Column { name: field.name().clone(), type_name: type_name(field.data_type()) })
        .collect()
}

fn always_quoted(name: &str) -> String {
    if words::is_plain(name) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// Files and folders whose path begins with `prefix`, folders with a slash.
fn files(prefix: &str) -> Vec<String> {
    let (folder, begun) = match prefix.rfind('/') {
        Some(slash) => prefix.split_at(slash + 1),
        None => ("", prefix),
    };
    let path = if folder.is_empty() { Path::new(".") } else { Path::new(folder) };
    let Ok(entries) = std::fs::read_dir(path) else {
        return Vec::new();
    };
    let mut found: Vec<String> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let hidden = name.starts_with('.') && !begun.starts_with('.');
            if hidden || !name.starts_with(begun) || name.contains(char::is_control) {
                return None;
            }
            let slash = if entry.path().is_dir() { "/" } else { "" };
            Some(format!("{folder}{name}{slash}"))
        })
        .take(MOST_FILES)
        .collect();
    found.sort();
    found
}
