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

/// The columns that only posts have.
const OF_POSTS: [Field; 15] = [
    Field::PostedAt,
    Field::Text,
    Field::Client,
    Field::Place,
    Field::IsRepost,
    Field::OriginPostId,
    Field::OriginAccountId,
    Field::Reposts,
    Field::Comments,
    Field::Likes,
    Field::Hashtags,
    Field::Mentions,
    Field::Urls,
    Field::MediaCount,
    Field::PostId,
];

/// How many columns of ours a table has at least that names no id, for it to be
/// refused as ours rather than as unknown.
const TELLING: usize = 3;

/// Whether records have an id and something else of ours, or so much of ours
/// that the id must be misspelt.
fn recognise(head: &Head) -> bool {
    let known = head.names().filter(|name| is_column(name)).count();
    let has_id = head.has(&["post_id"]) || head.has(&["account_id"]);
    (has_id && known >= 2) || (known >= TELLING && known * 2 > head.names().count())
}

fn is_column(name: &str) -> bool {
    COLUMNS.iter().any(|column| column.name == name)
}

fn read(input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
    let names: Vec<&str> = input.head.names().collect();
    let mut common = input.common("", Subject::Post);
    common.platform.clone_from(&input.options.platform);
    common.subject = subject(&names, common.platform.is_some())
        .map_err(|error| error.in_file(input.name).at_line(1))?;
    read_flat(input, COLUMNS, &common, sink)
}

/// What the rows with columns called `names` are, unless a name is misspelt and
/// what stands under it would be lost.
pub(super) fn subject(names: &[&str], platform_is_given: bool) -> Result<Subject> {
    check_names(names)?;
    let has = |name: &str| names.contains(&name);
    if !has("platform") && !platform_is_given {
        return Err(
            Error::input("no column `platform`").hint("pass --platform weibo, or another service")
        );
    }
    if has("post_id") {
        return Ok(Subject::Post);
    }
    let of_posts = |name: &&&str| {
        COLUMNS.iter().any(|ours| ours.name == **name && OF_POSTS.contains(&ours.field))
    };
    match names.iter().find(of_posts) {
        None if has("account_id") => Ok(Subject::Account),
        None => Err(without("account_id", "", names)),
        Some(of_posts) => {
            Err(without("post_id", &format!(", and `{of_posts}` is a column of posts"), names))
        }
    }
}

/// The columns among `names` that are none of ours.
pub(super) fn left_out(names: &[&str]) -> impl Iterator<Item = String> {
    names.iter().filter(|name| !is_column(name)).map(|name| (*name).to_owned())
}

/// The error for a table without the column `id`, which names the one that may
/// be meant.
fn without(id: &str, because: &str, names: &[&str]) -> Error {
    let error = Error::input(format!("no column `{id}`{because}"));
    let unknown = || names.iter().copied().filter(|name| !is_column(name));
    let ends_in_id = |name: &&str| name.to_lowercase().ends_with("id");
    match nearest(id, unknown()).or_else(|| unknown().find(ends_in_id)) {
        Some(name) => error.hint(format!("is it the column `{name}`? rename that to `{id}`")),
        None => error.hint(format!("the columns are {}", names.join(", "))),
    }
}

/// Refuses a column that is a misspelt one of ours, whose values would be lost;
/// others are the analyst's own notes.
fn check_names(names: &[&str]) -> Result<()> {
    let ours = || COLUMNS.iter().map(|column| column.name);
    for name in names.iter().filter(|name| !is_column(name)) {
        if let Some(meant) = nearest(name, ours().filter(|ours| !names.contains(ours))) {
            return Err(Error::input(format!("no column `{name}` in weiku's tables"))
                .hint(format!("did you mean `{meant}`?")));
        }
    }
    Ok(())
}
