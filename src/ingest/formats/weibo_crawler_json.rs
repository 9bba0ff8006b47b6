//! The JSON files of weibo-crawler: an account and its posts.

use serde_json::Value;

use super::Format;
use crate::error::Result;
use crate::ingest::Sink;
use crate::ingest::column::Field::{
    AccountId, AtUsers, Bid, Client, Comments, Description, Followers, Following, Likes, Link,
    Location, Media, Place, PostId, PostedAt, Posts, RegisteredAt, Reposts, RoughPostedAt,
    RoundedFollowers, ScreenName, Text, Topics, Verified, VerifiedReason, VerifiedType,
};
use crate::ingest::column::{Column, Common, Part, Subject, col};
use crate::ingest::draft::Draft;
use crate::ingest::input::Input;
use crate::ingest::json::{self, Route, Taken};

/// The reposted original stands under `retweet`, with the same keys.
pub(super) const FORMAT: Format = Format {
    name: "weibo-crawler-json",
    summary: "an account and its posts as weibo-crawler writes them to <uid>.json",
    columns: POST,
    more: &[("user", ACCOUNT), ("retweet", POST)],
    recognise: |head| {
        head.has_keys(&["user.screen_name", "weibo"]) && !head.has_keys(&["weibo.up_num"])
    },
    read,
};

const POST: &[Column] = &[
    col("id", PostId),
    col("bid", Bid),
    col("user_id", AccountId),
    col("screen_name", ScreenName),
    col("text", Text),
    col("article_url", Link),
    col("pics", Media),
    col("video_url", Media),
    col("location", Place),
    col("created_at", RoughPostedAt),
    col("full_created_at", PostedAt),
    col("source", Client),
    col("attitudes_count", Likes),
    col("comments_count", Comments),
    col("reposts_count", Reposts),
    col("topics", Topics),
    col("at_users", AtUsers),
];

const ACCOUNT: &[Column] = &[
    col("id", AccountId),
    col("screen_name", ScreenName),
    col("location", Location),
    col("registration_time", RegisteredAt),
    col("statuses_count", Posts),
    col("followers_count", Followers),
    col("follow_count", Following),
    col("description", Description),
    col("verified", Verified),
    col("verified_type", VerifiedType),
    col("verified_reason", VerifiedReason),
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
    post.is_repost = Some(false);
    json::each(input, route, sink, &(account, post), &mut |(account, post), path, value| {
        if path == "user" { read_account(account, value) } else { read_post(post, value) }
    })
}

fn read_account<'a>(common: &'a Common, value: &'a Value) -> Result<Taken<'a>, String> {
    // The key came after Weibo had begun to round large counts.
    let is_rounded = value.get("ip_location").is_some();
    let columns: Vec<Column> = ACCOUNT
        .iter()
        .map(|column| match column.field {
            Followers if is_rounded => Column { field: RoundedFollowers, ..*column },
            _ => *column,
        })
        .collect();
    let mut draft = Draft::new(common);
    json::fill(&mut draft, Part::Record, columns.iter(), value)?;
    Ok(Taken::Rows(draft.finish()?))
}

fn read_post<'a>(common: &'a Common, value: &'a Value) -> Result<Taken<'a>, String> {
    let mut draft = Draft::new(common);
    json::fill(&mut draft, Part::Record, POST.iter(), value)?;
    if let Some(original) = value.get("retweet").filter(|original| original.is_object()) {
        json::fill(&mut draft, Part::Origin, POST.iter(), original)?;
        draft.set_repost();
    }
    Ok(Taken::Rows(draft.finish()?))
}
