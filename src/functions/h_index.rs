//! `h_index(count)`.

use datafusion::arrow::datatypes::DataType;

use super::aggregate::{Aggregate, descending, keep_value, keep_values};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "h_index",
    signature: "h_index(count) -> integer, over posts",
    summary: "The largest h such that h posts have a count (of reposts, comments or likes) of h or \
              more each; one viral post hardly moves it. Unknown counts do not take part.",
    source: Some("Hirsch (2005); applied to micro-blogs of 40 universities in 现代情报 2018(6)."),
    example: Example {
        sql: "SELECT h_index(reposts) FROM (VALUES (9), (7), (3), (2), (NULL)) AS p (reposts)",
        result: "3",
    },
    arguments: &[Argument::Number],
    body: Body::Aggregate(Aggregate {
        returns: DataType::Int64,
        add: keep_value,
        merge: keep_values,
        finish: |counts| {
            let ranks = (1..).map(f64::from);
            let reached =
                descending(counts).into_iter().zip(ranks).take_while(|(c, rank)| c >= rank);
            (!counts.is_empty()).then(|| reached.count() as f64)
        },
    }),
};
