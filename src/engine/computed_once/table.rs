//! A query by name as a table, of which each use is a scan.
//!
//! The engine pushes the columns that a use wants into a scan, but no filters and no limit
//! into this one, which are the affair of one use only.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, TableReference, internal_err};
use datafusion::datasource::{TableType, provider_as_source, source_as_provider};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableScan};
use datafusion::physical_plan::ExecutionPlan;

/// A query that is computed once.
#[derive(Debug, Clone)]
pub(super) struct CommonTable {
    /// What tells it from others of the statement; those that it uses have lower numbers.
    pub(super) number: usize,
    /// What it is called.
    pub(super) name: String,
    /// What it asks.
    pub(super) query: Arc<LogicalPlan>,
}

impl CommonTable {
    /// That of `scan`, if it is a scan of one.
    pub(super) fn of(scan: &TableScan) -> Option<Self> {
        let provider = source_as_provider(&scan.source).ok()?;
        provider.downcast_ref::<Self>().cloned()
    }

    /// One use of it. The engine tells scans from one another by name; it is told if there
    /// is one row only, without which it refuses some subqueries.
    pub(super) fn scan(&self) -> Result<LogicalPlan> {
        let name = TableReference::bare(format!("{} #{}", self.name, self.number));
        let source = provider_as_source(Arc::new(self.clone()));
        let scan = LogicalPlanBuilder::scan(name, source, None)?;
        match self.query.max_rows() {
            Some(0 | 1) => scan.limit(0, Some(1))?.build(),
            _ => scan.build(),
        }
    }

    /// Its columns.
    pub(super) fn columns(&self) -> &SchemaRef {
        self.query.schema().inner()
    }
}

#[async_trait]
impl TableProvider for CommonTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.columns())
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _: &dyn Session,
        _: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        internal_err!("{} was not planned before its uses", self.name)
    }
}
