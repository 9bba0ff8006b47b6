//! `mentions(text)`.

use super::scalar::{Scalar, list_type, lists};
use super::{Argument, Body, Example, Function};
use crate::text::entities;

pub(super) static FUNCTION: Function = Function {
    name: "mentions",
    signature: "mentions(text) -> list of text",
    summary: "The names that a post mentions, each once, without the @; on Mastodon with their host.",
    source: None,
    example: Example {
        sql: "SELECT mentions('感谢@外交小灵通 和 @me@example.org')",
        result: "[外交小灵通, me@example.org]",
    },
    arguments: &[Argument::Text],
    body: Body::Scalar(Scalar {
        returns: list_type,
        compute: |columns, _| lists(&columns[0], entities::mentions),
    }),
};
