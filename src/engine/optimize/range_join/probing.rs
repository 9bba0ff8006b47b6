//! The right side of a join by range: each row looks at the run of those within bounds.

use std::iter::repeat_n;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, UInt64Array, new_null_array};
use datafusion::arrow::compute::{filter, take};
use datafusion::arrow::datatypes::{SchemaRef, UInt64Type};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::cast::as_boolean_array;
use datafusion::common::{DataFusionError, JoinSide, JoinType, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::joins::utils::{ColumnIndex, JoinFilter};
use datafusion::physical_plan::metrics::Time;
use futures::stream::{once, try_unfold};
use futures::{Stream, StreamExt, TryStreamExt};
use tokio::task::coop::consume_budget;

use super::operator::{Measures, Sorting};
use super::shape::Shape;
use super::sorted::{Runs, Sorted};

/// A partition of the right side on its way through.
pub(super) struct Probing {
    shape: Arc<Shape>,
    schema: SchemaRef,
    sorted: Arc<Sorted>,
    input: SendableRecordBatchStream,
    /// The most rows of a batch.
    size: usize,
    measures: Measures,
    /// The batch that is looked at.
    probe: Option<Probe>,
    /// Rows of the left side that come out at the end, once it is known which.
    last: Option<Vec<u64>>,
}

/// A batch of the right side, and how far it has come.
struct Probe {
    rows: RecordBatch,
    runs: Vec<Range<usize>>,
    filter: Option<JoinFilter>,
    /// The row that is at it, how much of its run it has seen, and whether it has found
    /// any.
    row: usize,
    seen: usize,
    found: bool,
}

/// Pairs of rows, left and right.
type Pairs = (UInt64Array, UInt64Array);

impl Probing {
    /// The batches that come of a partition.
    pub(super) fn batches(
        shape: Arc<Shape>,
        schema: SchemaRef,
        sorting: Sorting,
        input: SendableRecordBatchStream,
        size: usize,
        measures: Measures,
    ) -> impl Stream<Item = Result<RecordBatch>> + Send {
        let size = size.max(1);
        let batches = async move {
            let sorted = sorting.await.map_err(DataFusionError::Shared)?;
            let all =
                Self { shape, schema, sorted, input, size, measures, probe: None, last: None };
            Ok::<_, DataFusionError>(try_unfold(all, |mut all| async move {
                let batch = all.next().await?;
                if let Some(batch) = &batch {
                    all.measures.baseline.record_output(batch.num_rows());
                }
                Ok::<_, DataFusionError>(batch.map(|batch| (batch, all)))
            }))
        };
        once(batches).try_flatten()
    }

    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            // Without this, many rows that find nothing could not be stopped, nor a
            // reader who wants no more than to count.
            consume_budget().await;
            let times = self.measures.join_times();
            if let Some(mut probe) = self.probe.take() {
                let timers = times.each_ref().map(Time::timer);
                let batch = self.matches(&mut probe)?;
                self.probe = (probe.row < probe.runs.len()).then_some(probe);
                drop(timers);
                if batch.num_rows() > 0 {
                    return Ok(Some(batch));
                }
            } else if let Some(batch) = self.input.next().await {
                let timers = times.each_ref().map(Time::timer);
                self.probe = Some(self.probe(batch?)?);
                drop(timers);
            } else {
                return self.left_over();
            }
        }
    }

    fn probe(&self, rows: RecordBatch) -> Result<Probe> {
        let Runs { mut runs, unbounded } = self.sorted.runs(&self.shape, &rows)?;
        let whole = Some(&self.shape.filter).filter(|_| unbounded);
        let filter = whole.or(self.sorted.filter.as_ref()).cloned();
        if filter.is_none() {
            if let Some(marks) = &self.sorted.marks {
                marks.add(runs.iter().cloned());
            }
            // One match says all, and those on the left are marked.
            let most = match self.shape.kind {
                JoinType::RightSemi | JoinType::RightAnti => 1,
                JoinType::LeftSemi | JoinType::LeftAnti => 0,
                _ => usize::MAX,
            };
            runs.iter_mut().for_each(|run| run.end = run.start + run.len().min(most));
        }
        Ok(Probe { rows, runs, filter, row: 0, seen: 0, found: false })
    }

    /// What comes of the next candidates.
    fn matches(&self, probe: &mut Probe) -> Result<RecordBatch> {
        let first = probe.row;
        let mut pairs = probe.candidates(self.size);
        if let Some(condition) = &probe.filter {
            pairs = self.passing(condition, &probe.rows, &pairs)?;
            if let Some(marks) = &self.sorted.marks {
                let places = pairs.0.values().iter().flat_map(|place| usize::try_from(*place));
                marks.add(places.map(|place| place..place + 1));
            }
        }
        match self.shape.kind {
            JoinType::Inner | JoinType::Left => {}
            JoinType::LeftSemi | JoinType::LeftAnti => {
                return Ok(RecordBatch::new_empty(Arc::clone(&self.schema)));
            }
            _ => pairs = probe.by_row(first, &pairs, self.shape.kind),
        }
        self.batch(&self.shape.columns, &self.schema, &pairs, Some(&probe.rows))
    }

    /// The pairs for which `condition` holds.
    fn passing(&self, condition: &JoinFilter, right: &RecordBatch, pairs: &Pairs) -> Result<Pairs> {
        let columns = condition.column_indices();
        let batch = self.batch(columns, condition.schema(), pairs, Some(right))?;
        let holds = condition.expression().evaluate(&batch)?.into_array(batch.num_rows())?;
        let holds = as_boolean_array(&holds)?;
        let left = filter(&pairs.0, holds)?.as_primitive::<UInt64Type>().clone();
        let right = filter(&pairs.1, holds)?.as_primitive::<UInt64Type>().clone();
        Ok((left, right))
    }

    /// The next rows of the left side that come out at the end: they are given by the
    /// partition that is the last to come there.
    fn left_over(&mut self) -> Result<Option<RecordBatch>> {
        let (shape, sorted) = (&self.shape, &self.sorted);
        let last = self.last.get_or_insert_with(|| match &sorted.marks {
            Some(marks) if sorted.looking.fetch_sub(1, Ordering::AcqRel) == 1 => {
                marks.rows(shape.kind == JoinType::LeftSemi)
            }
            _ => Vec::new(),
        });
        if last.is_empty() {
            return Ok(None);
        }
        let some = UInt64Array::from(last.split_off(last.len().saturating_sub(self.size)));
        let none = UInt64Array::new_null(some.len());
        let pairs = (some, none);
        self.batch(&self.shape.columns, &self.schema, &pairs, None).map(Some)
    }

    /// The rows of pairs; without a right side it is unknown.
    fn batch(
        &self,
        columns: &[ColumnIndex],
        schema: &SchemaRef,
        (left, right): &Pairs,
        rows: Option<&RecordBatch>,
    ) -> Result<RecordBatch> {
        let arrays =
            columns.iter().zip(schema.fields()).map(|(column, field)| match (column.side, rows) {
                (JoinSide::Left, _) => picked(self.sorted.rows.column(column.index), left),
                (_, Some(rows)) => picked(rows.column(column.index), right),
                (_, None) => Ok(new_null_array(field.data_type(), right.len())),
            });
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(left.len()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)?)
    }
}

impl Probe {
    /// The next pairs to look at, as many and rows gone past as there are rows in a batch.
    fn candidates(&mut self, most: usize) -> Pairs {
        let (first, mut left, mut right) = (self.row, Vec::new(), Vec::new());
        while self.row < self.runs.len() {
            let room = most.saturating_sub(left.len() + (self.row - first));
            if room == 0 {
                break;
            }
            let run = &self.runs[self.row];
            let next = run.start + self.seen;
            let taken = (run.end - next).min(room);
            left.extend((next..next + taken).map(|place| place as u64));
            right.extend(repeat_n(self.row as u64, taken));
            self.seen += taken;
            if next + taken == run.end {
                self.row += 1;
                self.seen = 0;
            }
        }
        (UInt64Array::from(left), UInt64Array::from(right))
    }

    /// What comes out where each row of the right side counts: in their order its
    /// matches, or it alone. The rows from `first` on have been looked at.
    fn by_row(&mut self, first: usize, (left, right): &Pairs, kind: JoinType) -> Pairs {
        let semi = kind == JoinType::RightSemi;
        let gives_pairs = matches!(kind, JoinType::Right | JoinType::Full);
        let (mut lefts, mut rights) = (Vec::<Option<u64>>::new(), Vec::<u64>::new());
        let mut pairs = left.values().iter().zip(right.values()).peekable();
        for row in first..self.runs.len().min(self.row + 1) {
            let number = row as u64;
            while let Some((place, _)) = pairs.next_if(|(_, of)| **of == number) {
                self.found = true;
                if gives_pairs {
                    lefts.push(Some(*place));
                    rights.push(number);
                }
            }
            if row == self.row {
                // It has seen a part of its run; the rest says nothing new.
                if self.found && !gives_pairs {
                    self.runs[row].end = self.runs[row].start + self.seen;
                }
                break;
            }
            if self.found == semi {
                lefts.push(None);
                rights.push(number);
            }
            self.found = false;
        }
        (UInt64Array::from(lefts), UInt64Array::from(rights))
    }
}

/// The values at some places, of which all may be unknown.
fn picked(values: &ArrayRef, places: &UInt64Array) -> Result<ArrayRef> {
    if places.null_count() == places.len() {
        return Ok(new_null_array(values.data_type(), places.len()));
    }
    Ok(take(values, places, None)?)
}
