//! A sink that keeps the last row of each post and account in memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use weiku::Result;
use weiku::ingest::{self, Account, Options, Post, Reading, Refusal, Row, Sink, Source};

/// Keeps the last row of each post and account.
#[derive(Default)]
pub(crate) struct Last {
    pub(crate) posts: BTreeMap<String, Post<'static>>,
    pub(crate) accounts: BTreeMap<String, Account<'static>>,
    pub(crate) records: u64,
    pub(crate) skipped: u64,
    pub(crate) rejected: Vec<String>,
}

impl Sink for Last {
    fn record(&mut self, _row: u64, rows: Vec<Row<'_>>) -> Result<()> {
        self.records += 1;
        for row in rows {
            match row {
                Row::Post(post) => {
                    self.posts.insert(post.post_id.to_string(), post.into_owned());
                }
                Row::Account(account) => {
                    self.accounts.insert(account.account_id.to_string(), account.into_owned());
                }
            }
        }
        Ok(())
    }

    fn skip(&mut self, _row: u64) -> Result<()> {
        self.skipped += 1;
        Ok(())
    }

    fn reject(&mut self, Refusal { row, reason, .. }: Refusal<'_>) -> Result<()> {
        self.rejected.push(format!("{row}: {reason}"));
        Ok(())
    }
}

impl Last {
    pub(crate) fn read(paths: &[PathBuf], options: &Options) -> (Self, Vec<Reading>) {
        let mut last = Self::default();
        let mut readings = Vec::new();
        for path in ingest::expand(paths).unwrap().files {
            for source in Source::open(&path).unwrap() {
                readings.push(ingest::read(source, options, &mut last).unwrap());
            }
        }
        (last, readings)
    }

    /// What `text` gives, as the content of a file called `name`.
    pub(crate) fn text(
        name: &str,
        text: impl Into<Vec<u8>>,
        options: &Options,
    ) -> Result<(Self, Reading)> {
        let mut last = Self::default();
        let source = Source::stream(name, std::io::Cursor::new(text.into()));
        let reading = ingest::read(source, options, &mut last)?;
        Ok((last, reading))
    }

    pub(crate) fn file(path: &Path) -> Self {
        Self::read(&[path.to_owned()], &Options::default()).0
    }

    /// Posts, then the sums of reposts, comments and likes.
    pub(crate) fn sums(&self) -> (usize, i64, i64, i64) {
        let sum = |count: fn(&Post<'_>) -> Option<i64>| self.posts.values().filter_map(count).sum();
        (
            self.posts.len(),
            sum(|post| post.counts.reposts),
            sum(|post| post.counts.comments),
            sum(|post| post.counts.likes),
        )
    }
}
