//! `gini(value)`.

use datafusion::arrow::datatypes::DataType;

use super::aggregate::{Aggregate, descending, keep_value, keep_values};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "gini",
    signature: "gini(value) -> number, over rows",
    summary: "How unequally a total is spread over rows, from 0 (all equal) towards 1 (one row has \
              all): the Gini coefficient. NULL if the total is 0 or a value is negative; unknown \
              values do not take part.",
    source: Some("Gini (1912), without correction for small samples."),
    example: Example {
        sql: "SELECT gini(followers) FROM (VALUES (1), (1), (1), (5)) AS accounts (followers)",
        result: "0.375",
    },
    arguments: &[Argument::Number],
    body: Body::Aggregate(Aggregate {
        returns: DataType::Float64,
        add: keep_value,
        merge: keep_values,
        finish: gini,
    }),
};

/// The coefficient of `values`.
fn gini(values: &[f64]) -> Option<f64> {
    let total: f64 = values.iter().sum();
    if total <= 0.0 || values.iter().any(|value| *value < 0.0) {
        return None;
    }
    let ranked: f64 = descending(values).iter().zip(1..).map(|(v, rank)| v * f64::from(rank)).sum();
    let count = values.len() as f64;
    Some((count + 1.0) / count - 2.0 * ranked / (count * total))
}
