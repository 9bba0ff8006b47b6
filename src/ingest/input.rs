//! One opened file as a format sees it.

use std::io::Read;

use super::Options;
use super::column::{Common, Subject};
use super::encoding::Known;
use super::fields::time::Clock;
use super::head::Head;
use super::record::Instant;
use super::source::Beside;

/// A file's content and what is known about it.
pub struct Input<'a> {
    /// The name for messages.
    pub(super) name: &'a str,
    /// The content as UTF-8, from its beginning.
    pub(super) content: &'a mut dyn Read,
    /// What the content begins with.
    pub(super) head: &'a Head,
    /// The encoding it had.
    pub(super) encoding: Known,
    /// What the person asked for.
    pub(super) options: &'a Options,
    /// The time of the look: as asked for, else when the file was changed.
    pub(super) now: Option<Instant>,
    /// Where it lies.
    pub(super) beside: &'a Beside,
    /// Takes the columns that the format does not know.
    pub(super) left_out: &'a mut Vec<String>,
    /// Takes whether the last row of a table has no line end.
    pub(super) is_unended: &'a mut bool,
}

impl std::fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Input<'_> {
    /// What the records of a file of `platform` have in common, as far as the
    /// options tell.
    pub(super) fn common(&self, platform: &str, subject: Subject) -> Common {
        Common {
            platform: Some(self.options.platform.clone().unwrap_or_else(|| platform.to_owned())),
            account_id: self.options.account_id.clone(),
            clock: self.clock(),
            time_format: None,
            is_repost: None,
            subject,
            constants: Vec::new(),
            hides_sizes: platform == "weibo",
            headless: false,
            plain_line_ends: !platform.is_empty(),
        }
    }

    /// How to read times: those without a zone are China's.
    pub(super) fn clock(&self) -> Clock {
        Clock { zone: chrono_tz::Asia::Shanghai, now: self.now }
    }
}
