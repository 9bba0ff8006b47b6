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
    text.graphemes(true).map(UnicodeWidthStr::width).sum()
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
    fn a_cut_never_splits_a_cluster() {
        assert_eq!(truncate_to_width("外交部", 5), "外交");
        assert_eq!(truncate_to_width("a👨‍👩‍👧‍👦b", 2), "a");
        assert_eq!(truncate_to_width("a👨‍👩‍👧‍👦b", 3), "a👨‍👩‍👧‍👦");
        assert_eq!(truncate_to_width("abc", 3), "abc");
        assert_eq!(truncate_to_width("外", 0), "");
    }
}
