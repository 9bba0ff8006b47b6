//! Tables that see which of their columns a query asks for.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

/// What sees the columns that are asked for, before they are read.
pub(super) trait Look: Debug + Send + Sync {
    /// Sees which of `columns` are asked for, by their places.
    ///
    /// # Errors
    /// Where one of them is not to be read.
    fn look(&self, columns: &Schema, is_asked: &dyn Fn(usize) -> bool) -> Result<()>;
}

/// `table`, at whose scans `look` looks.
#[derive(Debug)]
pub(super) struct Asked<L> {
    pub(super) table: Arc<dyn TableProvider>,
    pub(super) look: L,
}

#[async_trait]
impl<L: Look + 'static> TableProvider for Asked<L> {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn table_type(&self) -> TableType {
        self.table.table_type()
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        self.table.supports_filters_pushdown(filters)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let is_asked = |place| projection.is_none_or(|asked| asked.contains(&place));
        self.look.look(&self.table.schema(), &is_asked)?;
        self.table.scan(state, projection, filters, limit).await
    }
}
