//! The byte sink of the formats: one reused buffer, and errors that tell a
//! closed pipe from a full disk.

use std::io::{self, Write};

use crate::error::{Error, Kind, Result};

/// How many bytes are gathered before they are written.
const FULL: usize = 1 << 16;

/// The message of the error of a closed pipe; see [`is_broken_pipe`].
const CLOSED: &str = "the reader of the output has closed it";

/// Whether the error says that whoever read our output has gone (`| head`),
/// which is no failure: the caller stops, quietly.
#[must_use]
pub fn is_broken_pipe(error: &Error) -> bool {
    error.message() == CLOSED
}

/// A failed write, for [`Error`]: a closed pipe is recognised by
/// [`is_broken_pipe`], a full disk is a limit, and a file is named.
#[must_use]
pub fn write_error(error: &io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::BrokenPipe => return Error::new(Kind::Cancelled, CLOSED),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Kind::Limit,
        _ => Kind::Store,
    };
    match error.get_ref() {
        Some(inner) if inner.is::<Error>() => Error::new(kind, inner.to_string()),
        _ => Error::new(kind, format!("cannot write the output: {error}")),
    }
}

/// A writer with the text that has not been written yet.
pub(crate) struct Output {
    to: Box<dyn Write + Send>,
    /// What comes next; formats append to it.
    pub(crate) text: String,
}

impl Output {
    pub(crate) fn new(to: Box<dyn Write + Send>) -> Self {
        Self { to, text: String::with_capacity(FULL + FULL / 4) }
    }

    /// What it writes to; there must be no text left.
    pub(crate) fn into_inner(self) -> Box<dyn Write + Send> {
        self.to
    }

    /// Writes the text out if there is a good deal of it; for after each row.
    pub(crate) fn spill(&mut self) -> Result<()> {
        if self.text.len() < FULL {
            return Ok(());
        }
        self.drain()
    }

    /// Writes all text out and has it seen; for after each batch.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.drain()?;
        self.to.flush().map_err(|error| write_error(&error))
    }

    fn drain(&mut self) -> Result<()> {
        let result = self.to.write_all(self.text.as_bytes());
        self.text.clear();
        result.map_err(|error| write_error(&error))
    }
}
