//! `product(value)`.

use datafusion::arrow::datatypes::DataType;

use super::aggregate::Aggregate;
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "product",
    signature: "product(value) -> number, over rows",
    summary: "The product of the values, such as a growth of many days from that of each; unknown \
              values do not take part.",
    source: None,
    example: Example {
        sql: "SELECT product(growth) FROM (VALUES (1.5), (2.0), (NULL)) AS days (growth)",
        result: "3.0",
    },
    arguments: &[Argument::Number],
    body: Body::Aggregate(Aggregate {
        returns: DataType::Float64,
        add: |product, row| multiply(product, row.first().copied().flatten()),
        merge: |product, others| multiply(product, others.first().copied()),
        finish: |product| product.first().copied(),
    }),
};

/// Multiplies what a group keeps by `factor`, if it is known.
fn multiply(product: &mut Vec<f64>, factor: Option<f64>) {
    let Some(factor) = factor else { return };
    match product.first_mut() {
        Some(product) => *product *= factor,
        None => product.push(factor),
    }
}
