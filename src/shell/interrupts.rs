//! Ctrl-C while something runs.

use std::time::Duration;

use tokio::sync::watch;

use crate::error::{Error, Result};

/// Hears Ctrl-C from its making to its end.
///
/// It listens on a thread of its own: the threads that run queries also carry
/// the signals of the program's runtime, and a query that computes without a
/// pause on all of them would leave nobody to hear that it should stop.
#[derive(Debug, Clone)]
pub(crate) struct Interrupts {
    count: watch::Receiver<u64>,
}

impl Interrupts {
    /// Starts to listen. From then on Ctrl-C no longer ends the program.
    ///
    /// # Errors
    /// When the system has no thread or no signal to give.
    pub(crate) fn listen() -> Result<Self> {
        let (sender, count) = watch::channel(0);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::internal(format!("cannot listen to Ctrl-C: {error}")))?;
        std::thread::Builder::new()
            .name("weiku-interrupts".to_owned())
            .spawn(move || runtime.block_on(forward(&sender)))
            .map_err(|error| Error::internal(format!("cannot listen to Ctrl-C: {error}")))?;
        Ok(Self { count })
    }

    /// Forgets what was pressed until now.
    pub(crate) fn clear(&mut self) {
        self.count.mark_unchanged();
    }

    /// Waits for the next Ctrl-C.
    pub(crate) async fn pressed(&mut self) {
        if self.count.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Counts signals until nobody asks any more.
async fn forward(sender: &watch::Sender<u64>) {
    while !sender.is_closed() {
        tokio::select! {
            heard = tokio::signal::ctrl_c() => match heard {
                Ok(()) => sender.send_modify(|count| *count += 1),
                Err(_) => return,
            },
            // An embedding program may drop many shells; the thread follows.
            () = tokio::time::sleep(Duration::from_secs(60)) => {}
        }
    }
}
