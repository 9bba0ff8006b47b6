//! What there is to say of files that a session reads: each thing once.

use std::collections::HashSet;

use parking_lot::Mutex;

/// Sentences that a person has not been told yet, and those told before.
#[derive(Debug, Default)]
pub(crate) struct Notices(Mutex<Said>);

#[derive(Debug, Default)]
struct Said {
    new: Vec<String>,
    ever: HashSet<String>,
}

impl Notices {
    /// Adds sentences; those that were there before are passed over.
    pub(super) fn add(&self, sentences: Vec<String>) {
        let mut said = self.0.lock();
        for sentence in sentences {
            if said.ever.insert(sentence.clone()) {
                said.new.push(sentence);
            }
        }
    }

    /// What was added since this was asked last.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().new)
    }
}

#[cfg(test)]
mod tests {
    use super::Notices;

    #[test]
    fn each_sentence_is_given_once() {
        let notices = Notices::default();
        notices.add(vec!["a".to_owned(), "b".to_owned(), "a".to_owned()]);
        assert_eq!(notices.take(), ["a", "b"]);
        notices.add(vec!["b".to_owned(), "c".to_owned()]);
        assert_eq!(notices.take(), ["c"]);
    }
}
