//! `url_decode(text)`.

use std::borrow::Cow;

use super::scalar::{Scalar, converted, text_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "url_decode",
    signature: "url_decode(text) -> text",
    summary: "The text that stands in an address as %E5%8F%B0; a + is a +, and NULL what is no \
              text in UTF-8 then.",
    source: Some("RFC 3986."),
    example: Example { sql: "SELECT url_decode('%E5%8F%B0%E9%A3%8E')", result: "台风" },
    arguments: &[Argument::Text],
    body: Body::Scalar(Scalar {
        returns: text_type,
        compute: |columns, _| converted(&columns[0], decoded),
    }),
};

/// `text` with the bytes that it writes; a % that writes none stays.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let (mut made, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, behind @ ..] = rest {
        let written = (*first == b'%').then(|| byte(behind)).flatten();
        made.push(written.unwrap_or(*first));
        rest = if written.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8(made).ok().map(Cow::Owned)
}

/// The byte that two digits of base 16 write.
fn byte(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}
