//! How far an import has come, for a person who waits.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::database::Progress;
use crate::render::{group_digits, visible};

/// Who waits less than this sees nothing.
const SILENCE: Duration = Duration::from_millis(500);

/// A bar of what is read of all files, with rows a second and the time left.
pub(super) struct Bar {
    bar: ProgressBar,
    so_far: Mutex<SoFar>,
}

/// What was read so far.
#[derive(Debug, Default)]
struct SoFar {
    files: usize,
    done: usize,
    /// Bytes and rows of the files that are done.
    before: (u64, u64),
    /// Those of the file that is being read.
    now: (u64, u64),
    /// Its size, if that is known.
    size: Option<u64>,
    is_shown: bool,
}

impl Bar {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        Self { bar, so_far: Mutex::default() }
    }

    /// The bar, for what is to be written above it.
    pub(super) fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }

    fn change(&self, change: impl FnOnce(&mut SoFar)) {
        let mut so_far = self.so_far.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut so_far);
        let elapsed = self.bar.elapsed();
        self.bar.set_prefix(so_far.text(elapsed));
        self.bar.set_position(so_far.bytes());
        if elapsed >= SILENCE && !so_far.is_shown {
            so_far.is_shown = true;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
}

impl Progress for Bar {
    fn start(&self, files: usize, bytes: Option<u64>) {
        let style = match bytes {
            Some(bytes) => {
                self.bar.set_length(bytes);
                "{wide_bar} {percent:>3} %  {prefix}  {eta} left  {msg}"
            }
            None => "{spinner} {bytes}  {prefix}  {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(style) {
            self.bar.set_style(style);
        }
        self.change(|so_far| so_far.files = files);
    }

    fn begin(&self, file: &str, bytes: Option<u64>) {
        self.bar.set_message(visible(file).into_owned());
        self.change(|so_far| (so_far.now, so_far.size) = ((0, 0), bytes));
    }

    fn advance(&self, bytes: u64, rows: u64) {
        self.change(|so_far| so_far.now = (bytes, rows));
    }

    fn end(&self) {
        self.change(SoFar::end);
    }
}

impl SoFar {
    fn bytes(&self) -> u64 {
        self.before.0 + self.now.0
    }

    fn end(&mut self) {
        // Of a file that could not be read, the rest is done with as well.
        let bytes = self.size.take().unwrap_or(self.now.0);
        self.before = (self.before.0 + bytes, self.before.1 + self.now.1);
        self.now = (0, 0);
        self.done += 1;
    }

    fn text(&self, elapsed: Duration) -> String {
        let rows = self.before.1 + self.now.1;
        let rate = (rows as f64 / elapsed.as_secs_f64().max(0.001)) as u64;
        let rows = format!("{} rows, {}/s", group_digits(rows), group_digits(rate));
        match self.files {
            0 | 1 => rows,
            files => format!("{} of {files} files, {rows}", self.done),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Bar;
    use crate::database::Progress;

    #[test]
    fn small_files_count_towards_all_that_is_to_be_read() {
        let bar = Bar::new();
        bar.start(3, Some(100));
        bar.begin("a.csv", Some(60));
        bar.advance(60, 10);
        bar.end();
        bar.begin("not_readable.csv", Some(20));
        bar.end();
        bar.begin("b.csv", Some(20));
        bar.advance(10, 5);
        assert_eq!((bar.bar().position(), bar.bar().length()), (90, Some(100)));
        let text = bar.so_far.lock().unwrap().text(Duration::from_secs(1));
        assert_eq!(text, "2 of 3 files, 15 rows, 15/s");
    }
}
