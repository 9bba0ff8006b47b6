//! `hamming(text, text)`.

use datafusion::arrow::datatypes::Int64Type;

use super::compared::compared;
use super::scalar::{Scalar, integer_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "hamming",
    signature: "hamming(text, text) -> integer",
    summary: "In how many places two texts of the same length have different characters; NULL \
              if they are not as long as each other.",
    source: None,
    example: Example { sql: "SELECT hamming('天气预报', '天色预报')", result: "1" },
    arguments: &[Argument::Text, Argument::Text],
    body: Body::Scalar(Scalar {
        returns: integer_type,
        compute: |columns, _| {
            compared::<Int64Type>(columns, |one, other| {
                i64::try_from(strsim::hamming(one, other).ok()?).ok()
            })
        },
    }),
};
