//! `emojis(text)`.

use super::scalar::{Scalar, list_type, lists};
use super::{Argument, Body, Example, Function};
use crate::text::entities;

pub(super) static FUNCTION: Function = Function {
    name: "emojis",
    signature: "emojis(text) -> list of text",
    summary: "The emoji of a post, each once: pictures of Unicode and Weibo faces such as [哈哈].",
    source: None,
    example: Example {
        sql: "SELECT emojis('早安[哈哈][哈哈]👍')", result: "[[哈哈], 👍]"
    },
    arguments: &[Argument::Text],
    body: Body::Scalar(Scalar {
        returns: list_type,
        compute: |columns, _| lists(&columns[0], entities::emojis),
    }),
};
