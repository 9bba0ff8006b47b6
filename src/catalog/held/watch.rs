//! A reader of files that notes how much of each column is read.
//!
//! A query for the newest posts reads a page of each column; it must not cause
//! whole columns to be decoded the next time. So what counts is what was read.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetFileReaderFactory;
use datafusion::error::Result;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::errors::Result as ParquetResult;
use datafusion::parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;

use super::{Footer, HeldColumns};
use crate::model::Table;

/// Makes readers that tell [`HeldColumns`] what they read.
#[derive(Debug)]
pub(in crate::catalog) struct Watched {
    /// Makes the readers that do the reading.
    pub(in crate::catalog) readers: Arc<dyn ParquetFileReaderFactory>,
    /// The table whose files are read.
    pub(in crate::catalog) table: &'static Table,
    /// Who is told.
    pub(in crate::catalog) held: Arc<HeldColumns>,
}

impl ParquetFileReaderFactory for Watched {
    fn create_reader(
        &self,
        partition: usize,
        file: PartitionedFile,
        metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let path = file.object_meta.location.to_string();
        let reader = self.readers.create_reader(partition, file, metadata_size_hint, metrics)?;
        Ok(Box::new(WatchedReader {
            reader,
            table: self.table,
            footer: self.held.footer(&path),
            held: Arc::clone(&self.held),
            path,
        }))
    }
}

struct WatchedReader {
    reader: Box<dyn AsyncFileReader + Send>,
    table: &'static Table,
    held: Arc<HeldColumns>,
    path: String,
    footer: Option<Arc<Footer>>,
}

impl WatchedReader {
    fn note(&self, range: &Range<u64>) {
        let chunk = self.footer.as_ref().and_then(|footer| footer.chunk_at(range.start));
        if let Some(chunk) = chunk {
            self.held.note_read(chunk, range.end - range.start);
        }
    }
}

impl AsyncFileReader for WatchedReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        self.note(&range);
        self.reader.get_bytes(range)
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        for range in &ranges {
            self.note(range);
        }
        self.reader.get_byte_ranges(ranges)
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        async move {
            // Where pages begin is read along, so that it is kept with the footer.
            let options = options.cloned().unwrap_or_default();
            let options = options.with_page_index_policy(PageIndexPolicy::Optional);
            let metadata = self.reader.get_metadata(Some(&options)).await?;
            if self.footer.is_none() {
                self.held.remember(&self.path, self.table, &metadata);
                self.footer = self.held.footer(&self.path);
            }
            Ok(metadata)
        }
        .boxed()
    }
}
