//! What was posted, and how it was received each time somebody looked.

use super::ColumnKind::{Boolean, Instant, Integer, Text, TextList};
use super::{Table, ascending, descending, optional, required};

/// One row per post.
pub const POSTS: Table = Table {
    name: "posts",
    summary: "what was posted: one row per post, with its latest seen counts",
    columns: &[
        required("platform", Text, "the service the post is on, such as weibo or mastodon"),
        required("post_id", Text, "the service's own id of the post; for weibo the numeric mid"),
        optional("account_id", Text, "the account that posted it"),
        optional("posted_at", Instant, "when it was posted"),
        optional("text", Text, "the whole text, without markup"),
        optional("client", Text, "the program or device it was posted from"),
        optional("place", Text, "the place it names"),
        optional("is_repost", Boolean, "whether it passes on another post"),
        optional("origin_post_id", Text, "the post it passes on"),
        optional("origin_account_id", Text, "the account of the post it passes on"),
        optional("reposts", Integer, "times it was passed on, latest seen"),
        optional("comments", Integer, "comments under it, latest seen"),
        optional("likes", Integer, "likes it received, latest seen"),
        optional("hashtags", TextList, "its hashtags, without the marks"),
        optional("mentions", TextList, "the names it mentions, without the @"),
        optional("urls", TextList, "the addresses it links to"),
        optional("media_count", Integer, "pictures and videos attached"),
        required("observed_at", Instant, "when these values were first seen as they are"),
    ],
    key: &["platform", "post_id"],
    sort: &[descending("posted_at"), descending("post_id")],
};

/// One row per post and look at it.
pub const POST_SNAPSHOTS: Table = Table {
    name: "post_snapshots",
    summary: "how a post was received each time somebody looked",
    columns: &[
        required("platform", Text, "the service the post is on"),
        required("post_id", Text, "the service's own id of the post"),
        required("observed_at", Instant, "when the counts were seen"),
        optional("reposts", Integer, "times it had been passed on"),
        optional("comments", Integer, "comments under it"),
        optional("likes", Integer, "likes it had received"),
        optional(
            "precision",
            Integer,
            "the coarsest unit to which the source rounded a count: 1 is exact, 10000 is whole 万",
        ),
    ],
    key: &["platform", "post_id", "observed_at"],
    sort: &[descending("observed_at"), ascending("platform"), descending("post_id")],
};
