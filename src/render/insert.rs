//! SQL INSERT statements, one for each row, to move a result into another
//! database.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

use super::output::Output;
use super::plain::{PLAIN, plain, push_float, push_int, push_time_of_day};
use super::time::{push_date, push_rfc3339};
use super::value::{Column, Items, Value, columns};
use super::{BatchWriter, Format, Options, Sink, unique_names};
use crate::error::Result;

/// INSERT statements.
pub(crate) const INSERT: Format = Format {
    name: "insert",
    aliases: &[],
    suffixes: &["sql"],
    summary: "an SQL INSERT statement for each row",
    for_people: false,
    open,
};

struct Writer {
    output: Output,
    /// `INSERT INTO t (a, b) VALUES (`.
    start: String,
}

fn open(to: Sink, schema: &SchemaRef, options: &Options) -> Result<Box<dyn BatchWriter>> {
    let names: Vec<String> = unique_names(schema).iter().map(|name| identifier(name)).collect();
    let (table, names) = (identifier(&options.table), names.join(", "));
    let start = format!("INSERT INTO {table} ({names}) VALUES (");
    Ok(Box::new(Writer { output: Output::new(to), start }))
}

impl BatchWriter for Writer {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = columns(batch)?;
        for row in 0..batch.num_rows() {
            let out = &mut self.output.text;
            out.push_str(&self.start);
            push_literals(out, &columns, row);
            out.push_str(");\n");
            self.output.spill()?;
        }
        self.output.flush()
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.output.flush()
    }
}

/// A name as SQL takes it: plain lower-case names as they are, others quoted.
fn identifier(name: &str) -> String {
    let plain = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_');
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// The values of a row as SQL writes them, with commas between.
pub(super) fn push_literals(out: &mut String, columns: &[Column], row: usize) {
    for (index, column) in columns.iter().enumerate() {
        out.push_str(if index == 0 { "" } else { ", " });
        push_literal(out, &column.get(row));
    }
}

fn push_literal(out: &mut String, value: &Value<'_>) {
    match value {
        Value::Null => out.push_str("NULL"),
        Value::Bool(yes) => out.push_str(if *yes { "TRUE" } else { "FALSE" }),
        Value::Int(number) => push_int(out, *number),
        Value::Unsigned(number) => push_int(out, *number),
        Value::Float(number) => push_number(out, f64::from(*number), *number),
        Value::Double(number) => push_number(out, *number, *number),
        Value::Decimal(number) => out.push_str(number),
        Value::Text(text) => push_string(out, text),
        Value::Other(text) | Value::Elapsed(text, _) => push_string(out, text),
        Value::Bytes(bytes) => {
            out.push_str("X'");
            out.push_str(&hex::encode(bytes));
            out.push('\'');
        }
        Value::Date(days) => typed(out, "DATE", |out| push_date(out, *days)),
        Value::Time(nanos) => typed(out, "TIME", |out| push_time_of_day(out, *nanos)),
        Value::Moment(moment) => {
            let name = if moment.offset.is_some() { "TIMESTAMPTZ" } else { "TIMESTAMP" };
            typed(out, name, |out| push_rfc3339(out, *moment));
        }
        Value::List(items) => push_array(out, *items),
        Value::Struct(members) => {
            out.push_str("named_struct(");
            for (index, (name, member)) in members.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                push_string(out, name);
                out.push_str(", ");
                push_literal(out, &member);
            }
            out.push(')');
        }
        Value::Map(keys, values) => {
            out.push_str("map(");
            push_array(out, *keys);
            out.push_str(", ");
            push_array(out, *values);
            out.push(')');
        }
    }
}

fn push_array(out: &mut String, items: Items<'_>) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        out.push_str(if index == 0 { "" } else { ", " });
        push_literal(out, &item);
    }
    out.push(']');
}

fn push_number<F>(out: &mut String, wide: f64, number: F)
where
    F: Copy + std::fmt::Debug + Into<f64>,
{
    if wide.is_finite() {
        return push_float(out, number, &PLAIN);
    }
    out.push_str(&format!("CAST('{}' AS DOUBLE)", plain(&Value::Double(wide))));
}

fn push_string(out: &mut String, text: &str) {
    out.push('\'');
    out.push_str(&text.replace('\'', "''"));
    out.push('\'');
}

fn typed(out: &mut String, name: &str, push: impl FnOnce(&mut String)) {
    out.push_str(name);
    out.push_str(" '");
    push(out);
    out.push('\'');
}
