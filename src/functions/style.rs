//! `style(interaction, emergency)`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringViewArray};
use datafusion::common::Result;

use super::scalar::{Scalar, numbers, text_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "style",
    signature: "style(interaction, emergency) -> text",
    summary: "The operating style of an account, given which shares of its own posts are \
              'interaction' and 'emergency' by post_style: 'interaction' if a quarter or more are \
              interaction, else 'emergency' if a sixth or more are emergency, else 'news'. \
              Emergencies are rare, so that far fewer posts mark an account that serves them.",
    source: Some(
        "weiku's own rule for the three operating styles that the 2012 ministry report tells \
         apart.",
    ),
    example: Example { sql: "SELECT style(0.45, 0.05)", result: "interaction" },
    arguments: &[Argument::Number, Argument::Number],
    body: Body::Scalar(Scalar { returns: text_type, compute: |columns, _| styles(columns) }),
};

/// The share of interaction from which an account lives by it.
const TALKS: f64 = 0.25;

/// The share of emergencies from which an account serves them.
const WARNS: f64 = 1.0 / 6.0;

/// The style for each row.
fn styles(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let rows = numbers(&columns[0]).iter().zip(numbers(&columns[1]));
    let styles: StringViewArray =
        rows.map(|(interaction, emergency)| Some(style(interaction?, emergency?))).collect();
    Ok(Arc::new(styles))
}

/// The style of one account.
fn style(interaction: f64, emergency: f64) -> &'static str {
    if interaction >= TALKS {
        "interaction"
    } else if emergency >= WARNS {
        "emergency"
    } else {
        "news"
    }
}
