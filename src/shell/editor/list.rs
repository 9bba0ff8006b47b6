//! The list of candidates below the prompt, made to fit the screen.
//!
//! The line editor would page a longer one, and keep the keys to itself for as
//! long.

use rustyline::completion::{Candidate as _, longest_common_prefix};

use crate::render::{truncate, visible};
use crate::shell::complete::Candidate;
use crate::text::width::display_width;

/// Between a candidate and its note in a list.
pub(super) const GAP: &str = "  ";

/// Cells of a candidate with its note.
const MOST_CELLS: usize = 72;

/// Lines of the screen that are not for the list: the prompt and what is typed.
const OTHER_LINES: usize = 3;

/// A candidate as the editor lists it.
#[derive(Debug)]
pub(super) struct Listed {
    display: String,
    replacement: String,
}

impl Listed {
    /// A text that is taken as it is, without a list.
    pub(super) fn whole(text: String) -> Self {
        Self { display: String::new(), replacement: text }
    }
}

impl rustyline::completion::Candidate for Listed {
    fn display(&self) -> &str {
        &self.display
    }

    fn replacement(&self) -> &str {
        &self.replacement
    }
}

/// The room for a list, in cells.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Those of a row.
    pub(super) columns: usize,
    lines: usize,
}

impl Room {
    /// That of the terminal.
    pub(super) fn of_terminal() -> Self {
        let (columns, rows) = terminal_size::terminal_size()
            .map_or((80, 24), |(width, height)| (width.0.into(), height.0.into()));
        Self { columns, lines: usize::saturating_sub(rows, OTHER_LINES).max(1) }
    }

    /// The room when a line is typed that has so many more rows than one.
    pub(super) fn without(self, rows: usize) -> Self {
        Self { lines: self.lines.saturating_sub(rows).max(1), ..self }
    }

    /// How many texts fit of which the widest takes so many cells.
    fn holds(self, widest: usize) -> usize {
        across(widest, self.columns) * self.lines
    }
}

/// The candidates as a list for `room`.
///
/// With their notes if all of them fit so, else without; those that still do
/// not fit are counted in a last line.
pub(super) fn fitted(candidates: Vec<Candidate>, room: Room) -> Vec<Listed> {
    let noted: Vec<String> = candidates.iter().map(with_note).collect();
    let fit = noted.len() <= room.holds(widest(&noted));
    let displays = if fit { noted } else { candidates.iter().map(name).collect() };
    let most = room.holds(widest(&displays));
    let listed = displays.into_iter().zip(candidates);
    let mut listed: Vec<Listed> = listed
        .map(|(display, candidate)| Listed { display, replacement: candidate.text })
        .collect();
    // A command is taken whole; a blank behind it saves a key where nothing
    // else can follow.
    if let [only] = listed.as_mut_slice()
        && only.replacement().starts_with('.')
    {
        only.replacement.push(' ');
    }
    cut(&mut listed, most);
    listed
}

/// Leaves out what is too much, and says how much that is. The line that says
/// so begins as all candidates do: the editor types what they have in common.
fn cut(listed: &mut Vec<Listed>, most: usize) {
    if listed.len() <= most {
        return;
    }
    let common = longest_common_prefix(listed).unwrap_or_default().to_owned();
    let left_out = listed.len() - most + 1;
    listed.truncate(most - 1);
    listed.push(Listed { display: format!("… {left_out} more"), replacement: common });
}

/// Makes room between the list and the prompt below it, and returns by how many rows the
/// list moves that prompt down.
///
/// Before it draws a line that ends in `row`, the editor erases as many rows above the
/// prompt, which would be the last of the list.
pub(super) fn push_down(listed: &mut [Listed], row: usize, columns: usize) -> usize {
    let widths = listed.iter().map(|listed| display_width(&listed.display));
    let widest = widths.max().unwrap_or(0);
    let count = listed.len();
    let rows_of = |widest: usize| count.div_ceil(across(widest, columns)).max(1);
    let rows = rows_of(widest);
    let last = (0..count).rev().find(|at| at % rows == rows - 1);
    if let Some(last) = last.and_then(|at| listed.get_mut(at)) {
        // The editor may count each line end as a cell.
        let longer = widest.max(display_width(&last.display) + row);
        if rows_of(longer) == rows {
            last.display.push_str(&"\n".repeat(row));
            return rows + 1 + row;
        }
    }
    rows + 1
}

/// How many texts stand beside each other of which the widest takes so many cells.
fn across(widest: usize, columns: usize) -> usize {
    (columns / (widest + GAP.len())).max(1)
}

fn widest(displays: &[String]) -> usize {
    displays.iter().map(|display| display_width(display)).max().unwrap_or(0)
}

fn name(candidate: &Candidate) -> String {
    truncate(&visible(&candidate.text), MOST_CELLS, "…").into_owned()
}

fn with_note(candidate: &Candidate) -> String {
    let (text, note) = (visible(&candidate.text), visible(&candidate.note));
    let display = match (note.is_empty(), candidate.joins_note) {
        (true, _) => text.into_owned(),
        (false, true) => format!("{text}{note}"),
        (false, false) => format!("{text}{GAP}{note}"),
    };
    truncate(&display, MOST_CELLS, "…").into_owned()
}

#[cfg(test)]
mod tests {
    use rustyline::completion::longest_common_prefix;

    use super::{Candidate, Listed, Room, fitted, push_down};

    const ROOM: Room = Room { columns: 40, lines: 4 };

    fn listed(names: &[&str]) -> Vec<Listed> {
        let candidates =
            names.iter().map(|name| Candidate::new((*name).to_owned(), "a note of it"));
        fitted(candidates.collect(), ROOM)
    }

    fn displays(names: &[&str]) -> Vec<String> {
        listed(names).into_iter().map(|listed| listed.display).collect()
    }

    #[test]
    fn notes_are_shown_where_there_is_room() {
        assert_eq!(displays(&["a", "b"]), ["a  a note of it", "b  a note of it"]);
        let many = ["a"; 9];
        assert_eq!(displays(&many), many);
    }

    #[test]
    fn a_list_never_exceeds_the_screen_and_says_what_is_left_out() {
        let mut names = vec!["column_with_a_long_name"; 9];
        names.push("col");
        let listed = listed(&names);
        assert_eq!(listed.len(), 4);
        assert_eq!(listed[3].display, "… 7 more");
        // Also what is not shown decides what can be typed at once.
        assert_eq!(longest_common_prefix(&listed), Some("col"));
    }

    #[test]
    fn the_rows_that_the_editor_erases_are_no_rows_of_the_list() {
        let mut below_one_row = listed(&["a", "b", "c"]);
        assert_eq!(push_down(&mut below_one_row, 0, 40), 3);
        assert_eq!(below_one_row[1].display, "b  a note of it");
        let mut below_three_rows = listed(&["a", "b", "long_c"]);
        assert_eq!(push_down(&mut below_three_rows, 2, 40), 3 + 1 + 2);
        assert_eq!(below_three_rows[2].display, "long_c  a note of it\n\n");
        // As it would stand elsewhere, the list is left as it is.
        let mut widest = listed(&["a", "b", "cc", "d"]);
        assert_eq!(push_down(&mut widest, 9, 40), 3);
    }

    #[test]
    fn a_command_is_taken_with_its_blank() {
        assert_eq!(listed(&[".tables"])[0].replacement, ".tables ");
    }
}
