//! Tables of the Delta format that other programs wrote: `FROM 'lake/posts'`.
//!
//! The files that make up the newest version are read as they lie. Their rows are what
//! the log says, unless it uses features that change what a file means: such tables
//! are refused. A table of a database of ours is read as of the version that is committed
//! for the whole database: the next one may be half done.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use deltalake_core::kernel::EagerSnapshot;
use deltalake_core::logstore::{StorageConfig, logstore_with};
use object_store::local::LocalFileSystem;
use url::Url;

use super::columns::in_zone;
use crate::error::Error;
use crate::model::{self, HEAD};
use crate::store::Store;

/// The folder in a table in which its log lies.
pub(super) const LOG: &str = "_delta_log";

/// The newest version of a table that counts.
#[derive(Debug)]
pub(super) struct DeltaFiles {
    /// The columns of the files, and those that whole files have in common.
    columns: TableSchema,
    files: Vec<PartitionedFile>,
}

impl DeltaFiles {
    /// Reads the log in `folder`; instants are those of `zone`.
    pub(super) async fn open(folder: &Path, zone: &Arc<str>) -> crate::Result<Self> {
        let fault = |what: String| {
            Error::store(format!("the Delta table '{}' cannot be read: {what}", folder.display()))
        };
        // Without `..`, which an address has not.
        let whole = folder.canonicalize().map_err(|error| Error::io("read", folder, &error))?;
        let url =
            Url::from_directory_path(&whole).map_err(|()| fault("it has no address".into()))?;
        let log = logstore_with(Arc::new(LocalFileSystem::new()), &url, StorageConfig::default())
            .map_err(|error| fault(error.to_string()))?;
        let version = committed(&whole).await?;
        let snapshot = EagerSnapshot::try_new(log.as_ref(), version)
            .await
            .map_err(|error| fault(error.to_string()))?;
        let metadata = snapshot.metadata();
        let mapping = metadata.configuration().get("delta.columnMapping.mode");
        if mapping.is_some_and(|mode| mode != "none") {
            return Err(fault(
                "its columns are renamed in its log, which is not understood".into(),
            ));
        }
        let columns = columns(&snapshot.arrow_schema(), metadata.partition_columns(), zone);
        let place = object_store::path::Path::from_absolute_path(&whole)
            .map_err(|error| fault(error.to_string()))?;
        let mut files = Vec::new();
        for view in snapshot.log_data().iter() {
            if view.deletion_vector_descriptor().is_some() {
                return Err(fault("rows of its files were deleted by a deletion vector".into())
                    .hint(
                        "OPTIMIZE or VACUUM of the program that wrote it writes the files anew",
                    ));
            }
            if view.path().contains("://") {
                return Err(fault("it has files of another table".into()));
            }
            let size = u64::try_from(view.size()).unwrap_or(0);
            let mut file = PartitionedFile::new("", size);
            file.object_meta.location =
                place.parts().chain(view.object_store_path().parts()).collect();
            let given = view.partition_values_map();
            for field in columns.table_partition_cols() {
                let value = given.get(field.name()).cloned().flatten();
                let value = partition_value(value, field.data_type());
                file.partition_values.push(value.map_err(|error| fault(error.to_string()))?);
            }
            files.push(file);
        }
        // The log keeps no order; a fixed one makes everything repeatable.
        files.sort_by(|a, b| a.object_meta.location.cmp(&b.object_meta.location));
        Ok(Self { columns, files })
    }
}

/// The version of the table in `folder` that is committed, if it is one of a database.
async fn committed(folder: &Path) -> crate::Result<Option<u64>> {
    // The database lies around the folder itself, and not around a link to it.
    let real = folder.canonicalize().map_err(|error| Error::io("read", folder, &error))?;
    let (Some(around), Some(name)) = (real.parent(), real.file_name()) else { return Ok(None) };
    if !around.join(HEAD).exists() {
        return Ok(None);
    }
    let versions = Store::open(around).await?.versions().await?;
    let name = name.to_string_lossy();
    match versions.get(&*name).and_then(|version| u64::try_from(*version).ok()) {
        None if model::table(&name).is_some() => {
            let database = around.display();
            Err(Error::store(format!("nothing is committed yet to {name} of {database}")))
        }
        version => Ok(version),
    }
}

/// The columns of `schema`, those of whole files last; instants within files are those of
/// `zone`, and those of whole files of UTC, in which the log has them.
fn columns(schema: &Schema, of_whole_files: &[String], zone: &Arc<str>) -> TableSchema {
    let is_of_files = |field: &&FieldRef| of_whole_files.contains(field.name());
    let (whole, within): (Vec<_>, Vec<_>) = schema.fields().iter().partition(is_of_files);
    let within: Vec<Field> = within.into_iter().map(|field| field.as_ref().clone()).collect();
    let whole: Vec<FieldRef> = whole.into_iter().cloned().collect();
    let within = in_zone(&Schema::new(within), zone);
    TableSchema::builder(within).with_table_partition_cols(whole).build()
}

/// The value that a file's rows have in a column; the log keeps it as a text, in
/// which nothing and the empty text are unknown.
fn partition_value(text: Option<String>, kind: &DataType) -> Result<ScalarValue> {
    match text.filter(|text| !text.is_empty()) {
        Some(text) => ScalarValue::try_from_string(text, kind),
        None => ScalarValue::try_from(kind),
    }
}

#[async_trait]
impl TableProvider for DeltaFiles {
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
        // Files are pruned by their extremes; rows are looked at again.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if self.files.is_empty() {
            let schema = datafusion::physical_plan::project_schema(&self.schema(), projection)?;
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let groups =
            FileGroup::new(self.files.clone()).split_files(state.config().target_partitions());
        let source = Arc::new(ParquetSource::new(self.columns.clone()));
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), source)
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        // The format adds the session's Parquet options.
        ParquetFormat::default()
            .with_options(state.default_table_options().parquet)
            .create_physical_plan(state, config)
            .await
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::TimeUnit;

    use super::*;

    #[test]
    fn instants_are_in_the_zone_but_those_of_whole_files() {
        let instant = |zone: &str| DataType::Timestamp(TimeUnit::Microsecond, Some(zone.into()));
        let schema = Schema::new(vec![
            Field::new("since", instant("UTC"), true),
            Field::new("at", instant("UTC"), true),
        ]);
        let columns = columns(&schema, &["since".to_owned()], &"Asia/Shanghai".into());
        let of = |name: &str| {
            columns.table_schema().field_with_name(name).map(|field| field.data_type().clone())
        };
        assert_eq!(of("at").unwrap(), instant("Asia/Shanghai"));
        // The log has their times in UTC.
        assert_eq!(of("since").unwrap(), instant("UTC"));
    }
}
