//! Answers that are kept, to be given again as long as all they depend on is the
//! same.
//!
//! - [`question`] is what a statement asks, if its answer may be kept.
//! - [`key`] says what an answer depends on: the statement, its parameters, the
//!   data files that it reads, the settings.
//! - [`entry`] is an answer as bytes, with a checksum.
//! - [`memory`] and [`folder`] are the two places that hold them, within a limit.
//! - [`again`] is the operator that gives a kept answer.
//!
//! Whether an answer may be kept at all is decided by [`super::reads`]. Nothing
//! here can fail a statement: what cannot be kept or read is computed.

mod again;
mod entry;
mod folder;
mod key;
mod memory;
mod question;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

pub(super) use again::Again;
pub(super) use entry::Kept;
pub(super) use key::Key;
pub(super) use question::{Question, explained};

use folder::Folder;
use memory::Memory;

/// Most bytes of one answer in memory.
const MAX_ANSWER: usize = 16 << 20;

/// Which answers a session keeps, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeepAnswers {
    /// The folder that holds them for later sessions; without one they are held
    /// in memory, as long as the session lives.
    pub folder: Option<PathBuf>,
    /// Most bytes of all of them; what was not asked for longest goes first.
    pub bytes: u64,
    /// What took less to compute is not kept.
    pub least_time: Duration,
    /// Nor is what has more bytes for each second that computing it took.
    pub bytes_per_second: u64,
    /// What tells the program from others that use the folder: an answer is only
    /// given again by the very program that computed it.
    pub program: String,
}

impl KeepAnswers {
    /// Bytes of answers that are held in memory unless more is asked for.
    pub const IN_MEMORY: u64 = 64 << 20;

    /// Bytes of answers that are held in a folder unless more is asked for.
    pub const IN_FOLDER: u64 = 500_000_000;

    /// What is computed faster is computed again.
    pub const LEAST_TIME: Duration = Duration::from_millis(20);

    /// Reading an answer of fewer bytes for a second of computing is many times
    /// faster than that, and keeping it costs little beside it.
    pub const BYTES_PER_SECOND: u64 = 25_000_000;
}

impl Default for KeepAnswers {
    fn default() -> Self {
        Self {
            folder: None,
            bytes: Self::IN_MEMORY,
            least_time: Self::LEAST_TIME,
            bytes_per_second: Self::BYTES_PER_SECOND,
            program: String::new(),
        }
    }
}

/// The answers that sessions keep.
#[derive(Debug)]
pub(super) struct ResultCache {
    place: Place,
    least_time: Duration,
    bytes_per_second: u64,
    program: String,
}

#[derive(Debug)]
enum Place {
    Memory(Memory),
    Folder(Folder),
}

impl ResultCache {
    pub(super) fn new(keep: &KeepAnswers) -> Self {
        let place = match &keep.folder {
            Some(folder) => Place::Folder(Folder::new(folder.clone(), keep.bytes)),
            None => Place::Memory(Memory::new(keep.bytes)),
        };
        let KeepAnswers { least_time, bytes_per_second, .. } = *keep;
        Self { place, least_time, bytes_per_second, program: keep.program.clone() }
    }

    /// What tells the program from others that use the same place.
    pub(super) fn program(&self) -> &str {
        &self.program
    }

    /// The answer that is kept under `key`.
    pub(super) async fn get(self: &Arc<Self>, key: Key) -> Option<Kept> {
        let cache = Arc::clone(self);
        let found = tokio::task::spawn_blocking(move || {
            let bytes = match &cache.place {
                Place::Memory(memory) => memory.get(&key),
                Place::Folder(folder) => folder.get(&key),
            };
            let kept = Kept::decode(&key, &bytes?);
            if kept.is_none() {
                cache.remove(&key);
            }
            kept
        });
        found.await.ok().flatten()
    }

    fn remove(&self, key: &Key) {
        match &self.place {
            Place::Memory(memory) => memory.remove(key),
            Place::Folder(folder) => folder.remove(key),
        }
    }

    fn put(&self, key: &Key, kept: &Kept) {
        let Some(bytes) = kept.encode(key) else { return };
        match &self.place {
            Place::Memory(memory) => memory.put(key, bytes),
            Place::Folder(folder) => folder.put(key, &bytes),
        }
    }
}

/// Takes note of an answer while it is given, to keep it if that is worth while.
#[derive(Debug)]
pub(super) struct Recorder {
    cache: Arc<ResultCache>,
    key: Key,
    /// The answer so far; gone once it is too large.
    batches: Option<Vec<RecordBatch>>,
    bytes: usize,
}

impl Recorder {
    pub(super) fn new(cache: Arc<ResultCache>, key: Key) -> Self {
        Self { cache, key, batches: Some(Vec::new()), bytes: 0 }
    }

    /// Takes note of the next batch.
    pub(super) fn see(&mut self, batch: &RecordBatch) {
        let Some(batches) = &mut self.batches else { return };
        let compact = entry::compact(batch);
        self.bytes += compact.get_array_memory_size();
        if self.bytes > MAX_ANSWER {
            self.batches = None;
        } else {
            batches.push(compact);
        }
    }

    /// Keeps the answer, which is whole and took `took` to compute, if it is worth
    /// while.
    pub(super) async fn keep(self, schema: SchemaRef, took: Duration) {
        let Self { cache, key, batches, bytes } = self;
        let Some(batches) = batches else { return };
        let most = took.as_secs_f64() * cache.bytes_per_second as f64;
        if took < cache.least_time || bytes as f64 > most {
            return;
        }
        let keeping = tokio::task::spawn_blocking(move || {
            cache.put(&key, &Kept { schema, batches, took });
        });
        // An answer that cannot be kept is computed again, which is no fault.
        let _ = keeping.await;
    }
}

#[cfg(test)]
mod tests;
