//! Splits JSON into records without reading more than one of them at a time.
//!
//! The splitter knows strings and brackets only. What stands between them is
//! judged when the record is parsed, so that a faulty record can be refused and
//! the next one read.

use std::io::{self, BufRead, BufReader, Read};

use crate::error::{Error, Result};
use crate::ingest::MAX_RECORD;
use crate::ingest::line_ends::LineEnds;

/// What to do with the value at a path of keys, with dots between; the empty
/// path is an object at the top of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// Go through the keys of the object.
    Enter,
    /// Give each element of the array; another value as [`Route::Whole`].
    Each,
    /// Give the value.
    Whole,
    /// Pass over it.
    Skip,
}

/// The route for files in which every value, or element of an array, is a
/// record.
pub(crate) fn elements_only(_: &str) -> Route {
    Route::Whole
}

/// Whether the text has one record on each line, seen from its first line.
pub(crate) fn is_lines(start: &str) -> bool {
    let mut lines = start.lines().map(str::trim).filter(|line| !line.is_empty());
    let is_value = |line: &str| serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok();
    lines.next().is_some_and(|first| first.starts_with('{') && is_value(first))
        && lines.next().is_some()
}

/// The records of a file.
pub(crate) struct Records<'a, R> {
    content: BufReader<R>,
    file: &'a str,
    route: fn(&str) -> Route,
    is_lines: bool,
    /// The objects and arrays that were entered, with their paths.
    within: Vec<Container>,
    record: Vec<u8>,
    path: String,
    /// The line ends of what was read, and the line on which the record begins.
    line_ends: LineEnds,
    line: u64,
}

/// A record of a file.
pub(crate) struct Found<'a> {
    /// The path it was found at.
    pub(super) path: &'a str,
    /// Its bytes.
    pub(crate) bytes: &'a [u8],
    /// The line on which it begins.
    pub(crate) line: u64,
}

struct Container {
    is_array: bool,
    path: String,
}

impl<'a, R: Read> Records<'a, R> {
    /// The records of `content`, which is told of as `file`.
    pub(crate) fn new(content: R, file: &'a str, route: fn(&str) -> Route, is_lines: bool) -> Self {
        let content = BufReader::with_capacity(64 * 1024, content);
        Self {
            content,
            file,
            route,
            is_lines,
            within: Vec::new(),
            record: Vec::new(),
            path: String::new(),
            line_ends: LineEnds::default(),
            line: 1,
        }
    }

    /// The next record.
    pub(crate) fn next(&mut self) -> Result<Option<Found<'_>>> {
        let found = if self.is_lines { self.next_line() } else { self.next_value() };
        match found {
            Ok(true) => {
                let Self { path, record, line, .. } = &*self;
                Ok(Some(Found { path, bytes: record, line: *line }))
            }
            Ok(false) => Ok(None),
            Err(error) => Err(failed(&error).in_file(self.file).at_line(self.line)),
        }
    }

    /// Takes the next `count` bytes.
    fn consume(&mut self, count: usize) {
        self.line_ends.pass(&self.content.buffer()[..count]);
        self.content.consume(count);
    }

    fn next_line(&mut self) -> io::Result<bool> {
        loop {
            self.record.clear();
            self.line = self.line_ends.line();
            let limit = u64::try_from(MAX_RECORD).unwrap_or(u64::MAX);
            let read = self.content.by_ref().take(limit).read_until(b'\n', &mut self.record)?;
            self.line_ends.pass(&self.record);
            if read == MAX_RECORD {
                return Err(too_long());
            }
            if read == 0 {
                return Ok(false);
            }
            let is_whole = self.record.ends_with(b"\n");
            while self.record.last().is_some_and(u8::is_ascii_whitespace) {
                self.record.pop();
            }
            if self.record.is_empty() {
                continue;
            }
            if !is_whole && is_cut(&self.record) {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            return Ok(true);
        }
    }

    fn next_value(&mut self) -> io::Result<bool> {
        loop {
            let next = self.skip_blanks()?;
            self.line = self.line_ends.line();
            let Some(byte) = next else {
                return if self.within.is_empty() {
                    Ok(false)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            };
            if matches!(byte, b']' | b'}') {
                self.consume(1);
                self.within.pop();
                continue;
            }
            let path = self.path_of_next(byte)?;
            let Some(byte) = self.skip_blanks()? else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            let route = self.route_of(&path);
            match (route, byte) {
                (Route::Each, b'[') => self.enter(path, true),
                (Route::Enter, b'{') => self.enter(path, false),
                (Route::Skip, _) => self.take_value(false)?,
                (Route::Enter | Route::Each, byte) if byte != b'{' => self.take_value(false)?,
                _ => {
                    self.path = path;
                    self.take_value(true)?;
                    return Ok(true);
                }
            }
        }
    }

    fn enter(&mut self, path: String, is_array: bool) {
        self.consume(1);
        self.within.push(Container { is_array, path });
    }

    /// The path of the value that comes next: in an object its key is read.
    fn path_of_next(&mut self, byte: u8) -> io::Result<String> {
        match self.within.last() {
            Some(Container { is_array: false, path }) if byte == b'"' => {
                let parent = path.clone();
                self.take_value(true)?;
                let key = serde_json::from_slice::<String>(&self.record).unwrap_or_default();
                Ok(if parent.is_empty() { key } else { format!("{parent}.{key}") })
            }
            Some(container) => Ok(container.path.clone()),
            None => Ok(String::new()),
        }
    }

    fn route_of(&mut self, path: &str) -> Route {
        match self.within.last() {
            Some(Container { is_array: true, .. }) => Route::Whole,
            Some(_) => (self.route)(path),
            None if self.content.buffer().first() == Some(&b'[') => Route::Each,
            None => (self.route)(path),
        }
    }

    /// The next byte that is no blank, comma or colon, without taking it. Before
    /// the first value the name of a variable is passed over.
    fn skip_blanks(&mut self) -> io::Result<Option<u8>> {
        let at_top = self.within.is_empty();
        let is_blank = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b',' | b':' | b';');
        let is_name = |byte: &u8| {
            at_top && (byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'=' | b'_' | b'$'))
        };
        loop {
            let buffer = self.content.fill_buf()?;
            if buffer.is_empty() {
                return Ok(None);
            }
            let blanks = buffer.iter().take_while(|byte| is_blank(byte) || is_name(byte)).count();
            let next = buffer.get(blanks).copied();
            self.consume(blanks);
            if next.is_some() {
                return Ok(next);
            }
        }
    }

    /// Takes one value, and keeps its bytes as the record if asked to.
    fn take_value(&mut self, keep: bool) -> io::Result<()> {
        self.record.clear();
        let mut splitter = Splitter::default();
        loop {
            let buffer = self.content.fill_buf()?;
            if buffer.is_empty() {
                return if splitter.is_scalar() {
                    Ok(())
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
            let (taken, is_done) = splitter.take(buffer);
            if keep {
                self.record.extend_from_slice(&buffer[..taken]);
            }
            self.consume(taken);
            if is_done {
                return Ok(());
            }
            if self.record.len() > MAX_RECORD {
                return Err(too_long());
            }
        }
    }
}

/// Finds the end of one value.
#[derive(Default)]
struct Splitter {
    depth: usize,
    in_string: bool,
    escaped: bool,
    in_scalar: bool,
}

impl Splitter {
    /// Whether a number or a word was begun, which the end of a file may end.
    fn is_scalar(&self) -> bool {
        self.in_scalar
    }

    /// How many bytes belong to the value, and whether it ends with them.
    fn take(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut at = 0;
        while at < bytes.len() {
            if self.in_string {
                at = self.pass_string(bytes, at);
                if !self.in_string && self.depth == 0 {
                    return (at, true);
                }
                continue;
            }
            match bytes[at] {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth == 0 => return (at, true),
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return (at + 1, true);
                    }
                }
                byte if self.depth == 0 => {
                    if byte.is_ascii_whitespace() || byte == b',' {
                        return (at, true);
                    }
                    self.in_scalar = true;
                }
                _ => {}
            }
            at += 1;
        }
        (at, false)
    }

    /// The position after the string, or after all bytes if it does not end.
    fn pass_string(&mut self, bytes: &[u8], mut at: usize) -> usize {
        while at < bytes.len() {
            if self.escaped {
                self.escaped = false;
                at += 1;
                continue;
            }
            match memchr::memchr2(b'"', b'\\', &bytes[at..]) {
                None => return bytes.len(),
                Some(found) => {
                    at += found + 1;
                    if bytes[at - 1] == b'"' {
                        self.in_string = false;
                        return at;
                    }
                    self.escaped = true;
                }
            }
        }
        at
    }
}

/// Whether JSON ends before its value does.
fn is_cut(line: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(line).is_err_and(|error| error.is_eof())
}

fn too_long() -> io::Error {
    io::Error::other(format!("a record is longer than {} MiB", MAX_RECORD / 1024 / 1024))
}

fn failed(error: &io::Error) -> Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return Error::input("the file ends inside this record")
            .hint("the file is cut short; get the whole file");
    }
    Error::input(format!("cannot read on: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{Records, Route, elements_only, is_lines};

    fn split(text: &str, route: fn(&str) -> Route) -> Result<Vec<(String, String)>, String> {
        let mut bytes = text.as_bytes();
        let mut records = Records::new(&mut bytes, "test.json", route, is_lines(text));
        let mut found = Vec::new();
        while let Some(one) = records.next().map_err(|error| error.to_string())? {
            found.push((one.path.to_owned(), String::from_utf8_lossy(one.bytes).into_owned()));
        }
        Ok(found)
    }

    fn lines(text: &str) -> Vec<u64> {
        let mut bytes = text.as_bytes();
        let mut records = Records::new(&mut bytes, "test.json", |_| Route::Each, is_lines(text));
        let mut lines = Vec::new();
        while let Some(found) = records.next().unwrap() {
            lines.push(found.line);
        }
        lines
    }

    fn values(text: &str) -> Vec<String> {
        split(text, elements_only).unwrap().into_iter().map(|(_, value)| value).collect()
    }

    #[test]
    fn arrays_lines_and_single_objects_are_split_into_records() {
        assert_eq!(
            values(r#"[{"a":"]}\"\\"},{"b":[1,{}]}]"#),
            [r#"{"a":"]}\"\\"}"#, r#"{"b":[1,{}]}"#]
        );
        assert_eq!(values("{\"a\":1}\n\n{\"a\":2}\r\n"), [r#"{"a":1}"#, r#"{"a":2}"#]);
        assert_eq!(values("{\n\"a\":1\n}"), ["{\n\"a\":1\n}"]);
        assert_eq!(values(r#"["1", 2, null]"#), [r#""1""#, "2", "null"]);
        assert_eq!(values("window.YTD.tweets.part0 = [ {\"a\":1} ]"), [r#"{"a":1}"#]);
        assert!(values("[]").is_empty());
    }

    #[test]
    fn an_envelope_is_entered_where_the_route_says() {
        let route = |path: &str| match path {
            "" | "data" => Route::Enter,
            "user" => Route::Whole,
            "data.list" => Route::Each,
            _ => Route::Skip,
        };
        let text = r#"{"ok":1,"skip":{"list":[{}]},"user":{"id":1},"data":{"n":[1],"list":[{"a":1},{"a":2}]}}"#;
        let found = split(text, route).unwrap();
        let found: Vec<(&str, &str)> =
            found.iter().map(|(path, value)| (&**path, &**value)).collect();
        assert_eq!(
            found,
            [("user", r#"{"id":1}"#), ("data.list", r#"{"a":1}"#), ("data.list", r#"{"a":2}"#)]
        );
    }

    #[test]
    fn each_record_has_the_line_on_which_it_begins() {
        assert_eq!(lines("{\"a\":1}\n\n{\"a\":\r\n{\"a\":3}"), [1, 3, 4]);
        assert_eq!(lines("[\n{\"a\":\n1},\n\n{}, 7]"), [2, 5, 5]);
        assert_eq!(lines("[\r{\"a\":\r1},\r\r{}, 7]"), [2, 5, 5]);
    }

    #[test]
    fn a_faulty_line_is_one_record_and_the_next_is_whole() {
        assert_eq!(
            values("{\"a\":1}\n{\"a\":\n{\"a\":3}\n"),
            [r#"{"a":1}"#, "{\"a\":", r#"{"a":3}"#]
        );
    }

    #[test]
    fn a_file_that_ends_inside_a_record_is_an_error() {
        for text in ["[{\"a\":1},{\"a\"", "{\"a\":1}\n{\"a\":", "[{\"a\":1}", "[\"", "[{\"a\":1}, "]
        {
            let error = split(text, elements_only).unwrap_err();
            assert!(error.contains("ends inside"), "{text}: {error}");
        }
    }

    #[test]
    fn no_bytes_make_it_panic_or_loop() {
        for text in [
            "", "]", "}}}", "[}", "{]", ",,,", "[\"\\", "[1", "nonsense", "\u{FFFD}", "[}{]", "[,]",
        ] {
            let _ = split(text, |_| Route::Enter);
            let _ = split(text, elements_only);
        }
    }
}
