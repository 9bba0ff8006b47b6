//! What Mastodon's interface answers: accounts as one list, statuses one a line,
//! as crawlers that follow a timeline keep them.

use std::io::Write;

use chrono::DateTime;

use super::account::Account;
use super::batches::{PostRow, utf8};
use super::export::Export;
use super::schedule::posted;
use super::world::World;
use crate::error::Result;
use crate::text::entities;

/// Accounts in `accounts.json`, posts in `statuses.jsonl`.
pub(super) const EXPORT: Export =
    Export::new("mastodon-json", ("accounts.json", accounts), ("statuses.jsonl", b""), block);

/// All accounts.
fn accounts(world: &World) -> Vec<u8> {
    let mut out = b"[\n".to_vec();
    for (index, account) in world.all_accounts().iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(b",\n");
        }
        push_account(account, &mut out);
    }
    out.extend_from_slice(b"\n]\n");
    out
}

/// An account. How many posts it has is left to the posts.
fn push_account(account: &Account, out: &mut Vec<u8>) {
    push_all(out, format_args!("{{\"id\":\"{}\",\"username\":", account.id));
    push_json(&account.name, out);
    out.extend_from_slice(b",\"acct\":");
    push_json(&account.name, out);
    out.extend_from_slice(b",\"display_name\":");
    push_json(&account.name, out);
    out.extend_from_slice(b",\"created_at\":\"");
    push_time(account.registered, out);
    out.extend_from_slice(b"\",\"note\":");
    push_json(&html(&format!("{}官方微博", account.organization)), out);
    let (followers, following) = (account.followers, account.following);
    push_all(
        out,
        format_args!(
            ",\"followers_count\":{followers},\"following_count\":{following},\"statuses_count\":null}}"
        ),
    );
}

/// Appends the posts of a block.
fn block(world: &World, block: usize, out: &mut Vec<u8>) -> Result<u64> {
    let mut posts = 0;
    let mut original = Vec::new();
    world.each_post(block, &mut |row, text| {
        posts += 1;
        push_post(world, &row, text, &mut original, out);
        Ok(())
    })?;
    Ok(posts)
}

/// Appends a status, with the one that it passes on.
fn push_post(world: &World, row: &PostRow, text: &str, original: &mut Vec<u8>, out: &mut Vec<u8>) {
    let head = Head { post: row.post, account: row.account, posted: row.posted };
    push_head(world, head, out);
    push_counts(row.reposts, row.comments, out);
    out.extend_from_slice(b",\"application\":{\"name\":");
    push_json(row.client, out);
    out.extend_from_slice(b"},\"media_attachments\":[");
    for picture in 0..row.media {
        let comma = if picture > 0 { "," } else { "" };
        let url = format_args!(
            "{comma}{{\"type\":\"image\",\"url\":\"https://media.example/{}/{picture}.jpg\"}}",
            row.post
        );
        push_all(out, url);
    }
    out.push(b']');
    push_content(text, out);
    out.extend_from_slice(b",\"reblog\":");
    match row.origin {
        None => out.extend_from_slice(b"null"),
        Some(origin) => {
            let account = origin.account;
            push_head(world, Head { post: origin.post, account, posted: posted(origin.post) }, out);
            if let Some(counts) = world.original(origin.post, original) {
                push_counts(counts.reposts, counts.comments, out);
                push_content(utf8(original), out);
            }
            out.push(b'}');
        }
    }
    out.extend_from_slice(b"}\n");
}

/// What every status begins with.
#[derive(Clone, Copy)]
struct Head {
    post: u64,
    account: u64,
    posted: i64,
}

fn push_head(world: &World, head: Head, out: &mut Vec<u8>) {
    push_all(out, format_args!("{{\"id\":\"{}\",\"created_at\":\"", head.post));
    push_time(head.posted, out);
    out.extend_from_slice(b"\",\"visibility\":\"public\",\"account\":");
    match world.account_of(head.post) {
        Some(account) => push_account(account, out),
        None => push_all(out, format_args!("{{\"id\":\"{}\"}}", head.account)),
    }
}

/// Appends what the world knows of a post's reception; nobody counts likes in
/// it.
fn push_counts(reposts: u64, comments: u64, out: &mut Vec<u8>) {
    let (reblogs, replies) = (reposts, comments);
    push_all(out, format_args!(",\"reblogs_count\":{reblogs},\"replies_count\":{replies}"));
}

/// Appends the text as HTML, with its hashtags and mentions.
fn push_content(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"content\":");
    push_json(&html(text), out);
    push_list("tags", "name", &entities::hashtags(text), out);
    push_list("mentions", "acct", &entities::mentions(text), out);
}

/// Appends a list of objects with one name each.
fn push_list(list: &str, name: &str, texts: &[&str], out: &mut Vec<u8>) {
    push_all(out, format_args!(",\"{list}\":["));
    for (index, text) in texts.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        push_all(out, format_args!("{comma}{{\"{name}\":"));
        push_json(text, out);
        out.push(b'}');
    }
    out.push(b']');
}

/// A text as a paragraph of HTML.
fn html(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<p>{}</p>", escaped.replace('\n', "<br>"))
}

/// Appends an instant in UTC.
fn push_time(seconds: i64, out: &mut Vec<u8>) {
    let instant = DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    push_all(out, format_args!("{}", instant.format("%Y-%m-%dT%H:%M:%S.000Z")));
}

/// Appends a text as JSON.
fn push_json(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(&mut *out, text).expect("memory takes every byte");
}

/// Appends formatted text.
fn push_all(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("memory takes every byte");
}

#[cfg(test)]
mod tests {
    use super::super::Scale;
    use super::*;

    #[test]
    fn every_line_is_a_status_and_reposts_hold_the_original() {
        let world = World::new(Scale::Small, 1).unwrap();
        let mut out = Vec::new();
        let posts = block(&world, world.blocks() - 1, &mut out).unwrap();
        let lines = out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let statuses: Vec<serde_json::Value> =
            lines.map(|line| serde_json::from_slice(line).unwrap()).collect();
        assert_eq!(statuses.len() as u64, posts);
        let reposts = statuses.iter().filter(|status| status["reblog"]["id"].is_string());
        assert!(reposts.count() > 0);
        let list: Vec<serde_json::Value> = serde_json::from_slice(&accounts(&world)).unwrap();
        assert_eq!(list.len(), 44);
    }

    #[test]
    fn times_are_in_utc() {
        let mut out = Vec::new();
        push_time(1_346_083_199, &mut out);
        assert_eq!(out, b"2012-08-27T15:59:59.000Z");
    }
}
