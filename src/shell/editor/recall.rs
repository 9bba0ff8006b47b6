//! The inputs that the arrow keys walk.
//!
//! Up goes to earlier inputs that begin with what is typed, Down comes back,
//! and at the end stands what was typed. Up shows all of them, for what failed is
//! most often to be mended; only where something is put forward unasked, what never
//! went well is left out or comes last.

use std::collections::{HashMap, HashSet};

use crate::shell::history::Entry;

/// Earlier inputs, and how far somebody has walked back.
#[derive(Debug, Default)]
pub(super) struct Recall {
    entries: Vec<String>,
    /// Whether an input has ever gone well, as far as it is known.
    outcomes: HashMap<String, bool>,
    walk: Option<Walk>,
}

/// Inputs to choose from.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Each once: first those that went well or of which nothing is known, then those
    /// that only failed; the newest of each first.
    pub(super) texts: Vec<String>,
    /// Where those that only failed begin.
    pub(super) failed: usize,
}

/// A walk among the inputs that begin alike.
#[derive(Debug)]
struct Walk {
    /// What was typed when the walk began.
    typed: String,
    /// The input that is shown.
    at: usize,
}

impl Recall {
    /// Takes a new input; the one before is not kept twice.
    pub(super) fn push(&mut self, text: &str) {
        self.walk = None;
        if self.entries.last().is_none_or(|last| last != text) {
            self.entries.push(text.to_owned());
        }
    }

    /// Learns whether an input went well; once is enough to be worth typing again.
    pub(super) fn learn_outcome(&mut self, text: &str, ok: bool) {
        *self.outcomes.entry(text.to_owned()).or_default() |= ok;
    }

    /// What stands behind `typed` in the newest input that begins with it, is longer,
    /// and has not only failed.
    pub(super) fn rest_of(&self, typed: &str) -> Option<&str> {
        let newest = self.entries.iter().rev().filter(|entry| entry.len() > typed.len());
        let mut alike = newest.filter(|entry| entry.starts_with(typed));
        let entry = alike.find(|entry| self.outcomes.get(*entry) != Some(&false))?;
        entry.get(typed.len()..)
    }

    /// All inputs, and those of the history file, `written`, to which other shells may
    /// have added.
    pub(super) fn beside(&self, written: &[Entry]) -> Found {
        let mut outcomes: HashMap<&str, bool> = HashMap::new();
        let known = self.outcomes.iter().map(|(text, ok)| (text.as_str(), *ok));
        let told = written.iter().filter_map(|entry| Some((entry.text.as_str(), entry.ok?)));
        for (text, ok) in known.chain(told) {
            *outcomes.entry(text).or_default() |= ok;
        }
        let mut seen = HashSet::new();
        let written = written.iter().rev().map(|entry| entry.text.as_str());
        // The file has the order of all; what is not in it is of this shell.
        let newest = written.chain(self.entries.iter().rev().map(String::as_str));
        let newest = newest.filter(|text| seen.insert(*text));
        let (failed, mut texts): (Vec<&str>, Vec<&str>) =
            newest.partition(|text| outcomes.get(text) == Some(&false));
        let first_failed = texts.len();
        texts.extend(failed);
        Found { texts: texts.into_iter().map(str::to_owned).collect(), failed: first_failed }
    }

    /// The next earlier input that begins with what is typed.
    pub(super) fn earlier(&mut self, shown: &str) -> Option<String> {
        let (typed, before) = match self.walk_that_shows(shown) {
            Some(walk) => (walk.typed.clone(), walk.at),
            None => (shown.to_owned(), self.entries.len()),
        };
        let at = (0..before).rev().find(|at| {
            let entry = &self.entries[*at];
            entry.starts_with(&typed) && entry != shown
        })?;
        self.walk = Some(Walk { typed, at });
        Some(self.entries[at].clone())
    }

    /// The next later one; behind the newest, what was typed.
    pub(super) fn later(&mut self, shown: &str) -> Option<String> {
        let walk = self.walk_that_shows(shown)?;
        let (typed, after) = (walk.typed.clone(), walk.at + 1);
        let mut later = after..self.entries.len();
        let found = later.find(|at| {
            let entry = &self.entries[*at];
            entry.starts_with(&typed) && entry != shown
        });
        match found {
            Some(at) => {
                self.walk = Some(Walk { typed, at });
                Some(self.entries[at].clone())
            }
            None => {
                self.walk = None;
                Some(typed)
            }
        }
    }

    /// The walk, unless the text has been changed since.
    fn walk_that_shows(&self, shown: &str) -> Option<&Walk> {
        self.walk.as_ref().filter(|walk| self.entries[walk.at] == shown)
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, Recall};
    use crate::shell::history::{self, History};

    fn recall(entries: &[&str]) -> Recall {
        let mut recall = Recall::default();
        entries.iter().for_each(|entry| recall.push(entry));
        recall
    }

    #[test]
    fn up_and_down_walk_the_inputs_that_begin_with_what_is_typed() {
        let mut recall = recall(&["select 1;", ".tables", "select 2;", "select 2;", ".mode"]);
        assert_eq!(recall.earlier("sel").as_deref(), Some("select 2;"));
        assert_eq!(recall.earlier("select 2;").as_deref(), Some("select 1;"));
        assert_eq!(recall.earlier("select 1;"), None);
        assert_eq!(recall.later("select 1;").as_deref(), Some("select 2;"));
        assert_eq!(recall.later("select 2;").as_deref(), Some("sel"));
        assert_eq!(recall.later("sel"), None);
    }

    #[test]
    fn an_empty_line_walks_all_and_a_changed_one_begins_anew() {
        let mut recall = recall(&["select 1;", ".tables"]);
        assert_eq!(recall.earlier("").as_deref(), Some(".tables"));
        assert_eq!(recall.earlier(".tables").as_deref(), Some("select 1;"));
        assert_eq!(recall.earlier("select 1"), Some("select 1;".to_owned()));
        assert_eq!(recall.later("select 1;").as_deref(), Some("select 1"));
    }

    #[test]
    fn the_search_sees_each_input_once_and_what_only_failed_last() {
        let mut recall = recall(&["a", "b", "a", "c", "d"]);
        for (text, ok) in [("a", false), ("c", false), ("b", true), ("a", true), ("b", false)] {
            recall.learn_outcome(text, ok);
        }
        let texts = ["d", "a", "b", "c"].map(str::to_owned).to_vec();
        assert_eq!(recall.beside(&[]), Found { texts, failed: 3 });
    }

    #[test]
    fn the_search_sees_what_other_shells_have_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history");
        let (mut own, mut other) = (History::new(Some(path.clone())), History::new(Some(path)));
        own.add("select 1;").unwrap();
        let failed = other.add("select nothing;").unwrap().unwrap();
        other.finish(failed, None, None, false).unwrap();
        other.add("select 2;").unwrap();
        let written = history::read(own.path().unwrap());
        let found = recall(&["select 1;"]).beside(&written);
        let texts = ["select 2;", "select 1;", "select nothing;"].map(str::to_owned).to_vec();
        assert_eq!(found, Found { texts, failed: 2 });
    }

    #[test]
    fn what_only_failed_is_not_put_forward() {
        let mut recall = recall(&["select 微博;", "select b;", "select b"]);
        assert_eq!(recall.rest_of("select b"), Some(";"));
        recall.learn_outcome("select b", false);
        recall.learn_outcome("select b;", false);
        assert_eq!(recall.rest_of("select "), Some("微博;"));
        assert_eq!(recall.rest_of("select b"), None);
        recall.learn_outcome("select b;", true);
        assert_eq!(recall.rest_of("select "), Some("b;"));
        // Up shows them all the same.
        assert_eq!(recall.earlier("").as_deref(), Some("select b"));
    }
}
