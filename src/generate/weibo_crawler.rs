//! The files of weibo-crawler, with their dirt: a byte order mark, CRLF, a tab
//! after each id, line breaks in texts, and rows of originals that end before
//! the columns of the reposted post.

use std::io::Write;

use super::batches::{PostRow, utf8};
use super::calendar::Day;
use super::export::Export;
use super::relay::Origin;
use super::schedule::posted;
use super::world::World;
use crate::error::Result;
use crate::text::{entities, weibo_id};

/// Accounts in `users.csv`, posts in one `posts.csv` that names the account in
/// each row.
pub(super) const EXPORT: Export =
    Export::new("weibo-crawler-csv", ("users.csv", users), ("posts.csv", HEADER.as_bytes()), block);

const HEADER: &str = "\u{feff}id,bid,用户id,用户昵称,正文,头条文章url,原始图片url,视频url,位置,日期,工具,点赞数,评论数,转发数,话题,@用户,完整日期,是否原创,源用户id,源用户昵称,源微博id,源微博bid,源微博正文,源微博头条文章url,源微博原始图片url,源微博视频url,源微博位置,源微博日期,源微博工具,源微博点赞数,源微博评论数,源微博转发数,源微博话题,源微博@用户,源微博完整日期\r\n";

const USERS_HEADER: &str = "\u{feff}用户id,昵称,性别,生日,所在地,学习经历,公司,注册时间,阳光信用,微博数,粉丝数,关注数,简介,主页,头像,高清头像,微博等级,会员等级,是否认证,认证类型,认证信息\r\n";

/// What the service shows for a post that is gone.
const GONE: &str = "抱歉，此微博已被作者删除。";

/// The rows of `users.csv`. How many posts an account has is left to the posts.
fn users(world: &World) -> Vec<u8> {
    let mut out = USERS_HEADER.as_bytes().to_vec();
    for account in world.all_accounts() {
        let (year, month, day) = account.opened().date();
        let row = format!(
            "{id},{name},,,{place},,,{year}-{month:02}-{day:02},,,{followers},{following},,https://weibo.com/u/{id},,,,,True,1,{organization}官方微博\r\n",
            id = account.id,
            name = account.name,
            place = if account.region.is_empty() { "北京" } else { account.region },
            followers = account.followers,
            following = account.following,
            organization = account.organization,
        );
        out.extend_from_slice(row.as_bytes());
    }
    out
}

/// Appends the posts of a block.
fn block(world: &World, block: usize, out: &mut Vec<u8>) -> Result<u64> {
    let mut posts = 0;
    let mut original = Vec::new();
    world.each_post(block, &mut |row, text| {
        posts += 1;
        push_post(world, &row, text, out);
        match row.origin {
            None => out.extend_from_slice(b",True"),
            Some(origin) => push_origin(world, origin, &mut original, out),
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    })?;
    Ok(posts)
}

/// Appends the columns that every row has, up to the full date.
fn push_post(world: &World, row: &PostRow, text: &str, out: &mut Vec<u8>) {
    let bid = weibo_id::bid_from_mid(row.post).unwrap_or_default();
    push_all(out, format_args!("{}\t,{bid},{}\t,", row.post, row.account));
    let name = world.account_of(row.post).map_or("", |account| account.name.as_str());
    push_cell(name, out);
    out.push(b',');
    push_cell(&broken(text), out);
    let picture = match row.media {
        0 => String::new(),
        _ => format!("http://ww1.sinaimg.cn/large/{bid}.jpg"),
    };
    push_all(out, format_args!(",,{picture},,{},", row.place.unwrap_or("")));
    push_time(row.posted, 'T', out);
    push_all(out, format_args!(",{},,{},{},", row.client, row.comments, row.reposts));
    push_lists(text, out);
    out.push(b',');
    push_time(row.posted, ' ', out);
}

/// Appends the columns of the reposted post.
fn push_origin(world: &World, origin: Origin, text: &mut Vec<u8>, out: &mut Vec<u8>) {
    let bid = weibo_id::bid_from_mid(origin.post).unwrap_or_default();
    let counts = world.original(origin.post, text);
    let name = world.account_of(origin.post).map_or("", |account| account.name.as_str());
    push_all(out, format_args!(",False,{}\t,{name},{}\t,{bid},", origin.account, origin.post));
    let Some(counts) = counts else {
        push_cell(GONE, out);
        out.extend_from_slice(b",,,,,,,,,,,,");
        return;
    };
    let text = utf8(text);
    push_cell(&broken(text), out);
    out.extend_from_slice(b",,,,,");
    push_time(posted(origin.post), 'T', out);
    push_all(out, format_args!(",,,{},{},", counts.comments, counts.reposts));
    push_lists(text, out);
    out.push(b',');
    push_time(posted(origin.post), ' ', out);
}

/// A text with a line break after its title, as the service shows it.
fn broken(text: &str) -> String {
    text.replacen('】', "】\n", 1)
}

/// Appends hashtags and mentioned names, each in one cell with commas.
fn push_lists(text: &str, out: &mut Vec<u8>) {
    push_cell(&entities::hashtags(text).join(","), out);
    out.push(b',');
    push_cell(&entities::mentions(text).join(","), out);
}

/// Appends a time in Beijing, with `between` between date and time of day.
fn push_time(seconds: i64, between: char, out: &mut Vec<u8>) {
    let day = Day::at(seconds);
    let ((year, month, of_month), second) = (day.date(), seconds - day.start());
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    push_all(
        out,
        format_args!("{year}-{month:02}-{of_month:02}{between}{hour:02}:{minute:02}:{second:02}"),
    );
}

/// Appends a cell, quoted if it must be.
fn push_cell(text: &str, out: &mut Vec<u8>) {
    if text.contains([',', '"', '\n', '\r']) {
        out.push(b'"');
        out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(text.as_bytes());
    }
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
    fn rows_of_originals_end_early_and_those_of_reposts_are_whole() {
        let world = World::new(Scale::Small, 1).unwrap();
        let mut out = HEADER.as_bytes().to_vec();
        let posts = block(&world, world.blocks() - 1, &mut out).unwrap();
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(out.as_slice());
        let whole = reader.headers().unwrap().len();
        let mut rows = 0;
        for record in reader.records() {
            let record = record.unwrap();
            let is_original = record.get(17) == Some("True");
            assert_eq!(record.len(), if is_original { 18 } else { whole }, "{record:?}");
            assert!(record[0].ends_with('\t'));
            rows += 1;
        }
        assert_eq!(rows, posts);
    }
}
