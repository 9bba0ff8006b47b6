//! What a run tells on a terminal: what runs now, below the lines of what has
//! ended.

use std::collections::HashMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::output::{Output, lines, passed_over};
use super::record::{QueryRecord, Status};
use crate::error::{Error, Result};
use crate::render::{Sink, visible, write_error};

/// How often the seconds of what runs are shown anew.
const TICK: Duration = Duration::from_millis(100);

/// A line for each query that runs, and one for the whole; goes away at the end.
#[derive(Debug)]
pub struct Live {
    all: MultiProgress,
    /// The line of the whole.
    whole: ProgressBar,
    running: HashMap<String, ProgressBar>,
    failed: u64,
}

impl Live {
    /// For a run of `count` queries, on standard error.
    #[must_use]
    pub fn new(count: usize) -> Self {
        let all = MultiProgress::new();
        let whole = all.add(ProgressBar::new(count as u64));
        whole.set_style(style("{pos} of {len} queries{msg}  {elapsed}"));
        whole.enable_steady_tick(TICK);
        Self { all, whole, running: HashMap::new(), failed: 0 }
    }

    fn print(&self, text: &str) -> Result<()> {
        self.all.println(text.trim_end()).map_err(|error| write_error(&error))
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

impl Output for Live {
    fn started(&mut self, name: &str) {
        let bar = self.all.insert_before(&self.whole, ProgressBar::no_length());
        bar.set_style(style("{spinner} running  {msg}  {elapsed}"));
        bar.set_message(visible(name).into_owned());
        bar.enable_steady_tick(TICK);
        self.running.insert(name.to_owned(), bar);
    }

    fn ended(&mut self, query: &QueryRecord) {
        if let Some(bar) = self.running.remove(&query.name) {
            bar.finish_and_clear();
        }
        if matches!(query.status, Status::Failed | Status::Unexpected) {
            self.failed += 1;
            self.whole.set_message(format!(", {} not as it should be", self.failed));
        }
        self.whole.inc(1);
    }

    fn finished(&mut self, query: &QueryRecord, error: Option<&Error>) -> Result<()> {
        self.print(&lines(query, error))
    }

    fn passed_over(&mut self, queries: &[&QueryRecord], why: &str) -> Result<()> {
        self.print(&passed_over(queries, why))
    }

    fn data(&mut self) -> Sink {
        Box::new(std::io::sink())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.whole.finish_and_clear();
        // Lines that are cleared already are cleared for good.
        let _ = self.all.clear();
    }
}
