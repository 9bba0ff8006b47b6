//! What the shell says: lines beside the answers, and what went wrong.

use std::io::Write;

use super::{Shell, commands, diagnostic, results};
use crate::error::{Error, Result};
use crate::render::{self, truncate, visible, visible_lines};

impl Shell<'_> {
    /// Says to whoever begins what is open, and how to go on.
    pub(super) async fn greet(&mut self) {
        if self.options.quiet {
            return;
        }
        let what = match &self.options.database {
            Some(path) => {
                let counts = commands::row_counts(&self.session).await;
                format!("{} · {counts}", visible(&path.display().to_string()))
            }
            None => "no database, only files: SELECT * FROM 'posts.csv';".to_owned(),
        };
        let version = env!("CARGO_PKG_VERSION");
        self.note(&format!("weiku {version} · {what}"));
        self.note(
            "Enter runs a statement that ends in ; · .help lists the commands · Ctrl-D leaves",
        );
    }

    /// Writes a line beside the answers.
    pub(super) fn note(&mut self, text: &str) {
        let (dim, reset) = if self.options.error_color { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
        // Nobody is left to tell when standard error is gone.
        let _ = writeln!(self.terminal.err(), "{dim}{text}{reset}");
    }

    /// Says what a setting is from now on, to a person who changed it by hand.
    pub(super) fn confirm(&mut self, text: &str) {
        if !self.options.quiet && self.depth == 0 {
            self.note(&visible_lines(text));
        }
    }

    /// What to say of the last answer, called `what`, if a later statement gave
    /// none.
    pub(super) fn older(&self, what: &str) -> Option<String> {
        let kept = self.results.older()?;
        let number = results::name(kept.number);
        let said = format!("{what} is the earlier answer {number}: ");
        let room = self.shown().width.unwrap_or(usize::MAX).saturating_sub(said.len());
        let first = kept.sql.lines().next().unwrap_or_default();
        Some(format!("{said}{}", truncate(&visible(first), room.max(20), "…")))
    }

    /// Says which answer `what` is, if it is not that of the last statement.
    pub(super) fn tell_if_older(&mut self, what: &str) {
        if let Some(said) = self.older(what) {
            self.confirm(&said);
        }
    }

    /// Writes a line where answers go.
    pub(super) fn say(&mut self, text: &str) -> Result<()> {
        let mut out = self.terminal.out();
        writeln!(out, "{text}")
            .and_then(|()| out.flush())
            .map_err(|error| render::write_error(&error))
    }

    /// Says what went wrong.
    pub(super) fn complain(&mut self, error: &Error) {
        let width = self.terminal.width();
        let color = self.options.error_color;
        let _ = diagnostic::write_within(&mut self.terminal.err(), error, color, width);
    }

    /// Says what stood behind that which failed.
    pub(super) fn tell_not_run(&mut self) {
        let said = match self.not_run {
            0 => return,
            1 => "1 more statement behind it was not run".to_owned(),
            count => format!("{count} more statements behind it were not run"),
        };
        self.confirm(&said);
    }
}
