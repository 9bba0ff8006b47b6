//! A line on the terminal that says how far a running statement is.

use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use datafusion::catalog::memory::{DataSourceExec, MemorySourceConfig};
use datafusion::common::stats::Precision;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::{CrossJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::metrics::{MetricValue, MetricsSet};
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use parking_lot::Mutex;

use crate::catalog::HeldScan;
use crate::engine::ComputedOnce;
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
        let seen = plan.get().map(|plan| Seen::of(plan.as_ref()));
        let elapsed = begun.elapsed();
        let reads = pace.reads(elapsed, seen.unwrap_or_default());
        // A line that went on below could not be drawn over.
        let width = columns().unwrap_or(width);
        let line = line(elapsed, seen.as_ref(), reads, width.saturating_sub(1));
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

/// What the metrics of a plan's scans say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Seen {
    /// Rows that the scans have read.
    rows: usize,
    /// Bytes that they have read.
    bytes: usize,
    /// Rows that they will read, when all of them know.
    expected: Option<usize>,
    /// Files that they are done with.
    files: usize,
    /// Files that there are.
    all_files: usize,
    /// Whether rows are joined each with each: how many were read tells nothing then.
    multiplies: bool,
}

impl Seen {
    fn of(plan: &dyn ExecutionPlan) -> Self {
        let mut seen = Self { expected: Some(0), ..Self::default() };
        seen.add(plan);
        seen
    }

    fn add(&mut self, plan: &dyn ExecutionPlan) {
        let children = plan.children();
        for child in &children {
            self.add(child.as_ref());
        }
        self.multiplies |= multiplies(plan);
        // The rows of a query that is computed once are read below one of its uses.
        if !children.is_empty() || plan.is::<ComputedOnce>() {
            return;
        }
        let metrics = plan.metrics().unwrap_or_default();
        self.bytes += sum(&metrics, "bytes_scanned");
        if let Some(held) = plan.downcast_ref::<HeldScan>() {
            // Few of the rows that it looks at may come out.
            let (looked_at, all) = held.looked_at();
            self.rows += looked_at;
            self.expected = self.expected.zip(all).map(|(sum, rows)| sum + rows);
            return;
        }
        let known = known_rows(plan);
        if let Some(rows) = known.get_value().filter(|_| is_in_memory(plan)) {
            // Nobody counts what is taken of these, and there is nothing to wait for.
            self.rows += rows;
            self.expected = self.expected.map(|all| all + rows);
            return;
        }
        // A scan that filters has read the rows that it keeps back, too.
        let kept_back = sum(&metrics, "pushdown_rows_pruned");
        self.rows += metrics.output_rows().unwrap_or(0) + kept_back;
        let files = files(plan);
        self.files += sum(&metrics, "files_processed");
        self.all_files += files.len();
        let expected = match known {
            Precision::Exact(rows) => Some(rows),
            // With a filter the engine only guesses what comes out; what goes in
            // is known, unless parts of the files need not be read.
            _ if skips(&metrics) => None,
            _ => rows_of(&files),
        };
        self.expected = self.expected.zip(expected).map(|(all, rows)| all + rows);
    }

    /// How many of how many rows or files are read, with the word for them.
    fn share(&self) -> Option<(usize, usize, &'static str)> {
        if self.multiplies {
            return None;
        }
        match self.expected.filter(|expected| *expected > 0 && self.rows <= *expected) {
            Some(expected) => Some((self.rows, expected, "rows")),
            None if self.all_files >= FEW_FILES && self.files <= self.all_files => {
                Some((self.files, self.all_files, "files"))
            }
            None => None,
        }
    }
}

/// How many rows come out of an operator, as far as that is known before it runs.
fn known_rows(plan: &dyn ExecutionPlan) -> Precision<usize> {
    let known = StatisticsContext::new().compute(plan, &StatisticsArgs::default());
    known.map_or(Precision::Absent, |known| known.num_rows)
}

/// Whether an operator reads a table that is held in memory.
fn is_in_memory(plan: &dyn ExecutionPlan) -> bool {
    let scan = plan.downcast_ref::<DataSourceExec>();
    scan.is_some_and(|scan| scan.data_source().is::<MemorySourceConfig>())
}

/// Whether an operator joins rows each with each, of which there are several on both sides.
fn multiplies(plan: &dyn ExecutionPlan) -> bool {
    let joins = plan.is::<CrossJoinExec>() || plan.is::<NestedLoopJoinExec>();
    let is_several = |side: &&Arc<dyn ExecutionPlan>| {
        known_rows(side.as_ref()).get_value().is_none_or(|rows| *rows > 1)
    };
    joins && plan.children().iter().all(is_several)
}

/// Fewer files than that tell too little of how much is done.
const FEW_FILES: usize = 4;

/// The files that a scan reads; none for other sources.
fn files(plan: &dyn ExecutionPlan) -> Vec<&PartitionedFile> {
    let scan = plan
        .downcast_ref::<DataSourceExec>()
        .and_then(|source| source.data_source().downcast_ref::<FileScanConfig>())
        // A scan with a limit ends before its files do.
        .filter(|scan| scan.limit.is_none());
    scan.map_or(Vec::new(), |scan| scan.file_groups.iter().flat_map(FileGroup::files).collect())
}

/// The rows of whole files, if all of them know how many they have.
fn rows_of(files: &[&PartitionedFile]) -> Option<usize> {
    let rows = |file: &&PartitionedFile| match &file.statistics {
        Some(statistics) if file.extensions.is_empty() => statistics.num_rows.get_value().copied(),
        _ => None,
    };
    if files.is_empty() { None } else { files.iter().map(rows).sum() }
}

/// Whether a scan has found parts of its files that it need not read.
fn skips(metrics: &MetricsSet) -> bool {
    let mut pruning = metrics.iter().filter_map(|metric| match metric.value() {
        MetricValue::PruningMetrics { pruning_metrics, .. } => Some(pruning_metrics.pruned()),
        _ => None,
    });
    pruning.any(|pruned| pruned > 0)
}

fn sum(metrics: &MetricsSet, name: &str) -> usize {
    metrics.sum_by_name(name).map_or(0, |value| value.as_usize())
}

/// `63 % · 12,300,000 of 19,500,000 rows read · 480 MB/s · 4.1 s · about 3 s left to read`,
/// without what says least where that is more than `width` cells. The speed is told only
/// while the scans still read; after that, the time left is not known.
fn line(elapsed: Duration, seen: Option<&Seen>, reads: bool, width: usize) -> String {
    let seen = seen.copied().unwrap_or_default();
    let share = seen.share();
    let is_done = share.is_some_and(|(done, all, _)| done == all);
    let reads = reads && !is_done;
    let speed = (seen.bytes > 0 && reads)
        .then(|| format!("{}/s", bytes(seen.bytes as f64 / elapsed.as_secs_f64())));
    let left = share.filter(|_| reads).and_then(|(done, all, _)| left(elapsed, done, all));
    let is_known = left.is_some();
    let left = left.unwrap_or_else(|| UNKNOWN.to_owned());
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

    use super::{Line, Pace, Seen, back, bytes, left, line};
    use crate::engine::script::parse;
    use crate::engine::{Params, Session, Settings};

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
            "500 rows read · 4.0 s · time left unknown · Ctrl-C stops it"
        );
        let files = Seen { files: 3, all_files: 4, ..unknown };
        assert_eq!(
            line(time, Some(&files), true, 120),
            "75 % · 3 of 4 files read · 4.0 s · about 1 s left to read · Ctrl-C stops it"
        );
        assert_eq!(
            line(time, None, true, 120),
            "running · 4.0 s · time left unknown · Ctrl-C stops it"
        );
    }

    #[test]
    fn nothing_is_promised_of_rows_that_are_joined_each_with_each() {
        let seen = Seen { rows: 910, expected: Some(1_000), multiplies: true, ..Seen::default() };
        assert_eq!(
            line(Duration::from_secs(4), Some(&seen), true, 120),
            "910 rows read · 4.0 s · time left unknown · Ctrl-C stops it"
        );
    }

    #[tokio::test]
    async fn a_plan_tells_what_it_reads_from_memory_and_what_it_multiplies() {
        let session = Session::new(None, Settings::default()).unwrap();
        let table = "CREATE TABLE t AS SELECT value AS n FROM range(0, 500) AS r (value)";
        session.collect(table).await.unwrap();
        let (other, pairs) = ("(SELECT n AS o FROM t)", "(a.n + o) % 7 = 1");
        for (sql, rows, multiplies) in [
            ("SELECT n % 7 AS k, count(*) FROM t GROUP BY 1".to_owned(), 500, false),
            (format!("SELECT a.n * o AS p FROM t AS a, {other} AS b"), 1_000, true),
            (format!("SELECT a.n, o FROM t AS a LEFT JOIN {other} AS b ON {pairs}"), 1_000, true),
            ("SELECT n * m AS p FROM t, (SELECT max(n) AS m FROM t) AS b".to_owned(), 1_000, false),
        ] {
            let statement = parse(&sql, None).unwrap().remove(0);
            let answer = session.run(&statement, &Params::new()).await.unwrap();
            let seen = Seen::of(answer.plan.as_ref());
            let wanted = (rows, Some(rows), multiplies);
            assert_eq!((seen.rows, seen.expected, seen.multiplies), wanted, "{sql}");
        }
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
        let unknown = |width| super::line(Duration::from_secs(4), None, true, width);
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
