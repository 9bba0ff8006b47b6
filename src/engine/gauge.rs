//! How much memory some queries hold, of a pool that others use as well.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::error::Result;
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};

/// Passes everything on to the pool, and remembers the most that was held.
#[derive(Debug)]
pub(super) struct Gauge {
    pool: Arc<dyn MemoryPool>,
    held: AtomicUsize,
    peak: AtomicUsize,
}

impl Gauge {
    pub(super) fn new(pool: Arc<dyn MemoryPool>) -> Self {
        Self { pool, held: AtomicUsize::new(0), peak: AtomicUsize::new(0) }
    }

    /// The most bytes that were held at one time.
    pub(super) fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: usize) {
        let held = self.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.peak.fetch_max(held, Ordering::Relaxed);
    }
}

impl fmt::Display for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pool.fmt(f)
    }
}

impl MemoryPool for Gauge {
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
        self.add(additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.pool.shrink(reservation, shrink);
        self.held.fetch_sub(shrink, Ordering::Relaxed);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        self.pool.try_grow(reservation, additional)?;
        self.add(additional);
        Ok(())
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
    use datafusion::execution::memory_pool::GreedyMemoryPool;

    use super::*;

    #[test]
    fn the_peak_is_of_one_gauge_and_the_limit_of_all() {
        let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(100));
        let gauges = [0, 1].map(|_| Arc::new(Gauge::new(Arc::clone(&pool))));
        let [one, two] = gauges.clone().map(|gauge| {
            let gauge: Arc<dyn MemoryPool> = gauge;
            MemoryConsumer::new("sort").register(&gauge)
        });
        one.try_grow(60).unwrap();
        one.shrink(50);
        two.try_grow(80).unwrap();
        assert!(one.try_grow(30).is_err());
        assert_eq!(gauges.map(|gauge| gauge.peak()), [60, 80]);
    }
}
