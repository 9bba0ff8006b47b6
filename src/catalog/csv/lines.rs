//! Lines of CSV files, as editors count them.

use ::csv::Position;

/// The lines of a file. A record begins behind the line ends that the reader of CSV passes
/// before it: that of an empty line, and the second sign of one that ends in two.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines<'a> {
    /// The beginning of the file.
    head: &'a [u8],
    ends: Ends,
}

/// What lines end in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// A line feed.
    Feed,
    /// A carriage return and a line feed, as on Windows.
    Both,
    /// A carriage return, as on an old Macintosh. The reader counts no such lines.
    Return,
}

impl<'a> Lines<'a> {
    /// Those of a file that begins with `head`.
    pub(super) fn of(head: &'a [u8]) -> Self {
        Self { head, ends: ends(head) }
    }

    /// The line on which the record begins to which the reader has come at `position`.
    pub(super) fn line(self, position: Option<&Position>) -> u64 {
        let Some(position) = position else { return 0 };
        if self.ends == Ends::Return {
            return position.record() + 1;
        }
        let place = usize::try_from(position.byte()).unwrap_or(usize::MAX);
        let passed = match self.head.get(place..) {
            Some(rest) if !rest.is_empty() => {
                let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
                ends.filter(|byte| **byte == b'\n').count() as u64
            }
            // What comes there is not known.
            _ => u64::from(self.ends == Ends::Both && position.record() > 0),
        };
        position.line() + passed
    }
}

fn ends(head: &[u8]) -> Ends {
    let mut is_quoted = false;
    for (at, byte) in head.iter().enumerate() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' if !is_quoted => return Ends::Feed,
            b'\r' if !is_quoted => {
                return match head.get(at + 1) {
                    Some(b'\n') => Ends::Both,
                    _ => Ends::Return,
                };
            }
            _ => {}
        }
    }
    Ends::Feed
}

#[cfg(test)]
mod tests {
    use ::csv::{ReaderBuilder, StringRecord};

    use super::{Ends, Lines, ends};

    /// The lines on which the records below the header begin, if `known` bytes are.
    fn told(text: &str, known: usize) -> Vec<u64> {
        let lines = Lines::of(&text.as_bytes()[..known]);
        let mut rows = ReaderBuilder::new().from_reader(text.as_bytes());
        assert_eq!(rows.headers().unwrap().len(), 2);
        let mut row = StringRecord::new();
        let mut told = Vec::new();
        while rows.read_record(&mut row).unwrap() {
            told.push(lines.line(row.position()));
        }
        told
    }

    #[test]
    fn lines_are_counted_whatever_they_end_in() {
        for (end, found, wanted) in [
            ("\n", Ends::Feed, [3, 4, 5]),
            ("\r\n", Ends::Both, [3, 4, 5]),
            // The first line break is one in quotes.
            ("\r", Ends::Return, [2, 3, 4]),
        ] {
            let text = ["\"a\nb\",c", "1,2", "3,4", "5,6", ""].join(end);
            assert_eq!(ends(text.as_bytes()), found);
            for known in [text.len(), 8 + end.len()] {
                assert_eq!(told(&text, known), wanted, "{end:?} {known}");
            }
        }
        assert_eq!(ends(b"a,b"), Ends::Feed);
    }

    #[test]
    fn empty_lines_are_counted() {
        for end in ["\n", "\r\n"] {
            let text = ["a,b", "", "1,2", "", "", "3,4", "5,6"].join(end);
            assert_eq!(told(&text, text.len()), [3, 6, 7], "{end:?}");
        }
    }
}
