//! `style(emergency, interaction)`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringViewArray};
use datafusion::common::Result;

use super::scalar::{Scalar, numbers, text_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "style",
    signature: "style(emergency, interaction) -> text",
    summary: "The operating style of an account, given which shares of its posts are 'emergency' \
              and 'interaction' by post_style: 'emergency' if a third or more are emergency \
              posts, else 'interaction' if a third or more are interaction posts, else 'news'.",
    source: Some(
        "weiku's own rule for the three operating styles that the 2012 ministry report tells \
         apart.",
    ),
    example: Example { sql: "SELECT style(0.05, 0.6)", result: "interaction" },
    arguments: &[Argument::Number, Argument::Number],
    body: Body::Scalar(Scalar { returns: text_type, compute: |columns, _| styles(columns) }),
};

/// The share of posts from which a kind marks the account.
const MARKED: f64 = 1.0 / 3.0;

/// The style for each row.
fn styles(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let rows = numbers(&columns[0]).iter().zip(numbers(&columns[1]));
    let styles: StringViewArray =
        rows.map(|(emergency, interaction)| Some(of(emergency?, interaction?))).collect();
    Ok(Arc::new(styles))
}

/// The style of one account.
fn of(emergency: f64, interaction: f64) -> &'static str {
    if emergency >= MARKED {
        "emergency"
    } else if interaction >= MARKED {
        "interaction"
    } else {
        "news"
    }
}
