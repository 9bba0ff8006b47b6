//! What the viewer shows.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::{Over, View};
use crate::render::{around, group_digits, truncate, visible, visible_lines, wrap};
use crate::text::width::display_width;

const PLAIN: Style = Style::new();
const DIM: Style = Style::new().add_modifier(Modifier::DIM);
const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const CURSOR: Style = Style::new().add_modifier(Modifier::REVERSED);

/// Lines of the header: names, types, a rule.
const HEADER: u16 = 3;

/// Blanks between columns.
const GAP: usize = 2;

/// Keys that are told below the table.
const KEYS: &str = "? keys · q leaves";

/// As [`KEYS`], where the cell under the cursor is cut.
const CUT_KEYS: &str = "Enter shows it whole · + wider · ? keys · q leaves";

/// Cells of the name of a column below which it says nothing.
const SHORTEST_NAME: usize = 8;

const HELP: &str = "\
arrows, h j k l      move
Space, b             a page on, back
g, G                 first row, last row
:12 or 12g           row 12
0, $                 first column, last column
/                    search; n and N go on and back
Enter                the cell as a whole
+, -                 the column wider, narrower
w                    as wide as its cells, and back
y                    copy the cell
q                    leave";

/// One column on the screen.
struct Slot {
    column: usize,
    x: u16,
    width: usize,
}

impl View {
    /// Draws everything; it first scrolls to where the cursor is.
    pub(super) fn draw(&mut self, frame: &mut Frame<'_>) {
        let area = frame.area();
        self.page = usize::from(area.height.saturating_sub(HEADER + 1)).max(1);
        self.top = self.top.clamp((self.row + 1).saturating_sub(self.page), self.row);
        let bottom = (self.top + self.page).min(self.table.rows());
        for row in self.top..bottom {
            self.table.widen(&mut self.widths, row);
        }
        let gutter = self.table.rows().to_string().len();
        self.across = usize::from(area.width).saturating_sub(gutter + 3).max(1);
        let slots = self.slots(gutter + 3, usize::from(area.width));
        let mut paper = Paper { buffer: frame.buffer_mut(), area };
        self.draw_header(&mut paper, &slots, gutter);
        for (line, row) in (self.top..bottom).enumerate() {
            self.draw_row(&mut paper, HEADER + line as u16, row, &slots, gutter);
        }
        self.draw_status(&mut paper);
        match &self.over {
            Over::Nothing | Over::Question(_) | Over::Row(_) => {}
            Over::Help => {
                let lines: Vec<String> = HELP.lines().map(str::to_owned).collect();
                paper.window("keys", &lines, 0);
            }
            Over::Cell(down) => {
                let down = self.draw_cell(&mut paper, *down);
                self.over = Over::Cell(down);
            }
        }
    }

    /// The columns that fit from `left` on, after `left` has moved so that the
    /// cursor's column is among them.
    fn slots(&mut self, from: usize, width: usize) -> Vec<Slot> {
        self.left = self.left.min(self.column);
        let room = width.saturating_sub(from);
        while self.column < self.widths.len() && self.left < self.column && self.span() > room {
            self.left += 1;
        }
        let mut slots = Vec::new();
        let mut x = from;
        for column in self.left..self.widths.len() {
            if x >= width {
                break;
            }
            let wanted = self.width(column);
            slots.push(Slot { column, x: x as u16, width: wanted.min(width - x) });
            x += wanted + GAP;
        }
        slots
    }

    /// Cells from the first column that is shown to the cursor's.
    fn span(&self) -> usize {
        let widths = (self.left..=self.column).map(|column| self.width(column));
        widths.sum::<usize>() + GAP * (self.column - self.left)
    }

    fn draw_header(&self, paper: &mut Paper<'_>, slots: &[Slot], gutter: usize) {
        for slot in slots {
            let head = &self.table.heads()[slot.column];
            paper.cell(slot, 0, &head.name, head.is_number, BOLD);
            let fits = display_width(&head.type_name) <= slot.width;
            let type_name = if fits { &head.type_name } else { head.short_type() };
            paper.cell(slot, 1, type_name, head.is_number, DIM);
        }
        let width = usize::from(paper.area.width);
        let rule = format!("{}┼{}", "─".repeat(gutter + 1), "─".repeat(width));
        paper.text(0, 2, &rule, width, DIM);
        for line in 0..2 {
            paper.text(gutter as u16 + 1, line, "│", 1, DIM);
        }
    }

    fn draw_row(
        &self,
        paper: &mut Paper<'_>,
        line: u16,
        row: usize,
        slots: &[Slot],
        gutter: usize,
    ) {
        let number = format!("{:>gutter$} │", row + 1);
        paper.text(0, line, &number, gutter + 2, DIM);
        let wanted = self.wanted.to_lowercase();
        for slot in slots {
            let cell = self.table.cell(row, slot.column);
            let head = &self.table.heads()[slot.column];
            let style = if cell.is_null { DIM } else { PLAIN };
            // What was searched for is seen, however far behind in the cell it is.
            let words = hit(&cell.text, &wanted).map(str::to_owned);
            let text = around(&cell.text, words.as_slice(), slot.width, "…");
            paper.cell(slot, line, &text, head.is_number, style);
            if (row, slot.column) == (self.row, self.column) {
                paper.paint(slot, line, CURSOR);
            }
        }
    }

    fn draw_status(&self, paper: &mut Paper<'_>) {
        let width = usize::from(paper.area.width);
        let line = paper.area.height.saturating_sub(1);
        let asked = match &self.over {
            Over::Question(typed) => Some(('/', typed)),
            Over::Row(typed) => Some((':', typed)),
            _ => None,
        };
        if let Some((sign, typed)) = asked {
            let (typed, room) = (visible(typed), width.saturating_sub(2));
            paper.text(0, line, &format!("{sign}{typed}▏"), room.max(1), PLAIN);
            return;
        }
        let rows = self.table.rows();
        let row = if rows == 0 { 0 } else { self.row + 1 };
        let row = format!("row {} of {}", group_digits(row as u64), group_digits(rows as u64));
        let heads = self.table.heads();
        let column = format!("column {} of {}", self.column + 1, heads.len());
        let name = heads.get(self.column).map(|head| head.name.as_str());
        let note = visible(&self.note);
        let last = match (note.is_empty(), self.is_cut()) {
            (false, _) => vec![&*note],
            (true, true) => vec![CUT_KEYS, KEYS],
            (true, false) => vec![KEYS],
        };
        paper.text(0, line, &status(&row, (&column, name), &last, width), width, DIM);
    }

    /// The cell under the cursor as a whole; gives back how far it is scrolled,
    /// which is not beyond its end.
    fn draw_cell(&self, paper: &mut Paper<'_>, down: usize) -> usize {
        let exact = self.table.exact(self.row, self.column);
        let text = if self.table.cell(self.row, self.column).is_null { "NULL" } else { &exact };
        let width = paper.window_width();
        // A terminal draws no tab, and would give its frame fewer cells than were counted.
        let shown = visible_lines(text).replace('\t', "⇥");
        let lines: Vec<String> =
            shown.lines().flat_map(|line| wrap(line, width, usize::MAX, "")).collect();
        let down = down.min(lines.len().saturating_sub(paper.window_height()));
        let name = self.table.heads().get(self.column).map_or("", |head| head.name.as_str());
        let title = format!("{name}, row {}", group_digits(self.row as u64 + 1));
        paper.window(&title, &lines, down);
        down
    }
}

/// The status line in `width` cells: the row, the column with its name, and the first of
/// `last` that has room. The name is shortened first, for it stands above its column, and
/// what tells how to go on stays longest.
fn status(row: &str, (column, name): (&str, Option<&str>), last: &[&str], width: usize) -> String {
    let mut tries = Vec::new();
    if let Some(name) = name {
        for last in last {
            let other = format!("{row} · {column},  · {last}");
            let room = width.saturating_sub(display_width(&other));
            if room >= display_width(name).min(SHORTEST_NAME) {
                tries.push(format!("{row} · {column}, {} · {last}", truncate(name, room, "…")));
            }
        }
        tries.extend(last.last().map(|last| format!("{row} · {column} · {last}")));
    }
    tries.extend(last.iter().map(|last| format!("{row} · {last}")));
    let fits = tries.iter().find(|tried| display_width(tried) <= width);
    let said = fits.or(tries.last()).map_or(row, String::as_str);
    truncate(said, width, "…").into_owned()
}

/// The part of `text` that is `wanted`, which is in small letters, in any case.
fn hit<'a>(text: &'a str, wanted: &str) -> Option<&'a str> {
    if wanted.is_empty() {
        return None;
    }
    text.char_indices().find_map(|(start, _)| {
        let mut left = wanted;
        for (at, sign) in text[start..].char_indices() {
            if left.is_empty() {
                return Some(&text[start..start + at]);
            }
            for small in sign.to_lowercase() {
                left = left.strip_prefix(small)?;
            }
        }
        left.is_empty().then(|| &text[start..])
    })
}

/// Where things are drawn; whatever lies outside is left out.
struct Paper<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
}

impl Paper<'_> {
    fn text(&mut self, x: u16, y: u16, text: &str, width: usize, style: Style) {
        if x < self.area.width && y < self.area.height {
            let width = width.min(usize::from(self.area.width - x));
            self.buffer.set_stringn(self.area.x + x, self.area.y + y, text, width, style);
        }
    }

    /// A text in a column, cut to its width, numbers at the right.
    fn cell(&mut self, slot: &Slot, y: u16, text: &str, right: bool, style: Style) {
        let text = truncate(text, slot.width, "…");
        let blanks = slot.width.saturating_sub(display_width(&text));
        let x = slot.x + if right { blanks as u16 } else { 0 };
        self.text(x, y, &text, slot.width, style);
    }

    fn paint(&mut self, slot: &Slot, y: u16, style: Style) {
        let width = (slot.width as u16).min(self.area.width.saturating_sub(slot.x));
        let area = Rect { x: self.area.x + slot.x, y: self.area.y + y, width, height: 1 };
        self.buffer.set_style(area.intersection(self.area), style);
    }

    /// Cells across in a window.
    fn window_width(&self) -> usize {
        usize::from(self.area.width.saturating_sub(6)).clamp(1, 100)
    }

    /// Lines in a window.
    fn window_height(&self) -> usize {
        usize::from(self.area.height.saturating_sub(4)).max(1)
    }

    /// Lines in a frame over the middle of the table, scrolled down by some.
    fn window(&mut self, title: &str, lines: &[String], down: usize) {
        let shown: Vec<&String> = lines.iter().skip(down).take(self.window_height()).collect();
        let longest = lines.iter().map(|line| display_width(line)).max().unwrap_or(0);
        let title = format!(" {} ", truncate(title, self.window_width().saturating_sub(2), "…"));
        let width = longest.max(display_width(&title) + 2).min(self.window_width());
        let frame = width + 4;
        let x = (usize::from(self.area.width).saturating_sub(frame) / 2) as u16;
        let height = shown.len() + 2;
        let y = (usize::from(self.area.height).saturating_sub(height + 1) / 2) as u16;
        let rule = |left: &str, title: &str, right: &str| {
            let rest = "─".repeat((width + 2).saturating_sub(display_width(title)));
            format!("{left}{title}{rest}{right}")
        };
        let more = lines.len().saturating_sub(down + shown.len());
        let below = if more > 0 { format!(" {more} more, Down ") } else { String::new() };
        self.line(x, y, &rule("┌", &title, "┐"), frame);
        for (index, text) in shown.iter().enumerate() {
            let blanks = " ".repeat(width.saturating_sub(display_width(text)));
            self.line(x, y + 1 + index as u16, &format!("│ {text}{blanks} │"), frame);
        }
        self.line(x, y + 1 + shown.len() as u16, &rule("└", &below, "┘"), frame);
    }

    /// Blanks the sign before `x` whose second half was at `x`: a terminal draws it whole,
    /// over what stands there now.
    fn blank_cut_in_half(&mut self, x: u16, y: u16) {
        let Some(before) = x.checked_sub(1).filter(|before| *before < self.area.width) else {
            return;
        };
        let cell = &mut self.buffer[(self.area.x + before, self.area.y + y)];
        if display_width(cell.symbol()) > 1 {
            cell.set_symbol(" ");
        }
    }

    /// A line that hides what stood there.
    fn line(&mut self, x: u16, y: u16, text: &str, width: usize) {
        if y < self.area.height {
            let area =
                Rect { x: self.area.x + x, y: self.area.y + y, width: width as u16, height: 1 };
            for position in area.intersection(self.area).positions() {
                self.buffer[position].reset();
            }
            self.blank_cut_in_half(x, y);
            self.text(x, y, text, width, PLAIN);
        }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::{Buffer, Cell};
    use ratatui::layout::Rect;

    use super::{CUT_KEYS, KEYS, PLAIN, Paper, display_width, status};

    #[test]
    fn a_frame_over_wide_signs_is_whole_on_both_sides() {
        let area = Rect { x: 0, y: 0, width: 20, height: 6 };
        for from in [0, 1] {
            let mut buffer = Buffer::empty(area);
            let mut paper = Paper { buffer: &mut buffer, area };
            for line in 0..area.height {
                paper.text(from, line, &"微".repeat(10), 20, PLAIN);
            }
            paper.window("n", &["text".to_owned()], 0);
            let symbols: Vec<&str> = buffer.content.iter().map(Cell::symbol).collect();
            assert!(["┌", "│", "└"].iter().all(|sign| symbols.contains(sign)), "{symbols:?}");
            for pair in symbols.windows(2).filter(|pair| display_width(pair[0]) > 1) {
                assert_eq!(pair[1], " ", "the half of a sign is drawn over, from {from}");
            }
        }
    }

    #[test]
    fn the_status_line_tells_how_to_leave_as_long_as_it_can() {
        let said = |name, width| {
            status("row 1 of 200,000", ("column 3 of 9", Some(name)), &[CUT_KEYS, KEYS], width)
        };
        for (name, width, column, last) in [
            ("text", 100, " · column 3 of 9, text", CUT_KEYS),
            ("retweeted_text", 97, " · column 3 of 9, retweeted…", CUT_KEYS),
            ("text", 80, " · column 3 of 9, text", KEYS),
            ("retweeted_text", 62, " · column 3 of 9, retweet…", KEYS),
            ("retweeted_text", 60, " · column 3 of 9", KEYS),
            ("text", 40, "", KEYS),
            ("text", 20, "", "…"),
        ] {
            assert_eq!(said(name, width), format!("row 1 of 200,000{column} · {last}"), "{width}");
        }
        let empty = status("row 0 of 0", ("column 1 of 0", None), &[KEYS], 80);
        assert_eq!(empty, "row 0 of 0 · ? keys · q leaves");
    }
}
