//! CSV and TSV for other programs, byte for byte as RFC 4180 has it, but with
//! `\n` as the line end.
//!
//! NULL is an empty field, an empty text is `""`, so that they differ. In a
//! result of one column NULL is `""` too: nearly every reader skips an empty
//! line, and a lost row is worse. Instants are RFC 3339, durations as in
//! `2 days 04:30:00`, lists, structs and maps are JSON text, bytes are hexadecimal.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

use super::json::push_json;
use super::output::Output;
use super::plain::{PLAIN, push_elapsed, push_float, push_int, push_time_of_day};
use super::time::{push_date, push_rfc3339};
use super::value::{Value, columns};
use super::{BatchWriter, Format, Options, Sink};
use crate::error::Result;

/// Comma-separated values.
pub(crate) const CSV: Format = Format {
    name: "csv",
    aliases: &[],
    suffixes: &["csv"],
    summary: "comma-separated values with a header; the default when not on a terminal",
    for_people: false,
    open: |to, schema, options| open(to, schema, options, b','),
};

/// Tab-separated values.
pub(crate) const TSV: Format = Format {
    name: "tsv",
    aliases: &["tabs"],
    suffixes: &["tsv", "tab"],
    summary: "tab-separated values with a header, quoted as in CSV",
    for_people: false,
    open: |to, schema, options| open(to, schema, options, b'\t'),
};

struct Writer {
    output: Output,
    separator: u8,
    null: String,
}

fn open(
    to: Sink,
    schema: &SchemaRef,
    options: &Options,
    separator: u8,
) -> Result<Box<dyn BatchWriter>> {
    let separator =
        options.delimiter.and_then(|wanted| wanted.try_into().ok()).unwrap_or(separator);
    let null = match &options.null_field {
        Some(text) => text.clone(),
        None if schema.fields().len() == 1 => "\"\"".to_owned(),
        None => String::new(),
    };
    let mut output = Output::new(to);
    if options.mark {
        output.text.push('\u{feff}');
    }
    if options.header {
        for (index, field) in schema.fields().iter().enumerate() {
            push_separator(&mut output.text, index, separator);
            push_text(&mut output.text, field.name(), separator);
        }
        output.text.push('\n');
    }
    Ok(Box::new(Writer { output, separator, null }))
}

impl BatchWriter for Writer {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = columns(batch)?;
        for row in 0..batch.num_rows() {
            for (index, column) in columns.iter().enumerate() {
                push_separator(&mut self.output.text, index, self.separator);
                match column.get(row) {
                    Value::Null => self.output.text.push_str(&self.null),
                    value => push_value(&mut self.output.text, &value, self.separator),
                }
            }
            self.output.text.push('\n');
            self.output.spill()?;
        }
        self.output.flush()
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.output.flush()
    }
}

fn push_separator(out: &mut String, index: usize, separator: u8) {
    if index > 0 {
        out.push(char::from(separator));
    }
}

fn push_value(out: &mut String, value: &Value<'_>, separator: u8) {
    match value {
        Value::Null => {}
        Value::Bool(yes) => out.push_str(if *yes { "true" } else { "false" }),
        Value::Int(number) => push_int(out, *number),
        Value::Unsigned(number) => push_int(out, *number),
        Value::Float(number) => push_float(out, *number, &PLAIN),
        Value::Double(number) => push_float(out, *number, &PLAIN),
        Value::Decimal(number) => out.push_str(number),
        Value::Text(text) => push_text(out, text, separator),
        Value::Other(text) => push_text(out, text, separator),
        Value::Elapsed(_, nanos) => push_elapsed(out, *nanos),
        Value::Bytes(bytes) => push_text(out, &hex::encode(bytes), separator),
        Value::Date(days) => push_date(out, *days),
        Value::Time(nanos) => push_time_of_day(out, *nanos),
        Value::Moment(moment) => push_rfc3339(out, *moment),
        Value::List(_) | Value::Struct(_) | Value::Map(_, _) => {
            let mut json = String::new();
            push_json(&mut json, value);
            push_text(out, &json, separator);
        }
    }
}

/// Appends a text, in quotes when a reader needs them.
fn push_text(out: &mut String, text: &str, separator: u8) {
    let special = |byte: u8| byte == separator || matches!(byte, b'"' | b'\n' | b'\r');
    if !text.is_empty() && !text.bytes().any(special) {
        return out.push_str(text);
    }
    out.push('"');
    let mut pieces = text.split('"');
    out.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        out.push_str("\"\"");
        out.push_str(piece);
    }
    out.push('"');
}
