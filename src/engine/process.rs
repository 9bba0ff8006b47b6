//! What the process has of memory, whatever operators say that they take.
//!
//! Operators count most of what they hold, but not all: what they copy to give an
//! answer out, rows on their way, what the allocator keeps. So where a process is
//! there for one session, its own memory is looked at as well.

use std::fs::read_to_string;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// A process whose memory is that of one session, and of those made from it.
#[derive(Debug, Clone, Copy)]
pub struct Process {
    /// Bytes that it has now, if the system tells.
    pub bytes: fn() -> Option<usize>,
    /// Makes the allocator give back to the system what was freed, and keep less of it
    /// from then on.
    pub give_back: fn(),
}

impl Process {
    /// This one.
    #[must_use]
    pub fn this(give_back: fn()) -> Self {
        Self { bytes: own_bytes, give_back }
    }
}

/// The bytes that this process has in memory.
fn own_bytes() -> Option<usize> {
    own_memory("VmRSS:")
}

/// The bytes that Linux tells of this process in the line that begins with `what`.
pub(crate) fn own_memory(what: &str) -> Option<usize> {
    let status = read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(what))?;
    let kilobytes: usize = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes << 10)
}

/// A look at the memory holds for so many milliseconds: it takes some
/// microseconds, and memory grows by some megabytes meanwhile.
const LOOK_HOLDS: u64 = 10;

/// Milliseconds in which a query that was told to end has ended.
const ENDING_TAKES: u64 = 250;

/// Beside what the limit is for, a process may have so many bytes before freed memory
/// is given back: its code, dictionaries, what it reads and writes just now.
const BESIDE: usize = 100_000_000;

/// So many more, and a quarter of the limit, before queries spill.
const BEFORE_SPILLING: usize = 25_000_000;

/// What README promises: a process has no more than half of the limit again, and so
/// many bytes beside it.
const PROMISED_BESIDE: usize = 200_000_000;

/// Between two looks, and until a query that was told to end has heard of it, so much
/// more is taken, and a part of the limit: a grouping that gives rows out makes
/// arrays of all of its share in one go.
const BETWEEN_LOOKS: usize = 30_000_000;

/// The part of the limit that such a step takes.
const PART_OF_STEP: usize = 8;

/// Looks now and then how much memory the process has.
#[derive(Debug)]
pub(super) struct Watch {
    process: Process,
    limit: usize,
    begun: Instant,
    /// When the next look is due, in milliseconds since `begun`.
    due: AtomicU64,
    bytes: AtomicUsize,
    gave_back: AtomicBool,
}

impl Watch {
    /// Watches over a process whose queries may hold `limit` bytes.
    pub(super) fn new(process: Process, limit: usize) -> Self {
        let (due, bytes, gave_back) = Default::default();
        Self { process, limit, begun: Instant::now(), due, bytes, gave_back }
    }

    /// The bytes of the process, if these are more than its queries should need: those
    /// who can put something elsewhere do.
    pub(super) fn much(&self) -> Option<usize> {
        Some(self.bytes()).filter(|bytes| *bytes > self.enough())
    }

    /// The bytes of the process, if these are so many that a query has to end.
    pub(super) fn too_much(&self) -> Option<usize> {
        let promised = self.limit.saturating_add(self.limit / 2 + PROMISED_BESIDE);
        let step = self.limit / PART_OF_STEP + BETWEEN_LOOKS;
        self.much().filter(|bytes| *bytes > promised - step)
    }

    /// Looks away while a query that was told to end gives its memory back.
    pub(super) fn look_away(&self) {
        self.bytes.store(0, Ordering::Relaxed);
        self.due.store(self.now().saturating_add(ENDING_TAKES), Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn enough(&self) -> usize {
        self.limit.saturating_add(self.limit / 4 + BESIDE + BEFORE_SPILLING)
    }

    /// The bytes of the process, as of some milliseconds ago at most.
    fn bytes(&self) -> usize {
        let now = self.now();
        let due = self.due.load(Ordering::Relaxed);
        let ours = || {
            let next = now.saturating_add(LOOK_HOLDS);
            self.due.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        };
        if now >= due && ours() {
            self.bytes.store(self.look(), Ordering::Relaxed);
        }
        self.bytes.load(Ordering::Relaxed)
    }

    /// What the process has, without what was freed if that might matter.
    fn look(&self) -> usize {
        let bytes = (self.process.bytes)().unwrap_or(0);
        let is_thrifty = bytes > self.limit.saturating_add(BESIDE);
        let first = is_thrifty && !self.gave_back.swap(true, Ordering::Relaxed);
        if !first && bytes <= self.enough() {
            return bytes;
        }
        (self.process.give_back)();
        (self.process.bytes)().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_freed_does_not_count() {
        static BYTES: AtomicUsize = AtomicUsize::new(900_000_000);
        let bytes = || Some(BYTES.load(Ordering::Relaxed));
        let give_back = || BYTES.store(120_000_000, Ordering::Relaxed);
        let watch = Watch::new(Process { bytes, give_back }, 100_000_000);
        assert!(watch.much().is_none() && watch.too_much().is_none());
    }

    #[test]
    fn much_comes_before_too_much_and_both_within_the_promise() {
        const LIMIT: usize = 256_000_000;
        fn at(bytes: fn() -> Option<usize>) -> (bool, bool) {
            let watch = Watch::new(Process { bytes, give_back: || () }, LIMIT);
            (watch.much().is_some(), watch.too_much().is_some())
        }
        assert_eq!(at(|| Some(LIMIT)), (false, false));
        assert_eq!(at(|| Some(500_000_000)), (true, false));
        assert_eq!(at(|| Some(LIMIT * 3 / 2 + 180_000_000)), (true, true));
        assert_eq!(at(|| None), (false, false), "a system that does not tell");
    }

    #[test]
    fn one_query_ends_at_a_time() {
        let process = Process { bytes: || Some(1 << 30), give_back: || () };
        let watch = Watch::new(process, 1 << 20);
        assert!(watch.too_much().is_some());
        watch.look_away();
        assert!(watch.too_much().is_none());
    }

    #[test]
    fn the_system_tells_what_a_process_has() {
        if cfg!(target_os = "linux") {
            let much = vec![1_u8; 64 << 20];
            assert!(own_bytes().unwrap() >= much.len());
        }
    }
}
