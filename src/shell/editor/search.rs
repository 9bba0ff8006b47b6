//! The search among what was typed before: Ctrl-R.
//!
//! It takes the screen while it lasts. Letters that stand in an input in the
//! same order find it, however far apart; the best match comes first, and of
//! equal ones the latest. Inputs that only failed stand behind all others, dim.

use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::Frame;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use unicode_segmentation::UnicodeSegmentation;

use super::recall::Found;
use crate::render::visible;
use crate::shell::screen::{Pressed, Screen};
use crate::text::pinyin;
use crate::text::width::display_width;

/// Bytes of an input that are searched.
const MOST_BYTES: usize = 4 << 10;

/// Lines of the chosen input that are shown below the list.
const PREVIEW: usize = 8;

const DIM: Style = Style::new().add_modifier(Modifier::DIM);
const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const CHOSEN: Style = Style::new().add_modifier(Modifier::REVERSED);
const FOUND: Style = Style::new().add_modifier(Modifier::BOLD).add_modifier(Modifier::UNDERLINED);

/// Lets the person choose one of `entries`; `None` when they would rather go on with
/// what is typed.
pub(super) fn run(entries: Found, typed: &str) -> Option<String> {
    let mut search = Search::new(entries, typed);
    let mut screen = Screen::open().ok()?;
    loop {
        // A terminal that is gone ends the search; the editor will notice too.
        let pressed = screen.step(|frame| search.draw(frame)).ok()?;
        match search.press(pressed) {
            Step::Stay => {}
            Step::Leave => return None,
            Step::Take => return search.chosen().map(str::to_owned),
        }
    }
}

/// What a key has led to.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Stay,
    Leave,
    Take,
}

struct Search {
    entries: Vec<String>,
    /// Where those begin that only failed.
    failed: usize,
    wanted: String,
    /// The entries that match, the best first.
    found: Vec<usize>,
    at: usize,
}

impl Search {
    fn new(entries: Found, typed: &str) -> Self {
        let wanted = if typed.contains('\n') { "" } else { typed.trim_start() };
        let Found { texts: entries, failed } = entries;
        let (wanted, found) = (wanted.to_owned(), Vec::new());
        let mut search = Self { entries, failed, wanted, found, at: 0 };
        search.find();
        search
    }

    fn chosen(&self) -> Option<&str> {
        self.found.get(self.at).map(|entry| self.entries[*entry].as_str())
    }

    fn press(&mut self, pressed: Pressed) -> Step {
        let key = match pressed {
            Pressed::Key(key) => key,
            Pressed::Text(text) => {
                self.wanted.push_str(text.trim());
                self.find();
                return Step::Stay;
            }
        };
        if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
            return self.press_control(key);
        }
        match key.code {
            KeyCode::Enter | KeyCode::Tab | KeyCode::Right => return Step::Take,
            KeyCode::Esc => return Step::Leave,
            KeyCode::Down => self.older(),
            KeyCode::Up => self.newer(),
            KeyCode::Backspace => {
                self.wanted.pop();
                self.find();
            }
            KeyCode::Char(letter) => {
                self.wanted.push(letter);
                self.find();
            }
            _ => {}
        }
        Step::Stay
    }

    fn press_control(&mut self, key: KeyEvent) -> Step {
        match key.code {
            KeyCode::Char('c' | 'g' | 'd') => return Step::Leave,
            KeyCode::Char('j' | 'm') => return Step::Take,
            KeyCode::Char('r' | 'n') => self.older(),
            KeyCode::Char('s' | 'p') => self.newer(),
            KeyCode::Char('u' | 'w') => {
                self.wanted.clear();
                self.find();
            }
            KeyCode::Char('h') => {
                self.wanted.pop();
                self.find();
            }
            _ => {}
        }
        Step::Stay
    }

    fn older(&mut self) {
        self.at = (self.at + 1).min(self.found.len().saturating_sub(1));
    }

    fn newer(&mut self) {
        self.at = self.at.saturating_sub(1);
    }

    fn find(&mut self) {
        let (pattern, mut matcher) = (pattern(&self.wanted), Matcher::new(Config::DEFAULT));
        let mut buffer = Vec::new();
        let mut scored: Vec<(u32, usize)> = Vec::new();
        for (index, entry) in self.entries.iter().enumerate() {
            let text = Utf32Str::new(beginning(entry), &mut buffer);
            if let Some(score) = pattern.score(text, &mut matcher) {
                scored.push((score, index));
            }
        }
        // The sort keeps the newest first among equals.
        let failed = self.failed;
        scored.sort_by_key(|(score, index)| (*index >= failed, std::cmp::Reverse(*score)));
        self.found = scored.into_iter().map(|(_, index)| index).collect();
        if self.found.is_empty() {
            // Chinese words may be typed as they sound.
            let sounds = |entry: &String| pinyin::holds(beginning(entry), &self.wanted);
            self.found = (0..self.entries.len()).filter(|at| sounds(&self.entries[*at])).collect();
        }
        self.at = 0;
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let area = frame.area();
        if area.height < 3 || area.width < 20 {
            return;
        }
        self.draw_question(frame, area);
        let preview = self.preview(usize::from(area.height) - 2);
        let list = usize::from(area.height) - 2 - preview.len();
        let first = (self.at + 1).saturating_sub(list);
        let mut matcher = Matcher::new(Config::DEFAULT);
        for (line, entry) in self.found.iter().skip(first).take(list).enumerate() {
            let y = area.y + 1 + line as u16;
            let row = Rect { y, height: 1, ..area };
            let style = if *entry < self.failed { Style::new() } else { DIM };
            let entry = (self.entries[*entry].as_str(), style);
            self.draw_entry(frame, row, entry, &mut matcher);
            if first + line == self.at {
                frame.buffer_mut().set_style(row, CHOSEN);
            }
        }
        for (line, text) in preview.iter().enumerate() {
            let y = area.y + (1 + list + line) as u16;
            frame.buffer_mut().set_stringn(area.x, y, text, usize::from(area.width), DIM);
        }
        let keys = "Enter takes it · Up Down choose · Esc leaves";
        frame.buffer_mut().set_stringn(
            area.x,
            area.bottom() - 1,
            keys,
            usize::from(area.width),
            DIM,
        );
    }

    fn draw_question(&self, frame: &mut Frame<'_>, area: Rect) {
        let width = usize::from(area.width);
        let count = format!("{} of {}", self.found.len(), self.entries.len());
        let label = "typed before: ";
        let buffer = frame.buffer_mut();
        buffer.set_stringn(area.x, area.y, label, width, BOLD);
        let left = area.x + label.len() as u16;
        let (cursor, _) = buffer.set_stringn(
            left,
            area.y,
            visible(&self.wanted),
            width.saturating_sub(label.len()),
            Style::new(),
        );
        let start = width.saturating_sub(count.len()) as u16;
        if cursor + 1 < area.x + start {
            buffer.set_stringn(area.x + start, area.y, &count, width, DIM);
        }
        frame.set_cursor_position((cursor.min(area.right() - 1), area.y));
    }

    /// One entry on one line, with the letters that were found.
    fn draw_entry(
        &self,
        frame: &mut Frame<'_>,
        row: Rect,
        (entry, style): (&str, Style),
        matcher: &mut Matcher,
    ) {
        let (mut buffer, mut marks) = (Vec::new(), Vec::new());
        let text = Utf32Str::new(beginning(entry), &mut buffer);
        pattern(&self.wanted).indices(text, matcher, &mut marks);
        let (mut x, right) = (row.x, row.right());
        for (index, grapheme) in beginning(entry).graphemes(true).enumerate() {
            let shown = visible(grapheme);
            let width = display_width(&shown) as u16;
            if x + width > right {
                break;
            }
            let style = if marks.contains(&(index as u32)) { FOUND } else { style };
            frame.buffer_mut().set_stringn(x, row.y, &shown, usize::from(width), style);
            x += width;
        }
    }

    /// The lines of the chosen entry when the list cannot show them.
    fn preview(&self, room: usize) -> Vec<String> {
        let lines: Vec<&str> = self.chosen().map_or(Vec::new(), |text| text.lines().collect());
        if lines.len() < 2 || room < PREVIEW {
            return Vec::new();
        }
        let rule = "─".repeat(20);
        let shown = lines.iter().take(PREVIEW.min(room / 2)).map(|line| visible(line).into_owned());
        std::iter::once(rule).chain(shown).collect()
    }
}

fn pattern(wanted: &str) -> Pattern {
    Pattern::new(wanted, CaseMatching::Ignore, Normalization::Smart, AtomKind::Fuzzy)
}

/// As much of an entry as is searched.
fn beginning(entry: &str) -> &str {
    &entry[..entry.floor_char_boundary(MOST_BYTES.min(entry.len()))]
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    use super::{Found, Pressed, Search, Step};

    fn found(entries: &[&str], failed: usize) -> Found {
        Found { texts: entries.iter().map(|entry| (*entry).to_owned()).collect(), failed }
    }

    fn search(typed: &str) -> Search {
        let entries =
            ["select count(*) from posts;", ".tables", "select\n  '微博'\nfrom t;", ".run"];
        Search::new(found(&entries, 4), typed)
    }

    fn press(search: &mut Search, code: KeyCode) -> Step {
        search.press(Pressed::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    }

    #[test]
    fn letters_in_order_find_an_entry_over_several_lines() {
        let mut search = search("");
        assert_eq!(search.found.len(), 4);
        for letter in "sel微t".chars() {
            press(&mut search, KeyCode::Char(letter));
        }
        assert_eq!(search.chosen(), Some("select\n  '微博'\nfrom t;"));
        assert_eq!(press(&mut search, KeyCode::Enter), Step::Take);
        let sounds = Search::new(Found { texts: search.entries, failed: 4 }, "weibo");
        assert_eq!(sounds.chosen(), Some("select\n  '微博'\nfrom t;"));
    }

    #[test]
    fn the_best_match_that_failed_stands_behind_a_weaker_one_that_went_well() {
        let search = Search::new(found(&["sXeXl 1", ".tables", "sel 1"], 2), "sel");
        let found: Vec<&str> =
            search.found.iter().map(|entry| search.entries[*entry].as_str()).collect();
        assert_eq!(found, ["sXeXl 1", "sel 1"]);
    }

    #[test]
    fn what_is_typed_is_searched_and_escape_leaves_it() {
        let mut search = search("tbl");
        assert_eq!(search.chosen(), Some(".tables"));
        press(&mut search, KeyCode::Char('!'));
        assert_eq!(search.chosen(), None);
        assert_eq!(press(&mut search, KeyCode::Esc), Step::Leave);
    }

    #[test]
    fn the_choice_moves_and_its_lines_are_shown() {
        let mut search = search("");
        press(&mut search, KeyCode::Down);
        press(&mut search, KeyCode::Down);
        let mut terminal = Terminal::new(TestBackend::new(40, 16)).unwrap();
        terminal.draw(|frame| search.draw(frame)).unwrap();
        let screen = terminal.backend().to_string();
        assert!(screen.contains("4 of 4"), "{screen}");
        assert!(screen.contains("from t;"), "{screen}");
        assert!(screen.contains("select⏎"), "{screen}");
    }
}
