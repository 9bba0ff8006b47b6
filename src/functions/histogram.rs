//! `histogram(value)`.

use super::counted::{Counted, Gives};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "histogram",
    signature: "histogram(value) -> map from values to integers, over rows",
    summary: "How often each value comes, in the order of the values. histogram(x)['a'] is the \
              number of one, map_keys and map_values make lists, and unnest(map_entries(...)) \
              makes rows. Unknown values do not take part.",
    source: Some("As in DuckDB."),
    example: Example {
        sql: "SELECT histogram(platform) FROM (VALUES ('weibo'), ('x'), ('weibo')) AS p (platform)",
        result: "{weibo: 2, x: 1}",
    },
    arguments: &[Argument::Any],
    body: Body::Counted(Counted { gives: Gives::Histogram, aliases: &[] }),
};
