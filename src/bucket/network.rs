//! Threads for the network only, so that ordinary code can wait for it.

use std::future::Future;
use std::sync::LazyLock;
use std::sync::mpsc::sync_channel;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::error::{Error, Result};

/// Started when the first bucket is asked for something.
static NETWORK: LazyLock<std::io::Result<Runtime>> = LazyLock::new(|| {
    Builder::new_multi_thread().worker_threads(2).thread_name("weiku-bucket").enable_all().build()
});

/// Starts `work` there.
pub(super) fn start<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<JoinHandle<T>> {
    match &*NETWORK {
        Ok(runtime) => Ok(runtime.spawn(work)),
        Err(error) => Err(Error::internal(format!("cannot start threads: {error}"))),
    }
}

/// Does `work` there and waits for it. Blocks the thread, as reading a file does.
pub(super) fn wait<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T> {
    let (sender, receiver) = sync_channel(1);
    start(async move {
        // Whoever waits is there until it has come.
        let _ = sender.send(work.await);
    })?;
    receiver.recv().map_err(|_| Error::internal("a request to a bucket was lost"))
}
