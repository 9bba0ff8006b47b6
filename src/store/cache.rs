//! Snapshots that were read already.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::layout::Layout;
use super::{Snapshot, errors, log};
use crate::error::Result;
use crate::model::Table;

/// How many snapshots are kept.
const CAPACITY: usize = 32;

/// The snapshots that were read last, by table and version. A version never
/// changes, so nothing here is ever stale.
#[derive(Debug, Default)]
pub(super) struct SnapshotCache {
    kept: Mutex<HashMap<(&'static str, i64), Arc<Snapshot>>>,
}

impl SnapshotCache {
    /// The table at `version`, read from its log unless it is here.
    pub(super) async fn get(
        &self,
        layout: &Layout,
        table: &'static Table,
        version: i64,
    ) -> Result<Arc<Snapshot>> {
        let key = (table.name, version);
        if layout.bucket().is_some() {
            let followed = layout.clone();
            let followed = tokio::task::spawn_blocking(move || followed.follow_log(table));
            if followed.await.map_err(errors::join)?.map_err(|error| layout.told(error))? {
                self.clear();
            }
        }
        if let Some(kept) = self.lock().get(&key) {
            return Ok(Arc::clone(kept));
        }
        let read = log::load(layout, table, version).await;
        let read = Arc::new(read.map_err(|error| layout.told(error))?);
        let mut kept = self.lock();
        if kept.len() >= CAPACITY {
            kept.clear();
        }
        kept.insert(key, Arc::clone(&read));
        Ok(read)
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(&'static str, i64), Arc<Snapshot>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
