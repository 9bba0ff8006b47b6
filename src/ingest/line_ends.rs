//! Which line of a file a byte lies on, as editors count.

use memchr::memchr_iter;

/// The line ends that were passed.
///
/// Records are not lines: texts in quotes have line ends too. Counting them takes
/// a small part of the time that splitting does.
#[derive(Debug, Default)]
pub(super) struct LineEnds {
    feeds: u64,
    /// Counted as long as there is no other.
    returns: u64,
}

impl LineEnds {
    /// Passes `bytes`.
    pub(super) fn pass(&mut self, bytes: &[u8]) {
        self.feeds += memchr_iter(b'\n', bytes).count() as u64;
        if self.feeds == 0 {
            self.returns += memchr_iter(b'\r', bytes).count() as u64;
        }
    }

    /// The line of what comes next, from 1.
    pub(super) fn line(&self) -> u64 {
        // In a file of an old Macintosh the returns are all there is.
        1 + if self.feeds > 0 { self.feeds } else { self.returns }
    }
}
