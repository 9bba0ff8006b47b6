//! `words(text)`.

use super::scalar::{Scalar, list_type, lists};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "words",
    signature: "words(text) -> list of text",
    summary: "The words of a text in their order, repeated ones each time, without punctuation, links, mentions and emoji. \
              Chinese, which is written without blanks, is cut by a dictionary and, for what is not in it, by \
              likelihood; a database adds words of its own in dictionaries/words.txt.",
    source: Some("Jieba's dictionary and hidden Markov model (github.com/fxsjy/jieba)"),
    example: Example {
        sql: "SELECT words('#北京暴雨# 请市民减少外出，详见http://t.cn/zWx1')",
        result: "[北京, 暴雨, 请, 市民, 减少, 外出, 详见]",
    },
    arguments: &[Argument::Text],
    body: Body::Scalar(Scalar {
        returns: list_type,
        compute: |columns, environment| {
            let segmenter = environment.dictionaries.segmenter();
            lists(&columns[0], |text| segmenter.words(text))
        },
    }),
};
