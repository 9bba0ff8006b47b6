//! A table with borders, fitted to the terminal: the format for people.
//!
//! Rows beyond the limit are counted, not kept: the first and the last ones are
//! shown. Columns that do not fit are made narrower, numbers with many digits behind
//! the point are rounded, then those that say least are left out. Whatever is left out
//! is named in the last lines. A single row that does not fit is written one column a
//! line instead.

use std::fmt::Write;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

use super::columns::{Holds, Need, Slot, fit, fit_whole};
use super::fit::{around, beginning, first_of, truncate, truncate_middle, wrap, wrap_at_marks};
use super::output::Output;
use super::plain::{is_number, plain};
use super::readable::{group_digits, names_an_id, readable};
use super::safe_text::{unseen_end, visible};
use super::value::{Value, columns};
use super::vertical::VERTICAL;
use super::window::Window;
use super::{BatchWriter, Format, Options, Sink};
use crate::error::Result;
use crate::model::type_name;
use crate::text::width::display_width;

/// A table with borders.
pub(crate) const BOX: Format = Format {
    name: "box",
    aliases: &["duckbox"],
    suffixes: &["txt"],
    summary: "a table with borders, fitted to the terminal; the default on one",
    for_people: true,
    open: |to, schema, options| Ok(Writer::open(to, schema, options, &LINES)),
};

/// A table with borders of plain ASCII signs.
pub(crate) const ASCII: Format = Format {
    name: "ascii",
    aliases: &["table", "column"],
    suffixes: &[],
    summary: "as box, with borders of + - and | for terminals that have no others",
    for_people: true,
    open: |to, schema, options| Ok(Writer::open(to, schema, options, &SIGNS)),
};

/// The signs that a table is drawn with: left, crossing and right of a rule.
struct Glyphs {
    top: [&'static str; 3],
    middle: [&'static str; 3],
    bottom: [&'static str; 3],
    rule: &'static str,
    border: &'static str,
    ellipsis: &'static str,
    dots: &'static str,
    between: &'static str,
}

const LINES: Glyphs = Glyphs {
    top: ["┌", "┬", "┐"],
    middle: ["├", "┼", "┤"],
    bottom: ["└", "┴", "┘"],
    rule: "─",
    border: "│",
    ellipsis: "…",
    dots: "⋮",
    between: " · ",
};

const SIGNS: Glyphs = Glyphs {
    top: ["+", "+", "+"],
    middle: ["+", "+", "+"],
    bottom: ["+", "+", "+"],
    rule: "-",
    border: "|",
    ellipsis: "...",
    dots: ":",
    between: ", ",
};

const PLAIN: &str = "";
const DIM: &str = "\x1b[2m";
const BOLD: &str = "\x1b[1m";
const FOUND: &str = "\x1b[1;31m";
const RESET: &str = "\x1b[0m";

/// Below this many cells a table cannot be drawn; such a terminal gets one that
/// is too wide.
const NARROWEST: usize = 12;
/// A text is not made narrower than this, unless it is shorter.
const LEAST_TEXT: usize = 12;
/// Unless a column would be missing: then it is this many.
const NARROWEST_TEXT: usize = 8;
/// Of the name of a column that was asked for so many cells are left, then.
const TIGHTEST_NAME: usize = 5;
/// Digits of a rounded number, but for those before the point.
const FIGURES: i32 = 6;
/// A value that is the same in all rows is told below the table up to this width.
const WIDEST_SAME: usize = 24;
/// Texts without blanks up to this width are taken for ids and kept whole.
const WIDEST_ID: usize = 24;
/// A line of a text is broken into at most this many.
const MOST_BROKEN: usize = 8;

struct Writer {
    output: Output,
    schema: SchemaRef,
    options: Options,
    glyphs: &'static Glyphs,
    window: Window,
}

impl Writer {
    fn open(
        to: Sink,
        schema: &SchemaRef,
        options: &Options,
        glyphs: &'static Glyphs,
    ) -> Box<dyn BatchWriter> {
        Box::new(Self {
            output: Output::new(to),
            schema: SchemaRef::clone(schema),
            options: options.clone(),
            glyphs,
            window: Window::new(options.max_rows, options.whole_rows),
        })
    }
}

impl BatchWriter for Writer {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.window.push(batch);
        Ok(())
    }

    fn without_more(&mut self) {
        self.options.more = None;
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let table = Table::new(&self)?;
        if table.total == 1 && table.elided().next().is_some() {
            return self.finish_downwards();
        }
        table.draw(&mut self.output.text);
        self.output.flush()
    }
}

impl Writer {
    /// Writes a single row that is too wide for a table one column a line, so that
    /// nothing of it is left out.
    fn finish_downwards(self) -> Result<()> {
        let mut writer = (VERTICAL.open)(self.output.into_inner(), &self.schema, &self.options)?;
        for batch in self.window.parts().0 {
            writer.write(&batch)?;
        }
        writer.finish()
    }
}

/// The text of one cell, harmless, and no longer than can be shown.
struct Cell {
    text: String,
    null: bool,
    /// The same number in words, for the line below.
    words: Option<String>,
    /// The same number with fewer digits, where there is no room for all.
    rounded: Option<String>,
    /// All digits of a number that has fewer in its text.
    exact: Option<String>,
}

impl Cell {
    /// What tells it from other cells, which a rounded number does not.
    fn whole(&self) -> &str {
        self.exact.as_deref().unwrap_or(&self.text)
    }
}

/// A column's names and how its cells stand.
struct Head {
    name: String,
    type_name: String,
    number: bool,
    time: bool,
}

struct Table<'a> {
    heads: Vec<Head>,
    rows: Vec<Vec<Cell>>,
    /// Before which row the dots stand that say that rows are left out.
    dots_before: Option<usize>,
    slots: Vec<Slot>,
    lines: usize,
    total: usize,
    /// Whether numbers have fewer digits than there are.
    rounded: bool,
    width: Option<usize>,
    color: bool,
    types: bool,
    rules: bool,
    more: Option<String>,
    searched: Vec<String>,
    glyphs: &'a Glyphs,
}

impl<'a> Table<'a> {
    fn new(writer: &Writer) -> Result<Table<'static>> {
        let (options, window) = (&writer.options, &writer.window);
        let width = options.width.map(|width| width.max(NARROWEST));
        // Few rows may be tall: a result takes as many lines as it may have rows, but
        // a long one has a line for each row.
        let rule = usize::from(options.rules);
        let room = options.max_rows.min(options.shared_lines).saturating_add(rule);
        let lines = (room / window.shown().max(1)).saturating_sub(rule);
        let lines = lines.clamp(1, options.cell_lines.max(1));
        let most = width.map_or(usize::MAX, |width| width.saturating_mul(lines));
        let (head, tail) = window.parts();
        let mut rows = read(&head, options, most)?;
        let dots_before = (window.shown() < window.total()).then_some(rows.len());
        rows.extend(read(&tail, options, most)?);
        if let ([row], [batch]) = (rows.as_mut_slice(), head.as_slice()) {
            add_words(row, batch, options)?;
        }
        let heads: Vec<Head> = writer
            .schema
            .fields()
            .iter()
            .map(|field| Head {
                name: visible(field.name()).into_owned(),
                // A structure tells the names of its members, which are foreign text.
                type_name: visible(&type_name(field.data_type())).into_owned(),
                number: is_number(field.data_type()),
                time: field.data_type().is_temporal(),
            })
            .collect();
        let mut needs = all_needs(&heads, &rows, lines);
        let has_room = width.is_none_or(|width| fit_whole(&needs, width));
        let rounded = !has_room && round(&mut rows);
        if rounded {
            needs = all_needs(&heads, &rows, lines);
        }
        for (need, field) in needs.iter_mut().zip(writer.schema.fields()) {
            if need.holds != Holds::Prose && options.ordered.contains(field.name()) {
                need.holds = Holds::Order;
            }
        }
        let glyphs = writer.glyphs;
        let slots = fit(&needs, options.listed, width, display_width(glyphs.ellipsis));
        let is_double = |slot: &Slot| matches!(slot, Slot::Shown(index, _) if heads[*index].type_name == "double");
        let rounded = rounded && slots.iter().any(is_double);
        let (total, color, types) = (window.total(), options.color, options.types);
        let (rules, more) = (options.rules, options.more.clone());
        let searched = options.searched.clone();
        Ok(Table {
            heads,
            rows,
            dots_before,
            slots,
            lines,
            total,
            rounded,
            width,
            color,
            types,
            rules,
            more,
            searched,
            glyphs,
        })
    }

    fn draw(&self, out: &mut String) {
        if !self.heads.is_empty() {
            self.draw_table(out);
        }
        let width = self.width.unwrap_or(usize::MAX);
        for said in self.left_out() {
            for line in wrap(&said, width, 3, self.glyphs.ellipsis) {
                let _ = writeln!(out, "{line}");
            }
        }
        let counts = self.counts(self.elided().count());
        let one_line = counts.join(self.glyphs.between);
        if display_width(&one_line) <= width {
            let _ = writeln!(out, "{one_line}");
        } else {
            for line in counts.iter().flat_map(|count| wrap(count, width, usize::MAX, "")) {
                let _ = writeln!(out, "{line}");
            }
        }
    }

    /// The columns that have no room.
    fn elided(&self) -> impl Iterator<Item = usize> {
        let shown = |index| {
            self.slots.iter().any(|slot| matches!(slot, Slot::Shown(at, _) if *at == index))
        };
        (0..self.heads.len()).filter(move |index| !shown(*index))
    }

    /// What the columns hold that have no room, if it is one value, and the names of
    /// the others.
    fn left_out(&self) -> Vec<String> {
        let (same, others): (Vec<usize>, Vec<usize>) =
            self.elided().partition(|index| self.only_value(*index).is_some());
        let name = |index: &usize| self.heads[*index].name.as_str();
        let mut said = Vec::new();
        if !same.is_empty() {
            let value = |index: &usize| self.only_value(*index).unwrap_or_default();
            let told = same.iter().map(|index| format!("{} is {}", name(index), value(index)));
            said.push(format!("in all rows {}", told.collect::<Vec<_>>().join(", ")));
        }
        if !others.is_empty() {
            let names: Vec<&str> = others.iter().map(name).collect();
            said.push(format!("columns not shown: {}", names.join(", ")));
        }
        said
    }

    /// The value of a column that has the same short one in all rows; of rows that are
    /// not shown nothing is known.
    fn only_value(&self, index: usize) -> Option<&str> {
        let mut values = self.rows.iter().map(|row| row[index].whole());
        let first = values.next().filter(|first| {
            self.dots_before.is_none() && display_width(first) <= WIDEST_SAME && !first.is_empty()
        })?;
        values.all(|value| value == first).then_some(first)
    }

    fn counts(&self, elided: usize) -> Vec<String> {
        let plural = |count: usize, word: &str| {
            let s = if count == 1 { "" } else { "s" };
            format!("{} {word}{s}", group_digits(count as u64))
        };
        let mut rows = plural(self.total, "row");
        if self.dots_before.is_some() {
            let _ = write!(rows, ", {} shown", group_digits(self.rows.len() as u64));
        }
        let mut counts = vec![rows];
        if elided > 0 {
            let columns = plural(self.heads.len(), "column");
            counts.push(format!("{columns}, {} shown", self.heads.len() - elided));
        }
        if self.rounded {
            counts.push("numbers rounded".to_owned());
        }
        let whole = self.dots_before.is_none() && elided == 0 && !self.rounded;
        counts.extend(self.more.clone().filter(|_| !whole));
        counts
    }

    fn draw_table(&self, out: &mut String) {
        self.draw_rule(out, &self.glyphs.top);
        self.draw_line(out, |index, width| (self.name_label(index, width), BOLD));
        if self.types {
            self.draw_line(out, |index, width| (self.type_label(&self.heads[index], width), DIM));
        }
        self.draw_rule(out, &self.glyphs.middle);
        // A row of several lines is set off from its neighbours.
        let tall = |row| self.rules && self.height(row) > 1;
        let tall: Vec<bool> = (0..self.rows.len()).map(tall).collect();
        for row in 0..=self.rows.len() {
            if self.dots_before == Some(row) {
                self.draw_dots(out);
            }
            if row == self.rows.len() {
                break;
            }
            self.draw_row(out, row);
            let set_off = tall[row] || tall.get(row + 1).is_some_and(|next| *next);
            if set_off && row + 1 < self.rows.len() && self.dots_before != Some(row + 1) {
                self.draw_rule(out, &self.glyphs.middle);
            }
        }
        self.draw_rule(out, &self.glyphs.bottom);
    }

    fn draw_rule(&self, out: &mut String, [left, crossing, right]: &[&str; 3]) {
        for (index, slot) in self.slots.iter().enumerate() {
            out.push_str(if index == 0 { left } else { crossing });
            out.push_str(&self.glyphs.rule.repeat(self.slot_width(*slot) + 2));
        }
        out.push_str(right);
        out.push('\n');
    }

    /// A line of the header.
    fn draw_line(&self, out: &mut String, text: impl Fn(usize, usize) -> (String, &'static str)) {
        for &slot in &self.slots {
            match slot {
                Slot::Elided => self.push_padded(out, slot, self.glyphs.ellipsis, false, PLAIN),
                Slot::Shown(index, width) => {
                    let (text, style) = text(index, width);
                    self.push_padded(out, slot, &text, self.heads[index].number, style);
                }
            }
        }
        self.end_line(out);
    }

    /// The name of a column as far as it fits: cut at its end, or in the middle if another
    /// column that is shown begins alike.
    fn name_label(&self, index: usize, width: usize) -> String {
        let (name, ellipsis) = (self.heads[index].name.as_str(), self.glyphs.ellipsis);
        let cut = truncate(name, width, ellipsis);
        let begun = cut.strip_suffix(ellipsis).filter(|_| *cut != *name);
        let Some(begun) = begun else { return cut.into_owned() };
        let begins_alike = |slot: &Slot| match slot {
            Slot::Shown(at, _) => *at != index && self.heads[*at].name.starts_with(begun),
            Slot::Elided => false,
        };
        match self.slots.iter().any(begins_alike) {
            true => truncate_middle(name, width, ellipsis).into_owned(),
            false => cut.into_owned(),
        }
    }

    /// The name of the type if it fits, else its first word, else nothing: half
    /// a word tells no type.
    fn type_label(&self, head: &Head, width: usize) -> String {
        let short = head.type_name.split([' ', '(']).next().unwrap_or_default();
        let labels = [head.type_name.as_str(), short];
        let fits = labels.into_iter().find(|label| display_width(label) <= width);
        fits.unwrap_or_default().to_owned()
    }

    fn draw_dots(&self, out: &mut String) {
        for &slot in &self.slots {
            let number = matches!(slot, Slot::Shown(index, _) if self.heads[index].number);
            self.push_padded(out, slot, self.glyphs.dots, number, DIM);
        }
        self.end_line(out);
    }

    fn draw_row(&self, out: &mut String, row: usize) {
        let cells: Vec<Vec<String>> =
            self.slots.iter().map(|slot| self.cell_lines(row, *slot)).collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            for (slot, lines) in self.slots.iter().zip(&cells) {
                let text = lines.get(line).map_or("", String::as_str);
                let (number, style) = match slot {
                    Slot::Elided => (false, PLAIN),
                    Slot::Shown(index, _) => {
                        let cell = &self.rows[row][*index];
                        let words = cell.words.is_some() && line + 1 == lines.len();
                        (self.heads[*index].number, if cell.null || words { DIM } else { PLAIN })
                    }
                };
                self.push_padded(out, *slot, text, number, style);
            }
            self.end_line(out);
        }
    }

    /// The lines of a cell; the number in words is one more.
    fn cell_lines(&self, row: usize, slot: Slot) -> Vec<String> {
        let Slot::Shown(index, width) = slot else { return vec![self.glyphs.ellipsis.to_owned()] };
        let cell = &self.rows[row][index];
        let ellipsis = self.glyphs.ellipsis;
        let text = around(&cell.text, &self.searched, width * self.lines, ellipsis);
        let mut lines = match self.lines {
            1 => vec![truncate(&text, width, ellipsis).into_owned()],
            most => wrap_at_marks(&text, width, most, MOST_BROKEN, ellipsis),
        };
        lines.extend(cell.words.iter().map(|words| truncate(words, width, "").into_owned()));
        lines
    }

    /// How many lines the texts of a row take, not counting words for numbers.
    fn height(&self, row: usize) -> usize {
        let heights = self.slots.iter().map(|slot| match slot {
            Slot::Shown(index, _) if self.rows[row][*index].words.is_none() => {
                self.cell_lines(row, *slot).len()
            }
            _ => 1,
        });
        heights.max().unwrap_or(1)
    }

    fn push_padded(&self, out: &mut String, slot: Slot, text: &str, right: bool, style: &str) {
        let blanks = " ".repeat(self.slot_width(slot).saturating_sub(display_width(text)));
        let (before, after) = if right { (blanks.as_str(), "") } else { ("", blanks.as_str()) };
        let border = self.glyphs.border;
        let _ = write!(out, "{border} {before}");
        if !self.color || text.is_empty() {
            out.push_str(text);
        } else if style.is_empty() {
            self.push_marked(out, text);
        } else {
            let _ = write!(out, "{style}{text}{RESET}");
        }
        let _ = write!(out, "{after} ");
    }

    /// Text in which the words that were looked for stand out, and what is not seen stands
    /// back.
    fn push_marked(&self, out: &mut String, text: &str) {
        let mut rest = text;
        while let Some((start, word)) = first_of(&self.searched, rest) {
            let end = start + word.len();
            let _ = write!(out, "{}{FOUND}{word}{RESET}", &rest[..start]);
            rest = &rest[end..];
        }
        let _ = match unseen_end(rest) {
            Some((seen, mark)) => write!(out, "{seen}{DIM}{mark}{RESET}"),
            None => write!(out, "{rest}"),
        };
    }

    fn end_line(&self, out: &mut String) {
        out.push_str(self.glyphs.border);
        out.push('\n');
    }

    fn slot_width(&self, slot: Slot) -> usize {
        match slot {
            Slot::Shown(_, width) => width,
            Slot::Elided => display_width(self.glyphs.ellipsis),
        }
    }
}

fn read(batches: &[RecordBatch], options: &Options, most: usize) -> Result<Vec<Vec<Cell>>> {
    let mut rows = Vec::new();
    for batch in batches {
        let columns = columns(batch)?;
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|column| cell(&column.get(row), options, most)).collect());
        }
    }
    Ok(rows)
}

fn cell(value: &Value<'_>, options: &Options, most: usize) -> Cell {
    if matches!(value, Value::Null) {
        let text = visible(&options.null).into_owned();
        return Cell { text, null: true, words: None, rounded: None, exact: None };
    }
    let rounded = match value {
        Value::Double(number) => rounded(*number),
        _ => None,
    };
    let text = match value {
        Value::Int(count) if options.grouped => {
            let sign = if *count < 0 { "-" } else { "" };
            format!("{sign}{}", group_digits(count.unsigned_abs()))
        }
        value => plain(value),
    };
    let text = match beginning(&text, most) {
        (all, true) => visible(all).into_owned(),
        (start, false) => format!("{}…", visible(start)),
    };
    Cell { text, null: false, words: None, rounded, exact: None }
}

/// A number with few digits, if that makes it shorter. Those before the point are never
/// rounded, and zeros behind it stay: `2.0000` was no whole number.
fn rounded(number: f64) -> Option<String> {
    if !number.is_finite() || number.fract() == 0.0 {
        return None;
    }
    let before = number.abs().log10().floor() as i32 + 1;
    let digits = (FIGURES - before).max(2) as usize;
    let short = match before {
        ..-3 => format!("{number:.5e}"),
        _ => format!("{number:.digits$}"),
    };
    (short.len() < plain(&Value::Double(number)).len()).then_some(short)
}

/// Rounds the numbers of which all digits have no room; returns whether there are any.
fn round(rows: &mut [Vec<Cell>]) -> bool {
    let mut any = false;
    for cell in rows.iter_mut().flatten() {
        if let Some(rounded) = cell.rounded.take() {
            cell.exact = Some(std::mem::replace(&mut cell.text, rounded));
            any = true;
        }
    }
    any
}

/// Adds the numbers of the only row in words.
fn add_words(row: &mut [Cell], batch: &RecordBatch, options: &Options) -> Result<()> {
    let fields = batch.schema_ref().fields().iter();
    for ((cell, column), field) in row.iter_mut().zip(columns(batch)?).zip(fields) {
        if names_an_id(field.name()) {
            continue;
        }
        let number = match column.get(0) {
            Value::Int(number) => number as f64,
            Value::Unsigned(number) => number as f64,
            Value::Double(number) => number,
            Value::Decimal(digits) => digits.parse().unwrap_or(0.0),
            _ => continue,
        };
        cell.words = readable(number, options.readable).map(|words| format!("({words})"));
    }
    Ok(())
}

fn all_needs(heads: &[Head], rows: &[Vec<Cell>], lines: usize) -> Vec<Need> {
    heads.iter().enumerate().map(|(index, head)| need(head, rows, index, lines)).collect()
}

fn need(head: &Head, rows: &[Vec<Cell>], index: usize, lines: usize) -> Need {
    let cells = rows.iter().map(|row| &row[index]);
    let widest = cells.clone().map(|cell| {
        let words = cell.words.as_deref().map_or(0, display_width);
        let line_end = if lines > 1 { '⏎' } else { '\n' };
        let widest = cell.text.split_inclusive(line_end).map(display_width).max();
        widest.unwrap_or(0).max(words)
    });
    let widest = widest.max().unwrap_or(0);
    let header = display_width(&head.name);
    let short = head.type_name.split([' ', '(']).next().unwrap_or_default();
    let natural = widest.max(header).max(short.len().min(LEAST_TEXT)).max(1);
    let same = rows.len() > 1 && cells.clone().all(|cell| cell.whole() == rows[0][index].whole());
    let mut texts = cells.map(|cell| &cell.text);
    let mut is_id = || widest <= WIDEST_ID && !texts.any(|text| text.contains(' '));
    let (whole, holds) = match head.type_name.as_str() {
        "text" if widest > WIDEST_ID => (false, Holds::Prose),
        "text" | "bytes" => (is_id(), Holds::Others),
        name if name.ends_with("[]") || matches!(short, "struct" | "map" | "union") => {
            (false, Holds::Others)
        }
        _ if head.number => (true, Holds::Numbers),
        _ if head.time => (true, Holds::Times),
        _ => (true, Holds::Others),
    };
    let holds = if same { Holds::Same } else { holds };
    let cells_least = if whole { widest } else { widest.min(LEAST_TEXT) };
    let least = cells_least.max(header.min(LEAST_TEXT)).max(1);
    let narrow = if whole { widest } else { widest.min(NARROWEST_TEXT) };
    let narrowest = narrow.max(header.min(NARROWEST_TEXT)).max(1);
    let tightest = narrow.max(header.min(TIGHTEST_NAME)).max(1);
    Need { natural, least, narrowest, tightest, holds }
}
