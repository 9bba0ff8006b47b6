//! One version of a stored table as a DataFusion table.
//!
//! The scan is built from the commit log: each file comes with its statistics,
//! so that files are pruned before they are opened and counts and extremes need
//! no reading; the sort order is declared, so that the newest posts are found
//! without a sort.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use datafusion::datasource::DefaultTableSource;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::{
    CachedParquetFileReaderFactory, ParquetFileReaderFactory,
};
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfig, FileScanConfigBuilder, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableScan, TableType};
use datafusion::physical_expr::expressions::col;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;

use super::held::{HeldColumns, HeldScan, RowGroup, Source, Watched, Wish, choose};
use super::levers::Levers;
use super::selection::Selection;
use crate::model::{ColumnKind, Table};
use crate::store::{DataFile, Snapshot};

/// A [`Snapshot`] to be queried, with instants in the session's time zone.
#[derive(Debug, Clone)]
pub struct StoreTable {
    snapshot: Arc<Snapshot>,
    /// What its database is called, if that was attached.
    attached: Option<Arc<str>>,
    schema: SchemaRef,
    selection: Option<Selection>,
    few_wanted: bool,
    held: Arc<HeldColumns>,
}

/// The place of a file among those of its table, in the order in which rows are given
/// where none is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FilePlace(usize);

/// Footers are read before a query runs, of so many files at most.
const FOOTERS: usize = 64;

/// The name of the column that tells rows apart within a scan.
const ADDRESS: &str = "__address";

impl StoreTable {
    /// The table as of `snapshot`; its instants carry `timezone` in their type,
    /// which rules how SQL reads and shows them. `held` are the session's columns
    /// in memory.
    pub(super) fn new(snapshot: Arc<Snapshot>, timezone: &str, held: Arc<HeldColumns>) -> Self {
        let schema = zoned_schema(snapshot.table, timezone);
        Self { snapshot, attached: None, schema, selection: None, few_wanted: false, held }
    }

    /// The stored table that `scan` reads, if it reads one.
    #[must_use]
    pub fn of_scan(scan: &TableScan) -> Option<&Self> {
        let source = scan.source.downcast_ref::<DefaultTableSource>()?;
        source.table_provider.downcast_ref()
    }

    /// The same table of a database that was attached as `name`.
    pub(super) fn attached(self, name: &Arc<str>) -> Self {
        Self { attached: Some(Arc::clone(name)), ..self }
    }

    /// What a statement calls it, which knows it as `name` in its database.
    #[must_use]
    pub fn full_name(&self, name: &str) -> String {
        match &self.attached {
            Some(database) => format!("{database}.{name}"),
            None => name.to_owned(),
        }
    }

    /// The same table for a query that needs no rows but those of `selection`.
    #[must_use]
    pub fn narrowed(&self, selection: Selection) -> Self {
        Self { selection: Some(selection), ..self.clone() }
    }

    /// The same table for a query that wants few rows in the end.
    #[must_use]
    pub fn for_few_rows(&self) -> Self {
        Self { few_wanted: true, ..self.clone() }
    }

    /// Whether few of the rows are wanted.
    #[must_use]
    pub fn is_for_few_rows(&self) -> bool {
        self.few_wanted
    }

    /// The version of the stored table that is read.
    #[must_use]
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// The rows to which it was narrowed.
    #[must_use]
    pub fn selection(&self) -> Option<&Selection> {
        self.selection.as_ref()
    }

    /// The files that are read, with their statistics, in the types of this table's
    /// schema; each with its place among all of them, which depends on no selection.
    fn files(&self) -> Result<Vec<PartitionedFile>> {
        let mut files = Vec::new();
        for (number, file) in self.snapshot.files.iter().enumerate() {
            let mut scanned = PartitionedFile::new("", file.size)
                .with_statistics(Arc::new(self.zoned(&file.statistics)))
                .with_extension(FilePlace(number));
            scanned.object_meta.location = file.location().map_err(foreign)?;
            files.push(scanned);
        }
        let files = self.in_one_sequence(files)?.into_iter().enumerate();
        let files = files.filter_map(|(place, file)| {
            let number = file.extension::<FilePlace>().map_or(place, |number| number.0);
            let file = match &self.selection {
                Some(selection) => selection.narrow(number, file)?,
                None => file,
            };
            Some(file.with_extension(FilePlace(place)))
        });
        Ok(files.collect())
    }

    /// All files in the table's order, one after the other; in that of the snapshot if
    /// they overlap.
    fn in_one_sequence(&self, files: Vec<PartitionedFile>) -> Result<Vec<PartitionedFile>> {
        let orderings = self.orderings(&files)?;
        let groups = orderings
            .first()
            .and_then(|ordering| split_in_order(&self.schema, files.clone(), ordering, 1));
        let sequence = groups.and_then(|groups| groups.into_iter().next());
        Ok(sequence.map_or(files, FileGroup::into_inner))
    }

    /// The store that has the files.
    fn store(&self) -> ObjectStoreUrl {
        let first = self.snapshot.files.first();
        first.map_or_else(ObjectStoreUrl::local_filesystem, DataFile::store)
    }

    /// `statistics` with instants in the session's time zone.
    fn zoned(&self, statistics: &Statistics) -> Statistics {
        let columns = statistics
            .column_statistics
            .iter()
            .zip(self.schema.fields())
            .map(|(column, field)| ColumnStatistics {
                min_value: zoned_value(&column.min_value, field.data_type()),
                max_value: zoned_value(&column.max_value, field.data_type()),
                ..column.clone()
            })
            .collect();
        Statistics { column_statistics: columns, ..statistics.clone() }
    }

    /// What is known of all rows of `files` together.
    fn summed(&self, files: &[PartitionedFile]) -> Result<Statistics> {
        if files.is_empty() {
            let mut none = Statistics::new_unknown(&self.schema);
            none.num_rows = Precision::Exact(0);
            return Ok(none);
        }
        let statistics = files.iter().filter_map(|file| file.statistics.as_deref());
        let statistics = Statistics::try_merge_iter(statistics, &self.schema)?;
        Ok(if self.selection.is_some() { statistics.to_inexact() } else { statistics })
    }

    /// The orders of rows within each of `files`, and from file to file if these do
    /// not overlap; none if extremes do not tell which file comes before which.
    ///
    /// NULLs come last, as `ORDER BY posted_at DESC` asks for. Where there are none,
    /// the order is as well one that has them first, and so, read backwards, that of
    /// `ORDER BY posted_at`. Of several orders by the same columns the engine looks at
    /// the first.
    fn orderings(&self, files: &[PartitionedFile]) -> Result<Vec<LexOrdering>> {
        let all_known = self.sorts_by_known_values(files);
        let places: &[bool] = match files {
            _ if all_known => &[false, true],
            [_] => &[false],
            _ => &[],
        };
        let ordering = |&nulls_first: &bool| {
            let sort = self.snapshot.table.sort.iter().map(|column| {
                let options = SortOptions { descending: column.descending, nulls_first };
                Ok(PhysicalSortExpr::new(col(column.name, &self.schema)?, options))
            });
            Ok(LexOrdering::new(sort.collect::<Result<Vec<_>>>()?))
        };
        places.iter().filter_map(|place| ordering(place).transpose()).collect()
    }

    /// Makes readers of the files that note what is read in full.
    fn readers(&self, state: &dyn Session) -> Result<Arc<dyn ParquetFileReaderFactory>> {
        let runtime = state.runtime_env();
        let store = runtime.object_store(self.store())?;
        let footers = runtime.cache_manager.get_file_metadata_cache();
        Ok(Arc::new(Watched {
            readers: Arc::new(CachedParquetFileReaderFactory::new(store, footers)),
            table: self.snapshot.table,
            held: Arc::clone(&self.held),
        }))
    }

    /// `plan`, which reads the files, with readers that note what is read in full.
    fn watched(
        &self,
        state: &dyn Session,
        plan: Arc<dyn ExecutionPlan>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some((config, source)) = plan
            .downcast_ref::<DataSourceExec>()
            .and_then(DataSourceExec::downcast_to_file_source::<ParquetSource>)
        else {
            return Ok(plan);
        };
        let source = source.clone().with_parquet_file_reader_factory(self.readers(state)?);
        let config = FileScanConfigBuilder::from(config.clone()).with_source(Arc::new(source));
        Ok(DataSourceExec::from_data_source(config.build()))
    }

    /// Reads the footers of `files` that were not read yet, unless there are many.
    async fn read_footers(&self, state: &dyn Session, files: &[PartitionedFile]) -> Result<()> {
        let path = |file: &PartitionedFile| file.object_meta.location.to_string();
        let unknown = files.iter().filter(|file| !self.held.knows(&path(file)));
        let unknown: Vec<&PartitionedFile> = unknown.take(FOOTERS + 1).collect();
        if unknown.len() > FOOTERS {
            return Ok(());
        }
        let (readers, metrics) = (self.readers(state)?, ExecutionPlanMetricsSet::new());
        let read = |file: &PartitionedFile| {
            let reader = readers.create_reader(0, file.clone(), None, &metrics);
            // An error is told by whoever needs the file.
            async { reader.ok()?.get_metadata(None).await.ok() }
        };
        futures::future::join_all(unknown.into_iter().map(read)).await;
        Ok(())
    }

    /// A scan from memory, if that is better than one of the files.
    fn held_scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        files: &[PartitionedFile],
    ) -> Result<Option<HeldScan>> {
        let levers = Levers::of(state.config_options());
        if !levers.column_cache {
            return Ok(None);
        }
        let all = || (0..self.schema.fields().len()).collect();
        let columns = projection.cloned().unwrap_or_else(all);
        let partitions = state.config().target_partitions();
        let schema = &self.schema;
        let (groups, orderings) = self.in_sequence(files, partitions)?;
        let budget = self.held.budget(levers.column_cache_mb);
        let few_rows = self.selection.as_ref().is_some_and(Selection::is_narrow);
        let groups = &groups;
        let (columns, few_wanted) = (columns.as_slice(), self.few_wanted);
        let wish = Wish { schema, groups, columns, filters, few_rows, few_wanted, budget };
        let Some(choice) = choose(&wish, &self.held, state)? else { return Ok(None) };
        let mut statistics = self.summed(files)?;
        statistics.column_statistics.push(ColumnStatistics::new_unknown());
        let source = Source {
            name: self.snapshot.table.name,
            schema: addressed(schema),
            partitions: dealt(choice.groups, partitions),
            orderings,
            statistics,
            readers: self.readers(state)?,
            held: Arc::clone(&self.held),
            budget,
            fits: choice.fits,
            few_wanted,
        };
        HeldScan::new(source, columns.to_vec()).map(Some)
    }

    /// The files as one sequence, or else as few, in the orders that are given with
    /// them; or in any order, when they overlap too much.
    fn in_sequence(
        &self,
        files: &[PartitionedFile],
        partitions: usize,
    ) -> Result<(Vec<FileGroup>, Vec<LexOrdering>)> {
        let orderings = self.orderings(files)?;
        if let Some(ordering) = orderings.first() {
            for wanted in [1, partitions] {
                let groups = split_in_order(&self.schema, files.to_vec(), ordering, wanted);
                if let Some(groups) = groups {
                    return Ok((groups, orderings));
                }
            }
        }
        Ok((vec![FileGroup::new(files.to_vec())], Vec::new()))
    }

    /// Whether no file has an unknown value in a column that it is sorted by.
    fn sorts_by_known_values(&self, files: &[PartitionedFile]) -> bool {
        let table = self.snapshot.table;
        let positions: Vec<_> =
            table.sort.iter().filter_map(|column| table.index(column.name)).collect();
        files.iter().all(|file| {
            file.statistics.as_ref().is_some_and(|statistics| {
                positions.iter().all(|&position| {
                    let column = &statistics.column_statistics[position];
                    column.null_count == Precision::Exact(0)
                })
            })
        })
    }
}

/// The row groups of a single sequence dealt out in turn, so that each partition
/// has a part of the newest, and is in order itself; several sequences are left
/// as they are.
fn dealt(groups: Vec<Vec<RowGroup>>, partitions: usize) -> Vec<Vec<RowGroup>> {
    let [sequence] = groups.as_slice() else { return groups };
    let partitions = partitions.clamp(1, sequence.len().max(1));
    (0..partitions)
        .map(|first| sequence.iter().skip(first).step_by(partitions).cloned().collect())
        .collect()
}

#[async_trait]
impl TableProvider for StoreTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn statistics(&self) -> Option<Statistics> {
        self.summed(&self.files().ok()?).ok()
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let files = self.files()?;
        if files.is_empty() {
            let schema = datafusion::physical_plan::project_schema(&self.schema, projection)?;
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        // Without a filter a limit means that few rows are read.
        if limit.is_none() {
            if self.few_wanted || !filters.is_empty() {
                self.read_footers(state, &files).await?;
            }
            if let Some(scan) = self.held_scan(state, projection, filters, &files)? {
                return Ok(Arc::new(scan));
            }
        }
        let statistics = self.summed(&files)?;
        // One is enough: which of several the engine looks at, a projection may change.
        let ordering = self.orderings(&files)?.into_iter().next();
        let partitions = state.config().target_partitions();
        let groups = grouped(&self.schema, files, ordering.as_ref(), partitions);
        let source = Arc::new(ParquetSource::new(Arc::clone(&self.schema)));
        let config = FileScanConfigBuilder::new(self.store(), source)
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .with_output_ordering(ordering.into_iter().collect())
            .build();
        // The format adds the session's Parquet options.
        let plan = ParquetFormat::default()
            .with_options(state.default_table_options().parquet)
            .create_physical_plan(state, config)
            .await?;
        self.watched(state, plan)
    }
}

/// Files put into at most `partitions` groups, each of which is in order from
/// file to file; when they overlap too much for that, any grouping will do.
fn grouped(
    schema: &SchemaRef,
    files: Vec<PartitionedFile>,
    ordering: Option<&LexOrdering>,
    partitions: usize,
) -> Vec<FileGroup> {
    let in_order =
        ordering.and_then(|ordering| split_in_order(schema, files.clone(), ordering, partitions));
    in_order.unwrap_or_else(|| FileGroup::new(files).split_files(partitions))
}

/// Files put into at most `partitions` groups, each of which is in order from
/// file to file, if they overlap little enough for that.
fn split_in_order(
    schema: &SchemaRef,
    files: Vec<PartitionedFile>,
    ordering: &LexOrdering,
    partitions: usize,
) -> Option<Vec<FileGroup>> {
    let groups = FileScanConfig::split_groups_by_statistics_with_target_partitions(
        schema,
        &[FileGroup::new(files)],
        ordering,
        partitions,
    );
    groups.ok().filter(|groups| groups.len() <= partitions)
}

/// The table's schema with instants in `timezone`.
fn zoned_schema(table: &Table, timezone: &str) -> SchemaRef {
    let fields: Vec<Field> = table
        .columns
        .iter()
        .map(|column| {
            let kind = match column.kind {
                ColumnKind::Instant => {
                    DataType::Timestamp(TimeUnit::Microsecond, Some(timezone.into()))
                }
                kind => kind.data_type(),
            };
            Field::new(column.name, kind, column.nullable)
        })
        .collect();
    Arc::new(Schema::new(fields))
}

/// `schema` with the address of a row as the last column.
fn addressed(schema: &SchemaRef) -> SchemaRef {
    let address = Arc::new(Field::new(ADDRESS, DataType::UInt64, false));
    Arc::new(Schema::new(schema.fields().iter().cloned().chain([address]).collect::<Vec<_>>()))
}

fn zoned_value(value: &Precision<ScalarValue>, to: &DataType) -> Precision<ScalarValue> {
    let zoned = |value: &ScalarValue| match (value, to) {
        (ScalarValue::TimestampMicrosecond(micros, _), DataType::Timestamp(_, zone)) => {
            ScalarValue::TimestampMicrosecond(*micros, zone.clone())
        }
        (value, _) => value.clone(),
    };
    match value {
        Precision::Exact(value) => Precision::Exact(zoned(value)),
        Precision::Inexact(value) => Precision::Inexact(zoned(value)),
        Precision::Absent => Precision::Absent,
    }
}

/// An error of ours on its way through DataFusion; [`crate::engine`] takes it
/// out again at the other end.
pub(super) fn foreign(error: crate::Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
