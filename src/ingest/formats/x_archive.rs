//! The tweets.js and account.js of an X (Twitter) archive.

use serde_json::Value;

use super::Format;
use crate::error::{Error, Result};
use crate::ingest::Sink;
use crate::ingest::column::Field::{
    AccountId, Client, Hashtags, Html, Likes, MediaCount, Mentions, PostId, PostedAt, RegisteredAt,
    Reposts, ScreenName, Urls,
};
use crate::ingest::column::{Column, Common, Part, Subject, col};
use crate::ingest::draft::Draft;
use crate::ingest::input::Input;
use crate::ingest::json::{self, Taken, elements_only};

/// The account of the posts is in the account.js beside tweets.js.
pub(super) const FORMAT: Format = Format {
    name: "x-archive",
    summary: "posts or the account of an X archive: tweets.js with account.js beside it",
    columns: POST,
    more: &[("account", ACCOUNT)],
    recognise: |head| {
        head.has_keys(&["tweet.full_text"])
            || head.has_keys(&["full_text", "id_str", "favorite_count"])
            || head.has_keys(&["account.accountId", "account.username"])
    },
    read,
};

/// Stands under `tweet`. Markup is escaped in the text, as in HTML.
const POST: &[Column] = &[
    col("id_str", PostId),
    col("created_at", PostedAt),
    col("full_text", Html),
    col("source", Client),
    col("retweet_count", Reposts),
    col("favorite_count", Likes),
];

/// Stands under `account`.
const ACCOUNT: &[Column] =
    &[col("accountId", AccountId), col("username", ScreenName), col("createdAt", RegisteredAt)];

fn read(input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
    let account = input.common("x", Subject::Account);
    let mut post = input.common("x", Subject::Post);
    let is_posts = !input.head.has_keys(&["account.accountId"]);
    if is_posts && post.account_id.is_none() {
        post.account_id = account_beside(&input);
        if post.account_id.is_none() {
            return Err(Error::input("the file does not say whose posts these are")
                .in_file(input.name)
                .hint("keep account.js of the archive beside it, or pass --account-id ID"));
        }
    }
    json::each(input, elements_only, sink, &(account, post), &mut |(account, post), _, value| {
        if let Some(value) = value.get("account") {
            let mut draft = Draft::new(account);
            json::fill(&mut draft, Part::Record, ACCOUNT.iter(), value)?;
            return Ok(Taken::Rows(draft.finish()?));
        }
        read_post(post, value.get("tweet").unwrap_or(value))
    })
}

/// The id in the account.js of the same archive.
fn account_beside(input: &Input<'_>) -> Option<String> {
    let bytes = input.beside.read("account.js")?;
    let array = bytes.iter().position(|&byte| byte == b'[')?;
    let value: Value = serde_json::from_slice(&bytes[array..]).ok()?;
    json::string(value.get(0)?, "account.accountId").map(str::to_owned)
}

fn read_post<'a>(common: &'a Common, value: &'a Value) -> Result<Taken<'a>, String> {
    let mut draft = Draft::new(common);
    json::fill(&mut draft, Part::Record, POST.iter(), value)?;
    for (field, path, key) in [
        (Hashtags, "entities.hashtags", "text"),
        (Mentions, "entities.user_mentions", "screen_name"),
        (Urls, "entities.urls", "expanded_url"),
    ] {
        if let Some(items) = json::texts(value, path, key) {
            draft.put_list(Part::Record, field, &items)?;
        }
    }
    if let Some(media) = media_count(value) {
        draft.put(Part::Record, MediaCount, media.to_string())?;
    }
    // A repost is only to be told by how its text begins.
    let is_repost = json::string(value, "full_text").is_some_and(|text| text.starts_with("RT @"));
    draft.put(
        Part::Record,
        crate::ingest::column::Field::IsRepost,
        if is_repost { "true" } else { "false" },
    )?;
    Ok(Taken::Rows(draft.finish()?))
}

/// Pictures and videos; the list is left out where there are none.
fn media_count(value: &Value) -> Option<usize> {
    let list = json::find(value, "extended_entities.media")
        .or_else(|| json::find(value, "entities.media"));
    match list.and_then(Value::as_array) {
        Some(media) => Some(media.len()),
        None => value.get("entities").map(|_| 0),
    }
}
