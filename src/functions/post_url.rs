//! `post_url(platform, account_id, post_id)`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringViewArray};
use datafusion::common::Result;

use super::scalar::{Scalar, text_type, texts};
use super::{Argument, Body, Example, Function};
use crate::text::weibo_id::bid_from_mid;

pub(super) static FUNCTION: Function = Function {
    name: "post_url",
    signature: "post_url(platform, account_id, post_id) -> text",
    summary: "The web address of a post on weibo, x or bluesky; NULL for a service whose addresses \
              do not follow from the ids.",
    source: None,
    example: Example {
        sql: "SELECT post_url('weibo', '1938330147', '3501756485200075')",
        result: "https://weibo.com/1938330147/z0JH2lOMb",
    },
    arguments: &[Argument::Text, Argument::Text, Argument::Text],
    body: Body::Scalar(Scalar { returns: text_type, compute: |columns, _| addresses(columns) }),
};

/// The address for each row.
fn addresses(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let rows = texts(&columns[0])?.zip(texts(&columns[1])?).zip(texts(&columns[2])?);
    let addresses: StringViewArray =
        rows.map(|((platform, account), post)| address(platform?, account, post?)).collect();
    Ok(Arc::new(addresses))
}

/// The address of one post.
fn address(platform: &str, account: Option<&str>, post: &str) -> Option<String> {
    match platform {
        "weibo" => {
            let bid = bid_from_mid(post.parse().ok()?)?;
            Some(format!("https://weibo.com/{}/{bid}", account?))
        }
        "x" | "twitter" => Some(format!("https://x.com/i/web/status/{post}")),
        "bluesky" => Some(format!("https://bsky.app/profile/{}/post/{post}", account?)),
        _ => None,
    }
}
