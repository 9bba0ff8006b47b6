//! `kurtosis_pop(value)`.

use datafusion::arrow::datatypes::DataType;

use super::aggregate::Aggregate;
use super::{Argument, Body, Example, Function, moments};

pub(super) static FUNCTION: Function = Function {
    name: "kurtosis_pop",
    signature: "kurtosis_pop(value) -> number, over rows",
    summary: "How much of the spread comes from a few far values, where the rows are all there \
              are: kurtosis without correction. NULL if all values are the same; unknown values \
              do not take part.",
    source: Some("Excess kurtosis, as in DuckDB."),
    example: Example {
        sql: "SELECT round(kurtosis_pop(likes), 6) FROM (VALUES (1), (2), (2), (10)) AS p (likes)",
        result: "-0.697334",
    },
    arguments: &[Argument::Number],
    body: Body::Aggregate(Aggregate {
        returns: DataType::Float64,
        add: moments::add,
        merge: moments::merge,
        finish: moments::kurtosis_of_all,
    }),
};
