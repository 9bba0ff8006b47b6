//! weiku's own tables as JSON lines or a JSON array.

use super::Format;
use super::weiku_csv::{COLUMNS, no_platform, subject};
use crate::error::Result;
use crate::ingest::Sink;
use crate::ingest::head::Head;
use crate::ingest::input::Input;
use crate::ingest::json::{self, elements_only};

/// The keys decide what a record is: with `post_id` a post, else an account.
pub(super) const FORMAT: Format = Format {
    name: "weiku-json",
    summary: "weiku's own tables as JSON lines or a JSON array, with the columns as keys",
    columns: COLUMNS,
    recognise,
    read,
};

/// Whether records have an id and something else of ours.
fn recognise(head: &Head) -> bool {
    let known = head.keys().filter(|key| COLUMNS.iter().any(|column| column.name == *key)).count();
    (head.has_keys(&["post_id"]) || head.has_keys(&["account_id"])) && known >= 2
}

fn read(input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
    let mut common = input.common("", subject(input.head.has_keys(&["post_id"])));
    common.platform.clone_from(&input.options.platform);
    if common.platform.is_none() && !input.head.has_keys(&["platform"]) {
        return Err(no_platform(input.name));
    }
    json::read_flat(input, elements_only, COLUMNS, &common, sink)
}
