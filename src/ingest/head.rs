//! What the beginning of a file shows, by which formats recognise their own.

use std::collections::BTreeSet;

use super::json::keys;

/// Bytes that are looked at.
pub(super) const LENGTH: u64 = 256 * 1024;

/// The beginning of a file.
#[derive(Debug)]
pub struct Head {
    shape: Shape,
    text: String,
}

/// What kind of file it is.
#[derive(Debug)]
enum Shape {
    Empty,
    Parquet,
    Table { columns: Vec<String>, delimiter: u8 },
    Json { keys: BTreeSet<String> },
}

impl Head {
    /// Looks at the beginning of a file, decoded.
    pub(super) fn new(start: &[u8]) -> Self {
        let text = String::from_utf8_lossy(start).into_owned();
        let shape = if start.starts_with(b"PAR1") {
            Shape::Parquet
        } else if text.trim().is_empty() {
            Shape::Empty
        } else if is_json(&text) {
            Shape::Json { keys: keys::of(start) }
        } else {
            table(start)
        };
        Self { shape, text }
    }

    /// Whether there is nothing in the file.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self.shape, Shape::Empty)
    }

    /// Whether it is a Parquet file.
    pub(super) fn is_parquet(&self) -> bool {
        matches!(self.shape, Shape::Parquet)
    }

    /// Whether it is JSON.
    pub(super) fn is_json(&self) -> bool {
        matches!(self.shape, Shape::Json { .. })
    }

    /// The columns of the first line of a table, else none.
    pub(super) fn columns(&self) -> &[String] {
        match &self.shape {
            Shape::Table { columns, .. } => columns,
            _ => &[],
        }
    }

    /// What separates the fields of a table.
    pub(super) fn delimiter(&self) -> u8 {
        match self.shape {
            Shape::Table { delimiter, .. } => delimiter,
            _ => b',',
        }
    }

    /// Whether the first line of a table has all of the columns.
    pub(super) fn has_columns(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.columns().iter().any(|column| column == name))
    }

    /// Whether JSON has all of the keys; `user.id` is the key `id` of an object
    /// under `user`, and arrays are looked through.
    pub(super) fn has_keys(&self, paths: &[&str]) -> bool {
        match &self.shape {
            Shape::Json { keys } => paths.iter().all(|path| keys.contains(*path)),
            _ => false,
        }
    }

    /// Whether a table has all of the columns, or JSON all of the keys.
    pub(super) fn has(&self, names: &[&str]) -> bool {
        if self.is_json() { self.has_keys(names) } else { self.has_columns(names) }
    }

    /// The names of the columns of a table, or of the outermost keys of JSON.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let columns = self.columns().iter().map(String::as_str);
        columns.chain(self.keys().filter(|key| !key.contains('.')))
    }

    /// The keys of JSON, in alphabetical order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        let keys = match &self.shape {
            Shape::Json { keys } => Some(keys),
            _ => None,
        };
        keys.into_iter().flatten().map(String::as_str)
    }

    /// The beginning as text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// Whether the text begins as JSON, perhaps after the name of a variable.
fn is_json(text: &str) -> bool {
    let start = text.trim_start();
    start.starts_with(['{', '[']) || start.starts_with("window.")
}

/// The first line as the header of a table.
fn table(start: &[u8]) -> Shape {
    let line = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| line.iter().filter(|&&byte| byte == delimiter).count();
    let delimiter = [b',', b'\t', b';'].into_iter().rev().max_by_key(|&d| count(d)).unwrap_or(b',');
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).delimiter(delimiter).from_reader(start);
    let mut record = csv::ByteRecord::new();
    let columns = match reader.read_byte_record(&mut record) {
        Ok(true) => record.iter().map(super::table::column_name).collect(),
        _ => Vec::new(),
    };
    Shape::Table { columns, delimiter }
}
