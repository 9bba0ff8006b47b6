//! Whether anything is known of the accounts whose posts an import brought.
//!
//! Many exports hold posts and no profiles. Their posts are all there, and every
//! join of them with `accounts` is empty, which looks like a fault.

use datafusion::arrow::array::{Array, AsArray};
use datafusion::common::{HashMap, HashSet};

use super::Database;
use crate::engine::Settings;
use crate::error::Result;

/// How many authors are remembered; of more nothing is said.
const MOST: usize = 100_000;

/// Who wrote the posts of some files, as long as these say nothing else of any
/// account.
#[derive(Debug, Default)]
pub(super) struct Authors {
    /// Account ids by platform.
    known: HashMap<String, HashSet<String>>,
    /// How many there are.
    number: usize,
    /// Whether the files say more of accounts than who wrote a post.
    are_named: bool,
}

impl Authors {
    /// Takes note of a post's author.
    pub(super) fn wrote(&mut self, platform: &str, account_id: Option<&str>) {
        let Some(account_id) = account_id.filter(|_| !self.are_named && self.number <= MOST) else {
            return;
        };
        if self.has(platform, account_id) {
            return;
        }
        self.number += 1;
        self.known.entry(platform.to_owned()).or_default().insert(account_id.to_owned());
    }

    /// Takes note that more is said of an account.
    pub(super) fn are_named(&mut self) {
        if !self.are_named {
            *self = Self { are_named: true, ..Self::default() };
        }
    }

    /// Adds those of another file.
    pub(super) fn add(&mut self, other: Self) {
        if other.are_named {
            self.are_named();
        }
        for (platform, accounts) in other.known {
            for account_id in accounts {
                self.wrote(&platform, Some(&account_id));
            }
        }
    }

    /// Whether `database` has no row in `accounts` for any of them.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub(super) async fn are_strangers(&self, database: &Database) -> Result<bool> {
        if self.are_named || self.number > MOST {
            return Ok(false);
        }
        let sql = "SELECT arrow_cast(platform, 'Utf8View'), arrow_cast(account_id, 'Utf8View') \
                   FROM accounts";
        for batch in database.session(Settings::default())?.collect(sql).await? {
            let [platforms, ids] = [0, 1].map(|column| batch.column(column).as_string_view());
            let mut rows = 0..ids.len();
            if rows.any(|row| self.has(platforms.value(row), ids.value(row))) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn has(&self, platform: &str, account_id: &str) -> bool {
        self.known.get(platform).is_some_and(|accounts| accounts.contains(account_id))
    }
}
