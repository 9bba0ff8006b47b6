//! `arg_max(value, by)`.

use super::extreme::{Extreme, Wanted};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "arg_max",
    signature: "arg_max(value, by[, n]) -> value, over rows",
    summary: "The value where another column is greatest, also called max_by: arg_max(text, likes) \
              is the text with the most likes. Rows where either is unknown do not take part; of \
              rows that are alike in what decides, the least value counts. With a number it is a \
              list: arg_max(text, likes, 3) has the three texts with the most likes, and \
              max(likes, 3) their likes.",
    source: None,
    example: Example {
        sql: "SELECT arg_max(name, likes) FROM (VALUES ('a', 3), ('b', 7), ('c', NULL)) AS posts (name, likes)",
        result: "b",
    },
    arguments: &[Argument::Any, Argument::Any],
    body: Body::Extreme(Extreme { wanted: Wanted::Greatest, aliases: &["argmax", "max_by"] }),
};
