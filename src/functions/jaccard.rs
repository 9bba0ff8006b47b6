//! `jaccard(text, text)`.

use std::collections::HashSet;

use datafusion::arrow::datatypes::Float64Type;

use super::compared::compared;
use super::scalar::{Scalar, number_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "jaccard",
    signature: "jaccard(text, text) -> number",
    summary: "How many of the different characters of two texts are in both, from 0 to 1; NULL \
              if both are empty.",
    source: Some("The coefficient of Jaccard over sets of characters."),
    example: Example { sql: "SELECT jaccard('abc', 'bcd')", result: "0.5" },
    arguments: &[Argument::Text, Argument::Text],
    body: Body::Scalar(Scalar {
        returns: number_type,
        compute: |columns, _| compared::<Float64Type>(columns, shared),
    }),
};

/// The share of characters in both texts among those in one of them.
fn shared(one: &str, other: &str) -> Option<f64> {
    let one: HashSet<char> = one.chars().collect();
    let other: HashSet<char> = other.chars().collect();
    let (both, all) = (one.intersection(&other).count(), one.union(&other).count());
    (all > 0).then(|| both as f64 / all as f64)
}
