//! The CSV files of weiboSpider, named after the account.

use super::{Format, has_required};
use crate::error::{Error, Result};
use crate::ingest::Sink;
use crate::ingest::column::Field::{
    Bid, Client, Comments, IsOriginal, Likes, Link, Media, Place, PostedAt, Reposts, Text,
};
use crate::ingest::column::{Column, Subject, col, key};
use crate::ingest::fields::id;
use crate::ingest::input::Input;
use crate::ingest::table;

/// Eleven columns for originals only, up to thirteen with reposts.
pub(super) const FORMAT: Format = Format {
    name: "weibospider-csv",
    summary: "posts as weiboSpider writes them to <uid>.csv",
    columns: COLUMNS,
    more: &[],
    recognise: |head| has_required(head, COLUMNS),
    read,
};

const COLUMNS: &[Column] = &[
    key("微博id", Bid),
    key("微博正文", Text),
    col("头条文章url", Link),
    col("原始图片url", Media),
    col("被转发微博原始图片url", crate::ingest::column::Field::Ignored),
    col("是否为原创微博", IsOriginal),
    col("微博视频url", Media),
    col("发布位置", Place),
    key("发布时间", PostedAt),
    col("发布工具", Client),
    key("点赞数", Likes),
    key("转发数", Reposts),
    key("评论数", Comments),
];

fn read(input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
    let mut common = input.common("weibo", Subject::Post);
    common.account_id = common.account_id.or_else(|| id::account_of_file(input.name));
    if common.account_id.is_none() {
        return Err(Error::input("the file does not say whose posts these are")
            .in_file(input.name)
            .hint("name it <uid>.csv as weiboSpider does, or pass --account-id UID"));
    }
    // The column is there unless weiboSpider was told to leave reposts out.
    common.is_repost = (!input.head.has_columns(&["是否为原创微博"])).then_some(false);
    table::read(input, COLUMNS, &common, sink)
}
