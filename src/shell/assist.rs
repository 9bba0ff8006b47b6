//! What the editor asks while somebody types: completion and ghost text, from a
//! snapshot of the catalog and from the data.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;

use crate::engine::{Params, Session, script};
use crate::render::type_name;
use crate::shell::column_values::ColumnValues;
use crate::shell::complete::catalog::Column;
use crate::shell::complete::{self, Candidate, Catalog, Completion, Lookup};
use crate::text::pinyin;

/// How long a person is kept waiting for what only the data can tell, and was
/// not asked for yet when the words before it were typed; after that it is there
/// for the next time.
const PATIENCE: Duration = Duration::from_millis(300);

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
            Some(data) => complete::complete(text, position, &self.catalog, &Waiting(data)),
            None => complete::complete(text, position, &self.catalog, &Unknown),
        }
    }

    /// How the text at the end of `text` most likely goes on, from what is known
    /// already: the rest of the word, or of the signature behind `name(`.
    pub(crate) fn ghost(&self, text: &str) -> Option<Ghost> {
        if let Some(signature) = self.signature(text) {
            return Some(Ghost { shown: signature, inserted: None });
        }
        let catalog = &self.catalog;
        let completion = match &self.data {
            Some(data) => complete::complete(text, text.len(), catalog, &Passing(data)),
            None => complete::complete(text, text.len(), catalog, &Unknown),
        };
        let typed = &text[completion.start..];
        let only = completion.candidates.len() == 1;
        let mut candidates = completion.candidates.into_iter();
        // One letter may become anything, but where only one thing can stand
        // nothing need be typed.
        let Candidate { text: best, .. } =
            candidates.next().filter(|_| only || typed.chars().count() >= 2)?;
        let rest = best.strip_prefix(typed).filter(|rest| !rest.is_empty())?;
        Some(Ghost { shown: rest.to_owned(), inserted: Some(rest.to_owned()) })
    }

    fn signature(&self, text: &str) -> Option<String> {
        let before = text.strip_suffix('(')?;
        let name = before.rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next()?;
        let name = name.to_lowercase();
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
    fn values(&self, _relation: &str, _column: &str, _typed: &str) -> Vec<String> {
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
    values: Arc<Answers<(String, String), Arc<ColumnValues>>>,
    columns: Arc<Answers<String, Vec<Column>>>,
}

/// Answers that are known, or being found (`None`).
#[derive(Debug)]
struct Answers<K, V> {
    known: Mutex<HashMap<K, Option<V>>>,
    /// Told of each answer that is found.
    found: Condvar,
}

impl<K, V> Default for Answers<K, V> {
    fn default() -> Self {
        Self { known: Mutex::default(), found: Condvar::new() }
    }
}

impl<K: Eq + Hash, V: Clone + Default> Answers<K, V> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Option<V>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody looks for the answer to `key` yet; from now on somebody
    /// does.
    fn is_new(&self, key: K) -> bool {
        match self.lock().entry(key) {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert(None);
                true
            }
        }
    }

    fn tell(&self, key: K, answer: V) {
        self.lock().insert(key, Some(answer));
        self.found.notify_all();
    }

    /// The answer to `key`, or nothing when it is not there in time.
    fn wait(&self, key: &K, patience: Duration) -> V {
        let is_missing = |known: &mut HashMap<K, Option<V>>| matches!(known.get(key), Some(None));
        let waited = self.found.wait_timeout_while(self.lock(), patience, is_missing);
        let (known, _) = waited.unwrap_or_else(PoisonError::into_inner);
        known.get(key).cloned().flatten().unwrap_or_default()
    }
}

impl Data {
    /// Must be called within the runtime that runs the session.
    pub(crate) fn new(session: Session) -> Self {
        Self {
            session,
            runtime: Handle::current(),
            values: Arc::default(),
            columns: Arc::default(),
        }
    }

    /// Forgets the values, after a statement that may have changed them.
    pub(crate) fn forget(&self) {
        self.values.lock().clear();
        self.columns.lock().clear();
    }

    /// Begins to find the values of a column, if nobody has.
    fn find_values(&self, key: &(String, String)) {
        if self.values.is_new(key.clone()) {
            let (session, answers) = (self.session.clone(), Arc::clone(&self.values));
            let key = key.clone();
            self.runtime.spawn(async move {
                let found = ColumnValues::read(&session, &key.0, &key.1).await;
                answers.tell(key, Arc::new(found));
            });
        }
    }

    /// Begins to find the columns of a file, if nobody has.
    fn find_columns(&self, path: &str) {
        if self.columns.is_new(path.to_owned()) {
            let (session, answers) = (self.session.clone(), Arc::clone(&self.columns));
            let path = path.to_owned();
            self.runtime.spawn(async move {
                let found = columns(&session, &path).await;
                answers.tell(path, found);
            });
        }
    }
}

/// For a person who has pressed a key and waits.
struct Waiting<'a>(&'a Data);

impl Lookup for Waiting<'_> {
    fn values(&self, relation: &str, column: &str, typed: &str) -> Vec<String> {
        let key = (relation.to_owned(), column.to_owned());
        self.0.find_values(&key);
        self.0.values.wait(&key, PATIENCE).matching(typed)
    }

    fn files(&self, prefix: &str) -> Vec<String> {
        if self.0.session.settings().safe { Vec::new() } else { files(prefix) }
    }

    fn file_columns(&self, path: &str) -> Vec<Column> {
        self.0.find_columns(path);
        self.0.columns.wait(&path.to_owned(), PATIENCE)
    }
}

/// For a person who types on: what is known at once. What is not, is there when
/// a key asks for it.
struct Passing<'a>(&'a Data);

impl Lookup for Passing<'_> {
    fn values(&self, relation: &str, column: &str, typed: &str) -> Vec<String> {
        let key = (relation.to_owned(), column.to_owned());
        self.0.find_values(&key);
        self.0.values.wait(&key, Duration::ZERO).matching(typed)
    }

    fn files(&self, _prefix: &str) -> Vec<String> {
        Vec::new()
    }

    fn file_columns(&self, path: &str) -> Vec<Column> {
        self.0.find_columns(path);
        self.0.columns.wait(&path.to_owned(), Duration::ZERO)
    }
}

async fn columns(session: &Session, path: &str) -> Vec<Column> {
    // Of `*` the plan of thousands of columns takes seconds.
    let sql = format!("SELECT 1 FROM '{}'", path.replace('\'', "''"));
    let Ok(statements) = script::parse(&sql, None) else {
        return Vec::new();
    };
    let [statement] = statements.as_slice() else {
        return Vec::new();
    };
    let Ok(plan) = session.plan(statement, &Params::new()).await else {
        return Vec::new();
    };
    let read = plan.inputs();
    let fields = read.iter().flat_map(|file| file.schema().fields());
    fields
        .map(|field| Column { name: field.name().clone(), type_name: type_name(field.data_type()) })
        .collect()
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
            let is_meant = name.starts_with(begun) || pinyin::begins(&name, begun);
            if hidden || !is_meant || name.contains(char::is_control) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::complete::catalog::Function;

    #[test]
    fn any_characters_may_stand_side_by_side() {
        let function = Function {
            name: "max".to_owned(),
            signature: "max(value)".to_owned(),
            gives_rows: false,
        };
        let catalog = Arc::new(Catalog { functions: vec![function], ..Catalog::default() });
        let assistant = Assistant { catalog, data: None };
        let pieces = [
            "SELECT ",
            "max(",
            "posts",
            "，",
            "（",
            "；",
            "“",
            "'",
            "\"",
            "\u{3000}",
            "＋",
            "—",
            "微博",
            "👩‍👩‍👧",
            ".",
            "@",
        ];
        for first in pieces {
            for second in pieces {
                for third in pieces {
                    let text = format!("{first}{second}{third}");
                    let ghost = assistant.ghost(&text);
                    for (position, _) in text.char_indices() {
                        assistant.complete(&text, position);
                    }
                    if third == "max(" && second == "，" {
                        assert_eq!(ghost.unwrap().shown, "value)", "{text}");
                    }
                }
            }
        }
    }
}
