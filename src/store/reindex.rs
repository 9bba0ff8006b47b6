//! The indexes beside data files: whether they are whole, and making those anew
//! that are not.

use super::rows::Rows;
use super::{DataFile, data_file};
use crate::error::Result;
use crate::index;
use crate::model::Table;

/// What is wrong with the index of `file`, if anything is. One that is not
/// there is wrong if it is `expected`.
pub(super) fn problem(table: &Table, file: &DataFile, expected: bool) -> Option<String> {
    if !index::covers(table) || file.sha256.is_none() {
        return None;
    }
    let whole = file.index().and_then(|sidecar| sidecar.map(|sidecar| sidecar.check()).transpose());
    match whole {
        Ok(Some(())) => None,
        Ok(None) => {
            expected.then(|| format!("index file {} is missing", index::path(&file.path).display()))
        }
        Err(error) => Some(error.message().to_owned()),
    }
}

/// Whether the index of `file` is missing, damaged, or of a version of weiku that
/// knew less to keep.
pub(super) fn is_wanting(table: &Table, file: &DataFile) -> bool {
    let is_whole =
        |sidecar: &index::Sidecar| index::is_complete(sidecar) && sidecar.check().is_ok();
    index::covers(table)
        && file.sha256.is_some()
        && !matches!(file.index(), Ok(Some(sidecar)) if is_whole(&sidecar))
}

/// Makes the index of `file` from its rows.
pub(super) fn reindex(table: &'static Table, file: &DataFile) -> Result<()> {
    let (Some(mut index), Some(sha256)) = (index::Builder::of(table), &file.sha256) else {
        return Ok(());
    };
    for batch in Rows::all(table, file)? {
        index.observe(&batch?);
    }
    data_file::write_index(&file.path, &index.finish()?.encode(sha256))?;
    file.send_index()
}
