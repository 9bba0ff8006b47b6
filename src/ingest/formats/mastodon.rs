//! Answers of Mastodon's interface.

use serde_json::Value;

use super::Format;
use crate::error::Result;
use crate::ingest::Sink;
use crate::ingest::column::Field::{
    AccountId, Client, Comments, DescriptionHtml, Followers, Following, Hashtags, Html, Likes,
    Media, Mentions, PostId, PostedAt, Posts, RegisteredAt, Reposts, ScreenName,
};
use crate::ingest::column::{Column, Common, Part, Subject, col};
use crate::ingest::draft::Draft;
use crate::ingest::head::Head;
use crate::ingest::input::Input;
use crate::ingest::json::{self, Route, Taken};

/// Statuses, accounts, threads and search results. Ids are those of the server
/// that was asked.
pub(super) const FORMAT: Format = Format {
    name: "mastodon",
    summary: "statuses, accounts and threads as Mastodon's interface answers, in JSON; what is not public is left out",
    columns: POST,
    more: &[("account", ACCOUNT), ("reblog", POST)],
    recognise: |head| PLACES.iter().any(|place| is_post(head, place) || is_account(head, place)),
    read,
};

const POST: &[Column] = &[
    col("id", PostId),
    col("created_at", PostedAt),
    col("content", Html),
    col("application.name", Client),
    col("reblogs_count", Reposts),
    col("replies_count", Comments),
    col("favourites_count", Likes),
    col("media_attachments", Media),
];

/// Stands under `account` of a status.
const ACCOUNT: &[Column] = &[
    col("id", AccountId),
    col("acct", ScreenName),
    col("display_name", ScreenName),
    col("note", DescriptionHtml),
    col("followers_count", Followers),
    col("following_count", Following),
    col("statuses_count", Posts),
    col("created_at", RegisteredAt),
];

const PLACES: [&str; 5] = ["", "ancestors.", "descendants.", "statuses.", "accounts."];

fn is_post(head: &Head, place: &str) -> bool {
    let has = |key: &str| head.has_keys(&[&format!("{place}{key}")]);
    has("content") && has("visibility") && has("account.acct")
}

fn is_account(head: &Head, place: &str) -> bool {
    let has = |key: &str| head.has_keys(&[&format!("{place}{key}")]);
    has("acct") && has("followers_count") && has("statuses_count")
}

fn route(path: &str) -> Route {
    match path {
        "" => Route::Enter,
        "ancestors" | "descendants" | "statuses" | "accounts" => Route::Each,
        _ => Route::Skip,
    }
}

fn read(input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
    let is_plain = is_post(input.head, "") || is_account(input.head, "");
    let route = if is_plain { json::elements_only } else { route };
    let account = input.common("mastodon", Subject::Account);
    let mut post = input.common("mastodon", Subject::Post);
    post.is_repost = Some(false);
    let private = input.options.private;
    json::each(input, route, sink, &(account, post), &mut |(account, post), _, value| {
        if value.get("acct").is_some() {
            let mut draft = Draft::new(account);
            json::fill(&mut draft, Part::Record, ACCOUNT.iter(), value)?;
            return Ok(Taken::Rows(draft.finish()?));
        }
        if !private && matches!(json::string(value, "visibility"), Some("private" | "direct")) {
            return Ok(Taken::Nothing);
        }
        read_post(post, value)
    })
}

fn read_post<'a>(common: &'a Common, value: &'a Value) -> Result<Taken<'a>, String> {
    let mut draft = Draft::new(common);
    fill_post(&mut draft, Part::Record, value)?;
    if let Some(original) = value.get("reblog").filter(|original| original.is_object()) {
        fill_post(&mut draft, Part::Origin, original)?;
        draft.set_repost();
    }
    Ok(Taken::Rows(draft.finish()?))
}

fn fill_post<'a>(draft: &mut Draft<'a>, part: Part, value: &'a Value) -> Result<(), String> {
    json::fill(draft, part, POST.iter(), value)?;
    if let Some(tags) = json::texts(value, "tags", "name") {
        draft.put_list(part, Hashtags, &tags)?;
    }
    if let Some(mentions) = json::texts(value, "mentions", "acct") {
        draft.put_list(part, Mentions, &mentions)?;
    }
    match value.get("account").filter(|account| account.is_object()) {
        Some(account) => json::fill(draft, part, ACCOUNT.iter(), account),
        None => Ok(()),
    }
}
