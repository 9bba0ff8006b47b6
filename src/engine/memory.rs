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

use super::spill::{self, Spill};
use crate::catalog::HeldColumns;

/// How many of the largest consumers an out-of-memory error names.
const NAMED_CONSUMERS: NonZeroUsize = NonZeroUsize::new(5).expect("not zero");

/// Of the memory, this part is given to whoever asks first. Only beyond it operators
/// that can spill are held to equal shares of the whole, which are small where many
/// threads and queries have such operators, most of which need next to nothing.
const PART_TAKEN_FREELY: usize = 2;

/// What merging takes for each spilled part when its rows hold long texts: some
/// batches of them.
const BYTES_PER_MERGED: usize = 32 << 20;

/// Merging fewer parts at a time would go over the rows too often.
const FEWEST_MERGED: usize = 4;

/// More parts than that cost more open files than they save time.
const MOST_MERGED: usize = 64;

/// What queries share where no columns are held: `memory_limit` bytes, if there is
/// a limit, caches, and a folder for what does not fit.
#[must_use]
pub fn runtime_builder(memory_limit: Option<usize>, spill: &Spill) -> RuntimeEnvBuilder {
    builder(limited_to(memory_limit).1, spill)
}

/// What queries share: `memory`, caches and, if there is a limit to the memory, a
/// folder for what does not fit.
pub(super) fn builder(memory: Arc<dyn MemoryPool>, spill: &Spill) -> RuntimeEnvBuilder {
    let limit = memory.memory_limit();
    let builder = RuntimeEnvBuilder::new().with_memory_pool(memory);
    let MemoryLimit::Finite(limit) = limit else { return builder };
    let manager = spill::manager(spill).with_max_spill_merge_fan_in(fan_in(limit));
    builder.with_disk_manager_builder(manager)
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
    let pool = Yielding { pool, held: Arc::clone(&held), free: limit / PART_TAKEN_FREELY };
    (held, Arc::new(TrackConsumersPool::new(pool, NAMED_CONSUMERS)))
}

/// A pool in which held columns make room for queries, and in which nobody spills
/// as long as much is left.
#[derive(Debug)]
struct Yielding {
    pool: Arc<dyn MemoryPool>,
    held: Arc<HeldColumns>,
    /// Bytes that queries take together before shares count.
    free: usize,
}

impl Yielding {
    /// Whether so many bytes more can be taken without looking at shares.
    fn is_plenty_for(&self, additional: usize) -> bool {
        let taken = self.pool.reserved().saturating_sub(self.held.bytes());
        taken.saturating_add(additional) <= self.free
    }
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
        if self.is_plenty_for(additional) {
            self.grow(reservation, additional);
            return Ok(());
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_count_only_when_half_is_taken() {
        let (_, pool) = limited_to(Some(1000));
        let sorts =
            [(); 4].map(|()| MemoryConsumer::new("sort").with_can_spill(true).register(&pool));
        // Four could have 250 each.
        sorts[0].try_grow(450).unwrap();
        assert!(sorts[1].try_grow(260).is_err(), "more than its share, with most taken");
        sorts[1].try_grow(240).unwrap();
        assert!(sorts[0].try_grow(10).is_err(), "it has more than its share, and has to spill");
        sorts[0].shrink(450);
        sorts[1].try_grow(100).unwrap();
    }

    #[test]
    fn held_columns_take_nothing_from_what_is_free() {
        let (held, pool) = limited_to(Some(1000));
        let spills = MemoryConsumer::new("sort").with_can_spill(true).register(&pool);
        let other = MemoryConsumer::new("other").with_can_spill(true).register(&pool);
        spills.try_grow(500).unwrap();
        assert_eq!((held.bytes(), pool.reserved()), (0, 500));
        assert!(other.try_grow(501).is_err());
    }
}
