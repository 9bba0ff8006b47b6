//! `originality(is_repost)`.

use datafusion::arrow::datatypes::DataType;

use super::aggregate::{Aggregate, add_totals};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "originality",
    signature: "originality(is_repost) -> number, over posts",
    summary: "The share of posts that are no reposts (原创率), among those of which it is known.",
    source: Some("lists of government accounts of Chengdu, Zhejiang and Sichuan, 2014 and 2015."),
    example: Example {
        sql: "SELECT originality(r) FROM (VALUES (false), (true), (false), (NULL), (false)) AS p (r)",
        result: "0.75",
    },
    arguments: &[Argument::Flag],
    body: Body::Aggregate(Aggregate {
        returns: DataType::Float64,
        add: |totals, post| {
            if let [Some(is_repost)] = post {
                add_totals(totals, &[1.0 - is_repost, 1.0]);
            }
        },
        merge: add_totals,
        finish: |totals| match totals {
            [originals, posts] => Some(originals / posts),
            _ => None,
        },
    }),
};
