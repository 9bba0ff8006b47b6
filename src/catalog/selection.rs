//! Which rows of each data file a search for words has to look at.

use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetRowSelection;
use datafusion::parquet::arrow::arrow_reader::RowSelection;

use crate::error::Result;
use crate::index::{self, Blocks, Search, Sidecar};
use crate::store::{DataFile, Snapshot};

/// Of a file with more rows than one in so many to look at, all are.
const WORTHWHILE: usize = 2;

/// No column is decoded as a whole for one in so many of its rows, or fewer.
const NARROW: u64 = 32;

/// The rows of the files of a [`Snapshot`] that may hold what is looked for,
/// according to the indexes of their texts.
#[derive(Debug, Clone)]
pub struct Selection {
    /// For each file the rows to look at; all where there are none.
    files: Vec<Option<Blocks>>,
    /// For each file how many rows these are.
    left: Vec<u64>,
    /// Rows of all files.
    rows: u64,
}

impl Selection {
    /// Looks up what is looked for in every file. A file without an index, or
    /// with a damaged one, is looked at as a whole. None if all files are.
    pub(crate) fn find(snapshot: &Snapshot, search: &Search) -> Option<Self> {
        let files: Vec<_> = snapshot
            .files
            .iter()
            .zip(snapshot.indexes())
            .map(|(file, index)| find(file, index, search))
            .collect();
        let left = |(file, blocks): (&DataFile, &Option<Blocks>)| match blocks {
            Some(blocks) => blocks.selected_rows() as u64,
            None => file.rows,
        };
        let left = snapshot.files.iter().zip(&files).map(left).collect();
        let narrows = files.iter().any(Option::is_some);
        narrows.then(|| Self { files, left, rows: snapshot.rows() })
    }

    /// Tells file number `number` of the snapshot which rows to read; none if
    /// there are no such rows.
    pub(super) fn narrow(&self, number: usize, file: PartitionedFile) -> Option<PartitionedFile> {
        let Some(Some(blocks)) = self.files.get(number) else { return Some(file) };
        let ranges = blocks.ranges();
        if ranges.is_empty() {
            return None;
        }
        let rows = RowSelection::from_consecutive_ranges(ranges.into_iter(), blocks.rows());
        Some(file.with_extension(ParquetRowSelection::new(rows)))
    }

    /// Whether so few rows are left that reading them costs less than reading whole
    /// columns once, to hold them in memory.
    pub(super) fn is_narrow(&self) -> bool {
        self.rows_left().saturating_mul(NARROW) <= self.rows
    }

    fn rows_left(&self) -> u64 {
        self.left.iter().sum()
    }

    /// How much is left to look at, in words.
    #[must_use]
    pub fn summary(&self) -> String {
        let files = self.left.iter().filter(|rows| **rows > 0).count();
        let (left, rows, of) = (self.rows_left(), self.rows, self.left.len());
        format!("{left} of {rows} rows in {files} of {of} files")
    }
}

/// The rows of one file to look at; none when all are.
fn find(file: &DataFile, index: Result<Option<Sidecar>>, search: &Search) -> Option<Blocks> {
    // A damaged index is told by `weiku verify`; the query can do without.
    let sidecar = index.ok()??;
    let blocks = index::find(&sidecar, search).ok()??;
    let fits = blocks.rows() as u64 == file.rows;
    (fits && blocks.selected_rows() * WORTHWHILE <= blocks.rows()).then_some(blocks)
}
