//! An HTML table, to be put into a page.
//!
//! All text is escaped; characters that act or hide are shown as marks. Numbers
//! have the class `number`, unknown values the class `null`.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

use super::output::Output;
use super::plain::{is_number, plain_cell};
use super::safe_text::visible_lines;
use super::value::columns;
use super::{BatchWriter, Format, Options, Sink};
use crate::error::Result;

/// An HTML table.
pub(crate) const HTML: Format = Format {
    name: "html",
    aliases: &[],
    suffixes: &["html", "htm"],
    summary: "an HTML table, to be put into a page",
    for_people: false,
    open,
};

struct Writer {
    output: Output,
    null: String,
    numbers: Vec<bool>,
}

fn open(to: Sink, schema: &SchemaRef, options: &Options) -> Result<Box<dyn BatchWriter>> {
    let mut output = Output::new(to);
    output.text.push_str("<table>\n<thead>\n<tr>");
    for field in schema.fields() {
        let class = if is_number(field.data_type()) { " class=\"number\"" } else { "" };
        output.text.push_str(&format!("<th scope=\"col\"{class}>"));
        push_escaped(&mut output.text, field.name());
        output.text.push_str("</th>");
    }
    output.text.push_str("</tr>\n</thead>\n<tbody>\n");
    let numbers = schema.fields().iter().map(|field| is_number(field.data_type())).collect();
    Ok(Box::new(Writer { output, null: options.null.clone(), numbers }))
}

impl BatchWriter for Writer {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = columns(batch)?;
        for row in 0..batch.num_rows() {
            let out = &mut self.output.text;
            out.push_str("<tr>");
            for (column, number) in columns.iter().zip(&self.numbers) {
                let cell = plain_cell(column, row);
                out.push_str(match (&cell, number) {
                    (None, _) => "<td class=\"null\">",
                    (Some(_), true) => "<td class=\"number\">",
                    (Some(_), false) => "<td>",
                });
                push_escaped(out, cell.as_ref().unwrap_or(&self.null));
                out.push_str("</td>");
            }
            out.push_str("</tr>\n");
            self.output.spill()?;
        }
        self.output.flush()
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.output.text.push_str("</tbody>\n</table>\n");
        self.output.flush()
    }
}

/// Appends `text` so that HTML and XML take it as text, inside elements and
/// inside quoted attributes; what would act or hide is shown as a mark.
pub fn push_escaped(out: &mut String, text: &str) {
    for c in visible_lines(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
}
