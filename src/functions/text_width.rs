//! `text_width(text)`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array};
use datafusion::common::Result;

use super::scalar::{Scalar, integer_type, texts};
use super::{Argument, Body, Example, Function};
use crate::text::width::display_width;

pub(super) static FUNCTION: Function = Function {
    name: "text_width",
    signature: "text_width(text) -> integer",
    summary: "The columns that text takes in a terminal: a Chinese character takes two, as does a \
              joined emoji.",
    source: Some("Unicode Standard Annex 11 (East Asian width), by grapheme cluster."),
    example: Example { sql: "SELECT text_width('微博 2012')", result: "9" },
    arguments: &[Argument::Text],
    body: Body::Scalar(Scalar { returns: integer_type, compute: |columns, _| widths(&columns[0]) }),
};

/// The width of each text.
fn widths(column: &ArrayRef) -> Result<ArrayRef> {
    let widths: Int64Array = texts(column)?
        .map(|text| text.map(|text| i64::try_from(display_width(text)).unwrap_or(i64::MAX)))
        .collect();
    Ok(Arc::new(widths))
}
