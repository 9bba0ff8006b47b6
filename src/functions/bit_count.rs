//! `bit_count(integer)`.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, Int64Array};
use datafusion::arrow::datatypes::Int64Type;

use super::scalar::{Scalar, integer_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "bit_count",
    signature: "bit_count(integer) -> integer",
    summary: "How many of the 64 bits of a whole number are set.",
    source: None,
    example: Example { sql: "SELECT bit_count(7)", result: "3" },
    arguments: &[Argument::Whole],
    body: Body::Scalar(Scalar {
        returns: integer_type,
        compute: |columns, _| {
            let numbers = columns[0].as_primitive::<Int64Type>();
            let counts: Int64Array = numbers.unary(|bits| i64::from(bits.count_ones()));
            Ok(Arc::new(counts))
        },
    }),
};
