//! Signals that end the program: the terminal is to be as it was before it.
//!
//! While a line is edited, an answer looked at, or a statement runs, the terminal does other
//! things with what is typed than usual, and a line may say how far a statement is. A program
//! that a signal ends on the spot would leave it so, and whoever types the next command would
//! not see it.

/// From now on what the terminal does with what is typed is put back as it is now before
/// the end, if standard input is a terminal. Must not be called while a line is edited.
pub(super) fn keep_terminal() {
    terminal::keep();
}

/// From now on the line that says how far a statement is goes before the end, also where
/// nothing is typed.
pub(crate) fn erase_progress() {
    terminal::erase_progress();
}

#[cfg(unix)]
mod terminal {
    use std::io::stdin;
    use std::sync::Once;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use rustix::termios::{OptionalActions, Pid, Termios, tcgetattr, tcgetpgrp, tcsetattr};
    use tokio::signal::unix::{SignalKind, signal};

    use crate::shell::progress;

    /// What a shell adds to the number of the signal that ended a program.
    const ENDED_BY_SIGNAL: i32 = 128;

    /// How long a terminal may take to have a line erased: one that is halted takes nothing.
    const PATIENCE: Duration = Duration::from_millis(300);

    /// What the terminal did before us.
    struct Before {
        modes: Termios,
        /// The processes that it listened to, which are ours.
        group: Pid,
    }

    pub(super) fn keep() {
        let (Ok(modes), Ok(group)) = (tcgetattr(stdin()), tcgetpgrp(stdin())) else { return };
        listen(Some(Before { modes, group }));
    }

    pub(super) fn erase_progress() {
        listen(None);
    }

    /// Waits for signals from now on. Whoever asks first says what is put back.
    fn listen(before: Option<Before>) {
        static BEGUN: Once = Once::new();
        BEGUN.call_once(|| {
            // A thread of its own, for queries may hold all others. Without one the
            // signals end the program as they always did.
            let name = "weiku-signals".to_owned();
            let _ = std::thread::Builder::new().name(name).spawn(move || wait(before.as_ref()));
        });
    }

    /// Waits for the signal, and ends the program.
    fn wait(before: Option<&Before>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        // A terminal that hangs up shows no line any more, and a program that nobody types
        // into may be meant to outlive it.
        let hears_hang_up = before.is_some();
        let heard = runtime.block_on(async {
            let mut terminate = signal(SignalKind::terminate()).ok()?;
            if !hears_hang_up {
                terminate.recv().await?;
                return Some(SignalKind::terminate());
            }
            let mut hang_up = signal(SignalKind::hangup()).ok()?;
            tokio::select! {
                _ = terminate.recv() => Some(SignalKind::terminate()),
                _ = hang_up.recv() => Some(SignalKind::hangup()),
            }
        });
        if let Some(kind) = heard {
            if kind == SignalKind::terminate() {
                erase();
            }
            if let Some(before) = before {
                before.put_back();
            }
            leave(kind);
        }
    }

    /// Erases the line, on a thread that is not waited for any longer than is due.
    fn erase() {
        let (done, erased) = channel();
        let name = "weiku-erase".to_owned();
        let erasing = std::thread::Builder::new().name(name).spawn(move || {
            progress::erase();
            let _ = done.send(());
        });
        if erasing.is_ok() {
            let _ = erased.recv_timeout(PATIENCE);
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

    pub(super) fn erase_progress() {}
}
