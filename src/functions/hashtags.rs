//! `hashtags(text)`.

use super::scalar::{Scalar, list_type, lists};
use super::{Argument, Body, Example, Function};
use crate::text::entities;

pub(super) static FUNCTION: Function = Function {
    name: "hashtags",
    signature: "hashtags(text) -> list of text",
    summary: "The hashtags of a post, each once: Weibo's #topic# pairs and the #tag form of X and Mastodon.",
    source: None,
    example: Example {
        sql: "SELECT hashtags('#北京暴雨#请注意安全 #安全')",
        result: "[北京暴雨, 安全]",
    },
    arguments: &[Argument::Text],
    body: Body::Scalar(Scalar {
        returns: list_type,
        compute: |columns, _| lists(&columns[0], entities::hashtags),
    }),
};
