//! What lies beside a data file of posts so that a question need not read all
//! of it: for each term of the texts where it comes, and sums over the posts.
//!
//! It is made when the data file is, in a file of its own with the same name
//! and the suffix `index`. A query that finds none, or a damaged one, reads the
//! data file instead; nothing here is needed for an answer.

mod blocks;
mod kept;
mod names;
mod postings;
mod rollups;
mod search;
mod sidecar;
mod slices;
mod terms;
mod texts;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::record_batch::RecordBatch;

use crate::error::Result;
use crate::model::{POSTS, Table};

pub(crate) use blocks::Blocks;
pub(crate) use kept::{Rollup, Rollups};
pub(crate) use rollups::{COUNTS, LAST_POSTED_AT, Measure, PREFIX, ROLLUP_POSTS, Shape, Size};
pub(crate) use search::Search;
pub(crate) use sidecar::{Sidecar, data_file_name, path};
pub(crate) use slices::Grain;

/// Whether data files of `table` are indexed.
pub(crate) fn covers(table: &Table) -> bool {
    table.name == POSTS.name
}

/// Makes what lies beside one data file, from its rows in their order.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    texts: texts::TextsBuilder,
    rollups: rollups::RollupsBuilder,
}

impl Builder {
    /// What makes the index of a data file of `table`, if it is indexed.
    pub(crate) fn of(table: &Table) -> Option<Self> {
        covers(table).then(Self::default)
    }

    /// Takes the next rows in.
    pub(crate) fn observe(&mut self, rows: &RecordBatch) {
        if let Some(texts) = rows.column_by_name(search::COLUMN) {
            self.texts.observe(texts.as_string_view());
        }
        self.rollups.observe(rows);
    }

    /// The index of all rows.
    ///
    /// # Errors
    /// When the sums cannot be written.
    pub(crate) fn finish(self) -> Result<Index> {
        let mut sections = self.texts.finish();
        sections.extend(self.rollups.finish()?);
        Ok(Index { sections })
    }
}

/// What lies beside one data file.
#[derive(Debug)]
pub(crate) struct Index {
    sections: Vec<sidecar::Section>,
}

impl Index {
    /// The bytes of the file beside the data file with the given checksum.
    pub(crate) fn encode(&self, data_sha256: &str) -> Vec<u8> {
        sidecar::encode(data_sha256, &self.sections)
    }
}

/// Whether `sidecar` has all that a [`Builder`] of today makes.
pub(crate) fn is_complete(sidecar: &Sidecar) -> bool {
    rollups::is_complete(sidecar)
}

/// Which blocks of the data file beside `sidecar` may hold what is looked for;
/// none when it cannot tell.
///
/// # Errors
/// When the file is damaged.
pub(crate) fn find(sidecar: &Sidecar, search: &Search) -> Result<Option<Blocks>> {
    match texts::Texts::open(sidecar)? {
        Some(texts) => texts.find(search),
        None => Ok(None),
    }
}
