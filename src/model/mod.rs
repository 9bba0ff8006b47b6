//! The tables of a database: their columns, keys and sort orders.
//!
//! Everything that reads or writes rows takes names and types from here, so
//! that importers, the store, SQL and the documentation cannot disagree.

mod accounts;
mod column_names;
mod imports;
mod posts;
mod type_names;

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

pub use accounts::{ACCOUNT_SNAPSHOTS, ACCOUNTS};
pub(crate) use column_names::unique_names;
pub use imports::{IMPORTS, REJECTS};
pub use posts::{POST_SNAPSHOTS, POSTS};
pub use type_names::type_name;

/// All tables of a database, in the order in which a transaction commits them:
/// `imports` is last, so that an import that is listed is complete.
pub const TABLES: [&Table; 6] =
    [&ACCOUNTS, &ACCOUNT_SNAPSHOTS, &POSTS, &POST_SNAPSHOTS, &REJECTS, &IMPORTS];

/// The file that makes a folder a database: it names the current version of each
/// table, and is called the head.
pub(crate) const HEAD: &str = "weiku.json";

/// The column that says when values were seen.
pub(crate) const OBSERVED_AT: &str = "observed_at";

/// One table: what it holds, and how it is laid out.
#[derive(Debug)]
pub struct Table {
    /// The name in SQL and of the folder in the database.
    pub name: &'static str,
    /// What one row of it is, in a sentence.
    pub summary: &'static str,
    /// The columns in order.
    pub columns: &'static [Column],
    /// The columns that identify a row.
    pub key: &'static [&'static str],
    /// The order of rows within each data file.
    pub sort: &'static [SortColumn],
}

/// One column of a [`Table`].
#[derive(Debug)]
pub struct Column {
    /// The name in SQL and in the data files.
    pub name: &'static str,
    /// The kind of value.
    pub kind: ColumnKind,
    /// Whether the value may be unknown (NULL).
    pub nullable: bool,
    /// What it holds, in a sentence, with its unit.
    pub summary: &'static str,
}

/// One column of a sort order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortColumn {
    /// The column's name.
    pub name: &'static str,
    /// Whether large values come first; NULLs come last in either case.
    pub descending: bool,
}

/// The kinds of value that tables hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// UTF-8 text.
    Text,
    /// A list of texts.
    TextList,
    /// A 64-bit signed count.
    Integer,
    /// True or false.
    Boolean,
    /// An instant in UTC, in microseconds.
    Instant,
    /// Bytes as they were read.
    Bytes,
}

impl ColumnKind {
    /// The Arrow type in which batches hold the value.
    #[must_use]
    pub fn data_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8View,
            Self::TextList => DataType::List(Arc::new(Field::new("element", DataType::Utf8, true))),
            Self::Integer => DataType::Int64,
            Self::Boolean => DataType::Boolean,
            Self::Instant => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Bytes => DataType::BinaryView,
        }
    }
}

impl Table {
    /// The Arrow schema of every batch that is written to the table.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        let fields: Vec<Field> = self
            .columns
            .iter()
            .map(|column| Field::new(column.name, column.kind.data_type(), column.nullable))
            .collect();
        Arc::new(Schema::new(fields))
    }

    /// The column called `name`, if the table has one.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The position of the column called `name`, if the table has one.
    #[must_use]
    pub fn index(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

/// The table called `name`, if there is one.
#[must_use]
pub fn table(name: &str) -> Option<&'static Table> {
    TABLES.into_iter().find(|table| table.name == name)
}

/// A column that is always known.
const fn required(name: &'static str, kind: ColumnKind, summary: &'static str) -> Column {
    Column { name, kind, nullable: false, summary }
}

/// A column that may be unknown.
const fn optional(name: &'static str, kind: ColumnKind, summary: &'static str) -> Column {
    Column { name, kind, nullable: true, summary }
}

/// An ascending sort column.
const fn ascending(name: &'static str) -> SortColumn {
    SortColumn { name, descending: false }
}

/// A descending sort column.
const fn descending(name: &'static str) -> SortColumn {
    SortColumn { name, descending: true }
}
