//! Big numbers in words: 12.35万, 12.3 million.

use super::safe_text::visible;
use crate::error::{Error, Result};

/// The words for big numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Readable {
    /// 万 and 亿.
    Chinese,
    /// thousand millions and so on: million, billion, trillion.
    English,
    /// No words.
    #[default]
    Off,
}

impl Readable {
    /// The name for settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Chinese => "zh",
            Self::English => "en",
            Self::Off => "off",
        }
    }

    /// The words called `name`.
    ///
    /// # Errors
    /// When there are none.
    pub fn named(name: &str) -> Result<Self> {
        let all = [Self::Chinese, Self::English, Self::Off];
        all.into_iter().find(|words| words.name() == name).ok_or_else(|| {
            let error = Error::usage(format!("no words for big numbers `{}`", visible(name)));
            error.hint("there are zh, en and off")
        })
    }
}

/// `number` in words with four digits at most, or `None` when it is short
/// enough to be read as it stands.
#[must_use]
pub fn readable(number: f64, words: Readable) -> Option<String> {
    let units: &[(f64, &str)] = match words {
        Readable::Chinese => &[(1e12, "万亿"), (1e8, "亿"), (1e4, "万")],
        Readable::English => &[(1e12, " trillion"), (1e9, " billion"), (1e6, " million")],
        Readable::Off => &[],
    };
    let smallest = if words == Readable::Chinese { 1e5 } else { 1e6 };
    if !number.is_finite() || number.abs() < smallest || number.abs() >= 1e16 {
        return None;
    }
    // Half a unit of the last digit kept: 99,999,999 is 1亿, not 10000万.
    let (unit, word) = units.iter().find(|(unit, _)| number.abs() * 1.000_05 >= *unit)?;
    let scaled = number / unit;
    let places = if scaled.abs() >= 1000.0 {
        0
    } else if scaled.abs() >= 100.0 {
        1
    } else {
        2
    };
    let digits = format!("{scaled:.places$}");
    let digits =
        if places == 0 { &digits } else { digits.trim_end_matches('0').trim_end_matches('.') };
    Some(format!("{digits}{word}"))
}

/// Whether a column called `name` holds ids, which tell things apart and are no
/// amounts: `id`, `post_id`, `userId`, `uid`, but not `paid`.
pub(super) fn names_an_id(name: &str) -> bool {
    if name.ends_with("Id") || name.ends_with("ID") {
        return true;
    }
    let Some(before) = name.strip_suffix("id") else { return false };
    let mut chars = before.chars().rev();
    match (chars.next(), chars.next()) {
        (Some(last), Some(_)) => !last.is_ascii_alphabetic(),
        _ => true,
    }
}

/// `1234567` as `1,234,567`.
#[must_use]
pub fn group_digits(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_put_into_the_words_of_either_language() {
        let chinese = |number| readable(number, Readable::Chinese);
        let english = |number| readable(number, Readable::English);
        assert_eq!(chinese(123_456.0).as_deref(), Some("12.35万"));
        assert_eq!(chinese(2_800_000.0).as_deref(), Some("280万"));
        assert_eq!(chinese(-123_456_789.0).as_deref(), Some("-1.23亿"));
        assert_eq!(chinese(99_999_999.0).as_deref(), Some("1亿"));
        assert_eq!(chinese(12_345.0), None);
        assert_eq!(english(12_345_678.0).as_deref(), Some("12.35 million"));
        assert_eq!(english(999_999_999.0).as_deref(), Some("1 billion"));
        assert_eq!(english(999_999.0), None);
        assert_eq!(readable(1e9, Readable::Off), None);
        assert_eq!(english(f64::NAN), None);
    }

    #[test]
    fn ids_are_known_by_their_names() {
        for name in ["id", "ID", "uid", "mid", "post_id", "userId", "p.id", "微博id", "帖子 id"]
        {
            assert!(names_an_id(name), "{name}");
        }
        for name in ["paid", "total_paid", "ids", "count(post_id)", "likes", ""] {
            assert!(!names_an_id(name), "{name}");
        }
    }

    #[test]
    fn digits_are_grouped_by_three() {
        assert_eq!(group_digits(0), "0");
        assert_eq!(group_digits(999), "999");
        assert_eq!(group_digits(1_000_000), "1,000,000");
    }
}
