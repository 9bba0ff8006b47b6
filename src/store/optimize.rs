//! Keeps a database fast: merges small files into larger ones, packs the large
//! ones tightly, and removes files that only old versions name.

use std::cmp::Ordering;
use std::sync::Arc;

use chrono::TimeDelta;
use datafusion::common::ScalarValue;

use super::data_file::Packing;
use super::layout::{Head, Layout};
use super::lock::WriterLock;
use super::merge::Merged;
use super::transaction::{FinishedChange, checkpoint, publish};
use super::{DataFile, Limits, Store, errors, log, pending, reindex, sorted};
use crate::error::Result;
use crate::index;
use crate::model::{TABLES, Table};

/// Which files are small: those with fewer bytes than these, and fewer rows than
/// this part of a file's.
#[derive(Debug, Clone, Copy)]
struct Small {
    bytes: u64,
    part: u64,
}

impl Small {
    /// Whether `file` is, where files are as large as `limits` say.
    fn holds(self, file: &DataFile, limits: &Limits) -> bool {
        file.rows < limits.file_rows as u64 / self.part && file.size < self.bytes
    }
}

/// What a person who asks for it has merged.
const ON_REQUEST: Small = Small { bytes: 64 << 20, part: 2 };

/// What a commit merges by itself: not what an import wrote as large as its
/// memory allows, for that would be written twice.
const BY_ITSELF: Small = Small { bytes: 16 << 20, part: 8 };

/// So many small files in a table are merged by the commit that leaves them.
const MANY: usize = 12;

/// Rows of the files that are merged at a time, as far as they are in memory at
/// once; and how many files at most are open.
const OPEN_ROWS: u64 = 512 * 1024;
const OPEN_FILES: usize = 256;

/// Rows of a file that are in memory at once.
const OPEN_ROWS_PER_FILE: u64 = 8 * 1024;

/// For how long files are kept that only old versions of a table name.
const RETENTION: TimeDelta = TimeDelta::days(7);

/// What optimizing did to a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Optimized {
    /// The table's name.
    pub table: &'static str,
    /// How many files it had.
    pub files_before: usize,
    /// How many it has.
    pub files_after: usize,
    /// How many files were packed tightly that an import had packed fast.
    pub files_packed: usize,
    /// How many files of old versions were removed.
    pub files_removed: usize,
}

impl Store {
    /// Merges small files into larger ones, in order where their rows allow,
    /// packs tightly what imports packed fast, and removes files that for a week
    /// no current version has named.
    ///
    /// Each file is a commit: what is done stays done if the rest is cancelled.
    /// `progress` is told the rows that are written, and all that are to be.
    ///
    /// # Errors
    /// When a file cannot be read or written, or another process writes.
    pub async fn optimize(
        &self,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<Vec<Optimized>> {
        let transaction = self.begin_for("optimize").await?;
        let (mut head, lock) = transaction.into_parts();
        let mut total = 0;
        for table in TABLES {
            let small = self.small_files(&head, table, ON_REQUEST).await?;
            let merges = |file: &DataFile| small.len() > 1 && ON_REQUEST.holds(file, &self.limits);
            let mut files = self.files(&head, table).await?;
            files.retain(|file| !file.is_tight || merges(file));
            total += rows_of(&files);
        }
        let mut written = 0;
        let mut report = Vec::new();
        for table in TABLES {
            let files_before = self.files(&head, table).await?.len();
            let mut files_packed = 0;
            while let Some(group) = self.next_group(&head, table).await? {
                files_packed += usize::from(group.len() == 1);
                written += rows_of(&group);
                head = merge(self, &head, table, group, Packing::Tight, Arc::clone(&lock)).await?;
                progress(written.min(total), total);
            }
            self.index(&head, table).await?;
            let files_after = self.files(&head, table).await?.len();
            let files_removed = self.remove_old(&head, table).await?;
            let table = table.name;
            report.push(Optimized {
                table,
                files_before,
                files_after,
                files_packed,
                files_removed,
            });
        }
        checkpoint(self, &head).await?;
        Ok(report)
    }

    /// What is to be written next: small files that are merged, or one file that
    /// is packed.
    async fn next_group(
        &self,
        head: &Head,
        table: &'static Table,
    ) -> Result<Option<Vec<DataFile>>> {
        let small = self.small_files(head, table, ON_REQUEST).await?;
        if let Some(group) = groups(small).into_iter().find(|group| group.len() > 1) {
            return Ok(Some(group));
        }
        let files = self.files(head, table).await?;
        Ok(files.into_iter().find(|file| !file.is_tight).map(|file| vec![file]))
    }

    /// The files of a table as of `head`.
    async fn files(&self, head: &Head, table: &'static Table) -> Result<Vec<DataFile>> {
        let snapshot = self.cache.get(&self.layout, table, head.version(table)?).await?;
        Ok(snapshot.files.clone())
    }

    /// The files of a table that are small, in the table's order.
    async fn small_files(
        &self,
        head: &Head,
        table: &'static Table,
        limits: Small,
    ) -> Result<Vec<DataFile>> {
        let mut small = self.files(head, table).await?;
        small.retain(|file| limits.holds(file, &self.limits));
        small.sort_by(|a, b| in_order(table, a, b));
        Ok(small)
    }

    /// Makes the indexes that are wanting.
    async fn index(&self, head: &Head, table: &'static Table) -> Result<()> {
        let files = self.files(head, table).await?;
        let indexed = tokio::task::spawn_blocking(move || {
            let wanting = files.iter().filter(|file| reindex::is_wanting(table, file));
            wanting.into_iter().try_for_each(|file| reindex::reindex(table, file))
        });
        indexed.await.map_err(errors::join)?
    }

    /// Removes the files that only old versions of a table name.
    async fn remove_old(&self, head: &Head, table: &'static Table) -> Result<usize> {
        let head = head.clone();
        self.blocking(move |layout| remove_old(layout, table, &head)).await
    }
}

/// Merges the small files of a table if they are many; gives the new head.
pub(super) async fn tidy(
    store: &Store,
    head: &Head,
    table: &'static Table,
    lock: Arc<WriterLock>,
) -> Result<Head> {
    let small = store.small_files(head, table, BY_ITSELF).await?;
    if small.len() < MANY {
        return Ok(head.clone());
    }
    let mut head = head.clone();
    for group in groups(small).into_iter().filter(|group| group.len() > 1) {
        head = merge(store, &head, table, group, Packing::Fast, Arc::clone(&lock)).await?;
    }
    Ok(head)
}

/// Merges the files of `group` and commits; gives the new head.
async fn merge(
    store: &Store,
    head: &Head,
    table: &'static Table,
    group: Vec<DataFile>,
    packing: Packing,
    lock: Arc<WriterLock>,
) -> Result<Head> {
    let base = store.cache.get(&store.layout, table, head.version(table)?).await?;
    let (store, head) = (store.clone(), head.clone());
    let merged = tokio::task::spawn_blocking(move || {
        let folder = store.layout.table(table);
        let staged = sorted::merge_files(table, &folder, &group, &store.limits, packing)?;
        let merged = Merged { staged, removed: group };
        let change = FinishedChange { rows: base.rows(), base, merged, rows_change: false };
        let head = publish(&store.layout, &head, "optimize", vec![change]);
        drop(lock);
        head
    });
    merged.await.map_err(errors::join)?
}

/// Files that are merged together: neighbours, and as many as fit in memory.
fn groups(small: Vec<DataFile>) -> Vec<Vec<DataFile>> {
    let mut groups: Vec<Vec<DataFile>> = Vec::new();
    let mut open = OPEN_ROWS;
    for file in small {
        let rows = file.rows.min(OPEN_ROWS_PER_FILE);
        match groups.last_mut() {
            Some(group) if open + rows <= OPEN_ROWS && group.len() < OPEN_FILES => {
                group.push(file);
            }
            _ => {
                groups.push(vec![file]);
                open = 0;
            }
        }
        open += rows;
    }
    groups
}

/// Which of two files comes first in the table's order.
fn in_order(table: &Table, a: &DataFile, b: &DataFile) -> Ordering {
    let Some(sort) = table.sort.first() else { return Ordering::Equal };
    let first = |file: &DataFile| -> Option<ScalarValue> {
        let column = file.statistics.column_statistics.get(table.index(sort.name)?)?;
        let bound = if sort.descending { &column.max_value } else { &column.min_value };
        bound.get_value().cloned()
    };
    let order = match (first(a), first(b)) {
        (Some(a), Some(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        // Files of which nothing is known come last, as NULLs do.
        (None, Some(_)) => return Ordering::Greater,
        (Some(_), None) => return Ordering::Less,
        (None, None) => Ordering::Equal,
    };
    if sort.descending { order.reverse() } else { order }
}

/// All rows of `files`.
fn rows_of(files: &[DataFile]) -> u64 {
    files.iter().map(|file| file.rows).sum()
}

/// Removes the files of a table that for long enough no version has named, and
/// those that none ever has; gives how many there were.
fn remove_old(layout: &Layout, table: &'static Table, head: &Head) -> Result<usize> {
    let version = head.version(table)?;
    pending::remove_leftovers(layout, table, head)?;
    layout.remove_orphans(table, &log::named_files(layout, table, version)?, RETENTION)?;
    let there = layout.names(table)?;
    let oldest = (chrono::Utc::now() - RETENTION).timestamp_millis();
    let current = log::replay(layout, table, version)?;
    let mut count = 0;
    for version in 0..=version {
        for remove in log::read_entry(layout, table, version)?.removed {
            let is_old = remove.deletion_timestamp.is_some_and(|at| at < oldest);
            if !is_old || current.contains_key(&remove.path) {
                continue;
            }
            let path = layout.data_file(table, &remove.path)?;
            count += usize::from(there.contains(&remove.path));
            if [&path, &index::path(&path)]
                .map(|path| log::file_name(path))
                .iter()
                .any(|name| there.contains(name))
            {
                layout.remove(&path)?;
            }
        }
    }
    Ok(count)
}
