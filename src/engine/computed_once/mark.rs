//! How a query by name that is used again is known in a plan: by the alias of what it
//! selects from.

use std::fmt;

use datafusion::common::TableReference;

/// How such an alias begins.
const PREFIX: &str = "computed once";

/// What stands between its parts.
const BETWEEN: char = '|';

/// A query by name that is used again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Mark {
    /// When it is computed once.
    pub(in crate::engine) when: When,
    /// What tells the statement from those whose views it may read.
    pub(in crate::engine) statement: u64,
    /// What tells the query from others of the statement.
    pub(in crate::engine) number: usize,
    /// What it is called.
    pub(in crate::engine) name: String,
}

/// When a query is computed once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum When {
    /// Always, since it would be other rows each time.
    Changing,
    /// If it can be, since that was asked for.
    Asked,
    /// If it can be, and takes long.
    Costly,
}

impl When {
    const ALL: [Self; 3] = [Self::Changing, Self::Asked, Self::Costly];

    fn word(self) -> &'static str {
        match self {
            Self::Changing => "changing",
            Self::Asked => "asked",
            Self::Costly => "costly",
        }
    }
}

impl Mark {
    /// The mark that `alias` is, if it is one.
    pub(super) fn of(alias: &TableReference) -> Option<Self> {
        let rest = alias.table().strip_prefix(PREFIX)?.strip_prefix(BETWEEN)?;
        let mut parts = rest.splitn(4, BETWEEN);
        let word = parts.next()?;
        Some(Self {
            when: When::ALL.into_iter().find(|when| when.word() == word)?,
            statement: u64::from_str_radix(parts.next()?, 16).ok()?,
            number: parts.next()?.parse().ok()?,
            name: parts.next()?.to_owned(),
        })
    }
}

/// The alias.
impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { when, statement, number, name } = self;
        let when = when.word();
        write!(f, "{PREFIX}{BETWEEN}{when}{BETWEEN}{statement:x}{BETWEEN}{number}{BETWEEN}{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written_and_no_other_alias_is_one() {
        for when in When::ALL {
            let mark = Mark { when, statement: u64::MAX, number: 12, name: "a|b c".to_owned() };
            assert_eq!(Mark::of(&TableReference::bare(mark.to_string())), Some(mark));
        }
        for alias in ["c", "computed once", "computed once|often|0|1|c"] {
            assert_eq!(Mark::of(&TableReference::bare(alias)), None, "{alias}");
        }
    }
}
