//! `post_style(text)`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringViewArray};
use datafusion::common::Result;

use super::judged::judged;
use super::scalar::{Scalar, text_type, texts};
use super::{Argument, Body, Dictionaries, Example, Function, Judgement};
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
        compute: |columns, environment| kinds(&columns[0], &environment.dictionaries),
    }),
};

/// What Weibo puts for a repost without a comment.
const BARE_REPOST: [&str; 3] = ["", "转发微博", "Repost"];

/// The kind of each post.
fn kinds(column: &ArrayRef, words: &Arc<Dictionaries>) -> Result<ArrayRef> {
    let judgements = judged(column, words)?;
    let kinds: StringViewArray = texts(column)?
        .zip(judgements.iter())
        .map(|(text, judgement)| {
            text.filter(|text| !text.trim().is_empty()).map(|text| kind(text, judgement))
        })
        .collect();
    Ok(Arc::new(kinds))
}

/// The kind of one post.
fn kind(text: &str, judgement: &Judgement) -> &'static str {
    if judgement.is_urgent {
        "emergency"
    } else if judgement.addresses_reader || comments(text) {
        "interaction"
    } else {
        "news"
    }
}

/// Whether the post comments on one that it passes on.
fn comments(text: &str) -> bool {
    !repost_chain(text).is_empty() && !BARE_REPOST.contains(&own_words(text))
}
