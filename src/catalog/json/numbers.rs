//! The numbers of a record as they are written. A parser gives doubles, of which some
//! have lost digits, and does not tell 1500 from 1.5e3.

use std::ops::Range;

use memchr::memchr2;

use crate::catalog::digits::SAFE_DIGITS;

/// As many bytes a number with a point has at least if a double may not keep its digits.
const LONG: usize = SAFE_DIGITS + 2;

/// A whole number beyond 64 bits.
const TOO_LARGE: &[u8] = b"99999999999999999999";

/// Which numbers are looked at digit by digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ByDigit {
    /// Those of records with one that a double may not hold: this takes least time.
    Long,
    /// All, for there has to be room for the digits of each.
    All,
}

/// The numbers of a record, for a parser that goes through it.
#[derive(Debug)]
pub(super) struct Numbers<'a> {
    places: Places<'a>,
    /// How many the parser has read since the last one whose digits were of interest.
    passed: usize,
    /// Whether the digits of all are of interest.
    by_digit: bool,
}

impl<'a> Numbers<'a> {
    /// Those of the whole `record`.
    pub(super) fn of(record: &'a [u8], by_digit: ByDigit) -> Self {
        let by_digit = by_digit == ByDigit::All || has_long(record);
        Self { places: Places { record, at: 0 }, passed: 0, by_digit }
    }

    /// Whether the digits of all are of interest.
    pub(super) fn are_by_digit(&self) -> bool {
        self.by_digit
    }

    /// Passes over the next one, whose digits are of no interest.
    pub(super) fn pass(&mut self) {
        self.passed += 1;
    }

    /// The next one, as it is written.
    pub(super) fn next(&mut self) -> Option<&'a str> {
        let place = self.places.nth(std::mem::take(&mut self.passed))?;
        std::str::from_utf8(&self.places.record[place]).ok()
    }
}

/// Where the numbers stand in a record.
#[derive(Debug)]
struct Places<'a> {
    record: &'a [u8],
    /// Where the search for the next one begins.
    at: usize,
}

impl Iterator for Places<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let begins = |byte: &u8| matches!(byte, b'"' | b'-' | b'0'..=b'9');
        let goes_on = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
        loop {
            let rest = self.record.get(self.at..)?;
            let begin = rest.iter().position(begins)?;
            let rest = &rest[begin..];
            let begin = self.at + begin;
            if rest[0] == b'"' {
                self.at = behind_string(self.record, begin + 1);
                continue;
            }
            self.at = begin + rest.iter().take_while(goes_on).count();
            return Some(begin..self.at);
        }
    }
}

/// The place behind the string whose text begins `at` a place of `record`.
fn behind_string(record: &[u8], mut at: usize) -> usize {
    while let Some(found) = record.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found + 1;
        if record[at - 1] == b'"' {
            return at;
        }
        // The sign behind a backslash ends nothing.
        at += 1;
    }
    record.len()
}

/// Whether a number with a point may have more digits than a double always keeps. Most
/// bytes are not looked at: of each that is long, one of so many is a part.
fn has_long(record: &[u8]) -> bool {
    let is_part = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    let mut at = LONG - 1;
    while let Some(byte) = record.get(at) {
        if !is_part(*byte) {
            at += LONG;
            continue;
        }
        let begin = at - record[..at].iter().rev().take_while(|byte| is_part(**byte)).count();
        let end = at + record[at..].iter().take_while(|byte| is_part(**byte)).count();
        if end - begin >= LONG && record[begin..end].contains(&b'.') {
            return true;
        }
        at = end + LONG;
    }
    false
}

/// The `record` with a whole number beyond 64 bits in place of each that is too large for
/// a double: for a parser that refuses these.
pub(super) fn without_too_large(record: &[u8]) -> Vec<u8> {
    let mut made = Vec::with_capacity(record.len());
    let mut copied = 0;
    for place in (Places { record, at: 0 }) {
        let number = std::str::from_utf8(&record[place.clone()]).unwrap_or_default();
        if number.parse::<f64>().is_ok_and(f64::is_infinite) {
            made.extend_from_slice(&record[copied..place.start]);
            made.extend_from_slice(TOO_LARGE);
            copied = place.end;
        }
    }
    made.extend_from_slice(&record[copied..]);
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(record: &str) -> Vec<&str> {
        let mut numbers = Numbers::of(record.as_bytes(), ByDigit::All);
        std::iter::from_fn(|| numbers.next()).collect()
    }

    #[test]
    fn numbers_are_as_they_are_written_and_none_stands_in_a_string() {
        let record = r#"{"1": -1.50, "a\"2": [true,1E+5,"3"], "\\":{"b":-0 , "c": "\\4"},"d":7}"#;
        assert_eq!(of(record), ["-1.50", "1E+5", "-0", "7"]);
        let mut numbers = Numbers::of(record.as_bytes(), ByDigit::All);
        numbers.pass();
        numbers.pass();
        assert_eq!((numbers.next(), numbers.next(), numbers.next()), (Some("-0"), Some("7"), None));
    }

    #[test]
    fn no_bytes_make_it_panic_or_loop() {
        for text in ["", "\"", "\"\\", "\"\\\\", "{\"a\":\"", "-", "é\"é", "1"] {
            assert!(of(text).len() <= 1, "{text}");
            assert_eq!(without_too_large(text.as_bytes()), text.as_bytes());
        }
    }

    #[test]
    fn a_long_number_is_found_wherever_it_stands() {
        for number in ["1234567890123456.5", "0.1234567890123456", "-123456.1234567890"] {
            for before in 0..40 {
                let record = format!("{{\"{}\":{number}}}", "x".repeat(before));
                assert!(has_long(record.as_bytes()), "{record}");
                let record = format!("{{\"1.2.3\":[0.5,{}{number}]}}", "12,".repeat(before));
                assert!(has_long(record.as_bytes()), "{record}");
            }
        }
        for record in ["", "{}", "{\"id\": 4640865532228085, \"a\": 12345678901234.5, \"b\": 0.5}"]
        {
            assert!(!has_long(record.as_bytes()), "{record}");
        }
    }

    #[test]
    fn only_numbers_that_no_double_is_are_replaced() {
        let record = "{\"1e400\": [1e400,-1E+999, 1e300], \"b\": 5}";
        let made = without_too_large(record.as_bytes());
        let wanted = "{\"1e400\": [99999999999999999999,99999999999999999999, 1e300], \"b\": 5}";
        assert_eq!(String::from_utf8(made).unwrap(), wanted);
    }
}
