//! `url_encode(text)`.

use std::borrow::Cow;
use std::fmt::Write;

use super::scalar::{Scalar, converted, text_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "url_encode",
    signature: "url_encode(text) -> text",
    summary: "A text as it stands in an address: what is no letter, digit or one of -_.~ \
              becomes its bytes in UTF-8 as %E5.",
    source: Some("RFC 3986."),
    example: Example { sql: "SELECT url_encode('台风 a')", result: "%E5%8F%B0%E9%A3%8E%20a" },
    arguments: &[Argument::Text],
    body: Body::Scalar(Scalar {
        returns: text_type,
        compute: |columns, _| converted(&columns[0], |text| Some(Cow::Owned(encoded(text)))),
    }),
};

/// `text` with all but the unreserved signs written as bytes.
fn encoded(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            made.push(char::from(byte));
        } else {
            // Nothing fails that is written to a text.
            let _ = write!(made, "%{byte:02X}");
        }
    }
    made
}
