//! `mode(value)`.

use super::counted::{Counted, Gives};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "mode",
    signature: "mode(value) -> value, over rows",
    summary: "The value that comes most often; of several the least. Unknown values do not take \
              part.",
    source: None,
    example: Example {
        sql: "SELECT mode(city) FROM (VALUES ('上海'), ('北京'), ('北京'), (NULL)) AS accounts (city)",
        result: "北京",
    },
    arguments: &[Argument::Any],
    body: Body::Counted(Counted { gives: Gives::MostFrequent, aliases: &[] }),
};
