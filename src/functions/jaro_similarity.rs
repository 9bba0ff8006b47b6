//! `jaro_similarity(text, text)`.

use datafusion::arrow::datatypes::Float64Type;

use super::compared::compared;
use super::scalar::{Scalar, number_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "jaro_similarity",
    signature: "jaro_similarity(text, text) -> number",
    summary: "How alike two texts are by their characters and the order of these, from 0 to 1.",
    source: Some("The measure of Jaro, as in the crate strsim, over characters."),
    example: Example {
        sql: "SELECT round(jaro_similarity('大城小爱', '小城大爱'), 2)",
        result: "0.67",
    },
    arguments: &[Argument::Text, Argument::Text],
    body: Body::Scalar(Scalar {
        returns: number_type,
        compute: |columns, _| {
            compared::<Float64Type>(columns, |one, other| Some(strsim::jaro(one, other)))
        },
    }),
};
