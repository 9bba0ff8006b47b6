//! `plain_text(html)`.

use std::borrow::Cow;

use super::scalar::{Scalar, converted, text_type};
use super::{Argument, Body, Example, Function};
use crate::text::plain;

pub(super) static FUNCTION: Function = Function {
    name: "plain_text",
    signature: "plain_text(html) -> text",
    summary: "The text that a browser would show for HTML: line breaks and paragraphs become \
              newlines, character references are decoded, the text of links stays.",
    source: None,
    example: Example {
        sql: "SELECT plain_text('<p>A &amp; B <a href=\"/t\">#微博</a></p>')",
        result: "A & B #微博",
    },
    arguments: &[Argument::Text],
    body: Body::Scalar(Scalar {
        returns: text_type,
        compute: |columns, _| {
            converted(&columns[0], |html| Some(Cow::Owned(plain::from_html(html))))
        },
    }),
};
