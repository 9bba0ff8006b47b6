//! The files of MediaCrawler: authors and posts, one a line. Counts are text,
//! and whether a post passes on another is not told.

use serde_json::{Value, json};

use super::batches::PostRow;
use super::export::Export;
use super::world::World;
use crate::error::Result;

/// Accounts in `creators.jsonl`, posts in `contents.jsonl`.
pub(super) const EXPORT: Export =
    Export::new("mediacrawler-jsonl", ("creators.jsonl", creators), ("contents.jsonl", b""), block);

/// All accounts.
fn creators(world: &World) -> Vec<u8> {
    let mut out = Vec::new();
    for account in world.all_accounts() {
        let creator = json!({
            "user_id": account.id.to_string(),
            "nickname": account.name,
            "desc": format!("{}官方微博", account.organization),
            "follows": account.following.to_string(),
            "fans": account.followers.to_string(),
            "last_modify_ts": World::observed_at() * 1_000,
        });
        push_line(&creator, &mut out);
    }
    out
}

/// Appends the posts of a block.
fn block(world: &World, block: usize, out: &mut Vec<u8>) -> Result<u64> {
    let mut posts = 0;
    world.each_post(block, &mut |row, text| {
        posts += 1;
        push_line(&content(world, &row, text), out);
        Ok(())
    })?;
    Ok(posts)
}

/// A post.
fn content(world: &World, row: &PostRow, text: &str) -> Value {
    json!({
        "note_id": row.post.to_string(),
        "content": text,
        "create_time": row.posted,
        "comments_count": row.comments.to_string(),
        "shared_count": row.reposts.to_string(),
        "liked_count": "",
        "last_modify_ts": World::observed_at() * 1_000,
        "note_url": format!("https://m.weibo.cn/detail/{}", row.post),
        "ip_location": row.place.unwrap_or_default(),
        "user_id": row.account.to_string(),
        "nickname": world.account_of(row.post).map_or("", |account| account.name.as_str()),
    })
}

/// Appends a line.
fn push_line(value: &Value, out: &mut Vec<u8>) {
    out.extend_from_slice(value.to_string().as_bytes());
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::super::Scale;
    use super::*;

    #[test]
    fn every_line_is_a_post_and_counts_are_text() {
        let world = World::new(Scale::Small, 1).unwrap();
        let mut out = Vec::new();
        let posts = block(&world, world.blocks() - 1, &mut out).unwrap();
        let lines = out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let contents: Vec<Value> =
            lines.map(|line| serde_json::from_slice(line).unwrap()).collect();
        assert_eq!(contents.len() as u64, posts);
        assert!(contents.iter().all(|post| post["shared_count"].is_string()));
        assert_eq!(creators(&world).split(|byte| *byte == b'\n').count(), 44 + 1);
    }
}
