//! Leaves out nested accounts that say what was said just before.

use std::hash::BuildHasher;

use datafusion::common::HashMap;

use super::record::{Account, Row};
use super::{Refusal, Sink};
use crate::error::Result;

/// How many accounts are remembered before all are forgotten.
const MOST: usize = 200_000;

/// A sink in front of another one. Many posts of one account each carry its
/// whole profile, and the store need not merge it each time.
pub(super) struct Fresh<'a> {
    sink: &'a mut dyn Sink,
    /// By hash of the account's id, the hash of all that was told of it last.
    known: HashMap<u64, u64>,
}

impl<'a> Fresh<'a> {
    pub(super) fn new(sink: &'a mut dyn Sink) -> Self {
        Self { sink, known: HashMap::default() }
    }

    /// Whether the account is not as it was told last. Two may be taken for one
    /// about as often as 64 bits of a hash are the same by chance.
    fn is_news(&mut self, account: &Account<'_>) -> bool {
        let hasher = self.known.hasher();
        let id = hasher.hash_one((&account.platform, &account.account_id));
        let told = hasher.hash_one(account);
        if self.known.len() >= MOST {
            self.known.clear();
        }
        self.known.insert(id, told) != Some(told)
    }
}

impl Sink for Fresh<'_> {
    fn record(&mut self, row: u64, mut rows: Vec<Row<'_>>) -> Result<()> {
        let mut is_record = true;
        rows.retain(|row| {
            let is_first = std::mem::replace(&mut is_record, false);
            match row {
                Row::Account(account) => self.is_news(account) || is_first,
                Row::Post(_) => true,
            }
        });
        self.sink.record(row, rows)
    }

    fn header(&mut self, raw: &[u8]) -> Result<()> {
        self.sink.header(raw)
    }

    fn skip(&mut self, row: u64) -> Result<()> {
        self.sink.skip(row)
    }

    fn reject(&mut self, refusal: Refusal<'_>) -> Result<()> {
        self.sink.reject(refusal)
    }
}
