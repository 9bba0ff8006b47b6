//! The users.csv of weibo-crawler: one row per account.

use super::{Format, has_required};
use crate::error::Result;
use crate::ingest::Sink;
use crate::ingest::column::Field::{
    AccountId, Description, Followers, Following, Ignored, Location, Posts, RegisteredAt,
    RoundedFollowers, ScreenName, Verified, VerifiedReason, VerifiedType,
};
use crate::ingest::column::{Column, Subject, col, key};
use crate::ingest::input::Input;
use crate::ingest::table;

/// 21 columns in 2020, 22 in 2024, 23 since.
pub(super) const FORMAT: Format = Format {
    name: "weibo-crawler-users",
    summary: "accounts as weibo-crawler writes them to users.csv",
    columns: COLUMNS,
    more: &[],
    recognise: |head| has_required(head, COLUMNS),
    read,
};

const COLUMNS: &[Column] = &[
    key("用户id", AccountId),
    key("昵称", ScreenName),
    col("性别", Ignored),
    col("生日", Ignored),
    col("所在地", Location),
    col("IP属地", Ignored),
    col("学习经历", Ignored),
    col("公司", Ignored),
    col("注册时间", RegisteredAt),
    col("阳光信用", Ignored),
    key("微博数", Posts),
    key("粉丝数", Followers),
    key("关注数", Following),
    col("简介", Description),
    col("主页", Ignored),
    col("头像", Ignored),
    col("高清头像", Ignored),
    col("微博等级", Ignored),
    col("会员等级", Ignored),
    col("是否认证", Verified),
    col("认证类型", VerifiedType),
    col("认证信息", VerifiedReason),
    col("上次记录微博信息", Ignored),
];

fn read(input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
    let common = input.common("weibo", Subject::Account);
    // The column came after Weibo had begun to round large counts.
    if !input.head.has_columns(&["IP属地"]) {
        return table::read(input, COLUMNS, &common, sink);
    }
    let rounded = |column: &Column<'static>| match column.field {
        Followers => Column { field: RoundedFollowers, ..*column },
        _ => *column,
    };
    let columns: Vec<Column> = COLUMNS.iter().map(rounded).collect();
    table::read(input, &columns, &common, sink)
}
