//! `own_words(text)`.

use std::borrow::Cow;

use super::scalar::{Scalar, converted, text_type};
use super::{Argument, Body, Example, Function};
use crate::text::entities;

pub(super) static FUNCTION: Function = Function {
    name: "own_words",
    signature: "own_words(text) -> text",
    summary: "What the account itself says in a repost: the text before the first //@name:.",
    source: None,
    example: Example {
        sql: "SELECT own_words('请扩散 //@中国地震局:四川发生地震')",
        result: "请扩散",
    },
    arguments: &[Argument::Text],
    body: Body::Scalar(Scalar {
        returns: text_type,
        compute: |columns, _| {
            converted(&columns[0], |text| Some(Cow::Borrowed(entities::own_words(text))))
        },
    }),
};
