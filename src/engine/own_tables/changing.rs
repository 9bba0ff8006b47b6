//! A table of the session, as the rows of which the answer of a query is taken.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{AsArray, BooleanArray};
use datafusion::arrow::compute::filter;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, internal_err, not_impl_err};
use datafusion::datasource::sink::{DataSink, DataSinkExec};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan};
use futures::StreamExt;

use super::What;
use crate::catalog::OwnTable;

/// The place for all rows of a table, each with whether the statement means it.
#[derive(Debug, Clone)]
pub(super) struct Changing {
    table: OwnTable,
    what: What,
    /// That of what comes in.
    schema: SchemaRef,
}

impl Changing {
    pub(super) fn new(table: OwnTable, what: What) -> Self {
        let schema = Arc::clone(table.columns());
        Self { table, what, schema }
    }

    pub(super) fn table(&self) -> &OwnTable {
        &self.table
    }

    /// What happens to the rows that are counted.
    pub(super) fn word(&self) -> &'static str {
        self.what.word()
    }

    /// What stays of the rows of `batch`, and how many are meant.
    fn outcome(&self, batch: &RecordBatch) -> Result<(RecordBatch, usize)> {
        let Some((meant, columns)) = batch.columns().split_last() else {
            return internal_err!("rows without a column");
        };
        let Some(meant) = meant.as_boolean_opt() else {
            return internal_err!("nothing says which rows are meant");
        };
        let (rows, count) = (batch.num_rows(), meant.true_count());
        let batch = match self.what {
            What::Deleted if count > 0 => {
                let stays: BooleanArray =
                    meant.iter().map(|is_meant| Some(is_meant != Some(true))).collect();
                let columns = columns.iter().map(|column| filter(column, &stays));
                let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
                self.table.batch(&columns, rows - count)?
            }
            _ => self.table.batch(columns, rows)?,
        };
        Ok((batch, count))
    }
}

#[async_trait]
impl TableProvider for Changing {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        _projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        not_impl_err!("reading what a statement changes")
    }

    async fn insert_into(
        &self,
        _state: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        _op: InsertOp,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let order = input.properties().output_ordering().cloned().map(Into::into);
        let sink = Self { schema: input.schema(), ..self.clone() };
        Ok(Arc::new(DataSinkExec::new(input, Arc::new(sink), order)))
    }
}

impl DisplayAs for Changing {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rows of {} {}", self.table.name(), self.word())
    }
}

#[async_trait]
impl DataSink for Changing {
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
            let (batch, meant) = self.outcome(&batch?)?;
            count += meant as u64;
            if batch.num_rows() > 0 {
                batches.push(batch);
            }
        }
        if count > 0 {
            self.table.replace(&batches)?;
        }
        Ok(count)
    }
}
