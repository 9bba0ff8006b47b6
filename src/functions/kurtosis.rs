//! `kurtosis(value)`.

use datafusion::arrow::datatypes::DataType;

use super::aggregate::Aggregate;
use super::{Argument, Body, Example, Function, moments};

pub(super) static FUNCTION: Function = Function {
    name: "kurtosis",
    signature: "kurtosis(value) -> number, over rows",
    summary: "How much of the spread comes from a few far values: 0 as in a normal distribution. \
              NULL for fewer than four values, or if all are the same; unknown values do not take \
              part.",
    source: Some("Excess kurtosis, corrected for samples, as in DuckDB."),
    example: Example {
        sql: "SELECT round(kurtosis(likes), 6) FROM (VALUES (1), (2), (2), (10)) AS posts (likes)",
        result: "3.769996",
    },
    arguments: &[Argument::Number],
    body: Body::Aggregate(Aggregate {
        returns: DataType::Float64,
        add: moments::add,
        merge: moments::merge,
        finish: moments::kurtosis,
    }),
};
