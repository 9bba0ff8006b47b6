//! Roll-ups of all data files of a table, kept in memory once they were read.

use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{ArrayRef, new_empty_array};
use datafusion::arrow::compute::concat;
use datafusion::common::HashMap;

use super::rollups::{Encoded, Shape, Size};
use super::sidecar::Sidecar;
use crate::error::{Error, Result};

/// The roll-ups of one version of a table, as far as they were asked for.
#[derive(Debug, Default)]
pub(crate) struct Rollups {
    shapes: Mutex<HashMap<Shape, Option<Arc<Rollup>>>>,
}

impl Rollups {
    /// The roll-up of `shape` over all data files, whose indexes are what
    /// `indexes` gives; none if a file has none that is whole.
    pub(crate) fn get(
        &self,
        shape: Shape,
        indexes: impl FnOnce() -> Vec<Result<Option<Sidecar>>>,
    ) -> Option<Arc<Rollup>> {
        let mut shapes = self.shapes.lock().unwrap_or_else(PoisonError::into_inner);
        shapes.entry(shape).or_insert_with(|| Rollup::open(shape, indexes()).map(Arc::new)).clone()
    }
}

/// The roll-up of one shape over all data files.
#[derive(Debug)]
pub(crate) struct Rollup {
    shape: Shape,
    files: Vec<Encoded>,
    columns: Mutex<HashMap<usize, ArrayRef>>,
}

impl Rollup {
    fn open(shape: Shape, indexes: Vec<Result<Option<Sidecar>>>) -> Option<Self> {
        // A damaged one is told by `weiku verify`; the query can do without.
        let open = |index: Result<Option<Sidecar>>| Encoded::open(&index.ok()??, shape).ok()?;
        let files = indexes.into_iter().map(open).collect::<Option<Vec<_>>>()?;
        Some(Self { shape, files, columns: Mutex::default() })
    }

    /// How large it is.
    pub(crate) fn size(&self) -> Size {
        self.files.iter().fold(Size::default(), |sum, file| sum.and(file.size))
    }

    /// The column with the given number, of all files one after the other.
    ///
    /// # Errors
    /// When it cannot be decoded.
    pub(crate) fn column(&self, number: usize) -> Result<ArrayRef> {
        let mut columns = self.columns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(column) = columns.get(&number) {
            return Ok(Arc::clone(column));
        }
        let files = self.files.iter().filter(|file| file.size.rows > 0);
        let parts: Vec<ArrayRef> = files.map(|file| file.column(number)).collect::<Result<_>>()?;
        let parts: Vec<_> = parts.iter().map(AsRef::as_ref).collect();
        let column = match parts.as_slice() {
            [] => new_empty_array(self.shape.schema().field(number).data_type()),
            parts => concat(parts)
                .map_err(|error| Error::internal(format!("cannot join roll-ups: {error}")))?,
        };
        columns.insert(number, Arc::clone(&column));
        Ok(column)
    }
}
