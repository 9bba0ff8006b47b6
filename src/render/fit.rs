//! Text made to fit a number of terminal cells, cut between graphemes.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;

use crate::text::width::{display_width, truncate_to_width};

/// `text` in at most `width` cells; when it is cut, it ends in `ellipsis`, as
/// far as that fits.
#[must_use]
pub fn truncate<'a>(text: &'a str, width: usize, ellipsis: &str) -> Cow<'a, str> {
    if display_width(text) <= width {
        return Cow::Borrowed(text);
    }
    let ellipsis = truncate_to_width(ellipsis, width);
    let kept = truncate_to_width(text, width - display_width(ellipsis));
    Cow::Owned(format!("{kept}{ellipsis}"))
}

/// As [`truncate`], but cut in the middle: of `column_number_17` the beginning and the
/// end are left.
pub(super) fn truncate_middle<'a>(text: &'a str, width: usize, ellipsis: &str) -> Cow<'a, str> {
    let room = width.saturating_sub(display_width(ellipsis));
    if display_width(text) <= width || room < 2 {
        return truncate(text, width, ellipsis);
    }
    let mut end = text.len();
    for (start, _) in text.grapheme_indices(true).rev() {
        if display_width(&text[start..]) > room / 2 {
            break;
        }
        end = start;
    }
    let begun = truncate_to_width(text, room - display_width(&text[end..]));
    Cow::Owned(format!("{begun}{ellipsis}{}", &text[end..]))
}

/// The first of `words` in `text`, with the byte at which it begins; of two at
/// the same place the one that is named first.
pub(super) fn first_of<'w>(words: &'w [String], text: &str) -> Option<(usize, &'w str)> {
    let found = words.iter().filter_map(|word| Some((text.find(word)?, word.as_str())));
    found.min_by_key(|(start, _)| *start)
}

/// `text` from shortly before the first of `words` on, if that would not be
/// seen in its first `cells` cells; what is left out is marked by `ellipsis`.
pub(crate) fn around<'a>(
    text: &'a str,
    words: &[String],
    cells: usize,
    ellipsis: &str,
) -> Cow<'a, str> {
    let Some((start, word)) = first_of(words, text) else {
        return Cow::Borrowed(text);
    };
    let before = display_width(&text[..start]);
    if display_width(text) <= cells || before + display_width(word) < cells {
        return Cow::Borrowed(text);
    }
    // A third of the room is for what leads up to the word.
    let skipped = truncate_to_width(text, before.saturating_sub(cells / 3)).len();
    Cow::Owned(format!("{ellipsis}{}", &text[skipped..]))
}

/// `text` broken into at most `lines` lines of `width` cells, at blanks where
/// there are any; when something is left over, the last ends in `ellipsis`.
#[must_use]
pub fn wrap(text: &str, width: usize, lines: usize, ellipsis: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut rest = text;
    while display_width(rest) > width && out.len() + 1 < lines {
        let end = line_end(rest, width);
        if end == 0 {
            break;
        }
        out.push(rest[..end].trim_end_matches(' ').to_owned());
        rest = rest[end..].trim_start_matches(' ');
    }
    // Blanks at the end are none of a line's own.
    if !rest.is_empty() || out.is_empty() {
        out.push(truncate(rest, width, ellipsis).into_owned());
    }
    out
}

/// As [`wrap`], with a new line after each `⏎`, the mark that
/// [`visible`](super::visible) makes of a line end; each of these lines is
/// broken into at most `each` lines.
pub(super) fn wrap_at_marks(
    text: &str,
    width: usize,
    lines: usize,
    each: usize,
    ellipsis: &str,
) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for line in text.split_inclusive('⏎') {
        let is_blank = line.trim_matches(' ').is_empty();
        if is_blank && !out.is_empty() {
            // What ends in blanks ends with the line before.
            break;
        }
        if out.len() < lines {
            out.extend(wrap(line, width, each.min(lines - out.len()), ellipsis));
            continue;
        }
        if let Some(last) = out.last_mut().filter(|last| !last.ends_with(ellipsis)) {
            let kept = truncate_to_width(last, width.saturating_sub(display_width(ellipsis)));
            *last = truncate(&format!("{kept}{ellipsis}"), width, "").into_owned();
        }
        return out;
    }
    if out.is_empty() { vec![String::new()] } else { out }
}

/// Where the first line ends: at the last place where it may, if that leaves a
/// line not too short, else after the last grapheme that fits.
fn line_end(text: &str, width: usize) -> usize {
    let fits = truncate_to_width(text, width).len();
    let starts = text[..fits].grapheme_indices(true).map(|(start, _)| start);
    let last = std::iter::once(fits).chain(starts.rev()).find(|end| may_end(text, *end));
    let end = last.unwrap_or(fits);
    if end == fits || display_width(&text[..end]) * 2 > width { end } else { fits }
}

/// Whether a line may end at byte `end` of `text`: at a blank, and between Chinese
/// characters, but before no closing punctuation and behind no opening one.
fn may_end(text: &str, end: usize) -> bool {
    let (before, after) =
        (text[..end].graphemes(true).next_back(), text[end..].graphemes(true).next());
    let (Some(before), Some(after)) = (before, after) else { return false };
    if before == " " || after == " " {
        return true;
    }
    let is_wide = |cluster: &str| display_width(cluster) > 1;
    (is_wide(before) || is_wide(after)) && !CLOSING.contains(after) && !OPENING.contains(before)
}

/// Punctuation that stands before no line end.
const OPENING: &str = "（《〈「『【〔“‘([{⟨";

/// Punctuation that begins no line.
const CLOSING: &str = "）》〉」』】〕”’，。、；：？！…)]},.;:?!%⟩";

/// The first characters of `text`, enough to fill `cells` cells, and whether
/// that is all: so that a text of megabytes costs no more than its first line.
pub(crate) fn beginning(text: &str, cells: usize) -> (&str, bool) {
    // Eleven characters make the longest emoji in use, which fills two cells.
    match text.char_indices().nth(cells.saturating_mul(6).saturating_add(64)) {
        None => (text, true),
        Some((at, _)) => {
            let last = text[..at].grapheme_indices(true).next_back();
            (&text[..last.map_or(at, |(start, _)| start)], false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_text_ends_in_the_ellipsis_and_never_exceeds_the_width() {
        assert_eq!(truncate("外交小灵通", 10, "…"), "外交小灵通");
        assert_eq!(truncate("外交小灵通", 9, "…"), "外交小灵…");
        assert_eq!(truncate("外交小灵通", 8, "…"), "外交小…");
        assert_eq!(truncate("外交", 1, "…"), "…");
        assert_eq!(truncate("abcdef", 5, "..."), "ab...");
        assert_eq!(truncate("abcdef", 2, "..."), "..");
    }

    #[test]
    fn a_name_cut_in_the_middle_keeps_its_beginning_and_its_end() {
        assert_eq!(truncate_middle("column_number_17", 8, "…"), "colu…_17");
        assert_eq!(truncate_middle("外交小灵通一号", 9, "…"), "外交…一号");
        assert_eq!(truncate_middle("外交小灵通一号", 8, "…"), "外交…号");
        assert_eq!(truncate_middle("column", 6, "…"), "column");
        assert_eq!(truncate_middle("column", 2, "…"), "c…");
        assert_eq!(truncate_middle("column", 4, "..."), "c...");
    }

    #[test]
    fn lines_break_at_blanks_or_between_characters() {
        assert_eq!(wrap("one two three", 8, 9, "…"), ["one two", "three"]);
        assert_eq!(wrap("外交小灵通", 5, 9, "…"), ["外交", "小灵", "通"]);
        assert_eq!(wrap("外交小灵通", 5, 2, "…"), ["外交", "小灵…"]);
        assert_eq!(wrap("abcdefgh", 3, 9, "…"), ["abc", "def", "gh"]);
        assert_eq!(wrap("", 3, 9, "…"), [""]);
        assert_eq!(wrap("one two      ", 7, 9, "…"), ["one two"]);
        assert_eq!(wrap("         ", 3, 9, "…"), [""]);
        assert_eq!(wrap("外交", 1, 9, "…"), ["…"]);
        assert_eq!(wrap("see 外交小灵通 there", 9, 9, "…"), ["see 外交", "小灵通", "there"]);
        assert_eq!(wrap("外交小灵通abcdef", 13, 9, "…"), ["外交小灵通", "abcdef"]);
        assert_eq!(wrap("转发微博，谢谢（图）", 8, 9, "…"), ["转发微", "博，谢谢", "（图）"]);
    }

    #[test]
    fn a_long_text_is_shown_around_the_word_that_was_looked_for() {
        let text = format!("{}地震{}", "前".repeat(40), "后".repeat(40));
        let around = |words: &[&str], cells| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            truncate(&around(&text, &words, cells, "…"), cells, "…").into_owned()
        };
        assert_eq!(around(&["地震"], 20), "…前前前地震后后后后…");
        assert_eq!(around(&["海啸", "地震"], 20), around(&["地震"], 20));
        // It would be seen anyway, or there is nothing to look for.
        assert!(around(&["前前"], 20).starts_with('前') && around(&[], 20).starts_with('前'));
        assert!(around(&["地震"], 200).starts_with('前'));
    }

    #[test]
    fn lines_of_the_text_stay_lines() {
        assert_eq!(wrap_at_marks("a⏎  b⏎", 8, 9, 9, "…"), ["a⏎", "  b⏎"]);
        assert_eq!(wrap_at_marks("a⏎b⏎c", 8, 2, 9, "…"), ["a⏎", "b⏎…"]);
        assert_eq!(wrap_at_marks("外交⏎b⏎c", 4, 1, 9, "…"), ["外…"]);
        assert_eq!(wrap_at_marks("", 8, 9, 9, "…"), [""]);
        assert_eq!(wrap_at_marks("a⏎ ⏎b⏎  ", 8, 9, 9, "…"), ["a⏎", " ⏎", "b⏎"]);
    }

    #[test]
    fn the_beginning_of_a_huge_text_is_short() {
        let huge = "外".repeat(1_000_000);
        let (start, whole) = beginning(&huge, 10);
        assert!(!whole && start.len() < 1000);
        assert_eq!(beginning("abc", 10), ("abc", true));
    }
}
