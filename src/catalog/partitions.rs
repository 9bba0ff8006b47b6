//! Files in folders whose names are values, as Hive lays them out:
//! `FROM 'posts/platform=weibo/*.parquet'` has a column `platform`. The path of each file may
//! be such a column as well.
//!
//! The engine's own listing takes such values for texts that are never unknown, and does
//! not find the files by a pattern that reaches into these folders.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::listing::helpers::{expr_applicable_for_cols, filter_partitioned_file};
use datafusion::datasource::listing::{ListingTableUrl, PartitionedFile};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use super::alike::are_alike;
use super::aside::Waiting;
use super::csv;

/// The name of the folder with what is unknown.
const UNKNOWN: &str = "__HIVE_DEFAULT_PARTITION__";

/// What the names of the folders say of some files.
#[derive(Debug)]
pub(super) struct Folders {
    names: Vec<String>,
    /// For each file the values in the order of the names.
    values: Vec<Vec<Option<String>>>,
}

impl Folders {
    /// What the folders say of the files at `paths`, if all say something of the same.
    pub(super) fn of(paths: &[PathBuf]) -> Option<Self> {
        let mut names = None;
        let mut values = Vec::with_capacity(paths.len());
        for path in paths {
            let (these, of_file): (Vec<_>, Vec<_>) = pairs(path).into_iter().unzip();
            if *names.get_or_insert_with(|| these.clone()) != these {
                return None;
            }
            values.push(of_file);
        }
        let names = names.filter(|names| {
            let is_repeated = |(at, name): (usize, &String)| names[..at].contains(name);
            !names.is_empty() && !names.iter().enumerate().any(is_repeated)
        })?;
        Some(Self { names, values })
    }

    /// What folders say of so many `files` if they say nothing.
    pub(super) fn silent(files: usize) -> Self {
        Self { names: Vec::new(), values: vec![Vec::new(); files] }
    }

    /// Whether some of the folders say something.
    pub(super) fn any(paths: &[PathBuf]) -> bool {
        paths.iter().any(|path| !pairs(path).is_empty())
    }

    /// With one more that says of each file its path, one of `paths`, under `name`.
    pub(super) fn with_paths(mut self, name: &str, paths: &[PathBuf]) -> Self {
        self.names.push(name.to_owned());
        for (values, path) in self.values.iter_mut().zip(paths) {
            values.push(Some(path.display().to_string()));
        }
        self
    }

    /// Whether one of them is called `name`.
    pub(super) fn say(&self, name: &str) -> bool {
        self.names.iter().any(|known| are_alike(known, name))
    }

    /// The columns that they are beside those of the files, which say themselves what is in
    /// `columns`; instants are in `zone`.
    pub(super) fn beside(mut self, columns: &Schema, zone: &str) -> Result<Beside> {
        let keep: Vec<bool> =
            self.names.iter().map(|name| columns.field_with_name(name).is_err()).collect();
        kept(&mut self.names, &keep);
        self.values.iter_mut().for_each(|values| kept(values, &keep));
        let fields: Vec<FieldRef> = (0..self.names.len()).map(|at| self.column(at, zone)).collect();
        let of_file = |values: &Vec<Option<String>>| -> Result<Vec<ScalarValue>> {
            let pairs = values.iter().zip(&fields);
            pairs.map(|(value, field)| scalar(value.as_deref(), field.data_type())).collect()
        };
        let values: Result<Vec<_>> = self.values.iter().map(of_file).collect();
        Ok(Beside { values: values?, fields })
    }

    /// The column at `at`: its type is that of all its values.
    fn column(&self, at: usize, zone: &str) -> FieldRef {
        let values = self.values.iter().filter_map(|values| values.get(at)?.as_deref());
        let kind = match csv::type_of(values, zone) {
            kind @ (DataType::Int64 | DataType::Date32 | DataType::Timestamp(..)) => kind,
            _ => DataType::Utf8,
        };
        let name = self.names.get(at).map(String::as_str).unwrap_or_default();
        Arc::new(Field::new(name, kind, true))
    }
}

/// Columns that have one value for each file.
#[derive(Debug, Clone)]
pub(super) struct Beside {
    fields: Vec<FieldRef>,
    /// For each file the values of these columns.
    values: Vec<Vec<ScalarValue>>,
}

impl Beside {
    /// What they are called.
    pub(super) fn names(&self) -> Vec<String> {
        self.fields.iter().map(|field| field.name().clone()).collect()
    }

    /// Those of the files with the numbers in `files`.
    pub(super) fn of(&self, files: &[usize]) -> Self {
        let values = files.iter().filter_map(|file| self.values.get(*file).cloned()).collect();
        Self { fields: self.fields.clone(), values }
    }
}

fn kept<T>(items: &mut Vec<T>, keep: &[bool]) {
    let mut keep = keep.iter();
    items.retain(|_| keep.next().copied().unwrap_or(true));
}

/// The names and values in the folders of `path`.
fn pairs(path: &Path) -> Vec<(String, Option<String>)> {
    let folders = path.parent().into_iter().flat_map(Path::components);
    let pair = |folder: Component<'_>| {
        let Component::Normal(folder) = folder else { return None };
        let (name, value) = folder.to_str()?.split_once('=')?;
        let value = (value != UNKNOWN).then(|| decoded(value));
        (!name.is_empty()).then(|| (decoded(name), value))
    };
    folders.filter_map(pair).collect()
}

/// `text` with each `%2F` the character that it stands for.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = match byte {
            b'%' => after.get(..2).and_then(|digits| hex::decode(digits).ok()),
            _ => None,
        };
        rest = if code.is_some() { &after[2..] } else { after };
        bytes.extend(code.unwrap_or_else(|| vec![byte]));
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// All files below `folder`, if folders in it are laid out so, as long as somebody is
/// `waiting` for them.
pub(super) fn files_below(folder: &Path, waiting: &Waiting) -> Option<Vec<PathBuf>> {
    let entries = entries(folder)?;
    let is_value = |path: &PathBuf| path.is_dir() && !pairs(&path.join("file")).is_empty();
    if pairs(&folder.join("file")).is_empty() && !entries.iter().any(is_value) {
        return None;
    }
    Some(below(entries, waiting))
}

/// All files below `folder`, as long as somebody is `waiting` for them.
pub(super) fn all_below(folder: &Path, waiting: &Waiting) -> Vec<PathBuf> {
    below(entries(folder).unwrap_or_default(), waiting)
}

/// The files among `open`, and those below the folders among them.
fn below(mut open: Vec<PathBuf>, waiting: &Waiting) -> Vec<PathBuf> {
    let mut files = Vec::new();
    while let Some(path) = open.pop().filter(|_| !waiting.is_over()) {
        // Links to folders may lead in circles.
        if path.is_dir() {
            let is_link = path.is_symlink();
            open.extend(entries_unless(is_link, &path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn entries_unless(is_link: bool, folder: &Path) -> Vec<PathBuf> {
    if is_link { Vec::new() } else { entries(folder).unwrap_or_default() }
}

/// What is in a folder, without what programs keep for themselves there.
fn entries(folder: &Path) -> Option<Vec<PathBuf>> {
    let is_data = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        !name.starts_with(['.', '_']) || name.contains('=')
    };
    let entries = std::fs::read_dir(folder).ok()?;
    Some(entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_data).collect())
}

/// The files as a table.
#[derive(Debug)]
pub(super) struct PartitionedTable {
    format: Arc<dyn FileFormat>,
    /// The columns of the files, and those beside them.
    columns: TableSchema,
    files: Vec<PartitionedFile>,
    store: ObjectStoreUrl,
}

impl PartitionedTable {
    /// The files at `urls`, which have these `columns`, and others `beside` them.
    pub(super) async fn open(
        format: Arc<dyn FileFormat>,
        columns: SchemaRef,
        urls: &[ListingTableUrl],
        beside: Beside,
        state: &SessionState,
    ) -> Result<Self> {
        let (_, found) = found(urls, state).await?;
        let store = store_of(urls);
        let Beside { fields, values } = beside;
        let mut files = Vec::with_capacity(found.len());
        for (meta, values) in found.into_iter().zip(values) {
            let mut file = PartitionedFile::from(meta);
            file.partition_values = values;
            files.push(file);
        }
        let columns = TableSchema::builder(columns).with_table_partition_cols(fields).build();
        Ok(Self { format, columns, files, store })
    }
}

fn store_of(urls: &[ListingTableUrl]) -> ObjectStoreUrl {
    let first = urls.first().map(ListingTableUrl::object_store);
    first.unwrap_or_else(ObjectStoreUrl::local_filesystem)
}

/// The files at `urls`, and the store that has them.
pub(super) async fn found(
    urls: &[ListingTableUrl],
    state: &SessionState,
) -> Result<(Arc<dyn ObjectStore>, Vec<ObjectMeta>)> {
    let store = state.runtime_env().object_store(store_of(urls))?;
    let mut found = Vec::with_capacity(urls.len());
    for url in urls {
        found.push(store.head(url.prefix()).await?);
    }
    Ok((store, found))
}

/// A value of a folder's name; an empty one is a text or unknown.
fn scalar(value: Option<&str>, kind: &DataType) -> Result<ScalarValue> {
    match value.filter(|value| !value.is_empty() || *kind == DataType::Utf8) {
        Some(value) => ScalarValue::try_from_string(value.to_owned(), kind),
        None => ScalarValue::try_from(kind),
    }
}

#[async_trait]
impl TableProvider for PartitionedTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.columns.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        // Files are left out; the rows of the others are looked at again.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let fields = self.columns.table_partition_cols();
        let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
        let told = filters.iter().filter(|filter| expr_applicable_for_cols(&names, filter));
        let told: Vec<Expr> = told.cloned().collect();
        let of_folders = DFSchema::from_unqualified_fields(fields.clone(), HashMap::new())?;
        let mut files = Vec::new();
        for file in &self.files {
            // Without columns of folders there is nothing to be told, and what cannot be
            // told here is told of the rows.
            let is_wanted = names.is_empty()
                || filter_partitioned_file(file.clone(), &told, &of_folders)
                    .map_or(true, |file| file.is_some());
            if is_wanted {
                files.push(file.clone());
            }
        }
        if files.is_empty() {
            let schema = datafusion::physical_plan::project_schema(&self.schema(), projection)?;
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let groups = FileGroup::new(files).split_files(state.config().target_partitions());
        let source = self.format.file_source(self.columns.clone());
        let config = FileScanConfigBuilder::new(self.store.clone(), source)
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        self.format.create_physical_plan(state, config).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(paths: &[&str]) -> Option<Folders> {
        Folders::of(&paths.iter().map(PathBuf::from).collect::<Vec<_>>())
    }

    #[test]
    fn folders_say_what_their_names_say() {
        let told = of(&[
            "out/platform=weibo/day=2012-08-27/a.csv",
            "out/platform=x%2Fy%zz/day=__HIVE_DEFAULT_PARTITION__/a=b.csv",
        ]);
        let told = told.unwrap();
        assert_eq!(told.names, ["platform", "day"]);
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(told.values[0], [text("weibo"), text("2012-08-27")]);
        assert_eq!(told.values[1], [text("x/y%zz"), None]);
        assert_eq!(*told.column(0, "UTC").data_type(), DataType::Utf8);
        assert_eq!(*told.column(1, "UTC").data_type(), DataType::Date32);
    }

    #[test]
    fn what_files_say_themselves_no_folder_says() {
        let paths = ["a/day=1/x=2/f.csv", "a/day=2/x=__HIVE_DEFAULT_PARTITION__/g.csv"];
        let told = of(&paths).unwrap().with_paths("path", &paths.map(PathBuf::from));
        assert!(told.say("Path") && !told.say("f"));
        let columns = Schema::new(vec![Field::new("day", DataType::Utf8, true)]);
        let told = told.beside(&columns, "UTC").unwrap();
        assert_eq!(told.names(), ["x", "path"]);
        let second = [ScalarValue::Int64(None), ScalarValue::from(paths[1])];
        assert_eq!(told.of(&[1]).values, [second]);
    }

    #[test]
    fn folders_that_do_not_agree_say_nothing() {
        assert!(of(&["a/x=1/f.csv", "a/f.csv"]).is_none());
        assert!(of(&["a/x=1/f.csv", "a/y=1/f.csv"]).is_none());
        assert!(of(&["a/x=1/x=2/f.csv"]).is_none());
        assert!(of(&["a/b/f.csv", "a/x=.csv"]).is_none());
        assert!(of(&[]).is_none());
    }
}
