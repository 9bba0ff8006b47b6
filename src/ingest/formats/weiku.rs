//! weiku's own tables as CSV, JSON lines or a JSON array, which is also how a
//! directory of organizations is written.

use super::{Format, read_flat};
use crate::error::{Error, Result, nearest};
use crate::ingest::Sink;
use crate::ingest::column::{Column, Field, Subject, col};
use crate::ingest::head::Head;
use crate::ingest::input::Input;

/// The columns decide what a row is: with `post_id` a post, else an account.
pub(super) const FORMAT: Format = Format {
    name: "weiku",
    summary: "weiku's own tables accounts, account_snapshots, posts and post_snapshots as CSV or JSON lines; also a directory of organizations",
    columns: COLUMNS,
    more: &[],
    recognise,
    read,
};

pub(super) const COLUMNS: &[Column] = &[
    col("platform", Field::Platform),
    col("post_id", Field::PostId),
    col("account_id", Field::AccountId),
    col("posted_at", Field::PostedAt),
    col("text", Field::Text),
    col("client", Field::Client),
    col("place", Field::Place),
    col("is_repost", Field::IsRepost),
    col("origin_post_id", Field::OriginPostId),
    col("origin_account_id", Field::OriginAccountId),
    col("reposts", Field::Reposts),
    col("comments", Field::Comments),
    col("likes", Field::Likes),
    col("hashtags", Field::Hashtags),
    col("mentions", Field::Mentions),
    col("urls", Field::Urls),
    col("media_count", Field::MediaCount),
    col("screen_name", Field::ScreenName),
    col("description", Field::Description),
    col("verified", Field::Verified),
    col("verified_type", Field::VerifiedType),
    col("verified_reason", Field::VerifiedReason),
    col("location", Field::Location),
    col("registered_at", Field::RegisteredAt),
    col("organization", Field::Organization),
    col("level", Field::Level),
    col("system", Field::System),
    col("region", Field::Region),
    col("style", Field::Style),
    col("followers", Field::Followers),
    col("following", Field::Following),
    col("posts", Field::Posts),
    col("precision", Field::Precision),
    col("observed_at", Field::ObservedAt),
];

/// Whether records have an id and something else of ours.
fn recognise(head: &Head) -> bool {
    let known = head.names().filter(|name| is_column(name)).count();
    (head.has(&["post_id"]) || head.has(&["account_id"])) && known >= 2
}

fn is_column(name: &str) -> bool {
    COLUMNS.iter().any(|column| column.name == name)
}

fn read(input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
    check_names(&input)?;
    let subject = if input.head.has(&["post_id"]) { Subject::Post } else { Subject::Account };
    let mut common = input.common("", subject);
    common.platform.clone_from(&input.options.platform);
    if common.platform.is_none() && !input.head.has(&["platform"]) {
        let error = Error::input("no column `platform`").in_file(input.name);
        return Err(error.at_line(1).hint("pass --platform weibo, or another service"));
    }
    read_flat(input, COLUMNS, &common, sink)
}

/// Refuses a column that is a misspelt one of ours, whose values would be lost;
/// others are the analyst's own notes.
fn check_names(input: &Input<'_>) -> Result<()> {
    let ours = || COLUMNS.iter().map(|column| column.name);
    for name in input.head.names().filter(|name| !is_column(name)) {
        let missing = ours().filter(|ours| !input.head.has(&[ours]));
        if let Some(meant) = nearest(name, missing) {
            return Err(Error::input(format!("no column `{name}` in weiku's tables"))
                .in_file(input.name)
                .at_line(1)
                .hint(format!("did you mean `{meant}`?")));
        }
    }
    Ok(())
}
