//! Lines of Bluesky's jetstream: events of all accounts.

use serde_json::Value;

use super::Format;
use crate::error::Result;
use crate::ingest::Sink;
use crate::ingest::column::Field::{
    AccountId, Description, IsRepost, Link, MediaCount, OriginAccountId, OriginPostId, PostId,
    PostedAt, ScreenName, Text, Topics,
};
use crate::ingest::column::{Column, Common, Part, Subject, col};
use crate::ingest::draft::Draft;
use crate::ingest::input::Input;
use crate::ingest::json::{self, Taken, elements_only};

/// New posts, reposts and profiles are taken. Likes are events of their own:
/// those in the file are not all that a post has, so no counts are made of them.
pub(super) const FORMAT: Format = Format {
    name: "jetstream",
    summary: "posts, reposts and profiles in lines of Bluesky's jetstream; likes and deletions are left out",
    columns: POST,
    more: &[],
    recognise: |head| head.has_keys(&["did", "time_us", "kind"]),
    read,
};

/// Stands under `commit.record`.
const POST: &[Column] = &[col("text", Text), col("createdAt", PostedAt)];

fn read(input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
    let account = input.common("bluesky", Subject::Account);
    let post = input.common("bluesky", Subject::Post);
    json::each(input, elements_only, sink, &(account, post), &mut |(account, post), _, event| {
        let did = json::string(event, "did").ok_or("no did")?;
        if let Some(handle) = json::string(event, "identity.handle") {
            return read_account(account, did, ScreenName, handle);
        }
        if json::string(event, "commit.operation") == Some("delete") {
            return Ok(Taken::Nothing);
        }
        match json::string(event, "commit.collection") {
            Some("app.bsky.feed.post") => read_post(post, did, event),
            Some("app.bsky.feed.repost") => read_repost(post, did, event),
            Some("app.bsky.actor.profile") => {
                match json::string(event, "commit.record.description") {
                    Some(text) => read_account(account, did, Description, text),
                    None => Ok(Taken::Nothing),
                }
            }
            _ => Ok(Taken::Nothing),
        }
    })
}

fn read_account<'a>(
    common: &'a Common,
    did: &'a str,
    field: crate::ingest::column::Field,
    text: &'a str,
) -> Result<Taken<'a>, String> {
    let mut draft = Draft::new(common);
    draft.put(Part::Record, AccountId, did)?;
    draft.put(Part::Record, field, text)?;
    Ok(Taken::Rows(draft.finish()?))
}

fn read_post<'a>(common: &'a Common, did: &'a str, event: &'a Value) -> Result<Taken<'a>, String> {
    let mut draft = start(common, did, event)?;
    let record = json::find(event, "commit.record").ok_or("no record")?;
    json::fill(&mut draft, Part::Record, POST.iter(), record)?;
    draft.put(Part::Record, IsRepost, "false")?;
    let tags: Vec<String> = features(record, "tag").map(str::to_owned).collect();
    draft.put_list(Part::Record, Topics, &tags)?;
    for address in features(record, "uri").chain(json::string(record, "embed.external.uri")) {
        draft.put(Part::Record, Link, address)?;
    }
    draft.put(Part::Record, MediaCount, media_count(record).to_string())?;
    Ok(Taken::Rows(draft.finish()?))
}

fn read_repost<'a>(
    common: &'a Common,
    did: &'a str,
    event: &'a Value,
) -> Result<Taken<'a>, String> {
    let mut draft = start(common, did, event)?;
    let record = json::find(event, "commit.record").ok_or("no record")?;
    if let Some(time) = json::string(record, "createdAt") {
        draft.put(Part::Record, PostedAt, time)?;
    }
    let subject = json::string(record, "subject.uri").ok_or("a repost of nothing")?;
    draft.put(Part::Record, OriginPostId, subject)?;
    if let Some(account) = subject.strip_prefix("at://").and_then(|rest| rest.split('/').next()) {
        draft.put(Part::Record, OriginAccountId, account)?;
    }
    draft.set_repost();
    Ok(Taken::Rows(draft.finish()?))
}

/// A draft with the ids; a post is named as others refer to it.
fn start<'a>(common: &'a Common, did: &'a str, event: &'a Value) -> Result<Draft<'a>, String> {
    let collection = json::string(event, "commit.collection").unwrap_or_default();
    let key = json::string(event, "commit.rkey").ok_or("no rkey")?;
    let mut draft = Draft::new(common);
    draft.put(Part::Record, PostId, format!("at://{did}/{collection}/{key}"))?;
    draft.put(Part::Record, AccountId, did)?;
    Ok(draft)
}

/// What the marked stretches of a text refer to: tags or addresses.
fn features<'a>(record: &'a Value, key: &'static str) -> impl Iterator<Item = &'a str> {
    let arrays = |value: &'a Value, key: &str| {
        value.get(key).and_then(Value::as_array).into_iter().flatten()
    };
    arrays(record, "facets")
        .flat_map(move |facet| arrays(facet, "features"))
        .filter_map(move |feature| json::string(feature, key))
}

fn media_count(record: &Value) -> usize {
    let images = ["embed.images", "embed.media.images"];
    let images = images
        .iter()
        .filter_map(|path| json::find(record, path)?.as_array())
        .map(Vec::len)
        .sum::<usize>();
    let videos = ["embed.video", "embed.media.video"];
    images + videos.iter().filter(|path| json::find(record, path).is_some()).count()
}
