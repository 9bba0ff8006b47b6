//! A line on the terminal that says how far a running statement is.

use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use datafusion::catalog::memory::DataSourceExec;
use datafusion::common::stats::Precision;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::{MetricValue, MetricsSet};
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};

use crate::render::group_digits;

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
    /// Begins to count the time, and later to draw on `err`.
    pub(crate) fn start(err: Box<dyn Write + Send>) -> Self {
        let plan = Arc::new(OnceLock::new());
        let (stop, stopped) = channel();
        let drawn = Arc::clone(&plan);
        let thread = std::thread::Builder::new()
            .name("weiku-progress".to_owned())
            .spawn(move || draw_until(&stopped, &drawn, err))
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

fn draw_until(
    stopped: &Receiver<()>,
    plan: &OnceLock<Arc<dyn ExecutionPlan>>,
    mut err: Box<dyn Write + Send>,
) {
    let begun = Instant::now();
    let mut wait = PATIENCE;
    let mut drawn = false;
    while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
        let line = line(begun.elapsed(), plan.get().map(|plan| Seen::of(plan.as_ref())).as_ref());
        // To the line's beginning, the text, and the rest of the line erased.
        drawn = write!(err, "\r\x1b[2m{line}\x1b[0m\x1b[K").and_then(|()| err.flush()).is_ok();
        wait = RHYTHM;
    }
    if drawn {
        let _ = write!(err, "\r\x1b[K").and_then(|()| err.flush());
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
        if !children.is_empty() {
            return;
        }
        let metrics = plan.metrics().unwrap_or_default();
        // A scan that filters has read the rows that it keeps back, too.
        let kept_back = sum(&metrics, "pushdown_rows_pruned");
        self.rows += metrics.output_rows().unwrap_or(0) + kept_back;
        self.bytes += sum(&metrics, "bytes_scanned");
        let files = files(plan);
        self.files += sum(&metrics, "files_processed");
        self.all_files += files.len();
        let known = StatisticsContext::new().compute(plan, &StatisticsArgs::default());
        let expected = match known.ok().map(|known| known.num_rows) {
            Some(Precision::Exact(rows)) => Some(rows),
            // With a filter the engine only guesses what comes out; what goes in
            // is known, unless parts of the files need not be read.
            _ if skips(&metrics) => None,
            _ => rows_of(&files),
        };
        self.expected = self.expected.zip(expected).map(|(all, rows)| all + rows);
    }

    /// How many of how many rows or files are read, with the word for them.
    fn share(&self) -> Option<(usize, usize, &'static str)> {
        match self.expected.filter(|expected| *expected > 0 && self.rows <= *expected) {
            Some(expected) => Some((self.rows, expected, "rows")),
            None if self.all_files >= FEW_FILES && self.files <= self.all_files => {
                Some((self.files, self.all_files, "files"))
            }
            None => None,
        }
    }
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

/// `63 % · 12,300,000 of 19,500,000 rows read · 480 MB/s · 4.1 s · about 3 s left to read`.
fn line(elapsed: Duration, seen: Option<&Seen>) -> String {
    let seconds = elapsed.as_secs_f64();
    let mut parts = Vec::new();
    let seen = seen.copied().unwrap_or_default();
    let share = seen.share();
    match share {
        Some((done, all, what)) => {
            parts.push(format!("{} %", done * 100 / all));
            let (done, all) = (group_digits(done as u64), group_digits(all as u64));
            parts.push(format!("{done} of {all} {what} read"));
        }
        None if seen.rows > 0 => {
            parts.push(format!("{} rows read", group_digits(seen.rows as u64)));
        }
        None => parts.push("running".to_owned()),
    }
    if seen.bytes > 0 {
        parts.push(format!("{}/s", bytes(seen.bytes as f64 / seconds)));
    }
    parts.push(format!("{seconds:.1} s"));
    if let Some((done, all, _)) = share.filter(|(done, all, _)| done * 20 > *all) {
        let left = seconds * (all - done) as f64 / done as f64;
        if left < 99.0 * 3600.0 {
            parts.push(format!("about {left:.0} s left to read"));
        }
    }
    parts.push("Ctrl-C stops it".to_owned());
    parts.join(" · ")
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

    use super::{Seen, bytes, line};

    #[test]
    fn the_share_is_told_only_when_it_is_known() {
        let time = Duration::from_secs(4);
        let known =
            Seen { rows: 500, bytes: 2_000_000_000, expected: Some(1_000), ..Seen::default() };
        assert_eq!(
            line(time, Some(&known)),
            "50 % · 500 of 1,000 rows read · 500 MB/s · 4.0 s · about 4 s left to read · Ctrl-C stops it"
        );
        let unknown = Seen { expected: None, bytes: 0, ..known };
        assert_eq!(line(time, Some(&unknown)), "500 rows read · 4.0 s · Ctrl-C stops it");
        let files = Seen { files: 3, all_files: 4, ..unknown };
        assert_eq!(
            line(time, Some(&files)),
            "75 % · 3 of 4 files read · 4.0 s · about 1 s left to read · Ctrl-C stops it"
        );
        assert_eq!(line(time, None), "running · 4.0 s · Ctrl-C stops it");
    }

    #[test]
    fn bytes_are_rounded_to_what_matters() {
        let shown = [0.0, 999.0, 1_234.0, 45_678_901.0, 3_000_000_000.0].map(bytes);
        assert_eq!(shown, ["0 B", "999 B", "1.2 kB", "46 MB", "3.0 GB"]);
    }
}
