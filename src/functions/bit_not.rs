//! `bit_not(integer)`.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, Int64Array};
use datafusion::arrow::datatypes::Int64Type;

use super::scalar::{Scalar, integer_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "bit_not",
    signature: "bit_not(integer) -> integer",
    summary: "A whole number of 64 bits with each of them turned round, as the sign ~ gives \
              it.",
    source: None,
    example: Example { sql: "SELECT bit_not(5)", result: "-6" },
    arguments: &[Argument::Whole],
    body: Body::Scalar(Scalar {
        returns: integer_type,
        compute: |columns, _| {
            let turned: Int64Array = columns[0].as_primitive::<Int64Type>().unary(|bits| !bits);
            Ok(Arc::new(turned))
        },
    }),
};
