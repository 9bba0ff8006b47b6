//! The CSV files of weibo-search: posts that hold a keyword.

use super::{Format, has_required};
use crate::error::Result;
use crate::ingest::Sink;
use crate::ingest::column::Field::{
    AccountId, AtUsers, Badge, Bid, Client, Comments, Ignored, Likes, Link, Media, OriginPostId,
    Place, PostId, PostedAt, Reposts, ScreenName, Text, Topics,
};
use crate::ingest::column::{Column, Subject, col, key};
use crate::ingest::input::Input;
use crate::ingest::table;

/// A repost and its original are two rows, linked by `retweet_id`.
pub(super) const FORMAT: Format = Format {
    name: "weibo-search",
    summary: "posts that hold a keyword, as weibo-search writes them to <keyword>.csv",
    columns: COLUMNS,
    more: &[],
    recognise: |head| has_required(head, COLUMNS),
    read,
};

const COLUMNS: &[Column] = &[
    key("id", PostId),
    col("bid", Bid),
    key("user_id", AccountId),
    key("用户昵称", ScreenName),
    key("微博正文", Text),
    col("头条文章url", Link),
    col("发布位置", Place),
    col("艾特用户", AtUsers),
    col("话题", Topics),
    key("转发数", Reposts),
    key("评论数", Comments),
    key("点赞数", Likes),
    key("发布时间", PostedAt),
    col("发布工具", Client),
    col("微博图片url", Media),
    col("微博视频url", Media),
    col("retweet_id", OriginPostId),
    col("ip", Ignored),
    col("user_authentication", Badge),
    col("会员类型", Ignored),
    col("会员等级", Ignored),
];

fn read(input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
    let mut common = input.common("weibo", Subject::Post);
    common.is_repost = input.head.has_columns(&["retweet_id"]).then_some(false);
    table::read(input, COLUMNS, &common, sink)
}
