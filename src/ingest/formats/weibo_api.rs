//! Answers of Weibo's interfaces: the open API, m.weibo.cn and weibo.com.

use serde_json::Value;

use super::Format;
use crate::error::{Error, Result};
use crate::ingest::Sink;
use crate::ingest::column::Field::{
    AccountId, Bid, Client, Comments, Description, Followers, Following, Likes, Location, Media,
    MediaCount, Mid, Place, PostId, PostedAt, Posts, RegisteredAt, Reposts, ScreenName, Text,
    TextOrHtml, Verified, VerifiedReason, VerifiedType,
};
use crate::ingest::column::{Column, Common, Part, Subject, col};
use crate::ingest::draft::Draft;
use crate::ingest::head::Head;
use crate::ingest::input::Input;
use crate::ingest::json::{self, Route, Taken};
use crate::ingest::record::Row;

/// Posts, accounts or both, alone, in arrays or in envelopes. Authors and
/// reposted originals nested in a post become rows of their own.
pub(super) const FORMAT: Format = Format {
    name: "weibo-api",
    summary: "posts and accounts as Weibo's open API, m.weibo.cn and weibo.com answer, in JSON",
    columns: POST,
    more: &[("user", ACCOUNT), ("retweeted_status", POST)],
    recognise,
    read,
};

const POST: &[Column] = &[
    col("id", PostId),
    col("idstr", PostId),
    col("mid", Mid),
    col("bid", Bid),
    col("mblogid", Bid),
    col("created_at", PostedAt),
    col("longText.longTextContent", TextOrHtml),
    col("text_raw", Text),
    col("text", TextOrHtml),
    col("source", Client),
    col("region_name", Place),
    col("reposts_count", Reposts),
    col("comments_count", Comments),
    col("attitudes_count", Likes),
    col("thumbnail_pic", Media),
    col("pic_urls", Media),
    col("pic_ids", Media),
    col("pic_num", MediaCount),
];

/// Stands under `user` of a post.
const ACCOUNT: &[Column] = &[
    col("id", AccountId),
    col("idstr", AccountId),
    col("screen_name", ScreenName),
    col("description", Description),
    col("location", Location),
    col("followers_count", Followers),
    col("friends_count", Following),
    col("follow_count", Following),
    col("statuses_count", Posts),
    col("created_at", RegisteredAt),
    col("verified", Verified),
    col("verified_type", VerifiedType),
    col("verified_reason", VerifiedReason),
];

/// Where posts and accounts stand in the envelopes of the interfaces.
const PLACES: [&str; 10] = [
    "",
    "statuses.",
    "reposts.",
    "users.",
    "data.",
    "data.list.",
    "data.statuses.",
    "data.cards.mblog.",
    "data.cards.card_group.mblog.",
    "cards.mblog.",
];

fn recognise(head: &Head) -> bool {
    let is_list = |list: &&str| head.has_keys(&[list, "total_number"]);
    PLACES.iter().any(|place| is_post(head, place) || is_account(head, place))
        || ["data.user.", "data.userInfo."].iter().any(|place| is_account(head, place))
        || ["statuses", "reposts", "users"].iter().any(is_list)
        || is_refusal(head)
}

fn is_post(head: &Head, place: &str) -> bool {
    let has = |key: &str| head.has_keys(&[&format!("{place}{key}")]);
    has("created_at")
        && (has("text") || has("text_raw"))
        && (has("mid") || has("idstr") || has("bid") || has("mblogid"))
}

fn is_account(head: &Head, place: &str) -> bool {
    let has = |key: &str| head.has_keys(&[&format!("{place}{key}")]);
    has("screen_name")
        && has("followers_count")
        && ["province", "verified_type", "urank", "mbrank"].iter().any(|key| has(key))
}

/// Whether the interface answered that it will not answer.
fn is_refusal(head: &Head) -> bool {
    head.has_keys(&["error_code", "error"])
}

fn route(path: &str) -> Route {
    match path {
        "" | "data" => Route::Enter,
        "statuses" | "reposts" | "users" | "cards" | "data.list" | "data.statuses"
        | "data.cards" | "data.users" => Route::Each,
        "data.user" | "data.userInfo" => Route::Whole,
        _ => Route::Skip,
    }
}

/// For a single post or account under `data`.
fn route_to_data(path: &str) -> Route {
    match path {
        "" => Route::Enter,
        "data" => Route::Each,
        _ => Route::Skip,
    }
}

fn read(input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
    let head = input.head;
    if is_refusal(head) {
        let error = Error::input("this is an error answer of Weibo and holds no posts");
        return Err(error.in_file(input.name).hint("leave the file out"));
    }
    let route = if is_post(head, "") || is_account(head, "") {
        json::elements_only
    } else if is_post(head, "data.") || is_account(head, "data.") {
        route_to_data
    } else {
        route
    };
    let account = input.common("weibo", Subject::Account);
    let mut post = input.common("weibo", Subject::Post);
    post.is_repost = Some(false);
    json::each(input, route, sink, &(post, account), &mut |(post, account), _, value| {
        take(post, account, value)
    })
}

/// Takes a post, an account, a card with posts, or the bare id of a post.
fn take<'a>(post: &'a Common, account: &'a Common, value: &'a Value) -> Result<Taken<'a>, String> {
    if value.is_string() || value.is_number() {
        return Ok(Taken::Rows(read_id(post, value)?));
    }
    if value.get("screen_name").is_some() {
        return Ok(Taken::Rows(read_account(post, account, value)?));
    }
    let mut rows = Vec::new();
    for value in posts_of(value) {
        rows.extend(read_post(post, value, None)?);
    }
    Ok(if rows.is_empty() { Taken::Nothing } else { Taken::Rows(rows) })
}

/// The posts on a card; a value that is no card is a post itself.
fn posts_of(value: &Value) -> Vec<&Value> {
    if let Some(group) = value.get("card_group").and_then(Value::as_array) {
        return group.iter().filter_map(|card| card.get("mblog")).collect();
    }
    if let Some(post) = value.get("mblog") {
        return vec![post];
    }
    if value.get("card_type").is_some() { Vec::new() } else { vec![value] }
}

/// Some lists hold ids only, which still tell when there was a post.
fn read_id<'a>(common: &'a Common, value: &'a Value) -> Result<Vec<Row<'a>>, String> {
    let mut draft = Draft::new(common);
    if let Some(id) = json::text(value) {
        draft.put(Part::Record, PostId, id)?;
    }
    let mut rows = draft.finish()?;
    for row in &mut rows {
        if let Row::Post(post) = row {
            post.is_repost = None;
        }
    }
    Ok(rows)
}

/// An account, with the latest post that stands under it.
fn read_account<'a>(
    post: &'a Common,
    account: &'a Common,
    value: &'a Value,
) -> Result<Vec<Row<'a>>, String> {
    let mut draft = Draft::new(account);
    json::fill(&mut draft, Part::Record, ACCOUNT.iter(), value)?;
    let mut rows = draft.finish()?;
    if let Some(latest) = value.get("status").filter(|latest| latest.is_object()) {
        rows.extend(read_post(post, latest, Some(value))?);
    }
    Ok(rows)
}

/// A post by `author`, else by the one that it names itself.
fn read_post<'a>(
    common: &'a Common,
    value: &'a Value,
    author: Option<&'a Value>,
) -> Result<Vec<Row<'a>>, String> {
    let mut draft = Draft::new(common);
    fill_post(&mut draft, Part::Record, value)?;
    if let Some(id) = author.and_then(|author| author.get("id")).and_then(json::text) {
        draft.put(Part::Record, AccountId, id)?;
    }
    if let Some(original) = value.get("retweeted_status").filter(|original| original.is_object()) {
        fill_post(&mut draft, Part::Origin, original)?;
        draft.set_repost();
    }
    draft.finish()
}

/// A post and its author. What stands in place of the text of a deleted post is
/// not its text.
fn fill_post<'a>(draft: &mut Draft<'a>, part: Part, value: &'a Value) -> Result<(), String> {
    let is_text = |column: &&Column| matches!(column.field, Text | TextOrHtml);
    if is_deleted(value) {
        json::fill(draft, part, POST.iter().filter(|column| !is_text(column)), value)?;
    } else {
        json::fill(draft, part, POST.iter(), value)?;
    }
    match value.get("user").filter(|user| user.is_object()) {
        Some(user) => json::fill(draft, part, ACCOUNT.iter(), user),
        None => Ok(()),
    }
}

/// Whether the interface says that the post was deleted or may not be seen.
fn is_deleted(value: &Value) -> bool {
    let marked =
        value.get("deleted").and_then(json::text).is_some_and(|mark| mark == "1" || mark == "true");
    let is_notice = |text: &str| {
        [
            "此微博已被",
            "该微博已被",
            "抱歉，此微博已被",
            "抱歉，该微博已被",
            "抱歉，作者已设置",
            "抱歉，您无法查看",
            "该账号因被投诉",
        ]
        .iter()
        .any(|notice| text.starts_with(notice))
    };
    let has_author = value.get("user").is_some_and(Value::is_object);
    marked || (!has_author && json::string(value, "text").is_some_and(is_notice))
}
