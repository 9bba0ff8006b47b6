//! The records of a CSV file, each with the bytes it was read from.
//!
//! Records are those that the `csv` crate finds. Where its automaton takes a
//! step for each byte, the ends of fields are looked for many bytes at a time
//! here, and fields are parts of what was read rather than copies.

use std::io::{self, Read};
use std::ops::Range;

use memchr::{memchr, memchr3};

use super::MAX_RECORD;
use super::line_ends::LineEnds;
use crate::error::{Error, Result};

/// Bytes that are read at once, at least: few where tests are to meet records
/// that are cut.
const BLOCK: usize = if cfg!(test) { 32 } else { 256 * 1024 };

const BYTE_ORDER_MARK: &[u8] = "\u{FEFF}".as_bytes();

/// The records of a CSV file, one after the other.
///
/// CR, LF or both end a record, and blank lines are none. A quote opens a field
/// only at its start; after the quote that closes it, what comes before the next
/// delimiter still belongs to the field.
pub(super) struct Records<R> {
    content: R,
    file: String,
    delimiter: u8,
    /// What was read, up to `filled`.
    buffer: Vec<u8>,
    filled: usize,
    /// Whether all of the content was read.
    is_read: bool,
    /// Where the current record lies, without the end of its line.
    record: Range<usize>,
    fields: Vec<Place>,
    /// Fields that do not stand in one piece in the buffer: those with quotes.
    pieces: Vec<u8>,
    /// The line of the last record, if the content ends inside its quotes.
    open_since: Option<u64>,
    /// The number of the current record; the header is 1.
    pub(super) row: u64,
    /// The line ends before the place in the buffer that `counted` is.
    line_ends: LineEnds,
    counted: usize,
}

/// Where a field lies: in `pieces`, or in the buffer.
struct Place {
    range: Range<usize>,
    is_pieced: bool,
}

impl<R: Read> Records<R> {
    pub(super) fn new(content: R, delimiter: u8, file: &str) -> Self {
        Self {
            content,
            file: file.to_owned(),
            delimiter,
            buffer: Vec::new(),
            filled: 0,
            is_read: false,
            record: 0..0,
            fields: Vec::new(),
            pieces: Vec::new(),
            open_since: None,
            row: 0,
            line_ends: LineEnds::default(),
            counted: 0,
        }
    }

    /// Reads the next record, if there is one.
    pub(super) fn next(&mut self) -> Result<bool> {
        self.record.start = self.record.end;
        if self.row == 0 {
            self.read_on()?;
            if self.buffer[..self.filled].starts_with(BYTE_ORDER_MARK) {
                self.record.start = BYTE_ORDER_MARK.len();
            }
        }
        loop {
            let rest = &self.buffer[self.record.start..self.filled];
            match rest.iter().position(|byte| !is_line_end(*byte)) {
                Some(first) => {
                    self.record.start += first;
                    if let Some(end) = self.split() {
                        self.record.end = end;
                        self.row += 1;
                        return Ok(true);
                    }
                }
                None if self.is_read => return Ok(false),
                None => self.record.start = self.filled,
            }
            self.read_on()?;
        }
    }

    /// The fields of the current record; none if they are not all text.
    pub(super) fn fields(&self) -> Option<Vec<&str>> {
        // One look at the whole record is faster than one at each field.
        let record = simdutf8::basic::from_utf8(&self.buffer[self.record.clone()]).ok();
        let field = |place: &Place| match (record, place) {
            (_, Place { range, is_pieced: true }) => {
                simdutf8::basic::from_utf8(&self.pieces[range.clone()]).ok()
            }
            (Some(record), Place { range, .. }) => {
                record.get(range.start - self.record.start..range.end - self.record.start)
            }
            (None, Place { range, .. }) => {
                simdutf8::basic::from_utf8(&self.buffer[range.clone()]).ok()
            }
        };
        self.fields.iter().map(field).collect()
    }

    /// The bytes of the current record, decoded, without its line ends.
    pub(super) fn raw(&self) -> &[u8] {
        &self.buffer[self.record.clone()]
    }

    /// The line on which the current record begins.
    pub(super) fn line(&mut self) -> u64 {
        let start = self.record.start;
        self.line_ends.pass(&self.buffer[self.counted..start]);
        self.counted = start;
        self.line_ends.line()
    }

    /// Refuses a file that ends inside quotes.
    pub(super) fn check_end(&self) -> Result<()> {
        let Some(line) = self.open_since else { return Ok(()) };
        Err(Error::input("the file ends inside a quoted field that opened in this row")
            .in_file(self.file.clone())
            .at_line(line)
            .hint("the file is cut short, or a quote is missing; get the whole file"))
    }

    /// Reads more of the content behind the record that has begun. As much is read
    /// as the record has already, so that a long one is not split over and over.
    fn read_on(&mut self) -> Result<()> {
        let line = self.line();
        let failed = |error: &io::Error, file: &str| {
            Error::input(format!("cannot read on: {error}")).in_file(file).at_line(line)
        };
        let kept = self.filled - self.record.start;
        if kept > MAX_RECORD {
            let limit = MAX_RECORD / 1024 / 1024;
            let reason = format!("a record is longer than {limit} MiB; a quote may be missing");
            return Err(failed(&io::Error::other(reason), &self.file));
        }
        self.buffer.copy_within(self.record.start..self.filled, 0);
        (self.record.start, self.counted, self.filled) = (0, 0, kept);
        self.buffer.resize(self.buffer.len().max(kept + kept.max(BLOCK)), 0);
        while self.filled < self.buffer.len() && !self.is_read {
            match self.content.read(&mut self.buffer[self.filled..]) {
                Ok(read) => {
                    self.filled += read;
                    self.is_read = read == 0;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(&error, &self.file)),
            }
        }
        Ok(())
    }

    /// Splits the record that has begun into its fields. Gives its end; none if it
    /// goes on behind what was read.
    fn split(&mut self) -> Option<usize> {
        self.fields.clear();
        self.pieces.clear();
        let mut start = self.record.start;
        loop {
            let end = match self.byte(start) {
                Some(b'"') => self.quoted(start + 1)?,
                _ => self.plain(start)?,
            };
            if self.byte(end) != Some(self.delimiter) {
                return Some(end);
            }
            start = end + 1;
        }
    }

    /// Takes the field that begins at `start` without a quote. Gives where it ends.
    fn plain(&mut self, start: usize) -> Option<usize> {
        let end = self.end(start)?;
        self.fields.push(Place { range: start..end, is_pieced: false });
        Some(end)
    }

    /// Takes the field whose opening quote stands before `start`. Gives where it
    /// ends.
    fn quoted(&mut self, start: usize) -> Option<usize> {
        let pieces = self.pieces.len();
        let mut from = start;
        loop {
            let Some(length) = memchr(b'"', &self.buffer[from..self.filled]) else {
                self.open_since = self.is_read.then(|| self.line());
                self.put(pieces, from..self.filled);
                return self.is_read.then_some(self.filled);
            };
            let quote = from + length;
            match self.byte(quote + 1) {
                Some(b'"') => {
                    self.pieces.extend_from_slice(&self.buffer[from..=quote]);
                    from = quote + 2;
                }
                None if !self.is_read => return None,
                _ => {
                    let end = self.end(quote + 1)?;
                    if end == quote + 1 {
                        self.put(pieces, from..quote);
                    } else {
                        self.pieces.extend_from_slice(&self.buffer[from..quote]);
                        self.put(pieces, quote + 1..end);
                    }
                    return Some(end);
                }
            }
        }
    }

    /// Puts a quoted field down: what stands in `pieces` from `from` on, then `last`.
    fn put(&mut self, from: usize, last: Range<usize>) {
        let is_pieced = self.pieces.len() > from;
        let range = if is_pieced {
            self.pieces.extend_from_slice(&self.buffer[last]);
            from..self.pieces.len()
        } else {
            last
        };
        self.fields.push(Place { range, is_pieced });
    }

    /// Where the field ends that goes on, outside quotes, at `from`.
    fn end(&self, from: usize) -> Option<usize> {
        match memchr3(self.delimiter, b'\r', b'\n', &self.buffer[from..self.filled]) {
            Some(length) => Some(from + length),
            None => self.is_read.then_some(self.filled),
        }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.buffer[..self.filled].get(at).copied()
    }
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::Records;

    /// Gives a few bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl std::io::Read for Slow<'_> {
        fn read(&mut self, target: &mut [u8]) -> std::io::Result<usize> {
            let length = self.0.len().min(self.1).min(target.len());
            target[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    fn records(content: &[u8], delimiter: u8) -> (Vec<Vec<Vec<u8>>>, bool) {
        let mut records = Records::new(Slow(content, 7), delimiter, "f");
        let mut all = Vec::new();
        while records.next().unwrap() {
            let fields = records.fields().unwrap();
            all.push(fields.iter().map(|field| field.as_bytes().to_vec()).collect());
        }
        (all, records.check_end().is_err())
    }

    fn records_of_crate(content: &[u8], delimiter: u8) -> Vec<Vec<Vec<u8>>> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(content);
        let fields = |record: csv::ByteRecord| record.iter().map(<[u8]>::to_vec).collect();
        reader.byte_records().map(|record| fields(record.unwrap())).collect()
    }

    #[test]
    fn records_are_those_of_the_csv_crate() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let letters =
            [",", "\"", "\"", "\r", "\n", "\r\n", "a", "微", ";", "\"\"", " ", "\u{FEFF}"];
        for _ in 0..20_000 {
            let length = random.random_range(0..40);
            let text: String =
                (0..length).map(|_| letters[random.random_range(0..letters.len())]).collect();
            for delimiter in [b',', b';'] {
                let expected = records_of_crate(text.as_bytes(), delimiter);
                assert_eq!(records(text.as_bytes(), delimiter).0, expected, "{text:?}");
            }
        }
    }

    #[test]
    fn records_that_end_with_a_block_or_are_longer_than_one_are_whole() {
        for length in [super::BLOCK - 9, super::BLOCK, 5 * super::BLOCK] {
            for around in 0..20 {
                let long = "微".repeat((length + around) / 3);
                let text = format!("{long},\"{long}\"\"\"\r\nb,\"c\"\r\n");
                let expected = records_of_crate(text.as_bytes(), b',');
                assert!(records(text.as_bytes(), b',').0 == expected, "{length} {around}");
            }
        }
    }

    #[test]
    fn each_record_has_its_bytes_and_number() {
        let content = b"\xEF\xBB\xBF\n\na,\"b\"\"\n\"\r\n\r\nc,\xFFd";
        let mut records = Records::new(&content[..], b',', "f");
        assert!(records.next().unwrap());
        assert_eq!((records.raw(), records.row), (&b"a,\"b\"\"\n\""[..], 1));
        assert_eq!(records.fields().unwrap(), ["a", "b\"\n"]);
        assert!(records.next().unwrap());
        assert_eq!((records.raw(), records.row), (&b"c,\xFFd"[..], 2));
        assert!(records.fields().is_none());
        assert!(!records.next().unwrap());
    }

    #[test]
    fn each_record_has_the_line_on_which_it_begins() {
        let lines = |content: &str| -> Vec<u64> {
            let mut records = Records::new(Slow(content.as_bytes(), 7), b',', "f");
            let mut lines = Vec::new();
            while records.next().unwrap() {
                lines.push(records.line());
            }
            lines
        };
        let long = "微".repeat(super::BLOCK);
        let content = format!("\u{FEFF}\na,b\n1,\"x\n\n{long}\n\"\n\n2,y\n3,\"\n\"");
        assert_eq!(lines(&content), [2, 3, 8, 9]);
        assert_eq!(lines(&content.replace('\n', "\r\n")), [2, 3, 8, 9]);
        assert_eq!(lines(&content.replace('\n', "\r")), [2, 3, 8, 9]);
        let mut open = Records::new(&b"a\n\"b\n\"\n\"c\n"[..], b',', "f");
        while open.next().unwrap() {}
        assert_eq!(open.check_end().unwrap_err().place().line, Some(4));
    }

    #[test]
    fn a_quote_that_opens_a_field_must_close() {
        for (record, open) in [
            (r#"a,"b"#, true),
            (r#"a,"b"""#, true),
            (r#"""#, true),
            (r#""#, false),
            (r#"a,"b""#, false),
            (r#"a,b"c"#, false),
            (r#"a,"b""c""#, false),
            (r#"a,"b"x"#, false),
            ("a,\"b\nc", true),
        ] {
            assert_eq!(records(record.as_bytes(), b',').1, open, "{record}");
        }
    }
}
