//! Values as people read them.

use std::fmt::Write;

use datafusion::arrow::datatypes::DataType;

use super::time::{push_date, push_time, push_wall_clock};
use super::value::{Column, Items, Value};

/// The text of `value` for people; NULL inside a list or struct is `null`.
///
/// The text is as the data has it: pass it through
/// [`visible`](super::safe_text::visible) before it goes to a terminal.
pub(crate) fn push_plain(out: &mut String, value: &Value<'_>, null: &str) {
    match value {
        Value::Null => out.push_str(null),
        Value::Bool(yes) => out.push_str(if *yes { "true" } else { "false" }),
        Value::Int(number) => push_int(out, *number),
        Value::Unsigned(number) => push_int(out, *number),
        Value::Float(number) => push_float(out, *number, &PLAIN),
        Value::Double(number) => push_float(out, *number, &PLAIN),
        Value::Decimal(text) | Value::Other(text) => out.push_str(text),
        Value::Elapsed(_, nanos) => push_elapsed(out, *nanos),
        Value::Text(text) => out.push_str(text),
        Value::Bytes(bytes) => out.push_str(&hex::encode(bytes)),
        Value::Date(days) => push_date(out, *days),
        Value::Time(nanos) => push_time_of_day(out, *nanos),
        Value::Moment(moment) => push_wall_clock(out, *moment),
        Value::List(items) => push_items(out, *items),
        Value::Struct(members) => {
            let members = members.iter().map(|(name, value)| (name.to_owned(), value));
            push_pairs(out, members);
        }
        Value::Map(keys, values) => {
            push_pairs(out, keys.iter().map(|key| plain(&key)).zip(values.iter()));
        }
    }
}

/// The text of `value` for people, as the data has it: pass it through
/// [`visible`](super::visible) before it goes to a terminal.
#[must_use]
pub fn plain(value: &Value<'_>) -> String {
    let mut out = String::new();
    push_plain(&mut out, value, "null");
    out
}

/// Appends `12 days 04:30:00`, with as many digits behind the seconds as there are; the
/// sign stands before both parts, for those who read it add them up.
pub(super) fn push_elapsed(out: &mut String, nanos: i128) {
    let (sign, nanos) = (if nanos < 0 { "-" } else { "" }, nanos.unsigned_abs());
    let (seconds, fraction) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let days = match days {
        0 => String::new(),
        1 => format!("{sign}1 day "),
        days => format!("{sign}{days} days "),
    };
    let _ = write!(out, "{days}{sign}{hours:02}:{:02}:{:02}", seconds / 60 % 60, seconds % 60);
    if fraction > 0 {
        out.push_str(format!(".{fraction:09}").trim_end_matches('0'));
    }
}

fn push_items(out: &mut String, items: Items<'_>) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        out.push_str(if index == 0 { "" } else { ", " });
        push_plain(out, &item, "null");
    }
    out.push(']');
}

fn push_pairs<'a>(out: &mut String, pairs: impl Iterator<Item = (String, Value<'a>)>) {
    out.push('{');
    for (index, (name, value)) in pairs.enumerate() {
        out.push_str(if index == 0 { "" } else { ", " });
        let _ = write!(out, "{name}: ");
        push_plain(out, &value, "null");
    }
    out.push('}');
}

/// Appends a whole number.
pub(crate) fn push_int(out: &mut String, number: impl itoa::Integer) {
    out.push_str(itoa::Buffer::new().format(number));
}

/// How a format writes the numbers that are none: NaN, infinity and minus
/// infinity.
pub(crate) struct NoNumbers(pub(crate) [&'static str; 3]);

/// The words that most programs read back as numbers.
pub(crate) const PLAIN: NoNumbers = NoNumbers(["NaN", "inf", "-inf"]);

/// Appends the shortest text that reads back as the same number.
pub(crate) fn push_float<F>(out: &mut String, number: F, no_numbers: &NoNumbers)
where
    F: Copy + std::fmt::Debug + Into<f64>,
{
    let wide: f64 = number.into();
    let [nan, infinity, minus_infinity] = no_numbers.0;
    if wide.is_nan() {
        out.push_str(nan);
    } else if wide.is_infinite() {
        out.push_str(if wide > 0.0 { infinity } else { minus_infinity });
    } else {
        let _ = write!(out, "{number:?}");
    }
}

/// Appends a time of day given in nanoseconds.
pub(crate) fn push_time_of_day(out: &mut String, nanos: u64) {
    push_time(out, nanos / 1_000_000_000, (nanos % 1_000_000_000) as u32);
}

/// Whether values of the type are numbers, which stand at the right.
#[must_use]
pub fn is_number(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_number(values),
        DataType::RunEndEncoded(_, values) => is_number(values.data_type()),
        other => other.is_numeric(),
    }
}

/// Reads one cell as plain text; `None` for NULL.
pub(crate) fn plain_cell(column: &Column, row: usize) -> Option<String> {
    match column.get(row) {
        Value::Null => None,
        value => Some(plain(&value)),
    }
}
