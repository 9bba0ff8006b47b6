//! The memory that the statements of a session share.
//!
//! Columns that are held in memory count against its limit like everything else,
//! and are given up where a query needs their room.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::memory_pool::{
    FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation, TrackConsumersPool,
    UnboundedMemoryPool,
};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;

use super::spill::{Spill, SpillFolder};
use crate::catalog::HeldColumns;

/// How many of the largest consumers an out-of-memory error names.
const NAMED_CONSUMERS: NonZeroUsize = NonZeroUsize::new(5).expect("not zero");

/// What merging takes for each spilled part when its rows hold long texts: some
/// batches of them.
const BYTES_PER_MERGED: usize = 32 << 20;

/// Merging fewer parts at a time would go over the rows too often.
const FEWEST_MERGED: usize = 4;

/// More parts than that cost more open files than they save time.
const MOST_MERGED: usize = 64;

/// What queries share where no columns are held: `memory_limit` bytes, if there is
/// a limit, caches, and a folder for what does not fit, which has to be held as
/// long as they run.
///
/// # Errors
/// When the folder cannot be made.
pub fn runtime_builder(
    memory_limit: Option<usize>,
    spill: &Spill,
) -> crate::Result<(RuntimeEnvBuilder, Option<SpillFolder>)> {
    builder(limited_to(memory_limit).1, spill)
}

/// What queries share: `memory`, caches and, if there is a limit to the memory, a
/// folder for what does not fit, which has to be held as long as they run.
///
/// # Errors
/// When the folder cannot be made.
pub(super) fn builder(
    memory: Arc<dyn MemoryPool>,
    spill: &Spill,
) -> crate::Result<(RuntimeEnvBuilder, Option<SpillFolder>)> {
    let limit = memory.memory_limit();
    let builder = RuntimeEnvBuilder::new().with_memory_pool(memory);
    let MemoryLimit::Finite(limit) = limit else {
        return Ok((builder, None));
    };
    let folder = SpillFolder::create(spill)?;
    let manager = folder.manager().with_max_spill_merge_fan_in(fan_in(limit));
    Ok((builder.with_disk_manager_builder(manager), Some(folder)))
}

/// How many spilled parts a sort merges at a time.
///
/// A sort takes memory for as many as it can, so without a bound the sort of one
/// thread leaves none for that of another, which then fails.
fn fan_in(limit: usize) -> usize {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    (limit / threads / BYTES_PER_MERGED).clamp(FEWEST_MERGED, MOST_MERGED)
}

/// Room for columns, and for queries that take theirs from it; at most `limit` bytes
/// together, if there is a limit.
pub(super) fn limited_to(limit: Option<usize>) -> (Arc<HeldColumns>, Arc<dyn MemoryPool>) {
    let Some(limit) = limit else {
        let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
        return (Arc::new(HeldColumns::new(&pool)), pool);
    };
    let pool: Arc<dyn MemoryPool> = Arc::new(FairSpillPool::new(limit));
    let held = Arc::new(HeldColumns::new(&pool));
    let pool = Yielding { pool, held: Arc::clone(&held) };
    (held, Arc::new(TrackConsumersPool::new(pool, NAMED_CONSUMERS)))
}

/// A pool in which held columns make room for queries.
#[derive(Debug)]
struct Yielding {
    pool: Arc<dyn MemoryPool>,
    held: Arc<HeldColumns>,
}

impl fmt::Display for Yielding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pool.fmt(f)
    }
}

impl MemoryPool for Yielding {
    fn name(&self) -> &str {
        self.pool.name()
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.pool.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.pool.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.pool.grow(reservation, additional);
        if let MemoryLimit::Finite(limit) = self.pool.memory_limit() {
            self.held.give_way(self.pool.reserved().saturating_sub(limit));
        }
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.pool.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        loop {
            let Err(refused) = self.pool.try_grow(reservation, additional) else { return Ok(()) };
            if !self.held.give_way(additional) {
                return Err(refused);
            }
        }
    }

    fn reserved(&self) -> usize {
        self.pool.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.pool.memory_limit()
    }
}
