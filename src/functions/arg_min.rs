//! `arg_min(value, by)`.

use super::extreme::{Extreme, Wanted};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "arg_min",
    signature: "arg_min(value, by[, n]) -> value, over rows",
    summary: "The value where another column is least, also called min_by: arg_min(text, posted_at) \
              is the first text. Rows where either is unknown do not take part; of rows that are \
              alike in what decides, the least value counts. With a number it is a list: \
              arg_min(text, posted_at, 3) has the first three texts, and min(posted_at, 3) their \
              times.",
    source: None,
    example: Example {
        sql: "SELECT arg_min(name, likes) FROM (VALUES ('a', 3), ('b', 7), ('c', NULL)) AS posts (name, likes)",
        result: "a",
    },
    arguments: &[Argument::Any, Argument::Any],
    body: Body::Extreme(Extreme { wanted: Wanted::Least, aliases: &["argmin", "min_by"] }),
};
