//! `repost_chain(text)`.

use super::scalar::{Scalar, list_type, lists};
use super::{Argument, Body, Example, Function};
use crate::text::entities;

pub(super) static FUNCTION: Function = Function {
    name: "repost_chain",
    signature: "repost_chain(text) -> list of text",
    summary: "The names that a repost quotes as //@name:words, the latest first: they lead from \
              the account that was reposted back towards the author.",
    source: None,
    example: Example {
        sql: "SELECT repost_chain('请扩散//@四川地震局:平安//@中国地震局:四川发生地震')",
        result: "[四川地震局, 中国地震局]",
    },
    arguments: &[Argument::Text],
    body: Body::Scalar(Scalar {
        returns: list_type,
        compute: |columns, _| {
            lists(&columns[0], |text| {
                entities::repost_chain(text).into_iter().map(|link| link.name).collect()
            })
        },
    }),
};
