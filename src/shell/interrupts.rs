//! Ctrl-C while something runs.

use std::pin::pin;
use std::task::Poll;
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
        let failed = |why: String| Error::internal(format!("cannot listen to Ctrl-C: {why}"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let (ready, listens) = std::sync::mpsc::channel();
        std::thread::Builder::new()
            .name("weiku-interrupts".to_owned())
            .spawn(move || runtime.block_on(forward(&sender, &ready)))
            .map_err(|error| failed(error.to_string()))?;
        // The line editor takes the signal while it reads and gives it back to
        // whoever had it before: that must be us, and not the system, which
        // would end the program.
        match listens.recv() {
            Ok(Ok(())) => Ok(Self { count }),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// Forgets what was pressed until now.
    pub(crate) fn clear(&mut self) {
        self.count.mark_unchanged();
    }

    /// Whether it was pressed since [`Interrupts::clear`], and nobody has waited for it.
    pub(crate) fn were_pressed(&self) -> bool {
        self.count.has_changed().unwrap_or(false)
    }

    /// Waits for the next Ctrl-C.
    pub(crate) async fn pressed(&mut self) {
        if self.count.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Counts signals until nobody asks any more; says on `ready` when it listens.
async fn forward(
    sender: &watch::Sender<u64>,
    ready: &std::sync::mpsc::Sender<std::io::Result<()>>,
) {
    let mut pressed = pin!(tokio::signal::ctrl_c());
    // The first poll is what begins to listen.
    let listens = match futures::poll!(pressed.as_mut()) {
        Poll::Ready(heard) => heard,
        Poll::Pending => Ok(()),
    };
    let fails = listens.is_err();
    let _ = ready.send(listens);
    if fails {
        return;
    }
    while !sender.is_closed() {
        tokio::select! {
            heard = pressed.as_mut() => match heard {
                Ok(()) => {
                    sender.send_modify(|count| *count += 1);
                    pressed.set(tokio::signal::ctrl_c());
                }
                Err(_) => return,
            },
            // An embedding program may drop many shells; the thread follows.
            () = tokio::time::sleep(Duration::from_secs(60)) => {}
        }
    }
}
