//! `dormancy(posted_at, as_of)`.

use datafusion::arrow::datatypes::DataType;

use super::aggregate::Aggregate;
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "dormancy",
    signature: "dormancy(posted_at, as_of) -> number, over posts",
    summary: "The days since the last post that was made up to the time given; NULL if there is \
              none. Checks of government accounts take two weeks without a post as dormant.",
    source: Some(
        "the threshold of two weeks is customary and not part of the function; compare with what \
         the rules of the day say.",
    ),
    example: Example {
        sql: "SELECT dormancy(t, TIMESTAMP '2012-08-27 00:00:00') FROM (VALUES \
              (TIMESTAMP '2012-08-20 00:00:00'), (TIMESTAMP '2012-08-24 12:00:00'), \
              (TIMESTAMP '2012-09-01 00:00:00')) AS posts (t)",
        result: "2.5",
    },
    arguments: &[Argument::Instant, Argument::Instant],
    body: Body::Aggregate(Aggregate {
        returns: DataType::Float64,
        add: |shortest, post| {
            if let [Some(posted_at), Some(as_of)] = post
                && posted_at <= as_of
            {
                keep_shortest(shortest, &[as_of - posted_at]);
            }
        },
        merge: keep_shortest,
        finish: |shortest| shortest.first().map(|microseconds| microseconds / DAY),
    }),
};

/// The microseconds of a day.
const DAY: f64 = 86_400_000_000.0;

/// Keeps the shorter of two pauses, if there are two.
fn keep_shortest(shortest: &mut Vec<f64>, other: &[f64]) {
    for pause in other {
        match shortest.first_mut() {
            Some(shortest) => *shortest = shortest.min(*pause),
            None => shortest.push(*pause),
        }
    }
}
