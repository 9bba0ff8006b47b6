//! The first and the last rows of a stream, however long it is.

use std::collections::VecDeque;

use datafusion::arrow::record_batch::RecordBatch;

/// A stream of so many rows more than the limit is shown as a whole: the dots that
/// stand for what is left out take a line too.
const SPARE: usize = 1;

/// Keeps the rows that will be shown, and counts all.
#[derive(Debug)]
pub(crate) struct Window {
    limit: usize,
    whole: usize,
    head: Vec<RecordBatch>,
    head_rows: usize,
    tail: VecDeque<RecordBatch>,
    tail_rows: usize,
    total: usize,
}

impl Window {
    /// A window of `limit` rows, or of all if they are at most `whole`, or one more than
    /// the limit.
    pub(crate) fn new(limit: usize, whole: usize) -> Self {
        let (head, tail) = (Vec::new(), VecDeque::new());
        Self { limit, whole, head, head_rows: 0, tail, tail_rows: 0, total: 0 }
    }

    /// Takes the next batch of the stream.
    pub(crate) fn push(&mut self, batch: &RecordBatch) {
        let rows = batch.num_rows();
        self.total += rows;
        let wanted = rows.min(self.most() - self.head_rows);
        if wanted > 0 {
            self.head.push(batch.slice(0, wanted));
            self.head_rows += wanted;
        }
        let kept = rows.min(self.tail_limit());
        if kept == 0 {
            return;
        }
        self.tail.push_back(batch.slice(rows - kept, kept));
        self.tail_rows += kept;
        while let Some(first) = self.tail.front()
            && self.tail_rows - first.num_rows() >= self.tail_limit()
        {
            self.tail_rows -= first.num_rows();
            self.tail.pop_front();
        }
    }

    /// How many rows the stream had.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// How many of them are shown.
    pub(crate) fn shown(&self) -> usize {
        if self.total <= self.most() { self.total } else { self.limit }
    }

    /// The rows of a stream that is shown as a whole.
    fn most(&self) -> usize {
        if self.limit == 0 { 0 } else { self.limit.saturating_add(SPARE).max(self.whole) }
    }

    /// The rows to show: the first ones, and the last ones when some between
    /// are left out.
    pub(crate) fn parts(&self) -> (Vec<RecordBatch>, Vec<RecordBatch>) {
        if self.total <= self.most() {
            return (self.head.clone(), Vec::new());
        }
        let tail = self.tail_limit();
        let mut last: Vec<RecordBatch> = self.tail.iter().cloned().collect();
        if let Some(first) = last.first_mut() {
            let surplus = self.tail_rows - tail;
            *first = first.slice(surplus, first.num_rows() - surplus);
        }
        (take(&self.head, self.limit - tail), last)
    }

    fn tail_limit(&self) -> usize {
        self.limit / 2
    }
}

fn take(batches: &[RecordBatch], rows: usize) -> Vec<RecordBatch> {
    let mut left = rows;
    let mut taken = Vec::new();
    for batch in batches {
        let wanted = left.min(batch.num_rows());
        taken.push(batch.slice(0, wanted));
        left -= wanted;
    }
    taken
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array};
    use datafusion::arrow::datatypes::Int64Type;

    use super::*;

    fn numbers(batches: &[RecordBatch]) -> Vec<i64> {
        let values = batches
            .iter()
            .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec());
        values.collect()
    }

    fn window_of(rows: i64, size: usize, limit: usize) -> Window {
        window_that_shows(Window::new(limit, 0), rows, size)
    }

    fn window_that_shows(mut window: Window, rows: i64, size: usize) -> Window {
        let all: Vec<i64> = (0..rows).collect();
        for chunk in all.chunks(size) {
            let array: ArrayRef = Arc::new(Int64Array::from(chunk.to_vec()));
            window.push(&RecordBatch::try_from_iter([("n", array)]).unwrap());
        }
        window
    }

    #[test]
    fn head_and_tail_are_the_first_and_the_last_rows_whatever_the_batches() {
        for rows in 0..60 {
            for size in [1, 3, 7, 100] {
                for limit in [0, 1, 2, 5, 20] {
                    let window = window_of(rows, size, limit);
                    let (head, tail) = window.parts();
                    let (head, tail) = (numbers(&head), numbers(&tail));
                    assert_eq!(window.total() as i64, rows);
                    assert_eq!(head.len() + tail.len(), window.shown());
                    assert_eq!(head, (0..head.len() as i64).collect::<Vec<_>>());
                    assert_eq!(tail, (rows - tail.len() as i64..rows).collect::<Vec<_>>());
                }
            }
        }
    }

    #[test]
    fn few_rows_are_shown_whole_though_they_are_more_than_of_many_are_shown() {
        let shown = |rows| {
            let window = window_that_shows(Window::new(12, 40), rows, 7);
            let (head, tail) = window.parts();
            assert_eq!(numbers(&head).len() + numbers(&tail).len(), window.shown());
            (window.shown(), tail.is_empty())
        };
        assert_eq!(shown(36), (36, true));
        assert_eq!(shown(40), (40, true));
        assert_eq!(shown(41), (12, false));
        let none = window_that_shows(Window::new(0, 40), 3, 7);
        assert_eq!(none.shown(), 0);
    }

    #[test]
    fn a_million_rows_leave_only_a_few_batches_in_memory() {
        let window = window_of(1_000_000, 8192, 40);
        assert_eq!(window.total(), 1_000_000);
        assert!(window.head.len() + window.tail.len() <= 2);
        let window = window_of(100_000, 1, 40);
        assert!(window.head.len() + window.tail.len() <= 61);
    }
}
