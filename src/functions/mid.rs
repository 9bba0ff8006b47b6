//! `mid(bid)`.

use std::borrow::Cow;

use super::scalar::{Scalar, converted, text_type};
use super::{Argument, Body, Example, Function};
use crate::text::weibo_id::mid_from_bid;

pub(super) static FUNCTION: Function = Function {
    name: "mid",
    signature: "mid(bid) -> text",
    summary: "The numeric id (post_id) of the Weibo post whose address ends with the short id; \
              NULL if it is no short id.",
    source: Some("base 62 in groups of four digits, each for seven decimal digits."),
    example: Example { sql: "SELECT mid('z0JH2lOMb')", result: "3501756485200075" },
    arguments: &[Argument::Text],
    body: Body::Scalar(Scalar {
        returns: text_type,
        compute: |columns, _| {
            converted(&columns[0], |bid| {
                mid_from_bid(bid.trim()).map(|mid| Cow::Owned(mid.to_string()))
            })
        },
    }),
};
