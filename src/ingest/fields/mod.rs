//! Text of one cell to a value: one file per kind of value.
//!
//! Every parser tells three things apart: a value, nothing (`None`: the source
//! does not know), and text that makes no sense (`Err` with the reason, for
//! which the row is rejected).

pub(crate) mod count;
pub(crate) mod flag;
pub(crate) mod id;
pub(crate) mod list;
pub(crate) mod time;

use std::borrow::Cow;

use crate::ingest::Text;

/// What crawlers write for "there is none".
const NONE: [&str; 12] =
    ["无", "null", "NULL", "Null", "none", "None", "nan", "NaN", "N/A", "undefined", "<NA>", "\\N"];

/// `text` without blanks, NULs and zero-width characters around it; for ids,
/// counts and times, where these carry nothing.
pub(crate) fn bare(text: &str) -> &str {
    let plain = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    if plain(text.as_bytes().first()) && plain(text.as_bytes().last()) {
        return text;
    }
    text.trim_matches(is_padding)
}

/// The bare text, unless it is empty or a word for "none".
pub(crate) fn known(text: &str) -> Option<&str> {
    let text = bare(text);
    let first = *text.as_bytes().first()?;
    // Most values are numbers and times.
    (first.is_ascii_digit() || !NONE.contains(&text)).then_some(text)
}

/// The text as it is, unless it is blank: a post may say "无" and mean it.
pub(crate) fn spoken(text: &str) -> Option<&str> {
    (!text.chars().all(is_padding)).then_some(text)
}

/// The part of `text` that `find` finds, without a copy where that is possible.
pub(crate) fn part<'a>(
    text: Text<'a>,
    find: impl FnOnce(&str) -> Option<&str>,
) -> Option<Text<'a>> {
    match text {
        Cow::Borrowed(text) => find(text).map(Cow::Borrowed),
        Cow::Owned(text) => find(&text).map(|part| Cow::Owned(part.to_owned())),
    }
}

/// Whether the character only fills space.
fn is_padding(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\0' | '\u{200B}' | '\u{200C}' | '\u{200D}' | '\u{2060}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::{known, spoken};

    #[test]
    fn padding_and_words_for_none_are_not_values() {
        for text in ["", " ", "\t", "\u{200B}", "\u{3000}", "\u{A0}", "\0", "无", " null ", "None"]
        {
            assert_eq!(known(text), None, "{text:?}");
        }
        assert_eq!(known("5106121943814622\t"), Some("5106121943814622"));
        assert_eq!(known("\u{FEFF}微博id"), Some("微博id"));
    }

    #[test]
    fn the_text_of_a_post_keeps_everything() {
        assert_eq!(spoken("无"), Some("无"));
        assert_eq!(spoken(" a\0b\u{200B} "), Some(" a\0b\u{200B} "));
        assert_eq!(spoken(" \u{200B}\t"), None);
    }
}
