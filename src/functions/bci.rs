//! `bci(reposts, comments, likes)`.

use datafusion::arrow::datatypes::DataType;

use super::aggregate::{Aggregate, add_totals};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "bci",
    signature: "bci(reposts, comments, likes) -> number, over posts",
    summary: "The micro-blog communication index (BCI) in its form with four inputs, over the \
              posts of a period: (0.2 W1 + 0.8 W2) * 160, where W1 = ln(posts + 1) and W2 = 0.4 \
              ln(reposts + 1) + 0.4 ln(comments + 1) + 0.2 ln(likes + 1) of the totals. An \
              unknown count adds nothing; NULL if one of the counts is unknown for all posts.",
    source: Some(
        "formula as registered with the Zhejiang data intellectual property registry (2024); a \
         registrant's variant of the index with seven inputs.",
    ),
    example: Example {
        sql: "SELECT round(bci(reposts, comments, likes), 2) \
              FROM (VALUES (10, 5, 20), (0, 1, 3)) AS posts (reposts, comments, likes)",
        result: "338.92",
    },
    arguments: &[Argument::Number, Argument::Number, Argument::Number],
    body: Body::Aggregate(Aggregate { returns: DataType::Float64, add, merge: add_totals, finish }),
};

/// Adds a post: one, its three counts, and which of them are known.
fn add(totals: &mut Vec<f64>, post: &[Option<f64>]) {
    let mut terms = [1.0; 7];
    for (at, count) in post.iter().enumerate() {
        terms[1 + at] = count.unwrap_or(0.0);
        terms[4 + at] = f64::from(u8::from(count.is_some()));
    }
    add_totals(totals, &terms);
}

/// The index of the totals.
fn finish(totals: &[f64]) -> Option<f64> {
    let [posts, reposts, comments, likes, known @ ..] = totals else { return None };
    if known.contains(&0.0) {
        return None;
    }
    let received = 0.4 * reposts.ln_1p() + 0.4 * comments.ln_1p() + 0.2 * likes.ln_1p();
    Some((0.2 * posts.ln_1p() + 0.8 * received) * 160.0)
}
