//! What was typed before the prompt was there.
//!
//! While a statement runs the terminal collects whole lines. The line editor
//! would read all of them at once and forget what stands behind the first, so
//! they are read here, one by one, before it begins.

use std::fs::File;
use std::io::{ErrorKind, Read};

/// The terminal, read without waiting.
#[derive(Debug)]
pub(super) struct Ahead {
    terminal: Option<File>,
}

/// A line that was typed ahead.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A text, without its end.
    Text(String),
    /// A text with keys in it that only the line editor knows, without them.
    Edited(String),
    /// Ctrl-D on an empty line.
    End,
}

/// Bytes of one line that the terminal collects at most.
const MOST_BYTES: usize = 4096;

impl Ahead {
    /// Nothing is read where there is no terminal.
    pub(super) fn new() -> Self {
        Self { terminal: open() }
    }

    /// The next whole line, if one was typed.
    pub(super) fn line(&mut self) -> Option<Line> {
        let mut bytes = [0; MOST_BYTES];
        loop {
            match self.terminal.as_mut()?.read(&mut bytes) {
                Ok(0) => return Some(Line::End),
                Ok(read) => return Some(line(&String::from_utf8_lossy(&bytes[..read]))),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }
}

/// Opens the terminal anew: how it is read must not change for anybody else.
#[cfg(unix)]
fn open() -> Option<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    File::options().read(true).custom_flags(flags).open("/dev/tty").ok()
}

#[cfg(not(unix))]
fn open() -> Option<File> {
    None
}

fn line(typed: &str) -> Line {
    let text = typed.strip_suffix('\n').unwrap_or(typed);
    let is_key = |c: char| c.is_control() && c != '\t';
    if !text.contains(is_key) {
        return Line::Text(text.to_owned());
    }
    // An arrow is ESC [ C, with digits between for others.
    let mut kept = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '\x1b' && rest.next_if(|next| matches!(next, '[' | 'O')).is_some() {
            while rest.next_if(|next| !next.is_ascii_alphabetic() && *next != '~').is_some() {}
            rest.next();
        } else if !is_key(c) {
            kept.push(c);
        }
    }
    Line::Edited(kept)
}

#[cfg(test)]
mod tests {
    use super::{Line, line};

    #[test]
    fn keys_that_are_no_letters_leave_the_text_to_the_editor() {
        assert_eq!(line("select '微博';\n"), Line::Text("select '微博';".to_owned()));
        assert_eq!(line("sel\x1b[Dect\x1b[3~ 1\x02;\n"), Line::Edited("select 1;".to_owned()));
        assert_eq!(line("\n"), Line::Text(String::new()));
    }
}
