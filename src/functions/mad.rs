//! `mad(value)`.

use datafusion::arrow::datatypes::DataType;

use super::aggregate::{Aggregate, keep_value, keep_values};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "mad",
    signature: "mad(value) -> number, over rows",
    summary: "How far values lie from the median: the median of these distances, which a few far \
              values do not change. Unknown values do not take part.",
    source: Some("The median absolute deviation, as in DuckDB."),
    example: Example {
        sql: "SELECT mad(likes) FROM (VALUES (1), (2), (2), (10)) AS posts (likes)",
        result: "0.5",
    },
    arguments: &[Argument::Number],
    body: Body::Aggregate(Aggregate {
        returns: DataType::Float64,
        add: keep_value,
        merge: keep_values,
        finish: mad,
    }),
};

/// The median of the distances from the median.
fn mad(values: &[f64]) -> Option<f64> {
    let middle = median(values.to_vec())?;
    median(values.iter().map(|value| (value - middle).abs()).collect())
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    Some(f64::midpoint(values[last / 2], values[values.len() / 2]))
}
