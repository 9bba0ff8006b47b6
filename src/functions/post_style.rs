//! `post_style(text)`.

use std::borrow::Cow;

use super::scalar::{Scalar, converted, text_type};
use super::{Argument, Body, Dictionaries, Example, Function};
use crate::text::entities::{own_words, repost_chain};

pub(super) static FUNCTION: Function = Function {
    name: "post_style",
    signature: "post_style(text) -> text",
    summary: "The kind of a post, by the first rule that holds: 'emergency' if it holds a word of \
              emergency.txt; 'interaction' if it holds a word of interaction.txt, or comments on \
              a post that it passes on; else 'news'. NULL for empty text.",
    source: Some(
        "weiku's own rule for the three operating styles that the 2012 ministry report tells \
         apart: interaction, news release, emergency information.",
    ),
    example: Example {
        sql: "SELECT post_style('中央气象台发布暴雨蓝色预警')",
        result: "emergency",
    },
    arguments: &[Argument::Text],
    body: Body::Scalar(Scalar {
        returns: text_type,
        compute: |columns, environment| {
            converted(&columns[0], |text| kind(text, &environment.dictionaries).map(Cow::Borrowed))
        },
    }),
};

/// What Weibo puts for a repost without a comment.
const BARE_REPOST: [&str; 3] = ["", "转发微博", "Repost"];

/// The kind of one post.
fn kind(text: &str, words: &Dictionaries) -> Option<&'static str> {
    if text.trim().is_empty() {
        return None;
    }
    Some(if words.emergency.occurs(text) {
        "emergency"
    } else if words.interaction.occurs(text) || comments(text) {
        "interaction"
    } else {
        "news"
    })
}

/// Whether the post comments on one that it passes on.
fn comments(text: &str) -> bool {
    !repost_chain(text).is_empty() && !BARE_REPOST.contains(&own_words(text))
}
