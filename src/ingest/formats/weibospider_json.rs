//! The JSON files of weiboSpider: an account and its posts.

use super::Format;
use crate::error::Result;
use crate::ingest::Sink;
use crate::ingest::column::Field::{
    AccountId, Bid, Client, Comments, Description, Followers, Following, IsOriginal, Likes, Link,
    Location, Media, Place, PostedAt, Posts, Reposts, ScreenName, Text, VerifiedReason,
};
use crate::ingest::column::{Column, Part, Subject, col};
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
    let mut post = input.common("weibo", Subject::Post);
    json::each(input, route, sink, &mut |path, value| {
        let (common, columns) = if path == "user" { (&account, ACCOUNT) } else { (&post, POST) };
        let mut draft = Draft::new(common);
        json::fill(&mut draft, Part::Record, columns.iter(), value)?;
        let rows = draft.finish()?;
        if path == "user" && post.account_id.is_none() {
            post.account_id =
                find(value, "id").and_then(json::text).map(std::borrow::Cow::into_owned);
        }
        Ok(Taken::Rows(rows))
    })
}
