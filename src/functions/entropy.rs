//! `entropy(value)`.

use super::counted::{Counted, Gives};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "entropy",
    signature: "entropy(value) -> number, over rows",
    summary: "How evenly rows are spread over different values, in bits: 0 if all are the same, 1 \
              for two that come equally often. Unknown values do not take part.",
    source: Some("Shannon (1948), with logarithms to base 2, as in DuckDB."),
    example: Example {
        sql: "SELECT entropy(kind) FROM (VALUES ('a'), ('b'), ('b'), ('c')) AS posts (kind)",
        result: "1.5",
    },
    arguments: &[Argument::Any],
    body: Body::Counted(Counted { gives: Gives::Entropy, aliases: &[] }),
};
