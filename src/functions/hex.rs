//! `hex(value)`.

use super::digits::Digits;
use super::scalar::{Scalar, text_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "hex",
    signature: "hex(value) -> text",
    summary: "A whole number in base 16, or the bytes of a text with two digits each. A number \
              below 0 has the digits of its 64 bits.",
    source: Some("As in DuckDB."),
    example: Example { sql: "SELECT hex(255) || ' ' || hex('微')", result: "FF E5BEAE" },
    arguments: &[Argument::Bytes],
    body: Body::Scalar(Scalar { returns: text_type, compute: |columns, _| DIGITS.of(&columns[0]) }),
};

const DIGITS: Digits = Digits {
    bytes: |bytes| bytes.iter().map(|byte| format!("{byte:02X}")).collect(),
    number: |number| format!("{number:X}"),
};
