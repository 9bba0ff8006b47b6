//! `damerau_levenshtein(text, text)`.

use datafusion::arrow::datatypes::Int64Type;

use super::compared::compared;
use super::scalar::{Scalar, integer_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "damerau_levenshtein",
    signature: "damerau_levenshtein(text, text) -> integer",
    summary: "How many characters must be put in, left out, changed or swapped with their \
              neighbour to make one text of another.",
    source: None,
    example: Example {
        sql: "SELECT damerau_levenshtein('天气预报', '气天预报')", result: "1"
    },
    arguments: &[Argument::Text, Argument::Text],
    body: Body::Scalar(Scalar {
        returns: integer_type,
        compute: |columns, _| {
            compared::<Int64Type>(columns, |one, other| {
                i64::try_from(strsim::damerau_levenshtein(one, other)).ok()
            })
        },
    }),
};
