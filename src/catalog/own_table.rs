//! Tables that the session made: rows in memory, which a statement adds to or puts others in
//! the place of, in one step.
//!
//! Those of the engine decide themselves which rows a DELETE or UPDATE is about, by what is
//! left of its condition in the plan, and change them while it is planned. Here the rows are
//! only kept; what they become is asked as any query is (`engine::own_tables`).

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, RwLock};

use async_trait::async_trait;
use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Constraints, SchemaExt, not_impl_err};
use datafusion::datasource::MemTable;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::sink::{DataSink, DataSinkExec};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan};
use futures::StreamExt;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::table::foreign;
use crate::error::Error;

/// The rows of a table, in parts that are read side by side.
type Parts = Vec<Vec<RecordBatch>>;

/// A table that the session made. A clone of it is the same table.
#[derive(Debug, Clone)]
pub(crate) struct OwnTable {
    name: Arc<str>,
    schema: SchemaRef,
    constraints: Constraints,
    defaults: Arc<HashMap<String, Expr>>,
    /// What a statement reads stays as it is when others come in its place.
    rows: Arc<RwLock<Arc<Parts>>>,
    /// Held by the statement that changes the rows.
    writing: Arc<Mutex<()>>,
}

impl OwnTable {
    /// The table called `name` with what is in `made`; `None` while a statement changes that.
    pub(crate) fn of(name: &str, made: &MemTable) -> Option<Self> {
        let parts = made.batches.iter().map(|part| Some(part.try_read().ok()?.clone()));
        let parts = parts.collect::<Option<Parts>>()?;
        let schema = made.schema();
        let defaults = schema.fields().iter().filter_map(|field| {
            let default = made.get_column_default(field.name())?;
            Some((field.name().clone(), default.clone()))
        });
        Some(Self {
            name: name.into(),
            constraints: made.constraints().cloned().unwrap_or_default(),
            defaults: Arc::new(defaults.collect()),
            schema,
            rows: Arc::new(RwLock::new(Arc::new(parts))),
            writing: Arc::default(),
        })
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its columns.
    pub(crate) fn columns(&self) -> &SchemaRef {
        &self.schema
    }

    /// Whether `other` is this table, and not one that was made in its place.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.rows, &other.rows)
    }

    /// Waits for the statement that changes the rows now, and keeps others from it until what
    /// this gives is dropped.
    pub(crate) async fn claim(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.writing).lock_owned().await
    }

    /// Puts `batches` in the place of all rows.
    ///
    /// # Errors
    /// When a statement that failed has left the table locked.
    pub(crate) fn replace(&self, batches: &[RecordBatch]) -> Result<()> {
        let mut rows = self.rows.write().map_err(|_| foreign(self.locked()))?;
        let mut parts = vec![Vec::new(); rows.len().max(1)];
        // One after the other, so that each part has rows that were beside each other.
        let each = batches.len().div_ceil(parts.len()).max(1);
        for (part, batches) in parts.iter_mut().zip(batches.chunks(each)) {
            part.extend_from_slice(batches);
        }
        *rows = Arc::new(parts);
        Ok(())
    }

    /// Adds `batches` to the rows.
    fn add(&self, batches: Vec<RecordBatch>) -> Result<()> {
        let mut rows = self.rows.write().map_err(|_| foreign(self.locked()))?;
        let parts = Arc::make_mut(&mut rows);
        if parts.is_empty() {
            parts.push(Vec::new());
        }
        let count = parts.len();
        for (number, batch) in batches.into_iter().enumerate() {
            parts[number % count].push(batch);
        }
        Ok(())
    }

    /// A batch of `count` rows of the table, which are made of `columns`.
    ///
    /// # Errors
    /// When a column that has to have a value has none.
    pub(crate) fn batch(&self, columns: &[ArrayRef], count: usize) -> Result<RecordBatch> {
        let mut fitting = Vec::with_capacity(columns.len());
        for (column, field) in columns.iter().zip(self.schema.fields()) {
            if !field.is_nullable() && column.logical_null_count() > 0 {
                return Err(foreign(self.without_value(field.name())));
            }
            // What is in lists and structs may promise more, or less, than the table does.
            fitting.push(match column.data_type() == field.data_type() {
                true => Arc::clone(column),
                false => cast(column, field.data_type())?,
            });
        }
        let count = RecordBatchOptions::new().with_row_count(Some(count));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), fitting, &count)?)
    }

    fn without_value(&self, column: &str) -> Error {
        let name = &self.name;
        Error::query(format!(
            "the column {column} of {name} is NOT NULL, and a row has no value there"
        ))
        .hint(format!("give one, or leave such rows out; the rows of {name} are as they were"))
    }

    fn locked(&self) -> Error {
        Error::query(format!("the table {} is locked by a failed statement", self.name))
    }
}

#[async_trait]
impl TableProvider for OwnTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn constraints(&self) -> Option<&Constraints> {
        Some(&self.constraints)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn get_column_default(&self, column: &str) -> Option<&Expr> {
        self.defaults.get(column)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows = match self.rows.read() {
            Ok(rows) => Arc::clone(&rows),
            Err(_) => return Err(foreign(self.locked())),
        };
        let source = MemorySourceConfig::try_new(&rows, self.schema(), projection.cloned())?;
        let show_sizes = state.config_options().explain.show_sizes;
        Ok(DataSourceExec::from_data_source(source.with_show_sizes(show_sizes)))
    }

    async fn insert_into(
        &self,
        _state: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        op: InsertOp,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if op != InsertOp::Append {
            return not_impl_err!("{op} for a table of the session");
        }
        self.schema.logically_equivalent_names_and_types(&input.schema())?;
        let order = input.properties().output_ordering().cloned().map(Into::into);
        let sink = Adding { table: self.clone(), schema: input.schema() };
        Ok(Arc::new(DataSinkExec::new(input, Arc::new(sink), order)))
    }
}

/// What adds rows to a table once all of them are there.
#[derive(Debug)]
struct Adding {
    table: OwnTable,
    /// That of what comes in.
    schema: SchemaRef,
}

impl DisplayAs for Adding {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rows added to {}", self.table.name)
    }
}

#[async_trait]
impl DataSink for Adding {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    async fn write_all(
        &self,
        mut rows: SendableRecordBatchStream,
        _context: &Arc<TaskContext>,
    ) -> Result<u64> {
        let (mut batches, mut count) = (Vec::new(), 0);
        while let Some(batch) = rows.next().await {
            let batch = batch?;
            count += batch.num_rows() as u64;
            if batch.num_rows() > 0 {
                batches.push(self.table.batch(batch.columns(), batch.num_rows())?);
            }
        }
        self.table.add(batches)?;
        Ok(count)
    }
}
