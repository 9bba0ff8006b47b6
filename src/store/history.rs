//! What was done to a table, version by version.

use super::layout::{Head, Layout};
use super::place::Reach;
use super::{Store, log};
use crate::error::{Error, Result};
use crate::model::Table;

/// One version of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The version.
    pub version: i64,
    /// When it was committed, in microseconds UTC.
    pub at: i64,
    /// What it was committed for, such as `import`.
    pub operation: String,
    /// How many rows the table has in it.
    pub rows: u64,
    /// How many data files the table has in it.
    pub files: u64,
    /// How many rows the files that came have.
    pub rows_written: u64,
    /// How many rows the files that went have.
    pub rows_removed: u64,
}

impl Store {
    /// All versions of a table, oldest first.
    ///
    /// # Errors
    /// When a log entry is damaged.
    pub async fn history(&self, table: &'static Table) -> Result<Vec<Version>> {
        self.blocking(move |layout| history(layout, table)).await
    }

    /// The version that a table had at an instant, in microseconds UTC.
    ///
    /// # Errors
    /// When the table was not there yet, or a log entry is damaged.
    pub async fn version_at(&self, table: &'static Table, at: i64) -> Result<i64> {
        let versions = self.history(table).await?;
        let last = versions.iter().rev().find(|version| version.at <= at);
        last.map(|version| version.version).ok_or_else(|| {
            Error::query(format!("table `{}` was made after that", table.name))
                .hint("weiku history lists the versions of each table with their times")
        })
    }
}

/// All versions of a table.
fn history(layout: &Layout, table: &'static Table) -> Result<Vec<Version>> {
    let latest = Head::read(layout)?.version(table)?;
    layout.fetch_log(table, Reach::Whole)?;
    let mut rows_of = std::collections::HashMap::new();
    let mut versions = Vec::new();
    let (mut rows, mut files) = (0, 0);
    for version in 0..=latest {
        let entry = log::read_entry(layout, table, version)?;
        let removed: Vec<u64> =
            entry.removed.iter().filter_map(|remove| rows_of.remove(&remove.path)).collect();
        let mut added = Vec::new();
        for add in &entry.added {
            let count = log::data_file(layout, table, add)?.rows;
            rows_of.insert(add.path.clone(), count);
            added.push(count);
        }
        let (rows_written, rows_removed) = (added.iter().sum(), removed.iter().sum());
        rows = rows + rows_written - rows_removed;
        files = files + added.len() as u64 - removed.len() as u64;
        versions.push(Version {
            version,
            at: entry.timestamp.saturating_mul(1000),
            operation: entry.operation,
            rows,
            files,
            rows_written,
            rows_removed,
        });
    }
    Ok(versions)
}
