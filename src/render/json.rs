//! JSON for other programs: an array of objects, or one object a line.
//!
//! Whole numbers and decimals are written with all their digits. What JSON has
//! no number for is a text: `"NaN"`, `"Infinity"`, `"-Infinity"`. Instants are
//! RFC 3339, bytes are hexadecimal, a map is an object. Columns of one name are told
//! apart as `name`, `name_2`, because an object can keep only one of them.

use std::fmt::Write;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

use super::output::Output;
use super::plain::{NoNumbers, plain, push_float, push_int, push_time_of_day};
use super::time::{push_date, push_rfc3339};
use super::value::{Value, columns};
use super::{BatchWriter, Format, Options, Sink, unique_names};
use crate::error::Result;

/// One array of objects.
pub(crate) const JSON: Format = Format {
    name: "json",
    aliases: &[],
    suffixes: &["json"],
    summary: "one JSON array with an object for each row",
    for_people: false,
    open: |to, schema, options| open(to, schema, options, &ARRAY),
};

/// One object a line.
pub(crate) const JSONL: Format = Format {
    name: "jsonl",
    aliases: &["ndjson"],
    suffixes: &["jsonl", "ndjson"],
    summary: "JSON lines: one object for each row",
    for_people: false,
    open: |to, schema, options| open(to, schema, options, &LINES),
};

/// What stands around the objects.
struct Frame {
    before_first: &'static str,
    between: &'static str,
    after_last: &'static str,
    for_none: &'static str,
}

const ARRAY: Frame =
    Frame { before_first: "[\n", between: ",\n", after_last: "\n]\n", for_none: "[]\n" };

const LINES: Frame = Frame { before_first: "", between: "\n", after_last: "\n", for_none: "" };

const NO_NUMBERS: NoNumbers = NoNumbers(["\"NaN\"", "\"Infinity\"", "\"-Infinity\""]);

struct Writer {
    output: Output,
    frame: &'static Frame,
    /// The names of the columns as they stand before each value: `"name":`.
    keys: Vec<String>,
    rows: u64,
}

fn open(
    to: Sink,
    schema: &SchemaRef,
    _: &Options,
    frame: &'static Frame,
) -> Result<Box<dyn BatchWriter>> {
    let keys = unique_names(schema).iter().map(|name| format!("{}:", text(name))).collect();
    Ok(Box::new(Writer { output: Output::new(to), frame, keys, rows: 0 }))
}

impl BatchWriter for Writer {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = columns(batch)?;
        for row in 0..batch.num_rows() {
            let first = self.rows == 0;
            let out = &mut self.output.text;
            out.push_str(if first { self.frame.before_first } else { self.frame.between });
            out.push('{');
            for (index, (key, column)) in self.keys.iter().zip(&columns).enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                out.push_str(key);
                push_json(out, &column.get(row));
            }
            out.push('}');
            self.rows += 1;
            self.output.spill()?;
        }
        self.output.flush()
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let frame = self.frame;
        self.output.text.push_str(if self.rows == 0 { frame.for_none } else { frame.after_last });
        self.output.flush()
    }
}

/// Appends `value` as JSON.
pub fn push_json(out: &mut String, value: &Value<'_>) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(yes) => out.push_str(if *yes { "true" } else { "false" }),
        Value::Int(number) => push_int(out, *number),
        Value::Unsigned(number) => push_int(out, *number),
        Value::Float(number) => push_float(out, *number, &NO_NUMBERS),
        Value::Double(number) => push_float(out, *number, &NO_NUMBERS),
        Value::Decimal(number) => out.push_str(number),
        Value::Text(text) => push_string(out, text),
        Value::Other(text) | Value::Elapsed(text, _) => push_string(out, text),
        Value::Bytes(bytes) => push_string(out, &hex::encode(bytes)),
        Value::Date(days) => quoted(out, |out| push_date(out, *days)),
        Value::Time(nanos) => quoted(out, |out| push_time_of_day(out, *nanos)),
        Value::Moment(moment) => quoted(out, |out| push_rfc3339(out, *moment)),
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                push_json(out, &item);
            }
            out.push(']');
        }
        Value::Struct(members) => {
            push_object(out, members.iter().map(|(name, value)| (name.to_owned(), value)));
        }
        Value::Map(keys, values) => {
            push_object(out, keys.iter().map(|key| plain(&key)).zip(values.iter()));
        }
    }
}

fn push_object<'a>(out: &mut String, members: impl Iterator<Item = (String, Value<'a>)>) {
    out.push('{');
    for (index, (name, value)) in members.enumerate() {
        out.push_str(if index == 0 { "" } else { "," });
        push_string(out, &name);
        out.push(':');
        push_json(out, &value);
    }
    out.push('}');
}

fn quoted(out: &mut String, push: impl FnOnce(&mut String)) {
    out.push('"');
    push(out);
    out.push('"');
}

fn text(text: &str) -> String {
    let mut out = String::new();
    push_string(&mut out, text);
    out
}

/// Appends a text in quotes, with the escapes that JSON demands and no others.
fn push_string(out: &mut String, text: &str) {
    out.push('"');
    let mut done = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        // Only ASCII bytes get here, so both ends are character boundaries.
        out.push_str(&text[done..at]);
        done = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            other => {
                let _ = write!(out, "\\u{other:04x}");
            }
        }
    }
    out.push_str(&text[done..]);
    out.push('"');
}
