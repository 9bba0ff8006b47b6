//! `quantile_disc(value, share)`.

use super::counted::{Counted, Gives};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "quantile_disc",
    signature: "quantile_disc(value, share) -> value, over rows",
    summary: "The least of the values that at least this share of all does not go beyond, also \
              called quantile and percentile_disc: one that is there, where quantile_cont computes \
              one between two. The share is a number from 0 to 1. Unknown values do not take part.",
    source: None,
    example: Example {
        sql: "SELECT quantile_disc(likes, 0.9) FROM (VALUES (1), (2), (3), (90)) AS posts (likes)",
        result: "90",
    },
    arguments: &[Argument::Any, Argument::Number],
    body: Body::Counted(Counted {
        gives: Gives::Quantile,
        aliases: &["quantile", "percentile_disc"],
    }),
};
