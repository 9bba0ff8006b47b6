//! `jaro_winkler_similarity(text, text)`.

use datafusion::arrow::datatypes::Float64Type;

use super::compared::compared;
use super::scalar::{Scalar, number_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "jaro_winkler_similarity",
    signature: "jaro_winkler_similarity(text, text) -> number",
    summary: "How alike two texts are, from 0 to 1, where a common beginning counts more: for \
              names.",
    source: Some("The measure of Jaro and Winkler, as in the crate strsim, over characters."),
    example: Example {
        sql: "SELECT round(jaro_winkler_similarity('duck', 'duckdb'), 2)",
        result: "0.93",
    },
    arguments: &[Argument::Text, Argument::Text],
    body: Body::Scalar(Scalar {
        returns: number_type,
        compute: |columns, _| {
            compared::<Float64Type>(columns, |one, other| Some(strsim::jaro_winkler(one, other)))
        },
    }),
};
