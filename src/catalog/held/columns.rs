//! Where the columns of a row group come from: from memory; as a whole from the
//! file; or, for few rows, from those pages of the file that hold them.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt64Array};
use datafusion::arrow::compute::{concat, take};
use datafusion::arrow::datatypes::{DataType, TimestampMicrosecondType};
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::parquet::arrow::arrow_reader::RowSelection;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder};
use futures::TryStreamExt;

use super::fetch::addresses;
use super::scan::{RowGroup, Source};

/// Columns by their position in the table.
pub(super) type Columns = HashMap<usize, ArrayRef>;

/// The one at `position`.
pub(super) fn column(columns: &Columns, position: usize) -> Result<&ArrayRef> {
    columns.get(&position).ok_or_else(|| exec_datafusion_err!("a column was not read"))
}

/// Gets the columns for one partition of a scan.
pub(super) struct Getter {
    source: Arc<Source>,
    partition: usize,
    now: u64,
    metrics: ExecutionPlanMetricsSet,
    decoded: Count,
    in_part: Count,
}

impl Getter {
    pub(super) fn new(
        source: &Arc<Source>,
        metrics: &ExecutionPlanMetricsSet,
        partition: usize,
    ) -> Self {
        let count = |name| MetricBuilder::new(metrics).counter(name, partition);
        Self {
            source: Arc::clone(source),
            partition,
            now: source.held.tick(),
            metrics: metrics.clone(),
            decoded: count("columns_decoded"),
            in_part: count("columns_read_in_part"),
        }
    }

    /// A column of `group`, if it is held.
    pub(super) fn held(&self, group: &RowGroup, position: usize) -> Option<ArrayRef> {
        if position == self.source.address() {
            return Some(addresses(group));
        }
        let array = self.source.held.get(group.chunk(position), self.now)?;
        Some(self.in_zone(position, array))
    }

    /// Adds those columns of `group` at `positions` that are not in `columns` yet.
    pub(super) async fn add_whole(
        &self,
        group: &RowGroup,
        positions: impl IntoIterator<Item = usize>,
        columns: &mut Columns,
    ) -> Result<()> {
        let mut missing = BTreeSet::new();
        for position in positions {
            if columns.contains_key(&position) {
                continue;
            }
            match self.held(group, position) {
                Some(array) => drop(columns.insert(position, array)),
                None => drop(missing.insert(position)),
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        self.decoded.add(missing.len());
        let held = &self.source.held;
        let was_read = |position: &usize| {
            let chunk = group.chunk(*position);
            held.read(chunk) * 2 >= group.footer.compressed(chunk)
        };
        let read_again: Vec<bool> = missing.iter().map(was_read).collect();
        let arrays = self.decode(group, &missing, None).await?;
        for ((position, array), read_again) in missing.into_iter().zip(arrays).zip(read_again) {
            if read_again || group.is_narrow(position) {
                held.put(group.chunk(position), &array, self.now, self.source.budget);
            }
            columns.insert(position, self.in_zone(position, array));
        }
        Ok(())
    }

    /// Whether a part of the columns at `positions` is to be read for `rows` of
    /// `group`: what was read of them so far, and is now, is less than half of them.
    pub(super) fn part_will_do(
        &self,
        group: &RowGroup,
        positions: &BTreeSet<usize>,
        rows: &[Range<usize>],
    ) -> bool {
        let (mut part, mut whole) = (0, 0);
        for &position in positions {
            let chunk = group.chunk(position);
            part += group.footer.touched(chunk, rows) + self.source.held.read(chunk);
            whole += group.footer.compressed(chunk);
        }
        part * 2 < whole
    }

    /// The columns of `group` at `positions` with `rows` only.
    pub(super) async fn of_rows(
        &self,
        group: &RowGroup,
        positions: &BTreeSet<usize>,
        rows: Vec<Range<usize>>,
    ) -> Result<Columns> {
        self.in_part.add(positions.len());
        let rows = RowSelection::from_consecutive_ranges(rows.into_iter(), group.rows());
        let arrays = self.decode(group, positions, Some(rows)).await?;
        let zoned = |(&position, array)| (position, self.in_zone(position, array));
        Ok(positions.iter().zip(arrays).map(zoned).collect())
    }

    /// The columns of `group` at `positions` with `rows`, which are in order, and no
    /// others.
    pub(super) async fn rows(
        &self,
        group: &RowGroup,
        positions: &[usize],
        rows: &[usize],
    ) -> Result<Vec<ArrayRef>> {
        let mut columns = Columns::new();
        let is_missing = |position: &usize| match self.held(group, *position) {
            Some(array) => columns.insert(*position, array).is_some(),
            None => true,
        };
        let missing: BTreeSet<usize> = positions.iter().copied().filter(is_missing).collect();
        let ranges: Vec<Range<usize>> = rows.iter().map(|&row| row..row + 1).collect();
        let mut found = Columns::new();
        if !missing.is_empty() {
            if self.part_will_do(group, &missing, &ranges) {
                found = self.of_rows(group, &missing, ranges).await?;
            } else {
                self.add_whole(group, missing, &mut columns).await?;
            }
        }
        let places: UInt64Array = rows.iter().map(|&row| row as u64).collect();
        let column = |position| match found.get(position) {
            Some(column) => Ok(Arc::clone(column)),
            None => Ok(take(column(&columns, *position)?, &places, None)?),
        };
        positions.iter().map(column).collect()
    }

    /// Whether `group` may hold `text` in the column at `position`, as far as the file
    /// tells without a look at the column.
    pub(super) async fn may_hold(
        &self,
        group: &RowGroup,
        position: usize,
        text: &str,
    ) -> Result<bool> {
        let mut builder = self.builder(group)?;
        let bloom = builder.get_row_group_column_bloom_filter(group.index, position).await?;
        Ok(bloom.is_none_or(|bloom| bloom.check(text)))
    }

    /// What reads from the file of `group`.
    fn builder(
        &self,
        group: &RowGroup,
    ) -> Result<ParquetRecordBatchStreamBuilder<Box<dyn AsyncFileReader>>> {
        let file = group.file.clone();
        let reader: Box<dyn AsyncFileReader> =
            self.source.readers.create_reader(self.partition, file, None, &self.metrics)?;
        let footer = group.footer.arrow.clone();
        Ok(ParquetRecordBatchStreamBuilder::new_with_metadata(reader, footer))
    }

    /// Reads columns of `group` from its file, of all rows or of some.
    async fn decode(
        &self,
        group: &RowGroup,
        positions: &BTreeSet<usize>,
        rows: Option<RowSelection>,
    ) -> Result<Vec<ArrayRef>> {
        let schema = group.footer.arrow.parquet_schema();
        let mask = ProjectionMask::roots(schema, positions.iter().copied());
        let count = rows.as_ref().map_or_else(|| group.rows(), RowSelection::row_count);
        let mut builder = self
            .builder(group)?
            .with_row_groups(vec![group.index])
            .with_projection(mask)
            .with_batch_size(count);
        if let Some(rows) = rows {
            builder = builder.with_row_selection(rows);
        }
        let batches: Vec<RecordBatch> = builder.build()?.try_collect().await?;
        let column = |index| {
            let parts: Vec<&dyn Array> =
                batches.iter().map(|batch| batch.column(index).as_ref()).collect();
            match parts.as_slice() {
                [_] => Ok(Arc::clone(batches[0].column(index))),
                parts => Ok(concat(parts)?),
            }
        };
        (0..positions.len()).map(column).collect()
    }

    /// Instants are held in UTC; what comes out has the session's time zone.
    fn in_zone(&self, position: usize, array: ArrayRef) -> ArrayRef {
        match self.source.schema.field(position).data_type() {
            DataType::Timestamp(_, zone) => {
                let instants = array.as_primitive::<TimestampMicrosecondType>().clone();
                Arc::new(instants.with_timezone_opt(zone.clone()))
            }
            _ => array,
        }
    }
}
