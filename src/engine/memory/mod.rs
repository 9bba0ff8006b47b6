//! The memory that the statements of a session share.
//!
//! Columns that are held in memory count against its limit like everything else,
//! and are given up where a query needs their room. What nobody counts shows in the
//! memory of the process: see [`Process`](super::Process). What is counted more than once
//! is mended before it is: see [`own_buffers`].

mod own_buffers;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use datafusion::common::resources_datafusion_err;
use datafusion::error::Result;
use datafusion::execution::memory_pool::{
    GreedyMemoryPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
    TrackConsumersPool, UnboundedMemoryPool,
};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;

use super::process::{Process, Watch};
use super::spill::{self, Spill};
use super::wording;
use crate::catalog::HeldColumns;
use crate::error::Error;

pub(super) use own_buffers::OwnBuffers;

/// How many of the largest consumers an out-of-memory error names.
const NAMED_CONSUMERS: NonZeroUsize = NonZeroUsize::new(5).expect("not zero");

/// Of the memory, this part is given to whoever asks first. Only beyond it operators
/// that can spill are held to equal shares of the whole, which are small where many
/// threads and queries have such operators, most of which need next to nothing.
const PART_TAKEN_FREELY: usize = 2;

/// Of the memory, this part is kept from sorts and others that can spill. What a sort has
/// put in order goes through a merge that cannot spill; were the memory full of rows that
/// just fit into it, there would be none for that, and the query would end where one with
/// less memory goes through.
const PART_KEPT_FROM_SPILLERS: usize = 4;

/// The engine's name for what a sort merges its own parts in, which are mostly rows that
/// it held before.
const MERGES_OF_SORTS: &str = "ExternalSorterMerge";

/// This part is kept from these as well: of what was spilled they would take all.
const PART_KEPT_FROM_SORTS: usize = 6;

/// Who has no more than this part of the limit is not made to spill for the sake of others:
/// it would write files of a few rows.
const PART_LEFT_ALONE: usize = 64;

/// A sort keeps room for merging before it has a row, at most this part of what is there
/// for each thread.
const PART_KEPT_FOR_MERGING: usize = 16;

/// The engine's name for all that aggregates. An aggregation makes arrays of all that
/// it has collected when it gives its rows out, or writes them to disk, and has both
/// for a while; it says only what it has collected.
const AGGREGATES: &str = "AggregateStream";

/// What merging takes for each spilled part when its rows hold long texts: some
/// batches of them.
const BYTES_PER_MERGED: usize = 32 << 20;

/// Merging fewer parts at a time would go over the rows too often.
const FEWEST_MERGED: usize = 4;

/// More parts than that cost more open files than they save time.
const MOST_MERGED: usize = 64;

/// Where the process has much memory, who can spill does so from this part of the
/// limit on. Less is not worth a file.
const PART_WORTH_SPILLING: usize = 16;

/// What queries share where no columns are held: `memory_limit` bytes, if there is
/// a limit, caches, and a folder for what does not fit.
#[must_use]
pub fn runtime_builder(
    memory_limit: Option<usize>,
    process: Option<Process>,
    spill: &Spill,
) -> RuntimeEnvBuilder {
    builder(Memory::limited_to(memory_limit, process).pool, spill)
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
    (of_spillers(limit) / threads / BYTES_PER_MERGED).clamp(FEWEST_MERGED, MOST_MERGED)
}

/// Of so many bytes, those that sorts and others that can spill may have together.
const fn of_spillers(limit: usize) -> usize {
    limit - limit / PART_KEPT_FROM_SPILLERS
}

/// Whether a sort merges its own parts in what `consumer` has.
fn merges(consumer: &MemoryConsumer) -> bool {
    consumer.name().contains(MERGES_OF_SORTS)
}

/// What each sort keeps free to merge its rows, of `threads` that have `limit` bytes
/// together: not more than `usual`.
pub(super) fn kept_for_merging(limit: usize, threads: usize, usual: usize) -> usize {
    usual.min(limit / threads.max(1) / PART_KEPT_FOR_MERGING)
}

/// The memory of a session, and of those made from it.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    /// The columns that are held in it.
    pub(super) held: Arc<HeldColumns>,
    /// What queries take theirs from.
    pub(super) pool: Arc<dyn MemoryPool>,
    /// What ends queries, where the process is looked at.
    pub(super) overrun: Option<Overrun>,
}

impl Memory {
    /// Room for columns, and for queries that take theirs from it; at most `limit`
    /// bytes together, if there is a limit. The process, if it is given, is held near
    /// them.
    pub(super) fn limited_to(limit: Option<usize>, process: Option<Process>) -> Self {
        let Some(limit) = limit else {
            let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
            return Self { held: Arc::new(HeldColumns::new(&pool)), pool, overrun: None };
        };
        let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(limit));
        let held = Arc::new(HeldColumns::new(&pool));
        let watch = process.map(|process| Arc::new(Watch::new(process, limit)));
        let yielding = Yielding {
            pool,
            held: Arc::clone(&held),
            limit,
            spillers: AtomicUsize::new(0),
            of_spillers: AtomicUsize::new(0),
            of_merges: AtomicUsize::new(0),
            watch: watch.clone(),
        };
        let pool = Arc::new(TrackConsumersPool::new(yielding, NAMED_CONSUMERS));
        let overrun = watch.map(|watch| Overrun { watch, pool: Arc::clone(&pool) });
        Self { held, pool, overrun }
    }
}

/// Tells when a query has to end because the process has far more memory than its
/// queries may hold.
#[derive(Debug, Clone)]
pub(super) struct Overrun {
    watch: Arc<Watch>,
    pool: Arc<TrackConsumersPool<Yielding>>,
}

impl Overrun {
    /// Why a query has to end now, if one has to.
    pub(super) fn error(&self) -> Option<Error> {
        let bytes = self.watch.too_much()?;
        // Either way memory is given back now, which takes a moment.
        self.watch.look_away();
        if self.pool.inner().held.give_way(usize::MAX) {
            return None;
        }
        let held = self.pool.report_top(NAMED_CONSUMERS.get());
        Some(wording::exhausted(&format!("{held}\n{}", wording::process_has(bytes))))
    }
}

/// A pool in which held columns make room for queries, and in which nobody spills
/// as long as much is left.
#[derive(Debug)]
struct Yielding {
    /// What all take theirs from.
    pool: Arc<dyn MemoryPool>,
    held: Arc<HeldColumns>,
    /// Bytes of all.
    limit: usize,
    /// How many there are who can spill.
    spillers: AtomicUsize,
    /// Bytes that these have.
    of_spillers: AtomicUsize,
    /// Bytes that sorts have for merging besides.
    of_merges: AtomicUsize,
    watch: Option<Arc<Watch>>,
}

impl Yielding {
    /// Whether so many bytes more can be taken without looking at shares.
    fn is_plenty_for(&self, reservation: &MemoryReservation, additional: usize) -> bool {
        let taken = self.pool.reserved().saturating_sub(self.held.bytes());
        let needed = if reservation.consumer().name().contains(AGGREGATES) {
            reservation.size().saturating_add(additional.saturating_mul(2))
        } else {
            additional
        };
        taken.saturating_add(needed) <= self.limit / PART_TAKEN_FREELY
    }

    /// Whether so many bytes more are there for the likes of `reservation`. Those who can
    /// spill have equal shares of a part of what the others leave.
    fn is_left_for(&self, reservation: &MemoryReservation, additional: usize) -> bool {
        let (consumer, reserved) = (reservation.consumer(), self.pool.reserved());
        if consumer.can_spill() {
            let merged = self.of_merges.load(Relaxed);
            let together = self.of_spillers.load(Relaxed).saturating_add(merged);
            let left = self.limit.saturating_sub(reserved.saturating_sub(together));
            let share =
                of_spillers(left).saturating_sub(merged) / self.spillers.load(Relaxed).max(1);
            let is_left = together.saturating_add(additional) <= of_spillers(left);
            let size = reservation.size();
            // Who has nothing makes no room by spilling: the query would end.
            if size == 0 {
                return is_left;
            }
            let is_little = size <= self.limit / PART_LEFT_ALONE;
            return size.saturating_add(additional) <= share && (is_left || is_little);
        }
        let kept = if merges(consumer) { self.limit / PART_KEPT_FROM_SORTS } else { 0 };
        reserved.saturating_add(additional) <= self.limit - kept
    }

    /// Where the bytes of those who can spill, and of merges, are counted.
    fn counted_with(&self, consumer: &MemoryConsumer) -> Option<&AtomicUsize> {
        if consumer.can_spill() {
            return Some(&self.of_spillers);
        }
        merges(consumer).then_some(&self.of_merges)
    }

    /// Takes so many bytes more, if they are left.
    fn take(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        if self.is_left_for(reservation, additional) {
            self.grow(reservation, additional);
            return Ok(());
        }
        let name = reservation.consumer().name();
        Err(resources_datafusion_err!("{additional} bytes more are not left for {name}"))
    }

    /// The bytes of the process, if these are so many that what `reservation` stands
    /// for had better go to disk.
    fn should_spill(&self, reservation: &MemoryReservation) -> Option<usize> {
        let is_worth_it = reservation.size() > self.limit / PART_WORTH_SPILLING;
        let watch = self.watch.as_ref().filter(|_| is_worth_it)?;
        watch.much().filter(|_| reservation.consumer().can_spill())
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
        self.spillers.fetch_add(usize::from(consumer.can_spill()), Relaxed);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.pool.unregister(consumer);
        self.spillers.fetch_sub(usize::from(consumer.can_spill()), Relaxed);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.pool.grow(reservation, additional);
        if let Some(bytes) = self.counted_with(reservation.consumer()) {
            bytes.fetch_add(additional, Relaxed);
        }
        self.held.give_way(self.pool.reserved().saturating_sub(self.limit));
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.pool.shrink(reservation, shrink);
        if let Some(bytes) = self.counted_with(reservation.consumer()) {
            bytes.fetch_sub(shrink, Relaxed);
        }
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        if let Some(bytes) = self.should_spill(reservation)
            && !self.held.give_way(usize::MAX)
        {
            return Err(resources_datafusion_err!("{}", wording::process_has(bytes)));
        }
        if self.is_plenty_for(reservation, additional) {
            self.grow(reservation, additional);
            return Ok(());
        }
        loop {
            let Err(refused) = self.take(reservation, additional) else { return Ok(()) };
            if !self.held.give_way(additional) {
                return Err(refused);
            }
        }
    }

    fn reserved(&self) -> usize {
        self.pool.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_count_only_when_half_is_taken() {
        let Memory { pool, .. } = Memory::limited_to(Some(1000), None);
        let sorts =
            [(); 4].map(|()| MemoryConsumer::new("sort").with_can_spill(true).register(&pool));
        // Four could have 187 each.
        sorts[0].try_grow(450).unwrap();
        sorts[1].try_grow(10).unwrap();
        assert!(sorts[1].try_grow(180).is_err(), "more than its share, with most taken");
        sorts[1].try_grow(170).unwrap();
        assert!(sorts[0].try_grow(10).is_err(), "it has more than its share, and has to spill");
        assert!(sorts[2].try_grow(130).is_err(), "not even who has nothing has more than is left");
        sorts[0].shrink(450);
        sorts[1].try_grow(100).unwrap();
    }

    #[test]
    fn who_has_nothing_to_spill_is_given_more_than_a_share() {
        let Memory { pool, .. } = Memory::limited_to(Some(1000), None);
        let sorts =
            [(); 5].map(|()| MemoryConsumer::new("sort").with_can_spill(true).register(&pool));
        sorts[0].try_grow(500).unwrap();
        sorts[1].try_grow(200).unwrap();
        assert!(sorts[1].try_grow(1).is_err(), "more than a share of 150, and it can spill");
        sorts[2].try_grow(50).unwrap();
        assert!(sorts[3].try_grow(1).is_err(), "no more is left for those who can spill");
    }

    #[test]
    fn what_is_aggregated_needs_room_for_a_copy() {
        let Memory { pool, .. } = Memory::limited_to(Some(1000), None);
        let [one, two] = ["FinalHashAggregateStream[0]", "sort"]
            .map(|name| MemoryConsumer::new(name).with_can_spill(true).register(&pool));
        let three = MemoryConsumer::new("another").with_can_spill(true).register(&pool);
        one.try_grow(250).unwrap();
        two.try_grow(250).unwrap();
        assert!(one.try_grow(84).is_err(), "a third is its share");
        drop((two, three));
        one.try_grow(84).unwrap();
    }

    #[test]
    fn those_who_can_spill_do_where_the_process_has_much() {
        static BYTES: AtomicUsize = AtomicUsize::new(0);
        let process = Process { bytes: || Some(BYTES.load(Relaxed)), give_back: || () };
        let Memory { pool, overrun, .. } = Memory::limited_to(Some(1 << 20), Some(process));
        let overrun = overrun.unwrap();
        let sort = MemoryConsumer::new("sort").with_can_spill(true).register(&pool);
        let join = MemoryConsumer::new("join").register(&pool);
        sort.try_grow(200_000).unwrap();
        assert!(overrun.error().is_none());
        BYTES.store(512_000_000, Relaxed);
        std::thread::sleep(std::time::Duration::from_millis(30));
        let refused = sort.try_grow(1).unwrap_err().to_string();
        assert!(refused.contains("the process has 512 MB"), "{refused}");
        join.try_grow(200_000).unwrap();
        sort.free();
        sort.try_grow(1).unwrap();
        let error = overrun.error().unwrap();
        assert!(error.message().contains("512 MB; most was held by join 0.2 MB"), "{error}");
        assert!(overrun.error().is_none(), "one query at a time");
    }

    #[test]
    fn what_is_merged_finds_room_beside_sorts_that_are_full() {
        let Memory { pool, .. } = Memory::limited_to(Some(1000), None);
        let sorts = ["ExternalSorter[0]", "ExternalSorter[1]"]
            .map(|name| MemoryConsumer::new(name).with_can_spill(true).register(&pool));
        let own = MemoryConsumer::new("ExternalSorterMerge[0]").register(&pool);
        let merge = MemoryConsumer::new("SortPreservingMergeExec[0]").register(&pool);
        for sort in &sorts {
            while sort.try_grow(25).is_ok() {}
        }
        assert_eq!(pool.reserved(), 750);
        own.try_grow(84).unwrap();
        assert!(own.try_grow(1).is_err(), "the rest is for those who take its rows");
        merge.try_grow(166).unwrap();
        assert!(merge.try_grow(1).is_err(), "all is taken");
        assert!(matches!(pool.memory_limit(), MemoryLimit::Finite(1000)));
    }

    #[test]
    fn those_who_can_spill_have_a_part_of_what_others_leave() {
        let Memory { pool, .. } = Memory::limited_to(Some(1000), None);
        let join = MemoryConsumer::new("HashJoinInput").register(&pool);
        let sorts =
            [(); 2].map(|()| MemoryConsumer::new("sort").with_can_spill(true).register(&pool));
        join.try_grow(800).unwrap();
        sorts[0].try_grow(75).unwrap();
        assert!(sorts[0].try_grow(1).is_err(), "half of three quarters of the rest is its share");
        sorts[1].try_grow(75).unwrap();
        sorts[0].free();
        join.try_grow(125).unwrap();
        assert!(join.try_grow(1).is_err(), "all is taken");
    }

    #[test]
    fn sorts_of_many_threads_keep_less_for_merging() {
        assert_eq!(kept_for_merging(1 << 30, 4, 10 << 20), 10 << 20);
        assert_eq!(kept_for_merging(64 << 20, 4, 10 << 20), 1 << 20);
    }

    #[test]
    fn held_columns_take_nothing_from_what_is_free() {
        let Memory { held, pool, .. } = Memory::limited_to(Some(1000), None);
        let spills = MemoryConsumer::new("sort").with_can_spill(true).register(&pool);
        let other = MemoryConsumer::new("other").with_can_spill(true).register(&pool);
        spills.try_grow(500).unwrap();
        assert_eq!((held.bytes(), pool.reserved()), (0, 500));
        assert!(other.try_grow(501).is_err());
    }
}
