//! What was typed before: a file that only grows, shared by all shells.
//!
//! Each record is one line of JSON. An input is written when it is entered, so
//! that nothing is lost when the shell dies, and how it went in a second record
//! with the same id.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The most inputs that the arrow keys walk.
pub(crate) const MOST_RECALLED: usize = 10_000;

/// Bytes of an input beyond which it is not remembered: a pasted file is no
/// input that anybody walks back to.
const MOST_BYTES: usize = 1 << 20;

/// One input, and how it went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Names the input: the time and the process.
    id: String,
    /// When it was entered, in RFC 3339.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) at: String,
    /// What was entered.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) text: String,
    /// How long its statements ran, in milliseconds, if it had any and has ended: an
    /// answer that somebody looks at is not slow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ms: Option<u64>,
    /// How many rows it gave, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rows: Option<u64>,
    /// Whether it went well, if it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ok: Option<bool>,
}

/// The history file, or none.
#[derive(Debug, Default)]
pub(crate) struct History {
    path: Option<PathBuf>,
    count: u64,
}

/// Names an input whose outcome is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntryId(String);

impl History {
    /// The history in the file at `path`, which need not be there yet; without
    /// one, nothing is kept.
    pub(crate) fn new(path: Option<PathBuf>) -> Self {
        Self { path, count: 0 }
    }

    /// The file, if there is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Keeps an input. One that begins with a blank is not kept, and gives
    /// `None`, as one does without a file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn add(&mut self, text: &str) -> Result<Option<EntryId>> {
        let skip = text.starts_with(char::is_whitespace) || text.trim().is_empty();
        if skip || text.len() > MOST_BYTES || self.path.is_none() {
            return Ok(None);
        }
        let now = chrono::Utc::now();
        self.count += 1;
        let id = format!("{}-{}-{}", now.timestamp_micros(), std::process::id(), self.count);
        let at = now.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        let text = text.trim_end().to_owned();
        self.append(&Entry { id: id.clone(), at, text, ..Entry::default() })?;
        Ok(Some(EntryId(id)))
    }

    /// Says how the input called `id` went, and how long its statements `ran`, if there
    /// were any.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn finish(
        &self,
        id: EntryId,
        ran: Option<Duration>,
        rows: Option<u64>,
        ok: bool,
    ) -> Result<()> {
        let ms = ran.and_then(|ran| u64::try_from(ran.as_millis()).ok());
        self.append(&Entry { id: id.0, ms, rows, ok: Some(ok), ..Entry::default() })
    }

    /// Writes one record in one call, so that two shells do not mix theirs.
    fn append(&self, entry: &Entry) -> Result<()> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let mut line = serde_json::to_string(entry)
            .map_err(|error| Error::internal(format!("a history record is no JSON: {error}")))?;
        line.push('\n');
        open(path)
            .and_then(|mut file| file.write_all(line.as_bytes()))
            .map_err(|error| Error::io("write the history", path, &error))
    }

    /// All inputs, the oldest first. Lines that are no records are skipped: a
    /// damaged history is no reason to refuse work.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.path.as_deref().map(read).unwrap_or_default()
    }
}

/// Reads the inputs in the file at `path`, each with its outcome.
pub(crate) fn read(path: &Path) -> Vec<Entry> {
    let text = std::fs::read(path).unwrap_or_default();
    let mut entries: Vec<Entry> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for line in String::from_utf8_lossy(&text).lines() {
        let Ok(entry) = serde_json::from_str::<Entry>(line) else {
            continue;
        };
        match places.get(&entry.id) {
            Some(place) => {
                let known = &mut entries[*place];
                (known.ms, known.rows, known.ok) = (entry.ms, entry.rows, entry.ok);
            }
            None if !entry.text.is_empty() => {
                places.insert(entry.id.clone(), entries.len());
                entries.push(entry);
            }
            None => {}
        }
    }
    entries
}

/// Opens the file to append, readable by its owner only.
fn open(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::History;

    #[test]
    fn two_shells_lose_nothing_and_entries_keep_their_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weiku/history");
        let mut one = History::new(Some(path.clone()));
        let mut two = History::new(Some(path.clone()));
        let id = one.add("select 1,\n  '微博';\n").unwrap().unwrap();
        two.add(".tables").unwrap();
        one.finish(id, Some(Duration::from_millis(12)), Some(1), true).unwrap();
        let entries = History::new(Some(path)).entries();
        let texts: Vec<_> = entries.iter().map(|entry| entry.text.as_str()).collect();
        assert_eq!(texts, ["select 1,\n  '微博';", ".tables"]);
        assert_eq!(
            (entries[0].ms, entries[0].rows, entries[0].ok),
            (Some(12), Some(1), Some(true))
        );
        assert_eq!(entries[1].ok, None);
    }

    #[test]
    fn a_leading_blank_keeps_an_input_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history");
        let mut history = History::new(Some(path.clone()));
        assert_eq!(history.add(" select 'secret';").unwrap(), None);
        assert!(!path.exists());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history");
        History::new(Some(path.clone())).add("select 1;").unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_line_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history");
        let mut history = History::new(Some(path.clone()));
        history.add("select 1;").unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend(b"{\"id\": \xff\n");
        std::fs::write(&path, bytes).unwrap();
        history.add("select 2;").unwrap();
        assert_eq!(history.entries().len(), 2);
    }
}
