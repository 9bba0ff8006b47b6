//! What Weibo's open API answered in 2012: users as one answer, statuses one a
//! line, as crawlers that follow a timeline keep them. Nobody counted likes.

use chrono::{DateTime, FixedOffset};
use serde_json::{Value, json};

use super::account::Account;
use super::batches::{PostRow, utf8};
use super::export::Export;
use super::relay::Origin;
use super::schedule::posted;
use super::world::World;
use crate::error::Result;

/// Accounts in `users.json`, posts in `statuses.jsonl`.
pub(super) const EXPORT: Export =
    Export::new("weibo-api-jsonl", ("users.json", users), ("statuses.jsonl", b""), block);

/// Seconds by which Beijing is ahead of UTC.
const BEIJING: i32 = 8 * 3600;

/// All accounts.
fn users(world: &World) -> Vec<u8> {
    let users: Vec<Value> = world.all_accounts().iter().map(user).collect();
    json!({ "users": users, "total_number": users.len() }).to_string().into_bytes()
}

/// An account. How many posts it has is left to the posts.
fn user(account: &Account) -> Value {
    json!({
        "id": account.id,
        "idstr": account.id.to_string(),
        "screen_name": account.name,
        "location": if account.region.is_empty() { "北京" } else { account.region },
        "followers_count": account.followers,
        "friends_count": account.following,
        "created_at": time(account.registered),
        "verified": true,
        "verified_type": 1,
        "verified_reason": format!("{}官方微博", account.organization),
    })
}

/// Appends the posts of a block.
fn block(world: &World, block: usize, out: &mut Vec<u8>) -> Result<u64> {
    let mut posts = 0;
    let mut original = Vec::new();
    world.each_post(block, &mut |row, text| {
        posts += 1;
        let mut status = status(world, &row, text);
        if let Some(origin) = row.origin {
            status["retweeted_status"] = passed_on(world, origin, &mut original);
        }
        out.extend_from_slice(status.to_string().as_bytes());
        out.push(b'\n');
        Ok(())
    })?;
    Ok(posts)
}

/// A post, without the one that it passes on.
fn status(world: &World, row: &PostRow, text: &str) -> Value {
    let picture = |number| format!("http://ww1.sinaimg.cn/thumbnail/{}{number}.jpg", row.post);
    let pictures: Vec<Value> =
        (0..row.media).map(|number| json!({ "thumbnail_pic": picture(number) })).collect();
    json!({
        "created_at": time(row.posted),
        "id": row.post,
        "idstr": row.post.to_string(),
        "mid": row.post.to_string(),
        "text": text,
        "source": format!("<a href=\"http://weibo.com/\" rel=\"nofollow\">{}</a>", row.client),
        "pic_urls": pictures,
        "user": world.account_of(row.post).map(user),
        "reposts_count": row.reposts,
        "comments_count": row.comments,
    })
}

/// The post that another passes on; of one from outside the collection the id
/// and its author's are known.
fn passed_on(world: &World, origin: Origin, text: &mut Vec<u8>) -> Value {
    let known = world.account_of(origin.post).map(user);
    let mut status = json!({
        "created_at": time(posted(origin.post)),
        "id": origin.post,
        "idstr": origin.post.to_string(),
        "mid": origin.post.to_string(),
        "user": known.unwrap_or_else(|| json!({ "id": origin.account })),
    });
    if let Some(counts) = world.original(origin.post, text) {
        status["text"] = utf8(text).into();
        status["reposts_count"] = counts.reposts.into();
        status["comments_count"] = counts.comments.into();
    }
    status
}

/// An instant as the service wrote it: `Mon Aug 27 23:59:59 +0800 2012`.
fn time(seconds: i64) -> String {
    let beijing = FixedOffset::east_opt(BEIJING).expect("eight hours are less than a day");
    let instant = DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    instant.with_timezone(&beijing).format("%a %b %d %H:%M:%S %z %Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_beijing() {
        assert_eq!(time(1_346_083_199), "Mon Aug 27 23:59:59 +0800 2012");
    }
}
