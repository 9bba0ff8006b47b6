//! Tables that point-and-click scrapers make of Weibo's pages, with the names
//! of the page's own classes as columns.

use super::Format;
use crate::error::Result;
use crate::ingest::Sink;
use crate::ingest::column::Field::{
    Comments, Ignored, Likes, Link, Media, PostUrl, Reposts, RoughPostedAt, Text, TimeAndClient,
    Topics,
};
use crate::ingest::column::{Column, Subject, col};
use crate::ingest::input::Input;
use crate::ingest::table;

/// The layouts differ in what was clicked; the address of the post, which names
/// post and account, and its text are always there.
pub(super) const FORMAT: Format = Format {
    name: "weibo-scrape-csv",
    summary: "tables of Weibo's pages by point-and-click scrapers; ids and years come from the address",
    columns: COLUMNS,
    more: &[],
    recognise: |head| {
        head.has_columns(&["weibo_url", "forward", "comment", "like"])
            && (head.has_columns(&["WB_text"]) || head.has_columns(&["weibo_content"]))
    },
    read,
};

const COLUMNS: &[Column] = &[
    col("头像", Ignored),
    col("S_txt2", Ignored),
    col("WB_from", TimeAndClient),
    col("pub_time", RoughPostedAt),
    col("WB_text", Text),
    col("weibo_content", Text),
    col("forward", Reposts),
    col("comment", Comments),
    col("like", Likes),
    col("缩略图", Media),
    col("WB_video", Media),
    col("W_img_face", Ignored),
    col("Time", Ignored),
    col("weibo_topic", Topics),
    col("article", Link),
    col("weibo_url", PostUrl),
];

fn read(input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
    let common = input.common("weibo", Subject::Post);
    table::read(input, COLUMNS, &common, sink)
}
