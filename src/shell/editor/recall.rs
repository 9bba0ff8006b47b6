//! The inputs that the arrow keys walk.
//!
//! Up goes to earlier inputs that begin with what is typed, Down comes back,
//! and at the end stands what was typed.

/// Earlier inputs, and how far somebody has walked back.
#[derive(Debug, Default)]
pub(super) struct Recall {
    entries: Vec<String>,
    walk: Option<Walk>,
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

    /// All inputs, the newest first, each once.
    pub(super) fn newest_first(&self) -> Vec<String> {
        let mut seen = std::collections::HashSet::new();
        let newest = self.entries.iter().rev();
        newest.filter(|entry| seen.insert(entry.as_str())).cloned().collect()
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
    use super::Recall;

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
    fn the_search_sees_each_input_once() {
        assert_eq!(recall(&["a", "b", "a"]).newest_first(), ["a", "b"]);
    }
}
