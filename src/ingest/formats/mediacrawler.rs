//! The files of MediaCrawler about Weibo: posts, or their authors.

use super::{Format, has_required, read_flat};
use crate::error::Result;
use crate::ingest::Sink;
use crate::ingest::column::Field::{
    AccountId, Comments, Description, Followers, Following, Ignored, Likes, ObservedAt, Place,
    PostId, PostedAt, Reposts, RoughPostedAt, ScreenName, TextOrHtml,
};
use crate::ingest::column::{Column, Subject, col, key};
use crate::ingest::head::Head;
use crate::ingest::input::Input;

/// Since July 2026 an author is known by a hash only. Whether a post is a repost
/// is not told.
pub(super) const FORMAT: Format = Format {
    name: "mediacrawler",
    summary: "Weibo posts or creators as MediaCrawler writes them, in CSV, JSON or JSON lines",
    columns: POST,
    more: &[("", CREATOR)],
    recognise: |head| has_required(head, POST) || has_required(head, CREATOR),
    read,
};

const POST: &[Column] = &[
    key("note_id", PostId),
    col("creator_hash", AccountId),
    col("user_id", AccountId),
    col("nickname", ScreenName),
    key("content", TextOrHtml),
    col("create_date_time", RoughPostedAt),
    col("create_time", PostedAt),
    key("liked_count", Likes),
    key("comments_count", Comments),
    key("shared_count", Reposts),
    col("ip_location", Place),
    col("last_modify_ts", ObservedAt),
    col("note_url", Ignored),
    col("gender", Ignored),
    col("profile_url", Ignored),
    col("avatar", Ignored),
    col("source_keyword", Ignored),
];

const CREATOR: &[Column] = &[
    key("user_id", AccountId),
    key("nickname", ScreenName),
    col("desc", Description),
    col("ip_location", Ignored),
    col("gender", Ignored),
    col("avatar", Ignored),
    col("tag_list", Ignored),
    key("follows", Following),
    key("fans", Followers),
    col("last_modify_ts", ObservedAt),
];

fn read(input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
    let (columns, subject) = layout(input.head);
    let common = input.common("weibo", subject);
    read_flat(input, columns, &common, sink)
}

fn layout(head: &Head) -> (&'static [Column<'static>], Subject) {
    if head.has(&["fans"]) { (CREATOR, Subject::Account) } else { (POST, Subject::Post) }
}
