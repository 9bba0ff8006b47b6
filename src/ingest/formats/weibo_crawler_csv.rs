//! The CSV files of weibo-crawler, named after the account.

use super::{Format, has_required};
use crate::error::{Error, Result};
use crate::ingest::Sink;
use crate::ingest::column::Field::{
    AccountId, AtUsers, Bid, Client, Comments, Ignored, IsOriginal, Likes, Link, Media, Place,
    PostId, PostedAt, Reposts, RoughPostedAt, ScreenName, Text, Topics,
};
use crate::ingest::column::{Column, Subject, col, key, origin};
use crate::ingest::fields::id;
use crate::ingest::input::Input;
use crate::ingest::table;

/// 14 columns in 2020, 33 in 2024, 39 since; rows of originals are cut off
/// before the columns of the reposted post.
pub(super) const FORMAT: Format = Format {
    name: "weibo-crawler-csv",
    summary: "posts as weibo-crawler writes them to <uid>.csv",
    columns: COLUMNS,
    more: &[],
    recognise: |head| has_required(head, COLUMNS),
    read,
};

const COLUMNS: &[Column] = &[
    key("id", PostId),
    key("bid", Bid),
    col("用户id", AccountId),
    col("用户昵称", ScreenName),
    key("正文", Text),
    col("头条文章url", Link),
    col("原始图片url", Media),
    col("视频url", Media),
    col("Live Photo视频url", Ignored),
    col("位置", Place),
    key("日期", RoughPostedAt),
    col("工具", Client),
    key("点赞数", Likes),
    key("评论数", Comments),
    key("转发数", Reposts),
    col("话题", Topics),
    col("@用户", AtUsers),
    col("完整日期", PostedAt),
    col("是否编辑过", Ignored),
    col("编辑次数", Ignored),
    col("是否原创", IsOriginal),
    origin("源用户id", AccountId),
    origin("源用户昵称", ScreenName),
    origin("源微博id", PostId),
    origin("源微博bid", Bid),
    origin("源微博正文", Text),
    origin("源微博头条文章url", Link),
    origin("源微博原始图片url", Media),
    origin("源微博视频url", Media),
    origin("源微博Live Photo视频url", Ignored),
    origin("源微博位置", Place),
    origin("源微博日期", RoughPostedAt),
    origin("源微博工具", Client),
    origin("源微博点赞数", Likes),
    origin("源微博评论数", Comments),
    origin("源微博转发数", Reposts),
    origin("源微博话题", Topics),
    origin("源微博@用户", AtUsers),
    origin("源微博完整日期", PostedAt),
    origin("源微博是否编辑过", Ignored),
    origin("源微博编辑次数", Ignored),
];

fn read(input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
    let mut common = input.common("weibo", Subject::Post);
    common.account_id = common.account_id.or_else(|| id::account_of_file(input.name));
    if common.account_id.is_none() && !input.head.has_columns(&["用户id"]) {
        return Err(Error::input("the file does not say whose posts these are")
            .in_file(input.name)
            .hint("name it <uid>.csv as weibo-crawler does, or pass --account-id UID"));
    }
    // The column is there unless weibo-crawler was told to leave reposts out.
    common.is_repost = (!input.head.has_columns(&["是否原创"])).then_some(false);
    table::read(input, COLUMNS, &common, sink)
}
