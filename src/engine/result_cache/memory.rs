//! Kept answers in memory.

use std::collections::HashMap;

use bytes::Bytes;
use parking_lot::Mutex;

use super::key::Key;

/// Answers by key, at most so many bytes of them.
#[derive(Debug)]
pub(super) struct Memory {
    limit: u64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: HashMap<Key, Entry>,
    bytes: u64,
    /// Counts uses; the entry with the lowest was used longest ago.
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    bytes: Bytes,
    used: u64,
}

impl Memory {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, inner: Mutex::default() }
    }

    pub(super) fn get(&self, key: &Key) -> Option<Bytes> {
        let mut inner = self.inner.lock();
        inner.clock += 1;
        let now = inner.clock;
        let entry = inner.entries.get_mut(key)?;
        entry.used = now;
        Some(entry.bytes.clone())
    }

    pub(super) fn remove(&self, key: &Key) {
        self.inner.lock().remove(key);
    }

    pub(super) fn put(&self, key: &Key, bytes: Vec<u8>) {
        let size = bytes.len() as u64;
        if size > self.limit {
            return;
        }
        let mut inner = self.inner.lock();
        inner.remove(key);
        while inner.bytes + size > self.limit {
            let oldest = inner.entries.iter().min_by_key(|(_, entry)| entry.used);
            let Some((&oldest, _)) = oldest else { break };
            inner.remove(&oldest);
        }
        inner.clock += 1;
        inner.bytes += size;
        let entry = Entry { bytes: bytes.into(), used: inner.clock };
        inner.entries.insert(*key, entry);
    }
}

impl Inner {
    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.bytes.len() as u64;
        }
    }
}
