//! Where the shell reads and writes: a terminal, or anything that plays one.

use std::io::{BufRead, IsTerminal, Write};

use crate::error::{Error, Result};
use crate::render::visible;
use crate::shell::assist::Assistant;
use crate::shell::silence::Silence;

/// What a person did at the prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// Typed a text and finished it.
    Text(String),
    /// Pressed Ctrl-C.
    Interrupted,
    /// Asked for the editor program, with this text typed so far.
    Edit(String),
    /// Pressed Ctrl-D, or the input ended.
    End,
}

/// Whose keys edit a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Keys {
    /// Those of Emacs, which most command lines have.
    #[default]
    Emacs,
    /// Those of vi.
    Vi,
}

impl Keys {
    /// The name for settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Emacs => "emacs",
            Self::Vi => "vi",
        }
    }

    /// The keys called `name`.
    ///
    /// # Errors
    /// When nobody's are.
    pub fn named(name: &str) -> Result<Self> {
        [Self::Emacs, Self::Vi].into_iter().find(|keys| keys.name() == name).ok_or_else(|| {
            let error = Error::usage(format!("no keys `{}`", visible(name)));
            error.hint("there are emacs and vi")
        })
    }
}

/// The shell's input and output.
pub trait Terminal {
    /// Reads one input after `prompt`, with `initial` typed already.
    ///
    /// # Errors
    /// When the input cannot be read.
    fn read(&mut self, prompt: &str, initial: &str) -> Result<Reading>;

    /// Asks the person for something that is no statement.
    ///
    /// # Errors
    /// When the input cannot be read.
    fn ask(&mut self, question: &str) -> Result<Reading> {
        self.read(question, "")
    }

    /// Where answers go.
    fn out(&self) -> Box<dyn Write + Send>;

    /// Where everything else goes.
    fn err(&self) -> Box<dyn Write + Send>;

    /// Whether what goes out is shown on a terminal, which would do what its
    /// control characters say.
    fn acts(&self) -> bool {
        false
    }

    /// Cells across, if somebody looks at it.
    fn width(&self) -> Option<usize> {
        None
    }

    /// Lines that are seen at a time, if somebody looks at it.
    fn height(&self) -> Option<usize> {
        None
    }

    /// Whether a line that is redrawn in place can be seen.
    fn is_live(&self) -> bool {
        false
    }

    /// Whether the whole screen may be taken, as the viewer does.
    fn has_screen(&self) -> bool {
        false
    }

    /// Whether somebody is there who could press Ctrl-C.
    fn is_attended(&self) -> bool {
        std::io::stdin().is_terminal()
    }

    /// Keeps what is typed from being shown until the next input is read, which shows it.
    fn silence(&self) -> Option<Silence> {
        None
    }

    /// Takes what a session has to say of files, if it tells that in a way of its own.
    fn notice(&self, _text: &str) -> bool {
        false
    }

    /// Takes what helps to complete the input from now on.
    fn assist(&mut self, _assistant: Assistant) {}

    /// Takes an input into the history that the arrow keys walk.
    fn remember(&mut self, _text: &str) {}

    /// Hears whether an input that it took into the history went well: what failed
    /// is put forward last.
    fn learn_outcome(&mut self, _text: &str, _ok: bool) {}

    /// Edits lines with these keys from now on.
    fn set_keys(&mut self, _keys: Keys) {}

    /// Shows ghost text while typing, or no longer.
    fn set_hints(&mut self, _on: bool) {}
}

/// Standard input, output and error, without any editing: for scripts.
#[derive(Debug, Default)]
pub struct Plain;

impl Terminal for Plain {
    fn read(&mut self, _prompt: &str, _initial: &str) -> Result<Reading> {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        let read =
            read.map_err(|error| Error::usage(format!("cannot read standard input: {error}")))?;
        Ok(if read == 0 { Reading::End } else { Reading::Text(line) })
    }

    fn out(&self) -> Box<dyn Write + Send> {
        Box::new(std::io::stdout())
    }

    fn err(&self) -> Box<dyn Write + Send> {
        Box::new(std::io::stderr())
    }

    fn acts(&self) -> bool {
        std::io::stdout().is_terminal()
    }
}
