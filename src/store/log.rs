//! The commit log of one table: checked when it is read, sealed when it is
//! written.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deltalake_core::kernel::{
    Action, Add, ArrayType, DataType, EagerSnapshot, MetadataValue, PrimitiveType, Remove,
    StructField, StructType, new_metadata,
};
use deltalake_core::logstore::{LogStoreRef, StorageConfig, logstore_with};
use deltalake_core::{DeltaTable, DeltaTableError};
use serde_json::{Value, json};
use url::Url;

use super::checkpoints::Checkpoints;
use super::data_file::Written;
use super::errors::delta;
use super::layout::{Layout, repair_hint};
use super::place::Reach;
use super::{DataFile, Snapshot, errors, files, seal, statistics};
use crate::error::{Error, Result};
use crate::index;
use crate::model::{ColumnKind, Table};

/// A checkpoint is written every so many versions, so that opening a table
/// reads few entries whatever its history.
const CHECKPOINT_INTERVAL: i64 = 10;

/// How the names of checkpoints end.
pub(super) const CHECKPOINT: &str = ".checkpoint.parquet";

/// The tag that holds a data file's checksum.
const TAG_SHA256: &str = "weiku.sha256";

/// The tag of a file that is packed as tightly as `weiku optimize` does.
const TAG_PACKING: &str = "weiku.packing";

/// The tag that holds what is known of a data file's columns.
const TAG_COLUMNS: &str = "weiku.columns";

/// The tag that names the order of a data file's rows.
const TAG_SORT: &str = "weiku.sort";

/// The tag that says that a data file was written with an index beside it.
const TAG_INDEX: &str = "weiku.index";

/// What one version of a table does, for its log entry.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// Files that are new.
    pub(super) added: Vec<Written>,
    /// Files that go.
    pub(super) removed: Vec<DataFile>,
    /// Whether rows change, or only the files that hold them.
    pub(super) rows_change: bool,
}

/// Reads the table at `version`, after a check of the log entries it rests on.
pub(super) async fn load(layout: &Layout, table: &'static Table, version: i64) -> Result<Snapshot> {
    fetch(layout, table, version).await?;
    check(layout, table, version)?;
    let store = log_store(layout, table)?;
    let snapshot = EagerSnapshot::try_new(store.as_ref(), Some(delta_version(version)?))
        .await
        .map_err(|error| delta(table, error).hint(repair_hint(layout)))?;
    let mut files = Vec::new();
    for view in snapshot.log_data().iter() {
        #[expect(deprecated, reason = "the only access to a file's tags")]
        files.push(data_file(layout, table, &view.add_action())?);
    }
    // The log keeps no order; a fixed one makes everything repeatable.
    files.sort_by(|a: &DataFile, b| a.path.cmp(&b.path));
    Ok(Snapshot { table, version, files, rollups: index::Rollups::default() })
}

/// A data file as the log describes it.
pub(super) fn data_file(layout: &Layout, table: &'static Table, add: &Add) -> Result<DataFile> {
    let path = layout.data_file(table, &add.path)?;
    let size = u64::try_from(add.size).unwrap_or(0);
    let tag = |name: &str| add.tags.as_ref()?.get(name)?.clone();
    let counts: Option<Value> =
        add.stats.as_deref().and_then(|stats| serde_json::from_str(stats).ok());
    let rows = counts.and_then(|counts| counts.get("numRecords")?.as_u64()).ok_or_else(|| {
        Error::store(format!("the log does not say how many rows {} has", path.display()))
            .hint(repair_hint(layout))
    })?;
    let columns = tag(TAG_COLUMNS).and_then(|tag| statistics::from_tag(table, &tag));
    let statistics =
        Arc::new(statistics::statistics(table, rows, size, &columns.unwrap_or_default()));
    let bucket = layout.bucket().cloned();
    let (sha256, is_tight) = (tag(TAG_SHA256), tag(TAG_PACKING).is_some());
    Ok(DataFile { path, size, rows, statistics, sha256, is_tight, bucket })
}

/// Whether a data file was written with an index beside it.
pub(super) fn was_indexed(add: &Add) -> bool {
    add.tags.as_ref().is_some_and(|tags| tags.contains_key(TAG_INDEX))
}

/// A data file as far as removing it needs it: its name may be one that must
/// not be followed.
pub(super) fn data_file_unchecked(layout: &Layout, table: &'static Table, add: &Add) -> DataFile {
    let size = u64::try_from(add.size).unwrap_or(0);
    let counted = add.get_stats().ok().flatten().map_or(0, |stats| stats.num_records);
    let rows = u64::try_from(counted).unwrap_or(0);
    DataFile {
        path: layout.table(table).join(&add.path),
        size,
        rows,
        statistics: Arc::new(statistics::statistics(table, rows, size, &[])),
        sha256: None,
        is_tight: false,
        bucket: layout.bucket().cloned(),
    }
}

/// Checks every log entry that reading `version` rests on: there, whole, and
/// as it was written.
fn check(layout: &Layout, table: &'static Table, version: i64) -> Result<()> {
    inside(layout, table)?;
    let checkpoint = newest_checkpoint(layout, table, version)?;
    if checkpoint >= 0 {
        Checkpoints::read(layout, table)?.check(layout, table, checkpoint)?;
    }
    for version in checkpoint + 1..=version {
        check_entry(layout, table, version)?;
    }
    Ok(())
}

/// The newest checkpoint here from which the table can be read at `version`; -1
/// if there is none.
pub(super) fn newest_checkpoint(
    layout: &Layout,
    table: &'static Table,
    version: i64,
) -> Result<i64> {
    let written = checkpoints(&layout.log(table))?;
    Ok(written.range(..=version).next_back().copied().unwrap_or(-1))
}

/// Fetches what reading the table at `version` rests on, from a bucket if the
/// database lies in one.
async fn fetch(layout: &Layout, table: &'static Table, version: i64) -> Result<()> {
    if layout.bucket().is_none() {
        return Ok(());
    }
    let layout = layout.clone();
    let fetched =
        tokio::task::spawn_blocking(move || layout.fetch_log(table, Reach::Version(version)));
    fetched.await.map_err(errors::join)?
}

/// The versions for which the log folder `log` holds a checkpoint.
pub(super) fn checkpoints(log: &Path) -> Result<BTreeSet<i64>> {
    versions_named(log, CHECKPOINT)
}

/// The versions that the file names with `suffix` in `log` stand for.
fn versions_named(log: &Path, suffix: &str) -> Result<BTreeSet<i64>> {
    let failed = |error: std::io::Error| files::damaged(Error::io("read", log, &error));
    let mut versions = BTreeSet::new();
    for entry in std::fs::read_dir(log).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let version = name.to_str().and_then(|name| name.strip_suffix(suffix));
        versions.extend(version.and_then(|version| version.parse::<i64>().ok()));
    }
    Ok(versions)
}

/// Checks one log entry and gives its bytes.
pub(super) fn check_entry(layout: &Layout, table: &'static Table, version: i64) -> Result<Vec<u8>> {
    let path = layout.entry(table, version);
    let damaged = |what: &str| {
        Error::store(format!("log entry {} {what}", path.display())).hint(repair_hint(layout))
    };
    let bytes = match std::fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(damaged("is missing"));
        }
        other => other.map_err(|error| Error::io("read", &path, &error))?,
    };
    if bytes.is_empty() {
        return Err(damaged("is empty"));
    }
    if seal::is_intact(&bytes) { Ok(bytes) } else { Err(damaged("is damaged")) }
}

/// One log entry, as far as the store needs it.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// When it was written, in milliseconds.
    pub(super) timestamp: i64,
    /// What it was written for.
    pub(super) operation: String,
    /// The files that it adds.
    pub(super) added: Vec<Add>,
    /// The files that it removes.
    pub(super) removed: Vec<Remove>,
}

/// Reads one log entry, after a check.
pub(super) fn read_entry(layout: &Layout, table: &'static Table, version: i64) -> Result<Entry> {
    let bytes = check_entry(layout, table, version)?;
    let mut entry = Entry::default();
    for line in bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let value: Value = serde_json::from_slice(line).map_err(|error| {
            Error::store(format!(
                "log entry {} cannot be read: {error}",
                layout.entry(table, version).display()
            ))
        })?;
        if let Some(info) = value.get("commitInfo") {
            entry.timestamp = info["timestamp"].as_i64().unwrap_or_default();
            entry.operation = info["weiku"]["operation"].as_str().unwrap_or("?").to_owned();
            continue;
        }
        match serde_json::from_value(value) {
            Ok(Action::Add(add)) => entry.added.push(add),
            Ok(Action::Remove(remove)) => entry.removed.push(remove),
            // Other actions say nothing of files.
            _ => {}
        }
    }
    Ok(entry)
}

/// The names of all data files that any version up to `version` knows.
pub(super) fn named_files(
    layout: &Layout,
    table: &'static Table,
    version: i64,
) -> Result<HashSet<String>> {
    layout.fetch_log(table, Reach::Whole)?;
    let mut names = HashSet::new();
    for version in 0..=version {
        let entry = read_entry(layout, table, version)?;
        names.extend(entry.added.into_iter().map(|add| add.path));
    }
    Ok(names)
}

/// The data files of `version`, from the entries alone, without checkpoints.
pub(super) fn replay(
    layout: &Layout,
    table: &'static Table,
    version: i64,
) -> Result<BTreeMap<String, Add>> {
    layout.fetch_log(table, Reach::Whole)?;
    let mut files = BTreeMap::new();
    for version in 0..=version {
        let entry = read_entry(layout, table, version)?;
        for remove in entry.removed {
            files.remove(&remove.path);
        }
        files.extend(entry.added.into_iter().map(|add| (add.path.clone(), add)));
    }
    Ok(files)
}

/// The versions for which the log folder holds an entry.
pub(super) fn entries(layout: &Layout, table: &'static Table) -> Result<BTreeSet<i64>> {
    versions_named(&layout.log(table), ".json")
}

/// Refuses a table folder that is a link out of the database.
fn inside(layout: &Layout, table: &Table) -> Result<()> {
    for path in [layout.table(table), layout.log(table)] {
        let found = std::fs::symlink_metadata(&path)
            .map_err(|error| files::damaged(Error::io("read", &path, &error)))?;
        if !found.is_dir() {
            return Err(Error::store(format!("{} is not a folder", path.display())));
        }
    }
    Ok(())
}

/// The log entry that makes an empty table.
pub(super) fn creation(table: &'static Table) -> Result<String> {
    let fields = table.columns.iter().map(|column| {
        StructField::new(column.name, delta_type(column.kind), column.nullable)
            .with_metadata([("comment", MetadataValue::String(column.summary.to_owned()))])
    });
    let schema =
        StructType::try_new(fields).map_err(|error| delta(table, DeltaTableError::from(error)))?;
    let properties = [("delta.enableExpiredLogCleanup", "false")];
    let metadata = new_metadata(&schema, Vec::<String>::new(), properties)
        .map_err(|error| Error::internal(format!("cannot describe a table: {error}")))?;
    let lines = [
        json!({ "protocol": { "minReaderVersion": 1, "minWriterVersion": 2 } }).to_string(),
        action(&Action::Metadata(metadata))?,
    ];
    Ok(entry("CREATE TABLE", &json!({ "operation": "create" }), &lines))
}

/// The log entry for `change`, made by `operation`.
pub(super) fn entry_for(table: &'static Table, operation: &str, change: &Change) -> Result<String> {
    let mut lines = Vec::new();
    for file in &change.removed {
        lines.push(action(&Action::Remove(remove(file, change.rows_change)))?);
    }
    for written in &change.added {
        lines.push(action(&Action::Add(add(table, written, change.rows_change)))?);
    }
    let rows = |count: u64| Value::from(count);
    let details = json!({
        "operation": operation,
        "rowsAdded": rows(change.added.iter().map(|written| written.file.rows).sum()),
        "rowsRemoved": rows(change.removed.iter().map(|file| file.rows).sum()),
        "filesAdded": change.added.len(),
        "filesRemoved": change.removed.len(),
    });
    let kind = if change.rows_change { "WRITE" } else { "OPTIMIZE" };
    Ok(entry(kind, &details, &lines))
}

/// A log entry of the given actions, sealed.
fn entry(kind: &str, details: &Value, actions: &[String]) -> String {
    let info = json!({ "commitInfo": {
        "timestamp": chrono::Utc::now().timestamp_millis(),
        "operation": kind,
        "operationParameters": {},
        "engineInfo": concat!("weiku/", env!("CARGO_PKG_VERSION")),
        "weiku": details,
        "seal": seal::BLANK,
    } });
    let mut text = info.to_string();
    for action in actions {
        text.push('\n');
        text.push_str(action);
    }
    text.push('\n');
    seal::seal(text)
}

/// One line of a log entry.
fn action(action: &Action) -> Result<String> {
    serde_json::to_string(action)
        .map_err(|error| Error::internal(format!("cannot write a log entry: {error}")))
}

/// The action that adds a data file.
fn add(table: &'static Table, written: &Written, rows_change: bool) -> Add {
    let file = &written.file;
    let sort: Vec<String> = table
        .sort
        .iter()
        .map(|sort| format!("{} {}", sort.name, if sort.descending { "desc" } else { "asc" }))
        .collect();
    let mut tags = vec![
        (TAG_SHA256, file.sha256.clone()),
        (TAG_SORT, Some(sort.join(", "))),
        (TAG_COLUMNS, Some(statistics::to_tag(&written.columns))),
    ];
    if index::covers(table) {
        tags.push((TAG_INDEX, Some("1".to_owned())));
    }
    if file.is_tight {
        tags.push((TAG_PACKING, Some("tight".to_owned())));
    }
    Add {
        path: written.name.clone(),
        partition_values: HashMap::new(),
        size: to_signed(file.size),
        modification_time: chrono::Utc::now().timestamp_millis(),
        data_change: rows_change,
        stats: Some(statistics::delta_statistics(table, file.rows, &written.columns)),
        tags: Some(tags.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        deletion_vector: None,
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
    }
}

/// The action that removes a data file.
fn remove(file: &DataFile, rows_change: bool) -> Remove {
    Remove {
        path: file_name(&file.path),
        data_change: rows_change,
        deletion_timestamp: Some(chrono::Utc::now().timestamp_millis()),
        extended_file_metadata: Some(true),
        partition_values: Some(HashMap::new()),
        size: Some(to_signed(file.size)),
        ..Remove::default()
    }
}

/// The name by which a log knows the data file at `path`.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Writes the checkpoint that is due at `version`, if one is.
pub(super) async fn checkpoint(layout: &Layout, table: &'static Table, version: i64) -> Result<()> {
    fetch(layout, table, version).await?;
    let last = layout.checkpoints_there(table)?.last().copied().unwrap_or(0);
    if version - last < CHECKPOINT_INTERVAL {
        return Ok(());
    }
    let mut opened = DeltaTable::new(log_store(layout, table)?);
    let failed = |error| delta(table, error);
    opened.load_version(delta_version(version)?).await.map_err(failed)?;
    deltalake_core::checkpoints::create_checkpoint(&opened, None).await.map_err(failed)?;
    let layout = layout.clone();
    let settled = tokio::task::spawn_blocking(move || {
        Checkpoints::record(&layout, table, version)?;
        Checkpoints::send(&layout, table, version)
    });
    settled.await.map_err(errors::join)?
}

/// The Delta library's access to a table's log.
fn log_store(layout: &Layout, table: &'static Table) -> Result<LogStoreRef> {
    let folder: PathBuf = layout.table(table);
    let folder =
        std::path::absolute(&folder).map_err(|error| Error::io("read", &folder, &error))?;
    let url = Url::from_directory_path(&folder)
        .map_err(|()| Error::store(format!("{} is no usable path", folder.display())))?;
    let store = Arc::new(super::durable::DurableFileSystem::new());
    logstore_with(store, &url, StorageConfig::default()).map_err(|error| delta(table, error))
}

/// The log's type for a kind of column.
fn delta_type(kind: ColumnKind) -> DataType {
    let primitive = match kind {
        ColumnKind::TextList => return ArrayType::new(DataType::STRING, true).into(),
        ColumnKind::Text => PrimitiveType::String,
        ColumnKind::Integer => PrimitiveType::Long,
        ColumnKind::Boolean => PrimitiveType::Boolean,
        ColumnKind::Instant => PrimitiveType::Timestamp,
        ColumnKind::Bytes => PrimitiveType::Binary,
    };
    DataType::Primitive(primitive)
}

/// A version as the Delta library counts them.
fn delta_version(version: i64) -> Result<u64> {
    u64::try_from(version).map_err(|_| Error::usage(format!("there is no version {version}")))
}

/// A size as the log holds it.
fn to_signed(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
