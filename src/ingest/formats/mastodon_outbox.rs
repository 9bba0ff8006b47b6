//! The outbox.json of a Mastodon archive: what an account did.

use serde_json::Value;

use super::Format;
use crate::error::Result;
use crate::ingest::Sink;
use crate::ingest::column::Field::{
    AccountId, Hashtags, Html, IsRepost, Likes, Media, Mentions, OriginPostId, PostId, PostedAt,
    Reposts, ScreenName,
};
use crate::ingest::column::{Column, Common, Part, Subject, col};
use crate::ingest::draft::Draft;
use crate::ingest::input::Input;
use crate::ingest::json::{self, Route, Taken};

/// `Create` is a post and `Announce` a repost; other activities tell of none.
/// The account is `name@host`, for the archive does not have its number.
pub(super) const FORMAT: Format = Format {
    name: "mastodon-outbox",
    summary: "posts and reposts in the outbox.json of a Mastodon archive; what is not public is left out",
    columns: POST,
    more: &[],
    recognise: |head| head.has_keys(&["orderedItems"]),
    read,
};

/// Stands under `object` of an activity.
const POST: &[Column] = &[
    col("published", PostedAt),
    col("content", Html),
    col("attachment", Media),
    col("shares.totalItems", Reposts),
    col("likes.totalItems", Likes),
];

fn route(path: &str) -> Route {
    match path {
        "" => Route::Enter,
        "orderedItems" => Route::Each,
        _ => Route::Skip,
    }
}

fn read(input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
    let common = input.common("mastodon", Subject::Post);
    let private = input.options.private;
    json::each(input, route, sink, &common, &mut |common, _, activity| {
        if !private && !is_public(activity) {
            return Ok(Taken::Nothing);
        }
        match json::string(activity, "type") {
            Some("Create") => read_create(common, activity),
            Some("Announce") => read_announce(common, activity),
            Some(_) => Ok(Taken::Nothing),
            None => Err("an activity without a type".to_owned()),
        }
    })
}

/// Whether everybody is among those that the activity is addressed to.
fn is_public(activity: &Value) -> bool {
    let everybody =
        |to: &Value| to.as_str().is_some_and(|to| to.ends_with("#Public") || to == "as:Public");
    let has =
        |to: &Value| everybody(to) || to.as_array().is_some_and(|to| to.iter().any(everybody));
    ["to", "cc"].iter().filter_map(|key| activity.get(*key)).any(has)
}

fn read_create<'a>(common: &'a Common, activity: &'a Value) -> Result<Taken<'a>, String> {
    let Some(object) = activity.get("object").filter(|object| object.is_object()) else {
        return Err("a post without content".to_owned());
    };
    let mut draft = Draft::new(common);
    put_ids(&mut draft, object, activity)?;
    json::fill(&mut draft, Part::Record, POST.iter(), object)?;
    draft.put(Part::Record, IsRepost, "false")?;
    draft.put_list(Part::Record, Hashtags, &tags(object, "Hashtag", '#'))?;
    draft.put_list(Part::Record, Mentions, &tags(object, "Mention", '@'))?;
    Ok(Taken::Rows(draft.finish()?))
}

/// The original is named by its address only, or stands there whole when it is
/// the account's own.
fn read_announce<'a>(common: &'a Common, activity: &'a Value) -> Result<Taken<'a>, String> {
    let mut draft = Draft::new(common);
    put_ids(&mut draft, activity, activity)?;
    if let Some(published) = json::string(activity, "published") {
        draft.put(Part::Record, PostedAt, published)?;
    }
    draft.set_repost();
    match activity.get("object") {
        Some(Value::String(address)) => draft.put(Part::Record, OriginPostId, address)?,
        Some(object) if object.is_object() => {
            if let Some(id) = json::string(object, "id") {
                draft.put(Part::Origin, PostId, last_part(id))?;
            }
            json::fill(&mut draft, Part::Origin, POST.iter(), object)?;
        }
        _ => {}
    }
    Ok(Taken::Rows(draft.finish()?))
}

/// The number of the post, as the server's interface has it, and its account.
fn put_ids<'a>(
    draft: &mut Draft<'a>,
    object: &'a Value,
    activity: &'a Value,
) -> Result<(), String> {
    let id = json::string(object, "id").ok_or("no id")?;
    draft.put(Part::Record, PostId, last_part(id.trim_end_matches("/activity")))?;
    if let Some((name, host)) = json::string(activity, "actor").and_then(name_and_host) {
        draft.put(Part::Record, AccountId, format!("{name}@{host}"))?;
        draft.put(Part::Record, ScreenName, name)?;
    }
    Ok(())
}

fn last_part(address: &str) -> &str {
    address.trim_end_matches('/').rsplit('/').next().unwrap_or(address)
}

/// `https://example.org/users/me` as `me` and `example.org`.
fn name_and_host(actor: &str) -> Option<(&str, &str)> {
    let (_, rest) = actor.split_once("://")?;
    let (host, _) = rest.split_once('/')?;
    Some((last_part(rest).trim_start_matches('@'), host))
}

/// The names of tags of a kind, without their mark.
fn tags(object: &Value, kind: &str, mark: char) -> Vec<String> {
    let tags = object.get("tag").and_then(Value::as_array).into_iter().flatten();
    tags.filter(|tag| json::string(tag, "type") == Some(kind))
        .filter_map(|tag| json::string(tag, "name"))
        .map(|name| name.trim_start_matches(mark).to_owned())
        .collect()
}
