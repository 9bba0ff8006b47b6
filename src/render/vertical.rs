//! One column a line, for rows too wide for a table: as `\x` of psql.

use std::fmt::Write;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

use super::fit::{truncate, wrap_at_marks};
use super::output::Output;
use super::plain::plain_cell;
use super::readable::group_digits;
use super::safe_text::visible;
use super::value::columns;
use super::window::Window;
use super::{BatchWriter, Format, Options, Sink};
use crate::error::Result;
use crate::text::width::display_width;

/// One column a line.
pub(crate) const VERTICAL: Format = Format {
    name: "vertical",
    aliases: &["line", "expanded"],
    suffixes: &[],
    summary: "one column a line, for wide rows and long texts, which are shown whole",
    for_people: true,
    open,
};

struct Writer {
    output: Output,
    names: Vec<String>,
    options: Options,
    window: Window,
}

fn open(to: Sink, schema: &SchemaRef, options: &Options) -> Result<Box<dyn BatchWriter>> {
    let names = schema.fields().iter().map(|field| visible(field.name()).into_owned()).collect();
    let window = Window::new(options.max_rows, 0);
    Ok(Box::new(Writer { output: Output::new(to), names, options: options.clone(), window }))
}

impl BatchWriter for Writer {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.window.push(batch);
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let (total, shown) = (self.window.total(), self.window.shown());
        let (head, tail) = self.window.parts();
        let head_rows = self.push_rows(&head, 0)?;
        if shown < total {
            self.output.text.push_str("⋮\n");
        }
        self.push_rows(&tail, total - (shown - head_rows))?;
        let rows = if total == 1 { "row" } else { "rows" };
        let _ = write!(self.output.text, "{} {rows}", group_digits(total as u64));
        if shown < total {
            let _ = write!(self.output.text, ", {} shown", group_digits(shown as u64));
        }
        self.output.text.push('\n');
        self.output.flush()
    }
}

impl Writer {
    /// Writes rows, the first of which has the number `before` + 1.
    fn push_rows(&mut self, batches: &[RecordBatch], before: usize) -> Result<usize> {
        let mut count = 0;
        for batch in batches {
            let columns = columns(batch)?;
            for row in 0..batch.num_rows() {
                count += 1;
                let cells = columns.iter().map(|column| plain_cell(column, row)).collect();
                self.push_row(before + count, cells);
                self.output.spill()?;
            }
        }
        Ok(count)
    }

    fn push_row(&mut self, number: usize, cells: Vec<Option<String>>) {
        let width = self.options.width.unwrap_or(usize::MAX).max(16);
        let names = self.names.iter().map(|name| display_width(name)).max().unwrap_or(0);
        let names = names.min(width / 2 - 3);
        let title = format!("── row {} ", group_digits(number as u64));
        let rule = self.options.width.unwrap_or(60).saturating_sub(display_width(&title));
        let _ = writeln!(self.output.text, "{title}{}", "─".repeat(rule));
        for (name, cell) in self.names.iter().zip(cells) {
            let (dim, reset) = if self.options.color && cell.is_none() {
                ("\x1b[2m", "\x1b[0m")
            } else {
                ("", "")
            };
            let text = cell.as_ref().map_or(self.options.null.as_str(), String::as_str);
            let mut name = truncate(name, names, "…");
            for line in
                wrap_at_marks(&visible(text), width - names - 3, usize::MAX, usize::MAX, "…")
            {
                let blanks = " ".repeat(names - display_width(&name));
                let _ = writeln!(self.output.text, "{name}{blanks} │ {dim}{line}{reset}");
                name = "".into();
            }
        }
    }
}
