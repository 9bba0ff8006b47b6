//! The viewer: an answer on the whole screen, to scroll and search in.
//!
//! What keys do is here, what is seen is in [`draw`], and the cells come from
//! [`table`]; only [`run`] touches the terminal.

mod draw;
mod table;

use std::collections::HashMap;
use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::results::Kept;
use super::screen::{Pressed, Screen, is_given_up};
use crate::error::{Error, Result};
use crate::render::group_digits;
use crate::text::width::display_width;
use table::{Table, Way};

/// Shows an answer until the person leaves; what is `said` of it stands below it
/// until a key is pressed.
///
/// # Errors
/// When the terminal cannot be used.
pub(super) fn run(kept: &Kept, said: Option<String>) -> Result<()> {
    let unusable =
        |error: std::io::Error| Error::usage(format!("cannot use the terminal: {error}"));
    let mut view = View::new(Table::new(&kept.schema, kept.rows.clone()));
    view.note = said.unwrap_or_default();
    view.gives_up = is_given_up;
    let mut screen = Screen::open().map_err(unusable)?;
    loop {
        let pressed = screen.step(|frame| view.draw(frame)).map_err(unusable)?;
        let step = view.press(&pressed);
        // Rows that cannot be read must not look like rows without values.
        if let Some(error) = view.table.fault() {
            return Err(error);
        }
        match step {
            Step::Stay => {}
            Step::Leave => return Ok(()),
            Step::Copy(text) => {
                let mut out = std::io::stdout();
                let sequence = format!("\x1b]52;c;{}\x07", STANDARD.encode(text));
                out.write_all(sequence.as_bytes()).and_then(|()| out.flush()).map_err(unusable)?;
            }
        }
    }
}

/// Cells by which a column becomes wider or narrower.
const RESIZED_BY: usize = 20;

/// The narrowest that a column is made.
const NARROWEST: usize = 4;

/// What a key has led to.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Stay,
    Leave,
    /// To put a text into the clipboard.
    Copy(String),
}

/// What is shown over the table, or asked below it.
#[derive(Debug, Default, PartialEq, Eq)]
enum Over {
    /// Only the table.
    #[default]
    Nothing,
    /// The words to search for, as far as they are typed.
    Question(String),
    /// The number of the row to go to, as far as it is typed.
    Row(String),
    /// The cell under the cursor as a whole, scrolled down by some lines.
    Cell(usize),
    /// The keys.
    Help,
}

/// An answer as somebody looks at it.
struct View {
    table: Table,
    /// The row and the column of the cursor.
    row: usize,
    column: usize,
    /// The first row and the first column that are shown.
    top: usize,
    left: usize,
    /// How many rows the screen shows, as it was drawn last.
    page: usize,
    /// How wide each column is drawn unless the person wants another width.
    widths: Vec<usize>,
    /// How wide the person wants columns.
    wanted_widths: HashMap<usize, usize>,
    /// How many cells across the columns have together, as they were drawn last.
    across: usize,
    over: Over,
    /// What was searched for last.
    wanted: String,
    /// All cells that hold it, if they were counted.
    found: Option<Vec<(usize, usize)>>,
    /// The digits that were typed before the key that says what for.
    digits: String,
    /// What to say in the last line.
    note: String,
    /// Whether the person has given up what takes long.
    gives_up: fn() -> bool,
}

impl View {
    fn new(table: Table) -> Self {
        let widths = table.widths();
        Self {
            table,
            row: 0,
            column: 0,
            top: 0,
            left: 0,
            page: 1,
            widths,
            wanted_widths: HashMap::new(),
            across: 1,
            over: Over::Nothing,
            wanted: String::new(),
            found: None,
            digits: String::new(),
            note: String::new(),
            gives_up: || false,
        }
    }

    fn press(&mut self, pressed: &Pressed) -> Step {
        let key = match (pressed, &mut self.over) {
            (Pressed::Text(text), Over::Question(typed)) => {
                typed.push_str(text.trim());
                return Step::Stay;
            }
            (Pressed::Text(_), _) => return Step::Stay,
            (Pressed::Key(key), _) => key,
        };
        self.note.clear();
        match &mut self.over {
            Over::Nothing => return self.press_in_table(key),
            Over::Question(_) | Over::Row(_) => self.press_in_question(key),
            Over::Cell(_) => return self.press_in_cell(key),
            Over::Help => self.over = Over::Nothing,
        }
        Step::Stay
    }

    fn press_in_table(&mut self, key: &KeyEvent) -> Step {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        // Alone 0 is a key of its own.
        if let KeyCode::Char(digit @ '0'..='9') = key.code
            && (digit != '0' || !self.digits.is_empty())
        {
            self.digits.push(digit);
            self.note = format!("{}g goes to that row", self.digits);
            return Step::Stay;
        }
        let digits = std::mem::take(&mut self.digits);
        match (key.code, control) {
            (KeyCode::Char('g' | 'G'), _) if !digits.is_empty() => self.go_to_row(&digits),
            (KeyCode::Char('c'), true) | (KeyCode::Char('q') | KeyCode::Esc, _) => {
                return Step::Leave;
            }
            (KeyCode::Char('f' | 'd'), true) | (KeyCode::PageDown | KeyCode::Char(' '), _) => {
                self.go(self.row.saturating_add(self.page));
            }
            (KeyCode::Char('b' | 'u'), true) | (KeyCode::PageUp | KeyCode::Char('b'), _) => {
                self.go(self.row.saturating_sub(self.page));
            }
            (KeyCode::Down | KeyCode::Char('j'), _) => self.go(self.row.saturating_add(1)),
            (KeyCode::Up | KeyCode::Char('k'), _) => self.go(self.row.saturating_sub(1)),
            (KeyCode::Right | KeyCode::Char('l') | KeyCode::Tab, _) => {
                self.go_to_column(self.column.saturating_add(1));
            }
            (KeyCode::Left | KeyCode::Char('h') | KeyCode::BackTab, _) => {
                self.go_to_column(self.column.saturating_sub(1));
            }
            (KeyCode::Home | KeyCode::Char('g'), _) => self.go(0),
            (KeyCode::End | KeyCode::Char('G'), _) => self.go(usize::MAX),
            (KeyCode::Char('0' | '^'), _) => self.go_to_column(0),
            (KeyCode::Char('$'), _) => self.go_to_column(usize::MAX),
            (KeyCode::Char('/'), _) => self.over = Over::Question(String::new()),
            (KeyCode::Char(':'), _) => self.over = Over::Row(String::new()),
            (KeyCode::Char('n'), _) => self.search(Way::On),
            (KeyCode::Char('N'), _) => self.search(Way::Back),
            (KeyCode::Enter, _) if self.table.rows() > 0 => self.over = Over::Cell(0),
            (KeyCode::Char('y'), _) => return self.copy(),
            (KeyCode::Char('+' | '='), _) => self.resize(self.width(self.column) + RESIZED_BY),
            (KeyCode::Char('-'), _) => {
                self.resize(self.width(self.column).saturating_sub(RESIZED_BY));
            }
            (KeyCode::Char('w'), _) => self.fit(),
            (KeyCode::Char('?'), _) => self.over = Over::Help,
            _ => {}
        }
        Step::Stay
    }

    fn press_in_question(&mut self, key: &KeyEvent) {
        let (Over::Question(typed) | Over::Row(typed)) = &mut self.over else { return };
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter => {
                let typed = std::mem::take(typed);
                match std::mem::take(&mut self.over) {
                    Over::Row(_) => self.go_to_row(&typed),
                    _ => self.look_for(typed),
                }
            }
            KeyCode::Esc => self.over = Over::Nothing,
            KeyCode::Char('c' | 'g') if control => self.over = Over::Nothing,
            KeyCode::Char('u') if control => typed.clear(),
            KeyCode::Backspace if typed.pop().is_none() => self.over = Over::Nothing,
            KeyCode::Char(letter) if !control => typed.push(letter),
            _ => {}
        }
    }

    fn press_in_cell(&mut self, key: &KeyEvent) -> Step {
        let Over::Cell(down) = &mut self.over else { return Step::Stay };
        match key.code {
            KeyCode::Down | KeyCode::Char('j') => *down = down.saturating_add(1),
            KeyCode::Up | KeyCode::Char('k') => *down = down.saturating_sub(1),
            KeyCode::PageDown | KeyCode::Char(' ') => *down = down.saturating_add(self.page),
            KeyCode::PageUp => *down = down.saturating_sub(self.page),
            KeyCode::Left => self.go_to_column(self.column.saturating_sub(1)),
            KeyCode::Right => self.go_to_column(self.column.saturating_add(1)),
            KeyCode::Char('y') => return self.copy(),
            _ => self.over = Over::Nothing,
        }
        Step::Stay
    }

    fn go(&mut self, row: usize) {
        self.row = row.min(self.table.rows().saturating_sub(1));
    }

    /// Goes to the row of that number, if there is one.
    fn go_to_row(&mut self, number: &str) {
        match number.parse::<usize>() {
            Ok(number) if (1..=self.table.rows()).contains(&number) => self.go(number - 1),
            _ if number.is_empty() => {}
            _ => self.note = format!("there is no row {number}"),
        }
    }

    fn go_to_column(&mut self, column: usize) {
        self.column = column.min(self.table.heads().len().saturating_sub(1));
        if let Over::Cell(down) = &mut self.over {
            *down = 0;
        }
    }

    /// How wide a column is drawn where there is room.
    fn width(&self, column: usize) -> usize {
        let natural = self.widths.get(column).copied().unwrap_or(1);
        self.wanted_widths.get(&column).copied().unwrap_or(natural)
    }

    /// Draws the cursor's column with another width from now on.
    fn resize(&mut self, width: usize) {
        if self.column < self.widths.len() {
            self.wanted_widths
                .insert(self.column, width.clamp(NARROWEST.min(self.across), self.across));
        }
    }

    /// Draws the cursor's column as wide as its longest cell on the screen, or as
    /// before if somebody has chosen its width.
    fn fit(&mut self) {
        if self.wanted_widths.remove(&self.column).is_some() {
            return;
        }
        let rows = self.top..(self.top + self.page).min(self.table.rows());
        let longest = rows.map(|row| display_width(&self.table.cell(row, self.column).text)).max();
        self.resize(longest.unwrap_or(0).max(self.width(self.column)));
    }

    /// Whether the cell under the cursor is longer than its column.
    fn is_cut(&self) -> bool {
        let width = self.width(self.column).min(self.across);
        display_width(&self.table.cell(self.row, self.column).text) > width
    }

    /// Searches for `words`, or without any for those of the last time, as in other pagers.
    fn look_for(&mut self, words: String) {
        if !words.is_empty() {
            self.found = self.table.all(&words);
            self.wanted = words;
        }
        self.search(Way::On);
    }

    fn search(&mut self, way: Way) {
        if self.wanted.is_empty() {
            self.note = "nothing was searched for yet: / searches".to_owned();
            return;
        }
        let mut stopped = false;
        let stop = || {
            stopped = stopped || (self.gives_up)();
            stopped
        };
        match self.table.find(&self.wanted, (self.row, self.column), way, stop) {
            Some((row, column)) => {
                let round = match way {
                    Way::On => (row, column) <= (self.row, self.column),
                    Way::Back => (row, column) >= (self.row, self.column),
                };
                (self.row, self.column) = (row, column);
                self.note = self.match_told(round);
            }
            None if stopped => self.note = format!("`{}` was not found so far", self.wanted),
            None => self.note = format!("`{}` is nowhere in this answer", self.wanted),
        }
    }

    /// Which of how many matches the cursor is at, and whether the search went `round`.
    fn match_told(&self, round: bool) -> String {
        let place = self.found.as_ref().and_then(|found| {
            let before = found.binary_search(&(self.row, self.column)).ok()? as u64;
            let all = group_digits(found.len() as u64);
            Some(format!("match {} of {all}", group_digits(before + 1)))
        });
        let round = round.then(|| "went round the end".to_owned());
        place.into_iter().chain(round).collect::<Vec<_>>().join(" · ")
    }

    fn copy(&mut self) -> Step {
        if self.table.rows() == 0 {
            return Step::Stay;
        }
        self.note = "the cell is in the clipboard".to_owned();
        Step::Copy(self.table.exact(self.row, self.column))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, StructArray};
    use datafusion::arrow::datatypes::{DataType, Field};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    use super::{Over, Pressed, Step, Table, View};
    use crate::shell::results::Rows;

    /// Rows 1 to `rows`, with a text of Chinese and some columns of numbers.
    fn view(rows: i64) -> View {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(1..=rows));
        let texts = (1..=rows).map(|row| match row {
            7 => None,
            row => Some(format!("第{row}条\n微博 {}", "长".repeat(100))),
        });
        let texts: ArrayRef = Arc::new(texts.collect::<StringArray>());
        let columns = [
            ("id", Arc::clone(&numbers)),
            ("text", texts),
            ("reposts", Arc::clone(&numbers)),
            ("comments", Arc::clone(&numbers)),
            ("likes", numbers),
        ];
        let batch = RecordBatch::try_from_iter_with_nullable(
            columns.map(|(name, column)| (name, column, true)),
        )
        .unwrap();
        // Two batches, as an answer has them.
        let half = batch.num_rows() / 2;
        let batches = [batch.slice(0, half), batch.slice(half, batch.num_rows() - half)];
        View::new(Table::new(&batch.schema(), Rows::InMemory(batches.to_vec())))
    }

    fn press(view: &mut View, keys: &[KeyCode]) -> Step {
        let mut step = Step::Stay;
        for key in keys {
            step = view.press(&Pressed::Key(KeyEvent::new(*key, KeyModifiers::NONE)));
        }
        step
    }

    fn type_text(view: &mut View, text: &str) {
        for letter in text.chars() {
            press(view, &[KeyCode::Char(letter)]);
        }
    }

    fn screen(view: &mut View, width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| view.draw(frame)).unwrap();
        let text = terminal.backend().to_string();
        let lines = text.lines().filter_map(|line| line.strip_prefix('"')?.split('"').next());
        lines.map(|line| line.trim_end().to_owned()).collect()
    }

    #[test]
    fn the_header_stays_while_rows_scroll() {
        let mut view = view(1000);
        let before = screen(&mut view, 60, 12);
        press(&mut view, &[KeyCode::PageDown, KeyCode::PageDown, KeyCode::Down]);
        let after = screen(&mut view, 60, 12);
        assert_eq!(before[..3], after[..3], "{after:#?}");
        assert!(before[3].starts_with("   1 │") && after[10].starts_with("  18 │"), "{after:#?}");
        press(&mut view, &[KeyCode::Char('G')]);
        let end = screen(&mut view, 60, 12);
        assert!(end.iter().any(|line| line.starts_with("1000 │")), "{end:#?}");
        assert!(end[11].contains("row 1,000 of 1,000"), "{end:#?}");
    }

    #[test]
    fn columns_scroll_and_the_one_under_the_cursor_is_always_seen() {
        let mut view = view(9);
        let first = screen(&mut view, 40, 14);
        assert!(first[0].contains("id") && !first[0].contains("likes"), "{first:#?}");
        press(&mut view, &[KeyCode::Char('$')]);
        let last = screen(&mut view, 40, 14);
        assert!(last[0].contains("likes") && !last[0].contains(" id "), "{last:#?}");
        assert!(last[3].starts_with("1 │"), "the row numbers stay: {last:#?}");
    }

    #[test]
    fn a_search_goes_on_back_and_round() {
        let mut view = view(1000);
        press(&mut view, &[KeyCode::Char('/')]);
        type_text(&mut view, "第99");
        assert_eq!(view.over, Over::Question("第99".to_owned()));
        press(&mut view, &[KeyCode::Enter]);
        assert_eq!((view.row, view.column), (98, 1));
        press(&mut view, &[KeyCode::Char('n')]);
        assert_eq!((view.row, view.note.as_str()), (989, "match 2 of 11"));
        press(&mut view, &[KeyCode::Char('N'), KeyCode::Char('N')]);
        assert_eq!((view.row, view.note.as_str()), (998, "match 11 of 11 · went round the end"));
        press(&mut view, &[KeyCode::Char('/')]);
        type_text(&mut view, "nowhere");
        press(&mut view, &[KeyCode::Enter]);
        assert_eq!(view.row, 998);
        assert!(view.note.contains("nowhere"));
    }

    #[test]
    fn a_match_far_behind_in_a_cell_is_seen() {
        let far = format!("{}Treffer{}", "微".repeat(200), "博".repeat(200));
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["nichts".to_owned(), far]));
        let batch = RecordBatch::try_from_iter([("text", texts)]).unwrap();
        let rows = Rows::InMemory(vec![batch.clone()]);
        let mut view = View::new(Table::new(&batch.schema(), rows));
        assert!(!screen(&mut view, 60, 8).join("\n").contains("Treffer"));
        type_text(&mut view, "/treffer");
        press(&mut view, &[KeyCode::Enter]);
        let shown = screen(&mut view, 60, 8).join("\n");
        assert!(shown.contains("微Treffer博") && shown.contains("match 1 of 1"), "{shown}");
    }

    #[test]
    fn a_row_is_gone_to_by_its_number() {
        let mut view = view(1000);
        type_text(&mut view, "250g");
        assert_eq!(view.row, 249);
        type_text(&mut view, ":500");
        assert!(screen(&mut view, 60, 8).join("\n").contains(":500"));
        press(&mut view, &[KeyCode::Enter]);
        assert_eq!((view.row, &view.over), (499, &Over::Nothing));
        type_text(&mut view, "1001g");
        assert_eq!((view.row, view.note.as_str()), (499, "there is no row 1001"));
        press(&mut view, &[KeyCode::Right]);
        type_text(&mut view, "30");
        press(&mut view, &[KeyCode::Down]);
        type_text(&mut view, "0g");
        assert_eq!((view.row, view.column), (0, 0), "another key forgets the digits");
    }

    #[test]
    fn enter_shows_a_cell_whole_with_its_lines() {
        let mut view = view(20);
        press(&mut view, &[KeyCode::Right, KeyCode::Enter]);
        let shown = screen(&mut view, 60, 20).join("\n");
        assert!(shown.contains("第1条") && shown.contains("微博 长长"), "{shown}");
        let long = shown.matches('长').count();
        assert!(long >= 100, "{long} of 100 are shown: {shown}");
        assert_eq!(press(&mut view, &[KeyCode::Char('q')]), Step::Stay);
        assert_eq!(view.over, Over::Nothing);
        assert_eq!(press(&mut view, &[KeyCode::Char('q')]), Step::Leave);
    }

    #[test]
    fn names_of_members_do_nothing_in_a_head() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
        let member = Field::new("\u{202e}\u{1b}[2J", DataType::Utf8, true);
        let place: ArrayRef = Arc::new(StructArray::new(vec![member].into(), vec![texts], None));
        let batch = RecordBatch::try_from_iter([("place", place)]).unwrap();
        let table = Table::new(&batch.schema(), Rows::InMemory(vec![batch]));
        assert_eq!(table.heads()[0].type_name, "struct(\"⟨202E⟩␛[2J\" text)");
    }

    #[test]
    fn a_tab_in_a_cell_is_seen_and_leaves_its_frame_straight() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["a\tb\nlonger than that"]));
        let batch = RecordBatch::try_from_iter([("text", texts)]).unwrap();
        let rows = Rows::InMemory(vec![batch.clone()]);
        let mut view = View::new(Table::new(&batch.schema(), rows));
        press(&mut view, &[KeyCode::Enter]);
        let shown = screen(&mut view, 60, 12);
        let framed = |sign: &str| {
            let line = shown.iter().find(|line| line.contains(sign)).unwrap();
            line.chars().count()
        };
        assert!(shown.iter().any(|line| line.contains("│ a⇥b ")), "{shown:#?}");
        assert_eq!(framed("│ a⇥b "), framed("│ longer than that "), "{shown:#?}");
    }

    #[test]
    fn a_column_is_made_wider_narrower_and_as_wide_as_its_cells() {
        let mut view = view(20);
        press(&mut view, &[KeyCode::Right]);
        let long = |view: &mut View| {
            let lines = screen(view, 300, 12);
            (lines[3].matches('长').count(), lines[11].clone())
        };
        let (before, status) = long(&mut view);
        assert!(before < 30 && status.contains("+ wider"), "{before}: {status}");
        press(&mut view, &[KeyCode::Char('+')]);
        let (wider, _) = long(&mut view);
        assert_eq!(wider, before + 10);
        press(&mut view, &[KeyCode::Char('-'), KeyCode::Char('-')]);
        assert_eq!(long(&mut view).0, before - 10);
        press(&mut view, &[KeyCode::Char('w')]);
        assert_eq!(long(&mut view).0, before, "w takes it back");
        press(&mut view, &[KeyCode::Char('w')]);
        let (whole, status) = long(&mut view);
        assert!(whole == 100 && !status.contains("wider"), "{whole}: {status}");
        for _ in 0..30 {
            press(&mut view, &[KeyCode::Char('-')]);
        }
        assert_eq!(view.width(1), super::NARROWEST);
        screen(&mut view, 3, 4);
        press(&mut view, &[KeyCode::Char('+'), KeyCode::Char('w'), KeyCode::Char('w')]);
        screen(&mut view, 1, 1);
    }

    #[test]
    fn a_search_that_is_given_up_stays_where_it_was() {
        let mut view = view(50_000);
        view.gives_up = || true;
        press(&mut view, &[KeyCode::Char('/')]);
        type_text(&mut view, "nowhere");
        press(&mut view, &[KeyCode::Enter]);
        assert_eq!((view.row, view.note.as_str()), (0, "`nowhere` was not found so far"));
    }

    #[test]
    fn a_cell_is_copied_as_the_data_has_it() {
        let mut view = view(3);
        press(&mut view, &[KeyCode::Right]);
        let Step::Copy(text) = press(&mut view, &[KeyCode::Char('y')]) else { unreachable!() };
        assert!(text.starts_with("第1条\n微博"), "{text}");
    }

    #[test]
    fn no_rows_no_columns_and_no_room_are_no_fault() {
        for (rows, width, height) in [(0, 60, 12), (5, 1, 1), (5, 3, 4), (5, 8, 2)] {
            let mut view = view(rows);
            screen(&mut view, width, height);
            for key in ['j', 'k', 'l', 'h', 'G', 'g', '$', '0', 'n', '?', ' '] {
                press(&mut view, &[KeyCode::Char(key)]);
                screen(&mut view, width, height);
            }
            press(&mut view, &[KeyCode::Enter]);
            screen(&mut view, width, height);
        }
        let empty = Arc::new(datafusion::arrow::datatypes::Schema::empty());
        let mut view = View::new(Table::new(&empty, Rows::InMemory(Vec::new())));
        press(&mut view, &[KeyCode::Right, KeyCode::Down, KeyCode::Enter, KeyCode::Char('y')]);
        screen(&mut view, 60, 12);
    }
}
