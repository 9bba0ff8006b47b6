//! The JSON files of weiboSpider: an account and its posts.

use std::borrow::Cow;
use std::cell::OnceCell;

use serde_json::Value;

use super::Format;
use crate::error::Result;
use crate::ingest::Sink;
use crate::ingest::column::Field::{
    AccountId, Bid, Client, Comments, Description, Followers, Following, IsOriginal, Likes, Link,
    Location, Media, Place, PostedAt, Posts, Reposts, ScreenName, Text, VerifiedReason,
};
use crate::ingest::column::{Column, Common, Part, Subject, col};
use crate::ingest::draft::Draft;
use crate::ingest::input::Input;
use crate::ingest::json::{self, Route, Taken, find};

/// The account stands under `user`, the posts under `weibo`.
pub(super) const FORMAT: Format = Format {
    name: "weibospider-json",
    summary: "an account and its posts as weiboSpider writes them to <uid>.json",
    columns: POST,
    more: &[("user", ACCOUNT)],
    recognise: |head| {
        head.has_keys(&["user.nickname", "user.weibo_num"]) || head.has_keys(&["weibo.up_num"])
    },
    read,
};

const POST: &[Column] = &[
    col("id", Bid),
    col("user_id", AccountId),
    col("content", Text),
    col("article_url", Link),
    col("original_pictures", Media),
    col("original", IsOriginal),
    col("video_url", Media),
    col("publish_place", Place),
    col("publish_time", PostedAt),
    col("publish_tool", Client),
    col("up_num", Likes),
    col("retweet_num", Reposts),
    col("comment_num", Comments),
];

const ACCOUNT: &[Column] = &[
    col("id", AccountId),
    col("nickname", ScreenName),
    col("location", Location),
    col("description", Description),
    col("verified_reason", VerifiedReason),
    col("weibo_num", Posts),
    col("following", Following),
    col("followers", Followers),
];

fn route(path: &str) -> Route {
    match path {
        "" => Route::Enter,
        "user" => Route::Whole,
        "weibo" => Route::Each,
        _ => Route::Skip,
    }
}

fn read(input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
    let account = input.common("weibo", Subject::Account);
    let post = input.common("weibo", Subject::Post);
    let common = (account, post, OnceCell::new());
    json::each(input, route, sink, &common, &mut |(account, post, of_account), path, value| {
        if path != "user" {
            return read_record(of_account.get().unwrap_or(post), POST, value);
        }
        let taken = read_record(account, ACCOUNT, value)?;
        let id = find(value, "id").and_then(json::text).map(Cow::into_owned);
        if id.is_some() && post.account_id.is_none() {
            of_account.get_or_init(|| Common { account_id: id, ..post.clone() });
        }
        Ok(taken)
    })
}

fn read_record<'a>(
    common: &'a Common,
    columns: &[Column],
    value: &'a Value,
) -> Result<Taken<'a>, String> {
    let mut draft = Draft::new(common);
    json::fill(&mut draft, Part::Record, columns.iter(), value)?;
    Ok(Taken::Rows(draft.finish()?))
}
