//! `bid(mid)`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringViewArray};
use datafusion::common::Result;

use super::scalar::{Scalar, ids, text_type};
use super::{Argument, Body, Example, Function};
use crate::text::weibo_id::bid_from_mid;

pub(super) static FUNCTION: Function = Function {
    name: "bid",
    signature: "bid(mid) -> text",
    summary: "The short id, as in a post's address, of the Weibo post with the numeric id; NULL \
              if it is no number.",
    source: Some("base 62 in groups of four digits, each for seven decimal digits."),
    example: Example { sql: "SELECT bid(3501756485200075)", result: "z0JH2lOMb" },
    arguments: &[Argument::Id],
    body: Body::Scalar(Scalar { returns: text_type, compute: |columns, _| bids(&columns[0]) }),
};

/// The short id of each numeric id.
fn bids(column: &ArrayRef) -> Result<ArrayRef> {
    let bids: StringViewArray = ids(column)?.map(|mid| mid.and_then(bid_from_mid)).collect();
    Ok(Arc::new(bids))
}
