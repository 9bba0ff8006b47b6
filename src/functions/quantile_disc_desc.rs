//! `quantile_disc_desc(value, share)`.

use super::counted::{Counted, Gives};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "quantile_disc_desc",
    signature: "quantile_disc_desc(value, share) -> value, over rows",
    summary: "The greatest of the values that at least this share of all does not go below: what \
              percentile_disc(share) WITHIN GROUP (ORDER BY value DESC) gives. The share is a \
              number from 0 to 1. Unknown values do not take part.",
    source: None,
    example: Example {
        sql: "SELECT quantile_disc_desc(likes, 0.5) FROM (VALUES (1), (2), (3), (90)) AS p (likes)",
        result: "3",
    },
    arguments: &[Argument::Any, Argument::Number],
    body: Body::Counted(Counted { gives: Gives::QuantileFromTop, aliases: &[] }),
};
