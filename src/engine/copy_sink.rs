//! A file that COPY writes as `-o` would: the formats are those of [`render`].

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, not_impl_err};
use datafusion::datasource::sink::{DataSink, DataSinkExec};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan};
use futures::StreamExt;

use crate::error::Error;
use crate::render::{self, Format, Packer, Packing};

/// A table that is a file to be written, and cannot be read.
#[derive(Debug, Clone)]
pub(super) struct CopyTarget {
    /// Where it is written.
    pub(super) place: PathBuf,
    /// What it is called for people.
    pub(super) name: PathBuf,
    pub(super) format: &'static Format,
    pub(super) packing: Packing,
    pub(super) options: render::Options,
    pub(super) schema: SchemaRef,
}

#[async_trait]
impl TableProvider for CopyTarget {
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
        not_impl_err!("reading what COPY writes")
    }

    async fn insert_into(
        &self,
        _state: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        _op: InsertOp,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let order = input.properties().output_ordering().cloned().map(Into::into);
        Ok(Arc::new(DataSinkExec::new(input, Arc::new(self.clone()), order)))
    }
}

impl DisplayAs for CopyTarget {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.format.name, self.name.display())
    }
}

#[async_trait]
impl DataSink for CopyTarget {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    async fn write_all(
        &self,
        mut rows: SendableRecordBatchStream,
        _context: &Arc<TaskContext>,
    ) -> Result<u64> {
        let file = create(&self.place, &self.name).map_err(foreign)?;
        let packer = Packer::new(Box::new(file), self.packing)?;
        let opened = (self.format.open)(Box::new(packer.clone()), &rows.schema(), &self.options);
        let mut writer = opened.map_err(foreign)?;
        let mut written = 0;
        while let Some(batch) = rows.next().await {
            let batch = batch?;
            writer.write(&batch).map_err(foreign)?;
            written += batch.num_rows() as u64;
        }
        writer.finish().map_err(foreign)?;
        packer.finish()?;
        Ok(written)
    }
}

/// The file at `place`; one that is there already, such as a pipe, is written to.
fn create(place: &Path, name: &Path) -> crate::Result<File> {
    File::create(place).map_err(|error| Error::io("write", name, &error))
}

fn foreign(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
