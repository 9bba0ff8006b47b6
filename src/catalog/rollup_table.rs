//! Posts summed up, as a DataFusion table.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::project_schema;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::table::foreign;
use crate::error::Error;
use crate::index::Shape;
use crate::store::Snapshot;

/// Rows that are handed over at a time.
const BATCH_ROWS: usize = 8 * 1024;

/// A roll-up of the posts of a [`Snapshot`] to be queried, with instants in the
/// session's time zone.
#[derive(Debug)]
pub(crate) struct RollupTable {
    snapshot: Arc<Snapshot>,
    shape: Shape,
    schema: SchemaRef,
}

impl RollupTable {
    /// The table of the roll-up of `shape`, which is read when it is scanned.
    pub(crate) fn new(snapshot: Arc<Snapshot>, shape: Shape, timezone: &str) -> Self {
        let zoned = |field: &Arc<Field>| match field.data_type() {
            DataType::Timestamp(_, _) => {
                let zoned = DataType::Timestamp(TimeUnit::Microsecond, Some(timezone.into()));
                Arc::new(field.as_ref().clone().with_data_type(zoned))
            }
            _ => Arc::clone(field),
        };
        let fields: Vec<_> = shape.schema().fields().iter().map(zoned).collect();
        Self { snapshot, shape, schema: Arc::new(Schema::new(fields)) }
    }

    /// The rows of the given columns.
    fn rows(&self, columns: &[usize]) -> Result<RecordBatch> {
        let rollup = self.snapshot.rollup(self.shape);
        let rollup = rollup.ok_or_else(|| foreign(Error::internal("a roll-up is gone")))?;
        let column = |number: &usize| -> Result<ArrayRef> {
            let values = rollup.column(*number).map_err(foreign)?;
            // From one time zone to another nothing but the type changes.
            Ok(cast(&values, self.schema.field(*number).data_type())?)
        };
        let arrays = columns.iter().map(column).collect::<Result<Vec<_>>>()?;
        let schema = Arc::new(self.schema.project(columns)?);
        let rows = usize::try_from(rollup.size().rows).unwrap_or(usize::MAX);
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(schema, arrays, &options)?)
    }
}

#[async_trait]
impl TableProvider for RollupTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
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
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let rows = self.rows(projection.unwrap_or(&all))?;
        let mut partitions =
            vec![Vec::new(); partitions(&rows, state.config().target_partitions())];
        for (number, from) in (0..rows.num_rows()).step_by(BATCH_ROWS).enumerate() {
            let length = BATCH_ROWS.min(rows.num_rows() - from);
            let place = number % partitions.len();
            partitions[place].push(rows.slice(from, length));
        }
        let schema = project_schema(&self.schema, projection)?;
        Ok(MemorySourceConfig::try_new_exec(&partitions, schema, None)?)
    }
}

/// How many threads share the rows: a few batches are done sooner by one.
fn partitions(rows: &RecordBatch, most: usize) -> usize {
    (rows.num_rows() / (2 * BATCH_ROWS)).clamp(1, most.max(1))
}
