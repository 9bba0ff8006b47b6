//! `skewness(value)`.

use datafusion::arrow::datatypes::DataType;

use super::aggregate::Aggregate;
use super::{Argument, Body, Example, Function, moments};

pub(super) static FUNCTION: Function = Function {
    name: "skewness",
    signature: "skewness(value) -> number, over rows",
    summary: "How lopsided the values are: above 0 where a few lie far above the others. NULL for \
              fewer than three values, or if all are the same; unknown values do not take part.",
    source: Some("The third standardized moment, corrected for samples, as in DuckDB."),
    example: Example {
        sql: "SELECT round(skewness(likes), 6) FROM (VALUES (1), (2), (2), (10)) AS posts (likes)",
        result: "1.922522",
    },
    arguments: &[Argument::Number],
    body: Body::Aggregate(Aggregate {
        returns: DataType::Float64,
        add: moments::add,
        merge: moments::merge,
        finish: moments::skewness,
    }),
};
