//! Work on the disk that is done beside the task of a query, and ends with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::error::Result;

use super::table::foreign;
use crate::error::Error;

/// Whether somebody still waits for what work finds.
#[derive(Debug, Clone, Default)]
pub(super) struct Waiting(Arc<AtomicBool>);

impl Waiting {
    /// Whether nobody does: what is found is thrown away then, so that work may end
    /// wherever it is.
    pub(super) fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Who waits. It is dropped with the task of a query that was cancelled.
struct Waiter(Waiting);

impl Drop for Waiter {
    fn drop(&mut self) {
        let Self(Waiting(is_over)) = self;
        is_over.store(true, Ordering::Relaxed);
    }
}

/// Does `work` on a thread that may wait; it is told when nobody waits for it any more.
pub(super) async fn aside<T, W>(work: W) -> Result<T>
where
    T: Send + 'static,
    W: FnOnce(&Waiting) -> Result<T, Error> + Send + 'static,
{
    let waiter = Waiter(Waiting::default());
    let waiting = waiter.0.clone();
    let done = tokio::task::spawn_blocking(move || work(&waiting)).await;
    done.map_err(|error| foreign(Error::internal(error.to_string())))?.map_err(foreign)
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::aside;

    #[tokio::test]
    async fn work_for_which_nobody_waits_is_told() {
        let (begins, has_begun) = oneshot::channel();
        let (ends, has_ended) = oneshot::channel();
        let task = tokio::spawn(aside(move |waiting| {
            begins.send(()).unwrap();
            while !waiting.is_over() {
                std::thread::yield_now();
            }
            ends.send(()).unwrap();
            Ok(())
        }));
        has_begun.await.unwrap();
        task.abort();
        has_ended.await.unwrap();
        assert!(task.await.unwrap_err().is_cancelled());
    }

    #[tokio::test]
    async fn what_work_finds_is_given() {
        assert!(!aside(|waiting| Ok(waiting.is_over())).await.unwrap());
    }
}
