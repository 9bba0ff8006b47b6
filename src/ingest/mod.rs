//! Foreign files to rows: one file per format, which knows nothing of the store.
//!
//! [`read`] opens a file, undoes its container and encoding, asks every
//! [`Format`] of [`FORMATS`] whether it knows the content, and lets the one that
//! does push rows into a [`Sink`].

mod record;

use crate::error::Result;
pub use record::{Account, AccountCounts, Instant, Post, PostCounts, Row};

/// Receives what a format reads, in the order of the file.
///
/// Every record of a file ends in exactly one call of `record`, `skip` or
/// `reject`; their sum is the number of rows read.
pub trait Sink {
    /// Takes all rows that one record of the file gave; the first is the record
    /// itself, the others are nested in it (a reposted original, its account).
    ///
    /// # Errors
    /// When the rows cannot be written; the format stops and passes it on.
    fn record(&mut self, row: u64, rows: Vec<Row>) -> Result<()>;

    /// Takes note of a record that carries nothing: a blank row or a repeated
    /// header.
    ///
    /// # Errors
    /// As for [`Sink::record`].
    fn skip(&mut self, row: u64) -> Result<()>;

    /// Keeps a record that cannot be taken, with the reason and its bytes.
    ///
    /// # Errors
    /// As for [`Sink::record`].
    fn reject(&mut self, row: u64, reason: String, raw: &[u8]) -> Result<()>;
}
