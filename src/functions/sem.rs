//! `sem(value)`.

use datafusion::arrow::datatypes::DataType;

use super::aggregate::Aggregate;
use super::{Argument, Body, Example, Function, moments};

pub(super) static FUNCTION: Function = Function {
    name: "sem",
    signature: "sem(value) -> number, over rows",
    summary: "How far the mean may be off, the standard error of the mean: the standard deviation \
              of these values (stddev_pop) over the root of their number. Unknown values do not \
              take part.",
    source: Some("As in DuckDB; of a sample it is stddev(x) / sqrt(count(x))."),
    example: Example {
        sql: "SELECT round(sem(likes), 6) FROM (VALUES (1), (2), (4), (NULL)) AS posts (likes)",
        result: "0.720082",
    },
    arguments: &[Argument::Number],
    body: Body::Aggregate(Aggregate {
        returns: DataType::Float64,
        add: moments::add,
        merge: moments::merge,
        finish: moments::standard_error,
    }),
};
