//! `urls(text)`.

use super::scalar::{Scalar, list_type, lists};
use super::{Argument, Body, Example, Function};
use crate::text::entities;

pub(super) static FUNCTION: Function = Function {
    name: "urls",
    signature: "urls(text) -> list of text",
    summary: "The web addresses in a post, each once; Chinese text and closing punctuation end them.",
    source: None,
    example: Example {
        sql: "SELECT urls('详见http://t.cn/zWx1，转发')",
        result: "[http://t.cn/zWx1]",
    },
    arguments: &[Argument::Text],
    body: Body::Scalar(Scalar {
        returns: list_type,
        compute: |columns, _| lists(&columns[0], entities::urls),
    }),
};
