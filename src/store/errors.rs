//! Failures of the libraries below, in weiku's words.

use std::path::Path;

use datafusion::arrow::error::ArrowError;
use datafusion::parquet::errors::ParquetError;
use deltalake_core::DeltaTableError;

use crate::error::{Error, Kind};
use crate::model::Table;

/// A computation on batches that failed: the batches are ours, so it is a fault.
#[expect(clippy::needless_pass_by_value, reason = "made for `map_err`")]
pub(super) fn arrow(error: ArrowError) -> Error {
    Error::internal(format!("cannot compute on rows: {error}"))
}

/// A data file that cannot be read or written; `doing` as in [`Error::io`].
#[expect(clippy::needless_pass_by_value, reason = "made for `map_err`")]
pub(super) fn parquet(doing: &str, path: &Path, error: ParquetError) -> Error {
    match io_error(&error) {
        Some(error) => super::files::damaged(Error::io(doing, path, error)),
        None => Error::store(format!("cannot {doing} {}: {error}", path.display())),
    }
}

/// A log that cannot be read or written.
#[expect(clippy::needless_pass_by_value, reason = "made for `map_err`")]
pub(super) fn delta(table: &Table, error: DeltaTableError) -> Error {
    let message = format!("the log of table `{}` cannot be used: {error}", table.name);
    match io_error(&error).map(std::io::Error::kind) {
        Some(std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded) => {
            Error::new(Kind::Limit, message)
        }
        _ => Error::store(message),
    }
}

/// Work on another thread that did not come to its end.
#[expect(clippy::needless_pass_by_value, reason = "made for `map_err`")]
pub(super) fn join(error: tokio::task::JoinError) -> Error {
    Error::internal(format!("a worker of the store failed: {error}"))
}

/// The failed input or output at the root of `error`.
fn io_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a std::io::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<std::io::Error>() {
            return Some(found);
        }
        if let Some(ParquetError::External(inner)) = error.downcast_ref::<ParquetError>() {
            cause = Some(inner.as_ref());
            continue;
        }
        cause = error.source();
    }
    None
}
