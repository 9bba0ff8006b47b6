//! Lines from a terminal that can only be written on, `TERM=dumb`: it edits a line
//! itself and hands it over whole, and Ctrl-C must be heard beside it.

use std::io::{BufRead, Write};
use std::sync::mpsc::{Sender, channel};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::error::{Error, Result};
use crate::render::write_error;
use crate::shell::terminal::Reading;

/// Reads a line when one is wanted, on a thread of its own: nothing can call a read of a
/// terminal back, so that after Ctrl-C the same read goes on for the next prompt.
#[derive(Debug)]
pub(super) struct Lines {
    wanted: Sender<()>,
    lines: UnboundedReceiver<std::io::Result<String>>,
    /// Whether a line is wanted that has not come yet.
    is_asked: bool,
}

impl Lines {
    /// The lines of `input`.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(super) fn of(mut input: impl BufRead + Send + 'static) -> Result<Self> {
        let (wanted, asked) = channel::<()>();
        let (found, lines) = unbounded_channel();
        let read = move || {
            for () in asked {
                let mut line = String::new();
                let read = input.read_line(&mut line).map(|_| line);
                if found.send(read).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new()
            .name("weiku-lines".to_owned())
            .spawn(read)
            .map_err(|error| Error::internal(format!("cannot start a thread: {error}")))?;
        Ok(Self { wanted, lines, is_asked: false })
    }

    /// Asks for lines behind `prompt` until they make up an input, by `is_whole`.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub(super) async fn read(
        &mut self,
        prompt: &str,
        out: &mut (dyn Write + Send),
        is_whole: fn(&str) -> bool,
    ) -> Result<Reading> {
        let mut write = |text: &str| {
            out.write_all(text.as_bytes())
                .and_then(|()| out.flush())
                .map_err(|error| write_error(&error))
        };
        write(prompt)?;
        let mut text = String::new();
        loop {
            let Some(line) = self.next().await else {
                write("\n")?;
                return Ok(Reading::Interrupted);
            };
            let line =
                line.map_err(|error| Error::usage(format!("cannot read standard input: {error}")))?;
            text.push_str(&line);
            let has_ended = line.is_empty();
            if has_ended && text.is_empty() {
                write("\n")?;
                return Ok(Reading::End);
            }
            if has_ended || is_whole(&text) {
                return Ok(Reading::Text(text.trim_end_matches(['\n', '\r']).to_owned()));
            }
        }
    }

    /// The next line, empty at the end; `None` when Ctrl-C comes first.
    async fn next(&mut self) -> Option<std::io::Result<String>> {
        if !self.is_asked {
            // A thread that is gone says so by the end of its lines.
            let _ = self.wanted.send(());
            self.is_asked = true;
        }
        tokio::select! {
            line = self.lines.recv() => {
                self.is_asked = false;
                Some(line.unwrap_or_else(|| Ok(String::new())))
            }
            _ = tokio::signal::ctrl_c() => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Lines, Reading};
    use crate::shell::input;

    #[tokio::test]
    async fn lines_are_put_together_until_a_statement_is_whole() {
        let mut lines =
            Lines::of(&b"select\n  '\xe5\xbe\xae'\n;\n.tables\r\nselect 2"[..]).unwrap();
        let mut out = Vec::new();
        let mut read = Vec::new();
        loop {
            match lines.read("> ", &mut out, input::is_complete).await.unwrap() {
                Reading::Text(text) => read.push(text),
                other => {
                    assert_eq!(other, Reading::End);
                    break;
                }
            }
        }
        assert_eq!(read, ["select\n  '微'\n;", ".tables", "select 2"]);
        assert_eq!(out, b"> > > > \n");
    }
}
