//! The lists of words by which the tone and the kind of a post are judged.
//!
//! Each list is a text file with a word per line; a line that begins with `#`
//! and a blank is a remark. A word that ends with `$` counts only at the end of
//! a clause: `吧$` is the particle, and not the end of 酒吧开门.
//!
//! A database replaces a list by a file of its name in its folder
//! `dictionaries/`.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// All lists of words.
#[derive(Debug)]
pub struct Dictionaries {
    /// Words and marks of official writing (`formal.txt`) and of lively speech
    /// (`lively.txt`).
    pub tone: Tone,
    /// Words of warnings and rescue (`emergency.txt`).
    pub emergency: Dictionary,
    /// Words that turn to the reader (`interaction.txt`).
    pub interaction: Dictionary,
    /// Of lists that were replaced, the SHA-256.
    replaced: Option<String>,
}

/// The files of the lists, with what comes with weiku.
const LISTS: [(&str, &str); 4] = [
    ("formal.txt", include_str!("dictionaries/formal.txt")),
    ("lively.txt", include_str!("dictionaries/lively.txt")),
    ("emergency.txt", include_str!("dictionaries/emergency.txt")),
    ("interaction.txt", include_str!("dictionaries/interaction.txt")),
];

/// The folder in a database with lists of its own.
const FOLDER: &str = "dictionaries";

/// The lists that come with weiku, made ready once.
static BUILT_IN: LazyLock<Arc<Dictionaries>> = LazyLock::new(|| Arc::new(Dictionaries::built_in()));

impl Dictionaries {
    /// The lists of the database in the folder `root`, or those that come with
    /// weiku.
    ///
    /// # Errors
    /// When a list of the database cannot be read as UTF-8 text.
    pub fn of_database(root: Option<&Path>) -> Result<Arc<Self>> {
        match root.map(|root| root.join(FOLDER)).filter(|folder| folder.is_dir()) {
            Some(folder) => Self::with_folder(&folder).map(Arc::new),
            None => Ok(Arc::clone(&BUILT_IN)),
        }
    }

    /// What tells these lists from others, if they are not those that come with
    /// weiku.
    #[must_use]
    pub fn fingerprint(&self) -> Option<&str> {
        self.replaced.as_deref()
    }

    /// The lists that come with weiku.
    #[must_use]
    pub fn built_in() -> Self {
        Self::of(LISTS.map(|(_, words)| words))
    }

    /// The lists that come with weiku, each replaced by the file of its name in
    /// `folder` if there is one.
    ///
    /// # Errors
    /// When a file is there and cannot be read as UTF-8 text.
    pub fn with_folder(folder: &Path) -> Result<Self> {
        let mut lists = LISTS.map(|(_, words)| words.to_owned());
        let mut replaced = Sha256::new();
        let mut any = false;
        for ((name, _), list) in LISTS.iter().zip(&mut lists) {
            let path = folder.join(name);
            if path.exists() {
                *list = std::fs::read_to_string(&path)
                    .map_err(|error| Error::io("read the dictionary", &path, &error))?;
                replaced.update(format!("{name} {}\n{list}", list.len()));
                any = true;
            }
        }
        let digits = || replaced.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let mut dictionaries = Self::of([&lists[0], &lists[1], &lists[2], &lists[3]]);
        dictionaries.replaced = any.then(digits);
        Ok(dictionaries)
    }

    /// The lists with these lines.
    fn of([formal, lively, emergency, interaction]: [&str; 4]) -> Self {
        Self {
            tone: Tone::parse(formal, lively),
            emergency: Dictionary::parse(emergency),
            interaction: Dictionary::parse(interaction),
            replaced: None,
        }
    }
}

/// The words of both tones, which are looked for together: reading a text is
/// what takes the time.
#[derive(Debug)]
pub struct Tone {
    words: Dictionary,
    /// How many of the words, the first ones, are formal.
    formal: usize,
}

impl Tone {
    /// The words that the lines of the lists name.
    #[must_use]
    pub fn parse(formal: &str, lively: &str) -> Self {
        let words = Dictionary::parse(&format!("{formal}\n{lively}"));
        Self { words, formal: lines(formal).count() }
    }

    /// How many formal and how many lively words stand in `text`. Of words that
    /// overlap the first counts, and of those that begin together the longest.
    #[must_use]
    pub fn count(&self, text: &str) -> (usize, usize) {
        let (mut formal, mut lively) = (0, 0);
        for word in self.words.found(text) {
            *(if word < self.formal { &mut formal } else { &mut lively }) += 1;
        }
        (formal, lively)
    }
}

/// A list of words that is looked for in texts.
#[derive(Debug)]
pub struct Dictionary {
    words: AhoCorasick,
    /// For each word whether it counts only at the end of a clause.
    closing: Vec<bool>,
}

impl Dictionary {
    /// The words that the lines of `list` name.
    #[must_use]
    pub fn parse(list: &str) -> Self {
        let closing = lines(list).map(|line| line.ends_with('$')).collect();
        let words = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            // Twice as fast as what is chosen for more than a hundred words.
            .kind(Some(AhoCorasickKind::DFA))
            .build(lines(list).map(|line| line.trim_end_matches('$')))
            .expect("a word list is far smaller than an automaton can be");
        Self { words, closing }
    }

    /// Whether any word of the list stands in `text`.
    #[must_use]
    pub fn occurs(&self, text: &str) -> bool {
        self.found(text).next().is_some()
    }

    /// The words that stand in `text`, by their place in the list.
    fn found(&self, text: &str) -> impl Iterator<Item = usize> {
        self.words.find_iter(text).filter_map(|found| {
            let word = found.pattern().as_usize();
            let counts = !self.closing[word] || ends_clause(&text[found.end()..]);
            counts.then_some(word)
        })
    }
}

/// The lines of a list that hold a word.
fn lines(list: &str) -> impl Iterator<Item = &str> {
    list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("# "))
}

/// Whether a clause ends where `rest` begins.
fn ends_clause(rest: &str) -> bool {
    !rest.starts_with(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closing_word_counts_only_at_the_end_of_a_clause() {
        let dictionary = Dictionary::parse("# particles\n吧$\n\n您好");
        assert_eq!(dictionary.found("酒吧开门，您好，走吧！吧").count(), 3);
        assert!(!dictionary.occurs("酒吧开门"));
    }

    #[test]
    fn a_file_in_the_folder_replaces_the_list_of_its_name() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("formal.txt"), "兹\n").unwrap();
        let dictionaries = Dictionaries::with_folder(folder.path()).unwrap();
        assert_eq!(dictionaries.tone.count("兹通知，亲们"), (1, 1));
        assert!(dictionaries.emergency.occurs("暴雨红色预警"));
        let one = dictionaries.fingerprint().unwrap().to_owned();
        std::fs::write(folder.path().join("formal.txt"), "特此\n").unwrap();
        let other = Dictionaries::with_folder(folder.path()).unwrap();
        assert_ne!(other.fingerprint(), Some(one.as_str()));
        assert_eq!(Dictionaries::of_database(None).unwrap().fingerprint(), None);
    }
}
