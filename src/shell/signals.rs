//! Signals that end the program: the terminal is to be as it was before it.
//!
//! While a line is edited, an answer looked at, or a statement runs, the terminal does other
//! things with what is typed than usual. A program that a signal ends on the spot would
//! leave it so, and whoever types the next command would not see it.

/// From now on what the terminal does with what is typed is put back as it is now before
/// the end, if standard input is a terminal. Must not be called while a line is edited.
pub(super) fn keep_terminal() {
    terminal::keep();
}

#[cfg(unix)]
mod terminal {
    use std::io::stdin;
    use std::sync::Once;

    use rustix::termios::{OptionalActions, Pid, Termios, tcgetattr, tcgetpgrp, tcsetattr};
    use tokio::signal::unix::{SignalKind, signal};

    /// What a shell adds to the number of the signal that ended a program.
    const ENDED_BY_SIGNAL: i32 = 128;

    /// What the terminal did before us.
    struct Before {
        modes: Termios,
        /// The processes that it listened to, which are ours.
        group: Pid,
    }

    pub(super) fn keep() {
        static BEGUN: Once = Once::new();
        let (Ok(modes), Ok(group)) = (tcgetattr(stdin()), tcgetpgrp(stdin())) else { return };
        BEGUN.call_once(|| {
            let before = Before { modes, group };
            // A thread of its own, for queries may hold all others. Without one the
            // signals end the program as they always did.
            let name = "weiku-signals".to_owned();
            let _ = std::thread::Builder::new().name(name).spawn(move || wait(&before));
        });
    }

    /// Waits for the signal, and ends the program.
    fn wait(before: &Before) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        let heard = runtime.block_on(async {
            let mut terminate = signal(SignalKind::terminate()).ok()?;
            let mut hang_up = signal(SignalKind::hangup()).ok()?;
            tokio::select! {
                _ = terminate.recv() => Some(SignalKind::terminate()),
                _ = hang_up.recv() => Some(SignalKind::hangup()),
            }
        });
        if let Some(kind) = heard {
            before.put_back();
            leave(kind);
        }
    }

    impl Before {
        fn put_back(&self) {
            // A program in the background that touches the terminal is stopped by it, and
            // a terminal that is gone has no groups.
            if tcgetpgrp(stdin()).is_ok_and(|group| group == self.group) {
                let _ = tcsetattr(stdin(), OptionalActions::Now, &self.modes);
            }
        }
    }

    #[expect(clippy::exit, reason = "main may be at work in a query, which need not hear of it")]
    fn leave(kind: SignalKind) {
        std::process::exit(ENDED_BY_SIGNAL + kind.as_raw_value());
    }
}

/// Elsewhere no signal ends a program.
#[cfg(not(unix))]
mod terminal {
    pub(super) fn keep() {}
}
