//! Merges data files, each in the table's order, into fewer ones in the same
//! order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::Path;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::interleave_record_batch;
use datafusion::arrow::row::{OwnedRow, RowConverter, Rows as SortKeys};

use super::append::Staged;
use super::data_file::{DataFileWriter, Packing, sort_columns, sort_converter};
use super::errors::arrow;
use super::rows::Rows;
use super::{DataFile, Limits};
use crate::error::{Error, Result};
use crate::model::Table;

/// Rows that are written at a time.
const CHUNK_ROWS: usize = 8 * 1024;

/// The rows of one file, from the one that comes next.
struct Cursor<'a> {
    rows: Rows<'a>,
    keys: SortKeys,
    /// The number of the batch among those that are held.
    batch: usize,
    row: usize,
}

/// Merges files of one table.
struct SortedMerge<'a> {
    table: &'static Table,
    converter: RowConverter,
    cursors: Vec<Cursor<'a>>,
    /// The next row of each file that has one, least first.
    next: BinaryHeap<Reverse<(OwnedRow, usize)>>,
    batches: Vec<RecordBatch>,
    /// The rows that come next in the result, as batch and row.
    picked: Vec<(usize, usize)>,
}

/// Merges `files` into new ones in `folder`, which are packed as said.
pub(super) fn merge_files(
    table: &'static Table,
    folder: &Path,
    files: &[DataFile],
    limits: &Limits,
    packing: Packing,
) -> Result<Vec<Staged>> {
    let mut merge = SortedMerge::new(table, files)?;
    let mut staged = Vec::new();
    let mut writer: Option<DataFileWriter> = None;
    while let Some(batch) = merge.next_batch()? {
        let mut open = match writer.take() {
            Some(open) => open,
            None => DataFileWriter::create(table, folder, packing)?,
        };
        open.write(&batch)?;
        if open.rows() + CHUNK_ROWS as u64 > limits.file_rows as u64 {
            staged.push(Staged::new(open.finish()?));
        } else {
            writer = Some(open);
        }
    }
    if let Some(open) = writer {
        staged.push(Staged::new(open.finish()?));
    }
    Ok(staged)
}

impl<'a> SortedMerge<'a> {
    fn new(table: &'static Table, files: &'a [DataFile]) -> Result<Self> {
        let converter = sort_converter(table)?;
        let mut merge = Self {
            table,
            cursors: Vec::with_capacity(files.len()),
            next: BinaryHeap::with_capacity(files.len()),
            batches: Vec::new(),
            picked: Vec::with_capacity(CHUNK_ROWS),
            converter,
        };
        for file in files {
            let keys = merge.converter.empty_rows(0, 0);
            let rows = Rows::all(table, file)?;
            merge.cursors.push(Cursor { rows, keys, batch: 0, row: 0 });
            merge.read(merge.cursors.len() - 1)?;
        }
        Ok(merge)
    }

    /// Reads on in file `number`, and lets its next row take part.
    fn read(&mut self, number: usize) -> Result<()> {
        let cursor = &mut self.cursors[number];
        for batch in cursor.rows.by_ref() {
            let batch = batch?;
            if batch.num_rows() == 0 {
                continue;
            }
            let columns = sort_columns(self.table, &batch);
            cursor.keys = self.converter.convert_columns(&columns).map_err(arrow)?;
            (cursor.batch, cursor.row) = (self.batches.len(), 0);
            self.next.push(Reverse((cursor.keys.row(0).owned(), number)));
            self.batches.push(batch);
            return Ok(());
        }
        Ok(())
    }

    /// The next rows in order.
    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        while self.picked.len() < CHUNK_ROWS {
            let Some(Reverse((_, number))) = self.next.pop() else { break };
            self.pick_run(number)?;
        }
        if self.picked.is_empty() {
            return Ok(None);
        }
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        let rows = interleave_record_batch(&batches, &self.picked).map_err(arrow)?;
        self.picked.clear();
        self.forget_read()?;
        Ok(Some(rows))
    }

    /// Picks the rows of file `number` that come before the next row of every
    /// other file.
    fn pick_run(&mut self, number: usize) -> Result<()> {
        let cursor = &mut self.cursors[number];
        let end = self.next.peek().map(|Reverse((row, _))| row);
        while cursor.row < cursor.keys.num_rows() {
            let row = cursor.keys.row(cursor.row);
            let is_later = end.is_some_and(|end| row > end.row());
            if is_later || self.picked.len() >= CHUNK_ROWS {
                self.next.push(Reverse((row.owned(), number)));
                return Ok(());
            }
            self.picked.push((cursor.batch, cursor.row));
            cursor.row += 1;
        }
        self.read(number)
    }

    /// Forgets the batches that are read to their end.
    fn forget_read(&mut self) -> Result<()> {
        let mut kept = Vec::with_capacity(self.cursors.len());
        for cursor in &mut self.cursors {
            if cursor.row >= cursor.keys.num_rows() {
                continue;
            }
            let batch = self.batches.get(cursor.batch).cloned();
            cursor.batch = kept.len();
            kept.push(batch.ok_or_else(|| Error::internal("a batch that is merged is lost"))?);
        }
        self.batches = kept;
        Ok(())
    }
}
