//! JSON files as they come: a record a line, records over many lines, or one array of
//! them, in any encoding.
//!
//! The engine's reader knows a record a line in UTF-8. What a column is it takes from the
//! first records and then fails at another that has a text where they had numbers. Here
//! all of a file that is not huge is looked at, numbers are read as texts where a column
//! is one of texts and as decimals where a double would lose digits, and other forms are
//! split into records as an import splits them.

mod numbers;
mod seen;
mod source;
mod texts;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;

use super::aside::Waiting;
use crate::error::{Error, Result};
use crate::ingest::{Decoded, Records, elements_only, is_lines};
use numbers::ByDigit;
use seen::Seen;
pub(super) use source::JsonFiles;

/// Bytes of JSON that are looked at, of all files together.
const LOOKED_AT: usize = 32 << 20;

/// Bytes of each file that are looked at, however many files there are.
const LEAST: usize = 256 << 10;

/// Bytes by which the form of a file is told.
const HEAD: u64 = 64 << 10;

/// What some files hold.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) columns: SchemaRef,
    pub(super) files: JsonFiles,
    /// What to say of files that were not looked at to their ends.
    pub(super) notices: Vec<String>,
}

/// Looks at the files at `paths`, as long as somebody is `waiting` for what they hold.
pub(super) fn look(
    paths: &[PathBuf],
    compression: FileCompressionType,
    waiting: &Waiting,
) -> Result<Looked> {
    let most = (LOOKED_AT / paths.len().max(1)).max(LEAST);
    look_at_most(most, paths, compression, waiting)
}

/// Looks at `most` bytes of each of the files, or all if some columns are of decimals.
fn look_at_most(
    most: usize,
    paths: &[PathBuf],
    compression: FileCompressionType,
    waiting: &Waiting,
) -> Result<Looked> {
    let mut look = Look {
        compression,
        waiting,
        most,
        by_digit: ByDigit::Long,
        seen: Seen::of_records(),
        is_lines: true,
        can_be_split: compression == FileCompressionType::UNCOMPRESSED,
    };
    let mut cut = look.each(paths)?;
    if look.seen.has_decimals() {
        look.by_digit = ByDigit::All;
        cut = look.each(paths)?;
    }
    let (fields, holds_json) = look.seen.columns();
    let files = JsonFiles {
        compression,
        is_lines: look.is_lines && !holds_json,
        can_be_split: look.is_lines && !holds_json && look.can_be_split,
        holds_json,
    };
    let columns = Arc::new(Schema::new(fields));
    Ok(Looked { columns, files, notices: notice(&cut, most).into_iter().collect() })
}

/// A look at some files, one after another.
struct Look<'a> {
    compression: FileCompressionType,
    /// Who waits for what they hold.
    waiting: &'a Waiting,
    /// Bytes of each that are looked at.
    most: usize,
    /// Which of their numbers are looked at digit by digit.
    by_digit: ByDigit,
    seen: Seen,
    /// Whether all have a record a line.
    is_lines: bool,
    /// Whether a part of each file is text by itself.
    can_be_split: bool,
}

impl Look<'_> {
    /// Looks at the files at `paths`; gives those that were not looked at to their ends.
    fn each<'p>(&mut self, paths: &'p [PathBuf]) -> Result<Vec<&'p Path>> {
        let mut cut = Vec::new();
        for path in paths {
            if self.waiting.is_over() {
                break;
            }
            if !self.at(path)? {
                cut.push(path.as_path());
            }
        }
        Ok(cut)
    }

    /// Looks at the file at `path`; whether it was looked at to its end.
    fn at(&mut self, path: &Path) -> Result<bool> {
        let mut head = Vec::new();
        let mut content = self.open(path)?;
        let begun = content.by_ref().take(HEAD).read_to_end(&mut head);
        begun.map_err(|error| Error::io("read", path, &error))?;
        if is_lines(&String::from_utf8_lossy(&head))
            && let Some(is_whole) = self.records(path, true)?
        {
            return Ok(is_whole);
        }
        self.is_lines = false;
        Ok(self.records(path, false)?.unwrap_or(false))
    }

    /// Takes the records of a file into account; whether these were all. There is no
    /// answer if they were to be lines, and one goes on behind its line.
    fn records(&mut self, path: &Path, is_lines: bool) -> Result<Option<bool>> {
        let name = path.display().to_string();
        let content = self.open(path)?;
        let encoding = content.encoding();
        let mut records = Records::new(content, &name, elements_only, is_lines);
        let mut left = self.most;
        let mut is_whole = true;
        while let Some(found) = records.next()? {
            if !found.bytes.starts_with(b"{") {
                return Err(no_object(path, found.line));
            }
            match self.seen.see(found.bytes, self.by_digit) {
                Err(error) if is_lines && error.is_eof() => return Ok(None),
                read => read.map_err(|error| no_json(path, found.line, &error))?,
            }
            left = left.saturating_sub(found.bytes.len());
            if left > 0 {
                continue;
            }
            if !self.goes_on() {
                is_whole = false;
                break;
            }
            left = self.most;
        }
        self.can_be_split &= encoding.other().is_none() && !is_marked(path)?;
        Ok(Some(is_whole))
    }

    /// Whether each further record counts: a decimal has room for the digits that were
    /// seen, and the scan would cut off others.
    fn goes_on(&self) -> bool {
        self.by_digit == ByDigit::All && self.seen.has_decimals() && !self.waiting.is_over()
    }

    fn open(&self, path: &Path) -> Result<Decoded<Box<dyn Read + Send>>> {
        let file = File::open(path).map_err(|error| Error::io("read", path, &error))?;
        let unpacked = self.compression.convert_read(file);
        Ok(Decoded::new(unpacked.map_err(|error| Error::query(error.to_string()))?))
    }
}

/// Whether the file begins with a byte order mark, which is no JSON.
fn is_marked(path: &Path) -> Result<bool> {
    let mut start = Vec::new();
    let file = File::open(path).and_then(|file| file.take(3).read_to_end(&mut start));
    file.map_err(|error| Error::io("read", path, &error))?;
    Ok(encoding_rs::Encoding::for_bom(&start).is_some())
}

fn no_object(path: &Path, line: u64) -> Error {
    let error = Error::query("a record that is no object has no columns");
    error.in_file(path.display().to_string()).at_line(line)
}

fn no_json(path: &Path, line: u64, error: &serde_json::Error) -> Error {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    let place = match error.line() {
        0 | 1 => String::new(),
        within => format!(", on its line {within}"),
    };
    let message = format!("this record is not JSON{place}: {what}");
    let error = Error::query(message).in_file(path.display().to_string()).at_line(line);
    error.hint("`weiku import` takes the other records of a crawler's file, and keeps this one")
}

/// What to say of files of which `most` bytes were looked at.
fn notice(cut: &[&Path], most: usize) -> Option<String> {
    let first = cut.first()?.display();
    let more = match cut.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let kib = most >> 10;
    let size = if kib < 1024 { format!("{kib} KiB") } else { format!("{} MiB", kib >> 10) };
    Some(format!("the columns of {first}{more} are those of the first {size}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked(name: &str, content: &[u8]) -> Result<Looked> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        look(&[path], FileCompressionType::UNCOMPRESSED, &Waiting::default())
    }

    #[test]
    fn only_lines_of_plain_text_are_read_in_parts() {
        let form = |content: &[u8]| {
            let files = looked("x.json", content).unwrap().files;
            (files.is_lines, files.can_be_split)
        };
        assert_eq!(form(b"{\"a\": 1}\n{\"a\": 2}\n"), (true, true));
        assert_eq!(form("\u{FEFF}{\"a\": 1}\n{\"a\": 2}\n".as_bytes()), (true, false));
        assert_eq!(form(b"{\"a\":\n1}\n{\"a\": 2}\n"), (false, false));
        assert_eq!(form(b"[{\"a\": 1},\n{\"a\": 2}]"), (false, false));
        // Only the first is on one line.
        assert_eq!(form(b"{\"a\": 1}\n{\"a\":\n2}\n"), (false, false));
        assert_eq!(form(b"{\"a\": 1}\n{\"a\": [2]}\n"), (false, false));
    }

    #[test]
    fn what_is_no_record_is_told_with_its_line() {
        for (content, line, what) in [
            ("{\"a\": 1}\n{\"a\": }\n", 2, "not JSON"),
            ("{\"a\": 1}\nNaN\n{\"a\": 1}\n", 2, "no object"),
            ("{\"a\": 1}\n{\"a\":\n{\"a\": 1}\n", 2, "ends inside"),
            ("[{\"a\": 1},\n {\"a\": x}]", 2, "not JSON"),
            ("[{\"a\": 1},\n\n 7]", 3, "no object"),
            ("{\"a\": 1}\n{\"a\": 2", 2, "ends inside"),
        ] {
            let error = looked("x.json", content.as_bytes()).unwrap_err();
            assert_eq!(error.place().line, Some(line), "{content}: {error}");
            assert!(error.message().contains(what), "{content}: {error}");
        }
    }

    #[test]
    fn of_a_file_that_was_not_looked_at_to_its_end_is_told() {
        let record = format!("{{\"a\": \"{}\"}}\n", "x".repeat(1 << 20));
        let whole = looked("x.json", record.repeat(3).as_bytes()).unwrap();
        assert!(whole.notices.is_empty());
        let cut = looked("x.json", record.repeat(33).as_bytes()).unwrap();
        assert!(cut.notices[0].ends_with("x.json are those of the first 32 MiB"));
    }

    #[test]
    fn files_with_decimals_are_looked_at_to_their_ends() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, number: &str, later: &str| {
            let path = folder.path().join(name);
            let rows = format!("{{\"a\": {number}}}\n").repeat(100);
            std::fs::write(&path, format!("{rows}{{\"a\": {later}}}\n{rows}")).unwrap();
            path
        };
        let of = |paths: &[PathBuf]| {
            let compression = FileCompressionType::UNCOMPRESSED;
            let looked = look_at_most(500, paths, compression, &Waiting::default()).unwrap();
            (looked.columns.field(0).data_type().to_string(), looked.notices.len())
        };
        let plain = write("plain.json", "0.5", "0.125");
        let decimals = write("decimals.json", "12345678901234567.89", "-5000000000000000000.5");
        assert_eq!(of(std::slice::from_ref(&decimals)), ("Decimal128(21, 2)".to_owned(), 0));
        // That the second file has decimals makes all of the first count.
        assert_eq!(of(&[plain.clone(), decimals]), ("Decimal128(22, 3)".to_owned(), 0));
        assert_eq!(of(&[plain]), ("Float64".to_owned(), 1));
        // From where they are doubles, further ones do not count.
        let doubles = write("doubles.json", "12345678901234567.89", "1.5e3");
        assert_eq!(of(&[doubles]), ("Float64".to_owned(), 1));
    }
}
