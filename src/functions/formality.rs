//! `formality(text)`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array};
use datafusion::common::Result;

use super::judged::judged;
use super::scalar::{Scalar, number_type, texts};
use super::{Argument, Body, Dictionaries, Example, Function, Judgement};
use crate::text::entities::count_emojis;

pub(super) static FUNCTION: Function = Function {
    name: "formality",
    signature: "formality(text) -> number",
    summary: "How official a post sounds, from 0 (lively) to 1 (formal): the share of formal \
              marks among all marks of tone, each side counted from one, so that 0.5 is neutral. \
              Emoji are lively; the words are in formal.txt and lively.txt. NULL for empty text.",
    source: Some(
        "weiku's own measure, not a published index; it counts words and does not understand them.",
    ),
    example: Example {
        sql: "SELECT formality('根据有关规定，现将结果通报如下') > formality('早安，亲们[哈哈]！！')",
        result: "true",
    },
    arguments: &[Argument::Text],
    body: Body::Scalar(Scalar {
        returns: number_type,
        compute: |columns, environment| scores(&columns[0], &environment.dictionaries),
    }),
};

/// The score of each text.
fn scores(column: &ArrayRef, words: &Arc<Dictionaries>) -> Result<ArrayRef> {
    let judgements = judged(column, words)?;
    let scores: Float64Array = texts(column)?
        .zip(judgements.iter())
        .map(|(text, judgement)| {
            text.filter(|text| !text.trim().is_empty()).map(|text| score(text, judgement))
        })
        .collect();
    Ok(Arc::new(scores))
}

/// The score of one text.
fn score(text: &str, judgement: &Judgement) -> f64 {
    let formal = f64::from(judgement.formal);
    let lively = f64::from(judgement.lively) + count_emojis(text) as f64;
    (formal + 1.0) / (formal + lively + 2.0)
}
