//! Where the shell reads and writes: a terminal, or anything that plays one.

use std::io::{BufRead, Write};

use crate::error::Result;
use crate::shell::assist::Assistant;

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

/// The shell's input and output.
pub trait Terminal {
    /// Reads one input after `prompt`, with `initial` typed already.
    ///
    /// # Errors
    /// When the input cannot be read.
    fn read(&mut self, prompt: &str, initial: &str) -> Result<Reading>;

    /// Where answers go.
    fn out(&self) -> Box<dyn Write + Send>;

    /// Where everything else goes.
    fn err(&self) -> Box<dyn Write + Send>;

    /// Cells across, if somebody looks at it.
    fn width(&self) -> Option<usize> {
        None
    }

    /// Whether a line that is redrawn in place can be seen.
    fn is_live(&self) -> bool {
        false
    }

    /// Takes what helps to complete the input from now on.
    fn assist(&mut self, _assistant: Assistant) {}

    /// Takes an input into the history that the arrow keys walk.
    fn remember(&mut self, _text: &str) {}

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
        let read = read
            .map_err(|error| crate::Error::usage(format!("cannot read standard input: {error}")))?;
        Ok(if read == 0 { Reading::End } else { Reading::Text(line) })
    }

    fn out(&self) -> Box<dyn Write + Send> {
        Box::new(std::io::stdout())
    }

    fn err(&self) -> Box<dyn Write + Send> {
        Box::new(std::io::stderr())
    }
}
