//! The way of formats for programs to a terminal: the bytes are those of the
//! file, but for characters that would act on the terminal or hide.

use std::io::{self, Write};

use super::Sink;
use super::safe_text::visible_lines;

/// A sink for a terminal that passes text on with marks in the place of
/// characters that act or hide; line ends and tabs stay.
///
/// What it is given in one go should end where a line does: a character is
/// judged by its neighbours.
#[must_use]
pub fn harmless(terminal: Sink) -> Sink {
    Box::new(Harmless { terminal, begun: Vec::new() })
}

struct Harmless {
    terminal: Sink,
    /// The first bytes of a character whose others are still to come.
    begun: Vec<u8>,
}

impl Write for Harmless {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begun.extend_from_slice(bytes);
        let mut passed = 0;
        for chunk in self.begun.utf8_chunks() {
            let is_last = passed + chunk.valid().len() + chunk.invalid().len() == self.begun.len();
            self.terminal.write_all(visible_lines(chunk.valid()).as_bytes())?;
            passed += chunk.valid().len();
            let unfinished = is_last && begins_character(chunk.invalid());
            if !unfinished && !chunk.invalid().is_empty() {
                self.terminal.write_all("\u{FFFD}".as_bytes())?;
                passed += chunk.invalid().len();
            }
        }
        self.begun.drain(..passed);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.terminal.flush()
    }
}

/// Whether `bytes` may become a character when more follow.
fn begins_character(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::harmless;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_acts_is_shown_and_a_character_may_come_in_pieces() {
        let page = Page::default();
        let mut sink = harmless(Box::new(page.clone()));
        sink.write_all(b"a,\x1b]52;c;eA==\x07\t\n\xe5\xbe").unwrap();
        sink.write_all(b"\xae\xff,b\n").unwrap();
        let shown = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        assert_eq!(shown, "a,␛]52;c;eA==␇\t\n微\u{FFFD},b\n");
    }
}
