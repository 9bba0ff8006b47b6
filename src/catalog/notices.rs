//! What there is to say of files that a session reads: each thing once.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::catalog::TableProvider;
use datafusion::error::Result;
use parking_lot::Mutex;

use super::asked::{Asked, Look};

/// Sentences that a person has not been told yet, and those told before.
#[derive(Debug, Default)]
pub(crate) struct Notices(Mutex<Said>);

#[derive(Debug, Default)]
struct Said {
    new: Vec<String>,
    ever: HashSet<String>,
    /// Those of columns that were read.
    of_read: HashSet<String>,
}

impl Notices {
    /// Adds sentences; those that were there before are passed over.
    pub(crate) fn add(&self, sentences: Vec<String>) {
        let mut said = self.0.lock();
        for sentence in sentences {
            if said.ever.insert(sentence.clone()) {
                said.new.push(sentence);
            }
        }
    }

    /// Takes a sentence back that was added of columns which a statement does not read,
    /// unless it reads them in another place.
    fn settle(&self, sentence: &str, is_read: bool) {
        if is_read {
            self.0.lock().of_read.insert(sentence.to_owned());
            return self.add(vec![sentence.to_owned()]);
        }
        let mut said = self.0.lock();
        let place = said.new.iter().position(|new| new == sentence);
        if let Some(place) = place.filter(|_| !said.of_read.contains(sentence)) {
            said.new.remove(place);
            said.ever.remove(sentence);
        }
    }

    /// What was added since this was asked last.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().new)
    }
}

/// What there is to say of some columns.
#[derive(Debug, Clone)]
pub(super) struct OfColumns {
    /// Their names.
    pub(super) columns: Vec<String>,
    pub(super) notice: String,
}

/// `table` with what there is to say `of_columns`. It is added to `notices`, so that it
/// stands beside the error of a statement that cannot be planned, and taken back if the
/// plan reads none of them.
pub(super) fn telling(
    table: Arc<dyn TableProvider>,
    of_columns: Vec<OfColumns>,
    notices: &Arc<Notices>,
) -> Arc<dyn TableProvider> {
    if of_columns.is_empty() {
        return table;
    }
    notices.add(of_columns.iter().map(|told| told.notice.clone()).collect());
    let look = Telling { of_columns, notices: Arc::clone(notices) };
    Arc::new(Asked { table, look })
}

#[derive(Debug)]
struct Telling {
    of_columns: Vec<OfColumns>,
    notices: Arc<Notices>,
}

impl Look for Telling {
    fn look(&self, columns: &Schema, is_asked: &dyn Fn(usize) -> bool) -> Result<()> {
        let is_read = |name: &String| columns.index_of(name).is_ok_and(is_asked);
        for told in &self.of_columns {
            self.notices.settle(&told.notice, told.columns.iter().any(is_read));
        }
        Ok(())
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

    #[test]
    fn what_is_said_of_columns_that_nobody_reads_is_taken_back() {
        let notices = Notices::default();
        notices.add(vec!["a".to_owned(), "b".to_owned()]);
        notices.settle("a", false);
        assert_eq!(notices.take(), ["b"]);
        // It is told when they are read, and stays told then.
        notices.add(vec!["a".to_owned()]);
        notices.settle("a", false);
        notices.settle("a", true);
        notices.settle("a", false);
        assert_eq!(notices.take(), ["a"]);
        notices.add(vec!["a".to_owned()]);
        assert!(notices.take().is_empty());
    }
}
