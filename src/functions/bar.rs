//! `bar(value, least, most, width)`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, StringViewBuilder};
use datafusion::common::{Result, exec_err};

use super::scalar::{Scalar, numbers, text_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "bar",
    signature: "bar(value, least, most, width) -> text",
    summary: "A bar of blocks as long as a value is far between the least and the most, out of \
              so many signs: for a chart in a table.",
    source: Some("As in DuckDB."),
    example: Example { sql: "SELECT bar(5, 0, 10, 4) || '|'", result: "██  |" },
    arguments: &[Argument::Number, Argument::Number, Argument::Number, Argument::Number],
    body: Body::Scalar(Scalar { returns: text_type, compute: |columns, _| bars(columns) }),
};

/// Blocks that fill eighths of a sign, from none.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// Most signs of a bar.
const WIDEST: f64 = 1_000.0;

/// The bar of each row.
fn bars(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let given: Vec<_> = columns.iter().map(numbers).collect();
    let mut made = StringViewBuilder::with_capacity(columns[0].len());
    for row in 0..columns[0].len() {
        if given.iter().any(|column| column.is_null(row)) {
            made.append_null();
            continue;
        }
        let (value, least) = (given[0].value(row), given[1].value(row));
        let (most, width) = (given[2].value(row), given[3].value(row));
        if !(1.0..=WIDEST).contains(&width) {
            return exec_err!("the width of a bar is between 1 and {WIDEST}, there is no {width}");
        }
        made.append_option(bar(value, least, most, width));
    }
    Ok(Arc::new(made.finish()))
}

/// The bar of `value`, out of `width` signs. An eighth that is not full is not drawn.
fn bar(value: f64, least: f64, most: f64, width: f64) -> Option<String> {
    let filled = if [value, least, most].into_iter().any(f64::is_nan) || value <= least {
        0.0
    } else if value >= most {
        width
    } else {
        width * (value - least) / (most - least)
    };
    if !filled.is_finite() {
        return None;
    }
    let eighths = (filled * 8.0) as usize;
    let drawn = "█".repeat(eighths / 8) + EIGHTHS[eighths % 8];
    Some(format!("{drawn:<width$}", width = width as usize))
}

#[cfg(test)]
mod tests {
    use super::bar;

    #[test]
    fn bars_are_those_of_duckdb() {
        for ((value, least, most, width), drawn) in [
            ((5.0, 0.0, 10.0, 10.0), "█████     "),
            ((1.0, 0.0, 3.0, 10.0), "███▎      "),
            ((9.99, 0.0, 10.0, 10.0), "█████████▉"),
            ((5.0, 0.0, 10.0, 4.9), "██▍ "),
            ((-5.0, 0.0, 10.0, 4.0), "    "),
            ((50.0, 0.0, 10.0, 4.0), "████"),
            // What ends before it begins has nothing between.
            ((5.0, 10.0, 0.0, 4.0), "    "),
            ((20.0, 10.0, 0.0, 4.0), "████"),
            ((5.0, 5.0, 5.0, 4.0), "    "),
            ((6.0, 5.0, 5.0, 4.0), "████"),
            ((f64::NAN, 0.0, 10.0, 4.0), "    "),
            ((f64::INFINITY, 0.0, 10.0, 4.0), "████"),
            ((5.0, 0.0, f64::INFINITY, 4.0), "    "),
        ] {
            let found = bar(value, least, most, width);
            assert_eq!(found.as_deref(), Some(drawn), "{value} {least} {most} {width}");
        }
        assert_eq!(bar(5.0, f64::NEG_INFINITY, 10.0, 4.0), None);
    }
}
