//! `engagement_rate(reposts, comments, likes, followers)`.

use datafusion::arrow::datatypes::DataType;

use super::aggregate::{Aggregate, add_totals};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "engagement_rate",
    signature: "engagement_rate(reposts, comments, likes, followers) -> number, over posts",
    summary: "The engagement rate by followers (ERF): (reposts + comments + likes) / followers of \
              each post, averaged over the posts for which all four are known and somebody \
              follows. Write coalesce(likes, 0) for a service that has no likes.",
    source: Some("the usual definition by followers; rates by reach need data no export holds."),
    example: Example {
        sql: "SELECT engagement_rate(r, c, l, 1000) \
              FROM (VALUES (10, 5, 5), (20, 0, 40), (7, 7, NULL)) AS posts (r, c, l)",
        result: "0.04",
    },
    arguments: &[Argument::Number, Argument::Number, Argument::Number, Argument::Number],
    body: Body::Aggregate(Aggregate {
        returns: DataType::Float64,
        add,
        merge: add_totals,
        finish: |totals| match totals {
            [rates, posts] => Some(rates / posts),
            _ => None,
        },
    }),
};

/// Adds a post: its rate, and one.
fn add(totals: &mut Vec<f64>, post: &[Option<f64>]) {
    if let [Some(reposts), Some(comments), Some(likes), Some(followers)] = post
        && *followers > 0.0
    {
        add_totals(totals, &[(reposts + comments + likes) / followers, 1.0]);
    }
}
