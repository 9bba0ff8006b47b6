//! How many terminal columns a text takes.
//!
//! Measured by grapheme cluster, since a terminal draws a cluster at once: a
//! Chinese character takes two columns, and so does a family of emoji joined by
//! zero-width joiners.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// The columns that `text` takes on one line of a terminal.
#[must_use]
pub fn display_width(text: &str) -> usize {
    if is_plain(text) {
        return text.len();
    }
    match width_of_lone(text) {
        Some(width) => width,
        None => text.graphemes(true).map(UnicodeWidthStr::width).sum(),
    }
}

/// The width of a text whose characters never join with others to a cluster:
/// printable ASCII, Chinese characters and their punctuation, as nearly all of
/// a post is. `None` if there are others.
fn width_of_lone(text: &str) -> Option<usize> {
    text.chars().try_fold(0, |width, letter| match letter {
        ' '..='~' => Some(width + 1),
        '\u{3001}'..='\u{3029}' | '\u{4e00}'..='\u{9fff}' | '\u{ff01}'..='\u{ff60}' => {
            Some(width + 2)
        }
        _ => None,
    })
}

/// The longest beginning of `text` that takes at most `width` columns, cut
/// between grapheme clusters.
#[must_use]
pub fn truncate_to_width(text: &str, width: usize) -> &str {
    let mut taken = 0;
    for (start, cluster) in text.grapheme_indices(true) {
        taken += cluster.width();
        if taken > width {
            return &text[..start];
        }
    }
    text
}

/// Whether each byte of `text` is a character of one column.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_takes_two_columns_and_joined_emoji_two_together() {
        for (text, width) in [
            ("", 0),
            ("abc", 3),
            ("外交部", 6),
            ("a外b", 4),
            ("👨‍👩‍👧‍👦", 2),
            ("🇨🇳", 2),
            ("❤️", 2),
            ("e\u{301}", 1),
        ] {
            assert_eq!(display_width(text), width, "{text}");
        }
    }

    #[test]
    fn the_short_cut_for_lone_characters_agrees_with_the_clusters() {
        let all = (' '..='\u{ffff}').filter(|letter| width_of_lone(&letter.to_string()).is_some());
        for letter in all {
            for text in [letter.to_string(), format!("{letter}{letter}a外")] {
                let width = text.graphemes(true).map(UnicodeWidthStr::width).sum();
                assert_eq!(width_of_lone(&text), Some(width), "{letter:?}");
            }
        }
    }

    #[test]
    fn a_cut_never_splits_a_cluster() {
        assert_eq!(truncate_to_width("外交部", 5), "外交");
        assert_eq!(truncate_to_width("a👨‍👩‍👧‍👦b", 2), "a");
        assert_eq!(truncate_to_width("a👨‍👩‍👧‍👦b", 3), "a👨‍👩‍👧‍👦");
        assert_eq!(truncate_to_width("abc", 3), "abc");
        assert_eq!(truncate_to_width("外", 0), "");
    }
}
