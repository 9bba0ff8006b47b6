//! The text files of weiboSpider: an account, and posts without ids.

use std::io::{BufRead, BufReader};

use super::Format;
use crate::error::{Error, Result};
use crate::ingest::column::Field::{AccountId, Followers, Following, Posts, ScreenName};
use crate::ingest::column::{Column, Subject, col};
use crate::ingest::draft::Draft;
use crate::ingest::input::Input;
use crate::ingest::{MAX_RECORD, Refusal, Sink};

/// Only the account can be taken: a post without an id cannot be told from one
/// that is known already.
pub(super) const FORMAT: Format = Format {
    name: "weibospider-txt",
    summary: "the account in weiboSpider's <uid>.txt; its posts have no id and are rejected, take them from the CSV or JSON",
    columns: COLUMNS,
    more: &[],
    recognise: |head| head.text().trim_start().starts_with(FIRST),
    read,
};

const FIRST: &str = "用户信息";

/// The last line of a post.
const LAST: &str = "发布工具:";

const COLUMNS: &[Column] = &[
    col("用户昵称", ScreenName),
    col("用户id", AccountId),
    col("微博数", Posts),
    col("关注数", Following),
    col("粉丝数", Followers),
];

fn read(input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
    let common = input.common("weibo", Subject::Account);
    let failed = |error: std::io::Error| {
        Error::input(format!("cannot read on: {error}")).in_file(input.name)
    };
    let mut lines = BufReader::new(input.content);
    let (mut row, mut number, mut first) = (0, 0, 0);
    let mut block = String::new();
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        number += 1;
        if block.trim_start().is_empty() {
            first = number;
        }
        let is_end = lines.read_until(b'\n', &mut bytes).map_err(failed)? == 0;
        let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        let ends = is_end || line.starts_with(LAST) || line.ends_with("微博内容:") || line == FIRST;
        if line != FIRST && !line.ends_with("微博内容:") {
            block.push_str(&line);
            block.push('\n');
        }
        if block.len() > MAX_RECORD {
            return Err(Error::input("a post is too long").in_file(input.name).at_line(first));
        }
        if ends && !block.trim().is_empty() {
            row += 1;
            take(&common, [row, first], &block, sink)?;
        }
        if ends {
            block.clear();
        }
        if is_end {
            return Ok(());
        }
    }
}

/// Takes an account, or refuses a post. It is known by its number and its line.
fn take(
    common: &crate::ingest::column::Common,
    [row, line]: [u64; 2],
    block: &str,
    sink: &mut dyn Sink,
) -> Result<()> {
    let refuse = |sink: &mut dyn Sink, reason: String, raw: &str| {
        sink.reject(Refusal { row, line: Some(line), reason, raw: raw.as_bytes() })
    };
    if !block.trim_start().starts_with("用户昵称") {
        let reason = "a post without an id; import weiboSpider's CSV or JSON instead".to_owned();
        return refuse(sink, reason, block.trim_end());
    }
    let mut draft = Draft::new(common);
    let mut fill = || {
        for line in block.lines() {
            let Some((name, value)) = line.split_once(['：', ':']) else { continue };
            if let Some(column) = COLUMNS.iter().find(|column| column.name == name.trim()) {
                draft.set(column, value)?;
            }
        }
        Ok(())
    };
    match fill().and_then(|()| draft.finish()) {
        Ok(rows) => sink.record(row, rows),
        Err(reason) => refuse(sink, reason, block),
    }
}
