//! Errors as a person reads them: what is wrong, the line with a mark under the
//! word, and what to try.

use std::io::Write;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::error::{Error, Kind, Place};
use crate::render::{visible, visible_lines, wrap};

/// Cells of the source line that are shown at most.
const MOST_CELLS: usize = 100;

/// Cells of a terminal too narrow for labels.
const MOST_LABEL: usize = 20;

/// Cells of the border between the number of a line and its text.
const BORDER: usize = 3;

const RED: &str = "\x1b[1;31m";
const DIM: &str = "\x1b[2m";
const RESET: &str = "\x1b[0m";

/// Writes `error` to `out`, over several lines.
///
/// # Errors
/// When `out` cannot be written.
pub fn write(out: &mut dyn Write, error: &Error, color: bool) -> std::io::Result<()> {
    write_within(out, error, color, None)
}

/// As [`write()`], with lines of words broken between words to fit `width` cells.
///
/// # Errors
/// When `out` cannot be written.
pub fn write_within(
    out: &mut dyn Write,
    error: &Error,
    color: bool,
    width: Option<usize>,
) -> std::io::Result<()> {
    let (red, dim, reset) = if color { (RED, DIM, RESET) } else { ("", "", "") };
    if error.kind() == Kind::Cancelled {
        return writeln!(out, "{}", visible(error.message()));
    }
    writeln!(out, "{red}error:{reset} {}", indented(error.message(), "error: ", width))?;
    let place = error.place();
    if let Some(source) = place.source.as_deref().filter(|source| !source.trim().is_empty()) {
        let number = place.line.unwrap_or(1).to_string();
        let room = width.map(|width| width.saturating_sub(number.len() + BORDER));
        let room = room.map_or(MOST_CELLS, |room| room.clamp(MOST_LABEL, MOST_CELLS));
        let (text, before, under) = excerpt(source, place, room);
        let margin = " ".repeat(number.len());
        if let Some(file) = &place.file {
            let column = place.column.map(|column| format!(":{column}")).unwrap_or_default();
            writeln!(out, "{margin}{dim}-->{reset} {}:{number}{column}", visible(file))?;
        }
        writeln!(out, "{dim}{number} |{reset} {text}")?;
        let mark = "^".repeat(under.max(1));
        writeln!(out, "{margin} {dim}|{reset} {}{red}{mark}{reset}", " ".repeat(before))?;
    } else if let Some(file) = &place.file {
        let numbers = [place.line, place.column].into_iter().flatten();
        let numbers: String = numbers.map(|number| format!(":{number}")).collect();
        writeln!(out, " {dim}-->{reset} {}{numbers}", visible(file))?;
    }
    match error.advice() {
        Some(hint) => writeln!(out, "hint: {}", indented(hint, "hint: ", width)),
        None => Ok(()),
    }
}

/// Foreign text behind a label, broken between words, its further lines under
/// the first.
fn indented(text: &str, label: &str, width: Option<usize>) -> String {
    let text = visible_lines(text);
    let Some(width) = width.filter(|width| *width > MOST_LABEL) else {
        return text.into();
    };
    let broken: Vec<String> =
        text.lines().flat_map(|line| wrap(line, width - label.len(), usize::MAX, "")).collect();
    broken.join(&format!("\n{}", " ".repeat(label.len())))
}

/// The error as one JSON object, for programs.
#[must_use]
pub fn to_json(error: &Error) -> serde_json::Value {
    let place = error.place();
    serde_json::json!({
        "code": error.kind().code(),
        "message": error.message(),
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "length": place.length,
        "hint": error.advice(),
    })
}

/// The part of a source line to show in `room` cells, the cells before the faulty
/// word in it, and the cells of that word. A line that the terminal broke would have
/// the mark under another word.
fn excerpt(source: &str, place: &Place, room: usize) -> (String, usize, usize) {
    let start = usize::try_from(place.column.unwrap_or(1)).unwrap_or(1).saturating_sub(1);
    let length = usize::try_from(place.length.unwrap_or(1)).unwrap_or(1);
    let at = |chars: usize| source.char_indices().nth(chars).map_or(source.len(), |(at, _)| at);
    let (from, to) = (at(start), at(start.saturating_add(length)));
    let (head, word, tail) =
        (shown(&source[..from]), shown(&source[from..to]), shown(&source[to..]));
    let to_word = head.width() + word.width();
    let is_seen = to_word < room || to_word + tail.width() <= room;
    let skipped = head.width().saturating_sub(room * 3 / 5);
    let (head, dots) =
        if skipped > 0 && !is_seen { (skip_cells(&head, skipped), "… ") } else { (head, "") };
    let before = dots.width() + head.width();
    let text = format!("{dots}{head}{word}{tail}");
    let under = word.width().min(room.saturating_sub(before));
    (take_cells(&text, room), before, under)
}

/// Foreign text that keeps to one line.
fn shown(text: &str) -> String {
    visible(&text.replace('\t', " ")).into_owned()
}

fn take_cells(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let mut taken = String::new();
    let mut cells = 0;
    for grapheme in text.graphemes(true) {
        cells += grapheme.width();
        if cells >= room {
            taken.push('…');
            break;
        }
        taken.push_str(grapheme);
    }
    taken
}

fn skip_cells(text: &str, cells: usize) -> String {
    let mut skipped = 0;
    let rest = text.graphemes(true).skip_while(|grapheme| {
        let skip = skipped < cells;
        skipped += grapheme.width();
        skip
    });
    rest.collect()
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::{skip_cells, write, write_within};
    use crate::error::{Error, Place};

    fn text(error: &Error) -> String {
        let mut out = Vec::new();
        write(&mut out, error, false).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn place(source: &str, column: u64, length: u64) -> Place {
        Place {
            file: None,
            line: Some(1),
            column: Some(column),
            length: Some(length),
            source: Some(source.to_owned()),
        }
    }

    #[test]
    fn the_mark_is_under_the_word_after_wide_characters() {
        let error = Error::query("no column \"x\"").at(place("select '微博', x", 14, 1)).hint("y");
        assert_eq!(
            text(&error),
            "error: no column \"x\"\n1 | select '微博', x\n  |                ^\nhint: y\n"
        );
    }

    #[test]
    fn a_long_line_is_cut_around_the_word() {
        let source = format!("select {} wrong {}", "a, ".repeat(100), "b, ".repeat(100));
        let shown = text(&Error::query("no").at(place(&source, 309, 5)));
        let lines: Vec<&str> = shown.lines().collect();
        let mark = lines[2].find('^').unwrap();
        let marked: String = lines[1].chars().skip(mark).take(5).collect();
        assert_eq!(marked, "wrong", "{shown}");
        assert!(lines[1].chars().count() < 120, "{shown}");
    }

    #[test]
    fn on_a_narrow_terminal_the_mark_is_under_the_word_and_no_line_too_wide() {
        let source = "select * from '人民日报/*.csv' where 点赞数 > 100 and 转发数 > 10 limit 20";
        for width in [24, 30, 40, 50, 60, 80] {
            for word in ["select", "人民日报/*.csv", "点赞数", "转发数", "20"] {
                let start = source.find(word).unwrap();
                let column = source[..start].chars().count() as u64 + 1;
                let place = place(source, column, word.chars().count() as u64);
                let mut out = Vec::new();
                write_within(&mut out, &Error::query("no").at(place), false, Some(width)).unwrap();
                let text = String::from_utf8(out).unwrap();
                let lines: Vec<&str> = text.lines().collect();
                assert!(lines.iter().all(|line| line.width() <= width), "{width}\n{text}");
                let mark = lines[2].find('^').unwrap();
                let marked = skip_cells(lines[1], mark);
                let under = lines[2].len() - mark;
                assert!(marked.starts_with(&take_whole(word, under)), "{width}\n{text}");
            }
        }
    }

    /// The beginning of `word` in `cells` cells.
    fn take_whole(word: &str, cells: usize) -> String {
        let mut taken = 0;
        let fits = word.chars().take_while(|c| {
            taken += c.to_string().width();
            taken < cells
        });
        fits.collect()
    }

    #[test]
    fn a_hint_is_broken_between_words_under_its_beginning() {
        let error = Error::query("no").hint("the formats are box, ascii, vertical, list");
        let mut out = Vec::new();
        write_within(&mut out, &error, false, Some(30)).unwrap();
        let shown = String::from_utf8(out).unwrap();
        assert_eq!(shown, "error: no\nhint: the formats are box,\n      ascii, vertical, list\n");
    }

    #[test]
    fn the_place_in_a_file_is_named_and_foreign_text_is_harmless() {
        let place = Place { file: Some("a\x1b[2J.sql".into()), ..place("se\x1b[2Jlect", 1, 2) };
        let shown = text(&Error::query("bad \x1b[2J").at(place));
        assert!(!shown.contains('\x1b'), "{shown:?}");
        assert!(shown.contains(".sql:1:1"), "{shown}");
    }
}
