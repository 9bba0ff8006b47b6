//! What is typed while a statement runs is not shown at once, in the middle of the answer:
//! the terminal keeps it, and the next prompt shows it.
//!
//! Only the echo is turned off. Lines are still edited and Ctrl-C is still heard by the
//! terminal itself.

/// Keeps the terminal from showing what is typed, until it is dropped.
#[derive(Debug)]
pub struct Silence(());

impl Silence {
    /// Begins, unless standard input is no terminal or shows nothing anyway.
    pub(super) fn begin() -> Option<Self> {
        (echo::is_on() && echo::turn(false)).then(|| Self(()))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // A terminal that is gone shows nothing.
        echo::turn(true);
    }
}

#[cfg(unix)]
mod echo {
    use std::io::stdin;

    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

    /// Whether the terminal shows what is typed.
    pub(super) fn is_on() -> bool {
        tcgetattr(stdin()).is_ok_and(|modes| modes.local_modes.contains(LocalModes::ECHO))
    }

    /// Lets it do so, or no longer; returns whether it has heard.
    pub(super) fn turn(on: bool) -> bool {
        let Ok(mut modes) = tcgetattr(stdin()) else { return false };
        modes.local_modes.set(LocalModes::ECHO, on);
        tcsetattr(stdin(), OptionalActions::Now, &modes).is_ok()
    }
}

/// Elsewhere the terminal shows nothing that nobody reads.
#[cfg(not(unix))]
mod echo {
    pub(super) fn is_on() -> bool {
        false
    }

    pub(super) fn turn(_on: bool) -> bool {
        false
    }
}
