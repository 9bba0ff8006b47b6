//! Where results go: files that appear when they are whole, and memory.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::render::{Format, Options, OutputFile, Sink, write_error};

/// The bytes of a result in `format`.
pub(crate) fn to_bytes(
    format: &Format,
    schema: &SchemaRef,
    batches: &[RecordBatch],
    options: &Options,
) -> Result<Vec<u8>> {
    let memory = Shared::default();
    let mut writer = (format.open)(Box::new(memory.clone()), schema, options)?;
    for batch in batches {
        writer.write(batch)?;
    }
    writer.finish()?;
    let mut bytes = memory.0.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::take(&mut *bytes))
}

/// Writes a small file whole or not at all.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let file = OutputFile::create(path)?;
    file.writer()?.write_all(bytes).map_err(|error| write_error(&error))?;
    file.finish()
}

/// Bytes in memory that several may write to.
#[derive(Debug, Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A sink that computes the SHA-256 of what goes through it.
#[derive(Debug, Clone, Default)]
pub(super) struct Hash(Arc<Mutex<Sha256>>);

impl Hash {
    /// `sink`, watched.
    pub(super) fn watch(&self, sink: Sink) -> Sink {
        Box::new(Watched { sink, hash: self.clone() })
    }

    /// The hash of all that went through, in hexadecimal digits.
    pub(super) fn finish(&self) -> String {
        let hash = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        hex::encode(hash.finalize())
    }
}

struct Watched {
    sink: Sink,
    hash: Hash,
}

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.sink.write(bytes)?;
        self.hash.0.lock().unwrap_or_else(PoisonError::into_inner).update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}
