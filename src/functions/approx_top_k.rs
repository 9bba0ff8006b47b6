//! `approx_top_k(value, k)`.

use super::counted::{Counted, Gives};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "approx_top_k",
    signature: "approx_top_k(value, k) -> list of values, over rows",
    summary: "The values that come most often, the commonest first: such as the five clients of \
              each account. All are counted; of those that come equally often the lesser ones are \
              first. Unknown values do not take part.",
    source: Some("As in DuckDB, which estimates it."),
    example: Example {
        sql: "SELECT approx_top_k(tag, 2) FROM (VALUES ('a'), ('b'), ('c'), ('b'), ('c'), ('c')) AS t (tag)",
        result: "[c, b]",
    },
    arguments: &[Argument::Any, Argument::Whole],
    body: Body::Counted(Counted { gives: Gives::Commonest, aliases: &[] }),
};
