//! `printf(pattern, value, ...)`.

use super::directives::{Piece, Side, Style, written};
use super::scalar::{Scalar, text_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "printf",
    signature: "printf(pattern, value, ...) -> text",
    summary: "A pattern with values in the places of %s, of %d and %x for whole numbers, and of \
              %f for numbers, where %.2f has two digits behind the point. %10s and %-10s fill \
              up, %05d does so with zeros, %% stands for %. An unknown value makes all unknown.",
    source: Some("As in DuckDB, whose other directives are refused."),
    example: Example {
        sql: "SELECT printf('%s: %05d, %.1f%%', '成都', 42, 2.5)",
        result: "成都: 00042, 2.5%",
    },
    arguments: &[Argument::Text, Argument::Written],
    body: Body::Scalar(Scalar {
        returns: text_type,
        compute: |columns, _| written(columns, pieces),
    }),
};

/// The pieces of a pattern with signs of percent.
fn pieces(pattern: &str) -> Option<Vec<Piece>> {
    let (mut pieces, mut rest, mut next) = (Vec::new(), pattern, 0);
    while let Some((before, behind)) = rest.split_once('%') {
        pieces.push(Piece::Text(before.to_owned()));
        if let Some(behind) = behind.strip_prefix('%') {
            pieces.push(Piece::Text("%".to_owned()));
            rest = behind;
            continue;
        }
        let end = behind.find(|sign: char| sign.is_ascii_alphabetic())? + 1;
        let mut style = Style::read(&behind[..end])?;
        // Here texts stand at the right as well.
        style.side = style.side.or(Some(Side::Right));
        pieces.push(Piece::Value(next, style));
        next += 1;
        rest = &behind[end..];
    }
    pieces.push(Piece::Text(rest.to_owned()));
    Some(pieces)
}
