//! Where the line that is typed stands on the screen.
//!
//! The line editor clears as many rows as it has drawn. After the terminal has broken
//! the rows anew for another width those are other rows, and of a list of candidates
//! above the prompt it knows nothing. What is drawn is remembered here, so that it can be
//! erased before the editor draws again, wherever it stands.

use std::io::Write as _;

use unicode_segmentation::UnicodeSegmentation;

use crate::text::width::display_width;

/// Cells from one tab stop to the next, as the line editor has been told.
pub(super) const TAB_STOP: u8 = 4;

/// Erases the row of the cursor, and those below.
const ERASE: &str = "\x1b[K\n\x1b[J\x1b[A";

/// What is drawn from the first row of the prompt on.
#[derive(Debug, Default)]
pub(super) struct Drawn {
    prompt: String,
    line: String,
    /// The ghost text behind the line.
    ghost: String,
    /// The width of the terminal when it was drawn; 0 when it is not known.
    columns: usize,
    /// Rows above the prompt that hold lists of candidates, and the lines they belong to.
    above: usize,
}

impl Drawn {
    /// Begins a new line behind `prompt`.
    pub(super) fn begin(&mut self, prompt: &str) {
        *self = Self { prompt: prompt.to_owned(), ..Self::default() };
    }

    /// Learns what is drawn now.
    pub(super) fn note(&mut self, line: &str, ghost: &str, columns: usize) {
        if columns != self.columns {
            // The lists have other rows now.
            self.above = 0;
        }
        line.clone_into(&mut self.line);
        ghost.clone_into(&mut self.ghost);
        self.columns = columns;
    }

    /// Learns that a list is about to be shown that moves the prompt so many rows down.
    pub(super) fn note_list(&mut self, rows: usize) {
        self.above += rows;
    }

    /// Learns that the screen is cleared, with the lists on it.
    pub(super) fn note_cleared(&mut self) {
        self.above = 0;
    }

    /// The row of the end of `line`, counted from the first row of the prompt.
    pub(super) fn row(&self, line: &str, columns: usize) -> usize {
        Place::behind(&[&self.prompt, line], columns).row_of_next(columns)
    }

    /// The cells that are left in the row behind `line`, but for the last: a full row would
    /// begin another.
    pub(super) fn room(&self, line: &str, columns: usize) -> usize {
        let column = Place::behind(&[&self.prompt, line], columns).column;
        columns.saturating_sub(if column < columns { column + 1 } else { 1 })
    }

    /// What erases the line after the terminal has become `columns` wide and has broken
    /// its rows anew; none if the line is another one or the width the same.
    ///
    /// The cursor ends where the line editor takes it to be.
    pub(super) fn reflowed(
        &mut self,
        line: &str,
        position: usize,
        columns: usize,
    ) -> Option<String> {
        let was = self.columns;
        if was == 0 || was == columns || line != self.line {
            return None;
        }
        self.above = 0;
        let typed = &line[..position];
        let row = match position == line.len() && self.ghost.is_empty() {
            false => self.row(typed, columns),
            true => {
                let end = Place::behind(&[&self.prompt, typed], was);
                let now = Place::behind(&[&self.prompt, typed], columns);
                // Behind a full row the editor has begun another; the terminal does not.
                now.row + usize::from(end.column == was && !typed.ends_with('\n'))
            }
        };
        Some(erase(row, self.row(typed, was), self.last_row(line)))
    }

    /// What erases the lists above the prompt, with all between; none if there are none.
    pub(super) fn lists_erased(&mut self, line: &str, position: usize) -> Option<String> {
        let above = std::mem::take(&mut self.above);
        if above == 0 || self.columns == 0 {
            return None;
        }
        let typed = &line[..position];
        let (cursor, end) = (self.row(typed, self.columns), self.last_row(line));
        let mut erased = erase(above + cursor, cursor, end);
        // Of a line in one row the editor may draw only what changes.
        if end == 0 {
            erased.push_str(&format!("\r{}{typed}", self.prompt));
        }
        Some(erased)
    }

    /// What erases the ghost text behind the line while the cursor stands at the beginning of
    /// the row below; none if there is none. It ends in the row in which it begins.
    pub(super) fn ghost_erased(&self) -> Option<String> {
        if self.ghost.is_empty() || self.columns == 0 {
            return None;
        }
        let end = Place::behind(&[&self.prompt, &self.line], self.columns).column;
        // Behind a full row it stands in the next.
        let column = end % self.columns;
        let right = if column == 0 { String::new() } else { format!("\x1b[{column}C") };
        Some(format!("\x1b[A\r{right}\x1b[K\n\r"))
    }

    /// What erases the prompt with `line`, and the lists above them, once the line is given
    /// and the cursor stands at the beginning of the row below; none if the width is not
    /// known.
    pub(super) fn given_erased(&self, line: &str) -> Option<String> {
        let up = self.above + self.row(line, self.columns) + 1;
        (self.columns > 0).then(|| format!("\r{}{ERASE}", move_up(up)))
    }

    /// The row of the end of all that was drawn.
    fn last_row(&self, line: &str) -> usize {
        Place::behind(&[&self.prompt, line, &self.ghost], self.columns).row_of_next(self.columns)
    }
}

/// Writes what moves and erases to the terminal, before the editor writes.
pub(super) fn put(sequence: &str) {
    let mut out = std::io::stdout();
    // A terminal that is gone is found out by the editor.
    let _ = out.write_all(sequence.as_bytes()).and_then(|()| out.flush());
}

/// Erases all from the row that is `up` rows above the cursor on, and leaves the cursor in
/// the row `cursor` of `end` rows that there is room for below.
///
/// The first row is erased by itself: terminals keep what is on the screen when all of it
/// is erased at once.
fn erase(up: usize, cursor: usize, end: usize) -> String {
    let below = "\n".repeat(end);
    format!("\r{}{ERASE}{below}{}", move_up(up), move_up(end.saturating_sub(cursor)))
}

fn move_up(rows: usize) -> String {
    if rows == 0 { String::new() } else { format!("\x1b[{rows}A") }
}

/// Where a text ends that is broken into rows.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Place {
    row: usize,
    /// The cells that are taken in the row, which may be all.
    column: usize,
}

impl Place {
    /// The end of the `texts` that stand one behind the other in rows of `columns` cells.
    fn behind(texts: &[&str], columns: usize) -> Self {
        let mut place = Self::default();
        for cluster in texts.iter().flat_map(|text| text.graphemes(true)) {
            place.pass(cluster, columns);
        }
        place
    }

    fn pass(&mut self, cluster: &str, columns: usize) {
        if cluster == "\n" {
            *self = Self { row: self.row + 1, column: 0 };
            return;
        }
        let cells = match cluster {
            "\t" => usize::from(TAB_STOP) - self.column % usize::from(TAB_STOP),
            cluster => display_width(cluster),
        };
        self.column += cells;
        if self.column > columns {
            *self = Self { row: self.row + 1, column: cells };
        }
    }

    /// The row in which what follows begins.
    fn row_of_next(self, columns: usize) -> usize {
        self.row + usize::from(self.column == columns)
    }
}

#[cfg(test)]
mod tests {
    use super::{Drawn, ERASE, Place};

    fn drawn(line: &str, ghost: &str, columns: usize) -> Drawn {
        let mut drawn = Drawn::default();
        drawn.begin("> ");
        drawn.note(line, ghost, columns);
        drawn
    }

    #[test]
    fn rows_are_broken_as_a_terminal_does() {
        let end = |text: &str| {
            let place = Place::behind(&["> ", text], 10);
            (place.row, place.column)
        };
        assert_eq!(end("12345678"), (0, 10));
        assert_eq!(end("123456789"), (1, 1));
        // A wide character does not stand astride.
        assert_eq!(end("1234567微"), (1, 2));
        assert_eq!(end("1\n2"), (1, 1));
    }

    #[test]
    fn the_room_behind_a_line_is_the_rest_of_its_row() {
        let room = |line: &str| drawn(line, "", 10).room(line, 10);
        assert_eq!(room("123"), 4);
        assert_eq!(room("1234567"), 0);
        assert_eq!(room("12345678"), 9);
        assert_eq!(room("1234567微"), 7);
        assert_eq!(room("123\n"), 9);
        // The width of the terminal may not be known.
        assert_eq!(drawn("1", "", 0).room("1", 0), 0);
    }

    #[test]
    fn a_line_is_erased_from_the_row_in_which_it_now_begins() {
        // Three rows of 10 cells have become two of 20, or six of 5.
        let line = "1234567890123456789012345";
        let wider = drawn(line, "", 10).reflowed(line, line.len(), 20);
        assert_eq!(wider, Some(format!("\r\x1b[1A{ERASE}\n\n")));
        let narrower = drawn(line, "", 10).reflowed(line, line.len(), 5);
        assert_eq!(narrower, Some(format!("\r\x1b[5A{ERASE}\n\n")));
        // The cursor in the first row has the others below it.
        let first = drawn(line, "", 10).reflowed(line, 0, 20);
        assert_eq!(first, Some(format!("\r{ERASE}\n\n\x1b[2A")));
    }

    #[test]
    fn a_row_that_is_just_full_ends_where_the_terminal_leaves_the_cursor() {
        // 30 cells: the terminal stays in the last row of 15, the editor began one behind
        // its last of 10.
        let line = "1234567890123456789012345678";
        let now_full = drawn(line, "", 20).reflowed(line, line.len(), 15);
        assert_eq!(now_full, Some(format!("\r\x1b[1A{ERASE}\n")));
        let was_full = drawn(line, "", 10).reflowed(line, line.len(), 40);
        assert_eq!(was_full, Some(format!("\r\x1b[1A{ERASE}\n\n\n")));
    }

    #[test]
    fn another_line_or_the_same_width_leaves_all_as_it_is() {
        assert_eq!(drawn("select", "", 10).reflowed("select", 6, 10), None);
        assert_eq!(drawn("select", "", 10).reflowed("selec", 5, 20), None);
        assert_eq!(drawn("select", "", 0).reflowed("select", 6, 20), None);
    }

    #[test]
    fn ghost_text_is_erased_from_the_end_of_the_line_on() {
        let erased = |line: &str, ghost: &str| drawn(line, ghost, 10).ghost_erased();
        assert_eq!(erased("sel", "ect"), Some("\x1b[A\r\x1b[5C\x1b[K\n\r".to_owned()));
        assert_eq!(erased("12345678", "9"), Some("\x1b[A\r\x1b[K\n\r".to_owned()));
        assert_eq!(erased("sel", ""), None);
    }

    #[test]
    fn a_line_that_was_given_is_erased_from_the_row_below() {
        assert_eq!(drawn("sel", "ect", 10).given_erased("sel"), Some(format!("\r\x1b[1A{ERASE}")));
        // Behind a full row the editor has begun another.
        let full = drawn("12345678", "", 10).given_erased("12345678");
        assert_eq!(full, Some(format!("\r\x1b[2A{ERASE}")));
        let mut listed = drawn("1\n2", "", 10);
        listed.note_list(4);
        assert_eq!(listed.given_erased("1\n2"), Some(format!("\r\x1b[6A{ERASE}")));
        assert_eq!(drawn("sel", "", 0).given_erased("sel"), None);
    }

    #[test]
    fn lists_go_with_the_line_that_asked_for_them() {
        let mut drawn = drawn("se", "lect", 20);
        drawn.note_list(4);
        assert_eq!(drawn.lists_erased("se", 2), Some(format!("\r\x1b[4A{ERASE}\r> se")));
        assert_eq!(drawn.lists_erased("se", 2), None);
        // And with the screen.
        drawn.note_list(4);
        drawn.note_cleared();
        assert_eq!(drawn.lists_erased("se", 2), None);
    }
}
