//! An answer as bytes: a checksum, how long computing took, and the rows in
//! Arrow's stream format.

use std::io::Cursor;
use std::time::Duration;

use datafusion::arrow::array::RecordBatchOptions;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::ipc::CompressionType;
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use datafusion::arrow::record_batch::RecordBatch;
use sha2::{Digest, Sha256};

use super::key::Key;
use crate::store::own_texts;

/// The first bytes; another layout gets others.
const MAGIC: &[u8; 8] = b"weiku-a1";

/// Bytes of the checksum.
const CHECKSUM: usize = 32;

/// Bytes of the time that computing took, in microseconds.
const TIME: usize = 8;

/// An answer that is kept.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Kept {
    /// The columns.
    pub(in crate::engine) schema: SchemaRef,
    /// The rows.
    pub(in crate::engine) batches: Vec<RecordBatch>,
    /// How long computing took.
    pub(in crate::engine) took: Duration,
}

impl Kept {
    /// What EXPLAIN says of it.
    pub(in crate::engine) fn note(&self) -> String {
        let took = self.took.as_secs_f64();
        format!("the answer is kept: it is given without running this plan, which took {took:.3} s")
    }

    /// The answer as bytes that are good under `key` only.
    pub(super) fn encode(&self, key: &Key) -> Option<Vec<u8>> {
        let took = u64::try_from(self.took.as_micros()).ok()?;
        let rows = to_ipc(&self.schema, &self.batches)?;
        let content = [took.to_le_bytes().as_slice(), &rows].concat();
        Some([MAGIC.as_slice(), &checksum(key, &content), &content].concat())
    }

    /// The answer that `bytes` hold, unless they are damaged, cut short, or those
    /// of another key.
    pub(super) fn decode(key: &Key, bytes: &[u8]) -> Option<Self> {
        let (found, content) = bytes.strip_prefix(MAGIC)?.split_at_checked(CHECKSUM)?;
        if found != checksum(key, content) {
            return None;
        }
        let (took, rows) = content.split_at_checked(TIME)?;
        let took = Duration::from_micros(u64::from_le_bytes(took.try_into().ok()?));
        let reader = StreamReader::try_new(Cursor::new(rows), None).ok()?;
        let schema = reader.schema();
        let batches = reader.collect::<Result<_, _>>().ok()?;
        Some(Self { schema, batches, took })
    }
}

fn checksum(key: &Key, content: &[u8]) -> [u8; CHECKSUM] {
    Sha256::new().chain_update(key.bytes()).chain_update(content).finalize().into()
}

/// Rows in Arrow's stream format, compressed.
pub(super) fn to_ipc(schema: &SchemaRef, batches: &[RecordBatch]) -> Option<Vec<u8>> {
    let options =
        IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME)).ok()?;
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), schema, options).ok()?;
    for batch in batches {
        writer.write(batch).ok()?;
    }
    writer.into_inner().ok()
}

/// The batch without the texts beside its own that its buffers hold: a few rows of
/// a scan would else keep, and write, all of its texts.
pub(super) fn compact(batch: &RecordBatch) -> RecordBatch {
    let columns = batch.columns().iter().map(own_texts).collect();
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(batch.schema(), columns, &rows)
        .unwrap_or_else(|_| batch.clone())
}
