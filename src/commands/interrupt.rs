//! Ctrl-C in commands without a prompt.

use tokio::task::JoinHandle;

use crate::engine::Session;
use crate::error::Kind;

/// Hears Ctrl-C until it is dropped; the prompt hears for itself.
#[derive(Debug)]
#[must_use]
pub(super) struct Listening(JoinHandle<()>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Stops what `session` runs at the first Ctrl-C; a second one ends the program
/// at once.
pub(super) fn cancel_on_interrupt(session: &Session) -> Listening {
    let session = session.clone();
    call_on_interrupt(move || session.cancel())
}

/// Calls `stop` at the first Ctrl-C; a second one ends the program at once.
pub(super) fn call_on_interrupt(stop: impl Fn() + Send + 'static) -> Listening {
    Listening(tokio::spawn(async move {
        let mut interrupts = 0;
        while tokio::signal::ctrl_c().await.is_ok() {
            stop();
            interrupts += 1;
            if interrupts > 1 {
                leave();
            }
        }
    }))
}

#[expect(clippy::exit, reason = "the person asked twice, and the first did not help")]
fn leave() {
    std::process::exit(i32::from(Kind::Cancelled.exit_code()));
}
