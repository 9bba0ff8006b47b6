//! A LaTeX table, for papers; the document needs no package for it, and one for
//! Chinese (`ctex`) if the text is.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

use super::output::Output;
use super::plain::{is_number, plain_cell};
use super::safe_text::visible;
use super::value::columns;
use super::{BatchWriter, Format, Options, Sink};
use crate::error::Result;

/// A LaTeX table.
pub(crate) const LATEX: Format = Format {
    name: "latex",
    aliases: &["tex"],
    suffixes: &["tex"],
    summary: "a LaTeX table",
    for_people: false,
    open,
};

struct Writer {
    output: Output,
    null: String,
}

fn open(to: Sink, schema: &SchemaRef, options: &Options) -> Result<Box<dyn BatchWriter>> {
    let mut output = Output::new(to);
    let sides = schema.fields().iter().map(|field| is_number(field.data_type()));
    let sides: String = sides.map(|number| if number { 'r' } else { 'l' }).collect();
    output.text.push_str(&format!("\\begin{{tabular}}{{{sides}}}\n\\hline\n"));
    push_row(&mut output.text, schema.fields().iter().map(|field| field.name().as_str()));
    output.text.push_str("\\hline\n");
    Ok(Box::new(Writer { output, null: options.null.clone() }))
}

impl BatchWriter for Writer {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = columns(batch)?;
        for row in 0..batch.num_rows() {
            let cells: Vec<_> = columns.iter().map(|column| plain_cell(column, row)).collect();
            let null = self.null.as_str();
            let texts = cells.iter().map(|cell| cell.as_deref().unwrap_or(null));
            push_row(&mut self.output.text, texts);
            self.output.spill()?;
        }
        self.output.flush()
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.output.text.push_str("\\hline\n\\end{tabular}\n");
        self.output.flush()
    }
}

fn push_row<'a>(out: &mut String, cells: impl Iterator<Item = &'a str>) {
    for (index, cell) in cells.enumerate() {
        out.push_str(if index == 0 { "" } else { " & " });
        push_text(out, cell);
    }
    out.push_str(" \\\\\n");
}

/// Text in a cell, where a line cannot end and most signs are commands.
fn push_text(out: &mut String, text: &str) {
    let words: Vec<&str> = text.lines().collect();
    for c in visible(&words.join(" ")).chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => out.extend(['\\', c]),
            '\\' => out.push_str("\\textbackslash{}"),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            // A row that begins with a bracket would be taken for a length.
            '[' => out.push_str("{[}"),
            _ => out.push(c),
        }
    }
}
