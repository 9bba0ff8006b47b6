//! `bin(value)`.

use super::digits::Digits;
use super::scalar::{Scalar, text_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "bin",
    signature: "bin(value) -> text",
    summary: "A whole number in base 2, or the bytes of a text with eight digits each. A number \
              below 0 has the digits of its 64 bits.",
    source: Some("As in DuckDB."),
    example: Example { sql: "SELECT bin(5) || ' ' || bin('ab')", result: "101 0110000101100010" },
    arguments: &[Argument::Bytes],
    body: Body::Scalar(Scalar { returns: text_type, compute: |columns, _| DIGITS.of(&columns[0]) }),
};

const DIGITS: Digits = Digits {
    bytes: |bytes| bytes.iter().map(|byte| format!("{byte:08b}")).collect(),
    number: |number| format!("{number:b}"),
};
