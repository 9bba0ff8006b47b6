//! A line on the terminal that says how far a running statement is.

use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use datafusion::physical_plan::ExecutionPlan;
use parking_lot::Mutex;

use super::at_work::at_work;
use super::rows_read::Seen;
use crate::render::group_digits;
use crate::text::width::display_width;

/// Nothing is shown for statements that are done by then.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often the line is drawn again.
const RHYTHM: Duration = Duration::from_millis(150);

/// Draws the line until it is dropped, on a thread of its own, so that it goes
/// on while the statement keeps every other thread busy.
#[derive(Debug)]
pub(crate) struct Progress {
    plan: Arc<OnceLock<Arc<dyn ExecutionPlan>>>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Begins to count the time, and later to draw on `err`, which is `width` cells
    /// wide unless the terminal says otherwise by then.
    pub(crate) fn start(err: Box<dyn Write + Send>, width: usize) -> Self {
        let plan = Arc::new(OnceLock::new());
        let (stop, stopped) = channel();
        let drawn = Arc::clone(&plan);
        let thread = std::thread::Builder::new()
            .name("weiku-progress".to_owned())
            .spawn(move || draw_until(&stopped, &drawn, err, width))
            .ok();
        Self { plan, stop: Some(stop), thread }
    }

    /// Says what runs, once it is planned.
    pub(crate) fn watch(&self, plan: &Arc<dyn ExecutionPlan>) {
        let _ = self.plan.set(Arc::clone(plan));
    }
}

impl Drop for Progress {
    /// Erases the line; afterwards the terminal is free.
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What of the line stands on the terminal: all are drawn there, one at a time, and a signal
/// that ends the program must find it.
static DRAWN: Mutex<Line> = Mutex::new(Line { cells: 0, width: 0, is_over: false });

/// See [`DRAWN`].
#[derive(Debug)]
struct Line {
    /// How many cells the line has taken.
    cells: usize,
    /// The width of the terminal, unless it says otherwise.
    width: usize,
    /// Whether nothing must be drawn any more, for the program ends.
    is_over: bool,
}

/// Erases the line at the end of the program: none is drawn from then on.
#[cfg(unix)]
pub(super) fn erase() {
    let mut line = DRAWN.lock();
    line.is_over = true;
    line.erase(&mut std::io::stderr(), super::reflows());
}

impl Line {
    /// Draws `text` in the place of what was drawn.
    fn draw(&mut self, err: &mut dyn Write, text: &str, width: usize, reflows: bool) {
        if self.is_over {
            return;
        }
        let back = back(self.cells, width, reflows);
        // To the line's beginning, the text, and the rest of the line erased.
        let told = write!(err, "{back}\x1b[2m{text}\x1b[0m\x1b[K").and_then(|()| err.flush());
        self.cells = if told.is_ok() { display_width(text) } else { 0 };
        self.width = width;
    }

    /// Leaves nothing of it, if there is anything.
    fn erase(&mut self, err: &mut dyn Write, reflows: bool) {
        if self.cells == 0 {
            return;
        }
        let back = back(self.cells, columns().unwrap_or(self.width), reflows);
        let _ = write!(err, "{back}\x1b[K").and_then(|()| err.flush());
        self.cells = 0;
    }
}

fn draw_until(
    stopped: &Receiver<()>,
    plan: &OnceLock<Arc<dyn ExecutionPlan>>,
    mut err: Box<dyn Write + Send>,
    width: usize,
) {
    let begun = Instant::now();
    let mut pace = Pace::default();
    let mut wait = PATIENCE;
    let reflows = super::reflows();
    while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
        let seen = plan.get().map(|plan| Seen::of(plan.as_ref())).unwrap_or_default();
        let elapsed = begun.elapsed();
        let reads = pace.reads(elapsed, seen);
        let step = plan.get().filter(|_| seen.is_over(reads)).and_then(|plan| at_work(&**plan));
        let state = State { elapsed, seen, reads, step };
        // A line that went on below could not be drawn over.
        let width = columns().unwrap_or(width);
        let line = state.line(width.saturating_sub(1));
        DRAWN.lock().draw(&mut *err, &line, width, reflows);
        wait = RHYTHM;
    }
    DRAWN.lock().erase(&mut *err, reflows);
}

/// Cells across of the terminal as it is now.
fn columns() -> Option<usize> {
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
}

/// What leads to the beginning of a line of so many cells, of which a terminal that was
/// made narrower meanwhile may have made several rows: they are erased.
fn back(cells: usize, width: usize, reflows: bool) -> String {
    match cells.saturating_sub(1) / width.max(1) {
        rows if rows > 0 && reflows => format!("\r\x1b[{rows}A\x1b[J"),
        _ => "\r".to_owned(),
    }
}

/// So long without anything read, and what was read tells no more how long the rest
/// will take: rows are sorted or joined, and may be for longer than they were read.
const STANDSTILL: Duration = Duration::from_secs(1);

/// When the scans have read something last.
#[derive(Debug, Default)]
struct Pace {
    last: Seen,
    changed: Duration,
}

impl Pace {
    /// Whether they are still reading, who at `now` have come so far.
    fn reads(&mut self, now: Duration, seen: Seen) -> bool {
        if seen != self.last {
            (self.last, self.changed) = (seen, now);
        }
        now.saturating_sub(self.changed) < STANDSTILL
    }
}

/// How far a statement is.
#[derive(Debug, Clone, Copy)]
struct State {
    elapsed: Duration,
    seen: Seen,
    /// Whether the scans still read.
    reads: bool,
    /// What is done with the rows, once they are read.
    step: Option<&'static str>,
}

impl State {
    /// `63 % · 12,300,000 of 19,500,000 rows read · 480 MB/s · 4.1 s · about 3 s left to read`,
    /// without what says least where that is more than `width` cells. The speed is told only
    /// while the scans still read; after that, the time left is not known, but mostly what
    /// is done meanwhile.
    fn line(&self, width: usize) -> String {
        let Self { elapsed, seen, step, .. } = *self;
        let share = seen.share();
        let is_done = share.is_some_and(|(done, all, _)| done == all);
        let reads = self.reads && !is_done;
        let speed = speed(&seen, elapsed).filter(|_| reads);
        let left = share.filter(|_| reads).and_then(|(done, all, _)| left(elapsed, done, all));
        let known = left.or_else(|| step.map(str::to_owned));
        let is_known = known.is_some();
        let left = known.unwrap_or_else(|| UNKNOWN.to_owned());
        let mut parts = match share {
            Some((_, all, what)) if is_done => {
                let all = group_digits(all as u64);
                vec![Some(format!("all {what} read")), Some(format!("{all} {what}"))]
            }
            Some((done, all, what)) => {
                let counts = [done, all].map(|count| group_digits(count as u64)).join(" of ");
                vec![Some(format!("{} %", done * 100 / all)), Some(format!("{counts} {what} read"))]
            }
            None if seen.rows > 0 => {
                vec![Some(format!("{} rows read", group_digits(seen.rows as u64))), None]
            }
            None => vec![Some("running".to_owned()), None],
        };
        let time = format!("{:.1} s", elapsed.as_secs_f64());
        parts.extend([speed, Some(time), Some(left), Some("Ctrl-C stops it".to_owned())]);
        let joined = |parts: &[Option<String>]| {
            parts.iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" · ")
        };
        let [first, then] = if is_known { [KEY, LEFT] } else { [LEFT, KEY] };
        for part in [SPEED, COUNTS, first, then] {
            if joined(&parts).chars().count() <= width {
                break;
            }
            parts[part] = None;
        }
        joined(&parts)
    }
}

/// How fast the scans read: in bytes, or in rows where these come from memory, of which
/// nobody counts the bytes.
fn speed(seen: &Seen, elapsed: Duration) -> Option<String> {
    let a_second = |count: usize| count as f64 / elapsed.as_secs_f64();
    match seen.bytes {
        read if read > 0 && read >= seen.rows => Some(format!("{}/s", bytes(a_second(read)))),
        _ => {
            let rows = two_digits(a_second(seen.counted()));
            (rows > 0).then(|| format!("{} rows/s", group_digits(rows)))
        }
    }
}

/// A count rounded to what matters of it.
fn two_digits(count: f64) -> u64 {
    let unit = 10_f64.powi((count.max(1.0).log10().floor() as i32 - 1).max(0));
    ((count / unit).round() * unit) as u64
}

/// What is told of the time left where nothing tells how long it is.
const UNKNOWN: &str = "time left unknown";

/// Where the parts of the line stand that can be left out.
const COUNTS: usize = 1;
const SPEED: usize = 2;
const LEFT: usize = 4;
const KEY: usize = 5;

/// `about 3 s left to read`, once enough is done to tell.
fn left(elapsed: Duration, done: usize, all: usize) -> Option<String> {
    if done * 20 <= all {
        return None;
    }
    let left = elapsed.as_secs_f64() * (all - done) as f64 / done as f64;
    match left {
        left if left < 99.5 => Some(format!("about {left:.0} s left to read")),
        left if left < 99.0 * 3600.0 => Some(format!("about {:.0} min left to read", left / 60.0)),
        _ => None,
    }
}

/// `480 MB`, in powers of ten.
pub(crate) fn bytes(count: f64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut count = count;
    let mut unit = 0;
    while count >= 999.5 && unit + 1 < units.len() {
        count /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && count < 9.95);
    format!("{count:.digits$} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Line, Pace, Seen, State, back, bytes, left, two_digits};

    /// The line of a statement that has done nothing with its rows yet.
    fn line(elapsed: Duration, seen: Option<&Seen>, reads: bool, width: usize) -> String {
        let seen = seen.copied().unwrap_or_default();
        State { elapsed, seen, reads, step: None }.line(width)
    }

    #[test]
    fn the_share_is_told_only_when_it_is_known() {
        let time = Duration::from_secs(4);
        let known =
            Seen { rows: 500, bytes: 2_000_000_000, expected: Some(1_000), ..Seen::default() };
        assert_eq!(
            line(time, Some(&known), true, 120),
            "50 % · 500 of 1,000 rows read · 500 MB/s · 4.0 s · about 4 s left to read · Ctrl-C stops it"
        );
        let unknown = Seen { expected: None, bytes: 0, ..known };
        assert_eq!(
            line(time, Some(&unknown), true, 120),
            "500 rows read · 130 rows/s · 4.0 s · time left unknown · Ctrl-C stops it"
        );
        let files = Seen { files: 3, all_files: 4, ..unknown };
        assert_eq!(
            line(time, Some(&files), true, 120),
            "75 % · 3 of 4 files read · 130 rows/s · 4.0 s · about 1 s left to read · Ctrl-C stops it"
        );
        assert_eq!(
            line(time, None, true, 120),
            "running · 4.0 s · time left unknown · Ctrl-C stops it"
        );
    }

    #[test]
    fn the_speed_is_in_bytes_or_else_in_rows() {
        let time = Duration::from_secs(5);
        let seen = Seen { rows: 2_000_000, expected: Some(4_000_000), ..Seen::default() };
        let speed = |bytes, held| super::speed(&Seen { bytes, held, ..seen }, time);
        assert_eq!(speed(50_000_000, 0).as_deref(), Some("10 MB/s"));
        // Most rows came from memory.
        assert_eq!(speed(6_500, 0).as_deref(), Some("400,000 rows/s"));
        assert_eq!(speed(0, 2_000_000), None, "nobody has counted them");
        assert_eq!([0.3, 1.0, 99.6, 1_249.0].map(two_digits), [0, 1, 100, 1_200]);
    }

    #[test]
    fn once_all_is_read_the_line_says_what_is_done_with_it() {
        let seen = Seen { rows: 1_000, expected: Some(1_000), ..Seen::default() };
        let time = Duration::from_secs(40);
        let state = State { elapsed: time, seen, reads: false, step: Some("sorting") };
        let line = "all rows read · 1,000 rows · 40.0 s · sorting · Ctrl-C stops it";
        assert_eq!(state.line(120), line);
        assert_eq!(state.line(40), "all rows read · 40.0 s · sorting");
        let unknown = Seen { expected: None, ..seen };
        let line = State { seen: unknown, ..state }.line(120);
        assert_eq!(line, "1,000 rows read · 40.0 s · sorting · Ctrl-C stops it");
        // A scan that is not done may come again.
        assert!(seen.is_over(true) && unknown.is_over(false) && !unknown.is_over(true));
        assert!(!Seen { all_files: 2, files: 1, ..unknown }.is_over(false));
        assert!(!Seen { rows: 999, ..seen }.is_over(false));
    }

    #[test]
    fn nothing_is_promised_of_rows_that_are_joined_each_with_each() {
        let seen = Seen { rows: 910, expected: Some(1_000), multiplies: true, ..Seen::default() };
        assert_eq!(
            line(Duration::from_secs(4), Some(&seen), true, 120),
            "910 rows read · 4.0 s · time left unknown · Ctrl-C stops it"
        );
    }

    #[test]
    fn nothing_is_left_of_the_line_and_none_is_drawn_at_the_end_of_the_program() {
        let mut line = Line { cells: 0, width: 80, is_over: false };
        let mut terminal = Vec::new();
        line.erase(&mut terminal, true);
        assert_eq!(terminal, b"", "there is nothing to erase");
        line.draw(&mut terminal, "2.1 s", 80, true);
        terminal.clear();
        line.erase(&mut terminal, true);
        assert_eq!(terminal, b"\r\x1b[K");
        terminal.clear();
        line.is_over = true;
        line.draw(&mut terminal, "2.2 s", 80, true);
        assert_eq!(terminal, b"");
    }

    #[test]
    fn a_line_that_became_several_rows_is_drawn_over_whole() {
        assert_eq!(back(79, 80, true), "\r");
        assert_eq!(back(0, 80, true), "\r");
        assert_eq!(back(119, 80, true), "\r\x1b[1A\x1b[J");
        assert_eq!(back(119, 40, true), "\r\x1b[2A\x1b[J");
        // Such a terminal cuts the line, and what stands above is something else.
        assert_eq!(back(119, 80, false), "\r");
    }

    #[test]
    fn no_time_is_promised_once_all_is_read_or_nothing_moves() {
        let time = Duration::from_secs(40);
        let done = Seen { rows: 1_000, bytes: 2_000, expected: Some(1_000), ..Seen::default() };
        assert_eq!(
            line(time, Some(&done), true, 120),
            "all rows read · 1,000 rows · 40.0 s · time left unknown · Ctrl-C stops it"
        );
        let half = Seen { rows: 500, ..done };
        assert_eq!(
            line(time, Some(&half), false, 120),
            "50 % · 500 of 1,000 rows read · 40.0 s · time left unknown · Ctrl-C stops it"
        );
        let mut pace = Pace::default();
        let at = Duration::from_millis;
        assert!(pace.reads(at(500), half) && pace.reads(at(1_400), half));
        assert!(!pace.reads(at(1_600), half));
        assert!(pace.reads(at(1_750), done), "the next scan has begun");
    }

    #[test]
    fn on_a_narrow_terminal_the_line_keeps_what_says_most() {
        let seen = Seen {
            rows: 12_300_000,
            bytes: 2_000_000_000,
            expected: Some(19_500_000),
            ..Seen::default()
        };
        let line = |width| line(Duration::from_secs(4), Some(&seen), true, width);
        assert_eq!(line(79), "63 % · 4.0 s · about 2 s left to read · Ctrl-C stops it");
        assert_eq!(line(40), "63 % · 4.0 s · about 2 s left to read");
        assert_eq!(line(20), "63 % · 4.0 s");
        let unknown = |width| self::line(Duration::from_secs(4), None, true, width);
        assert_eq!(unknown(40), "running · 4.0 s · Ctrl-C stops it");
        assert_eq!(unknown(20), "running · 4.0 s");
        assert!(line(120).contains("12,300,000 of 19,500,000 rows read · 500 MB/s"));
    }

    #[test]
    fn what_is_left_is_told_once_it_is_known_and_in_words_that_fit() {
        let told = |seconds, done| left(Duration::from_secs(seconds), done, 1_000);
        assert_eq!(told(4, 10), None);
        assert_eq!(told(60, 100).as_deref(), Some("about 9 min left to read"));
        assert_eq!(told(100_000, 51), None);
    }

    #[test]
    fn bytes_are_rounded_to_what_matters() {
        let shown = [0.0, 999.0, 1_234.0, 45_678_901.0, 3_000_000_000.0].map(bytes);
        assert_eq!(shown, ["0 B", "999 B", "1.2 kB", "46 MB", "3.0 GB"]);
    }
}
