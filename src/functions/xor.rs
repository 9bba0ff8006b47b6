//! `xor(integer, integer)`.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, Int64Array};
use datafusion::arrow::compute::binary;
use datafusion::arrow::datatypes::Int64Type;

use super::scalar::{Scalar, integer_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "xor",
    signature: "xor(integer, integer) -> integer",
    summary: "The bits that are set in one of two whole numbers, and not in both.",
    source: None,
    example: Example { sql: "SELECT xor(6, 3)", result: "5" },
    arguments: &[Argument::Whole, Argument::Whole],
    body: Body::Scalar(Scalar {
        returns: integer_type,
        compute: |columns, _| {
            let one = columns[0].as_primitive::<Int64Type>();
            let other = columns[1].as_primitive::<Int64Type>();
            let bits: Int64Array = binary(one, other, |x, y| x ^ y)?;
            Ok(Arc::new(bits))
        },
    }),
};
