//! Where the columns of a row group come from: from memory; as a whole from the
//! file; or, for few rows, from those pages of the file that hold them.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt64Array};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::{concat, take};
use datafusion::arrow::datatypes::{DataType, TimestampMicrosecondType};
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::parquet::arrow::arrow_reader::RowSelection;
use datafusion::parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStream};
use datafusion::parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder};
use futures::TryStreamExt;

use super::Part;
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
    piecewise: Count,
    remembered: Count,
}

/// What is to read from a file.
type Builder = ParquetRecordBatchStreamBuilder<Box<dyn AsyncFileReader>>;

/// Columns of a row group that are read piece by piece, and not held.
pub(super) struct Pieces {
    stream: ParquetRecordBatchStream<Box<dyn AsyncFileReader>>,
    positions: BTreeSet<usize>,
}

/// What is held of the rows of `group` that pass the condition with the number.
fn part(group: &RowGroup, condition: usize) -> Part {
    Part::Passing { file: group.footer.file, group: group.index, condition }
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
            piecewise: count("columns_read_piecewise"),
            remembered: count("conditions_remembered"),
        }
    }

    /// A column of `group`, if it is held.
    pub(super) fn held(&self, group: &RowGroup, position: usize) -> Option<ArrayRef> {
        if position == self.source.address() {
            return Some(addresses(group));
        }
        let array = self.source.held.get(Part::Column(group.chunk(position)), self.now)?;
        Some(self.in_zone(position, array))
    }

    /// Whether the column at `position` may be held.
    pub(super) fn is_to_be_held(&self, group: &RowGroup, position: usize) -> bool {
        self.source.fits || group.is_narrow(position)
    }

    /// The number of a condition whose answers last.
    pub(super) fn number(&self, condition: &Arc<dyn PhysicalExpr>) -> usize {
        self.source.held.number(condition)
    }

    /// Which rows of `group` pass the condition with the number, if that is known.
    pub(super) fn passing(&self, group: &RowGroup, condition: usize) -> Option<BooleanBuffer> {
        let array = self.source.held.get(part(group, condition), self.now)?;
        self.remembered.add(1);
        array.as_boolean_opt().map(|passing| passing.values().clone())
    }

    /// Remembers which rows of `group` pass the condition with the number.
    pub(super) fn remember(&self, group: &RowGroup, condition: usize, passing: &ArrayRef) {
        let part = part(group, condition);
        self.source.held.put(part, passing, self.now, self.source.budget);
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
            if group.is_narrow(position) || (read_again && self.source.fits) {
                let part = Part::Column(group.chunk(position));
                held.put(part, &array, self.now, self.source.budget);
            }
            columns.insert(position, self.in_zone(position, array));
        }
        Ok(())
    }

    /// Whether a part of the columns at `positions` is to be read for `rows` of
    /// `group`: what is read of them now, and was so far if they may be held, is less
    /// than half of them.
    pub(super) fn part_will_do(
        &self,
        group: &RowGroup,
        positions: &BTreeSet<usize>,
        rows: &[Range<usize>],
    ) -> bool {
        let (mut part, mut whole) = (0, 0);
        for &position in positions {
            let chunk = group.chunk(position);
            part += group.footer.touched(chunk, rows);
            if self.is_to_be_held(group, position) {
                part += self.source.held.read(chunk);
            }
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
    fn builder(&self, group: &RowGroup) -> Result<Builder> {
        let file = group.file.clone();
        let reader: Box<dyn AsyncFileReader> =
            self.source.readers.create_reader(self.partition, file, None, &self.metrics)?;
        let footer = group.footer.arrow.clone();
        Ok(Builder::new_with_metadata(reader, footer))
    }

    /// The columns of `group` at `positions`, piece by piece, each of `rows` rows.
    pub(super) fn pieces(
        &self,
        group: &RowGroup,
        positions: BTreeSet<usize>,
        rows: usize,
    ) -> Result<Pieces> {
        self.piecewise.add(positions.len());
        let stream = self.of_columns(group, &positions)?.with_batch_size(rows).build()?;
        Ok(Pieces { stream, positions })
    }

    /// The next of the pieces.
    pub(super) async fn next_piece(&self, pieces: &mut Pieces) -> Result<Option<Columns>> {
        let Some(piece) = pieces.stream.try_next().await? else { return Ok(None) };
        let columns = pieces.positions.iter().zip(piece.columns());
        let zoned = columns.map(|(&position, array)| {
            let array = Arc::clone(array);
            (position, self.in_zone(position, array))
        });
        Ok(Some(zoned.collect()))
    }

    /// What reads the columns of `group` at `positions` from its file.
    fn of_columns(&self, group: &RowGroup, positions: &BTreeSet<usize>) -> Result<Builder> {
        let schema = group.footer.arrow.parquet_schema();
        let mask = ProjectionMask::roots(schema, positions.iter().copied());
        Ok(self.builder(group)?.with_row_groups(vec![group.index]).with_projection(mask))
    }

    /// Reads columns of `group` from its file, of all rows or of some.
    async fn decode(
        &self,
        group: &RowGroup,
        positions: &BTreeSet<usize>,
        rows: Option<RowSelection>,
    ) -> Result<Vec<ArrayRef>> {
        let count = rows.as_ref().map_or_else(|| group.rows(), RowSelection::row_count);
        let mut builder = self.of_columns(group, positions)?.with_batch_size(count);
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
