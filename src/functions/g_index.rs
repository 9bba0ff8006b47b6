//! `g_index(count)`.

use datafusion::arrow::datatypes::DataType;

use super::aggregate::{Aggregate, descending, keep_value, keep_values};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "g_index",
    signature: "g_index(count) -> integer, over posts",
    summary: "The largest g such that the g posts with the largest counts have g * g or more \
              together; unlike the h-index it gives weight to great successes. Unknown counts do \
              not take part.",
    source: Some("Egghe (2006); applied to micro-blogs of 40 universities in 现代情报 2018(6)."),
    example: Example {
        sql: "SELECT g_index(reposts) FROM (VALUES (20), (2), (1), (0), (0)) AS p (reposts)",
        result: "4",
    },
    arguments: &[Argument::Number],
    body: Body::Aggregate(Aggregate {
        returns: DataType::Int64,
        add: keep_value,
        merge: keep_values,
        finish: |counts| (!counts.is_empty()).then(|| g_index(counts)),
    }),
};

/// The g-index of `counts`. The mean of the largest counts falls and the rank
/// rises, so that the first rank that fails is the last to try.
fn g_index(counts: &[f64]) -> f64 {
    let mut total = 0.0;
    let mut reached = 0.0;
    for count in descending(counts) {
        total += count;
        let rank = reached + 1.0;
        if total < rank * rank {
            break;
        }
        reached = rank;
    }
    reached
}
